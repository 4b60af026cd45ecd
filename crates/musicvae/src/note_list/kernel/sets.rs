//! The notes of each cell as a set: `Σ_notes silu(Σ_fields row)`.

use std::sync::Arc;

use lstm_kernel::functions::{add, copy};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{silu, silu_back};
use crate::host::{HostOperation, Kept};
use crate::recurrent::SymbolSteps;

/// Number of lists per task. The longest lists come first, so tasks are small.
const LISTS_PER_TASK: usize = 16;
/// Number of columns of the table's gradient per task: its part of the table stays in the
/// second-level cache.
const COLUMNS_PER_TASK: usize = 64;

/// Sums the notes of each list. The input is the table `[V, W]`, the result is
/// `[n_lists, W]`.
#[derive(Debug)]
pub(in crate::note_list) struct NoteSets {
    /// `[N, F]`, packed: the notes of all lists, step by step.
    pub(in crate::note_list) notes: Arc<SymbolSteps>,
    pub(in crate::note_list) n_lists: usize,
    /// `W`.
    pub(in crate::note_list) width: usize,
}

impl NoteSets {
    /// The symbols of each note of a list.
    fn of_list(&self, list: usize) -> impl Iterator<Item = &[i32]> {
        let slots = self.notes.slots();
        let sizes = self.notes.batch_sizes().unwrap_or_default();
        let firsts = sizes.iter().scan(0, |sum, size| {
            *sum += size;
            Some(*sum - size)
        });
        let notes = firsts.zip(sizes).take_while(move |(_, size)| list < **size);
        notes.map(move |(first, _)| &self.notes.ids()[(first + list) * slots..][..slots])
    }
}

/// The table rows of a note's symbols.
fn rows(ids: &[i32]) -> impl Iterator<Item = usize> {
    ids.iter().filter_map(|id| usize::try_from(*id).ok())
}

impl HostOperation<1> for NoteSets {
    fn forward(&self, [table]: [&[f32]; 1], _keep: bool) -> (Vec<f32>, [usize; 2], Kept) {
        let mut sums = vec![0.0; self.n_lists * self.width];
        Arch::new().dispatch(Forward { sets: self, table, sums: &mut sums });
        (sums, [self.n_lists, self.width], Vec::new())
    }

    fn backward(&self, [table]: [&[f32]; 1], _: &Kept, gradient: &[f32]) -> [Vec<f32>; 1] {
        [Arch::new().dispatch(Back { sets: self, table, gradient })]
    }
}

struct Forward<'a> {
    sets: &'a NoteSets,
    table: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sets, table, sums } = self;
        let tasks = sums.par_chunks_mut(LISTS_PER_TASK * sets.width).enumerate();
        tasks.for_each(|(task, sums)| {
            simd.vectorize(ForwardTask { sets, table, first: task * LISTS_PER_TASK, sums });
        });
    }
}

struct ForwardTask<'a> {
    sets: &'a NoteSets,
    table: &'a [f32],
    first: usize,
    sums: &'a mut [f32],
}

impl WithSimd for ForwardTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sets, table, first, sums } = self;
        let width = sets.width;
        let mut units = vec![0.0; width];
        for (at, sum) in sums.chunks_exact_mut(width).enumerate() {
            for ids in sets.of_list(first + at) {
                units.fill(0.0);
                for row in rows(ids) {
                    add(simd, &mut units, &table[row * width..][..width]);
                }
                silu(simd, &mut units);
                add(simd, sum, &units);
            }
        }
    }
}

struct Back<'a> {
    sets: &'a NoteSets,
    table: &'a [f32],
    gradient: &'a [f32],
}

impl WithSimd for Back<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { sets, table, gradient } = self;
        let width = sets.width;
        let firsts: Vec<usize> = (0..width).step_by(COLUMNS_PER_TASK).collect();
        let parts: Vec<Vec<f32>> = firsts
            .par_iter()
            .map(|first| {
                let columns = *first..(first + COLUMNS_PER_TASK).min(width);
                simd.vectorize(BackTask { sets, table, gradient, columns })
            })
            .collect();
        let mut all = vec![0.0; table.len()];
        for (row, to) in all.chunks_exact_mut(width).enumerate() {
            for (to, part) in to.chunks_mut(COLUMNS_PER_TASK).zip(&parts) {
                let n = to.len();
                to.copy_from_slice(&part[row * n..][..n]);
            }
        }
        all
    }
}

/// Computes a range of columns of the table's gradient.
struct BackTask<'a> {
    sets: &'a NoteSets,
    table: &'a [f32],
    gradient: &'a [f32],
    columns: std::ops::Range<usize>,
}

impl WithSimd for BackTask<'_> {
    /// `[row of the table][column]`.
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { sets, table, gradient, columns } = self;
        let (width, n) = (sets.width, columns.len());
        // A contiguous copy of the columns of the table.
        let own: Vec<f32> =
            table.chunks_exact(width).flat_map(|row| &row[columns.clone()]).copied().collect();
        let mut sums = vec![0.0; own.len()];
        let (mut units, mut slopes) = (vec![0.0; n], vec![0.0; n]);
        for list in 0..sets.n_lists {
            let gradient = &gradient[list * width..][columns.clone()];
            for ids in sets.of_list(list) {
                units.fill(0.0);
                for row in rows(ids) {
                    add(simd, &mut units, &own[row * n..][..n]);
                }
                copy(&mut slopes, gradient);
                silu_back(simd, &units, &mut slopes);
                for row in rows(ids) {
                    add(simd, &mut sums[row * n..][..n], &slopes);
                }
            }
        }
        sums
    }
}
