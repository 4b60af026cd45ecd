//! Errors of reading MIDI files.

use thiserror::Error;

use super::report::Repair;

/// Reason why a MIDI file was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MidiError {
    /// There is no MIDI header, and in lenient reading no track either.
    #[error("this is not a MIDI file: it has {n_bytes} bytes and {}",
        if *.has_header { "a header but no track" } else { "no `MThd` header" })]
    NotMidi {
        /// Size of the file.
        n_bytes: usize,
        /// Whether a header was found.
        has_header: bool,
    },
    /// A limit of [`super::ReadLimits`] was exceeded.
    #[error(
        "the file has {found} {what}, but the limit is {limit}; raise `ReadLimits` if you trust \
         the file"
    )]
    LimitExceeded {
        /// The exceeded quantity: `bytes`, `ticks`, `events`, `notes` or `tracks`.
        what: &'static str,
        /// The amount found.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The data end in the middle of an element (parity reading).
    #[error(
        "the file ends at byte {offset} in the middle of {what}; lenient reading reads the \
         rest"
    )]
    UnexpectedEnd {
        /// The element that was being read.
        what: &'static str,
        /// Offset of the end of the data.
        offset: usize,
    },
    /// A value is not allowed (parity reading).
    #[error("{what} at byte {offset} is {found}; lenient reading would skip it")]
    Invalid {
        /// The value that was being read, and its allowed range.
        what: &'static str,
        /// The number found.
        found: i64,
        /// Its offset in bytes.
        offset: usize,
    },
    /// Strict reading found something that lenient reading would repair.
    #[error("the file needs a repair: {0}; lenient reading would continue")]
    NeedsRepair(Repair),
}
