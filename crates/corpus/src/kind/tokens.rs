//! The meaning of the tokens of a kind's windows.

use note_seq::NoteList;
use note_seq::drums::{DrumHits, DrumMap};
use note_seq::vocabulary::{self, STEPS_PER_BAR};
use note_seq::window::{Content, Track, WindowForm, WindowLayout};

use super::{Converter, Kind};

impl Kind {
    /// The form of the windows: the meaning of their tokens.
    pub fn form(&self) -> WindowForm {
        match &self.converter {
            Converter::Notes(c) => WindowForm::Notes(c.encoding),
            _ => WindowForm::Steps(self.layout().expect("windows that are not lists")),
        }
    }

    /// The layout of windows with one token per step; `None` for lists of notes.
    pub(super) fn layout(&self) -> Option<WindowLayout> {
        let pitches =
            |encoding: note_seq::MelodyEncoding| Track::pitches(encoding.n_classes().into());
        let (n_steps, tracks) = match &self.converter {
            Converter::Melody(c) => (c.steps_per_window(), vec![pitches(c.encoding)]),
            Converter::ChordedMelody(c) => {
                (c.steps_per_window(), vec![pitches(c.encoding), Track::CHORDS])
            }
            Converter::Drums(c) => (c.steps_per_window(), vec![Track::DRUMS]),
            Converter::Trio(c) => {
                let n_steps = c.slice_bars as usize * c.steps_per_bar as usize;
                (n_steps, vec![pitches(c.encoding), pitches(c.encoding), Track::DRUMS])
            }
            Converter::Notes(_) => return None,
        };
        Some(WindowLayout { n_steps, tracks })
    }

    /// Number of bars in a window.
    pub fn n_bars(&self) -> usize {
        match (&self.converter, self.layout()) {
            (Converter::Notes(c), _) => c.encoding.n_bars().into(),
            (_, layout) => layout.map_or(0, |layout| layout.n_steps / STEPS_PER_BAR),
        }
    }

    /// Whether windows contain only drums.
    pub fn is_of_drums(&self) -> bool {
        match &self.converter {
            Converter::Drums(_) => true,
            Converter::Notes(c) => !c.encoding.has_tones(),
            _ => false,
        }
    }

    /// Whether windows are in a common key, so that their music can be transposed to any other.
    pub fn is_in_one_key(&self) -> bool {
        matches!(&self.converter, Converter::Notes(c) if c.key.is_some())
    }

    /// The keys of this kind's drums.
    fn drum_map(&self) -> &DrumMap {
        match &self.converter {
            Converter::Drums(c) => &c.map,
            Converter::Trio(c) => &c.map,
            Converter::Notes(c) => &c.drum_map,
            Converter::Melody(_) | Converter::ChordedMelody(_) => &DrumMap::MAGENTA,
        }
    }

    /// Calls `each` with the MIDI pitch of every note that starts in a window; for drums, with the
    /// first key of their class.
    pub fn note_starts(&self, tokens: &[u16], mut each: impl FnMut(u8)) {
        let layout = match self.form() {
            WindowForm::Steps(layout) => layout,
            WindowForm::Notes(encoding) => {
                if let Ok(list) = NoteList::from_row(encoding, tokens) {
                    list.notes().for_each(|note| each(note.pitch.get()));
                }
                return;
            }
        };
        let parts = layout.tracks.iter().zip(tokens.chunks_exact(layout.n_steps));
        for (track, tokens) in parts {
            match track.content {
                Content::Pitches => {
                    let pitches = tokens.iter().filter_map(|token| vocabulary::pitch(*token));
                    pitches.filter_map(|pitch| u8::try_from(pitch).ok()).for_each(&mut each);
                }
                Content::Drums => {
                    for hits in tokens.iter().filter_map(|t| DrumHits::from_label(*t).ok()) {
                        let keys = hits.classes().map(|class| self.drum_map().exemplar(class));
                        keys.for_each(|key| each(key.get()));
                    }
                }
                Content::Chords => {}
            }
        }
    }

    /// The window transposed so that its lowest note is the lowest pitch of the vocabulary,
    /// including its chords. The result is the same for all transpositions of a window. Drums are
    /// unchanged.
    pub fn transposed_to_lowest(&self, tokens: &[u16]) -> Vec<u16> {
        let mut moved = tokens.to_vec();
        self.form().transpose(&mut moved, i32::MIN);
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
        // A trio (melody, bass, drums), and a truncated window, which must not panic.
        let trio = Kind::find("trio-16bar").unwrap();
        let mut tokens = vec![0; 768];
        (tokens[0], tokens[256], tokens[512]) = (41, 21, 1);
        assert_eq!(pitches(&trio, &tokens), [60, 40, map.exemplar(0).get()]);
        assert_eq!(pitches(&trio, &tokens[..300]), [60]);
    }

    #[test]
    fn transpositions_and_nothing_else_become_the_same() {
        let kind = Kind::find("mel-2bar-chords").unwrap();
        // C E, over C then A minor (13 + 9); the same a whole tone higher: D F sharp, D, B minor
        // (13 + 11).
        let window = |notes: [u16; 2], chords: [u16; 2]| {
            let mut tokens = vec![0; 64];
            (tokens[0], tokens[4], tokens[10]) = (notes[0], notes[1], 1);
            tokens[32..48].fill(chords[0]);
            tokens[48..].fill(chords[1]);
            tokens
        };
        let normal = kind.transposed_to_lowest(&window([41, 45], [1, 22]));
        assert_eq!(kind.transposed_to_lowest(&window([43, 47], [3, 24])), normal);
        // Down a whole tone: the root wraps around from C to B flat.
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
