//! What a backend provides, and burn's routing to it.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use super::{PassOptions, SymbolSteps, composed};

/// What enters the gates at each step.
#[derive(Clone, Debug)]
pub(crate) enum Source<B: Backend> {
    /// Rows of a `[V, 4H]` table.
    Symbols { symbols: Arc<SymbolSteps>, table: FloatTensor<B> },
    /// Vectors `[T, B, D]` and their weights `[D, 4H]`.
    Vectors { values: FloatTensor<B>, weights: FloatTensor<B> },
}

/// One pass over a sequence, as [`super::LstmInputs`] describes it.
#[derive(Clone, Debug)]
pub(crate) struct LstmCall<B: Backend> {
    pub(crate) source: Source<B>,
    pub(crate) context: FloatTensor<B>,
    pub(crate) recurrent: FloatTensor<B>,
    pub(crate) initial: FloatTensor<B>,
    pub(crate) options: PassOptions,
}

/// What a forward pass leaves for the backward pass.
#[derive(Clone, Debug)]
pub(crate) struct LstmTrace<B: Backend> {
    /// `h_t`, `[T, B, H]`: the result.
    pub(crate) outputs: FloatTensor<B>,
    /// The gates after their functions, `[T, B, 4H]`.
    pub(crate) gates: FloatTensor<B>,
    /// `c_t`, `[T, B, H]`.
    pub(crate) cells: FloatTensor<B>,
}

/// Gradients of a call's tensors; `values` is none for symbols.
pub(crate) struct LstmGradients<B: Backend> {
    pub(crate) values: Option<FloatTensor<B>>,
    pub(crate) weights: FloatTensor<B>,
    pub(crate) context: FloatTensor<B>,
    pub(crate) recurrent: FloatTensor<B>,
    pub(crate) initial: FloatTensor<B>,
}

/// The two passes of an LSTM on one backend; by default the composition of burn's operations.
pub(crate) trait LstmKernel: Backend {
    /// Runs the sequence.
    fn lstm_forward(call: LstmCall<Self>) -> LstmTrace<Self> {
        composed::forward(call)
    }

    /// Carries the gradient of `outputs` back to the call's tensors.
    fn lstm_backward(
        call: LstmCall<Self>,
        trace: LstmTrace<Self>,
        gradient: FloatTensor<Self>,
    ) -> LstmGradients<Self> {
        composed::backward(call, trace, gradient)
    }
}

/// The operation as burn routes it: to the backend of its tensors, through autodiff where that is
/// on.
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
        context: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        options: PassOptions,
    ) -> FloatTensor<Self>;

    /// See [`super::lstm_over_vectors`].
    fn lstm_vectors(
        values: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        context: FloatTensor<Self>,
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
                context: FloatTensor<Self>,
                recurrent: FloatTensor<Self>,
                initial: FloatTensor<Self>,
                options: PassOptions,
            ) -> FloatTensor<Self> {
                let source = Source::Symbols { symbols, table };
                Self::lstm_forward(LstmCall { source, context, recurrent, initial, options })
                    .outputs
            }

            fn lstm_vectors(
                values: FloatTensor<Self>,
                weights: FloatTensor<Self>,
                context: FloatTensor<Self>,
                recurrent: FloatTensor<Self>,
                initial: FloatTensor<Self>,
                options: PassOptions,
            ) -> FloatTensor<Self> {
                let source = Source::Vectors { values, weights };
                Self::lstm_forward(LstmCall { source, context, recurrent, initial, options })
                    .outputs
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
    impl LstmKernel for burn::backend::LibTorch {}
    lstm_ops_by_kernel!(burn::backend::LibTorch);
}
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod cube {
    use super::*;
    impl LstmKernel for burn::backend::Cube {}
    lstm_ops_by_kernel!(burn::backend::Cube);
}
