//! The state of a training run, from which it can be resumed exactly.

use std::time::Duration;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{TrainError, Trainable, Trainer};
use crate::config::TrainingConfig;
use crate::optimizer::Adam;
use crate::weights::{self, Precision, WeightsError};

const FORMAT: &str = "musicvae.checkpoint";
const VERSION: u32 = 1;

/// The best evaluation of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Number of steps when it was scored.
    pub step: u64,
    /// Its [`Evaluation::objective_nats`](crate::Evaluation::objective_nats). Earlier versions
    /// stored the negative evidence lower bound, which is larger.
    #[serde(alias = "negative_elbo_nats")]
    pub objective_nats: f64,
}

/// The three files of a checkpoint.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Number of steps made.
    pub n_steps: u64,
    /// Whether this is the best so far.
    pub is_best: bool,
    /// `weights.safetensors`.
    pub weights: Vec<u8>,
    /// `optimizer.safetensors`.
    pub optimizer: Vec<u8>,
    /// `state.json`.
    pub state: String,
}

/// Why a run can't be resumed from a checkpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// `state.json` is not valid.
    #[error("its `state.json` is damaged")]
    State(#[source] serde_json::Error),
    /// It was written by another version.
    #[error(
        "its `state.json` is `{format}` version {version}; only `{FORMAT}` version {VERSION} is \
         supported"
    )]
    Version {
        /// The format found.
        format: String,
        /// The version found.
        version: u32,
    },
    /// The checkpoint belongs to another run.
    #[error(
        "it belongs to a run with another {what}; leave out `--resume`, or give the settings of \
         that run"
    )]
    OtherRun {
        /// The setting that differs.
        what: &'static str,
    },
    /// Its weights can't be read.
    #[error("its `{file}`: {source}")]
    Weights {
        /// Name of the file.
        file: &'static str,
        /// The cause.
        source: WeightsError,
    },
    /// The settings themselves are invalid.
    #[error(transparent)]
    Train(#[from] TrainError),
}

#[derive(Serialize, Deserialize)]
struct State<C> {
    format: String,
    version: u32,
    step: u64,
    elapsed_secs: f64,
    seed: u64,
    n_updates: u64,
    best: Option<Best>,
    /// `None` in checkpoints of earlier versions, which evaluated at each checkpoint.
    #[serde(default)]
    evaluation: Option<EvaluationState>,
    /// Number of consecutive steps, up to this one, whose loss was suspiciously high.
    #[serde(default)]
    n_high_losses: u64,
    model: C,
    training: TrainingConfig,
}

/// State of early stopping.
#[derive(Serialize, Deserialize)]
struct EvaluationState {
    /// Step of the last evaluation.
    last: Option<u64>,
    /// Number of scheduled evaluations since the best one.
    n_since_best: u64,
}

/// Parsed first, so that an unsupported version is reported before its missing fields.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

impl<C: Trainable> Trainer<C> {
    /// The state of the run. The state of random streams consists of seed and step only.
    pub fn checkpoint(&self) -> Checkpoint {
        let state = State {
            format: FORMAT.to_owned(),
            version: VERSION,
            step: self.step,
            elapsed_secs: self.elapsed.as_secs_f64(),
            seed: self.seed,
            n_updates: self.adam.n_updates(),
            best: self.best,
            evaluation: Some(EvaluationState {
                last: self.evaluated_at,
                n_since_best: self.n_since_best,
            }),
            n_high_losses: self.divergence.n_above,
            model: self.config.clone(),
            training: self.training,
        };
        Checkpoint {
            n_steps: self.step,
            is_best: self.best.is_none_or(|best| best.step == self.step),
            weights: weights::write(&weights::tensors(&self.model()), Precision::F32),
            optimizer: weights::write(&self.adam.to_tensors(), Precision::F32),
            state: serde_json::to_string_pretty(&state).expect("plain numbers and names"),
        }
    }

    /// Resumes from a checkpoint of a run with the same settings.
    ///
    /// # Errors
    /// If a file is damaged, or the checkpoint belongs to a run with other settings.
    pub fn resume(
        config: C,
        training: TrainingConfig,
        seed: u64,
        device: &Device,
        checkpoint: &Checkpoint,
    ) -> Result<Self, CheckpointError> {
        let header: Header =
            serde_json::from_str(&checkpoint.state).map_err(CheckpointError::State)?;
        if header.format != FORMAT || header.version != VERSION {
            return Err(CheckpointError::Version {
                format: header.format,
                version: header.version,
            });
        }
        let state: State<C> =
            serde_json::from_str(&checkpoint.state).map_err(CheckpointError::State)?;
        for (same, what) in [
            (state.model == config, "model"),
            (state.training == training, "training configuration"),
            (state.seed == seed, "seed"),
        ] {
            if !same {
                return Err(CheckpointError::OtherRun { what });
            }
        }
        let mut trainer = Self::new(config, training, seed, device)?;
        let error = |file| move |source| CheckpointError::Weights { file, source };
        let tensors = weights::read(&checkpoint.weights).map_err(error("weights.safetensors"))?;
        trainer.model =
            weights::replace(trainer.model, tensors).map_err(error("weights.safetensors"))?;
        let moments =
            weights::read(&checkpoint.optimizer).map_err(error("optimizer.safetensors"))?;
        trainer.adam = Adam::from_tensors(&moments, state.n_updates, &trainer.device);
        trainer.step = state.step;
        trainer.saved_at = Some(state.step);
        trainer.elapsed = Duration::try_from_secs_f64(state.elapsed_secs).unwrap_or_default();
        trainer.best = state.best;
        let evaluation =
            state.evaluation.unwrap_or(EvaluationState { last: Some(state.step), n_since_best: 0 });
        trainer.evaluated_at = evaluation.last;
        trainer.n_since_best = evaluation.n_since_best;
        trainer.divergence.n_above = state.n_high_losses;
        Ok(trainer)
    }
}
