//! An LSTM over a whole sequence: the forward pass, and its backward pass written by hand.
//!
//! With `i j f o` the four equal column blocks of a row of gates (Magenta's order), a step is
//!
//! ```text
//! g_t = x_t W_x + context + h_{t-1} W_h
//! c_t = sigmoid(i) tanh(j) + c_{t-1} sigmoid(f + 1)
//! h_t = tanh(c_t) sigmoid(o)
//! ```
//!
//! The batch is split over threads and each task goes through all steps on its own, so that no
//! thread waits for another inside the time loop. `x_t W_x` is a sum of table rows where the input
//! is symbols, and one large product before the loop where it is vectors.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::functions::{load, sigmoid, store, tanh};
use super::packed::{PackedMatrix, add_product};
use super::{ROWS_PER_TASK, products};

/// Added to the forget gate at run time; it is never part of the stored bias.
pub const FORGET_BIAS: f32 = 1.0;

/// What enters the gates at each step.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Rows of `table` `[V, 4H]` to add up: `slots` of `ids` `[T, B, slots]` each; a negative id
    /// adds nothing.
    Symbols {
        /// `[T, B, slots]`.
        ids: &'a [i32],
        /// Symbols of one step of one sequence.
        slots: usize,
        /// `[V, 4H]`.
        table: &'a [f32],
    },
    /// `values` `[T, B, D]` times `weights` `[D, 4H]`.
    Vectors {
        /// `[T, B, D]`.
        values: &'a [f32],
        /// `[D, 4H]`.
        weights: &'a [f32],
    },
}

/// The inputs of a pass. `T` steps, `B` sequences, `H` units; everything row-major, time first.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    /// What enters the gates beside the state.
    pub source: Source<'a>,
    /// `[B, 4H]`, the same at every step.
    pub context: &'a [f32],
    /// `[H, 4H]`.
    pub recurrent: &'a [f32],
    /// `[B, 2H]`: `c_0`, then `h_0`.
    pub initial: &'a [f32],
    /// `T`.
    pub steps: usize,
    /// `B`.
    pub batch: usize,
    /// `H`.
    pub hidden: usize,
    /// Read from the last step to the first.
    pub reverse: bool,
}

/// What the forward pass leaves for the backward pass.
pub struct Trace {
    /// `[T, B, H]`: `h_t`, at the place of the step it belongs to.
    pub outputs: Vec<f32>,
    /// `[T, B, 4H]`: the gates after their functions.
    pub gates: Vec<f32>,
    /// `[T, B, H]`: `c_t`.
    pub cells: Vec<f32>,
}

/// A [`Trace`] by reference.
#[derive(Clone, Copy)]
pub struct TraceRef<'a> {
    /// See [`Trace::outputs`].
    pub outputs: &'a [f32],
    /// See [`Trace::gates`].
    pub gates: &'a [f32],
    /// See [`Trace::cells`].
    pub cells: &'a [f32],
}

/// Gradients of every input of a [`Pass`], in the input's shape.
pub struct Gradients {
    /// Of `values`; none for symbols.
    pub values: Option<Vec<f32>>,
    /// Of `table` or `weights`.
    pub weights: Vec<f32>,
    /// Of the context, `[B, 4H]`.
    pub context: Vec<f32>,
    /// Of the recurrent weights, `[H, 4H]`.
    pub recurrent: Vec<f32>,
    /// Of the initial state, `[B, 2H]`.
    pub initial: Vec<f32>,
}

impl Pass<'_> {
    /// Steps in the order they are read.
    fn order(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let (steps, reverse) = (self.steps, self.reverse);
        (0..steps).map(move |t| if reverse { steps - 1 - t } else { t })
    }

    /// The step read before `t`, if there is one.
    fn before(&self, t: usize) -> Option<usize> {
        if self.reverse { (t + 1 < self.steps).then_some(t + 1) } else { t.checked_sub(1) }
    }

    /// Columns `block` of `[c_0 | h_0]` for some rows, contiguous.
    fn initial_block(&self, rows: std::ops::Range<usize>, block: usize) -> Vec<f32> {
        let h = self.hidden;
        self.initial[rows.start * 2 * h..rows.end * 2 * h]
            .chunks_exact(2 * h)
            .flat_map(|row| &row[block * h..(block + 1) * h])
            .copied()
            .collect()
    }
}

/// Cuts a `[T, B, width]` buffer into one list of step slices for each task.
fn by_task(values: &mut [f32], batch: usize, width: usize) -> Vec<Vec<&mut [f32]>> {
    let n_tasks = batch.div_ceil(ROWS_PER_TASK);
    let mut tasks: Vec<Vec<&mut [f32]>> = (0..n_tasks).map(|_| Vec::new()).collect();
    for step in values.chunks_exact_mut(batch * width) {
        for (task, rows) in tasks.iter_mut().zip(step.chunks_mut(ROWS_PER_TASK * width)) {
            task.push(rows);
        }
    }
    tasks
}

