//! The forward pass: all steps of some sequences in one task.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{Pass, Source, Trace, by_task, step, zeros};
use crate::ROWS_PER_TASK;
use crate::functions::add;
use crate::packed::{Arithmetic, PackedMatrix, Precision, Unpacked, add_product};
use crate::tile::tile_shape;

/// Runs the sequence and keeps what the backward pass needs.
pub fn forward(pass: &Pass<'_>) -> Trace {
    forward_with(pass, Precision::F32)
}

/// Like [`forward`], with the weights of products (the recurrent ones, and those of vectors)
/// rounded as `precision` says.
pub fn forward_with(pass: &Pass<'_>, precision: Precision) -> Trace {
    Arch::new().dispatch(Forward { pass, arithmetic: Arithmetic::quickest(precision) })
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
        let (steps, batch, hidden) = (pass.steps, pass.batch, pass.hidden);
        let (panel, _) = tile_shape::<S>();
        let pack = |values, k| {
            Unpacked { values, k, n: 4 * hidden, transposed: false }.pack(panel, arithmetic)
        };
        let recurrent = pack(pass.recurrent, hidden);
        let input = match pass.source {
            Source::Vectors { weights, .. } => Some(pack(weights, weights.len() / (4 * hidden))),
            Source::Symbols { .. } => None,
        };
        let mut outputs = zeros(steps * batch * hidden);
        let mut cells = zeros(steps * batch * hidden);
        let mut gates = zeros(steps * batch * 4 * hidden);
        by_task(&mut gates, batch, 4 * hidden)
            .into_par_iter()
            .zip(by_task(&mut outputs, batch, hidden))
            .zip(by_task(&mut cells, batch, hidden))
            .enumerate()
            .for_each(|(task, ((gates, outputs), cells))| {
                let first = task * ROWS_PER_TASK;
                let (recurrent, input) = (&recurrent, input.as_ref());
                simd.vectorize(Task { pass, recurrent, input, first, gates, outputs, cells });
            });
        Trace { outputs, gates, cells }
    }
}

/// Some sequences of a forward pass, through all steps.
struct Task<'a> {
    pass: &'a Pass<'a>,
    recurrent: &'a PackedMatrix,
    /// The weights of vectors.
    input: Option<&'a PackedMatrix>,
    first: usize,
    gates: Vec<&'a mut [f32]>,
    outputs: Vec<&'a mut [f32]>,
    cells: Vec<&'a mut [f32]>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (pass, width) = (self.pass, self.pass.hidden);
        let rows = self.first..(self.first + ROWS_PER_TASK).min(pass.batch);
        let mut cell = pass.initial_block(rows.clone(), 0);
        let mut output = pass.initial_block(rows.clone(), 1);
        let context = &pass.context[rows.start * 4 * width..rows.end * 4 * width];
        for t in pass.order() {
            let gates = &mut *self.gates[t];
            gates.copy_from_slice(context);
            match pass.source {
                Source::Symbols { ids, slots, table } => {
                    let ids = &ids[(t * pass.batch + rows.start) * slots..][..rows.len() * slots];
                    let rows = ids.chunks_exact(slots).zip(gates.chunks_exact_mut(4 * width));
                    for (ids, gates) in rows {
                        for id in ids.iter().filter_map(|id| usize::try_from(*id).ok()) {
                            add(simd, gates, &table[id * 4 * width..][..4 * width]);
                        }
                    }
                }
                Source::Vectors { values, .. } => {
                    if let Some(input) = self.input {
                        let n = input.k();
                        let values = &values[(t * pass.batch + rows.start) * n..][..rows.len() * n];
                        add_product(simd, values, input, gates);
                    }
                }
            }
            add_product(simd, &output, self.recurrent, gates);
            for ((gates, cell), output) in gates
                .chunks_exact_mut(4 * width)
                .zip(cell.chunks_exact_mut(width))
                .zip(output.chunks_exact_mut(width))
            {
                step(simd, gates, cell, output);
            }
            self.cells[t].copy_from_slice(&cell);
            self.outputs[t].copy_from_slice(&output);
        }
    }
}
