//! The model: encoder and decoder.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::config::{ConfigError, MusicVaeConfig};
use crate::cross_entropy::cross_entropy;
use crate::decoder::{Decoder, DecoderInputs};
use crate::device;
use crate::elbo::Elbo;
use crate::encoder::Encoder;
use crate::init::Initializer;
use crate::posterior::Posterior;
use crate::recurrent::SymbolSteps;
use crate::windows::{Batch, Windows};

/// Number of windows that [`MusicVae::encode_windows`] encodes at once.
const ENCODE_BATCH: usize = 256;
/// The same on other devices, where computing a batch costs less than transferring it.
const ENCODE_BATCH_ON_DEVICE: usize = 1024;

/// A MusicVAE, flat or hierarchical (Roberts et al. 2018, arXiv:1803.05428).
///
/// The names of the tensors in a weights file are the paths of these fields, for example
/// `decoder.cores.0.layers.0.recurrent`.
#[derive(Module, Debug)]
pub struct MusicVae {
    /// Maps windows to posteriors.
    pub encoder: Encoder,
    /// Maps latents to windows.
    pub decoder: Decoder,
}

/// Posteriors of many windows, on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Posteriors {
    /// `[n, Z]`, row after row.
    pub mean: Vec<f32>,
    /// `[n, Z]`, row after row.
    pub std_dev: Vec<f32>,
}

impl MusicVae {
    /// A model with new weights, drawn from `seed`.
    ///
    /// # Errors
    /// If a size is not allowed, see [`MusicVaeConfig::validate`].
    pub fn init(config: &MusicVaeConfig, seed: u64, device: &Device) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut init = Initializer::new(seed);
        Ok(Self {
            encoder: Encoder::init(config, &mut init, device),
            decoder: Decoder::init(config, &mut init, device),
        })
    }

    /// Posteriors of a batch.
    pub fn encode(&self, batch: &Batch) -> Posterior {
        self.encoder.forward(batch.symbols())
    }

    /// The evidence lower bound of a batch, for the sample from the posterior given by `noise`
    /// `[B, Z]`.
    ///
    /// `inputs` returns the decoder's inputs for that sample `z`: [`Batch::shifted`] for teacher
    /// forcing, or with some of the model's own samples for scheduled sampling.
    pub fn elbo(
        &self,
        batch: &Batch,
        noise: Tensor<2>,
        inputs: impl FnOnce(&Tensor<2>) -> Arc<SymbolSteps>,
    ) -> Elbo {
        let posterior = self.encode(batch);
        let z = posterior.sample(noise);
        let previous = inputs(&z);
        let inputs = DecoderInputs { previous: &previous, control: batch.control() };
        let logits = self.decoder.forward(z, inputs);
        let targets = batch.parts().segments(self.decoder.n_segments());
        let by_part = logits.into_iter().enumerate().map(|(part, logits)| {
            cross_entropy(logits, targets.slots_in(part..part + 1).ids(), batch.len())
        });
        Elbo {
            reconstruction: by_part
                .reduce(|sum, part| sum + part)
                .expect("a model has at least one part"),
            kl_by_dimension: posterior.kl_by_dimension(),
        }
    }

    /// Posteriors of any number of windows, in batches of a fixed size.
    ///
    /// `done` is called after each batch with the number of windows encoded so far.
    pub fn encode_windows(&self, windows: Windows<'_>, mut done: impl FnMut(usize)) -> Posteriors {
        let mut posteriors = Posteriors::default();
        let batch_size = if device::is_cpu(&self.encoder.mean.kernel.val().device()) {
            ENCODE_BATCH
        } else {
            ENCODE_BATCH_ON_DEVICE
        };
        for first in (0..windows.len()).step_by(batch_size) {
            let range = first..(first + batch_size).min(windows.len());
            let end = range.end;
            let batch = Batch::new(range.map(|i| windows.get(i)), windows.layout());
            let posterior = self.encode(&batch);
            posteriors.mean.extend(host(posterior.mean));
            posteriors.std_dev.extend(host(posterior.std_dev));
            done(end);
        }
        posteriors
    }

    /// The same model with the given precision of weights in products (on the CPU kernel, in
    /// recurrent layers only). The stored weights and their gradients are always `f32`.
    pub(crate) fn with_precision(mut self, precision: lstm_kernel::packed::Precision) -> Self {
        let encoder = self.encoder.layers.iter_mut();
        let layers = encoder.flat_map(|layer| [&mut layer.forward, &mut layer.backward]);
        let conductor = self.decoder.conductor.iter_mut().flat_map(|c| &mut c.layers);
        let cores = self.decoder.cores.iter_mut().flat_map(|core| &mut core.layers);
        for layer in layers.chain(conductor).chain(cores) {
            layer.precision = precision;
        }
        let decoder = &mut self.decoder;
        let conductor = decoder.conductor.iter_mut().map(|conductor| &mut conductor.initial);
        let cores = decoder.cores.iter_mut().flat_map(|core| [&mut core.initial, &mut core.output]);
        let heads = [&mut self.encoder.mean, &mut self.encoder.std_dev];
        for dense in heads.into_iter().chain(conductor).chain(cores) {
            dense.precision = precision;
        }
        self
    }

    /// Dimensions of the latent space, `Z`.
    pub fn z_size(&self) -> usize {
        self.decoder.z_size()
    }
}

/// A tensor's values on the host, row-major.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("all our tensors are f32")
}
