//! From the gradients of cross entropies to those of states and weights.

use lstm_kernel::dense::{add_large_product, transposed_product};
use lstm_kernel::functions::{add, copy};
use lstm_kernel::packed::{PackedMatrix, add_product};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::super::{silu, silu_back};
use super::{Heads, ROWS, UNITS, by_chunk, index};
use crate::generate::packed::fill_rows;
use crate::host::Kept;

pub(super) struct Back<'a> {
    pub(super) heads: &'a Heads,
    pub(super) states: &'a [f32],
    pub(super) weights: &'a [f32],
    pub(super) kept: &'a Kept,
    pub(super) gradient: &'a [f32],
}

impl WithSimd for Back<'_> {
    /// Of the states, and of all weights.
    type Output = [Vec<f32>; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [Vec<f32>; 2] {
        let Self { heads, states, weights, kept, gradient } = self;
        let (sizes, places) = (&heads.sizes, heads.sizes.places());
        let (width, all) = (sizes.state, sizes.all_units());
        let n_notes = heads.batch.n_notes();
        let mut of_weights = vec![0.0; places.total];

        // The logits' gradients of each field: `(p - one hot) · gradient`.
        let logits: Vec<Vec<f32>> = (0..sizes.n_classes.len())
            .map(|field| {
                let n = if field == 0 { sizes.positions() } else { sizes.n_classes[field] };
                let (p, classes) = (&kept[UNITS + 1 + field], &heads.targets(field).classes);
                let gradient = gradient[field];
                let mut logits = vec![0.0; p.len()];
                let rows = logits.par_chunks_mut(n).zip(p.par_chunks(n)).zip(classes);
                rows.with_min_len(64).for_each(|((to, p), class)| {
                    for (to, p) in to.iter_mut().zip(p) {
                        *to = p * gradient;
                    }
                    to[index(*class)] -= gradient;
                });
                logits
            })
            .collect();

        let positions = sizes.positions();
        let back =
            PackedMatrix::transposed(&weights[places.position_kernel.clone()], width, positions);
        let mut of_states = vec![0.0; states.len()];
        add_large_product(&logits[0], &back, &mut of_states);
        let kernel = transposed_product(states, &logits[0], [width, positions]);
        of_weights[places.position_kernel].copy_from_slice(&kernel);
        add_columns(&logits[0], &mut of_weights[places.position_bias]);

        // The units' gradients before their function, and the units after it.
        let notes = heads.states_of_notes(states);
        let kernels: Vec<PackedMatrix> = places
            .fields
            .iter()
            .zip(sizes.units.iter().zip(&sizes.n_classes[1..]))
            .map(|(places, (units, classes))| {
                PackedMatrix::transposed(&weights[places.kernel.clone()], *units, *classes)
            })
            .collect();
        let hidden = PackedMatrix::transposed(&weights[places.hidden.clone()], width, all);
        let mut units = vec![0.0; n_notes * all];
        let mut after: Vec<Vec<f32>> = sizes.units.iter().map(|m| vec![0.0; n_notes * m]).collect();
        let mut of_notes = vec![0.0; n_notes * width];
        let chunks = by_chunk(&mut after, &sizes.units);
        units
            .par_chunks_mut(ROWS * all)
            .zip(of_notes.par_chunks_mut(ROWS * width))
            .zip(chunks)
            .enumerate()
            .for_each(|(task, ((units, of_notes), after))| {
                let (first, kernels, hidden) = (task * ROWS, &kernels, &hidden);
                let before = &kept[UNITS][first * all..][..units.len()];
                let logits = &logits;
                simd.vectorize(NotesBack {
                    logits,
                    kernels,
                    hidden,
                    first,
                    before,
                    units,
                    after,
                    of_notes,
                });
            });
        let of_hidden = transposed_product(&notes, &units, [width, all]);
        of_weights[places.hidden].copy_from_slice(&of_hidden);
        let mut column = 0;
        for (field, places) in (1..).zip(places.fields) {
            let (size, n) = (sizes.units[field - 1], sizes.n_classes[field]);
            let kernel = transposed_product(&after[field - 1], &logits[field], [size, n]);
            of_weights[places.kernel].copy_from_slice(&kernel);
            add_columns(&logits[field], &mut of_weights[places.bias]);
            let known = &mut of_weights[places.known];
            let (slots, ids) = (heads.batch.notes.slots(), heads.batch.notes.ids());
            simd.vectorize(Known { ids, slots, field, units: &units, all, column, size, known });
            column += size;
        }
        add_rows(simd, &mut of_states, &of_notes, &heads.batch.note_rows, width);
        [of_states, of_weights]
    }
}

