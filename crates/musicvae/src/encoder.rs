//! The bidirectional recurrent encoder.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::config::MusicVaeConfig;
use crate::dense::Dense;
use crate::init::Initializer;
use crate::lstm::LstmLayer;
use crate::posterior::Posterior;
use crate::recurrent::SymbolSteps;

/// A forward and a backward LSTM over the same input.
#[derive(Module, Debug)]
pub struct BidirectionalLayer {
    /// Reads from the first step to the last.
    pub forward: LstmLayer,
    /// Reads from the last step to the first.
    pub backward: LstmLayer,
}

/// Encodes windows into posteriors.
///
/// The last layer's final states of both directions are concatenated, then
/// `mean = e W_m + b_m` and `std_dev = softplus(e W_s + b_s)`.
#[derive(Module, Debug)]
pub struct Encoder {
    /// The stack; a layer above the first reads both directions' outputs of the one below.
    pub layers: Vec<BidirectionalLayer>,
    /// `[2H, Z]`.
    pub mean: Dense,
    /// `[2H, Z]`.
    pub std_dev: Dense,
}

impl Encoder {
    pub(crate) fn init(config: &MusicVaeConfig, init: &mut Initializer, device: &Device) -> Self {
        let mut n_inputs = config.n_classes;
        let layers = config
            .encoder_sizes
            .iter()
            .map(|&hidden| {
                let mut layer = || LstmLayer::init(n_inputs, 0, hidden, init, device);
                let layer = BidirectionalLayer { forward: layer(), backward: layer() };
                n_inputs = 2 * hidden;
                layer
            })
            .collect();
        Self {
            layers,
            mean: Dense::small(n_inputs, config.z_size, init, device),
            std_dev: Dense::small(n_inputs, config.z_size, init, device),
        }
    }

    /// # Shapes
    /// - `symbols`: `[T, B, slots]`; mean and standard deviation: `[B, Z]`.
    pub fn forward(&self, symbols: &Arc<SymbolSteps>) -> Posterior {
        let (first, above) = self.layers.split_first().expect("a checked configuration has layers");
        let mut forward = first.forward.over_symbols(Arc::clone(symbols), None, None, false);
        let mut backward = first.backward.over_symbols(Arc::clone(symbols), None, None, true);
        for layer in above {
            let both = Tensor::cat(vec![forward, backward], 2);
            forward = layer.forward.over_vectors(both.clone(), None, false);
            backward = layer.backward.over_vectors(both, None, true);
        }
        let last = symbols.steps() - 1;
        let forward = forward.slice_dim(0, last..last + 1).squeeze_dim::<2>(0);
        let backward = backward.slice_dim(0, 0..1).squeeze_dim::<2>(0);
        let encoded = Tensor::cat(vec![forward, backward], 1);
        Posterior {
            mean: self.mean.forward(encoded.clone()),
            std_dev: softplus(self.std_dev.forward(encoded)),
        }
    }
}

/// `ln(1 + e^x)` as `max(x, 0) + ln(1 + e^-|x|)`, which never overflows.
fn softplus(x: Tensor<2>) -> Tensor<2> {
    relu(x.clone()) + x.abs().neg().exp().log1p()
}
