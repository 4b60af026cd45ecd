//! Errors of finding and changing styles.

use std::path::PathBuf;

use corpus::artifact::{ArtifactError, with_causes};
use thiserror::Error;

use super::RefusedFile;

/// Error of finding or changing styles.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StyleError {
    /// No style has this name or number.
    #[error("no style `{name}`; there are 0 to {last}, named {}", names.join(", "))]
    Unknown {
        /// The name or number given.
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
    /// There are no dimensions to fit.
    #[error(
        "the model has no active dimension: its latents carry no information (posterior collapse); train \
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
    /// Windows of a piece don't differ, or pieces can't be distinguished.
    #[error(
        "differences within and between the {n} pieces can't be separated; fit with `--granularity windows`"
    )]
    Pieces {
        /// Number of pieces.
        n: usize,
    },
    /// All covariance types have too high a rank.
    #[error(
        "only low-rank covariances were requested, and no rank is below {n_features}, the number of \
         active dimensions; give smaller ranks, or other covariance types"
    )]
    Rank {
        /// Number of active dimensions.
        n_features: usize,
    },
    /// Samples don't fit the mixture, or a distribution can't be created.
    #[error("the style can't be made: {}", with_causes(.0))]
    Model(#[from] gmm::ModelError),
    /// An invalid name.
    #[error(
        "`{name}` can't be a style's name: 1 to 64 characters are allowed, no number, none of \
         / \\ : , * ? \" < > |, and neither `.` nor `-` nor a space first"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Another style has this name.
    #[error("a style `{name}` already exists; give another name, or rename or remove that one")]
    Taken {
        /// The name.
        name: String,
    },
    /// The styles can't be merged.
    #[error("only two or more discovered styles can be merged, and no added ones")]
    Merge,
    /// The style can't be split.
    #[error("`{name}` is not a merged style, so it can't be split")]
    Split {
        /// The style.
        name: String,
    },
    /// A discovered style can't be removed.
    #[error("`{name}` was discovered, not added; it can be hidden (`controlgen style hide`)")]
    Discovered {
        /// The style.
        name: String,
    },
    /// No file contains a window.
    #[error("no file can be used: {}", list_refused(.refused))]
    NothingToAdd {
        /// The files, with the reasons.
        refused: Vec<RefusedFile>,
    },
    /// The style belongs to another model.
    #[error(
        "{} is a style of model {found}, but this is model {expected}, and their latents are not \
         compatible; add its files again with `controlgen style add`", path.display()
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

/// Rejected files in one line.
fn list_refused(files: &[RefusedFile]) -> String {
    let text = |file: &RefusedFile| format!("{}: {}", file.file, file.reason);
    files.iter().map(text).collect::<Vec<_>>().join("; ")
}
