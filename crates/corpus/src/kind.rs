//! Kinds of windows: what a model folder's `kind` stands for.

mod tokens;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use note_seq::chords::ChordInference;
use note_seq::drums::{DrumConverter, DrumExtractOptions, DrumTrack};
use note_seq::melody::ExtractOptions;
use note_seq::trio::{TrioConverter, TrioWindow};
use note_seq::vocabulary::STEPS_PER_BAR;
use note_seq::window::{Content, Track, WindowLayout};
use note_seq::{
    Assumption, Conversion, Dedupe, MelodyConverter, NoteList, NoteListConverter, NoteListPlayback,
    NoteSequence, Pitch, Playback, SkipReason,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A kind of window and how music becomes one.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name, as in a model's configuration: `mel-2bar`.
    pub name: &'static str,
    /// What it needs of a file, for messages.
    pub needs: &'static str,
    converter: Converter,
}

/// How a sequence is cut into windows.
#[derive(Clone, Debug)]
enum Converter {
    Melody(MelodyConverter),
    ChordedMelody(MelodyConverter),
    Drums(DrumConverter),
    Trio(TrioConverter),
    Notes(NoteListConverter),
}

/// A window of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its tokens: track after track, or a meter and a list of notes ([`NoteList::to_row`]).
    pub tokens: Vec<u16>,
    /// The instruments of its parts; empty if windows hold all instruments at once.
    pub instruments: Vec<u32>,
    /// First bar, from 0 at the start of the piece.
    pub start_bar: u32,
    /// Semitones that were added to bring it to the common key.
    pub transposed: i8,
}

/// The windows of a sequence, and what is in none.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// The windows.
    pub windows: Vec<Window>,
    /// Counts of what gave no window (see [`SkipReason`]); never empty if there are no windows.
    pub skipped: BTreeMap<SkipReason, usize>,
    /// What became of the notes; `None` for kinds that don't count them.
    pub notes: Option<NoteUse>,
    /// How music of these windows is played like the sequence.
    pub playback: NoteListPlayback,
}

/// What became of the notes of a sequence, or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteUse {
    /// Notes that the kind is about: tones, drums, or both.
    pub n_notes: u64,
    /// Those that stand in a window.
    pub n_in_windows: u64,
    /// The others, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Files for which something was assumed.
    pub assumed: BTreeMap<Assumption, u64>,
}

impl NoteUse {
    /// Adds the counts of other music.
    pub fn add(&mut self, other: &Self) {
        self.n_notes += other.n_notes;
        self.n_in_windows += other.n_in_windows;
        for (reason, n) in &other.skipped {
            *self.skipped.entry(*reason).or_default() += n;
        }
        for (assumption, n) in &other.assumed {
            *self.assumed.entry(*assumption).or_default() += n;
        }
    }

    /// Share of the notes that stand in a window; 1 if there are none.
    pub fn share(&self) -> f64 {
        if self.n_notes == 0 { 1.0 } else { self.n_in_windows as f64 / self.n_notes as f64 }
    }
}

impl Cut {
    /// The most frequent reason if there are no windows; see [`Conversion::why_empty`].
    pub fn why_empty(&self) -> Option<SkipReason> {
        if !self.windows.is_empty() {
            return None;
        }
        let most = self.skipped.iter().max_by_key(|(reason, n)| (**n, std::cmp::Reverse(**reason)));
        most.map(|(reason, _)| *reason)
    }
}

/// A kind that this program does not know.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown kind of window `{found}`; known are {}", Kind::NAMES.join(", "))]
pub struct UnknownKind {
    /// What was found.
    pub found: String,
}

/// The instrument number that drum windows count as: General MIDI's channel of drums.
const DRUM_INSTRUMENT: u32 = 9;

/// Made when the first chord is asked for.
static CHORDS: LazyLock<ChordInference> = LazyLock::new(ChordInference::default);

impl Kind {
    /// The kinds that there are.
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

    /// Two bars of all voices in their meter and in one key, every bar: for training.
    pub fn poly_2bar() -> Self {
        Self {
            name: "poly-2bar",
            needs: "a note that is not a drum",
            converter: Converter::Notes(NoteListConverter::poly_2bar()),
        }
    }

    /// Two bars of melody, every bar: for training.
    pub fn mel_2bar() -> Self {
        Self {
            name: "mel-2bar",
            needs: "two bars of 4/4 (or 2/2) with a melody of General MIDI programs 0 to 31",
            converter: Converter::Melody(once(MelodyConverter::mel_2bar())),
        }
    }

