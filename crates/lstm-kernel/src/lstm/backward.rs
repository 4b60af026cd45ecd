//! The backward pass: all steps of some sequences in one task, then the weight gradients.

use std::borrow::Cow;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{Gradients, Pass, Rows, Source, TraceRef, zeros};
use crate::ROWS_PER_TASK;
use crate::functions::{load, store, tanh};
use crate::packed::{Arithmetic, PackedMatrix, Precision, Unpacked, add_product};
use crate::stacked::{Stacked, add_weight_gradients, stack_gates, stack_input, table_gradient};
use crate::tile::tile_shape;

/// Carries `output_gradient` `[T, B, H]` back to every input of the pass.
pub fn backward(pass: &Pass<'_>, trace: TraceRef<'_>, output_gradient: &[f32]) -> Gradients {
    backward_with(pass, trace, output_gradient, Precision::F32)
}

/// Like [`backward`], with the weights of products (the recurrent ones, and those of vectors)
/// rounded as `precision` says; the gradients are sums of `f32` in any case.
pub fn backward_with(
    pass: &Pass<'_>,
    trace: TraceRef<'_>,
    output_gradient: &[f32],
    precision: Precision,
) -> Gradients {
    let arithmetic = Arithmetic::quickest(precision);
    Arch::new().dispatch(Backward { pass, trace, output_gradient, arithmetic })
}

/// A backward pass, on any instruction set.
pub(super) struct Backward<'a> {
    pub(super) pass: &'a Pass<'a>,
    pub(super) trace: TraceRef<'a>,
    pub(super) output_gradient: &'a [f32],
    pub(super) arithmetic: Arithmetic,
}

impl WithSimd for Backward<'_> {
    type Output = Gradients;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Gradients {
        let Self { pass, trace, output_gradient, arithmetic } = self;
        let (steps, batch, hidden) = (pass.steps, pass.batch, pass.hidden);
        let rows = &Rows::new(pass);
        let (panel, _) = tile_shape::<S>();
        let pack = |values, n| {
            Unpacked { values, k: 4 * hidden, n, transposed: true }.pack(panel, arithmetic)
        };
        let recurrent = pack(pass.recurrent, hidden);
        let (input, n_inputs) = match pass.source {
            Source::Vectors { weights, .. } => {
                let n_inputs = weights.len() / (4 * hidden);
                (Some(pack(weights, n_inputs)), n_inputs)
            }
            Source::Symbols { .. } => (None, 0),
        };
        let mut initial = zeros(batch * 2 * hidden);
        let mut context = zeros(batch * 4 * hidden);
        let mut values = zeros(rows.total() * n_inputs);
        let steps_of_values = match input {
            Some(_) if n_inputs > 0 => rows.by_task(&mut values, n_inputs),
            _ => rows.tasks().map(|_| Vec::new()).collect(),
        };
        let stacks: Vec<Stacked> = initial
            .par_chunks_mut(ROWS_PER_TASK * 2 * hidden)
            .zip(context.par_chunks_mut(ROWS_PER_TASK * 4 * hidden))
            .zip(steps_of_values)
            .enumerate()
            .map(|(task, ((initial, context), values))| {
                let first = task * ROWS_PER_TASK;
                let (recurrent, input) = (&recurrent, input.as_ref());
                simd.vectorize(Task {
                    pass,
                    rows,
                    arithmetic,
                    trace,
                    output_gradient,
                    recurrent,
                    input,
                    first,
                    initial,
                    context,
                    values,
                })
            })
            .collect();
        let mut recurrent = zeros(hidden * 4 * hidden);
        let mut weights = zeros(n_inputs * 4 * hidden);
        add_weight_gradients(simd, &stacks, 4 * hidden, [&mut recurrent, &mut weights]);
        let (values, weights) = match pass.source {
            Source::Symbols { ids, slots, table } => {
                let n_symbols = table.len() / (4 * hidden);
                let symbols = |task: usize, step: usize, row: usize| {
                    let t = if pass.reverse { steps - 1 - step } else { step };
                    &ids[(rows.firsts[t] + task * ROWS_PER_TASK + row) * slots..][..slots]
                };
                (None, table_gradient(simd, &stacks, 4 * hidden, n_symbols, symbols))
            }
            Source::Vectors { .. } => (Some(values), weights),
        };
        Gradients { values, weights, context, recurrent, initial }
    }
}

/// Some sequences of a backward pass, through all steps.
struct Task<'a> {
    pass: &'a Pass<'a>,
    rows: &'a Rows,
    arithmetic: Arithmetic,
    trace: TraceRef<'a>,
    output_gradient: &'a [f32],
    recurrent: &'a PackedMatrix,
    /// The weights of vectors.
    input: Option<&'a PackedMatrix>,
    first: usize,
    /// Receives the gradients of the initial state.
    initial: &'a mut [f32],
    /// Receives those of the context.
    context: &'a mut [f32],
    /// Receives those of the vectors.
    values: Vec<&'a mut [f32]>,
}

