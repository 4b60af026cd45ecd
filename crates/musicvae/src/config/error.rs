//! Why a configuration can't be used.

use thiserror::Error;

use super::{MAX_PARTS, MAX_SIZE};

/// Why a configuration can't be used.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A size is zero or absurd.
    #[error("`{field}` is {found}; 1 to {MAX_SIZE} is allowed")]
    Size {
        /// Which.
        field: &'static str,
        /// What it was.
        found: usize,
    },
    /// A stack has no layer.
    #[error("`{field}` is empty; a stack needs at least one layer")]
    NoLayer {
        /// Which.
        field: &'static str,
    },
    /// The classes are not all sets of some drums.
    #[error(
        "`n_classes` is {found:?}; an encoder that reads a drum roll needs a single part and a \
         power of two, one class for each set of drums"
    )]
    DrumClasses {
        /// What they were.
        found: Vec<usize>,
    },
    /// A part is named that there is none of.
    #[error("`drum_parts` names part {found}; the model has parts 0 to {last}")]
    NoSuchPart {
        /// What was named.
        found: usize,
        /// The last part.
        last: usize,
    },
    /// More parts than anyone plays.
    #[error("`n_classes` has {found} parts; 1 to {MAX_PARTS} are allowed")]
    Parts {
        /// How many it were.
        found: usize,
    },
    /// A backend is asked for bfloat16 whose recurrent core does not know it.
    #[error(
        "`recurrent_precision` is bf16, which only our kernel for CPUs and libtorch can: train on \
         `flex`, `ndarray` or `tch`, or in f32"
    )]
    Bf16,
    /// Segments don't fill the window.
    #[error("`conductor.n_segments` is {n_segments}, which does not divide `n_steps`, {n_steps}")]
    Segments {
        /// Segments of a window.
        n_segments: usize,
        /// Steps of a window.
        n_steps: usize,
    },
    /// A model over note lists has another number of heads than fields.
    #[error(
        "`head_sizes` has {found} sizes; the encoding has {expected} fields behind the onset, and each \
         needs one"
    )]
    Heads {
        /// How many it were.
        found: usize,
        /// Fields behind the onset.
        expected: usize,
    },
    /// A setting is out of its range.
    #[error("`{field}` is {found}; {allowed} is allowed")]
    Range {
        /// Which.
        field: &'static str,
        /// What it was.
        found: f64,
        /// What it may be.
        allowed: &'static str,
    },
}

impl ConfigError {
    /// A transposition where there is nothing to transpose.
    pub(crate) fn no_pitches(max_transposition: u8) -> Self {
        Self::Range {
            field: "max_transposition",
            found: f64::from(max_transposition),
            allowed: "0, because drums have no pitch,",
        }
    }
}
