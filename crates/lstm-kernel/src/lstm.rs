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
//! Sequences may have different lengths: [`Pass::batch_sizes`] is the number of sequences that have
//! each step, and nothing is stored or computed for the others.
//!
//! The batch is split over threads, and each task runs through all steps independently, so no
//! thread waits for another inside the time loop. `x_t W_x` is a sum of table rows if the input is
//! symbols, and a product with packed weights if it is vectors.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

use std::ops::Range;

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
///
/// With [`Pass::batch_sizes`], `[T, B, width]` means the concatenated rows of all steps, where the
/// number of rows of each step is its batch size.
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
    /// For sequences of different lengths, sorted from the longest to the shortest: the number of
    /// sequences that have each step, `T` numbers that start with `B` and never increase (PyTorch's
    /// `PackedSequence.batch_sizes`). `None` if every sequence has every step.
    pub batch_sizes: Option<&'a [usize]>,
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
    /// Gradient of `values`; `None` for symbols.
    pub values: Option<Vec<f32>>,
    /// Gradient of `table` or `weights`.
    pub weights: Vec<f32>,
    /// Gradient of the context, `[B, 4H]`.
    pub context: Vec<f32>,
    /// Gradient of the recurrent weights, `[H, 4H]`.
    pub recurrent: Vec<f32>,
    /// Gradient of the initial state, `[B, 2H]`.
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
    fn initial_block(&self, rows: Range<usize>, block: usize) -> Vec<f32> {
        let h = self.hidden;
        self.initial[rows.start * 2 * h..rows.end * 2 * h]
            .chunks_exact(2 * h)
            .flat_map(|row| &row[block * h..(block + 1) * h])
            .copied()
            .collect()
    }
}

/// The rows of each step in a `[T, B, width]` buffer.
struct Rows {
    /// First row of each step, then the number of rows.
    firsts: Vec<usize>,
    batch: usize,
}

impl Rows {
    /// # Panics
    /// If the batch sizes break the rules of [`Pass::batch_sizes`].
    fn new(pass: &Pass<'_>) -> Self {
        let (steps, batch) = (pass.steps, pass.batch);
        let Some(sizes) = pass.batch_sizes else {
            return Self { firsts: (0..=steps).map(|t| t * batch).collect(), batch };
        };
        assert_eq!(
            (sizes.len(), sizes.first().copied().unwrap_or(batch)),
            (steps, batch),
            "there must be one batch size per step, and the first is the batch"
        );
        assert!(
            sizes.is_sorted_by(|a, b| a >= b),
            "sequences must be sorted from the longest to the shortest"
        );
        let mut firsts = vec![0];
        firsts.extend(sizes.iter().scan(0, |sum, size| {
            *sum += size;
            Some(*sum)
        }));
        Self { firsts, batch }
    }

    /// One step with all sequences.
    fn one_step(batch: usize) -> Self {
        Self { firsts: vec![0, batch], batch }
    }

    /// Number of rows of all steps.
    fn total(&self) -> usize {
        self.firsts.last().copied().unwrap_or(0)
    }

    /// The rows of step `t` of those sequences in `of_batch` that have this step.
    fn at(&self, t: usize, of_batch: &Range<usize>) -> Range<usize> {
        let (first, end) = (self.firsts[t], self.firsts[t + 1]);
        (first + of_batch.start).min(end)..(first + of_batch.end).min(end)
    }

    /// The sequences of each task.
    fn tasks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let batch = self.batch;
        (0..batch).step_by(ROWS_PER_TASK).map(move |first| first..batch.min(first + ROWS_PER_TASK))
    }

    /// Splits a `[T, B, width]` buffer into one list of step slices per task.
    fn by_task<'a>(&self, mut values: &'a mut [f32], width: usize) -> Vec<Vec<&'a mut [f32]>> {
        let mut tasks: Vec<Vec<&mut [f32]>> = self.tasks().map(|_| Vec::new()).collect();
        for t in 0..self.firsts.len() - 1 {
            for (task, rows) in tasks.iter_mut().zip(self.tasks()) {
                let (rows, rest) = values.split_at_mut(self.at(t, &rows).len() * width);
                task.push(rows);
                values = rest;
            }
        }
        tasks
    }
}

/// `n` zeros, written by all threads: a tensor of all steps is too large for any cache.
fn zeros(n: usize) -> Vec<f32> {
    // Below the length at which the C library copies in another way, see
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
