//! The operations that a backend provides, and burn's routing to them.

use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use super::{PassOptions, SymbolSteps};

/// The input of the gates at each step.
#[derive(Clone, Debug)]
pub(crate) enum Source<B: Backend> {
    /// Rows of a `[V, 4H]` table.
    Symbols { symbols: Arc<SymbolSteps>, table: FloatTensor<B> },
    /// Vectors `[T, B, D]` and their weights `[D, 4H]`.
    Vectors { values: FloatTensor<B>, weights: FloatTensor<B> },
}

/// Inputs that are constant within a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Constant<B: Backend> {
    /// `[B, C]`.
    pub(crate) values: FloatTensor<B>,
    /// `[C, 4H]`.
    pub(crate) weights: FloatTensor<B>,
}

/// One pass over a sequence, as [`super::LstmInputs`] describes it.
#[derive(Clone, Debug)]
pub(crate) struct LstmCall<B: Backend> {
    pub(crate) source: Source<B>,
    pub(crate) constant: Option<Constant<B>>,
    pub(crate) bias: FloatTensor<B>,
    pub(crate) recurrent: FloatTensor<B>,
    pub(crate) initial: FloatTensor<B>,
    pub(crate) options: PassOptions,
}

/// Gradients of the bias and of the constant inputs.
pub(crate) struct ContextGradients<B: Backend> {
    pub(crate) constant: Option<Constant<B>>,
    pub(crate) bias: FloatTensor<B>,
}

/// Gradients of a call's tensors; `values` is `None` for symbols.
pub(crate) struct LstmGradients<B: Backend> {
    pub(crate) values: Option<FloatTensor<B>>,
    pub(crate) weights: FloatTensor<B>,
    pub(crate) context: ContextGradients<B>,
    pub(crate) recurrent: FloatTensor<B>,
    pub(crate) initial: FloatTensor<B>,
}

/// The two passes of an LSTM on one backend.
pub(crate) trait LstmKernel: Backend {
    /// The values of a forward pass that the backward pass needs.
    type Trace: Clone + Debug + Send + Sync;

    /// Runs the sequence: every `h_t`, `[T, B, H]`, or the last one, `[1, B, H]`.
    fn lstm_outputs(call: LstmCall<Self>) -> FloatTensor<Self> {
        Self::lstm_forward(call).0
    }

    /// Runs the sequence and keeps the values that a backward pass needs.
    fn lstm_forward(call: LstmCall<Self>) -> (FloatTensor<Self>, Self::Trace);

    /// Propagates the gradient of `outputs` back to the call's tensors.
    fn lstm_backward(
        call: LstmCall<Self>,
        trace: Self::Trace,
        gradient: FloatTensor<Self>,
    ) -> LstmGradients<Self>;
}

/// The operation as burn routes it: to the backend of its tensors, through autodiff if that is
/// enabled.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    LibTorch: cfg(feature = "tch"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda")),
    Autodiff,
)]
pub(crate) trait LstmOps: Backend {
    /// See [`super::lstm_over_symbols`].
    fn lstm_symbols(
        symbols: Arc<SymbolSteps>,
        table: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self>;

    /// See [`super::lstm_over_symbols`].
    #[allow(clippy::too_many_arguments, reason = "burn's routing needs one parameter per tensor")]
    fn lstm_symbols_and_constant(
        symbols: Arc<SymbolSteps>,
        table: FloatTensor<Self>,
        constant: FloatTensor<Self>,
        constant_weights: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self>;

    /// See [`super::lstm_over_vectors`].
    fn lstm_vectors(
        values: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self>;
}

/// Routes the operation of a plain backend to its kernel.
macro_rules! lstm_ops_by_kernel {
    ($backend:ty) => {
        impl LstmOps for $backend {
            fn lstm_symbols(
                symbols: Arc<SymbolSteps>,
                table: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                recurrent: FloatTensor<Self>,
                initial: FloatTensor<Self>,
                options: PassOptions,
            ) -> FloatTensor<Self> {
                let source = Source::Symbols { symbols, table };
                let constant = None;
                let call = LstmCall { source, constant, bias, recurrent, initial, options };
                Self::lstm_outputs(call)
            }

            fn lstm_symbols_and_constant(
                symbols: Arc<SymbolSteps>,
                table: FloatTensor<Self>,
                constant: FloatTensor<Self>,
                constant_weights: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                recurrent: FloatTensor<Self>,
                initial: FloatTensor<Self>,
                options: PassOptions,
            ) -> FloatTensor<Self> {
                let source = Source::Symbols { symbols, table };
                let constant = Some(Constant { values: constant, weights: constant_weights });
                let call = LstmCall { source, constant, bias, recurrent, initial, options };
                Self::lstm_outputs(call)
            }

            fn lstm_vectors(
                values: FloatTensor<Self>,
                weights: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                recurrent: FloatTensor<Self>,
                initial: FloatTensor<Self>,
                options: PassOptions,
            ) -> FloatTensor<Self> {
                let source = Source::Vectors { values, weights };
                let constant = None;
                let call = LstmCall { source, constant, bias, recurrent, initial, options };
                Self::lstm_outputs(call)
            }
        }
    };
}

#[cfg(feature = "flex")]
lstm_ops_by_kernel!(burn::backend::Flex);
#[cfg(feature = "ndarray")]
mod ndarray {
    use super::*;
    lstm_ops_by_kernel!(burn::backend::NdArray);
}
#[cfg(feature = "tch")]
mod tch {
    use super::*;
    lstm_ops_by_kernel!(burn::backend::LibTorch);
}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod cube {
    use super::*;
    lstm_ops_by_kernel!(burn::backend::Cube);
}
