//! Kinds of windows: the meaning of a model folder's `kind`.

mod cut;
mod tokens;

use note_seq::drums::{DrumConverter, DrumExtractOptions, DrumTrack};
use note_seq::melody::ExtractOptions;
use note_seq::trio::{TrioConverter, TrioWindow};
use note_seq::vocabulary::STEPS_PER_BAR;
use note_seq::window::{Content, Track, WindowLayout};
use note_seq::{
    Dedupe, MelodyConverter, NoteList, NoteListConverter, NoteListPlayback, NoteSequence, Pitch,
    Playback, SkipReason,
};
use thiserror::Error;

pub use cut::{Cut, NoteUse, Window};
use cut::{DRUM_INSTRUMENT, cut};

/// A kind of window, and how music is converted to it.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name, as in a model's configuration: `mel-2bar`.
    pub name: &'static str,
    /// The requirements on a file, for messages.
    pub needs: &'static str,
    converter: Converter,
}

/// Method of cutting a sequence into windows.
#[derive(Clone, Debug)]
enum Converter {
    Melody(MelodyConverter),
    ChordedMelody(MelodyConverter),
    Drums(DrumConverter),
    Trio(TrioConverter),
    Notes(NoteListConverter),
}

/// An unknown kind of window.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown kind of window `{found}`; known are {}", Kind::NAMES.join(", "))]
pub struct UnknownKind {
    /// The name found.
    pub found: String,
}

impl Kind {
    /// All known kinds.
    pub const NAMES: [&'static str; 9] = [
        "poly-2bar",
        "poly-4bar",
        "all-2bar",
        "drums-2bar-groove",
        "mel-2bar",
        "mel-2bar-chords",
        "mel-16bar",
        "drums-2bar",
        "trio-16bar",
    ];

    /// Two bars of all voices in their meter and in a common key, at every bar: for training.
    pub fn poly_2bar() -> Self {
        Self {
            name: "poly-2bar",
            needs: "a note that is not a drum",
            converter: Converter::Notes(NoteListConverter::poly_2bar()),
        }
    }

    /// Two bars of melody, at every bar: for training.
    pub fn mel_2bar() -> Self {
        Self {
            name: "mel-2bar",
            needs: "two bars of 4/4 (or 2/2) with a melody of General MIDI programs 0 to 31",
            converter: Converter::Melody(once(MelodyConverter::mel_2bar())),
        }
    }

    /// The kind with this name.
    ///
    /// # Errors
    /// Returns [`UnknownKind`] if no kind has this name.
    pub fn find(name: &str) -> Result<Self, UnknownKind> {
        let kind = |name, needs, converter| Self { name, needs, converter };
        Ok(match name {
            "poly-2bar" => Self::poly_2bar(),
            "poly-4bar" => kind(
                "poly-4bar",
                "a note that is not a drum",
                Converter::Notes(NoteListConverter::poly_4bar()),
            ),
            "all-2bar" => kind(
                "all-2bar",
                "a note or a drum",
                Converter::Notes(NoteListConverter::all_2bar()),
            ),
            "drums-2bar-groove" => kind(
                "drums-2bar-groove",
                "drums on channel 10",
                Converter::Notes(NoteListConverter::drums_2bar_groove()),
            ),
            "mel-2bar" => Self::mel_2bar(),
            // Like Magenta's model with chords: any program.
            "mel-2bar-chords" => kind(
                "mel-2bar-chords",
                "two bars of 4/4 (or 2/2) with a melody and something to infer chords from",
                Converter::ChordedMelody(once(MelodyConverter::mel_16bar().with_slice_bars(2))),
            ),
            "mel-16bar" => kind(
                "mel-16bar",
                "16 bars of 4/4 (or 2/2) with a melody that never rests for a bar",
                Converter::Melody(once(MelodyConverter::mel_16bar())),
            ),
            "drums-2bar" => kind(
                "drums-2bar",
                "two bars of 4/4 (or 2/2) with drums on channel 10",
                Converter::Drums(DrumConverter {
                    dedupe: Dedupe::PerSequence,
                    keep_empty: false,
                    ..DrumConverter::drums_2bar()
                }),
            ),
            "trio-16bar" => kind(
                "trio-16bar",
                "16 bars of 4/4 (or 2/2) in which a melody (programs 0 to 31), a bass (32 to 39) \
                 and drums play together",
                Converter::Trio(TrioConverter::trio_16bar()),
            ),
            _ => return Err(UnknownKind { found: name.to_owned() }),
        })
    }

