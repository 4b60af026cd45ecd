//! Why there are no styles, or not that one.

use std::path::PathBuf;

use corpus::artifact::{ArtifactError, with_causes};
use thiserror::Error;

use super::RefusedFile;

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
    #[error("the mixture can't be fitted: {}", with_causes(.0))]
    Select(#[from] gmm::select::SelectError),
    /// The chosen mixture can't be fitted on all latents.
    #[error("the mixture can't be fitted: {}", with_causes(.0))]
    Fit(#[from] gmm::FitError),
    /// The latents are not valid samples.
    #[error("the latents can't be fitted: {}", with_causes(.0))]
    Samples(#[from] gmm::SamplesError),
    /// There is nothing to fit on.
    #[error(
        "the model has no active dimension: its latents carry nothing (posterior collapse); train \
         it longer, with a smaller `beta` or more free bits"
    )]
    NoActiveDimension,
    /// The mixture's file can't be read.
    #[error("{} is damaged: {what}; fit it again with `controlgen fit`", path.display())]
    Mixture {
        /// The file.
        path: PathBuf,
        /// The problem.
        what: String,
    },
    /// The mixture is of another model.
    #[error(
        "{} has {found} dimensions, the model has {expected} active ones; fit it again with \
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
    /// The windows of pieces don't differ, or there is nothing to tell pieces by.
    #[error(
        "what differs within {n} pieces can't be told from what differs between them; fit with `--granularity windows`"
    )]
    Pieces {
        /// How many pieces there are.
        n: usize,
    },
    /// All shapes of covariance are of too high a rank.
    #[error(
        "only low ranks are to be tried, and none is below the {n_features} active dimensions; take \
         smaller ones, or other shapes"
    )]
    Rank {
        /// The active dimensions.
        n_features: usize,
    },
    /// Samples don't fit the mixture, or a distribution can't be made.
    #[error("the style can't be made: {}", with_causes(.0))]
    Model(#[from] gmm::ModelError),
    /// A name that can't be one.
    #[error(
        "`{name}` can't be a style's name: 1 to 64 characters are allowed, no number, none of \
         / \\ : , * ? \" < > |, and neither `.` nor `-` nor a space first"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A name that another style has.
    #[error("there is a style `{name}` already; give another name, or rename or remove that one")]
    Taken {
        /// The name.
        name: String,
    },
    /// Nothing that can be merged.
    #[error("two or more discovered styles can be merged; added ones and a single one can't")]
    Merge,
    /// Nothing that can be split.
    #[error("`{name}` is not a merged style, so it can't be split")]
    Split {
        /// The style.
        name: String,
    },
    /// A discovered style is to be removed.
    #[error("`{name}` was discovered, not added; it can be hidden (`controlgen style hide`)")]
    Discovered {
        /// The style.
        name: String,
    },
    /// No file gave a window.
    #[error("no file can be used: {}", list_refused(.refused))]
    NothingToAdd {
        /// The files, with the reasons.
        refused: Vec<RefusedFile>,
    },
    /// A style of another model.
    #[error(
        "{} is a style of model {found}, and this is model {expected}: latents of one mean nothing \
         to the other; add its files again with `controlgen style add`", path.display()
    )]
    OtherModel {
        /// The style's file.
        path: PathBuf,
        /// Its model's hash.
        found: String,
        /// This model's hash.
        expected: String,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Refused files in one line.
fn list_refused(files: &[RefusedFile]) -> String {
    let text = |file: &RefusedFile| format!("{}: {}", file.file, file.reason);
    files.iter().map(text).collect::<Vec<_>>().join("; ")
}