    /// The kind of a name.
    ///
    /// # Errors
    /// [`UnknownKind`] if there is none.
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
            // As Magenta's model under chords: of any program.
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

    /// The name of the kind of windows of this layout, whether there is such a kind or not.
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

    /// The windows of a sequence, and what gave none; a repetition within the sequence is left out.
    /// Windows are of musical time: the tempo and its changes make no difference.
    pub fn windows(&self, sequence: &NoteSequence) -> Cut {
        let mut cut = cut(&self.converter, sequence);
        let Converter::Trio(_) = self.converter else { return cut };
        // Trios repeat themselves wherever a file doubles an instrument.
        let mut seen = std::collections::BTreeSet::new();
        let (windows, repeated): (Vec<Window>, Vec<Window>) =
            cut.windows.into_iter().partition(|w| seen.insert(w.tokens.clone()));
        if !repeated.is_empty() {
            *cut.skipped.entry(SkipReason::Duplicate).or_default() += repeated.len();
        }
        Cut { windows, ..cut }
    }

    /// The windows of a sequence one after the other, without overlap; repetitions stay, and so do
    /// rests within a window. The last window of a melody, of drums or of all voices is filled up
    /// with silence.
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

    /// First 8 bytes (little endian) of [`Self::window_hash`].
    pub fn window_id(&self, tokens: &[u16]) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.window_hash(tokens)[..8]);
        u64::from_le_bytes(bytes)
    }

    /// First 16 bytes of the BLAKE3 hash of the kind's name and the tokens (each little endian).
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

    /// Windows one after the other, as music. Chords are not written: they are in the melody.
    ///
    /// # Panics
    /// If a token is not of this kind's vocabulary; models of this kind write no other.
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

    /// The pitches that a melody may have, where windows are of one melody, under chords or not.
    pub fn melody_range(&self) -> Option<(Pitch, Pitch)> {
        match &self.converter {
            Converter::Melody(c) | Converter::ChordedMelody(c) => {
                Some((c.encoding.lowest(), c.encoding.highest()))
            }
            Converter::Drums(_) | Converter::Trio(_) | Converter::Notes(_) => None,
        }
    }

    /// The windows of a melody alone, one after the other: as [`Kind::windows_in_a_row`], but without
    /// the chords that may belong to them. None for kinds that are of something else.
    pub fn melody_windows(&self, sequence: &NoteSequence) -> Option<Cut> {
        match self.converter.clone() {
            Converter::Melody(c) | Converter::ChordedMelody(c) => {
                Some(cut(&Converter::Melody(in_a_row(c)), sequence))
            }
            Converter::Drums(_) | Converter::Trio(_) | Converter::Notes(_) => None,
        }
    }
}

/// A melody's windows for training: once a piece is enough, and silence teaches nothing.
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

/// The tempo at which music is cut. Half a sixteenth note is then a sixteenth of a second, which
/// `f64` holds exactly: whether a note lies before or after the middle between two steps is decided
/// by its tick, not by rounding errors.
const EVEN_QPM: f64 = 120.0;

/// What windows are cut from: the notes and the meter, in musical time. Tempo is no part of a
/// window, so that one may lie across changes of it. (Magenta cuts the music there.)
fn in_musical_time(sequence: &NoteSequence) -> NoteSequence {
    let mut even = NoteSequence {
        ticks_per_quarter: sequence.ticks_per_quarter,
        notes: sequence.notes.clone(),
        total_time: sequence.total_time,
        tempos: sequence.tempos.clone(),
        time_signatures: sequence.time_signatures.clone(),
        ..NoteSequence::default()
    };
    even.even_out_tempo(EVEN_QPM);
    even
}

/// Cuts a sequence into windows.
fn cut(converter: &Converter, sequence: &NoteSequence) -> Cut {
    if let Converter::Notes(converter) = converter {
        return cut_into_lists(converter, sequence);
    }
    let sequence = &in_musical_time(sequence);
    match converter {
        Converter::Melody(converter) => of(converter.windows(sequence), |w| Window {
            tokens: w.tokens,
            instruments: vec![w.instrument],
            start_bar: w.start_bar,
            transposed: 0,
        }),
        Converter::ChordedMelody(converter) => {
            of(converter.windows_under_chords(sequence, &CHORDS), |w| Window {
                tokens: [w.melody.tokens, w.chords].concat(),
                instruments: vec![w.melody.instrument],
                start_bar: w.melody.start_bar,
                transposed: 0,
            })
        }
        Converter::Drums(converter) => of(converter.windows(sequence), |w| Window {
            tokens: w.tokens,
            instruments: vec![DRUM_INSTRUMENT],
            start_bar: w.start_bar,
            transposed: 0,
        }),
        Converter::Trio(converter) => of(converter.windows(sequence), |w| Window {
            tokens: [w.melody, w.bass, w.drums].concat(),
            instruments: w.instruments.to_vec(),
            start_bar: w.start_bar,
            transposed: 0,
        }),
        Converter::Notes(_) => unreachable!("handled above"),
    }
}

