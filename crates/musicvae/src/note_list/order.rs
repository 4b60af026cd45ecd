//! Which classes a note can have after the one before it in the same cell: lists are sorted by
//! onset, then pitch (or drum), then family, and no two notes are alike in these three.

use std::ops::Range;

use note_seq::{Field, NoteListEncoding};

/// The order of notes in a cell, by the places of fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListOrder {
    /// Of the pitch or drum.
    key: usize,
    /// Of the family, if notes have one.
    family: Option<usize>,
}

impl ListOrder {
    pub(super) fn new(encoding: NoteListEncoding) -> Self {
        let place = |field| encoding.index_of(field);
        let key = place(Field::Pitch).or(place(Field::Drum)).expect("a checked encoding has one");
        Self { key, family: place(Field::Family) }
    }

    /// The positions that a note can have in a cell of some positions, after the note before it
    /// there.
    pub(super) fn positions(previous: Option<&[u16]>, cell_len: usize) -> Range<usize> {
        previous.map_or(0, |note| usize::from(note[0]))..cell_len
    }

    /// The classes of `field`, one behind the position, that a note can have whose classes before
    /// that field are `known`, after the note before it in the same cell. Empty if there is no such
    /// note.
    pub(super) fn classes(
        self,
        field: usize,
        n_classes: usize,
        known: &[u16],
        previous: Option<&[u16]>,
    ) -> Range<usize> {
        let Some(previous) = previous.filter(|note| note[0] == known[0]) else {
            return 0..n_classes;
        };
        let class = |place: usize| (usize::from(previous[place]), known.get(place).copied());
        let first = match self.family {
            None if field == self.key => class(self.key).0 + 1,
            Some(family) if field == self.key => match class(family) {
                // The family comes first and has not risen, so the pitch must.
                (before, Some(own)) if usize::from(own) <= before => class(self.key).0 + 1,
                _ => class(self.key).0,
            },
            Some(family) if field == family => match class(self.key) {
                (before, Some(own)) if usize::from(own) == before => class(family).0 + 1,
                _ => 0,
            },
            _ => 0,
        };
        first.min(n_classes)..n_classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Position, family, pitch, duration, dynamics.
    const BEFORE: [u16; 5] = [3, 2, 60, 0, 0];

    #[test]
    fn pitch_rises_with_the_family_given_and_families_rise_in_unison() {
        let order = ListOrder::new(NoteListEncoding::POLY_2BAR);
        let pitch = |known: &[u16]| order.classes(2, 128, known, Some(&BEFORE));
        assert_eq!(pitch(&[3, 2]), 61..128);
        assert_eq!(pitch(&[3, 1]), 61..128);
        assert_eq!(pitch(&[3, 3]), 60..128);
        assert_eq!(pitch(&[4, 2]), 0..128);
        assert_eq!(order.classes(2, 128, &[3, 2], None), 0..128);
        assert_eq!(order.classes(1, 6, &[3], Some(&BEFORE)), 0..6);
        assert_eq!(order.classes(3, 18, &[3, 2, 61], Some(&BEFORE)), 0..18);
        assert_eq!(order.classes(2, 128, &[3, 0], Some(&[3, 2, 127, 0, 0])), 128..128);
        assert_eq!(ListOrder::positions(Some(&BEFORE), 12), 3..12);
        assert_eq!(ListOrder::positions(None, 18), 0..18);
    }

    #[test]
    fn a_drum_is_hit_once_a_step() {
        // Position, offset, drum, velocity.
        let order = ListOrder::new(NoteListEncoding::DRUMS_2BAR_GROOVE);
        assert_eq!(order.classes(2, 9, &[1, 5], Some(&[1, 7, 4, 3])), 5..9);
        assert_eq!(order.classes(1, 12, &[1], Some(&[1, 7, 4, 3])), 0..12);
        assert_eq!(order.classes(2, 9, &[2, 5], Some(&[1, 7, 4, 3])), 0..9);
    }
}
