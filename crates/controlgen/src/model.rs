//! A model folder: everything that `--model` needs, in files of its own.

use std::path::{Path, PathBuf};

use musicvae::{Baselines, Device, Network, NetworkConfig, Scores, TrainingConfig};
use note_seq::window::WindowForm;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::artifact::{ArtifactError, ArtifactResult, JsonFormat, read};
use crate::import::ImportSummary;
use crate::kind::Kind;
use crate::training::Origin;

/// `config.json` of a model folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// What the model is of: `mel-2bar`.
    pub kind: String,
    /// Sizes: the field `musicvae` or `note_list_vae`.
    #[serde(flatten)]
    pub network: NetworkConfig,
    /// Latent dimensions that carry information; mixtures are fitted on these, in this order.
    pub active_dimensions: Vec<usize>,
    /// How it was trained; none if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingSummary>,
    /// Where it was imported from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportSummary>,
}

/// How a model was trained, and how well it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSummary {
    /// The preset it started from.
    pub preset: String,
    /// The model whose weights it began with, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// The version of the program that trained it.
    pub program_version: String,
    /// The seed of every draw.
    pub seed: u64,
    /// Hash of the corpus it was trained on.
    pub corpus_hash: String,
    /// Windows it learnt from.
    pub n_train_windows: usize,
    /// Steps after which these weights were taken, as the best on held-out windows.
    pub n_steps: u64,
    /// Training settings.
    pub config: TrainingConfig,
    /// Figures on the held-out windows that are not in train; none if there are no such windows.
    pub heldout: Option<Scores>,
    /// What predictors without a model reach on the same windows.
    pub baselines: Option<Baselines>,
}

impl JsonFormat for ModelConfig {
    const FORMAT: &'static str = "controlgen.model";
    const VERSION: u32 = 1;
}

/// The file of a model folder that holds the weights.
pub(crate) const WEIGHTS: &str = "weights.safetensors";

/// A loaded model folder.
pub struct Model {
    folder: PathBuf,
    config: ModelConfig,
    kind: Kind,
    network: Network,
    hash: String,
}

impl Model {
    /// Loads a model folder onto a device.
    ///
    /// # Errors
    /// Where a file is missing, damaged, or of another version or configuration.
    pub fn load(folder: &Path, device: &Device) -> ArtifactResult<Self> {
        let config_path = folder.join("config.json");
        if !config_path.exists() {
            return Err(ArtifactError::Missing {
                path: folder.to_owned(),
                what: "`config.json`",
                remedy: "give a model folder, such as `RUN/model` of a training run",
            });
        }
        let config = ModelConfig::load(&config_path)?;
        let kind = Kind::find(&config.kind).map_err(|error| ArtifactError::Json {
            path: config_path.clone(),
            format: ModelConfig::FORMAT,
            source: serde::de::Error::custom(error),
        })?;
        let z_size = config.network.z_size();
        if config.active_dimensions.iter().any(|dimension| *dimension >= z_size) {
            return Err(ArtifactError::Json {
                path: config_path.clone(),
                format: ModelConfig::FORMAT,
                source: serde::de::Error::custom("an active dimension beyond the latent space"),
            });
        }
        let path = folder.join(WEIGHTS);
        let bytes = read(&path)?;
        let network = Network::from_safetensors(&config.network, &bytes, device)
            .map_err(|source| ArtifactError::Weights { path, source })?;
        let hash = hash(&bytes, &read(&config_path)?);
        Ok(Self { folder: folder.to_owned(), config, kind, network, hash })
    }

    /// Where it was loaded from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// What it is of.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What the tokens of its windows mean.
    pub fn form(&self) -> &WindowForm {
        self.network.form()
    }

    /// First 16 hexadecimal digits of the SHA-256 of weights and configuration.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Dimensions of its latent space.
    pub fn z_size(&self) -> usize {
        self.config.network.z_size()
    }
}

/// The hash of a model: first 16 hexadecimal digits of the SHA-256 of `weights.safetensors`
/// followed by `config.json`.
fn hash(weights: &[u8], config: &[u8]) -> String {
    use std::fmt::Write;
    let digest = Sha256::new().chain_update(weights).chain_update(config).finalize();
    digest.iter().take(8).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_both_files_together() {
        // SHA-256 of "abc", of which the first 16 digits are well known (FIPS 180-2, B.1).
        assert_eq!(hash(b"ab", b"c"), "ba7816bf8f01cfea");
    }
}
