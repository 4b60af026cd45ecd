//! The LSTM composed of burn's own operations, step by step: correct on every backend.
//!
//! Symbols become one-hot vectors, so that there is a single code path. The backward pass is the
//! same as the CPU kernel's, and the tests compare the two.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::{Shape, Slice, TensorData};
use lstm_kernel::lstm::FORGET_BIAS;

use super::SymbolSteps;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
use super::extension::LstmKernel;
use super::extension::{Constant, ContextGradients, LstmCall, LstmGradients, Source};

impl<B: Backend> LstmCall<B> {
    /// The constant part of the gates, computed once per sequence: the bias and the contribution of
    /// the constant inputs, `[B, 4H]`.
    fn context(&self) -> FloatTensor<B> {
        let n_sequences = self.initial.shape()[0];
        let width = self.bias.shape()[0];
        let bias = B::float_reshape(self.bias.clone(), Shape::from([1, width]));
        match &self.constant {
            Some(Constant { values, weights }) => {
                B::float_add(B::float_matmul(values.clone(), weights.clone()), bias)
            }
            None => B::float_expand(bias, Shape::from([n_sequences, width])),
        }
    }

    /// Selects the requested outputs from those of all steps.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    fn wanted(&self, outputs: FloatTensor<B>) -> FloatTensor<B> {
        if !self.options.last_only {
            return outputs;
        }
        let last = self.last_step(outputs.shape()[0]);
        B::float_slice(outputs, &last)
    }

    /// The gradient of the outputs of all steps, from the gradient of the requested ones.
    fn of_all_steps(&self, gradient: FloatTensor<B>, n_steps: usize) -> FloatTensor<B> {
        if !self.options.last_only {
            return gradient;
        }
        let shape = gradient.shape();
        let shape = Shape::from([n_steps, shape[1], shape[2]]);
        let zeros = B::float_zeros(shape, &gradient.device(), gradient.dtype().into());
        B::float_slice_assign(zeros, &self.last_step(n_steps), gradient)
    }

    /// The slice of the step that is read last.
    fn last_step(&self, n_steps: usize) -> [Slice; 3] {
        let last = if self.options.reverse { 0 } else { n_steps - 1 };
        [Slice::from(last..last + 1), Slice::full(), Slice::full()]
    }

    /// The gradients of the inputs of [`LstmCall::context`], from the gradient of its result.
    fn context_gradients(&self, context: FloatTensor<B>) -> ContextGradients<B> {
        let width = self.bias.shape()[0];
        let bias = B::float_sum_dim(context.clone(), 0);
        let constant = self.constant.as_ref().map(|constant| Constant {
            values: B::float_matmul(context.clone(), B::float_transpose(constant.weights.clone())),
            weights: B::float_matmul(B::float_transpose(constant.values.clone()), context),
        });
        ContextGradients { constant, bias: B::float_reshape(bias, Shape::from([width])) }
    }
}

/// `[T, B, V]`: how often each symbol occurs at each step.
fn one_hot<B: Backend>(
    symbols: &SymbolSteps,
    n_symbols: usize,
    device: &B::Device,
) -> FloatTensor<B> {
    let mut values = vec![0.0_f32; symbols.steps() * symbols.batch() * n_symbols];
    for (row, ids) in values.chunks_exact_mut(n_symbols).zip(symbols.ids().chunks(symbols.slots()))
    {
        for id in ids.iter().filter_map(|id| usize::try_from(*id).ok()) {
            row[id] += 1.0;
        }
    }
    let shape = [symbols.steps(), symbols.batch(), n_symbols];
    B::float_from_data(TensorData::new(values, shape), device)
}

/// The call's input as vectors with their weights.
fn vectors<B: Backend>(source: &Source<B>, device: &B::Device) -> (FloatTensor<B>, FloatTensor<B>) {
    match source {
        Source::Symbols { symbols, table } => {
            (one_hot::<B>(symbols, table.shape()[0], device), table.clone())
        }
        Source::Vectors { values, weights } => (values.clone(), weights.clone()),
    }
}

/// Step `t` of `[T, B, width]`, as `[B, width]`.
fn at<B: Backend>(values: &FloatTensor<B>, t: usize) -> FloatTensor<B> {
    let shape = values.shape();
    let [batch, width] = [shape[1], shape[2]];
    let step = B::float_slice(
        values.clone(),
        &[Slice::from(t..t + 1), Slice::from(0..batch), Slice::from(0..width)],
    );
    B::float_reshape(step, Shape::from([batch, width]))
}

