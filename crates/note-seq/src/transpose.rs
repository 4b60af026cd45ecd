//! Transposing a sequence.

use crate::chords::{Chord, NO_CHORD};
use crate::event::TextKind;
use crate::pitch::Pitch;
use crate::sequence::NoteSequence;
use crate::units::Seconds;

impl NoteSequence {
    /// Transposes every tone by `semitones`; returns the number of notes deleted because they left
    /// 0 to 127.
    ///
    /// Drums are not transposed. Key signatures and chord symbols are transposed with the music,
    /// and `total_time` becomes the largest remaining note end. Unknown chord symbols, whose text
    /// would now be wrong, are removed.
    pub fn transpose(&mut self, semitones: i32) -> usize {
        self.transpose_within(semitones, Pitch::MIN, Pitch::MAX)
    }

    /// Like [`Self::transpose`], but deletes tones outside `lowest` to `highest`.
    pub fn transpose_within(&mut self, semitones: i32, lowest: Pitch, highest: Pitch) -> usize {
        let before = self.notes.len();
        self.notes.retain_mut(|note| {
            if note.is_drum {
                return true;
            }
            match note.pitch.transposed(semitones) {
                Some(pitch) if lowest <= pitch && pitch <= highest => {
                    note.pitch = pitch;
                    true
                }
                _ => false,
            }
        });
        self.total_time = self.notes.iter().map(|n| n.end_time).fold(0.0, Seconds::max);
        for signature in &mut self.key_signatures {
            let turned = (i64::from(signature.key) + i64::from(semitones)).rem_euclid(12);
            signature.key = u8::try_from(turned).unwrap_or_default();
        }
        self.text_annotations.retain_mut(|text| {
            if text.kind != TextKind::ChordSymbol || text.text == NO_CHORD {
                return true;
            }
            let chord =
                text.text.parse::<Chord>().map(|chord| chord.transposed(semitones).to_string());
            chord.map(|symbol| text.text = symbol).is_ok()
        });
        before - self.notes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeySignature, Note};

    #[test]
    fn drums_stay_tones_move_and_the_rest_is_deleted() {
        let mut sequence = NoteSequence::default();
        for (pitch, is_drum, end_time) in [(60, false, 1.0), (36, true, 2.0), (126, false, 3.0)] {
            sequence.push(Note {
                pitch: Pitch::new(pitch).unwrap(),
                is_drum,
                end_time,
                ..Note::default()
            });
        }
        sequence.key_signatures.push(KeySignature { key: 11, ..KeySignature::default() });
        assert_eq!(sequence.transpose(2), 1);
        let pitches: Vec<u8> = sequence.notes.iter().map(|n| n.pitch.get()).collect();
        assert_eq!(pitches, [62, 36]);
        assert!((sequence.total_time - 2.0).abs() < f64::EPSILON);
        assert_eq!(sequence.key_signatures[0].key, 1);
    }
}
