//! Packing a matrix: rounding, panels, blocks.

use std::ops::Range;

use half::bf16;
use rayon::prelude::*;

use crate::instructions::dot::Dot;
use crate::memory::Buffer;

use super::{Arithmetic, INNER_BLOCK, PackedMatrix, Values};

/// A matrix to be packed: row-major, or the transpose of a row-major matrix.
#[derive(Clone, Copy)]
pub(crate) struct Unpacked<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) transposed: bool,
}

impl Unpacked<'_> {
    /// Writes the rows `rows` of the columns `columns` to `out`, `panel` values apart.
    fn write(&self, rows: Range<usize>, columns: Range<usize>, panel: usize, out: &mut [f32]) {
        let (k, n) = (self.k, self.n);
        if self.transposed {
            for (at, column) in columns.enumerate() {
                let from = &self.values[column * k..][rows.clone()];
                for (to, from) in out[at..].iter_mut().step_by(panel).zip(from) {
                    *to = *from;
                }
            }
        } else {
            for (row, out) in rows.zip(out.chunks_exact_mut(panel)) {
                out[..columns.len()].copy_from_slice(&self.values[row * n..][columns.clone()]);
            }
        }
    }

    /// Packs into panels of `panel` columns, in parallel.
    pub(crate) fn pack(self, panel: usize, arithmetic: Arithmetic) -> PackedMatrix {
        let (k, n) = (self.k, self.n);
        let values = match arithmetic.with_panels_of(panel) {
            Arithmetic::F32 => Values::F32(self.pack_values(panel, |_| ())),
            Arithmetic::Rounded => Values::F32(self.pack_values(panel, |values| {
                for value in values {
                    *value = bf16::from_f32(*value).to_f32();
                }
            })),
            Arithmetic::Pairs(dot) => Values::Pairs(self.pack_pairs(panel, dot), dot),
        };
        PackedMatrix { values, panel, k, n }
    }

    /// Packs the values after applying `change` to each row of a panel.
    fn pack_values(&self, panel: usize, change: impl Fn(&mut [f32]) + Sync) -> Buffer<f32> {
        let n_panels = self.n.div_ceil(panel);
        let mut values = Buffer::unset(n_panels * self.k * panel);
        let blocks = values.chunks_mut((INNER_BLOCK * n_panels * panel).max(1));
        for (block, values) in blocks.enumerate() {
            let rows = self.block(block);
            let panels = values.par_chunks_exact_mut(rows.len() * panel);
            panels.enumerate().for_each(|(p, values)| {
                let columns = self.columns(p, panel);
                let n_columns = columns.len();
                self.write(rows.clone(), columns, panel, values);
                for row in values.chunks_exact_mut(panel) {
                    change(&mut row[..n_columns]);
                }
            });
        }
        values
    }

    /// Packs two rows into each word.
    fn pack_pairs(&self, panel: usize, dot: Dot) -> Buffer<u32> {
        let n_panels = self.n.div_ceil(panel);
        let mut words = Buffer::unset(n_panels * self.k.div_ceil(2) * panel);
        let blocks = words.chunks_mut((INNER_BLOCK / 2 * n_panels * panel).max(1));
        for (block, words) in blocks.enumerate() {
            let rows = self.block(block);
            let pairs = rows.len().div_ceil(2);
            let panels = words.par_chunks_exact_mut(pairs * panel);
            panels.enumerate().for_each(|(p, words)| {
                let mut values = vec![0.0; 2 * pairs * panel];
                self.write(rows.clone(), self.columns(p, panel), panel, &mut values);
                let pairs = values.chunks_exact(2 * panel);
                for (words, pair) in words.chunks_exact_mut(panel).zip(pairs) {
                    let (first, second) = pair.split_at(panel);
                    dot.pair_rows(first, second, words);
                }
            });
        }
        words
    }

    /// The rows of a block.
    fn block(&self, block: usize) -> Range<usize> {
        let first = block * INNER_BLOCK;
        first..self.k.min(first + INNER_BLOCK)
    }

    /// The columns of a panel.
    fn columns(&self, p: usize, panel: usize) -> Range<usize> {
        p * panel..self.n.min((p + 1) * panel)
    }
}
