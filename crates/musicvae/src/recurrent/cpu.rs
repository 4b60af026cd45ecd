//! The CPU kernel for `flex`, `ndarray` and, on the CPU, `tch`.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::TensorData;
use lstm_kernel::lstm;
use lstm_kernel::memory::Buffer;

use super::PassOptions;
use super::extension::{Constant, ContextGradients, LstmCall, LstmGradients, LstmKernel, Source};
use crate::host::HostMemory;
use crate::linear::{affine, affine_gradients};

/// The values of a call, kept alive while slices of them are used.
struct HostCall<B: HostMemory> {
    source: Source<B>,
    input: Option<B::Values>,
    weights: B::Values,
    bias: B::Values,
    /// Constant inputs and their weights.
    constant: Option<[B::Values; 2]>,
    recurrent: B::Values,
    initial: B::Values,
    options: PassOptions,
    /// `[T, B, H]`.
    shape: [usize; 3],
    /// The shape of the outputs: the same, or `[1, n, H]` for packed sequences.
    outputs: [usize; 3],
}

impl<B: HostMemory> HostCall<B> {
    fn new(call: LstmCall<B>) -> Self {
        let hidden = call.recurrent.shape()[0];
        let (shape, input, weights) = match &call.source {
            Source::Symbols { symbols, table } => {
                ([symbols.steps(), symbols.batch(), hidden], None, table.clone())
            }
            Source::Vectors { values, weights } => {
                let shape = values.shape();
                ([shape[0], shape[1], hidden], Some(B::values(values.clone())), weights.clone())
            }
        };
        let outputs = match &call.source {
            Source::Symbols { symbols, .. } if symbols.batch_sizes().is_some() => {
                [1, symbols.n_rows(), hidden]
            }
            _ => shape,
        };
        Self {
            outputs,
            input,
            weights: B::values(weights),
            bias: B::values(call.bias),
            constant: call.constant.map(|c| [B::values(c.values), B::values(c.weights)]),
            recurrent: B::values(call.recurrent),
            initial: B::values(call.initial),
            source: call.source,
            options: call.options,
            shape,
        }
    }

    /// The constant part of the gates, computed once per sequence: the bias and the contribution of
    /// the constant inputs, `[B, 4H]`.
    fn context(&self) -> Vec<f32> {
        let constant =
            self.constant.as_ref().map(|constant| constant.each_ref().map(AsRef::as_ref));
        let [values, weights] = constant.unwrap_or_default();
        affine(values, weights, self.bias.as_ref(), self.shape[1])
    }

    /// The gradients of the inputs of [`HostCall::context`], from the gradient of its result.
    fn context_gradients(
        &self,
        context: &[f32],
        tensor: impl Fn(Vec<f32>, &[usize]) -> FloatTensor<B>,
    ) -> ContextGradients<B> {
        let [_, batch, hidden] = self.shape;
        let constant =
            self.constant.as_ref().map(|constant| constant.each_ref().map(AsRef::as_ref));
        let [values, weights] = constant.unwrap_or_default();
        let n_constants = weights.len() / (4 * hidden);
        let [values, weights, bias] =
            affine_gradients(values, weights, context, [n_constants, 4 * hidden]);
        ContextGradients {
            constant: constant.map(|_| Constant {
                values: tensor(values, &[batch, n_constants]),
                weights: tensor(weights, &[n_constants, 4 * hidden]),
            }),
            bias: tensor(bias, &[4 * hidden]),
        }
    }

    /// A pass with a context; the backward pass does not read it.
    fn pass<'a>(&'a self, context: &'a [f32]) -> lstm::Pass<'a> {
        let weights = self.weights.as_ref();
        let source = match (&self.source, &self.input) {
            (Source::Symbols { symbols, .. }, _) => {
                lstm::Source::Symbols { ids: symbols.ids(), slots: symbols.slots(), table: weights }
            }
            (Source::Vectors { .. }, values) => lstm::Source::Vectors {
                values: values.as_ref().map_or(&[], AsRef::as_ref),
                weights,
            },
        };
        let [steps, batch, hidden] = self.shape;
        let batch_sizes = match &self.source {
            Source::Symbols { symbols, .. } => symbols.batch_sizes(),
            Source::Vectors { .. } => None,
        };
        lstm::Pass {
            source,
            context,
            recurrent: self.recurrent.as_ref(),
            initial: self.initial.as_ref(),
            steps,
            batch,
            batch_sizes,
            hidden,
            reverse: self.options.reverse,
        }
    }
}

