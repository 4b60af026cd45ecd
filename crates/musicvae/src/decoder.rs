//! The recurrent decoder in training; for generation see [`crate::generate`].

use std::ops::Range;
use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::conductor::Conductor;
use crate::config::MusicVaeConfig;
use crate::dense::Dense;
use crate::init::Initializer;
use crate::linear::Activation;
use crate::lstm::LstmLayer;
use crate::recurrent::{ConstantInputs, SymbolSteps};
use crate::stack::Stack;

/// Decodes latents into logits over the classes of each part.
///
/// The cores of a flat decoder read the latent. In a hierarchical decoder, the conductor turns the
/// latent into an embedding for each segment of the window, and the cores read the embedding
/// instead. Their states are reset at the start of each segment, but they still read the class
/// before it.
#[derive(Module, Debug)]
pub struct Decoder {
    /// The upper level of a hierarchical decoder.
    pub conductor: Option<Conductor>,
    /// One for all parts, or one per part.
    pub cores: Vec<Core>,
    /// Number of segments of a window.
    #[module(skip)]
    n_segments: usize,
    /// Number of steps of a segment.
    #[module(skip)]
    segment_steps: usize,
}

/// Generates some parts, step by step, from a latent (or from the embedding of a conductor, which
/// replaces it).
///
/// z acts twice: a tanh layer turns it into the initial state of every layer, and it enters the
/// first layer's gates at each step together with the previous classes. The latter contribution is
/// constant within a sequence and is computed once.
#[derive(Module, Debug)]
pub struct Core {
    /// `[Z, 2 ΣH]`: computes the initial states, in the order `c_0 h_0 c_1 h_1 …` of the layers.
    pub initial: Dense,
    /// `[Z, 4H]`: the latent's weights in the first layer's gates.
    pub latent: Param<Tensor<2>>,
    /// The layers; the first reads symbols, each other one the layer below.
    ///
    /// The first layer's symbols are the classes of its parts, one part after the other, followed
    /// by those of the control.
    pub layers: Vec<LstmLayer>,
    /// `[H, ΣV]`: maps the top layer's output to logits, one part after the other.
    pub output: Dense,
    /// The parts it generates.
    #[module(skip)]
    pub parts: Range<usize>,
    /// Number of classes of each of its parts.
    #[module(skip)]
    pub n_classes: Vec<usize>,
}

/// The input symbols of a decoder at each step.
#[derive(Clone, Copy, Debug)]
pub struct DecoderInputs<'a> {
    /// `[T, B, n_parts]`: the previous class of each part.
    pub previous: &'a Arc<SymbolSteps>,
    /// `[T, B, 1]`: the control's class at the step itself, if the model has a control.
    pub control: Option<&'a Arc<SymbolSteps>>,
}

impl Decoder {
    pub(crate) fn init(config: &MusicVaeConfig, init: &mut Initializer, device: &Device) -> Self {
        let conductor = config
            .conductor
            .as_ref()
            .map(|conductor| Conductor::init(config.z_size, &conductor.sizes, init, device));
        let z_size = conductor.as_ref().map_or(config.z_size, Conductor::embedding_size);
        let cores = config.core_parts();
        let n_segments = config.n_segments();
        Self {
            conductor,
            cores: cores
                .into_iter()
                .map(|parts| Core::init(config, parts, z_size, init, device))
                .collect(),
            n_segments,
            segment_steps: config.n_steps / n_segments,
        }
    }

    /// Logits of each part, given z and the input symbols.
    ///
    /// With a conductor, the steps of all segments are computed side by side: rows are in the order
    /// of [`SymbolSteps::segments`] of the window.
    ///
    /// # Shapes
    /// - `z`: `[B, Z]`; the result: `[T * B, V]` for each part, time first.
    pub fn forward(&self, z: Tensor<2>, inputs: DecoderInputs<'_>) -> Vec<Tensor<2>> {
        let n_segments = self.n_segments;
        let (z, previous, control) = match &self.conductor {
            None => (z, Arc::clone(inputs.previous), inputs.control.cloned()),
            Some(conductor) => (
                conductor.forward(z, n_segments),
                Arc::new(inputs.previous.segments(n_segments)),
                inputs.control.map(|control| Arc::new(control.segments(n_segments))),
            ),
        };
        self.cores
            .iter()
            .flat_map(|core| core.forward(z.clone(), &previous, control.as_deref()))
            .collect()
    }

