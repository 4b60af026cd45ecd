//! Software prefetching.
//!
//! A product reads each panel of a matrix once from far away and then, for the other rows, from the
//! first-level cache. The hardware prefetcher only sees that first read and comes too late: when
//! other work has evicted the weights from the caches, a third of the time was spent waiting. So
//! each tile prefetches its part of the next panel, spread over a few bursts, and the cache lines
//! arrive while the current panel is being used.

use std::ops::Range;

use bytemuck::Pod;

use crate::instructions::prefetch;

/// Inner indices of a tile between two bursts of prefetches. For one task's rows (six tiles with
/// AVX2, four with AVX-512), a burst is a dozen cache lines with AVX2 and three with AVX-512; the
/// processor stalls if many more are requested at once.
pub(crate) const PART: usize = 64;

/// Cache lines that will be read soon.
#[derive(Clone, Copy, Default)]
pub(crate) struct Prefetch<'a>(&'a [[u8; 64]]);

impl<'a> Prefetch<'a> {
    /// The first `len` values of `behind`, which follow the current panel: the next panel of the
    /// same length.
    pub(crate) fn next<T: Pod>(behind: &'a [T], len: usize) -> Self {
        let next = &behind[..len.min(behind.len())];
        Self(bytemuck::cast_slice::<T, u8>(next).as_chunks().0)
    }

    /// Splits the cache lines into about `n` equal parts.
    pub(crate) fn split(self, n: usize) -> impl Iterator<Item = Self> {
        self.0.chunks(self.0.len().div_ceil(n.max(1)).max(1)).map(Self)
    }

    /// Splits the `n` inner indices of a tile into ranges of [`PART`], and prefetches one part of
    /// the cache lines before each.
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

/// Prefetches the sums of a tile: `columns` of its rows of `c`, which have `n` columns.
#[inline(always)]
pub(crate) fn prefetch_sums<const ROWS: usize>(c: &[f32], n: usize, columns: Range<usize>) {
    const IN_LINE: usize = 16;
    for row in 0..ROWS {
        for at in columns.clone().step_by(IN_LINE) {
            let line = c.get(row * n + at..).and_then(|row| row.first_chunk::<IN_LINE>());
            if let Some(line) = line {
                prefetch(bytemuck::cast_ref(line));
            }
        }
    }
}
