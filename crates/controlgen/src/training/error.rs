//! Why there is no trained model.

use std::path::PathBuf;

use corpus::artifact::ArtifactError;
use musicvae::presets;
use musicvae::train::{CheckpointError, TrainError};
use note_seq::window::WindowFormError;
use thiserror::Error;

/// Why there is no trained model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// No preset has that name.
    #[error("unknown preset `{name}`; {} are known",
        presets::of_any_form().iter().map(|p| format!("`{}`", p.name)).collect::<Vec<_>>().join(", "))]
    UnknownPreset {
        /// What was asked for.
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
    /// A table holds what no window is.
    #[error("the corpus {} is damaged: {source}; build it again", corpus.display())]
    Windows {
        /// The corpus folder.
        corpus: PathBuf,
        /// The problem.
        source: WindowFormError,
    },
    /// There is a run already.
    #[error(
        "{} holds checkpoints of a run already; go on with `--resume`, or give another folder",
        checkpoints.display()
    )]
    RunExists {
        /// Its checkpoints.
        checkpoints: PathBuf,
    },
    /// A share of old music is asked for, of a model that keeps none.
    #[error(
        "{} has no `reference.parquet`, so there is no music to replay; `controlgen fit` writes it, \
         or give `--replay 0`", model.display()
    )]
    NothingToReplay {
        /// The model folder.
        model: PathBuf,
    },
    /// The weights to begin with are in the folder that the run would write.
    #[error(
        "{} is where this run would write its model; give another run folder", model.display()
    )]
    IntoItself {
        /// The model folder.
        model: PathBuf,
    },
    /// The model to go on from has other sizes than the preset.
    #[error(
        "{} can't go on as preset `{preset}`: {differences}; leave out `--preset`, or name one of \
         its sizes", model.display()
    )]
    Sizes {
        /// The model folder.
        model: PathBuf,
        /// The preset.
        preset: String,
        /// Each size that differs.
        differences: String,
    },
    /// No preset has the kind of the model to go on from, and it does not say how it was trained.
    #[error("no preset learns `{kind}` windows, as {} does", model.display())]
    NoSettings {
        /// The model folder.
        model: PathBuf,
        /// What it is of.
        kind: String,
    },
    /// The run that is resumed began with other weights.
    #[error(
        "the run in {} began with {found}, not with {asked}; resume it with the options it was \
         started with", run.display()
    )]
    OtherOrigin {
        /// The run folder.
        run: PathBuf,
        /// What it began with.
        found: String,
        /// What was asked for now.
        asked: String,
    },
    /// The loss ran away; a model was left behind.
    #[error(
        "{source}; the last good checkpoint, after step {step}, is now the model in {}: go on from \
         it into another run folder with `--from {}` and a lower `--learning-rate`",
        model.display(), model.display()
    )]
    RanAway {
        /// What happened.
        source: TrainError,
        /// Steps of the checkpoint.
        step: u64,
        /// The model folder.
        model: PathBuf,
    },
    /// There is nothing to go on from.
    #[error("{} holds no checkpoint to resume from; leave out `--resume`", checkpoints.display())]
    NothingToResume {
        /// Where they should be.
        checkpoints: PathBuf,
    },
    /// The checkpoint can't be used.
    #[error("can't resume from {}: {source}", checkpoint.display())]
    Checkpoint {
        /// Which.
        checkpoint: PathBuf,
        /// Why.
        source: CheckpointError,
    },
    /// Training itself stopped.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}
