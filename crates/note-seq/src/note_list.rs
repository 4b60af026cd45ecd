//! Windows of any music in any meter as lists of notes, where each note is a few small classes.
//!
//! [`NoteListConverter`] cuts a [`crate::NoteSequence`] into [`NoteList`]s;
//! [`NoteList::to_sequence`] converts back. The classes of each note are configurable:
//! [`NoteListEncoding`].

mod convert;
mod cut;
mod encoding;
mod error;
mod family;
mod field;
mod grid;
mod list;
mod meter;
mod note;
mod playback;
mod stretch;

pub use convert::{Assumption, NoteListConversion, NoteListConverter, NoteListWindow};
pub use encoding::{BadNoteListEncoding, NoteListEncoding};
pub use error::NoteListError;
pub use family::Family;
pub use field::{Field, FieldSpec};
pub use list::NoteList;
pub(crate) use meter::TICKS_PER_SIXTEENTH;
pub use meter::{Meter, TICKS_PER_QUARTER, UnknownMeter, UnsupportedMeter};
pub use note::ListNote;
pub use playback::NoteListPlayback;
