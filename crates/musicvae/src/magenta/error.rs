//! Why a checkpoint of Magenta's can't be imported.

use std::path::PathBuf;

use thiserror::Error;

use crate::config::ConfigError;

/// Why a checkpoint of Magenta's can't be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The operating system said no.
    #[error("can't read {}", path.display())]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no checkpoint there.
    #[error(
        "{} holds no checkpoint: {what}; give a magenta-js folder (`weights_manifest.json` and \
         its shards), a deeplearn.js folder (`manifest.json`), a TensorFlow checkpoint (`.index` \
         and `.data`), or a `.tar` of one", path.display()
    )]
    NotACheckpoint {
        /// What was looked at.
        path: PathBuf,
        /// What was found instead.
        what: String,
    },
    /// A file is damaged or cut short.
    #[error("`{file}` of the checkpoint is damaged: {what}; fetch it anew")]
    Damaged {
        /// Which file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// A JSON file of the checkpoint is not what it should be.
    #[error("`{file}` of the checkpoint is damaged; fetch it anew")]
    Json {
        /// Which file.
        file: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// Tensors are not there, or lie in files that are not.
    #[error(
        "the checkpoint has {} of {n_expected} tensors; without {}{} fetch the whole checkpoint",
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
        /// Their names.
        names: Vec<String>,
        /// Tensors that a checkpoint of this architecture has.
        n_expected: usize,
        /// Whether [`super::Checkpoint::decoder`] would succeed.
        decoder_is_complete: bool,
    },
    /// A tensor has another shape than the other tensors ask for.
    #[error("tensor `{name}` has shape {found:?}; {expected:?} would fit the other tensors")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape in the checkpoint.
        found: Vec<usize>,
        /// The shape that would fit.
        expected: Vec<usize>,
    },
    /// The model is of a kind that has no place here.
    #[error(
        "the checkpoint is of a model that can't be imported: {what}; categorical models of melodies \
         (under chords too), drums and trios, flat or with a conductor, can be"
    )]
    Unsupported {
        /// What gives it away.
        what: String,
    },
    /// The sizes of the tensors are absurd.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Some of many names, for people.
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
