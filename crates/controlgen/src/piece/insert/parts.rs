//! Which instruments play new bars of a tune.

use std::collections::BTreeMap;

use corpus::kind::Kind;
use note_seq::{Family, Note, NoteSequence, Program, Velocity};

use crate::tune::Tune;

/// Which of the tune's instruments play new notes.
pub(super) struct Parts {
    /// By the instrument that the kind writes.
    taken: BTreeMap<u32, (u32, Program)>,
    pub(super) velocity: Velocity,
}

impl Parts {
    pub(super) fn of(
        kind: &Kind,
        tune: &Tune,
        sequence: &NoteSequence,
        is_taken: impl Fn(&Note) -> bool,
    ) -> Self {
        let notes = || sequence.notes.iter().filter(|note| is_taken(note));
        let n = notes().count().max(1);
        let loudness: usize = notes().map(|note| usize::from(note.velocity.get())).sum();
        let velocity = u8::try_from(loudness / n).map_or(80, |v| v.clamp(1, 127));
        let program = |instrument: u32| {
            notes().find(|note| note.instrument == instrument).map(|note| note.program)
        };
        let mut taken = BTreeMap::new();
        if kind.form().encoding().is_some_and(|encoding| encoding.has_tones()) {
            // Of each family the instrument with the most notes, the first of equals.
            let mut counts = BTreeMap::<(u16, u32), usize>::new();
            for note in notes() {
                let family = Family::new(note.program, note.is_drum).class();
                *counts.entry((family, note.instrument)).or_default() += 1;
            }
            let next = sequence.instruments().last().map_or(0, |last| last + 1);
            for family in Family::TONAL {
                let class = family.class();
                let own = counts.iter().filter(|((of, _), _)| *of == class).rev();
                let most = own.max_by_key(|(_, n)| **n).map(|((_, instrument), _)| *instrument);
                let fresh = (next + u32::from(class), tune.playback.program(family));
                let known = most.and_then(|i| Some((i, program(i)?)));
                taken.insert(u32::from(class), known.unwrap_or(fresh));
            }
        } else {
            // Parts in the order of the windows, which write them in ascending numbers.
            let written = [0, 1, 9];
            for (part, instrument) in written.into_iter().zip(&tune.instruments) {
                let program = program(*instrument).unwrap_or_default();
                taken.insert(part, (*instrument, program));
                if kind.is_of_drums() {
                    taken.insert(9, (*instrument, program));
                }
            }
        }
        Self { taken, velocity: Velocity::saturating(velocity) }
    }

    pub(super) fn of_note(&self, note: &Note) -> (u32, Program) {
        self.taken.get(&note.instrument).copied().unwrap_or((note.instrument, note.program))
    }
}