    /// Number of segments of a window; 1 without a conductor.
    pub fn n_segments(&self) -> usize {
        self.n_segments
    }

    /// Number of steps of a segment; that of the window without a conductor.
    pub fn segment_steps(&self) -> usize {
        self.segment_steps
    }

    /// Dimensions of the latent space, `Z`.
    pub fn z_size(&self) -> usize {
        match &self.conductor {
            Some(conductor) => conductor.initial.kernel.val().dims()[0],
            None => self.cores[0].latent.val().dims()[0],
        }
    }
}

impl Core {
    fn init(
        config: &MusicVaeConfig,
        parts: Range<usize>,
        z: usize,
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let n_classes = config.n_classes[parts.clone()].to_vec();
        let classes = n_classes.iter().sum::<usize>();
        let symbols = classes + config.n_controls();
        let mut below = None;
        let layers: Vec<LstmLayer> = config
            .decoder_sizes
            .iter()
            .map(|&hidden| {
                let layer = match below {
                    None => LstmLayer::init(symbols, z, hidden, init, device),
                    Some(below) => LstmLayer::init(below, 0, hidden, init, device),
                };
                below = Some(hidden);
                layer
            })
            .collect();
        let first = config.decoder_sizes[0];
        let top = *config.decoder_sizes.last().expect("a checked configuration has layers");
        let n_states = 2 * config.decoder_sizes.iter().sum::<usize>();
        let fans = symbols + z + first + 4 * first;
        Self {
            initial: Dense::small(z, n_states, init, device),
            latent: init.glorot([z, 4 * first], fans, device),
            layers,
            output: Dense::glorot(top, classes, init, device),
            parts,
            n_classes,
        }
    }

    /// Logits of each of the core's parts.
    fn forward(
        &self,
        z: Tensor<2>,
        previous: &Arc<SymbolSteps>,
        control: Option<&SymbolSteps>,
    ) -> Vec<Tensor<2>> {
        let symbols = self.symbols(previous, control);
        let latent = ConstantInputs { values: z.clone(), weights: self.latent.val() };
        let initial = self.initial.forward_with(z, Activation::Tanh);
        let outputs = Stack {
            symbols: &symbols,
            constant: Some(latent),
            initial: Some(initial),
            layers: self.layers.iter().collect(),
            is_bidirectional: false,
            last_only: false,
        }
        .run();
        let [steps, batch, hidden] = outputs.dims();
        let logits = self.output.forward(outputs.reshape([steps * batch, hidden]));
        if let [_] = self.n_classes.as_slice() {
            return vec![logits];
        }
        let mut first = 0;
        self.n_classes
            .iter()
            .map(|n| {
                let columns = first..first + n;
                first = columns.end;
                logits.clone().slice_dim(1, columns)
            })
            .collect()
    }

    /// The input symbols of the first layer.
    fn symbols(
        &self,
        previous: &Arc<SymbolSteps>,
        control: Option<&SymbolSteps>,
    ) -> Arc<SymbolSteps> {
        if control.is_none() && self.parts == (0..1) && previous.slots() == 1 {
            return Arc::clone(previous);
        }
        let own = previous.slots_in(self.parts.clone());
        // The control's classes come last, so the length of their range is not needed.
        let mut n_classes = self.n_classes.clone();
        n_classes.push(0);
        let all = match control {
            Some(control) => own.with_slots_of(control),
            None => own,
        };
        Arc::new(all.side_by_side(&n_classes))
    }
}