/// Columns `block * width..(block + 1) * width` of `[B, _]`.
fn columns<B: Backend>(values: &FloatTensor<B>, block: usize, width: usize) -> FloatTensor<B> {
    let batch = values.shape()[0];
    let range = block * width..(block + 1) * width;
    B::float_slice(values.clone(), &[Slice::from(0..batch), Slice::from(range)])
}

/// `[B, width]` steps, in order of time, as `[T, B, width]`.
fn join_steps<B: Backend>(steps: Vec<FloatTensor<B>>) -> FloatTensor<B> {
    let steps = steps
        .into_iter()
        .map(|step| {
            let shape = step.shape();
            B::float_reshape(step, Shape::from([1, shape[0], shape[1]]))
        })
        .collect();
    B::float_cat(steps, 0)
}

/// `[T, B, width]` as `[T * B, width]`.
fn flat<B: Backend>(values: FloatTensor<B>) -> FloatTensor<B> {
    let shape = values.shape();
    B::float_reshape(values, Shape::from([shape[0] * shape[1], shape[2]]))
}

/// Step indices in reading order.
fn order(steps: usize, reverse: bool) -> Vec<usize> {
    if reverse { (0..steps).rev().collect() } else { (0..steps).collect() }
}

/// The values of a forward pass that the backward pass needs, as tensors.
#[derive(Clone, Debug)]
pub(crate) struct ComposedTrace<B: Backend> {
    /// `h_t`, `[T, B, H]`.
    pub(crate) outputs: FloatTensor<B>,
    /// The gates after their activation functions, `[T, B, 4H]`.
    pub(crate) gates: FloatTensor<B>,
    /// `c_t`, `[T, B, H]`.
    pub(crate) cells: FloatTensor<B>,
}

/// The forward pass.
pub(crate) fn forward<B: Backend>(call: LstmCall<B>) -> ComposedTrace<B> {
    let device = call.recurrent.device();
    let hidden = call.recurrent.shape()[0];
    let (values, weights) = vectors::<B>(&call.source, &device);
    let [steps, batch] = [values.shape()[0], values.shape()[1]];
    let inputs = B::float_reshape(
        B::float_matmul(flat::<B>(values), weights),
        Shape::from([steps, batch, 4 * hidden]),
    );
    let context = call.context();
    let mut cell = columns::<B>(&call.initial, 0, hidden);
    let mut output = columns::<B>(&call.initial, 1, hidden);
    let mut trace = vec![None; steps];
    for t in order(steps, call.options.reverse) {
        let recurrent = B::float_matmul(output, call.recurrent.clone());
        let gates = B::float_add(B::float_add(at::<B>(&inputs, t), context.clone()), recurrent);
        let i = B::sigmoid(columns::<B>(&gates, 0, hidden));
        let j = B::float_tanh(columns::<B>(&gates, 1, hidden));
        let f = B::float_add_scalar(columns::<B>(&gates, 2, hidden), FORGET_BIAS.into());
        let f = B::sigmoid(f);
        let o = B::sigmoid(columns::<B>(&gates, 3, hidden));
        cell = B::float_add(B::float_mul(i.clone(), j.clone()), B::float_mul(cell, f.clone()));
        output = B::float_mul(B::float_tanh(cell.clone()), o.clone());
        let gates = B::float_cat(vec![i, j, f, o], 1);
        trace[t] = Some((output.clone(), gates, cell.clone()));
    }
    let (mut outputs, mut gates, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for (output, gate, cell) in trace.into_iter().flatten() {
        outputs.push(output);
        gates.push(gate);
        cells.push(cell);
    }
    ComposedTrace {
        outputs: join_steps::<B>(outputs),
        gates: join_steps::<B>(gates),
        cells: join_steps::<B>(cells),
    }
}

/// `1 - x`.
fn one_minus<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::float_add_scalar(B::float_neg(x), 1.0.into())
}

