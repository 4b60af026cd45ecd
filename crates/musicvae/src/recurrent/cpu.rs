//! The CPU kernel behind `flex` and `ndarray`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::TensorData;
use lstm_kernel::lstm;

use super::PassOptions;
use super::extension::{LstmCall, LstmGradients, LstmKernel, LstmTrace, Source};

/// A backend whose tensors lie in this process's memory.
trait HostBackend: Backend {
    /// A tensor's values, row-major.
    type Values: AsRef<[f32]>;

    fn values(tensor: FloatTensor<Self>) -> Self::Values;
}

/// The values behind a call, kept alive while slices of them are used.
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
        Self {
            input,
            weights: B::values(weights),
            context: B::values(call.context),
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
        lstm::Pass {
            source,
            context: self.context.as_ref(),
            recurrent: self.recurrent.as_ref(),
            initial: self.initial.as_ref(),
            steps,
            batch,
            hidden,
            reverse: self.options.reverse,
        }
    }
}

fn forward<B: HostBackend>(call: LstmCall<B>) -> LstmTrace<B> {
    let device = call.recurrent.device();
    let call = HostCall::<B>::new(call);
    let trace = lstm::forward_with(&call.pass(), call.options.precision);
    let [steps, batch, hidden] = call.shape;
    let tensor =
        |values, width| B::float_from_data(TensorData::new(values, [steps, batch, width]), &device);
    LstmTrace {
        outputs: tensor(trace.outputs, hidden),
        gates: tensor(trace.gates, 4 * hidden),
        cells: tensor(trace.cells, hidden),
    }
}

fn backward<B: HostBackend>(
    call: LstmCall<B>,
    trace: LstmTrace<B>,
    gradient: FloatTensor<B>,
) -> LstmGradients<B> {
    let device = call.recurrent.device();
    let call = HostCall::<B>::new(call);
    let [steps, batch, hidden] = call.shape;
    let outputs = B::values(trace.outputs);
    let (gates, cells) = (B::values(trace.gates), B::values(trace.cells));
    let trace =
        lstm::TraceRef { outputs: outputs.as_ref(), gates: gates.as_ref(), cells: cells.as_ref() };
    let gradients = {
        let gradient = B::values(gradient);
        lstm::backward_with(&call.pass(), trace, gradient.as_ref(), call.options.precision)
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
        context: matrix(gradients.context, 4 * hidden),
        recurrent: matrix(gradients.recurrent, 4 * hidden),
        initial: matrix(gradients.initial, 2 * hidden),
    }
}

#[cfg(feature = "flex")]
mod flex {
    use super::*;
    use burn::backend::Flex;

    /// A contiguous tensor; shares the memory of the one it was made from.
    pub(super) struct FlexValues(FloatTensor<Flex>);

    impl AsRef<[f32]> for FlexValues {
        fn as_ref(&self) -> &[f32] {
            self.0.as_slice().expect("made contiguous, and all our tensors are f32")
        }
    }

    impl HostBackend for Flex {
        type Values = FlexValues;

        fn values(tensor: FloatTensor<Self>) -> FlexValues {
            FlexValues(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
        }
    }

    impl LstmKernel for Flex {
        fn lstm_forward(call: LstmCall<Self>) -> LstmTrace<Self> {
            forward(call)
        }

        fn lstm_backward(
            call: LstmCall<Self>,
            trace: LstmTrace<Self>,
            gradient: FloatTensor<Self>,
        ) -> LstmGradients<Self> {
            backward(call, trace, gradient)
        }
    }
}

#[cfg(feature = "ndarray")]
mod ndarray {
    use super::*;
    use burn::backend::NdArray;
    use burn::backend::ops::FloatTensorOps;

    /// A copy of a tensor's values.
    pub(super) struct NdArrayValues(TensorData);

    impl AsRef<[f32]> for NdArrayValues {
        fn as_ref(&self) -> &[f32] {
            self.0.as_slice().expect("all our tensors are f32")
        }
    }

    impl HostBackend for NdArray {
        type Values = NdArrayValues;

        fn values(tensor: FloatTensor<Self>) -> NdArrayValues {
            let data = burn::backend::try_read_sync(Self::float_into_data(tensor))
                .expect("a CPU backend answers at once")
                .expect("reading memory of this process");
            NdArrayValues(data)
        }
    }

    impl LstmKernel for NdArray {
        fn lstm_forward(call: LstmCall<Self>) -> LstmTrace<Self> {
            forward(call)
        }

        fn lstm_backward(
            call: LstmCall<Self>,
            trace: LstmTrace<Self>,
            gradient: FloatTensor<Self>,
        ) -> LstmGradients<Self> {
            backward(call, trace, gradient)
        }
    }
}
