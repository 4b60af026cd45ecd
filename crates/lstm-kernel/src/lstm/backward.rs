//! The backward pass: all steps of a group of sequences in one task, then the weight gradients.

use std::borrow::Cow;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{Gradients, Pass, Rows, Source, TraceRef, zeros};
use crate::ROWS_PER_TASK;
use crate::functions::{load, store, tanh};
use crate::packed::{Arithmetic, PackedMatrix, Precision, Unpacked, add_product};
use crate::stacked::{
    StackShape, Stacked, add_weight_gradients, stack_gates, stack_input, table_gradient,
};
use crate::tile::tile_shape;

/// Propagates `output_gradient` back to every input of the pass: `[T, B, H]`, or `[1, B, H]` if
/// only the output of the step that is read last has a gradient.
///
/// # Panics
/// If the gradient has another length.
pub fn backward(pass: &Pass<'_>, trace: TraceRef<'_>, output_gradient: &[f32]) -> Gradients {
    backward_with(pass, trace, output_gradient, Precision::F32)
}

/// Like [`backward`], with the weights of products (the recurrent ones, and those of vectors)
/// rounded to `precision`; the gradients are always `f32` sums.
///
/// # Panics
/// Like [`backward`].
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
        let of_last_step = output_gradient.len() != rows.total() * hidden;
        assert!(
            !of_last_step
                || (pass.batch_sizes.is_none() && output_gradient.len() == batch * hidden),
            "the gradient must be that of the outputs of all steps or of the last one"
        );
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
                    of_last_step,
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

/// A group of sequences of a backward pass, through all steps.
struct Task<'a> {
    pass: &'a Pass<'a>,
    rows: &'a Rows,
    arithmetic: Arithmetic,
    trace: TraceRef<'a>,
    output_gradient: &'a [f32],
    /// Whether `output_gradient` is that of the step that is read last.
    of_last_step: bool,
    recurrent: &'a PackedMatrix,
    /// The weights of vectors.
    input: Option<&'a PackedMatrix>,
    first: usize,
    /// Receives the gradients of the initial state.
    initial: &'a mut [f32],
    /// Receives the gradients of the context.
    context: &'a mut [f32],
    /// Receives the gradients of the vectors.
    values: Vec<&'a mut [f32]>,
}

impl WithSimd for Task<'_> {
    /// The factors of the weight gradients.
    type Output = Stacked;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Stacked {
        let (pass, width) = (self.pass, self.pass.hidden);
        let sequences = self.first..(self.first + ROWS_PER_TASK).min(pass.batch);
        let first_cell = pass.initial_block(sequences.clone(), 0);
        let first_output = pass.initial_block(sequences.clone(), 1);
        let mut d_cell = vec![0.0; sequences.len() * width];
        let mut d_output = vec![0.0; sequences.len() * width];
        let mut d_gates = vec![0.0; sequences.len() * 4 * width];
        let no_gradient = vec![0.0; if self.of_last_step { d_output.len() } else { 0 }];
        let n_inputs = self.input.map_or(0, PackedMatrix::n);
        let shape = StackShape {
            rows_per_step: pass.order().map(|t| self.rows.at(t, &sequences).len()).collect(),
            n_gates: 4 * width,
            input_widths: [width, n_inputs],
        };
        let mut stacked = Stacked::new::<S>(self.arithmetic, shape);
        for (order, t) in pass.order().enumerate().collect::<Vec<_>>().into_iter().rev() {
            let rows = self.rows.at(t, &sequences);
            let n = rows.len();
            if n == 0 {
                continue;
            }
            let at = |width: usize| rows.start * width..rows.end * width;
            let before = pass.before(t).map_or(0..0, |t| self.rows.at(t, &sequences));
            let cells_before = state_before(self.trace.cells, &first_cell, &before, n, width);
            let outputs_before = state_before(self.trace.outputs, &first_output, &before, n, width);
            let activations = &self.trace.gates[at(4 * width)];
            let cells = &self.trace.cells[at(width)];
            let output_gradient = match self.of_last_step {
                false => &self.output_gradient[at(width)],
                true if order + 1 == pass.steps => {
                    &self.output_gradient[sequences.start * width..sequences.end * width]
                }
                true => &no_gradient,
            };
            let (d_gates, d_output) = (&mut d_gates[..n * 4 * width], &mut d_output[..n * width]);
            for row in 0..n {
                let (one, four) =
                    (row * width..(row + 1) * width, row * 4 * width..(row + 1) * 4 * width);
                let inputs = RowInputs {
                    activations: &activations[four.clone()],
                    cell: &cells[one.clone()],
                    cell_before: &cells_before[one.clone()],
                    d_output_later: &d_output[one.clone()],
                    d_output_loss: &output_gradient[one.clone()],
                };
                let d_context = &mut self.context[four.clone()];
                step_back(simd, inputs, &mut d_cell[one], &mut d_gates[four], d_context);
            }
            stack_gates::<S>(&mut stacked, order, d_gates, 4 * width);
            stack_input::<S>(&mut stacked, 0, order, &outputs_before, width);
            if let (Source::Vectors { values, .. }, Some(input)) = (pass.source, self.input) {
                stack_input::<S>(&mut stacked, 1, order, &values[at(n_inputs)], n_inputs);
                add_product(simd, d_gates, input, &mut *self.values[t]);
            }
            d_output.fill(0.0);
            add_product(simd, d_gates, self.recurrent, d_output);
        }
        let states = d_cell.chunks_exact(width).zip(d_output.chunks_exact(width));
        for (initial, (d_cell, d_output)) in self.initial.chunks_exact_mut(2 * width).zip(states) {
            initial[..width].copy_from_slice(d_cell);
            initial[width..].copy_from_slice(d_output);
        }
        stacked
    }
}

