//! Names of pitches in a key.

use crate::event::KeySignature;
use crate::pitch::Pitch;

/// The seven letters on the line of fifths, from F.
const LETTERS: [&str; 7] = ["F", "C", "G", "D", "A", "E", "B"];

/// A letter, its alteration in semitones, and the octave (octave 4 begins with middle C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelling {
    pub(super) step: &'static str,
    pub(super) alter: i32,
    pub(super) octave: i32,
}

/// The name of a pitch, from three fifths below the tonic of the (relative) major key to eight
/// above, in C major from E flat to G sharp; double signs and F flat are excluded.
pub(super) fn spelled(pitch: Pitch, key: &KeySignature) -> Spelling {
    let first = (i32::from(key.sharps()) - 3).clamp(-7, 1);
    let fifths = first + (i32::from(pitch.class()) * 7 - first).rem_euclid(12);
    let name = |fifths: i32| {
        let from_f = fifths + 1;
        let alter = from_f.div_euclid(7);
        let letter = usize::try_from(from_f.rem_euclid(7)).unwrap_or(0);
        let octave = (i32::from(pitch.get()) - alter).div_euclid(12) - 1;
        Spelling { step: LETTERS[letter], alter, octave }
    };
    // The lowest C as B sharp would be below the available octaves.
    let spelling = name(fifths);
    if spelling.octave < 0 { name(fifths - 12) } else { spelling }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Mode;

    fn names(key: u8, mode: Mode) -> String {
        let key = KeySignature { time: 0.0, key, mode };
        let name = |pitch: u8| {
            let Spelling { step, alter, octave } = spelled(Pitch::saturating(pitch), &key);
            let sign = ["b", "", "#"][usize::try_from(alter + 1).unwrap()];
            format!("{step}{sign}{octave}")
        };
        (60..72).map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn pitches_are_named_as_their_key_has_them() {
        let c = "C4 C#4 D4 Eb4 E4 F4 F#4 G4 G#4 A4 Bb4 B4";
        assert_eq!((names(0, Mode::Major), names(9, Mode::Minor)), (c.to_owned(), c.to_owned()));
        assert_eq!(names(8, Mode::Major), "C4 Db4 D4 Eb4 E4 F4 Gb4 G4 Ab4 A4 Bb4 Cb5");
        assert_eq!(names(6, Mode::Major), "B#3 C#4 D4 D#4 E4 E#4 F#4 G4 G#4 A4 A#4 B4");
    }
}
