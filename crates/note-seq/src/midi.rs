//! Standard MIDI files: bytes to [`crate::NoteSequence`] and back.
//!
//! The reader scans events itself instead of using a parser crate: its three modes need control
//! over exactly the decisions that such crates make internally (running status after meta events,
//! damaged events, wrong chunk lengths, and which files to reject in order to match Python).

mod bytes;
mod channel_controls;
mod channels;
mod collect;
mod controls;
mod error;
mod event;
mod finish;
mod lines;
mod options;
mod pair;
mod parity;
mod patches;
mod repair;
mod report;
mod scan;
mod sysex;
mod tracks;
mod write;

pub use error::MidiError;
pub use options::{ReadLimits, ReadMode, ReadOptions};
pub use report::{NoteCounts, ReadReport, Repair, RepairKind};
pub use write::{WriteError, WriteOptions, write};

use crate::sequence::NoteSequence;

/// The result of [`read`].
#[derive(Debug, Clone, PartialEq)]
pub struct ReadFile {
    /// The music.
    pub sequence: NoteSequence,
    /// The structure of the file, and everything that was repaired or left out.
    pub report: ReadReport,
}

/// Reads a Standard MIDI file.
///
/// # Errors
/// [`MidiError::LimitExceeded`] (ticks: in parity reading only). Otherwise, by mode:
/// - [`ReadMode::Lenient`]: only if no track can be found ([`MidiError::NotMidi`]).
/// - [`ReadMode::Parity`]: if Python's `note_seq` rejects the file.
/// - [`ReadMode::Strict`]: at the first problem that lenient reading would repair.
///
/// # Examples
/// ```
/// use note_seq::midi::{self, ReadOptions, WriteOptions};
/// use note_seq::{Note, NoteSequence, Pitch, Velocity};
/// let mut sequence = NoteSequence::default();
/// let (pitch, velocity) = (Pitch::new(60)?, Velocity::new(80)?);
/// sequence.push(Note { pitch, velocity, end_time: 0.5, ..Note::default() });
/// let bytes = midi::write(&sequence, &WriteOptions::default())?;
/// let read = midi::read(&bytes, &ReadOptions::default())?;
/// assert_eq!(read.sequence.notes, sequence.notes);
/// assert!(read.report.repairs.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<ReadFile, MidiError> {
    let found = bytes.len() as u64;
    if found > options.limits.max_bytes {
        return Err(MidiError::LimitExceeded {
            what: "bytes",
            found,
            limit: options.limits.max_bytes,
        });
    }
    match options.mode {
        ReadMode::Parity => parity::read(bytes, &options.limits),
        ReadMode::Lenient | ReadMode::Strict => tracks::read(bytes, options),
    }
}