/// The states of `n` sequences before a step: from the rows `before` of the states in `kept`, and
/// from the initial states for sequences that did not have the step before.
fn state_before<'a>(
    kept: &'a [f32],
    initial: &'a [f32],
    before: &Range<usize>,
    n: usize,
    width: usize,
) -> Cow<'a, [f32]> {
    let n_kept = before.len().min(n);
    let kept = &kept[before.start * width..][..n_kept * width];
    match n_kept {
        0 => Cow::Borrowed(&initial[..n * width]),
        n_kept if n_kept == n => Cow::Borrowed(kept),
        _ => Cow::Owned([kept, &initial[n_kept * width..n * width]].concat()),
    }
}

/// The values of one row that a step back starts from.
struct RowInputs<'a> {
    /// The gates of the step after their activation functions.
    activations: &'a [f32],
    /// `c_t`.
    cell: &'a [f32],
    /// `c_{t-1}`.
    cell_before: &'a [f32],
    /// The gradient of `h_t` through the step that was read next.
    d_output_later: &'a [f32],
    /// The gradient of `h_t` as an output of the pass.
    d_output_loss: &'a [f32],
}

/// Goes back one step for one row: converts the gradients of `h_t` and of `c_t` (in `d_cell`) to
/// those of the gates before their activation functions and of `c_{t-1}` (left in `d_cell`). Adds
/// the gradients of the gates to those of the context.
#[inline(always)]
fn step_back<S: Simd>(
    simd: S,
    inputs: RowInputs<'_>,
    d_cell: &mut [f32],
    d_gates: &mut [f32],
    d_context: &mut [f32],
) {
    let RowInputs { activations, cell, cell_before, d_output_later, d_output_loss } = inputs;
    let width = d_cell.len();
    let (lanes, one) = (S::F32_LANES, simd.splat_f32s(1.0));
    let load = |values: &[f32], at: Range<usize>| load(simd, &values[at]);
    for start in (0..width).step_by(lanes) {
        let end = (start + lanes).min(width);
        let gate = |n: usize| load(activations, n * width + start..n * width + end);
        let (i, j, f, o) = (gate(0), gate(1), gate(2), gate(3));
        let at = start..end;
        let tanh_c = tanh(simd, load(cell, at.clone()));
        let later = load(d_output_later, at.clone());
        let d_h = simd.add_f32s(later, load(d_output_loss, at.clone()));
        // d tanh(c) = 1 - tanh(c)^2
        let slope = simd.negate_mul_add_f32s(tanh_c, tanh_c, one);
        let d_c = simd.mul_add_f32s(simd.mul_f32s(d_h, o), slope, load(d_cell, at.clone()));
        // The derivative of a sigmoid is s (1 - s), that of a tanh 1 - t^2.
        let sigmoid_back =
            |s: S::f32s, d: S::f32s| simd.mul_f32s(simd.mul_f32s(d, s), simd.sub_f32s(one, s));
        let d_f = simd.mul_f32s(d_c, load(cell_before, at.clone()));
        let gradients = [
            sigmoid_back(i, simd.mul_f32s(d_c, j)),
            simd.mul_f32s(simd.mul_f32s(d_c, i), simd.negate_mul_add_f32s(j, j, one)),
            sigmoid_back(f, d_f),
            sigmoid_back(o, simd.mul_f32s(d_h, tanh_c)),
        ];
        store(simd, &mut d_cell[at], simd.mul_f32s(d_c, f));
        for (n, gradient) in gradients.into_iter().enumerate() {
            let at = n * width + start..n * width + end;
            store(simd, &mut d_gates[at.clone()], gradient);
            let sum = simd.add_f32s(load(d_context, at.clone()), gradient);
            store(simd, &mut d_context[at], sum);
        }
    }
}