    /// The name of the kind of windows with this layout, whether or not the kind exists.
    pub fn name_for(layout: &WindowLayout) -> String {
        let is_drums = |track: &Track| track.content == Content::Drums;
        let what = match (layout.n_parts(), layout.tracks.iter().any(is_drums)) {
            (1, true) => "drums".to_owned(),
            (1, false) => "mel".to_owned(),
            (3, true) => "trio".to_owned(),
            (n, _) => format!("{n}-part"),
        };
        let length = match layout.n_steps {
            n if n.is_multiple_of(STEPS_PER_BAR) => format!("{}bar", n / STEPS_PER_BAR),
            n => format!("{n}step"),
        };
        let under = if layout.has_control() { "-chords" } else { "" };
        format!("{what}-{length}{under}")
    }

    /// The windows of a sequence, and counts of what gave none; repetitions within the sequence are
    /// left out. Windows are in musical time, so tempo and tempo changes have no effect.
    pub fn windows(&self, sequence: &NoteSequence) -> Cut {
        let mut cut = cut(&self.converter, sequence);
        let Converter::Trio(_) = self.converter else { return cut };
        // Trios repeat wherever a file doubles an instrument.
        let mut seen = std::collections::BTreeSet::new();
        let (windows, repeated): (Vec<Window>, Vec<Window>) =
            cut.windows.into_iter().partition(|w| seen.insert(w.tokens.clone()));
        if !repeated.is_empty() {
            *cut.skipped.entry(SkipReason::Duplicate).or_default() += repeated.len();
        }
        Cut { windows, ..cut }
    }

    /// Consecutive windows of a sequence, without overlap. Repetitions are kept, and so are rests
    /// within a window. The last window of a melody, of drums or of all voices is padded with
    /// silence.
    pub fn windows_in_a_row(&self, sequence: &NoteSequence) -> Cut {
        let converter = match self.converter.clone() {
            Converter::Melody(c) => Converter::Melody(in_a_row(c)),
            Converter::ChordedMelody(c) => Converter::ChordedMelody(in_a_row(c)),
            Converter::Drums(c) => Converter::Drums(DrumConverter {
                hop_bars: c.slice_bars,
                dedupe: Dedupe::Off,
                extract: DrumExtractOptions {
                    gap_bars: None,
                    pad_bars: c.slice_bars,
                    max_bars: None,
                    ..c.extract
                },
                ..c
            }),
            Converter::Trio(c) => Converter::Trio(TrioConverter { hop_bars: c.slice_bars, ..c }),
            Converter::Notes(c) => Converter::Notes(NoteListConverter {
                hop_bars: c.encoding.n_bars().into(),
                dedupe: Dedupe::Off,
                min_notes: 0,
                ..c
            }),
        };
        cut(&converter, sequence)
    }