/// The values of a forward pass that the backward pass needs.
#[derive(Clone, Debug)]
pub(crate) struct HostTrace<B: Backend> {
    /// `h_t`, `[T, B, H]`.
    pub(super) outputs: FloatTensor<B>,
    /// The gates after their activation functions, `[T, B, 4H]`.
    pub(super) gates: Arc<Buffer>,
    /// `c_t`, `[T, B, H]`.
    pub(super) cells: Arc<Buffer>,
}

/// The requested outputs, without a trace.
pub(super) fn outputs<B: HostMemory>(call: LstmCall<B>) -> FloatTensor<B> {
    let device = call.recurrent.device();
    let host = HostCall::<B>::new(call);
    let PassOptions { last_only, precision, .. } = host.options;
    let outputs = lstm::outputs_with(&host.pass(&host.context()), precision, last_only);
    let [steps, batch, hidden] = host.outputs;
    let steps = if last_only { 1 } else { steps };
    B::float_from_data(TensorData::new(outputs, [steps, batch, hidden]), &device)
}

/// The requested outputs, and the trace.
pub(super) fn forward<B: HostMemory>(call: LstmCall<B>) -> (FloatTensor<B>, HostTrace<B>) {
    let device = call.recurrent.device();
    let host = HostCall::<B>::new(call);
    let trace = lstm::forward_with(&host.pass(&host.context()), host.options.precision);
    let last = host.options.last_only.then(|| {
        let [steps, batch, hidden] = host.shape;
        let t = if host.options.reverse { 0 } else { steps - 1 };
        let last = trace.outputs[t * batch * hidden..][..batch * hidden].to_vec();
        B::float_from_data(TensorData::new(last, [1, batch, hidden]), &device)
    });
    let outputs = B::float_from_data(TensorData::new(trace.outputs, host.outputs), &device);
    let trace = HostTrace {
        outputs: outputs.clone(),
        gates: Arc::new(trace.gates),
        cells: Arc::new(trace.cells),
    };
    (last.unwrap_or(outputs), trace)
}

pub(super) fn backward<B: HostMemory>(
    call: LstmCall<B>,
    trace: HostTrace<B>,
    gradient: FloatTensor<B>,
) -> LstmGradients<B> {
    let device = call.recurrent.device();
    let host = HostCall::<B>::new(call);
    let [steps, batch, hidden] = host.shape;
    let outputs = B::values(trace.outputs);
    let outputs = outputs.as_ref();
    let trace = lstm::TraceRef { outputs, gates: &trace.gates, cells: &trace.cells };
    let gradient = B::values(gradient);
    let gradients =
        lstm::backward_with(&host.pass(&[]), trace, gradient.as_ref(), host.options.precision);
    let tensor = |values: Vec<f32>, shape: &[usize]| {
        B::float_from_data(TensorData::new(values, shape), &device)
    };
    let matrix = |values: Vec<f32>, columns: usize| {
        let rows = values.len() / columns;
        tensor(values, &[rows, columns])
    };
    LstmGradients {
        values: gradients.values.map(|values| {
            let width = values.len() / (steps * batch);
            tensor(values, &[steps, batch, width])
        }),
        weights: matrix(gradients.weights, 4 * hidden),
        context: host.context_gradients(&gradients.context, tensor),
        recurrent: matrix(gradients.recurrent, 4 * hidden),
        initial: matrix(gradients.initial, 2 * hidden),
    }
}

/// Implements [`LstmKernel`] with this kernel.
macro_rules! lstm_kernel_on_the_cpu {
    ($backend:ty) => {
        impl LstmKernel for $backend {
            type Trace = HostTrace<Self>;

            fn lstm_outputs(call: LstmCall<Self>) -> FloatTensor<Self> {
                outputs(call)
            }

            fn lstm_forward(call: LstmCall<Self>) -> (FloatTensor<Self>, Self::Trace) {
                forward(call)
            }

            fn lstm_backward(
                call: LstmCall<Self>,
                trace: Self::Trace,
                gradient: FloatTensor<Self>,
            ) -> LstmGradients<Self> {
                backward(call, trace, gradient)
            }
        }
    };
}

#[cfg(feature = "flex")]
lstm_kernel_on_the_cpu!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
lstm_kernel_on_the_cpu!(burn::backend::NdArray);
