//! The recurrent decoder, as it is trained; for generation see [`crate::generate`].

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::config::MusicVaeConfig;
use crate::dense::Dense;
use crate::init::Initializer;
use crate::lstm::LstmLayer;
use crate::recurrent::SymbolSteps;

/// Decodes latents into logits over classes.
///
/// z acts twice: through a tanh layer it sets the initial state of every layer, and it enters the
/// first layer's gates at each step beside the previous symbol. The latter part does not change
/// within a sequence and is computed once.
#[derive(Module, Debug)]
pub struct Decoder {
    /// `[Z, 2 ΣH]`: the initial states, in the order `c_0 h_0 c_1 h_1 …` of the layers.
    pub initial: Dense,
    /// `[Z, 4H]`: z's part of the first layer's gates.
    pub latent: Param<Tensor<2>>,
    /// The stack; the first layer reads symbols, each other one the layer below.
    pub layers: Vec<LstmLayer>,
    /// `[H, V]`: the top layer's output to logits.
    pub output: Dense,
}

impl Decoder {
    pub(crate) fn init(config: &MusicVaeConfig, init: &mut Initializer, device: &Device) -> Self {
        let (z, classes) = (config.z_size, config.n_classes);
        let mut below = None;
        let layers: Vec<LstmLayer> = config
            .decoder_sizes
            .iter()
            .map(|&hidden| {
                let layer = match below {
                    None => LstmLayer::init(classes, z, hidden, init, device),
                    Some(below) => LstmLayer::init(below, 0, hidden, init, device),
                };
                below = Some(hidden);
                layer
            })
            .collect();
        let first = config.decoder_sizes[0];
        let top = *config.decoder_sizes.last().expect("a checked configuration has layers");
        let n_states = 2 * config.decoder_sizes.iter().sum::<usize>();
        let fans = classes + z + first + 4 * first;
        Self {
            initial: Dense::small(z, n_states, init, device),
            latent: init.glorot([z, 4 * first], fans, device),
            layers,
            output: Dense::glorot(top, classes, init, device),
        }
    }

    /// Logits of each step, given z and the symbols that enter (the targets, one step late).
    ///
    /// # Shapes
    /// - `z`: `[B, Z]`; `previous`: `[T, B, slots]`; the result: `[T * B, V]`, time first.
    pub fn forward(&self, z: Tensor<2>, previous: &Arc<SymbolSteps>) -> Tensor<2> {
        let initial = self.initial.forward(z.clone()).tanh();
        let mut first_column = 0;
        let mut outputs: Option<Tensor<3>> = None;
        for layer in &self.layers {
            let columns = first_column..first_column + 2 * layer.hidden();
            first_column = columns.end;
            let initial = Some(initial.clone().slice_dim(1, columns));
            outputs = Some(match outputs {
                None => {
                    let context = z.clone().matmul(self.latent.val());
                    layer.over_symbols(Arc::clone(previous), Some(context), initial, false)
                }
                Some(below) => layer.over_vectors(below, initial, false),
            });
        }
        let outputs = outputs.expect("a checked configuration has layers");
        let [steps, batch, hidden] = outputs.dims();
        self.output.forward(outputs.reshape([steps * batch, hidden]))
    }
}
