//! The CPU kernel for `flex`, `ndarray` and, on the CPU, `tch`.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::TensorData;
use lstm_kernel::lstm;
use lstm_kernel::memory::Buffer;

use super::PassOptions;
use super::extension::{LstmCall, LstmGradients, LstmKernel, Source};

/// A backend whose tensors are in this process's memory.
pub(super) trait HostBackend: Backend {
    /// A tensor's values, row-major.
    type Values: AsRef<[f32]>;

    fn values(tensor: FloatTensor<Self>) -> Self::Values;
}

/// The values of a call, kept alive while slices of them are used.
struct HostCall<B: HostBackend> {
    source: Source<B>,
    input: Option<B::Values>,
    weights: B::Values,
    context: B::Values,
    recurrent: B::Values,
    initial: B::Values,
    options: PassOptions,
    /// `[T, B, H]`.
    shape: [usize; 3],
    /// The shape of the outputs: the same, or `[1, n, H]` for packed sequences.
    outputs: [usize; 3],
}

impl<B: HostBackend> HostCall<B> {
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
            context: B::values(call.context()),
            recurrent: B::values(call.recurrent),
            initial: B::values(call.initial),
            source: call.source,
            options: call.options,
            shape,
        }
    }

    fn pass(&self) -> lstm::Pass<'_> {
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
            context: self.context.as_ref(),
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
pub(super) fn outputs<B: HostBackend>(call: LstmCall<B>) -> FloatTensor<B> {
    let device = call.recurrent.device();
    let host = HostCall::<B>::new(call);
    let PassOptions { last_only, precision, .. } = host.options;
    let outputs = lstm::outputs_with(&host.pass(), precision, last_only);
    let [steps, batch, hidden] = host.outputs;
    let steps = if last_only { 1 } else { steps };
    B::float_from_data(TensorData::new(outputs, [steps, batch, hidden]), &device)
}

/// The requested outputs, and the trace.
pub(super) fn forward<B: HostBackend>(call: LstmCall<B>) -> (FloatTensor<B>, HostTrace<B>) {
    let device = call.recurrent.device();
    let host = HostCall::<B>::new(call.clone());
    let trace = lstm::forward_with(&host.pass(), host.options.precision);
    let outputs = TensorData::new(trace.outputs, host.outputs);
    let trace: HostTrace<B> = HostTrace {
        outputs: B::float_from_data(outputs, &device),
        gates: Arc::new(trace.gates),
        cells: Arc::new(trace.cells),
    };
    (call.wanted(trace.outputs.clone()), trace)
}

pub(super) fn backward<B: HostBackend>(
    call: LstmCall<B>,
    trace: HostTrace<B>,
    gradient: FloatTensor<B>,
) -> LstmGradients<B> {
    let device = call.recurrent.device();
    let host = HostCall::<B>::new(call.clone());
    let [steps, batch, hidden] = host.shape;
    let outputs = B::values(trace.outputs);
    let outputs = outputs.as_ref();
    let trace = lstm::TraceRef { outputs, gates: &trace.gates, cells: &trace.cells };
    let gradients = {
        let gradient = B::values(call.of_all_steps(gradient, steps));
        lstm::backward_with(&host.pass(), trace, gradient.as_ref(), host.options.precision)
    };
    let matrix = |values: Vec<f32>, columns: usize| {
        let rows = values.len() / columns;
        B::float_from_data(TensorData::new(values, [rows, columns]), &device)
    };
    LstmGradients {
        values: gradients.values.map(|values| {
            let width = values.len() / (steps * batch);
            B::float_from_data(TensorData::new(values, [steps, batch, width]), &device)
        }),
        weights: matrix(gradients.weights, 4 * hidden),
        context: call.context_gradients(matrix(gradients.context, 4 * hidden)),
        recurrent: matrix(gradients.recurrent, 4 * hidden),
        initial: matrix(gradients.initial, 2 * hidden),
    }
}

#[cfg(feature = "flex")]
mod flex {
    use super::*;
    use burn::backend::Flex;

    /// A contiguous tensor; shares memory with the one it was created from.
    pub(crate) struct FlexValues(FloatTensor<Flex>);

    impl AsRef<[f32]> for FlexValues {
        fn as_ref(&self) -> &[f32] {
            self.0.as_slice().expect("it is contiguous, and all our tensors are f32")
        }
    }

    impl HostBackend for Flex {
        type Values = FlexValues;

        fn values(tensor: FloatTensor<Self>) -> FlexValues {
            FlexValues(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
        }
    }

    impl LstmKernel for Flex {
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
}

/// A copy of a tensor's values.
#[cfg(any(feature = "ndarray", feature = "tch"))]
pub(crate) struct CopiedValues(TensorData);

#[cfg(any(feature = "ndarray", feature = "tch"))]
impl CopiedValues {
    pub(super) fn of<B: Backend>(tensor: FloatTensor<B>) -> Self {
        let data = burn::backend::try_read_sync(B::float_into_data(tensor))
            .expect("a CPU backend completes immediately")
            .expect("it reads this process's own memory");
        Self(data)
    }
}

#[cfg(any(feature = "ndarray", feature = "tch"))]
impl AsRef<[f32]> for CopiedValues {
    fn as_ref(&self) -> &[f32] {
        self.0.as_slice().expect("all our tensors are f32")
    }
}

#[cfg(feature = "ndarray")]
mod ndarray {
    use super::*;
    use burn::backend::NdArray;

    impl HostBackend for NdArray {
        type Values = CopiedValues;

        fn values(tensor: FloatTensor<Self>) -> CopiedValues {
            CopiedValues::of::<Self>(tensor)
        }
    }

    impl LstmKernel for NdArray {
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
}
