//! Errors for tokens that are not a list of notes.

use thiserror::Error;

use super::{Field, Meter};

/// Reason why tokens are not a list of notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoteListError {
    /// A row does not begin with the class of a meter.
    #[error(
        "a row begins with {} where the class of a meter is expected (allowed: 0 to {})",
        found.map_or_else(|| "nothing".to_owned(), |class| class.to_string()),
        Meter::N_CLASSES - 1
    )]
    Meter {
        /// The first token, if any.
        found: Option<u16>,
    },
    /// The tokens are not a whole number of notes.
    #[error("{found} tokens are not a whole number of notes of {n_fields} fields")]
    Length {
        /// The number of tokens found.
        found: usize,
        /// Number of tokens per note.
        n_fields: usize,
    },
    /// A class is out of range for its field (for the onset: beyond the end of the window).
    #[error(
        "note {note} has class {class} in field {} (allowed: 0 to {})",
        field.name(),
        n_classes - 1
    )]
    UnknownClass {
        /// The note, from 0.
        note: usize,
        /// The field.
        field: Field,
        /// The class found.
        class: u16,
        /// The number of classes allowed.
        n_classes: u16,
    },
    /// A note is not after the previous one.
    #[error(
        "note {note} does not come after note {} (allowed: notes sorted by onset, pitch and \
         family, none of them twice)",
        note - 1
    )]
    NotSorted {
        /// The note, from 0.
        note: usize,
    },
}
