//! Windows cut from a sequence, and counts of the notes in them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use note_seq::chords::ChordInference;
use note_seq::{
    Assumption, Conversion, NoteListConverter, NoteListPlayback, NoteSequence, SkipReason,
};
use serde::{Deserialize, Serialize};

use super::Converter;

/// The instrument number of drum windows: General MIDI's drum channel.
pub(super) const DRUM_INSTRUMENT: u32 = 9;

/// Created on first use.
static CHORDS: LazyLock<ChordInference> = LazyLock::new(ChordInference::default);

/// A window of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Tokens: one track after the other, or a meter and a list of notes
    /// ([`note_seq::NoteList::to_row`]).
    pub tokens: Vec<u16>,
    /// The instruments of its parts; empty if windows contain all instruments.
    pub instruments: Vec<u32>,
    /// First bar, from 0 at the start of the piece.
    pub start_bar: u32,
    /// Number of semitones added to transpose it to the common key.
    pub transposed: i8,
}

/// The windows of a sequence, and counts of what is in none.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// The windows.
    pub windows: Vec<Window>,
    /// Counts of what gave no window (see [`SkipReason`]); not empty if there are no windows.
    pub skipped: BTreeMap<SkipReason, usize>,
    /// Counts of the notes; `None` for kinds that don't count them.
    pub notes: Option<NoteUse>,
    /// Playback settings that make music of these windows sound like the sequence.
    pub playback: NoteListPlayback,
}

/// Counts of the notes of one or more sequences, by whether they are in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteUse {
    /// Notes relevant to the kind: tones, drums, or both.
    pub n_notes: u64,
    /// Notes that are in a window.
    pub n_in_windows: u64,
    /// Notes that are not, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Files with assumptions made about them.
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

    /// Fraction of the notes that are in a window; 1 if there are no notes.
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

/// The tempo at which music is cut. Half a sixteenth note is then a sixteenth of a second, which
/// `f64` represents exactly, so the tick of a note and not a rounding error decides whether it is
/// before or after the midpoint between two steps.
const EVEN_QPM: f64 = 120.0;

/// The input of the window cutter: the notes and the meter in musical time. Tempo is not part of a
/// window, so a window may span tempo changes. (Magenta cuts the music there.)
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
pub(super) fn cut(converter: &Converter, sequence: &NoteSequence) -> Cut {
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

/// Reasons for notes that are not relevant to the kind.
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