/// The backward pass.
pub(crate) fn backward<B: Backend>(
    call: LstmCall<B>,
    trace: ComposedTrace<B>,
    gradient: FloatTensor<B>,
) -> LstmGradients<B> {
    let device = call.recurrent.device();
    let hidden = call.recurrent.shape()[0];
    let (values, weights) = vectors::<B>(&call.source, &device);
    let steps = values.shape()[0];
    let gradient = call.of_all_steps(gradient, steps);
    let first_cell = columns::<B>(&call.initial, 0, hidden);
    let first_output = columns::<B>(&call.initial, 1, hidden);
    let recurrent_back = B::float_transpose(call.recurrent.clone());
    let order = order(steps, call.options.reverse);
    let mut d_gates = vec![None; steps];
    let mut before = vec![None; steps];
    let mut d_cell: Option<FloatTensor<B>> = None;
    let mut d_output: Option<FloatTensor<B>> = None;
    for (n, &t) in order.iter().enumerate().rev() {
        let [i, j, f, o] =
            [0, 1, 2, 3].map(|block| columns::<B>(&at::<B>(&trace.gates, t), block, hidden));
        let (cell_before, output_before) = match n.checked_sub(1) {
            Some(n) => (at::<B>(&trace.cells, order[n]), at::<B>(&trace.outputs, order[n])),
            None => (first_cell.clone(), first_output.clone()),
        };
        let d_h = match d_output.take() {
            Some(carried) => B::float_add(at::<B>(&gradient, t), carried),
            None => at::<B>(&gradient, t),
        };
        let tanh_c = B::float_tanh(at::<B>(&trace.cells, t));
        let slope = one_minus::<B>(B::float_mul(tanh_c.clone(), tanh_c.clone()));
        let through_output = B::float_mul(B::float_mul(d_h.clone(), o.clone()), slope);
        let d_c = match d_cell.take() {
            Some(carried) => B::float_add(through_output, carried),
            None => through_output,
        };
        let sigmoid_back = |s: FloatTensor<B>, d: FloatTensor<B>| {
            B::float_mul(B::float_mul(d, s.clone()), one_minus::<B>(s))
        };
        let d_i = sigmoid_back(i.clone(), B::float_mul(d_c.clone(), j.clone()));
        let d_j =
            B::float_mul(B::float_mul(d_c.clone(), i), one_minus::<B>(B::float_mul(j.clone(), j)));
        let d_f = sigmoid_back(f.clone(), B::float_mul(d_c.clone(), cell_before));
        let d_o = sigmoid_back(o, B::float_mul(d_h, tanh_c));
        d_cell = Some(B::float_mul(d_c, f));
        let gates = B::float_cat(vec![d_i, d_j, d_f, d_o], 1);
        d_output = Some(B::float_matmul(gates.clone(), recurrent_back.clone()));
        d_gates[t] = Some(gates);
        before[t] = Some(output_before);
    }
    let zeros = |tensor: &FloatTensor<B>| B::float_mul_scalar(tensor.clone(), 0.0.into());
    let d_initial = B::float_cat(
        vec![
            d_cell.unwrap_or_else(|| zeros(&first_cell)),
            d_output.unwrap_or_else(|| zeros(&first_output)),
        ],
        1,
    );
    let d_gates = join_steps::<B>(d_gates.into_iter().flatten().collect());
    let before = join_steps::<B>(before.into_iter().flatten().collect());
    let shape = d_gates.shape();
    let d_context =
        B::float_reshape(B::float_sum_dim(d_gates.clone(), 0), Shape::from([shape[1], shape[2]]));
    let d_gates = flat::<B>(d_gates);
    let shape = values.shape();
    let context = call.context_gradients(d_context);
    let d_values = match call.source {
        Source::Symbols { .. } => None,
        Source::Vectors { .. } => Some(B::float_reshape(
            B::float_matmul(d_gates.clone(), B::float_transpose(weights)),
            shape,
        )),
    };
    LstmGradients {
        values: d_values,
        weights: B::float_matmul(B::float_transpose(flat::<B>(values)), d_gates.clone()),
        context,
        recurrent: B::float_matmul(B::float_transpose(flat::<B>(before)), d_gates),
        initial: d_initial,
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl LstmKernel for burn::backend::Cube {
    type Trace = ComposedTrace<Self>;

    fn lstm_forward(call: LstmCall<Self>) -> (FloatTensor<Self>, Self::Trace) {
        let trace = forward(call.clone());
        (call.wanted(trace.outputs.clone()), trace)
    }

    fn lstm_backward(
        call: LstmCall<Self>,
        trace: Self::Trace,
        gradient: FloatTensor<Self>,
    ) -> LstmGradients<Self> {
        backward(call, trace, gradient)
    }
}
