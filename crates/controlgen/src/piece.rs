//! Whole pieces: what follows what, what returns, in which key, and how they end.
//!
//! Two bars are an idea; a piece makes something of it. From the pieces of a corpus it is learned
//! ([`PieceModel`]) which latents follow which ([`Succession`]), how pieces begin and end, which
//! windows return exactly or varied ([`Form`]), and which intervals lead over the line between
//! windows ([`Joins`]). A new piece is drawn window by window ([`Composition`]): what returns is
//! taken over, of what is new several are decoded, and the one is kept that fits key, join, style
//! and, in the end, an ending.

mod cadence;
mod choose;
mod compose;
mod draft;
mod file;
mod form;
mod insert;
mod join;
mod learn;
mod options;
mod plan;
mod pool;
mod propose;
mod redraw;
mod similarity;
mod sound;
mod succession;

use std::path::PathBuf;

use corpus::CorpusError;
use corpus::artifact::ArtifactError;
use thiserror::Error;

pub use choose::tonic;
pub(crate) use compose::Composer;
pub use form::{Form, FormRequest, SectionName, Slot, Template, Templates, UnknownForm};
pub use insert::{Gap, InsertRequest, Inserted, insert};
pub use join::{Joins, N_INTERVALS, intervals};
pub use learn::{CorpusPiece, PieceFacts, corpus_pieces, triples};
pub(crate) use plan::Plan;
pub use plan::{Composed, Composition, DEFAULT_CANDIDATES, MAX_CANDIDATES};
pub use redraw::{Redraw, RedrawRequest, redraw};
pub use similarity::{Echo, Onsets, VARIED, echoes};
pub use sound::{Ending, Outer, Sound, Sounds, best_scale, share_in_scale, turned};
pub use succession::{Conditional, Next, SPAN, Succession, Triples};

/// Statistics of whole pieces: `pieces.safetensors` of a model folder.
#[derive(Clone, Debug, PartialEq)]
pub struct PieceModel {
    succession: Succession,
    conditionals: propose::Conditionals,
    /// First windows, and last ones.
    first: Option<propose::Target>,
    last: Option<propose::Target>,
    /// Deviation of a varied window from the one that it returns, `[D]`.
    variation: Vec<f64>,
    joins: Joins,
    templates: Templates,
}

impl PieceModel {
    /// The distribution of consecutive windows.
    pub fn succession(&self) -> &Succession {
        &self.succession
    }

    /// The forms of real pieces.
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// How windows join.
    pub fn joins(&self) -> &Joins {
        &self.joins
    }
}

/// Why nothing is known of whole pieces.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PieceError {
    /// The files of the corpus can't be read again.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A file of the program can't be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The corpus has too few consecutive windows.
    #[error(
        "there are {n} triples of consecutive windows to learn what follows what from, at least \
         {needed} are needed; build the corpus from longer pieces, or more"
    )]
    TooFew {
        /// The number found.
        n: usize,
        /// The number needed.
        needed: usize,
    },
    /// No mixture can be fitted.
    #[error("what follows what can't be learned")]
    Fit(#[from] gmm::FitError),
    /// Latents are no samples.
    #[error("what follows what can't be learned")]
    Samples(#[from] gmm::SamplesError),
    /// Latents have no principal axes.
    #[error("what follows what can't be learned")]
    Points(#[from] gmm::points::PointsError),
    /// The distribution of consecutive windows has no conditional.
    #[error("what was learned can't be used")]
    Model(#[from] gmm::ModelError),
    /// The file can't be used.
    #[error("{} can't be used: {what}; fit the model again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem.
        what: String,
    },
}
