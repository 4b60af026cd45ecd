//! An LSTM over a whole sequence: the forward pass and a hand-written backward pass.
//!
//! With `i j f o` the four equal column blocks of a row of gates (Magenta's order), a step is
//!
//! ```text
//! g_t = x_t W_x + context + h_{t-1} W_h
//! c_t = sigmoid(i) tanh(j) + c_{t-1} sigmoid(f + 1)
//! h_t = tanh(c_t) sigmoid(o)
//! ```
//!
//! The batch is split over threads, and each task runs through all steps independently, so that no
//! thread waits for another inside the time loop. `x_t W_x` is a sum of table rows if the input is
//! symbols, and a product with packed weights if it is vectors.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

use pulp::Simd;
use rayon::prelude::*;

use super::ROWS_PER_TASK;
use super::functions::{load, sigmoid, store, tanh};
use super::memory::Buffer;

pub use backward::{backward, backward_with};
pub use forward::{forward, forward_with, outputs_with};

/// Added to the forget gate at run time; never part of the stored bias.
pub const FORGET_BIAS: f32 = 1.0;

/// The input of the gates at each step.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Sum of rows of `table` `[V, 4H]`, selected by the `slots` symbols of each entry of `ids`
    /// `[T, B, slots]`; a negative id adds nothing.
    Symbols {
        /// `[T, B, slots]`.
        ids: &'a [i32],
        /// Number of symbols per step and sequence.
        slots: usize,
        /// `[V, 4H]`.
        table: &'a [f32],
    },
    /// The product of `values` `[T, B, D]` and `weights` `[D, 4H]`.
    Vectors {
        /// `[T, B, D]`.
        values: &'a [f32],
        /// `[D, 4H]`.
        weights: &'a [f32],
    },
}

/// The inputs of a pass: `T` steps, `B` sequences, `H` units; all arrays are row-major, time first.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    /// The input of the gates in addition to the state.
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
    /// Whether to read from the last step to the first.
    pub reverse: bool,
}

/// The values of a forward pass that the backward pass needs.
pub struct Trace {
    /// `[T, B, H]`: `h_t`, at index `t` even if read in reverse.
    pub outputs: Vec<f32>,
    /// `[T, B, 4H]`: the gates after their activation functions.
    pub gates: Buffer,
    /// `[T, B, H]`: `c_t`.
    pub cells: Buffer,
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

/// Gradients of every input of a [`Pass`], each in the shape of that input.
pub struct Gradients {
    /// Of `values`; `None` for symbols.
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
    /// Step indices in reading order.
    fn order(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let (steps, reverse) = (self.steps, self.reverse);
        (0..steps).map(move |t| if reverse { steps - 1 - t } else { t })
    }

    /// The step read before `t`, or `None` if `t` is the first.
    fn before(&self, t: usize) -> Option<usize> {
        if self.reverse { (t + 1 < self.steps).then_some(t + 1) } else { t.checked_sub(1) }
    }

    /// Columns `block` of `[c_0 | h_0]` for a range of rows, contiguous.
    fn initial_block(&self, rows: std::ops::Range<usize>, block: usize) -> Vec<f32> {
        let h = self.hidden;
        self.initial[rows.start * 2 * h..rows.end * 2 * h]
            .chunks_exact(2 * h)
            .flat_map(|row| &row[block * h..(block + 1) * h])
            .copied()
            .collect()
    }
}

/// Splits a `[T, B, width]` buffer into one list of step slices per task.
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

/// `n` zeros, written by all threads: a tensor of all steps is too large for any cache.
fn zeros(n: usize) -> Vec<f32> {
    // Below the length at which the C library copies by other means, see
    // [`copy`](crate::functions::copy).
    const CHUNK: usize = 512;
    let chunks = (0..n.div_ceil(CHUNK)).into_par_iter().with_min_len(128).map(|_| [0.0; CHUNK]);
    let mut values = chunks.collect::<Vec<_>>().into_flattened();
    values.truncate(n);
    values
}

/// Applies the gate functions to one row: replaces the gates by their activations and `c_{t-1}` by
/// `c_t`, and writes `h_t`.
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
