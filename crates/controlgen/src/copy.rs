//! The copy check: how much of a piece stands note for note in the training music.
//!
//! What is compared does not depend on the key: of each note the interval to the next one and the
//! steps until it starts (of drums, what is struck and the steps until the next hit). All such
//! n-grams of the training windows, of every length, are found in one index: a suffix array
//! (Manber and Myers, "Suffix arrays: a new method for on-line string searches", 1993) over the
//! windows put together again to lines of music. It is built once and kept in the model folder as
//! `copy.index`. Of more than a million notes, every second suffix is in it; a match that begins
//! between two of them is found by its rest.
//!
//! Memory: 8 bytes a note (6 of more than a million), 24 a line of music, and the names of the
//! files.

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

/// The file in a model folder.
pub const FILE: &str = "copy.index";

/// The longest stretch of training music that a piece repeats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyMatch {
    /// Notes in a row that are the same but for the key: 2 or more.
    pub n_notes: usize,
    /// Notes of the part it was found in.
    pub of_notes: usize,
    /// The part of the piece, from 0.
    pub part: usize,
    /// The step of the piece on which it begins, from 0.
    pub at_step: usize,
    /// Where the training music has it: the file, relative to the corpus root.
    pub file: String,
    /// The bar there in which it begins, from 0.
    pub start_bar: u32,
    /// How many places of the training music have it. What many pieces have is nobody's.
    pub n_places: usize,
}

/// Why there is no copy index, or none that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Something else under its name.
    #[error("{} is not a copy index; make it again with `controlgen copy-index`", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another version.
    #[error(
        "{} is a copy index of version {found}; this program reads version {expected}: make it \
         again with `controlgen copy-index`", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version read here.
        expected: u32,
    },
    /// It was changed or cut short.
    #[error(
        "{} is damaged ({what}); make it again with `controlgen copy-index`", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        what: &'static str,
    },
    /// It holds music of another kind.
    #[error(
        "{} holds windows of `{found}`, the model is of `{expected}`; make it again with \
         `controlgen copy-index`", path.display()
    )]
    Kind {
        /// The file.
        path: PathBuf,
        /// Its kind.
        found: String,
        /// The model's.
        expected: String,
    },
    /// More music than positions can be numbered.
    #[error("the training windows have over {max} notes; a copy index can't hold more")]
    TooLarge {
        /// The most that an index holds.
        max: u32,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}
