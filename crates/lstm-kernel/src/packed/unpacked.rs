//! Laying a matrix out: rounding, panels, blocks.

use half::bf16;
use rayon::prelude::*;

use crate::memory::Buffer;

use super::{Arithmetic, INNER_BLOCK, PackedMatrix, Values};

/// A matrix before it is packed: row-major, or the transpose of one.
#[derive(Clone, Copy)]
pub(crate) struct Unpacked<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) transposed: bool,
}

impl Unpacked<'_> {
    /// Writes rows `rows` of columns `columns` to `out`, `panel` apart.
    fn write(
        &self,
        rows: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
        panel: usize,
        out: &mut [f32],
    ) {
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
        let n_panels = n.div_ceil(panel);
        let columns = |p: usize| p * panel..n.min((p + 1) * panel);
        let values = match arithmetic.with_panels_of(panel) {
            Arithmetic::F32 => {
                let mut values = Buffer::unset(n_panels * k * panel);
                let blocks = values.chunks_mut((INNER_BLOCK * n_panels * panel).max(1));
                for (block, values) in blocks.enumerate() {
                    let first = block * INNER_BLOCK;
                    let rows = first..k.min(first + INNER_BLOCK);
                    let panels = values.par_chunks_exact_mut(rows.len() * panel);
                    panels.enumerate().for_each(|(p, values)| {
                        self.write(rows.clone(), columns(p), panel, values);
                    });
                }
                Values::F32(values)
            }
            arithmetic => {
                let mut words = Buffer::unset(n_panels * k.div_ceil(2) * panel);
                let blocks = words.chunks_mut((INNER_BLOCK / 2 * n_panels * panel).max(1));
                for (block, words) in blocks.enumerate() {
                    let first = block * INNER_BLOCK;
                    let rows = first..k.min(first + INNER_BLOCK);
                    let pairs = rows.len().div_ceil(2);
                    let panels = words.par_chunks_exact_mut(pairs * panel);
                    panels.enumerate().for_each(|(p, words)| {
                        let mut values = vec![0.0; 2 * pairs * panel];
                        self.write(rows.clone(), columns(p), panel, &mut values);
                        let pairs = values.chunks_exact(2 * panel);
                        for (words, pair) in words.chunks_exact_mut(panel).zip(pairs) {
                            let (first, second) = pair.split_at(panel);
                            match arithmetic {
                                Arithmetic::Pairs(dot) => dot.pair_rows(first, second, words),
                                _ => pair_rows(first, second, words),
                            }
                        }
                    });
                }
                match arithmetic {
                    Arithmetic::Pairs(dot) => Values::Pairs(words, dot),
                    _ => Values::Widened(words),
                }
            }
        };
        PackedMatrix { values, panel, k, n }
    }
}

/// Rounds two rows; a word holds a value of the first one below and of the second one above.
fn pair_rows(first: &[f32], second: &[f32], words: &mut [u32]) {
    let bits = |value: f32| u32::from(bf16::from_f32(value).to_bits());
    for (word, (first, second)) in words.iter_mut().zip(first.iter().zip(second)) {
        *word = bits(*second) << 16 | bits(*first);
    }
}