/// Runs the sequence and keeps what the backward pass needs.
pub fn forward(pass: &Pass<'_>) -> Trace {
    let (steps, batch, hidden) = (pass.steps, pass.batch, pass.hidden);
    let mut outputs = vec![0.0; steps * batch * hidden];
    let mut cells = vec![0.0; steps * batch * hidden];
    let mut gates = Vec::with_capacity(steps * batch * 4 * hidden);
    for _ in 0..steps {
        gates.extend_from_slice(pass.context);
    }
    if let Source::Vectors { values, weights } = pass.source {
        let n_inputs = values.len().checked_div(steps * batch).unwrap_or(0);
        products::add_product(
            values,
            products::row_major(weights, n_inputs, 4 * hidden),
            &mut gates,
        );
    }
    let recurrent = PackedMatrix::new(pass.recurrent, hidden, 4 * hidden);
    let arch = Arch::new();
    by_task(&mut gates, batch, 4 * hidden)
        .into_par_iter()
        .zip(by_task(&mut outputs, batch, hidden))
        .zip(by_task(&mut cells, batch, hidden))
        .enumerate()
        .for_each(|(task, ((gates, outputs), cells))| {
            let first = task * ROWS_PER_TASK;
            arch.dispatch(ForwardTask {
                pass,
                recurrent: &recurrent,
                first,
                gates,
                outputs,
                cells,
            });
        });
    Trace { outputs, gates, cells }
}

/// Some sequences of a forward pass, through all steps.
struct ForwardTask<'a> {
    pass: &'a Pass<'a>,
    recurrent: &'a PackedMatrix,
    first: usize,
    gates: Vec<&'a mut [f32]>,
    outputs: Vec<&'a mut [f32]>,
    cells: Vec<&'a mut [f32]>,
}

