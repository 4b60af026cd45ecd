//! A stack of LSTM layers over symbols, in one direction or both.

use std::sync::Arc;

use burn::tensor::Tensor;

use crate::lstm::{LstmLayer, Reading};
use crate::recurrent::{ConstantInputs, SymbolSteps, fused};

/// The inputs and layers of a pass.
pub(crate) struct Stack<'a> {
    pub(crate) symbols: &'a Arc<SymbolSteps>,
    /// Constant inputs of the first layer.
    pub(crate) constant: Option<ConstantInputs>,
    /// `[B, 2 ΣH]` in the order `c_0 h_0 c_1 h_1 …` of `layers`; zeros if `None`.
    pub(crate) initial: Option<Tensor<2>>,
    /// Layer by layer, with the directions of each layer next to each other.
    pub(crate) layers: Vec<&'a LstmLayer>,
    /// Whether each layer reads in both directions. The one above then reads both outputs.
    pub(crate) is_bidirectional: bool,
    /// Return only the final output of each direction.
    pub(crate) last_only: bool,
}

impl Stack<'_> {
    /// The top layer's outputs, `[T, B, H]`, or the last ones, `[1, B, H]`; those of two directions
    /// are concatenated.
    ///
    /// Runs as one operation if the backend has one that is faster than layer by layer.
    pub(crate) fn run(self) -> Tensor<3> {
        match fused::run(&self) {
            Some(outputs) => outputs,
            None => self.layer_by_layer(),
        }
    }

    fn layer_by_layer(self) -> Tensor<3> {
        let n_directions = if self.is_bidirectional { 2 } else { 1 };
        let n_layers = self.layers.len() / n_directions;
        let mut states = self.initial.map(|initial| initial_states(&self.layers, initial));
        let mut state = || states.as_mut().and_then(Iterator::next);
        let mut constant = self.constant;
        let mut below: Option<Tensor<3>> = None;
        for (n, directions) in self.layers.chunks_exact(n_directions).enumerate() {
            // Layers below others must return every output.
            let last_only = self.last_only && n + 1 == n_layers;
            let mut outputs = Vec::new();
            for (layer, reverse) in directions.iter().zip([false, true]) {
                let reading = Reading { reverse, last_only };
                outputs.push(if let Some(below) = &below {
                    layer.over_vectors(below.clone(), state(), reading)
                } else {
                    let symbols = Arc::clone(self.symbols);
                    layer.over_symbols(symbols, constant.take(), state(), reading)
                });
            }
            below = Some(match <[_; 1]>::try_from(outputs) {
                Ok([outputs]) => outputs,
                Err(both) => Tensor::cat(both, 2),
            });
        }
        below.expect("a checked configuration has layers")
    }
}

/// Each layer's `[B, 2H]` of `[B, 2 ΣH]`.
pub(crate) fn initial_states<'a>(
    layers: &'a [&LstmLayer],
    initial: Tensor<2>,
) -> impl Iterator<Item = Tensor<2>> + use<'a> {
    let mut first = 0;
    layers.iter().map(move |layer| {
        let columns = first..first + 2 * layer.hidden();
        first = columns.end;
        initial.clone().slice_dim(1, columns)
    })
}
