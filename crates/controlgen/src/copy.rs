//! Copy check: the amount of a piece that repeats the training music note for note.
//!
//! The comparison does not depend on the key: it uses the interval from each note to the next and
//! the steps until it starts (for drums, the drums struck and the steps until the next hit). All
//! such n-grams of the training windows, of every length, are found in one index: a suffix array
//! (Manber and Myers, "Suffix arrays: a new method for on-line string searches", 1993) over the
//! lines of music reassembled from the windows. It is built once and stored in the model folder as
//! `copy.index`. With more than a million notes, it contains every second suffix; a match that
//! begins between two of them is found from its second symbol on.
//!
//! Memory: 8 bytes per note (6 if there are more than a million), 24 per line of music, and the
//! names of the files.

mod file;
mod index;
mod search;
mod stitch;
mod suffixes;

use std::path::PathBuf;

use corpus::artifact::ArtifactError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use index::CopyIndex;
pub use search::Survey;

/// Name of the file in a model folder.
pub const FILE: &str = "copy.index";

/// The longest run of notes that a piece shares with the training music.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyMatch {
    /// Number of consecutive notes that are equal except for the key: 2 or more.
    pub n_notes: usize,
    /// Number of notes in the part that contains it.
    pub of_notes: usize,
    /// The part of the piece, from 0.
    pub part: usize,
    /// The step of the piece on which it begins, from 0.
    pub at_step: usize,
    /// Location in the training music: the file, relative to the corpus root.
    pub file: String,
    /// The bar of the file in which it begins, from 0.
    pub start_bar: u32,
    /// Number of occurrences in the training music. A pattern that many pieces share is a
    /// commonplace.
    pub n_places: usize,
}

/// The reason why there is no usable copy index.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The file is something else.
    #[error("{} is not a copy index; make it again with `controlgen copy-index`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A different version.
    #[error(
        "{} is a copy index of version {found}; this program reads version {expected}: make it \
         again with `controlgen copy-index`", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The version this program reads.
        expected: u32,
    },
    /// The file was changed or truncated.
    #[error(
        "{} is damaged ({what}); make it again with `controlgen copy-index`", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        what: &'static str,
    },
    /// The index has music of another kind.
    #[error(
        "{} holds windows of `{found}`, the model is of `{expected}`; make it again with \
         `controlgen copy-index`", path.display()
    )]
    Kind {
        /// The file.
        path: PathBuf,
        /// Kind of the index.
        found: String,
        /// Kind of the model.
        expected: String,
    },
    /// More notes than positions can be numbered.
    #[error("the training windows have over {max} notes; a copy index can't hold more")]
    TooLarge {
        /// Maximum number of notes in an index.
        max: u32,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}
