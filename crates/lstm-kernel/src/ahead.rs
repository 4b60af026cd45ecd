//! Memory that is asked for before it is read.
//!
//! A product reads each panel of a matrix once from far away and then, for the other rows, from the first
//! cache. The processor's own prefetching sees only that first reading and comes too late: over weights that
//! other work has pushed out of the caches, a third of the time went by in waiting. So each tile asks for its
//! share of the next panel, in a few bursts on its way, and the lines arrive while this panel is computed with.

use std::ops::Range;

use bytemuck::Pod;

use crate::instructions::prefetch;

/// Inner indices of a tile between two bursts of questions: a burst is a dozen lines with AVX2 and three with
/// AVX-512, where a task's rows are six tiles and four. The processor waits where it is asked for many more.
pub(crate) const PART: usize = 64;

/// What is read soon, in cache lines.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ahead<'a>(&'a [[u8; 64]]);

impl<'a> Ahead<'a> {
    /// What lies behind a panel of `len` values: the next one of that length.
    pub(crate) fn next<T: Pod>(behind: &'a [T], len: usize) -> Self {
        let next = &behind[..len.min(behind.len())];
        Self(bytemuck::cast_slice::<T, u8>(next).as_chunks().0)
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

/// Asks for the sums of a tile of `columns` columns: its rows of `c`, which are `n` values long, from `column`.
#[inline(always)]
pub(crate) fn ask_for_sums<const ROWS: usize>(c: &[f32], [n, column]: [usize; 2], columns: usize) {
    const IN_LINE: usize = 16;
    for row in 0..ROWS {
        for at in (column..column + columns).step_by(IN_LINE) {
            let line = c.get(row * n + at..).and_then(|row| row.first_chunk::<IN_LINE>());
            if let Some(line) = line {
                prefetch(bytemuck::cast_ref(line));
            }
        }
    }
}
