//! The recurrent core: an LSTM over a whole sequence as one differentiable operation.
//!
//! The operation goes through burn's backend extension, so that each backend runs it its own way
//! and autodiff sees a single node with a backward pass written by hand:
//! - `flex` and `ndarray`: our CPU kernel ([`lstm_kernel`], see [`cpu`]);
//! - `tch`, `wgpu` and `cuda`: burn's own operations, step by step ([`composed`]).
//!
//! Letters: `T` steps, `B` sequences, `H` units, `V` symbols, `D` input features. Tensors are time
//! first. The equations and the gate order are Magenta's (`LSTMBlockCell`: input, candidate,
//! forget, output, with 1 added to the forget gate at run time).

mod autodiff;
mod composed;
mod cpu;
mod extension;
mod symbols;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::LstmOps;
use lstm_kernel::packed::Precision;
pub use symbols::SymbolSteps;

/// Weights and fixed inputs that every LSTM pass has.
pub(crate) struct LstmInputs {
    /// `[B, 4H]`: what is added to the gates at every step, the bias included.
    pub(crate) context: Tensor<2>,
    /// `[H, 4H]`.
    pub(crate) recurrent: Tensor<2>,
    /// `[B, 2H]`: `c_0`, then `h_0`.
    pub(crate) initial: Tensor<2>,
    pub(crate) options: PassOptions,
}

/// How a pass is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassOptions {
    /// Read from the last step to the first.
    pub(crate) reverse: bool,
    /// How the CPU kernel keeps the weights that it multiplies by; the composition of burn's
    /// operations knows `f32` only.
    pub(crate) precision: Precision,
}

/// Runs an LSTM over symbols; each adds its row of `table` `[V, 4H]` to the gates.
///
/// Returns every `h_t`, `[T, B, H]`, at the place of the step it belongs to.
pub(crate) fn lstm_over_symbols(
    symbols: Arc<SymbolSteps>,
    table: Tensor<2>,
    inputs: LstmInputs,
) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as LstmOps>::lstm_symbols(
        symbols,
        table.into_dispatch(),
        inputs.context.into_dispatch(),
        inputs.recurrent.into_dispatch(),
        inputs.initial.into_dispatch(),
        inputs.options,
    ))
}

/// Runs an LSTM over vectors: `values` `[T, B, D]` with `weights` `[D, 4H]`.
///
/// Returns every `h_t`, `[T, B, H]`, at the place of the step it belongs to.
pub(crate) fn lstm_over_vectors(
    values: Tensor<3>,
    weights: Tensor<2>,
    inputs: LstmInputs,
) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as LstmOps>::lstm_vectors(
        values.into_dispatch(),
        weights.into_dispatch(),
        inputs.context.into_dispatch(),
        inputs.recurrent.into_dispatch(),
        inputs.initial.into_dispatch(),
        inputs.options,
    ))
}

#[cfg(test)]
mod tests;
