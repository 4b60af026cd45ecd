//! The forward pass: all steps of a group of sequences in one task.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{Pass, Rows, Source, Trace, step, zeros};
use crate::ROWS_PER_TASK;
use crate::functions::{add, copy};
use crate::memory::Buffer;
use crate::packed::{Arithmetic, PackedMatrix, Precision, Unpacked, add_product};
use crate::tile::tile_shape;

/// Runs the sequence and keeps the values that the backward pass needs.
pub fn forward(pass: &Pass<'_>) -> Trace {
    forward_with(pass, Precision::F32)
}

/// Like [`forward`], with the weights of products (the recurrent ones, and those of vectors)
/// rounded to `precision`.
pub fn forward_with(pass: &Pass<'_>, precision: Precision) -> Trace {
    Arch::new().dispatch(Forward { pass, arithmetic: Arithmetic::quickest(precision) })
}

/// Runs the sequence and keeps only its outputs: of every step, `[T, B, H]`, or of the step that is
/// read last, `[B, H]`. The outputs are bit-identical to those of [`forward_with`], whose trace
/// takes more memory than everything else in a pass.
pub fn outputs_with(pass: &Pass<'_>, precision: Precision, last_only: bool) -> Vec<f32> {
    let arithmetic = Arithmetic::quickest(precision);
    Arch::new().dispatch(Outputs { pass, arithmetic, last_only })
}

/// The weights of a pass, packed for its products.
struct Packed {
    recurrent: PackedMatrix,
    /// The weights of vectors.
    input: Option<PackedMatrix>,
}

impl Packed {
    fn new<S: Simd>(pass: &Pass<'_>, arithmetic: Arithmetic) -> Self {
        let (panel, _) = tile_shape::<S>();
        let pack = |values, k| {
            Unpacked { values, k, n: 4 * pass.hidden, transposed: false }.pack(panel, arithmetic)
        };
        let input = match pass.source {
            Source::Vectors { weights, .. } => {
                Some(pack(weights, weights.len() / (4 * pass.hidden)))
            }
            Source::Symbols { .. } => None,
        };
        Self { recurrent: pack(pass.recurrent, pass.hidden), input }
    }
}

/// A forward pass, on any instruction set.
pub(super) struct Forward<'a> {
    pub(super) pass: &'a Pass<'a>,
    pub(super) arithmetic: Arithmetic,
}

impl WithSimd for Forward<'_> {
    type Output = Trace;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Trace {
        let Self { pass, arithmetic } = self;
        let (rows, hidden) = (&Rows::new(pass), pass.hidden);
        let weights = &Packed::new::<S>(pass, arithmetic);
        let mut outputs = zeros(rows.total() * hidden);
        let mut cells = Buffer::unset(rows.total() * hidden);
        let mut gates = Buffer::unset(rows.total() * 4 * hidden);
        rows.by_task(&mut gates, 4 * hidden)
            .into_par_iter()
            .zip(rows.by_task(&mut outputs, hidden))
            .zip(rows.by_task(&mut cells, hidden))
            .enumerate()
            .for_each(|(task, ((gates, outputs), cells))| {
                let first = task * ROWS_PER_TASK;
                let kept = Some(Kept { gates, cells });
                simd.vectorize(Task { pass, rows, weights, first, outputs, kept });
            });
        Trace { outputs, gates, cells }
    }
}

/// A forward pass that returns only outputs, on any instruction set.
pub(super) struct Outputs<'a> {
    pub(super) pass: &'a Pass<'a>,
    pub(super) arithmetic: Arithmetic,
    pub(super) last_only: bool,
}

impl WithSimd for Outputs<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { pass, arithmetic, last_only } = self;
        let (rows, hidden) = (&Rows::new(pass), pass.hidden);
        let weights = &Packed::new::<S>(pass, arithmetic);
        let one_step = Rows::one_step(pass.batch);
        let wanted = if last_only { &one_step } else { rows };
        let mut outputs = zeros(wanted.total() * hidden);
        wanted.by_task(&mut outputs, hidden).into_par_iter().enumerate().for_each(
            |(task, outputs)| {
                let first = task * ROWS_PER_TASK;
                simd.vectorize(Task { pass, rows, weights, first, outputs, kept: None });
            },
        );
        outputs
    }
}

/// A group of sequences of a forward pass, through all steps.
struct Task<'a> {
    pass: &'a Pass<'a>,
    rows: &'a Rows,
    weights: &'a Packed,
    first: usize,
    /// Outputs of every step, or only of the step that is read last.
    outputs: Vec<&'a mut [f32]>,
    kept: Option<Kept<'a>>,
}

/// The values of every step that the backward pass needs.
struct Kept<'a> {
    gates: Vec<&'a mut [f32]>,
    cells: Vec<&'a mut [f32]>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (pass, width) = (self.pass, self.pass.hidden);
        let sequences = self.first..(self.first + ROWS_PER_TASK).min(pass.batch);
        let mut cell = pass.initial_block(sequences.clone(), 0);
        let mut output = pass.initial_block(sequences.clone(), 1);
        let context = &pass.context[sequences.start * 4 * width..sequences.end * 4 * width];
        // Computed here and copied to the trace afterwards: this buffer stays in the second-level
        // cache, while the rows of the trace come from main memory.
        let mut gates = vec![0.0; context.len()];
        for t in pass.order() {
            let rows = self.rows.at(t, &sequences);
            // Only the first sequences have this step; the states of the others don't change.
            let n = rows.len();
            if n == 0 {
                continue;
            }
            let gates = &mut gates[..n * 4 * width];
            let (cell, output) = (&mut cell[..n * width], &mut output[..n * width]);
            copy(gates, &context[..n * 4 * width]);
            match pass.source {
                Source::Symbols { ids, slots, table } => {
                    let ids = &ids[rows.start * slots..rows.end * slots];
                    let rows = ids.chunks_exact(slots).zip(gates.chunks_exact_mut(4 * width));
                    for (ids, gates) in rows {
                        for id in ids.iter().filter_map(|id| usize::try_from(*id).ok()) {
                            add(simd, gates, &table[id * 4 * width..][..4 * width]);
                        }
                    }
                }
                Source::Vectors { values, .. } => {
                    if let Some(input) = &self.weights.input {
                        let n = input.k();
                        add_product(simd, &values[rows.start * n..rows.end * n], input, gates);
                    }
                }
            }
            add_product(simd, output, &self.weights.recurrent, gates);
            for ((gates, cell), output) in gates
                .chunks_exact_mut(4 * width)
                .zip(cell.chunks_exact_mut(width))
                .zip(output.chunks_exact_mut(width))
            {
                step(simd, gates, cell, output);
            }
            if let Some(kept) = &mut self.kept {
                copy(kept.gates[t], gates);
                copy(kept.cells[t], cell);
            }
            // If only the last step is requested, each step overwrites the previous one.
            let place = if self.outputs.len() == pass.steps { t } else { 0 };
            copy(&mut self.outputs[place][..n * width], output);
        }
    }
}