impl WithSimd for ForwardTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (pass, width) = (self.pass, self.pass.hidden);
        let rows = self.first..(self.first + ROWS_PER_TASK).min(pass.batch);
        let mut cell = pass.initial_block(rows.clone(), 0);
        let mut output = pass.initial_block(rows.clone(), 1);
        for t in pass.order() {
            let gates = &mut *self.gates[t];
            if let Source::Symbols { ids, slots, table } = pass.source {
                let ids = &ids[(t * pass.batch + rows.start) * slots..][..rows.len() * slots];
                for (ids, gates) in ids.chunks_exact(slots).zip(gates.chunks_exact_mut(4 * width)) {
                    for id in ids.iter().filter_map(|id| usize::try_from(*id).ok()) {
                        add(simd, gates, &table[id * 4 * width..][..4 * width]);
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

/// `to += from`.
#[inline(always)]
fn add<S: Simd>(simd: S, to: &mut [f32], from: &[f32]) {
    for (to, from) in to.chunks_mut(S::F32_LANES).zip(from.chunks(S::F32_LANES)) {
        let sum = simd.add_f32s(load(simd, to), load(simd, from));
        store(simd, to, sum);
    }
}

/// The gate functions of one row: gates before to after, `c_{t-1}` to `c_t`, and `h_t`.
#[inline(always)]
pub fn step<S: Simd>(simd: S, gates: &mut [f32], cell: &mut [f32], output: &mut [f32]) {
    let (i, j, f, o) = quarters_mut(gates);
    let lanes = S::F32_LANES;
    for at in (0..cell.len()).step_by(lanes) {
        let at = at..(at + lanes).min(cell.len());
        let i_t = sigmoid(simd, load(simd, &i[at.clone()]));
        let j_t = tanh(simd, load(simd, &j[at.clone()]));
        let f_t = load(simd, &f[at.clone()]);
        let f_t = sigmoid(simd, simd.add_f32s(f_t, simd.splat_f32s(FORGET_BIAS)));
        let o_t = sigmoid(simd, load(simd, &o[at.clone()]));
        let kept = simd.mul_f32s(load(simd, &cell[at.clone()]), f_t);
        let c_t = simd.mul_add_f32s(i_t, j_t, kept);
        store(simd, &mut i[at.clone()], i_t);
        store(simd, &mut j[at.clone()], j_t);
        store(simd, &mut f[at.clone()], f_t);
        store(simd, &mut o[at.clone()], o_t);
        store(simd, &mut cell[at.clone()], c_t);
        store(simd, &mut output[at], simd.mul_f32s(tanh(simd, c_t), o_t));
    }
}

/// The four gates of a row.
#[inline(always)]
fn quarters_mut(row: &mut [f32]) -> (&mut [f32], &mut [f32], &mut [f32], &mut [f32]) {
    let width = row.len() / 4;
    let (i, rest) = row.split_at_mut(width);
    let (j, rest) = rest.split_at_mut(width);
    let (f, o) = rest.split_at_mut(width);
    (i, j, f, o)
}

/// Carries `output_gradient` `[T, B, H]` back to every input of the pass.
pub fn backward(pass: &Pass<'_>, trace: TraceRef<'_>, output_gradient: &[f32]) -> Gradients {
    let (steps, batch, hidden) = (pass.steps, pass.batch, pass.hidden);
    let recurrent = PackedMatrix::transposed(pass.recurrent, hidden, 4 * hidden);
    let mut gates = vec![0.0; steps * batch * 4 * hidden];
    let mut initial = vec![0.0; batch * 2 * hidden];
    let arch = Arch::new();
    by_task(&mut gates, batch, 4 * hidden)
        .into_par_iter()
        .zip(initial.par_chunks_mut(ROWS_PER_TASK * 2 * hidden))
        .enumerate()
        .for_each(|(task, (gates, initial))| {
            let first = task * ROWS_PER_TASK;
            let recurrent = &recurrent;
            arch.dispatch(BackwardTask {
                pass,
                trace,
                output_gradient,
                recurrent,
                first,
                gates,
                initial,
            });
        });
    let (values, weights) = source_gradients(pass, &gates);
    Gradients {
        values,
        weights,
        context: sum_over_steps(&gates, batch * 4 * hidden),
        recurrent: recurrent_gradient(pass, trace.outputs, &gates),
        initial,
    }
}

/// Some sequences of a backward pass, through all steps.
struct BackwardTask<'a> {
    pass: &'a Pass<'a>,
    trace: TraceRef<'a>,
    output_gradient: &'a [f32],
    recurrent: &'a PackedMatrix,
    first: usize,
    /// Receives the gradients of the gates before their functions.
    gates: Vec<&'a mut [f32]>,
    initial: &'a mut [f32],
}

impl WithSimd for BackwardTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (pass, width) = (self.pass, self.pass.hidden);
        let rows = self.first..(self.first + ROWS_PER_TASK).min(pass.batch);
        let at = |t: usize, width: usize| {
            (t * pass.batch + rows.start) * width..(t * pass.batch + rows.end) * width
        };
        let first_cell = pass.initial_block(rows.clone(), 0);
        let mut cell = vec![0.0; rows.len() * width];
        let mut output = vec![0.0; rows.len() * width];
        for t in pass.order().rev() {
            add(simd, &mut output, &self.output_gradient[at(t, width)]);
            let before = match pass.before(t) {
                Some(before) => &self.trace.cells[at(before, width)],
                None => &first_cell[..],
            };
            let activations = self.trace.gates[at(t, 4 * width)].chunks_exact(4 * width);
            let cells = self.trace.cells[at(t, width)].chunks_exact(width);
            let gates = &mut *self.gates[t];
            for (row, (activations, cells)) in activations.zip(cells).enumerate() {
                let at = row * width..(row + 1) * width;
                step_back(
                    simd,
                    activations,
                    cells,
                    &before[at.clone()],
                    &output[at.clone()],
                    &mut cell[at],
                    &mut gates[row * 4 * width..][..4 * width],
                );
            }
            output.fill(0.0);
            add_product(simd, gates, self.recurrent, &mut output);
        }
        let states = cell.chunks_exact(width).zip(output.chunks_exact(width));
        for (initial, (cell, output)) in self.initial.chunks_exact_mut(2 * width).zip(states) {
            initial[..width].copy_from_slice(cell);
            initial[width..].copy_from_slice(output);
        }
    }
}

/// One row of a step, backwards: from the gradients of `h_t` and `c_t` (in `cell`) to those of the
/// gates before their functions and of `c_{t-1}` (left in `cell`).
#[inline(always)]
fn step_back<S: Simd>(
    simd: S,
    activations: &[f32],
    c_t: &[f32],
    c_before: &[f32],
    output: &[f32],
    cell: &mut [f32],
    gates: &mut [f32],
) {
    let width = cell.len();
    let (lanes, one) = (S::F32_LANES, simd.splat_f32s(1.0));
    let load = |values: &[f32], at: std::ops::Range<usize>| load(simd, &values[at]);
    let (d_i, d_j, d_f, d_o) = quarters_mut(gates);
    for start in (0..width).step_by(lanes) {
        let end = (start + lanes).min(width);
        let gate = |n: usize| load(activations, n * width + start..n * width + end);
        let (i, j, f, o) = (gate(0), gate(1), gate(2), gate(3));
        let at = start..end;
        let tanh_c = tanh(simd, load(c_t, at.clone()));
        let d_h = load(output, at.clone());
        // d tanh(c) = 1 - tanh(c)^2
        let slope = simd.negate_mul_add_f32s(tanh_c, tanh_c, one);
        let d_c = simd.mul_add_f32s(simd.mul_f32s(d_h, o), slope, load(cell, at.clone()));
        // A sigmoid's slope is s (1 - s), a tanh's 1 - t^2.
        let sigmoid_back =
            |s: S::f32s, d: S::f32s| simd.mul_f32s(simd.mul_f32s(d, s), simd.sub_f32s(one, s));
        let d_j_t = simd.mul_f32s(simd.mul_f32s(d_c, i), simd.negate_mul_add_f32s(j, j, one));
        let d_f_t = simd.mul_f32s(d_c, load(c_before, at.clone()));
        store(simd, &mut d_i[at.clone()], sigmoid_back(i, simd.mul_f32s(d_c, j)));
        store(simd, &mut d_j[at.clone()], d_j_t);
        store(simd, &mut d_f[at.clone()], sigmoid_back(f, d_f_t));
        store(simd, &mut d_o[at.clone()], sigmoid_back(o, simd.mul_f32s(d_h, tanh_c)));
        store(simd, &mut cell[at], simd.mul_f32s(d_c, f));
    }
}

/// The sum of `[T, width]` over its steps, in their order.
fn sum_over_steps(values: &[f32], width: usize) -> Vec<f32> {
    const COLUMNS: usize = 4096;
    let mut sums = vec![0.0; width];
    sums.par_chunks_mut(COLUMNS).enumerate().for_each(|(block, sums)| {
        for step in values.chunks_exact(width) {
            let step = &step[block * COLUMNS..][..sums.len()];
            for (sum, value) in sums.iter_mut().zip(step) {
                *sum += value;
            }
        }
    });
    sums
}

/// `Σ_t h_{t-1}ᵀ dg_t`, as one product over all steps but the first, and one for that.
fn recurrent_gradient(pass: &Pass<'_>, outputs: &[f32], gates: &[f32]) -> Vec<f32> {
    let (steps, batch, hidden) = (pass.steps, pass.batch, pass.hidden);
    let mut gradient = vec![0.0; hidden * 4 * hidden];
    let Some(first) = pass.order().next() else { return gradient };
    let first_gates = &gates[first * batch * 4 * hidden..][..batch * 4 * hidden];
    let initial = pass.initial_block(0..batch, 1);
    products::add_transposed_product(&initial, first_gates, batch, &mut gradient);
    let rows = (steps - 1) * batch;
    let (before, after) = if pass.reverse { (batch, 0) } else { (0, batch) };
    products::add_transposed_product(
        &outputs[before * hidden..][..rows * hidden],
        &gates[after * 4 * hidden..][..rows * 4 * hidden],
        rows,
        &mut gradient,
    );
    gradient
}

/// Gradients of what enters the gates, and of its weights.
fn source_gradients(pass: &Pass<'_>, gates: &[f32]) -> (Option<Vec<f32>>, Vec<f32>) {
    let (rows, hidden) = (pass.steps * pass.batch, pass.hidden);
    match pass.source {
        Source::Symbols { ids, slots, table } => {
            let mut users = vec![Vec::new(); table.len() / (4 * hidden)];
            for (position, id) in ids.iter().enumerate() {
                if let Ok(id) = usize::try_from(*id) {
                    users[id].push(position / slots);
                }
            }
            let mut gradient = vec![0.0; table.len()];
            gradient.par_chunks_mut(hidden).enumerate().for_each(|(block, sums)| {
                for row in &users[block / 4] {
                    let gates = &gates[row * 4 * hidden + block % 4 * hidden..][..hidden];
                    for (sum, value) in sums.iter_mut().zip(gates) {
                        *sum += value;
                    }
                }
            });
            (None, gradient)
        }
        Source::Vectors { values, weights } => {
            let n_inputs = weights.len() / (4 * hidden);
            let mut values_gradient = vec![0.0; values.len()];
            let transposed = products::row_major(weights, n_inputs, 4 * hidden).transpose();
            products::add_product(gates, transposed, &mut values_gradient);
            let mut weights_gradient = vec![0.0; weights.len()];
            products::add_transposed_product(values, gates, rows, &mut weights_gradient);
            (Some(values_gradient), weights_gradient)
        }
    }
}
