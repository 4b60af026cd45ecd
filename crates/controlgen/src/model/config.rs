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
    /// The training of the model; `None` if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingSummary>,
    /// The source of an imported model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<ImportSummary>,
}

/// The training of a model, with its scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingSummary {
    /// The preset it started from.
    pub preset: String,
    /// The model whose weights training started from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// The version of the program that trained it.
    pub program_version: String,
    /// The seed of all random draws.
    pub seed: u64,
    /// Hash of the corpus it was trained on.
    pub corpus_hash: String,
    /// Number of training windows.
    pub n_train_windows: usize,
    /// Number of steps after which these weights were taken, as the best on held-out windows.
    pub n_steps: u64,
    /// Training settings.
    pub config: TrainingConfig,
    /// Scores on the held-out windows that do not occur in the training split; `None` without such
    /// windows.
    pub heldout: Option<Scores>,
    /// Scores of predictors without a model on the same windows.
    pub baselines: Option<Baselines>,
}

impl JsonFormat for ModelConfig {
    const FORMAT: &'static str = "controlgen.model";
    const VERSION: u32 = 1;
}

/// The starting point of a model's training; part of its `config.json` and of its run's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The model folder, as given.
    #[serde(with = "corpus::path_text")]
    pub folder: PathBuf,
    /// Hash of the model, see [`Model::hash`](super::Model::hash).
    pub hash: String,
    /// Hash of the corpus it was trained on; `None` if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus_hash: Option<String>,
    /// The published checkpoint it was imported from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<String>,
    /// Number of training steps, including those of the models it continued from; `None` if it was
    /// imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_steps: Option<u64>,
}

/// The source of an imported model; part of its `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Name of the file or folder that was imported.
    pub source: String,
    /// `tensorflow-js`, `deeplearn-js` or `tensorflow`.
    pub form: String,
    /// The version of the program that imported it.
    pub program_version: String,
    /// The standard deviation given to every posterior, if the checkpoint has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_dev: Option<f32>,
    /// Hash of the corpus whose windows determined the active dimensions; `None` if all dimensions
    /// count as active.
    pub corpus_hash: Option<String>,
}
