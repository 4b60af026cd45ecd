//! Errors in a configuration.

use thiserror::Error;

use super::{MAX_PARTS, MAX_SIZE};

/// Why a configuration is not valid.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A size is zero or too large.
    #[error("`{field}` is {found}; 1 to {MAX_SIZE} is allowed")]
    Size {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: usize,
    },
    /// A stack has no layer.
    #[error("`{field}` is empty; a stack needs at least one layer")]
    NoLayer {
        /// Name of the field.
        field: &'static str,
    },
    /// The number of classes is not that of all sets of some drums.
    #[error(
        "`n_classes` is {found:?}; an encoder that reads a drum roll needs a single part and a \
         power of two, one class for each set of drums"
    )]
    DrumClasses {
        /// The numbers of classes.
        found: Vec<usize>,
    },
    /// Unknown part.
    #[error("`drum_parts` names part {found}; the model has parts 0 to {last}")]
    NoSuchPart {
        /// Index of the part.
        found: usize,
        /// Index of the last part.
        last: usize,
    },
    /// Too many parts.
    #[error("`n_classes` has {found} parts; 1 to {MAX_PARTS} are allowed")]
    Parts {
        /// Number of parts.
        found: usize,
    },
    /// bfloat16 is requested on a backend that does not support it in the recurrent core.
    #[error(
        "`recurrent_precision` is bf16, which only the CPU kernel and libtorch support: train on \
         `flex`, `ndarray` or `tch`, or in f32"
    )]
    Bf16,
    /// The segments do not divide the window evenly.
    #[error("`conductor.n_segments` is {n_segments}, which does not divide `n_steps`, {n_steps}")]
    Segments {
        /// Number of segments of a window.
        n_segments: usize,
        /// Number of steps of a window.
        n_steps: usize,
    },
    /// A model over note lists has a different number of heads than the encoding has fields.
    #[error(
        "`head_sizes` has {found} sizes; the encoding has {expected} fields after the onset, and \
         each needs one"
    )]
    Heads {
        /// Number of sizes found.
        found: usize,
        /// Number of fields after the onset.
        expected: usize,
    },
    /// A setting is out of range.
    #[error("`{field}` is {found}; {allowed} is allowed")]
    Range {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: f64,
        /// The allowed range.
        allowed: &'static str,
    },
}

impl ConfigError {
    /// A transposition of windows without pitches.
    pub(crate) fn no_pitches(max_transposition: u8) -> Self {
        Self::Range {
            field: "max_transposition",
            found: f64::from(max_transposition),
            allowed: "0, because drums have no pitch,",
        }
    }
}
