//! A model folder: everything that `--model` needs.

mod config;

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactError, ArtifactResult, JsonFormat, read};
use corpus::kind::Kind;
use musicvae::{Device, Network};
use note_seq::window::WindowForm;
use sha2::{Digest, Sha256};

use crate::latent::LatentSpace;

pub use config::{ImportSummary, ModelConfig, Origin, TrainingSummary};

/// The file of a model folder that holds the weights.
pub(crate) const WEIGHTS: &str = "weights.safetensors";

/// A loaded model folder.
pub struct Model {
    folder: PathBuf,
    config: ModelConfig,
    kind: Kind,
    network: Network,
    latent_space: LatentSpace,
    hash: String,
}

impl Model {
    /// Loads a model folder onto a device.
    ///
    /// # Errors
    /// Returns an error if a file is missing, damaged, or of another version or configuration.
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
        let active = config.active_dimensions.clone();
        let latent_space = LatentSpace::new(config.network.z_size(), active).ok_or_else(|| {
            ArtifactError::Json {
                path: config_path.clone(),
                format: ModelConfig::FORMAT,
                source: serde::de::Error::custom("an active dimension beyond the latent space"),
            }
        })?;
        let path = folder.join(WEIGHTS);
        let bytes = read(&path)?;
        let network = Network::from_safetensors(&config.network, &bytes, device)
            .map_err(|source| ArtifactError::weights(&path, source))?;
        let hash = hash(&bytes, &read(&config_path)?);
        let folder = folder.to_owned();
        Ok(Self { folder, config, kind, network, latent_space, hash })
    }

    /// The folder it was loaded from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The kind of its windows.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The form of its windows: the meaning of their tokens.
    pub fn form(&self) -> &WindowForm {
        self.network.form()
    }

    /// First 16 hexadecimal digits of the SHA-256 of weights and configuration.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Its latent space.
    pub fn latent_space(&self) -> &LatentSpace {
        &self.latent_space
    }

    /// Number of dimensions of its latent space.
    pub fn z_size(&self) -> usize {
        self.latent_space.z_size()
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
    fn every_kind_has_a_model_of_its_windows() {
        for name in Kind::NAMES {
            let kind = Kind::find(name).unwrap();
            let presets = musicvae::presets::of_any_form();
            let preset = presets.into_iter().find(|preset| preset.kind == name).unwrap();
            assert_eq!(preset.model.form(), kind.form(), "{name}");
        }
    }

    #[test]
    fn the_hash_is_that_of_both_files_together() {
        // SHA-256 of "abc", whose first 16 digits are well known (FIPS 180-2, B.1).
        assert_eq!(hash(b"ab", b"c"), "ba7816bf8f01cfea");
    }
}