    /// First 8 bytes (little-endian) of [`Self::window_hash`].
    pub fn window_id(&self, tokens: &[u16]) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.window_hash(tokens)[..8]);
        u64::from_le_bytes(bytes)
    }

    /// First 16 bytes of the BLAKE3 hash of the kind's name and the tokens (each little-endian).
    pub fn window_hash(&self, tokens: &[u16]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.name.as_bytes());
        for token in tokens {
            hasher.update(&token.to_le_bytes());
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        bytes
    }

    /// Consecutive windows as music. Chords are not written: they are implied by the melody.
    ///
    /// # Panics
    /// If a token is not in this kind's vocabulary; models of this kind never produce one.
    pub fn to_sequence<'a>(
        &self,
        windows: impl IntoIterator<Item = &'a [u16]>,
        playback: &NoteListPlayback,
    ) -> NoteSequence {
        const VOCABULARY: &str = "tokens of this kind's vocabulary";
        if let Converter::Notes(converter) = &self.converter {
            let list = |row: &[u16]| NoteList::from_row(converter.encoding, row).expect(VOCABULARY);
            let lists: Vec<NoteList> = windows.into_iter().map(list).collect();
            return NoteList::join(&lists, playback);
        }
        let layout = self.layout().expect("windows are lists or have a layout");
        let mut tracks = vec![Vec::new(); layout.tracks.len()];
        for window in windows {
            for (track, tokens) in tracks.iter_mut().zip(window.chunks_exact(layout.n_steps)) {
                track.extend_from_slice(tokens);
            }
        }
        let (qpm, velocity) = (playback.qpm, playback.velocity);
        let program = playback.programs[0];
        match (&self.converter, tracks.as_slice()) {
            (Converter::Drums(converter), [drums, ..]) => {
                let track = DrumTrack::from_labels(drums).expect(VOCABULARY);
                track.to_sequence(&converter.map, &Playback { qpm, ..Playback::drums() })
            }
            (Converter::Trio(converter), [melody, bass, drums]) => {
                let trio = TrioWindow {
                    melody: melody.clone(),
                    bass: bass.clone(),
                    drums: drums.clone(),
                    instruments: [0, 1, DRUM_INSTRUMENT],
                    start_bar: 0,
                };
                trio.to_sequence(qpm, converter.encoding, &converter.map).expect(VOCABULARY)
            }
            (Converter::Melody(converter) | Converter::ChordedMelody(converter), [melody, ..]) => {
                let melody = converter.encoding.decode(melody).expect(VOCABULARY);
                melody.to_sequence(&Playback { qpm, velocity, program, ..Playback::default() })
            }
            _ => unreachable!("a kind has the tracks of its converter"),
        }
    }

    /// The pitch range of the melody, for windows of one melody with or without chords; otherwise
    /// `None`.
    pub fn melody_range(&self) -> Option<(Pitch, Pitch)> {
        match &self.converter {
            Converter::Melody(c) | Converter::ChordedMelody(c) => {
                Some((c.encoding.lowest(), c.encoding.highest()))
            }
            Converter::Drums(_) | Converter::Trio(_) | Converter::Notes(_) => None,
        }
    }

    /// Consecutive windows of a melody alone: like [`Kind::windows_in_a_row`], but without any
    /// chords. `None` for kinds without a melody.
    pub fn melody_windows(&self, sequence: &NoteSequence) -> Option<Cut> {
        match self.converter.clone() {
            Converter::Melody(c) | Converter::ChordedMelody(c) => {
                Some(cut(&Converter::Melody(in_a_row(c)), sequence))
            }
            Converter::Drums(_) | Converter::Trio(_) | Converter::Notes(_) => None,
        }
    }
}

/// A melody converter for training: repetitions are left out, and so is silence, which teaches
/// nothing.
fn once(converter: MelodyConverter) -> MelodyConverter {
    MelodyConverter { dedupe: Dedupe::PerSequence, keep_empty: false, ..converter }
}

fn in_a_row(converter: MelodyConverter) -> MelodyConverter {
    MelodyConverter {
        hop_bars: converter.slice_bars,
        dedupe: Dedupe::Off,
        extract: ExtractOptions {
            gap_bars: None,
            pad_bars: converter.slice_bars,
            max_bars: None,
            ..converter.extract
        },
        ..converter
    }
}

#[cfg(test)]
mod tests;
