//! Errors in importing Magenta's checkpoints.

use std::path::PathBuf;

use thiserror::Error;

use crate::config::ConfigError;

/// Why a checkpoint of Magenta can't be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The operating system returned an error.
    #[error("can't read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// There is no checkpoint at this path.
    #[error(
        "{} contains no checkpoint: {what}; give a magenta-js folder (`weights_manifest.json` and \
         its shards), a deeplearn.js folder (`manifest.json`), a TensorFlow checkpoint (`.index` \
         and `.data`), or a `.tar` of one", path.display()
    )]
    NotACheckpoint {
        /// The path.
        path: PathBuf,
        /// The problem found.
        what: String,
    },
    /// A file is damaged or truncated.
    #[error("`{file}` of the checkpoint is damaged: {what}; download it again")]
    Damaged {
        /// Name of the file.
        file: String,
        /// The problem found.
        what: String,
    },
    /// A JSON file of the checkpoint is not valid.
    #[error("`{file}` of the checkpoint is damaged; download it again")]
    Json {
        /// Name of the file.
        file: String,
        /// Location and cause.
        source: serde_json::Error,
    },
    /// Tensors are missing, or are stored in files that are missing.
    #[error(
        "the checkpoint has {} of {n_expected} tensors; without {}{} download the whole checkpoint",
        n_expected - names.len(), listed(names),
        if names.iter().all(|name| name.starts_with("encoder/sigma/")) {
            " it has means but no standard deviations of posteriors; give one with `--std-dev`, or"
        } else if *decoder_is_complete {
            " it has a decoder but no working encoder, and a model needs both;"
        } else {
            " there is no working decoder;"
        }
    )]
    Missing {
        /// Names of the missing tensors.
        names: Vec<String>,
        /// Number of tensors of a checkpoint of this architecture.
        n_expected: usize,
        /// Whether [`super::Checkpoint::decoder`] would succeed.
        decoder_is_complete: bool,
    },
    /// A tensor's shape does not match the other tensors.
    #[error("tensor `{name}` has shape {found:?}; {expected:?} would fit the other tensors")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Its shape in the checkpoint.
        found: Vec<usize>,
        /// The shape that would fit.
        expected: Vec<usize>,
    },
    /// The model is of an unsupported kind.
    #[error(
        "the checkpoint's model can't be imported: {what}; categorical models of melodies \
         (under chords too), drums and trios, flat or with a conductor, can be"
    )]
    Unsupported {
        /// The property that is not supported.
        what: String,
    },
    /// The sizes inferred from the tensors are out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The first of many names, for messages.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// An [`ImportError::Damaged`] of `file`.
pub(super) fn damaged(file: &str, what: impl Into<String>) -> ImportError {
    ImportError::Damaged { file: file.to_owned(), what: what.into() }
}
