//! The model: encoder and decoder of note lists.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use note_seq::NoteList;

use super::batch::NoteListBatch;
use super::config::NoteListVaeConfig;
use super::decoder::NoteListDecoder;
use super::elbo::NoteListElbo;
use super::encoder::NoteListEncoder;
use crate::config::ConfigError;
use crate::init::Initializer;
use crate::model::{Posteriors, host};
use crate::posterior::Posterior;
use crate::weights::{self, Precision, WeightsError};

/// Windows that [`NoteListVae::encode_windows`] puts through the encoder at once.
const ENCODE_BATCH: usize = 256;

/// A VAE over note lists, see the [module](super).
///
/// The tensors' names in a weights file are the paths of these fields, such as
/// `decoder.list.recurrent`.
#[derive(Module, Debug)]
pub struct NoteListVae {
    /// Window to posterior.
    pub encoder: NoteListEncoder,
    /// Latent to window.
    pub decoder: NoteListDecoder,
}

impl NoteListVae {
    /// A model with fresh weights, drawn from `seed`.
    ///
    /// # Errors
    /// If a size is not allowed, see [`NoteListVaeConfig::validate`].
    pub fn init(
        config: &NoteListVaeConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut init = Initializer::new(seed);
        Ok(Self {
            encoder: NoteListEncoder::init(config, &mut init, device),
            decoder: NoteListDecoder::init(config, &mut init, device),
        })
    }

    /// Posteriors of a batch.
    pub fn encode(&self, batch: &NoteListBatch) -> Posterior {
        self.encoder.forward(batch)
    }

    /// The evidence lower bound of a batch, for the posterior's sample that `noise` `[B, Z]` picks.
    pub fn elbo(&self, batch: &Arc<NoteListBatch>, noise: Tensor<2>) -> NoteListElbo {
        let posterior = self.encode(batch);
        let z = posterior.sample(noise);
        NoteListElbo {
            fields: self.decoder.cross_entropies(z, batch),
            kl_by_dimension: posterior.kl_by_dimension(),
        }
    }

    /// Posteriors of any number of windows of the model's encoding, in batches of a fixed size.
    ///
    /// `done` hears after each batch how many windows are encoded.
    pub fn encode_windows(&self, lists: &[NoteList], mut done: impl FnMut(usize)) -> Posteriors {
        let mut posteriors = Posteriors::default();
        let mut n_done = 0;
        for lists in lists.chunks(ENCODE_BATCH) {
            let posterior = self.encode(&NoteListBatch::new(lists));
            posteriors.mean.extend(host(posterior.mean));
            posteriors.std_dev.extend(host(posterior.std_dev));
            n_done += lists.len();
            done(n_done);
        }
        posteriors
    }

    /// Dimensions of the latent space, `Z`.
    pub fn z_size(&self) -> usize {
        self.decoder.z_size()
    }

    /// The number of weights.
    pub fn n_weights(&self) -> usize {
        self.num_params()
    }

    /// The weights as a safetensors file.
    pub fn to_safetensors(&self, precision: Precision) -> Vec<u8> {
        weights::write(&weights::tensors(self), precision)
    }

    /// A model of a configuration with the weights of a safetensors file.
    ///
    /// # Errors
    /// If the file is damaged or is not of this configuration; see [`WeightsError`].
    pub fn from_safetensors(
        config: &NoteListVaeConfig,
        bytes: &[u8],
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let model = Self::init(config, 0, device)?;
        weights::replace(model, weights::read(bytes)?)
    }
}