fn of<W>(conversion: Conversion<W>, window: impl Fn(W) -> Window) -> Cut {
    let windows = conversion.windows.into_iter().map(window).collect();
    Cut { windows, skipped: conversion.skipped, notes: None, playback: NoteListPlayback::default() }
}

/// Reasons that say that a note is not what the kind is about.
const NOT_ASKED_FOR: [SkipReason; 2] = [SkipReason::Drums, SkipReason::NotADrum];

fn cut_into_lists(converter: &NoteListConverter, sequence: &NoteSequence) -> Cut {
    let conversion = converter.windows(sequence);
    let mut notes = NoteUse {
        n_notes: conversion.n_notes as u64,
        n_in_windows: conversion.n_in_windows as u64,
        assumed: conversion.assumptions.iter().map(|assumption| (*assumption, 1)).collect(),
        ..NoteUse::default()
    };
    for (reason, n) in &conversion.skipped_notes {
        if NOT_ASKED_FOR.contains(reason) {
            notes.n_notes -= *n as u64;
        } else {
            notes.skipped.insert(*reason, *n as u64);
        }
    }
    let mut skipped = conversion.skipped_windows.clone();
    if let Some(reason) = conversion.why_empty() {
        *skipped.entry(reason).or_default() += 1;
    }
    let windows = conversion.windows.into_iter().map(|window| Window {
        tokens: window.notes.to_row(),
        instruments: Vec::new(),
        start_bar: window.start_bar,
        transposed: window.transposed,
    });
    Cut { windows: windows.collect(), skipped, notes: Some(notes), playback: conversion.playback }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_window_id_depends_on_tokens_and_kind() {
        let kind = Kind::mel_2bar();
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"mel-2bar\x01\x00\x2c\x00");
        let expected = u64::from_le_bytes(hasher.finalize().as_bytes()[..8].try_into().unwrap());
        assert_eq!(kind.window_id(&[1, 44]), expected);
        assert_ne!(kind.window_id(&[44, 1]), expected);
    }

    #[test]
    fn windows_join_without_a_gap() {
        let kind = Kind::mel_2bar();
        let (mut a, mut b) = ([0_u16; 32], [0_u16; 32]);
        (a[0], b[0], b[16]) = (41, 43, 1);
        let sequence = kind.to_sequence([&a[..], &b[..]], &NoteListPlayback::default());
        let spans: Vec<_> = sequence.notes.iter().map(|n| (n.start_time, n.end_time)).collect();
        // 32 steps of an eighth of a second.
        assert_eq!(spans, [(0.0, 4.0), (4.0, 6.0)]);
    }

    #[test]
    fn every_kind_has_its_model_and_windows_of_its_form() {
        let piece = synthetic::piece(1, 3, 0);
        for name in Kind::NAMES {
            let kind = Kind::find(name).unwrap();
            let form = kind.form();
            for window in kind.windows(&piece).windows {
                assert_eq!(form.check(&window.tokens), Ok(()), "{name}");
            }
        }
        let unknown = Kind::find("mel-3bar").unwrap_err().to_string();
        assert!(unknown.contains("`mel-3bar`; known are poly-2bar, poly-4bar"), "{unknown}");
    }

    /// The same notes under one tempo, under another, and under one for every beat.
    #[test]
    fn tempo_makes_no_difference_to_windows() {
        let piece = synthetic::piece(1, 3, 0);
        let quarters = piece.tempo_map();
        let at_tempos = |qpm: &dyn Fn(u32) -> f64| {
            let mut tempos = Vec::new();
            let mut time = 0.0;
            let mut starts = Vec::new();
            for beat in 0..1000 {
                tempos.push(note_seq::Tempo { time, qpm: qpm(beat) });
                starts.push(time);
                time += 60.0 / qpm(beat);
            }
            let moved = |seconds: f64| {
                let beats = quarters.quarters(seconds);
                let beat = (1_u32..1000).take_while(|next| f64::from(*next) <= beats).count();
                starts[beat] + (beats - beat as f64) * 60.0 / qpm(beat as u32)
            };
            let mut other = piece.clone();
            for note in &mut other.notes {
                (note.start_time, note.end_time) = (moved(note.start_time), moved(note.end_time));
            }
            other.time_signatures.iter_mut().for_each(|t| t.time = moved(t.time));
            other.total_time = moved(piece.total_time);
            other.tempos = tempos;
            other
        };
        let slow = at_tempos(&|_| 83.7);
        let wild = at_tempos(&|beat| 60.0 + f64::from(beat * 37 % 100));
        for name in Kind::NAMES {
            let kind = Kind::find(name).unwrap();
            let found = |cut: Cut| (cut.windows, cut.skipped, cut.notes);
            let expected = found(kind.windows(&piece));
            assert!(found(kind.windows(&slow)) == expected, "{name}");
            assert!(found(kind.windows(&wild)) == expected, "{name}");
            let in_a_row = found(kind.windows_in_a_row(&piece));
            assert!(found(kind.windows_in_a_row(&wild)) == in_a_row, "{name}");
        }
    }

    /// Windows that were made, written as music and cut again are what they were.
    #[test]
    fn music_of_each_kind_gives_its_windows_back() {
        let drums = Kind::find("drums-2bar").unwrap();
        let beat: Vec<u16> = (0..32).map(|i| [1, 0, 4, 0, 6, 0, 4, 0][i % 8]).collect();
        let sequence = drums.to_sequence([&beat[..]], &NoteListPlayback::default());
        assert_eq!(drums.windows_in_a_row(&sequence).windows[0].tokens, beat);

        let trio = Kind::find("trio-16bar").unwrap();
        let line = |first: u16| {
            (0..256).map(move |i: u16| if i.is_multiple_of(4) { first + i / 32 } else { 0 })
        };
        let mut tokens: Vec<u16> = line(40).chain(line(20)).collect();
        tokens.extend(beat.iter().cycle().take(256));
        let sequence = trio.to_sequence([&tokens[..]], &NoteListPlayback::default());
        let again = trio.windows(&sequence);
        assert_eq!(again.windows.len(), 1, "{:?}", again.skipped);
        assert_eq!(again.windows[0].tokens, tokens);
    }

    /// Chords in 3/4 on two instruments with drums, in D major.
    fn waltz() -> NoteSequence {
        let mut waltz = NoteSequence {
            time_signatures: vec![note_seq::TimeSignature {
                time: 0.0,
                numerator: 3,
                denominator: 4,
            }],
            ..NoteSequence::default()
        };
        let mut push = |pitch: u8, beat: u32, instrument: u32| {
            waltz.push(note_seq::Note {
                pitch: Pitch::new(pitch).unwrap(),
                velocity: note_seq::Velocity::new(80).unwrap(),
                start_time: f64::from(beat) * 0.5,
                end_time: f64::from(beat + 1) * 0.5,
                instrument,
                is_drum: instrument == 9,
                ..note_seq::Note::default()
            });
        };
        for bar in 0..4 {
            let root = [50, 55, 57, 50][bar as usize];
            push(root, 3 * bar, 0);
            for (beat, third) in [(1, 4), (2, 7)] {
                push(root + 12 + third, 3 * bar + beat, 1);
                push(root + 12, 3 * bar + beat, 1);
            }
            push(36, 3 * bar, 9);
        }
        waltz
    }

    #[test]
    fn all_voices_come_in_their_meter_and_in_one_key_and_go_back() {
        let (kind, waltz) = (Kind::poly_2bar(), waltz());
        let cut = kind.windows_in_a_row(&waltz);
        let starts: Vec<(u32, i8)> =
            cut.windows.iter().map(|w| (w.start_bar, w.transposed)).collect();
        assert_eq!(starts, [(0, -2), (2, -2)]);
        let notes = cut.notes.unwrap();
        // The four drums are not what the kind is about.
        assert_eq!((notes.n_notes, notes.n_in_windows, notes.share()), (20, 20, 1.0));
        let form = kind.form();
        let back = cut.windows.iter().map(|window| {
            let mut tokens = window.tokens.clone();
            form.transpose(&mut tokens, 2);
            tokens
        });
        let back: Vec<Vec<u16>> = back.collect();
        let rows = back.iter().map(Vec::as_slice);
        let again = kind.to_sequence(rows, &NoteListPlayback::default());
        let spans = |sequence: &NoteSequence| {
            let tones = sequence.notes.iter().filter(|note| !note.is_drum);
            let mut spans: Vec<_> =
                tones.map(|n| (n.start_time.to_bits(), n.pitch, n.end_time.to_bits())).collect();
            spans.sort_unstable();
            spans
        };
        assert_eq!(spans(&again), spans(&waltz));
        assert_eq!(again.time_signatures[0].numerator, 3);
    }
}
