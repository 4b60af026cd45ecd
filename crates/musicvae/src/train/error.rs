//! Why training stopped.

use thiserror::Error;

use super::DIVERGED_STEPS;
use crate::config::ConfigError;
use crate::weights::WeightsError;

/// Why training stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A size or a setting is not allowed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no training data.
    #[error("there are no windows to train on")]
    NoWindows,
    /// The initial weights can't be used.
    #[error("the initial weights can't be used: {0}")]
    Weights(#[from] WeightsError),
    /// Training diverged to values that are not finite.
    #[error("the {what} of step {step} is not finite; the learning rate is too high")]
    NotFinite {
        /// The step.
        step: u64,
        /// "loss" or "gradient".
        what: &'static str,
    },
    /// The loss is far above that of an untrained model, see
    /// [`DIVERGED_STEPS`](super::DIVERGED_STEPS).
    #[error(
        "the loss diverged: {loss:.1} nats per window at step {step}, and more than twice the loss \
         of random guessing, {guess:.1}, for {DIVERGED_STEPS} steps, or a hundred times it at \
         once; the learning rate is too high"
    )]
    Diverged {
        /// The step.
        step: u64,
        /// Its loss, in nats per window.
        loss: f64,
        /// The loss of guessing uniformly among all classes.
        guess: f64,
    },
    /// A checkpoint could not be written.
    #[error("a checkpoint could not be written")]
    Checkpoint(#[source] Box<dyn std::error::Error + Send + Sync>),
}
