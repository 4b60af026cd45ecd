//! The upper level of a hierarchical decoder.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::dense::Dense;
use crate::init::Initializer;
use crate::linear::Activation;
use crate::lstm::LstmLayer;
use crate::recurrent::SymbolSteps;
use crate::stack::Stack;

/// Turns a latent into an embedding for each segment of a window, with an LSTM that starts from z
/// and has no input.
///
/// As in Magenta's code (but unlike the paper, which has a projection), an embedding is the output
/// of the top layer itself.
#[derive(Module, Debug)]
pub struct Conductor {
    /// `[Z, 2 ΣH]`: computes the initial states, in the order `c_0 h_0 c_1 h_1 …` of the layers.
    pub initial: Dense,
    /// The layers. The input weights of the first have one row, which is never read or trained;
    /// Magenta's kernels contain it because its conductor is fed a zero.
    pub layers: Vec<LstmLayer>,
}

impl Conductor {
    pub(crate) fn init(
        z_size: usize,
        sizes: &[usize],
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let mut n_inputs = 1;
        let layers = sizes
            .iter()
            .map(|&hidden| {
                let layer = LstmLayer::init(n_inputs, 0, hidden, init, device);
                n_inputs = hidden;
                layer
            })
            .collect();
        let n_states = 2 * sizes.iter().sum::<usize>();
        Self { initial: Dense::small(z_size, n_states, init, device), layers }
    }

    /// Embeddings of the segments.
    ///
    /// # Shapes
    /// - `z`: `[B, Z]`; the result: `[n_segments * B, H]`, with all sequences of a segment
    ///   together.
    pub fn forward(&self, z: Tensor<2>, n_segments: usize) -> Tensor<2> {
        let batch = z.dims()[0];
        let nothing = vec![SymbolSteps::NONE; n_segments * batch];
        let nothing = Arc::new(SymbolSteps::new(nothing, [n_segments, batch, 1]));
        let initial = self.initial.forward_with(z, Activation::Tanh);
        let outputs = Stack {
            symbols: &nothing,
            constant: None,
            initial: Some(initial),
            layers: self.layers.iter().collect(),
            is_bidirectional: false,
            last_only: false,
        }
        .run();
        let [steps, batch, hidden] = outputs.dims();
        outputs.reshape([steps * batch, hidden])
    }

    /// Length of an embedding.
    pub fn embedding_size(&self) -> usize {
        self.layers.last().map_or(0, LstmLayer::hidden)
    }
}
