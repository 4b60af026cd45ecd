//! Why training stopped.

use thiserror::Error;

use super::EXPLODED_STEPS;
use crate::config::ConfigError;
use crate::weights::WeightsError;

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
    /// The weights to begin with can't be used.
    #[error("the weights to begin with can't be used: {0}")]
    Weights(#[from] WeightsError),
    /// The numbers ran away.
    #[error("the {what} of step {step} is not finite; the learning rate is too high")]
    NotFinite {
        /// The step.
        step: u64,
        /// Loss or gradient.
        what: &'static str,
    },
    /// The loss is far above that of a model that knows nothing, see
    /// [`EXPLODED_STEPS`](super::EXPLODED_STEPS).
    #[error(
        "the loss exploded: {loss:.1} nats a window at step {step}, and more than twice what \
         guessing costs, {guess:.1}, for {EXPLODED_STEPS} steps or a hundred times as much at once; \
         the learning rate is too high"
    )]
    Exploded {
        /// The step.
        step: u64,
        /// Its loss, in nats a window.
        loss: f64,
        /// The loss of guessing among all classes alike.
        guess: f64,
    },
    /// A checkpoint could not be kept.
    #[error("a checkpoint could not be written")]
    Checkpoint(#[source] Box<dyn std::error::Error + Send + Sync>),
}
