//! Why training stopped.

use thiserror::Error;

use crate::config::ConfigError;

/// Why training stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A size or a setting is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is nothing to learn from.
    #[error("there are no windows to train on")]
    NoWindows,
    /// The numbers ran away.
    #[error(
        "the {what} of step {step} is not finite; the last checkpoint is good, so go on from it \
         with a lower learning rate"
    )]
    NotFinite {
        /// The step.
        step: u64,
        /// Loss or gradient.
        what: &'static str,
    },
    /// A checkpoint could not be kept.
    #[error("a checkpoint could not be written")]
    Checkpoint(#[source] Box<dyn std::error::Error + Send + Sync>),
}
