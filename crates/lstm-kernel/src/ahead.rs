//! Memory that is asked for before it is read.
//!
//! A product reads each panel of a matrix once from far away and then, for the other rows, from the first
//! cache. The processor's own prefetching sees only that first reading and comes too late: over weights that
//! other work has pushed out of the caches, a third of the time went by in waiting. So each tile asks for its
//! share of the next panel, a line every few multiply-adds, and the lines arrive one by one while this panel
//! is computed with.

use std::ops::Range;

use bytemuck::Pod;

use crate::instructions::prefetch;

/// Inner indices of a tile that are computed with between two bursts of questions: few enough that a burst of
/// a tile's share (a dozen lines) finds room in the processor's queue.
pub(crate) const PART: usize = 64;

/// What is read soon, in cache lines.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ahead<'a>(&'a [[u8; 64]]);

impl<'a> Ahead<'a> {
    /// All values.
    pub(crate) fn of<T: Pod>(values: &'a [T]) -> Self {
        Self(bytemuck::cast_slice::<T, u8>(values).as_chunks().0)
    }

    /// About `n` equal shares.
    pub(crate) fn shares(self, n: usize) -> impl Iterator<Item = Self> {
        self.0.chunks(self.0.len().div_ceil(n.max(1)).max(1)).map(Self)
    }

    /// Parts of `n` inner indices of a tile; before each it asks for its part of the lines.
    #[inline(always)]
    pub(crate) fn parts(self, n: usize) -> impl Iterator<Item = Range<usize>> {
        let lines = self.0.len().div_ceil(n.div_ceil(PART).max(1));
        (0..n).step_by(PART).enumerate().map(move |(part, start)| {
            for line in self.0.iter().skip(part * lines).take(lines) {
                prefetch(line);
            }
            start..n.min(start + PART)
        })
    }
}

/// Asks for the sums of a tile: the first lines of its rows of `c`, which are `n` values long, from `column`.
#[inline(always)]
pub(crate) fn ask_for_sums<const ROWS: usize>(c: &[f32], [n, column]: [usize; 2]) {
    for row in 0..ROWS {
        let line = c.get(row * n + column..).and_then(|row| row.first_chunk::<16>());
        if let Some(line) = line {
            prefetch(bytemuck::cast_ref(line));
        }
    }
}
