//! Windows of note lists for tests: two bars of all voices in 4/4.

use note_seq::{ListNote, Meter, NoteList, NoteListEncoding, Pitch};

/// A note by its onset and duration in twelfths of a quarter.
pub(crate) fn note(onset: u16, pitch: u8, duration: u16) -> ListNote {
    ListNote { onset, pitch: Pitch::saturating(pitch), duration, ..ListNote::default() }
}

/// A window of some notes.
pub(crate) fn window(notes: &[ListNote]) -> NoteList {
    let notes = notes.iter().copied();
    NoteList::from_notes(NoteListEncoding::POLY_2BAR, Meter::COMMON, notes).expect("short enough")
}
