//! Why there are no styles, or not that one.

use std::path::PathBuf;

use thiserror::Error;

use crate::artifact::ArtifactError;

/// Why there are no styles, or not that one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StyleError {
    /// No style has that name or number.
    #[error("no style `{name}`; there are 0 to {last}, named {}", names.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The last number.
        last: usize,
        /// All names.
        names: Vec<String>,
    },
    /// The mixture can't be fitted.
    #[error("the mixture can't be fitted: {}", chain(.0))]
    Select(#[from] gmm::select::SelectError),
    /// The chosen mixture can't be fitted on all latents.
    #[error("the mixture can't be fitted: {}", chain(.0))]
    Fit(#[from] gmm::FitError),
    /// The latents are no samples.
    #[error("the latents can't be fitted: {}", chain(.0))]
    Samples(#[from] gmm::SamplesError),
    /// There is nothing to fit on.
    #[error(
        "the model has no active dimension: its latents carry nothing (posterior collapse); train \
         it longer, with a smaller `beta` or more free bits"
    )]
    NoActiveDimension,
    /// The mixture is of another model.
    #[error(
        "{} has {found} dimensions, the model has {expected} active ones; fit it anew with \
         `controlgen fit`", path.display()
    )]
    Dimensions {
        /// The mixture's file.
        path: PathBuf,
        /// Its dimensions.
        found: usize,
        /// The model's active ones.
        expected: usize,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
