//! The bidirectional recurrent encoder.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;

use crate::config::{EncoderInput, MusicVaeConfig};
use crate::dense::Dense;
use crate::init::Initializer;
use crate::linear::Activation;
use crate::lstm::LstmLayer;
use crate::posterior::Posterior;
use crate::recurrent::SymbolSteps;
use crate::stack::Stack;

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
/// The final states of both directions of the last layer are concatenated to `e`, then
/// `mean = e W_m + b_m` and `std_dev = softplus(e W_s + b_s)`.
#[derive(Module, Debug)]
pub struct Encoder {
    /// The layers; each layer above the first reads the outputs of both directions below it.
    pub layers: Vec<BidirectionalLayer>,
    /// `[2H, Z]`.
    pub mean: Dense,
    /// `[2H, Z]`.
    pub std_dev: Dense,
    /// How classes are presented to the first layer.
    #[module(skip)]
    pub input: EncoderInput,
    /// Number of drums of a class, if classes are presented as sets of drums.
    #[module(skip)]
    n_drums: usize,
}

impl Encoder {
    pub(crate) fn init(config: &MusicVaeConfig, init: &mut Initializer, device: &Device) -> Self {
        let mut n_inputs = config.encoder_width();
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
            input: config.encoder_input,
            n_drums: EncoderInput::DrumRoll.width(config.n_classes[0]) - 1,
        }
    }

    /// Encodes a batch.
    ///
    /// # Shapes
    /// - `symbols`, those of all tracks at each step: `[T, B, n_tracks]`; mean and standard
    ///   deviation: `[B, Z]`.
    pub fn forward(&self, symbols: &Arc<SymbolSteps>) -> Posterior {
        let symbols = match self.input {
            EncoderInput::Class => Arc::clone(symbols),
            EncoderInput::DrumRoll => Arc::new(drum_roll(symbols, self.n_drums)),
        };
        let layers = self.layers.iter().flat_map(|layer| [&layer.forward, &layer.backward]);
        let both = Stack {
            symbols: &symbols,
            constant: None,
            initial: None,
            layers: layers.collect(),
            is_bidirectional: true,
            last_only: true,
        }
        .run();
        let encoded = both.squeeze_dim::<2>(0);
        Posterior {
            mean: self.mean.forward(encoded.clone()),
            std_dev: self.std_dev.forward_with(encoded, Activation::Softplus),
        }
    }
}

/// Replaces the first slot's classes by the sets of drums they stand for: one symbol per set bit,
/// or the symbol `n_drums` if none is set. The symbols of further slots follow after these.
fn drum_roll(classes: &SymbolSteps, n_drums: usize) -> SymbolSteps {
    let symbol = |drum: usize| i32::try_from(drum).expect("a set has at most 14 drums");
    let mut ids = Vec::with_capacity(classes.ids().len() * n_drums);
    for step in classes.ids().chunks_exact(classes.slots()) {
        let class = step[0];
        let is_hit = |drum: &usize| class > 0 && class >> drum & 1 == 1;
        let mut slots: Vec<i32> = (0..n_drums).filter(is_hit).map(symbol).collect();
        if class == 0 {
            slots.push(symbol(n_drums));
        }
        slots.resize(n_drums, SymbolSteps::NONE);
        ids.extend(slots);
        ids.extend(step[1..].iter().map(|id| id - (1 << n_drums) + symbol(n_drums + 1)));
    }
    let slots = n_drums + classes.slots() - 1;
    SymbolSteps::new(ids, [classes.steps(), classes.batch(), slots])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_becomes_the_set_of_its_drums() {
        const NONE: i32 = SymbolSteps::NONE;
        // Three drums: an empty set, the first and third (binary 101), all, and an empty slot.
        let classes = SymbolSteps::new(vec![0, 5, 7, NONE], [2, 2, 1]);
        let roll = drum_roll(&classes, 3);
        assert_eq!(roll.slots(), 3);
        let expected = [3, NONE, NONE, 0, 2, NONE, 0, 1, 2, NONE, NONE, NONE];
        assert_eq!(roll.ids(), expected);
    }

    #[test]
    fn what_stands_beside_a_drum_roll_follows_on_from_it() {
        // Classes 0 to 7, then those of a control, whose 0 and 5 are symbols 8 and 13.
        let classes = SymbolSteps::new(vec![5, 8, 0, 13], [2, 1, 2]);
        let roll = drum_roll(&classes, 3);
        assert_eq!(
            roll.ids(),
            [0, 2, SymbolSteps::NONE, 4, 3, SymbolSteps::NONE, SymbolSteps::NONE, 9]
        );
    }
}
