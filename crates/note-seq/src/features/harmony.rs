//! Harmony: the consonance of two voices.
//!
//! Two tones that sound at the same time are consonant if their interval class is 0, 3, 4 or 5:
//! unisons, thirds, fourths, fifths, sixths and octaves. These are the classes with a positive
//! index of tonal consonance, 3: 0.594, 4: 0.386, 5: 1.240, against 1: -1.428, 2: -0.582, 6: -0.453
//! (Huron, "Interval-class content in equally tempered pitch-class sets: common scales exhibit
//! optimum tonal consonance", Music Perception 11, 1994).

use serde::{Deserialize, Serialize};

use crate::note_list::NoteList;
use crate::window::{GridNote, Line, WindowForm, notes_of_lists};

/// Semitones of an octave.
const OCTAVE: i32 = 12;

/// The consonance of two voices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harmony {
    /// Number of steps on which both sound.
    pub n_together: usize,
    /// Number of these on which they are consonant.
    pub n_consonant: usize,
}

impl Harmony {
    /// Fraction of the common steps that are consonant; `None` if the voices never sound together.
    pub fn consonance(self) -> Option<f64> {
        (self.n_together > 0).then(|| self.n_consonant as f64 / self.n_together as f64)
    }

    /// The sum of the counts of two passages.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            n_together: self.n_together + other.n_together,
            n_consonant: self.n_consonant + other.n_consonant,
        }
    }
}

/// The interval class of two pitches: the smaller number of semitones between their pitch classes,
/// 0 to 6.
pub fn interval_class(a: i32, b: i32) -> i32 {
    let semitones = (a - b).rem_euclid(OCTAVE);
    semitones.min(OCTAVE - semitones)
}

/// Whether two simultaneous pitches are consonant.
pub fn is_consonant(a: i32, b: i32) -> bool {
    matches!(interval_class(a, b), 0 | 3 | 4 | 5)
}

/// The consonance of two voices on the same grid.
pub fn harmony(a: &[GridNote], b: &[GridNote]) -> Harmony {
    let mut found = Harmony::default();
    let mut others = b;
    for note in a {
        // Notes of a voice are consecutive.
        while others.first().is_some_and(|other| other.end <= note.start) {
            others = &others[1..];
        }
        for other in others.iter().take_while(|other| other.start < note.end) {
            let n_steps = note.end.min(other.end).saturating_sub(note.start.max(other.start));
            found.n_together += n_steps;
            if is_consonant(note.pitch, other.pitch) {
                found.n_consonant += n_steps;
            }
        }
    }
    found
}

/// The consonance of two pieces. For windows of steps, that of the first pitched parts (the
/// melodies); for lists of notes, that of the highest line of the first with all notes of the
/// second.
///
/// # Panics
/// If the tokens are not windows of the form.
pub fn harmony_of_windows<'a>(
    form: &WindowForm,
    a: impl IntoIterator<Item = &'a [u16]>,
    b: impl IntoIterator<Item = &'a [u16]>,
) -> Harmony {
    let melody = |lines: Vec<Line>| {
        lines.into_iter().find(|line| !line.is_drums).map(|line| line.notes).unwrap_or_default()
    };
    let melody_of_a = melody(form.lines(a));
    match form {
        WindowForm::Steps(_) => harmony(&melody_of_a, &melody(form.lines(b))),
        WindowForm::Notes(encoding) => {
            let list = |row| NoteList::from_row(*encoding, row).expect("a window of this form");
            let lists: Vec<NoteList> = b.into_iter().map(list).collect();
            let all = notes_of_lists(&lists);
            let of_note = |note: &GridNote| harmony(&melody_of_a, std::slice::from_ref(note));
            all.iter().map(of_note).fold(Harmony::default(), Harmony::and)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::NoteListEncoding;
    use crate::window::WindowLayout;

    fn note(start: usize, end: usize, pitch: i32) -> GridNote {
        GridNote { start, end, pitch }
    }

    #[test]
    fn intervals_are_consonant_by_their_class() {
        let consonant: Vec<i32> = (0..13).filter(|n| is_consonant(60 + n, 60)).collect();
        assert_eq!(consonant, [0, 3, 4, 5, 7, 8, 9, 12]);
        assert!((-40..40).all(|n| is_consonant(60 + n, 60) == is_consonant(60, 60 + n)));
        assert_eq!((interval_class(60, 67), interval_class(60, 85)), (5, 1));
    }

    #[test]
    fn time_together_is_counted_in_steps() {
        let a = [note(0, 4, 60), note(4, 8, 62), note(12, 16, 64)];
        // Third for 2 steps, second for 2; fourth over 62 for 3; nothing under 64 but a tritone for
        // 1.
        let b = [note(0, 2, 64), note(2, 5, 62), note(5, 8, 67), note(15, 20, 70)];
        let found = harmony(&a, &b);
        // 62 over 62 on step 4 is a unison.
        assert_eq!(found, Harmony { n_together: 9, n_consonant: 2 + 1 + 3 });
        assert_eq!(harmony(&b, &a), found);
        assert_eq!(found.and(found).n_together, 18);
        assert_eq!(harmony(&a, &[]).consonance(), None);
    }

    #[test]
    fn melodies_of_windows_are_set_beside_each_other() {
        let form = WindowForm::Steps(WindowLayout::melody(4, 90));
        let (c, e): (&[u16], &[u16]) = (&[41, 0, 0, 0], &[45, 0, 1, 0]);
        // The second window of the first voice continues its note.
        let found = harmony_of_windows(&form, [c, &[0, 0, 1, 0]], [e, e]);
        assert_eq!((found.n_together, found.consonance()), (4, Some(1.0)));
    }

    #[test]
    fn the_top_line_of_lists_is_set_against_all_voices() {
        let form = WindowForm::Notes(NoteListEncoding::POLY_2BAR);
        // E5 over C5 for a quarter (class 7) against C4, F4 and G4 for a quarter: under E a sixth,
        // a seventh and a sixth.
        let tune = [15, 0, 0, 72, 7, 0, 0, 0, 76, 7, 0];
        let other = [15, 0, 0, 60, 7, 0, 0, 0, 65, 7, 0, 0, 0, 67, 7, 0];
        let found = harmony_of_windows(&form, [&tune[..]], [&other[..]]);
        assert_eq!(found, Harmony { n_together: 36, n_consonant: 24 });
    }
}
