//! Arguments of several methods: decoding, chords and meter, tempo and key, tunes.

use std::path::PathBuf;

use controlgen::generate::{ControlRequest, Decoding};
use controlgen::model::Model;
use controlgen::output::music;
use controlgen::tune::{Tune, TuneError, TuneOptions};
use note_seq::chords::{Chord, NO_CHORD};
use note_seq::{Key, Meter, NoteListPlayback, TICKS_PER_QUARTER};
use pyo3::prelude::*;

use crate::error::{Outcome, refused};
use crate::notes::NoteSequence;

/// Decoding with checked settings.
pub(super) fn decoding(temperature: Option<f32>, seed: u64) -> Outcome<Decoding> {
    Ok(Decoding { temperature, seed }.check()?)
}

/// Chords and meter of new windows.
pub(super) struct Control {
    chords: Option<Vec<u16>>,
    meter: Option<Meter>,
}

impl Control {
    pub(super) fn of(chords: Option<Vec<String>>, meter: Option<(u32, u32)>) -> Outcome<Self> {
        let label = |symbol: &String| match symbol.as_str() {
            NO_CHORD => Ok(0),
            _ => Ok(symbol.parse::<Chord>()?.triad_label()),
        };
        let chords = chords.map(|chords| chords.iter().map(label).collect::<Outcome<_>>());
        Ok(Self { chords: chords.transpose()?, meter: meter.map(meter_of).transpose()? })
    }

    pub(super) fn request(&self) -> ControlRequest<'_> {
        ControlRequest { chords: self.chords.as_deref(), meter: self.meter }
    }
}

/// A meter by its signature.
fn meter_of((numerator, denominator): (u32, u32)) -> Outcome<Meter> {
    // Bars that would be cut or joined when reading music would not have the requested length.
    let is_whole = |meter: &Meter| {
        let ticks_per_whole = 4 * u64::from(TICKS_PER_QUARTER);
        u64::from(meter.bar()) * u64::from(denominator) == ticks_per_whole * u64::from(numerator)
    };
    Meter::from_signature(numerator, denominator).filter(is_whole).ok_or_else(|| {
        refused(format!(
            "bars of {numerator}/{denominator} can't be written (allowed: bars of a sixteenth to \
             six quarters)"
        ))
    })
}

/// Tempo and key of new music.
pub(super) struct Sounding {
    qpm: Option<f64>,
    key: Option<Key>,
}

impl Sounding {
    pub(super) fn of(qpm: Option<f64>, key: Option<&str>) -> Outcome<Self> {
        if let Some(qpm) = qpm.filter(|qpm| !(4.0..=1000.0).contains(qpm)) {
            return Err(refused(format!(
                "qpm is {qpm}; 4 to 1000 quarter notes per minute are allowed"
            )));
        }
        Ok(Self { qpm, key: key.map(str::parse).transpose()? })
    }

    /// The key asked for.
    pub(super) fn key(&self) -> Option<Key> {
        self.key
    }

    /// How music without a tune is played.
    pub(super) fn playback(&self) -> NoteListPlayback {
        let usual = NoteListPlayback::default();
        NoteListPlayback { qpm: self.qpm.unwrap_or(usual.qpm), ..usual }
    }

    /// Playback settings for music made from a tune: those of the tune.
    pub(super) fn of_tune(&self, tune: &Tune) -> NoteListPlayback {
        let own = tune.qpm.clamp(4.0, 1000.0);
        NoteListPlayback { qpm: self.qpm.unwrap_or(own), ..tune.playback }
    }

    /// Windows as music in the requested key.
    pub(super) fn music(
        &self,
        model: &Model,
        windows: &[Vec<u16>],
    ) -> Outcome<note_seq::NoteSequence> {
        let kind = model.kind();
        let mut sequence = music(kind, windows.iter().map(Vec::as_slice), &self.playback());
        if let Some(key) = self.key {
            if !kind.is_in_one_key() {
                return Err(refused(format!(
                    "key moves music out of the common key, which windows of `{}` don't have; \
                     leave it out",
                    kind.name
                )));
            }
            // Notes may be lost, but the music still ends with its last window.
            let end = sequence.total_time;
            sequence.transpose(-i32::from(key.semitones_to_common()));
            sequence.total_time = end;
        }
        Ok(sequence)
    }
}

/// A tune: a sequence, or the path of a MIDI file.
#[derive(FromPyObject)]
pub(super) enum TuneArg {
    Notes(Py<NoteSequence>),
    File(PathBuf),
}

impl TuneArg {
    /// The windows of the tune for a model.
    pub(super) fn tune(&self, model: &Model, track: Option<u32>) -> Result<Tune, TuneError> {
        let options = TuneOptions { track };
        match self {
            Self::File(path) => Tune::read_with(path, model.kind(), options),
            Self::Notes(notes) => {
                let (sequence, name) = (&notes.get().inner, "the sequence");
                Tune::of_sequence_with(sequence, model.kind(), name, options).map_err(|why| {
                    let kind = Box::new(model.kind().clone());
                    TuneError::NoWindow { path: name.into(), kind, why }
                })
            }
        }
    }
}
