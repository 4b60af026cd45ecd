//! The recurrent core: an LSTM over a whole sequence as one differentiable operation.
//!
//! The operation uses burn's backend extension, so that each backend has its own implementation and
//! autodiff sees a single node with a hand-written backward pass:
//! - `flex`, `ndarray` and `tch` on the CPU: our kernel ([`lstm_kernel`], see [`cpu`]);
//! - `tch` on a GPU: libtorch's fused LSTM, which is cuDNN's (`cudnn`), for whole stacks of layers
//!   at once if they have the same size (`fused`);
//! - `wgpu` and `cuda`: burn's own operations, step by step (`composed`).
//!
//! Symbols in shapes: `T` steps, `B` sequences, `H` units, `V` symbols, `D` input features. Tensors
//! are time first. The equations and the gate order are Magenta's (`LSTMBlockCell`: input,
//! candidate, forget, output, with 1 added to the forget gate at run time).

mod autodiff;
#[cfg(any(all(test, feature = "flex"), feature = "wgpu", feature = "cuda"))]
mod composed;
#[cfg(any(feature = "flex", feature = "ndarray", feature = "tch"))]
mod cpu;
#[cfg(feature = "tch")]
mod cudnn;
mod extension;
#[cfg(feature = "tch")]
pub(crate) mod fused;
mod symbols;
#[cfg(feature = "tch")]
mod torch;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor, TensorData};

use crate::device;
use extension::LstmOps;
use lstm_kernel::packed::Precision;
pub use symbols::SymbolSteps;

/// Without libtorch there is no operation for a whole stack of layers.
#[cfg(not(feature = "tch"))]
pub(crate) mod fused {
    use burn::tensor::Tensor;

    use crate::stack::Stack;

    /// Always returns `None`, so that the stack runs layer by layer.
    pub(crate) fn run(_stack: &Stack<'_>) -> Option<Tensor<3>> {
        None
    }
}

/// The weights and constant inputs of every LSTM pass.
pub(crate) struct LstmInputs {
    /// `[4H]`; 1 is added to the forget gate in addition.
    pub(crate) bias: Tensor<1>,
    /// `[H, 4H]`.
    pub(crate) recurrent: Tensor<2>,
    /// `[B, 2H]`: `c_0`, then `h_0`.
    pub(crate) initial: Tensor<2>,
    pub(crate) options: PassOptions,
}

/// Inputs that are constant within a sequence: their contribution to the gates is computed once.
#[derive(Clone)]
pub(crate) struct ConstantInputs {
    /// `[B, C]`.
    pub(crate) values: Tensor<2>,
    /// `[C, 4H]`.
    pub(crate) weights: Tensor<2>,
}

/// Options of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassOptions {
    /// Read from the last step to the first.
    pub(crate) reverse: bool,
    /// Return only the output of the step that is read last, `[1, B, H]`.
    pub(crate) last_only: bool,
    /// Precision of the recurrent weights; the composition of burn's operations only supports
    /// `f32`.
    pub(crate) precision: Precision,
}

/// Runs an LSTM over symbols; each adds its row of `table` `[V, 4H]` to the gates.
///
/// Returns every `h_t`, `[T, B, H]`, at index `t`, or only the last one. For packed sequences,
/// returns `[1, n, H]` in the order of their ids; `last_only` is not allowed then.
pub(crate) fn lstm_over_symbols(
    symbols: Arc<SymbolSteps>,
    table: Tensor<2>,
    constant: Option<ConstantInputs>,
    inputs: LstmInputs,
) -> Tensor<3> {
    if symbols.batch_sizes().is_some() {
        assert!(!inputs.options.last_only, "packed sequences must return all steps");
        if !device::is_cpu(&table.device()) {
            return over_padded_symbols(&symbols, table, constant, inputs);
        }
    }
    let table = table.into_dispatch();
    let LstmInputs { bias, recurrent, initial, options } = inputs;
    let [bias, recurrent, initial] =
        [bias.into_dispatch(), recurrent.into_dispatch(), initial.into_dispatch()];
    Tensor::from_dispatch(match constant {
        None => {
            <Dispatch as LstmOps>::lstm_symbols(symbols, table, bias, recurrent, initial, options)
        }
        Some(ConstantInputs { values, weights }) => {
            <Dispatch as LstmOps>::lstm_symbols_and_constant(
                symbols,
                table,
                values.into_dispatch(),
                weights.into_dispatch(),
                bias,
                recurrent,
                initial,
                options,
            )
        }
    })
}

/// Reads packed sequences on devices other than the CPU, whose LSTMs don't support them: pads them
/// with empty steps and drops the outputs of these steps.
fn over_padded_symbols(
    symbols: &SymbolSteps,
    table: Tensor<2>,
    constant: Option<ConstantInputs>,
    inputs: LstmInputs,
) -> Tensor<3> {
    assert!(!inputs.options.reverse, "padded sequences can't be read in reverse");
    let (padded, places) = symbols.padded();
    let n = places.len();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [n]), &table.device());
    let outputs = lstm_over_symbols(Arc::new(padded), table, constant, inputs);
    let [steps, batch, hidden] = outputs.dims();
    outputs.reshape([steps * batch, hidden]).select(0, places).unsqueeze()
}

/// Runs an LSTM over vectors: `values` `[T, B, D]` with `weights` `[D, 4H]`.
///
/// Returns every `h_t`, `[T, B, H]`, at index `t`, or only the last one.
pub(crate) fn lstm_over_vectors(
    values: Tensor<3>,
    weights: Tensor<2>,
    inputs: LstmInputs,
) -> Tensor<3> {
    Tensor::from_dispatch(<Dispatch as LstmOps>::lstm_vectors(
        values.into_dispatch(),
        weights.into_dispatch(),
        inputs.bias.into_dispatch(),
        inputs.recurrent.into_dispatch(),
        inputs.initial.into_dispatch(),
        inputs.options,
    ))
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests;
