//! Standard MIDI files: bytes to [`crate::NoteSequence`] and back.
//!
//! The reader scans events itself instead of standing on a parser crate: its three modes need control over
//! exactly what such crates decide on their own (running status after meta events, damaged events, chunk
//! lengths that lie, what a reader that must refuse the same files as Python refuses).

mod bytes;
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
    /// A description of the file, and everything that was repaired or left out.
    pub report: ReadReport,
}

/// Reads a Standard MIDI file.
///
/// # Errors
/// [`MidiError::LimitExceeded`] (ticks: in parity reading only). Otherwise, by mode:
/// - [`ReadMode::Lenient`]: only where no track can be found ([`MidiError::NotMidi`]).
/// - [`ReadMode::Parity`]: wherever Python's `note_seq` refuses the file.
/// - [`ReadMode::Strict`]: at the first thing that lenient reading would repair.
///
/// # Examples
/// ```
/// use note_seq::midi::{self, ReadOptions, WriteOptions};
/// use note_seq::{Note, NoteSequence, Pitch, Velocity};
/// let mut sequence = NoteSequence::default();
/// sequence.push(Note { pitch: Pitch::new(60)?, velocity: Velocity::new(80)?, end_time: 0.5, ..Note::default() });
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