/// Adds up the columns of some rows.
fn add_columns(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

/// Adds rows to those of `to` that `places` names, which rise.
#[inline(always)]
fn add_rows<S: Simd>(simd: S, to: &mut [f32], rows: &[f32], places: &[i32], width: usize) {
    struct AddRows<'a>(&'a mut [f32], &'a [f32], &'a [i32], usize, usize);
    impl WithSimd for AddRows<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(to, rows, places, first, width) = self;
            for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
                add(simd, &mut to[(index(*place) - first) * width..][..width], row);
            }
        }
    }
    const PER_TASK: usize = 256;
    to.par_chunks_mut(PER_TASK * width).enumerate().for_each(|(task, to)| {
        let first = task * PER_TASK;
        let n = to.len() / width;
        let start = places.partition_point(|place| index(*place) < first);
        let end = places.partition_point(|place| index(*place) < first + n);
        let rows = &rows[start * width..end * width];
        simd.vectorize(AddRows(to, rows, &places[start..end], first, width));
    });
}

/// Gradients of the units and states of some notes.
struct NotesBack<'a> {
    logits: &'a [Vec<f32>],
    kernels: &'a [PackedMatrix],
    hidden: &'a PackedMatrix,
    first: usize,
    /// The units before their function.
    before: &'a [f32],
    /// Receives their gradients.
    units: &'a mut [f32],
    /// Receives the units after it, of each field.
    after: Vec<&'a mut [f32]>,
    /// Receives the gradients of the states.
    of_notes: &'a mut [f32],
}

impl WithSimd for NotesBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { logits, kernels, hidden, first, before, units, after, of_notes } = self;
        let all = hidden.k();
        let n = units.len() / all;
        let mut column = 0;
        let mut own = Vec::new();
        for (field, (kernel, after)) in (1..).zip(kernels.iter().zip(after)) {
            let size = kernel.n();
            let logits = &logits[field][first * kernel.k()..][..n * kernel.k()];
            fill_rows(&mut own, &vec![0.0; size], n);
            add_product(simd, logits, kernel, &mut own);
            let rows = before.chunks_exact(all).zip(units.chunks_exact_mut(all));
            let own = own.chunks_exact_mut(size).zip(after.chunks_exact_mut(size));
            for ((before, units), (own, after)) in rows.zip(own) {
                let before = &before[column..column + size];
                silu_back(simd, before, own);
                copy(&mut units[column..column + size], own);
                copy(after, before);
                silu(simd, after);
            }
            column += size;
        }
        add_product(simd, units, hidden, of_notes);
    }
}

/// Adds up the gradients of the rows of the classes before a field.
struct Known<'a> {
    ids: &'a [i32],
    slots: usize,
    field: usize,
    /// Gradients of the units of all fields, `[N, ΣM]`.
    units: &'a [f32],
    all: usize,
    column: usize,
    size: usize,
    known: &'a mut [f32],
}

impl WithSimd for Known<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { ids, slots, field, units, all, column, size, known } = self;
        for (units, ids) in units.chunks_exact(all).zip(ids.chunks_exact(slots)) {
            let units = &units[column..column + size];
            for row in ids[..field].iter().map(|id| index(*id)) {
                add(simd, &mut known[row * size..][..size], units);
            }
        }
    }
}
