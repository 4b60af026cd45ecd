//! Errors of training.

use std::path::PathBuf;

use corpus::artifact::ArtifactError;
use musicvae::presets;
use musicvae::train::{CheckpointError, TrainError};
use note_seq::window::WindowFormError;
use thiserror::Error;

/// The reason why there is no trained model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// No preset has this name.
    #[error("unknown preset `{name}`; {} are known",
        presets::of_any_form().iter().map(|p| format!("`{}`", p.name)).collect::<Vec<_>>().join(", "))]
    UnknownPreset {
        /// The name given.
        name: String,
    },
    /// The corpus is of another kind.
    #[error("the corpus {} holds `{found}` windows; preset `{preset}` learns `{expected}`", corpus.display())]
    Kind {
        /// The corpus folder.
        corpus: PathBuf,
        /// Its kind.
        found: String,
        /// The preset.
        preset: String,
        /// Its kind.
        expected: String,
    },
    /// A row of the table is not a valid window.
    #[error("the corpus {} is damaged: {source}; build it again", corpus.display())]
    Windows {
        /// The corpus folder.
        corpus: PathBuf,
        /// The problem.
        source: WindowFormError,
    },
    /// The folder already contains a run.
    #[error(
        "{} already has checkpoints of a run; continue it with `--resume`, or give another folder",
        checkpoints.display()
    )]
    RunExists {
        /// Path of its checkpoints.
        checkpoints: PathBuf,
    },
    /// Replay was requested with a model that has no reference windows.
    #[error(
        "{} has no `reference.parquet`, so there is no music to replay; `controlgen fit` writes it, \
         or give `--replay 0`", model.display()
    )]
    NothingToReplay {
        /// The model folder.
        model: PathBuf,
    },
    /// The initial weights are in the folder that the run would write to.
    #[error(
        "this run would overwrite {}, the model it starts from; give another run folder", model.display()
    )]
    IntoItself {
        /// The model folder.
        model: PathBuf,
    },
    /// The sizes of the model to continue from differ from the preset.
    #[error(
        "{} can't be trained with preset `{preset}`: {differences}; leave out `--preset`, or give one \
         with the same sizes", model.display()
    )]
    Sizes {
        /// The model folder.
        model: PathBuf,
        /// The preset.
        preset: String,
        /// Each size that differs.
        differences: String,
    },
    /// No preset has the kind of the model to continue from, and the model does not record how it
    /// was trained.
    #[error("no preset learns `{kind}` windows, as {} does", model.display())]
    NoSettings {
        /// The model folder.
        model: PathBuf,
        /// Its kind.
        kind: String,
    },
    /// The run to resume started from other weights.
    #[error(
        "the run in {} started from {found}, not from {asked}; resume it with its original options", run.display()
    )]
    OtherOrigin {
        /// The run folder.
        run: PathBuf,
        /// Its initial weights.
        found: String,
        /// The initial weights requested now.
        asked: String,
    },
    /// The loss diverged; the last good checkpoint is now the model.
    #[error(
        "{source}; the last good checkpoint, after step {step}, is now the model in {}: continue \
         from it in another run folder with `--from {}` and a lower `--learning-rate`",
        model.display(), model.display()
    )]
    RanAway {
        /// The cause.
        source: TrainError,
        /// Number of steps of the checkpoint.
        step: u64,
        /// The model folder.
        model: PathBuf,
    },
    /// There is no checkpoint to resume from.
    #[error("{} holds no checkpoint to resume from; leave out `--resume`", checkpoints.display())]
    NothingToResume {
        /// The folder for checkpoints.
        checkpoints: PathBuf,
    },
    /// The checkpoint can't be used.
    #[error("can't resume from {}: {source}", checkpoint.display())]
    Checkpoint {
        /// The checkpoint.
        checkpoint: PathBuf,
        /// The cause.
        source: CheckpointError,
    },
    /// Training stopped with an error.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}
