//! The weights of one LSTM layer.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use lstm_kernel::packed::Precision;

use crate::init::Initializer;
use crate::recurrent::{
    ConstantInputs, LstmInputs, PassOptions, SymbolSteps, lstm_over_symbols, lstm_over_vectors,
};

/// How a layer reads its input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    /// From the last step to the first.
    pub(crate) reverse: bool,
    /// Return only the output of the step that is read last, `[1, B, H]`, instead of that of every
    /// step.
    pub(crate) last_only: bool,
}

/// The weights of an LSTM layer, with columns in four blocks: input, candidate, forget, output
/// gate.
///
/// Magenta has one kernel of `[n_inputs + H, 4H]`; here its parts are separate, because they enter
/// the gates in different ways: symbols select rows, vectors and states are multiplied, a latent
/// enters once per sequence. 1 is added to the forget gate at run time and is not part of the bias.
#[derive(Module, Debug)]
pub struct LstmLayer {
    /// `[n_inputs, 4H]`.
    pub input: Param<Tensor<2>>,
    /// `[H, 4H]`.
    pub recurrent: Param<Tensor<2>>,
    /// `[4H]`, initialized to 0.
    pub bias: Param<Tensor<1>>,
    /// Precision of the recurrent weights.
    #[module(skip)]
    pub(crate) precision: Precision,
}

impl LstmLayer {
    /// A Glorot-uniform layer; `n_more_inputs` is the number of rows of the kernel that are stored
    /// elsewhere.
    pub(crate) fn init(
        n_inputs: usize,
        n_more_inputs: usize,
        hidden: usize,
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let fans = n_inputs + n_more_inputs + hidden + 4 * hidden;
        Self {
            input: init.glorot([n_inputs, 4 * hidden], fans, device),
            recurrent: init.glorot([hidden, 4 * hidden], fans, device),
            bias: init.zeros(4 * hidden, device),
            precision: Precision::F32,
        }
    }

    /// Units of the layer, `H`.
    pub fn hidden(&self) -> usize {
        self.recurrent.val().dims()[0]
    }

    /// Runs over symbols, with a given initial state `[B, 2H]` or zeros.
    ///
    /// Returns `[T, B, H]`, or `[1, B, H]` if only the last output is requested.
    pub(crate) fn over_symbols(
        &self,
        symbols: Arc<SymbolSteps>,
        constant: Option<ConstantInputs>,
        initial: Option<Tensor<2>>,
        reading: Reading,
    ) -> Tensor<3> {
        let inputs = self.inputs(symbols.batch(), initial, reading);
        lstm_over_symbols(symbols, self.input.val(), constant, inputs)
    }

    /// Runs over vectors `[T, B, n_inputs]`; returns the same as [`LstmLayer::over_symbols`].
    pub(crate) fn over_vectors(
        &self,
        values: Tensor<3>,
        initial: Option<Tensor<2>>,
        reading: Reading,
    ) -> Tensor<3> {
        let inputs = self.inputs(values.dims()[1], initial, reading);
        lstm_over_vectors(values, self.input.val(), inputs)
    }

    fn inputs(&self, batch: usize, initial: Option<Tensor<2>>, reading: Reading) -> LstmInputs {
        let recurrent = self.recurrent.val();
        let hidden = recurrent.dims()[0];
        let initial =
            initial.unwrap_or_else(|| Tensor::zeros([batch, 2 * hidden], &recurrent.device()));
        let Reading { reverse, last_only } = reading;
        let options = PassOptions { reverse, last_only, precision: self.precision };
        LstmInputs { bias: self.bias.val(), recurrent, initial, options }
    }
}
