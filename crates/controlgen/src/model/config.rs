//! `config.json` of a model folder.

use std::path::PathBuf;

use corpus::artifact::JsonFormat;
use musicvae::{Baselines, NetworkConfig, Scores, TrainingConfig};
use serde::{Deserialize, Serialize};

/// `config.json` of a model folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The kind of window, for example `mel-2bar`.
    pub kind: String,
    /// Sizes: the field `musicvae` or `note_list_vae`.
    #[serde(flatten)]
    pub network: NetworkConfig,
    /// Latent dimensions that carry information; mixtures are fitted on these, in this order.
    pub active_dimensions: Vec<usize>,
    /// How it was trained; `None` if it was imported.
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
    /// Number of training windows.
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

/// Where a model's training began; part of its `config.json` and of its run's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The model folder, as it was given.
    #[serde(with = "corpus::path_text")]
    pub folder: PathBuf,
    /// Hash of the model, see [`Model::hash`](super::Model::hash).
    pub hash: String,
    /// Hash of the corpus it was trained on; none if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus_hash: Option<String>,
    /// The published checkpoint it was imported from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<String>,
    /// Steps it was trained for, with those of models it went on from; none if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_steps: Option<u64>,
}

/// Where an imported model comes from; part of its `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Name of the file or folder that was imported.
    pub source: String,
    /// `tensorflow-js`, `deeplearn-js` or `tensorflow`.
    pub form: String,
    /// The version of the program that imported it.
    pub program_version: String,
    /// The standard deviation given to every posterior, where the checkpoint has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_dev: Option<f32>,
    /// Hash of the corpus whose windows told the active dimensions; without one, all dimensions
    /// count as active.
    pub corpus_hash: Option<String>,
}
