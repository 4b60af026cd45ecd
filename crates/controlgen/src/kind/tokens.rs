//! What the tokens of a window mean, for those who count or compare windows.

use std::ops::Range;

use note_seq::MelodyEncoding;
use note_seq::drums::{DrumHits, DrumMap};

use super::{Converter, Kind};

/// The lowest label of a note in melodies.
const FIRST_NOTE_LABEL: u16 = 2;
/// Roots of chords; a label above 0 is `1 + 12 · quality + root`.
const N_ROOTS: u16 = 12;

/// A stretch of a window's tokens.
enum Part<'a> {
    Melody(MelodyEncoding),
    Chords,
    Drums(&'a DrumMap),
}

impl Kind {
    /// The parts of a window, with where their tokens stand.
    fn parts(&self) -> Vec<(Part<'_>, Range<usize>)> {
        let parts = match &self.converter {
            Converter::Melody(c) => vec![Part::Melody(c.encoding)],
            Converter::ChordedMelody(c) => vec![Part::Melody(c.encoding), Part::Chords],
            Converter::Drums(c) => vec![Part::Drums(&c.map)],
            Converter::Trio(c) => {
                vec![Part::Melody(c.encoding), Part::Melody(c.encoding), Part::Drums(&c.map)]
            }
        };
        let n = self.n_steps();
        parts.into_iter().enumerate().map(|(i, part)| (part, i * n..(i + 1) * n)).collect()
    }

    /// Hands the MIDI pitch of every note that starts in a window to `each`; a drum's is that of its
    /// class.
    pub fn note_starts(&self, tokens: &[u16], mut each: impl FnMut(u8)) {
        for (part, span) in self.parts() {
            let tokens = tokens.get(span).unwrap_or_default();
            match part {
                Part::Melody(encoding) => {
                    let lowest = u16::from(encoding.lowest().get());
                    for token in tokens.iter().filter(|token| **token >= FIRST_NOTE_LABEL) {
                        if let Ok(pitch) = u8::try_from(token - FIRST_NOTE_LABEL + lowest) {
                            each(pitch);
                        }
                    }
                }
                Part::Drums(map) => {
                    for hits in tokens.iter().filter_map(|t| DrumHits::from_label(*t).ok()) {
                        hits.classes().for_each(|class| each(map.exemplar(class).get()));
                    }
                }
                Part::Chords => {}
            }
        }
    }

    /// The window as it is when its lowest note is moved to the lowest pitch of the encoding, and its
    /// chords with it: the same for every transposition of a window. Drums stay.
    pub fn transposed_to_lowest(&self, tokens: &[u16]) -> Vec<u16> {
        let mut moved = tokens.to_vec();
        let parts = self.parts();
        let lowest = parts
            .iter()
            .filter(|(part, _)| matches!(part, Part::Melody(_)))
            .flat_map(|(_, span)| tokens.get(span.clone()).unwrap_or_default())
            .filter(|token| **token >= FIRST_NOTE_LABEL)
            .min();
        let Some(shift) = lowest.map(|lowest| lowest - FIRST_NOTE_LABEL) else { return moved };
        for (part, span) in parts {
            let tokens = moved.get_mut(span).unwrap_or_default();
            match part {
                Part::Melody(_) => {
                    for token in tokens.iter_mut().filter(|token| **token >= FIRST_NOTE_LABEL) {
                        *token -= shift;
                    }
                }
                Part::Chords => {
                    for token in tokens.iter_mut().filter(|token| **token > 0) {
                        let (quality, root) = ((*token - 1) / N_ROOTS, (*token - 1) % N_ROOTS);
                        let root = (root + N_ROOTS - shift % N_ROOTS) % N_ROOTS;
                        *token = 1 + quality * N_ROOTS + root;
                    }
                }
                Part::Drums(_) => {}
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pitches(kind: &Kind, tokens: &[u16]) -> Vec<u8> {
        let mut pitches = Vec::new();
        kind.note_starts(tokens, |pitch| pitches.push(pitch));
        pitches
    }

    #[test]
    fn note_starts_are_pitches_of_melodies_and_drums() {
        let mut tokens = vec![0; 32];
        // Labels begin at 2 with pitch 21: 41 is middle C.
        (tokens[0], tokens[4], tokens[8]) = (41, 1, 89);
        assert_eq!(pitches(&Kind::mel_2bar(), &tokens), [60, 108]);
        // Kick and snare together, then the closed hi-hat.
        let mut tokens = vec![0; 32];
        (tokens[0], tokens[4]) = (0b11, 0b100);
        let map = DrumMap::MAGENTA;
        let expected = [0, 1, 2].map(|class| map.exemplar(class).get());
        assert_eq!(pitches(&Kind::find("drums-2bar").unwrap(), &tokens), expected);
        // A trio: melody, bass, drums; and a window cut short is no panic.
        let trio = Kind::find("trio-16bar").unwrap();
        let mut tokens = vec![0; 768];
        (tokens[0], tokens[256], tokens[512]) = (41, 21, 1);
        assert_eq!(pitches(&trio, &tokens), [60, 40, map.exemplar(0).get()]);
        assert_eq!(pitches(&trio, &tokens[..300]), [60]);
    }

    #[test]
    fn transpositions_and_nothing_else_become_the_same() {
        let kind = Kind::find("mel-2bar-chords").unwrap();
        // C E, under C then A minor (13 + 9); the same a tone higher: D F sharp, D, B minor (13 + 11).
        let window = |notes: [u16; 2], chords: [u16; 2]| {
            let mut tokens = vec![0; 64];
            (tokens[0], tokens[4], tokens[10]) = (notes[0], notes[1], 1);
            tokens[32..48].fill(chords[0]);
            tokens[48..].fill(chords[1]);
            tokens
        };
        let normal = kind.transposed_to_lowest(&window([41, 45], [1, 22]));
        assert_eq!(kind.transposed_to_lowest(&window([43, 47], [3, 24])), normal);
        // Down a tone: the root goes round from C to B flat.
        assert_eq!(kind.transposed_to_lowest(&window([39, 43], [11, 20])), normal);
        assert_ne!(kind.transposed_to_lowest(&window([43, 46], [3, 24])), normal);
        assert_ne!(kind.transposed_to_lowest(&window([43, 47], [3, 23])), normal);
        assert_eq!((normal[0], normal[4], normal[10]), (2, 6, 1));
        let silent = vec![0; 64];
        assert_eq!(kind.transposed_to_lowest(&silent), silent);
        let beat: Vec<u16> = (0..32).map(|i| i % 9).collect();
        assert_eq!(Kind::find("drums-2bar").unwrap().transposed_to_lowest(&beat), beat);
    }
}
