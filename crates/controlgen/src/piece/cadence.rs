//! Endings of windows: a last chord that is held to the bar line.

use note_seq::window::{Content, WindowForm};
use note_seq::{Family, ListNote, NoteList};

use super::sound::Sounds;

/// A window whose last chord begins at a step (of note lists, at a tick) and is held to the last
/// bar line: tones that sound there last to the end, and what would start after it is left out,
/// drums too. Nothing before it changes.
pub(super) fn held(form: &WindowForm, window: &[u16], at: usize) -> Vec<u16> {
    match form {
        WindowForm::Steps(layout) => {
            let mut window = window.to_vec();
            for (track, steps) in layout.tracks.iter().zip(window.chunks_mut(layout.n_steps)) {
                if track.content != Content::Chords {
                    // "No event": what sounds is held, and no drum is struck.
                    steps.iter_mut().skip(at + 1).for_each(|token| *token = 0);
                }
            }
            window
        }
        WindowForm::Notes(encoding) => {
            let list = NoteList::from_row(*encoding, window).expect("a window of the form");
            let (step, meter) = (usize::from(encoding.ticks_per_step()), list.meter());
            let end = usize::from(encoding.n_ticks(meter));
            let notes = list.notes().filter_map(|note| {
                let start = usize::from(note.onset) * step;
                let is_drum = note.family == Family::Drums || !encoding.has_tones();
                if start > at {
                    None
                } else if is_drum || start + usize::from(note.duration) <= at {
                    Some(note)
                } else {
                    let duration = u16::try_from(end - start).unwrap_or(u16::MAX);
                    Some(ListNote { duration: note.duration.max(duration), ..note })
                }
            });
            let notes: Vec<ListNote> = notes.collect();
            NoteList::from_notes(*encoding, meter, notes).expect("notes of this meter").to_row()
        }
    }
}

/// Possible starts of a window's last chord: those of tones on the first beat or in the middle of
/// its last bar, the latest first.
pub(super) fn places(sounds: &Sounds) -> Vec<usize> {
    let first = sounds.n_steps.saturating_sub(sounds.bar);
    let mut places = vec![first + sounds.bar / 2, first];
    places.retain(|at| sounds.tones.iter().any(|tone| tone.start == *at));
    places
}

/// The share of a window's notes that are left out where its last chord begins at a step.
pub(super) fn left_out(sounds: &Sounds, at: usize) -> f64 {
    let all = || sounds.tones.iter().chain(&sounds.drums);
    all().filter(|sound| sound.start > at).count() as f64 / all().count().max(1) as f64
}

#[cfg(test)]
mod tests {
    use note_seq::NoteListEncoding;
    use note_seq::window::WindowLayout;

    use super::*;
    use crate::test_lists::{note, window};

    #[test]
    fn a_line_holds_its_last_note_to_the_end() {
        let form = WindowForm::Steps(WindowLayout::melody(32, 90));
        let mut window = vec![0_u16; 32];
        for (step, token) in [(0, 45), (16, 41), (20, 43), (24, 45), (28, 1)] {
            window[step] = token;
        }
        let sounds = Sounds::of(&form, &window);
        assert_eq!(places(&sounds), [24, 16]);
        // Of four notes two start after the bar line.
        assert_eq!((left_out(&sounds, 16), left_out(&sounds, 24)), (0.5, 0.0));
        let end = Sounds::of(&form, &held(&form, &window, 24)).ending(2);
        assert!(end.is_long && end.is_at_bar_line, "{end:?}");
        let mut expected = vec![0_u16; 32];
        (expected[0], expected[16]) = (45, 41);
        assert_eq!(held(&form, &window, 16), expected);
    }

    #[test]
    fn a_chord_is_held_with_what_sounds_on_and_without_what_follows() {
        let form = WindowForm::Notes(NoteListEncoding::POLY_2BAR);
        // Positions are twelfths of a quarter, as durations are: a bar has 48.
        let before = window(&[
            note(0, 72, 12),
            note(36, 48, 24),
            note(48, 64, 12),
            note(60, 65, 12),
            note(84, 67, 12),
        ])
        .to_row();
        let expected = window(&[note(0, 72, 12), note(36, 48, 60), note(48, 64, 48)]).to_row();
        assert_eq!(places(&Sounds::of(&form, &before)), [48]);
        assert_eq!(held(&form, &before, 48), expected);
    }
}