impl WithSimd for Task<'_> {
    /// What the weight gradients are products of.
    type Output = Stacked;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Stacked {
        let (pass, width) = (self.pass, self.pass.hidden);
        let sequences = self.first..(self.first + ROWS_PER_TASK).min(pass.batch);
        let first_cell = pass.initial_block(sequences.clone(), 0);
        let first_output = pass.initial_block(sequences.clone(), 1);
        let mut cell = vec![0.0; sequences.len() * width];
        let mut output = vec![0.0; sequences.len() * width];
        let mut gates = vec![0.0; sequences.len() * 4 * width];
        let n_inputs = self.input.map_or(0, PackedMatrix::n);
        let in_steps = pass.order().map(|t| self.rows.at(t, &sequences).len()).collect();
        let widths = [width, n_inputs];
        let mut stacked = Stacked::new::<S>(self.arithmetic, in_steps, 4 * width, widths);
        for (order, t) in pass.order().enumerate().collect::<Vec<_>>().into_iter().rev() {
            let rows = self.rows.at(t, &sequences);
            let n = rows.len();
            if n == 0 {
                continue;
            }
            let at = |width: usize| rows.start * width..rows.end * width;
            let before = pass.before(t).map(|t| self.rows.at(t, &sequences));
            let cells_before =
                state_before(self.trace.cells, &first_cell, before.clone(), n, width);
            let outputs_before = state_before(self.trace.outputs, &first_output, before, n, width);
            let activations = &self.trace.gates[at(4 * width)];
            let cells = &self.trace.cells[at(width)];
            let output_gradient = &self.output_gradient[at(width)];
            let (gates, output) = (&mut gates[..n * 4 * width], &mut output[..n * width]);
            for row in 0..n {
                let (one, four) =
                    (row * width..(row + 1) * width, row * 4 * width..(row + 1) * 4 * width);
                step_back(
                    simd,
                    &activations[four.clone()],
                    [&cells[one.clone()], &cells_before[one.clone()]],
                    [&output[one.clone()], &output_gradient[one.clone()]],
                    &mut cell[one],
                    &mut gates[four.clone()],
                    &mut self.context[four],
                );
            }
            stack_gates::<S>(&mut stacked, order, gates, 4 * width);
            stack_input::<S>(&mut stacked, 0, order, &outputs_before, width);
            if let (Source::Vectors { values, .. }, Some(input)) = (pass.source, self.input) {
                stack_input::<S>(&mut stacked, 1, order, &values[at(n_inputs)], n_inputs);
                add_product(simd, gates, input, &mut *self.values[t]);
            }
            output.fill(0.0);
            add_product(simd, gates, self.recurrent, output);
        }
        let states = cell.chunks_exact(width).zip(output.chunks_exact(width));
        for (initial, (cell, output)) in self.initial.chunks_exact_mut(2 * width).zip(states) {
            initial[..width].copy_from_slice(cell);
            initial[width..].copy_from_slice(output);
        }
        stacked
    }
}

/// The states of `n` sequences before a step: those `kept` in the rows of the step before, and the initial ones of
/// sequences that did not have it.
fn state_before<'a>(
    kept: &'a [f32],
    initial: &'a [f32],
    before: Option<Range<usize>>,
    n: usize,
    width: usize,
) -> Cow<'a, [f32]> {
    let rows = before.unwrap_or(0..0);
    let n_kept = rows.len().min(n);
    let kept = &kept[rows.start * width..][..n_kept * width];
    match n_kept {
        0 => Cow::Borrowed(&initial[..n * width]),
        n_kept if n_kept == n => Cow::Borrowed(kept),
        _ => Cow::Owned([kept, &initial[n_kept * width..n * width]].concat()),
    }
}

/// One row of a step, backwards: from the gradients of `h_t` (of two parts) and of `c_t` (in `cell`)
/// to those of the gates before their functions and of `c_{t-1}` (left in `cell`). The gates'
/// gradients are added to the context's.
#[inline(always)]
fn step_back<S: Simd>(
    simd: S,
    activations: &[f32],
    [c_t, c_before]: [&[f32]; 2],
    [later, output]: [&[f32]; 2],
    cell: &mut [f32],
    gates: &mut [f32],
    context: &mut [f32],
) {
    let width = cell.len();
    let (lanes, one) = (S::F32_LANES, simd.splat_f32s(1.0));
    let load = |values: &[f32], at: Range<usize>| load(simd, &values[at]);
    for start in (0..width).step_by(lanes) {
        let end = (start + lanes).min(width);
        let gate = |n: usize| load(activations, n * width + start..n * width + end);
        let (i, j, f, o) = (gate(0), gate(1), gate(2), gate(3));
        let at = start..end;
        let tanh_c = tanh(simd, load(c_t, at.clone()));
        let d_h = simd.add_f32s(load(later, at.clone()), load(output, at.clone()));
        // d tanh(c) = 1 - tanh(c)^2
        let slope = simd.negate_mul_add_f32s(tanh_c, tanh_c, one);
        let d_c = simd.mul_add_f32s(simd.mul_f32s(d_h, o), slope, load(cell, at.clone()));
        // A sigmoid's slope is s (1 - s), a tanh's 1 - t^2.
        let sigmoid_back =
            |s: S::f32s, d: S::f32s| simd.mul_f32s(simd.mul_f32s(d, s), simd.sub_f32s(one, s));
        let d_f = simd.mul_f32s(d_c, load(c_before, at.clone()));
        let gradients = [
            sigmoid_back(i, simd.mul_f32s(d_c, j)),
            simd.mul_f32s(simd.mul_f32s(d_c, i), simd.negate_mul_add_f32s(j, j, one)),
            sigmoid_back(f, d_f),
            sigmoid_back(o, simd.mul_f32s(d_h, tanh_c)),
        ];
        store(simd, &mut cell[at], simd.mul_f32s(d_c, f));
        for (n, gradient) in gradients.into_iter().enumerate() {
            let at = n * width + start..n * width + end;
            store(simd, &mut gates[at.clone()], gradient);
            let sum = simd.add_f32s(load(context, at.clone()), gradient);
            store(simd, &mut context[at], sum);
        }
    }
}
