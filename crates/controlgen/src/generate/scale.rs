//! Notes of new music, moved into the scale of its key.

use note_seq::vocabulary::{FIRST_PITCH, LOWEST_PITCH};
use note_seq::window::{Content, WindowForm};
use note_seq::{Family, ListNote, NoteList, Pitch};

/// Pitch classes of C major, which A minor has, too.
const SCALE: [u8; 7] = [0, 2, 4, 5, 7, 9, 11];

/// Moves the notes of a window in the common key, C major or A minor, into its scale: a note
/// between two tones of the scale becomes the lower one. Drums and chords stay. Of notes of a
/// family that then begin together at one pitch, the first is kept.
///
/// # Panics
/// If the window is not of this form.
pub(super) fn into_scale(form: &WindowForm, window: &mut Vec<u16>) {
    match form {
        WindowForm::Steps(layout) => {
            let tracks = layout.tracks.iter().zip(window.chunks_exact_mut(layout.n_steps.max(1)));
            for (_, tokens) in tracks.filter(|(track, _)| track.content == Content::Pitches) {
                for token in tokens.iter_mut().filter(|token| **token > FIRST_PITCH) {
                    let pitch = u16::from(LOWEST_PITCH) + *token - FIRST_PITCH;
                    *token -= u16::from(!is_in_scale(pitch));
                }
            }
        }
        WindowForm::Notes(encoding) => {
            let list = NoteList::from_row(*encoding, window).expect("a window of this form");
            let moved = list.notes().map(|note| {
                let pitch = note.pitch.get();
                let is_moved = note.family != Family::Drums && !is_in_scale(pitch.into());
                ListNote { pitch: Pitch::saturating(pitch - u8::from(is_moved)), ..note }
            });
            let moved = NoteList::from_notes(*encoding, list.meter(), moved);
            *window = moved.expect("onsets stay within the window").to_row();
        }
    }
}

fn is_in_scale(pitch: u16) -> bool {
    SCALE.iter().any(|class| u16::from(*class) == pitch % 12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::kind::Kind;
    use note_seq::Meter;

    #[test]
    fn notes_of_a_melody_move_down_into_the_scale() {
        let form = Kind::mel_2bar().form();
        let mut window = vec![0; 32];
        // C4, C sharp, E flat, off, E, B flat, B; token 41 is C4, and 2 is A0.
        window[..8].copy_from_slice(&[41, 42, 44, 1, 45, 51, 52, 2]);
        into_scale(&form, &mut window);
        assert_eq!(window[..8], [41, 41, 43, 1, 45, 50, 52, 2]);
    }

    #[test]
    fn notes_of_a_list_move_and_its_drums_stay() {
        let form = Kind::find("poly-2bar").unwrap().form();
        let encoding = form.encoding().unwrap();
        let note = |onset, pitch, family| ListNote {
            onset,
            offset: 0.0,
            family,
            pitch: Pitch::new(pitch).unwrap(),
            duration: 12,
            velocity: None,
        };
        let (keys, bass) = (Family::TONAL[0], Family::TONAL[2]);
        let given = [note(0, 60, keys), note(0, 61, keys), note(0, 61, bass), note(4, 66, keys)];
        let list = NoteList::from_notes(encoding, Meter::COMMON, given).unwrap();
        let mut window = list.to_row();
        into_scale(&form, &mut window);
        let moved = NoteList::from_row(encoding, &window).unwrap();
        let mut found: Vec<_> =
            moved.notes().map(|note| (note.onset, note.pitch.get(), note.family)).collect();
        found.sort_by_key(|(onset, pitch, family)| (*onset, *pitch, family.class()));
        // The C sharp of the keys is the C that they play already.
        assert_eq!(found, [(0, 60, keys), (0, 60, bass), (4, 65, keys)]);
        let mut again = window.clone();
        into_scale(&form, &mut again);
        assert_eq!(again, window);
    }
}
