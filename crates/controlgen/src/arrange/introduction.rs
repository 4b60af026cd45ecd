//! Introductions: the opening of a piece without its lead.

use note_seq::window::{WindowForm, notes_of_lists, outer_lines};
use note_seq::{Family, ListNote, NoteList, NoteListEncoding};

use crate::piece::{Form, Slot};

/// Notes that a window needs, at least, to be worth hearing without its lead.
const LEAST_NOTES: usize = 4;

/// The first `n` windows of a piece without their highest line; a window that is little more than
/// that stays whole. `None` for windows of single lines and of drums.
pub fn introduction(form: &WindowForm, windows: &[Vec<u16>], n: usize) -> Option<Vec<Vec<u16>>> {
    let encoding = form.encoding().filter(NoteListEncoding::has_tones)?;
    let without_lead = |window: &Vec<u16>| {
        let list = NoteList::from_row(encoding, window).expect("a window of the form");
        let lines = outer_lines(&notes_of_lists([&list]));
        let lead = lines.first().map(|line| line.notes.as_slice()).unwrap_or_default();
        let is_lead = |note: &ListNote| {
            let (start, pitch) = (usize::from(note.onset), i32::from(note.pitch.get()));
            let is_tonal = note.family != Family::Drums;
            is_tonal && lead.iter().any(|lead| lead.start == start && lead.pitch == pitch)
        };
        let left: Vec<ListNote> = list.notes().filter(|note| !is_lead(note)).collect();
        if left.iter().filter(|note| note.family != Family::Drums).count() < LEAST_NOTES {
            return window.clone();
        }
        NoteList::from_notes(encoding, list.meter(), left).expect("notes of this meter").to_row()
    };
    Some(windows.iter().take(n).map(without_lead).collect())
}

impl Form {
    /// The same with an introduction of `n` windows before it, which the first ones return to.
    #[must_use]
    pub fn after_introduction(&self, n: usize) -> Self {
        let intro = (0..n)
            .map(|at| Slot { returns: None, ..self.slots.get(at).copied().unwrap_or_default() });
        let own = self.slots.iter().enumerate().map(|(at, slot)| {
            let returns = slot.returns.map(|(of, alike)| (of + n, alike));
            Slot { returns: returns.or((at < n).then_some((at, 1.0))), ..*slot }
        });
        Self { slots: intro.chain(own).collect() }
    }
}

#[cfg(test)]
mod tests {
    use note_seq::window::WindowLayout;
    use note_seq::{Meter, NoteListEncoding, Pitch};

    use super::*;

    #[test]
    fn an_introduction_is_what_lies_under_the_lead() {
        let encoding = NoteListEncoding::POLY_2BAR;
        let note = |onset, pitch| ListNote {
            onset,
            pitch: Pitch::saturating(pitch),
            duration: 12,
            ..ListNote::default()
        };
        let row = |notes: &[ListNote]| {
            let notes = notes.iter().copied();
            NoteList::from_notes(encoding, Meter::COMMON, notes).unwrap().to_row()
        };
        let chords = [note(0, 48), note(0, 55), note(24, 50), note(24, 57)];
        let lead = [note(0, 72), note(12, 74), note(24, 76)];
        let full = row(&[chords.as_slice(), &lead].concat());
        let form = WindowForm::Notes(encoding);
        let windows = [full.clone(), row(&lead), full];
        let found = introduction(&form, &windows, 2).unwrap();
        // Nothing but a lead stays.
        assert_eq!(found, [row(&chords), row(&lead)]);
        let melody = WindowForm::Steps(WindowLayout::melody(32, 90));
        assert_eq!(introduction(&melody, &windows, 2), None);
    }

    #[test]
    fn the_first_windows_return_to_the_introduction() {
        let mut form = Form::through_composed(3);
        form.slots[2] = Slot { returns: Some((1, 0.6)), key: 5 };
        let found = form.after_introduction(1);
        let returns: Vec<_> = found.slots.iter().map(|slot| slot.returns).collect();
        assert_eq!(returns, [None, Some((0, 1.0)), None, Some((2, 0.6))]);
        assert_eq!(found.slots[3].key, 5);
    }
}
