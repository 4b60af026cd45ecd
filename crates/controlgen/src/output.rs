//! The files of new music: MIDI with a JSON file that records how it was made (the sidecar); on
//! request also audio, images, and an HTML page of everything ([`Batch`]).

mod batch;
mod sound;

pub use batch::{Batch, Formats};
pub use sound::{InstrumentChoice, Sound, UnknownInstrument};

use std::path::{Path, PathBuf};

use corpus::artifact::{ArtifactError, ArtifactResult, JsonFormat};
use corpus::kind::Kind;
use corpus::overwrite::Overwrite;
use note_seq::midi::{self, WriteOptions};
use note_seq::{Note, NoteListPlayback, NoteSequence};
use serde::{Deserialize, Serialize};

use crate::copy::CopyMatch;
use crate::generate::Decoding;
use crate::model::Model;

/// The JSON file of a generated MIDI file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The version of the program that wrote it.
    pub program_version: String,
    /// The model's hash.
    pub model_hash: String,
    /// The command: `generate`, `mix`, …
    pub command: String,
    /// Its options.
    pub options: serde_json::Value,
    /// The seed of all random draws.
    pub seed: u64,
    /// Which of the command's outputs this is, from 0.
    pub index: usize,
    /// The style's name, if one was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// The style's mixture component, the first if it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<usize>,
    /// Latents of the consecutive windows.
    pub z: Vec<Vec<f32>>,
    /// Sampling temperature; `None` if the most probable tokens were taken.
    pub temperature: Option<f32>,
    /// Probability of each component after encoding the output again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<Vec<f64>>,
    /// Probability that the output, encoded again, belongs to the requested style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style_membership: Option<f64>,
    /// Index of the attempt, from 0, if some were dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<usize>,
    /// The search for copies; `None` if the model has no copy index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyCheck>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl Sidecar {
    /// The sidecar of a command's first output, with everything that its outputs share.
    pub fn new(
        model: &Model,
        command: &str,
        options: serde_json::Value,
        decoding: Decoding,
    ) -> Self {
        Self {
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            model_hash: model.hash().to_owned(),
            command: command.to_owned(),
            options,
            seed: decoding.seed,
            index: 0,
            style: None,
            component: None,
            z: Vec::new(),
            temperature: decoding.temperature,
            membership: None,
            style_membership: None,
            attempt: None,
            copy: None,
            warnings: Vec::new(),
        }
    }
}

/// A search for copies of training music.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyCheck {
    /// The longest match; `None` if not even two consecutive notes match.
    pub longest: Option<CopyMatch>,
}

impl JsonFormat for Sidecar {
    const FORMAT: &'static str = "controlgen.output";
    const VERSION: u32 = 1;
}

/// Consecutive windows as music. It ends where the last window ends, so that it can be looped.
///
/// # Panics
/// If a token is not in the kind's vocabulary; models of this kind never produce one.
pub fn music<'a>(
    kind: &Kind,
    windows: impl IntoIterator<Item = &'a [u16]>,
    playback: &NoteListPlayback,
) -> NoteSequence {
    /// Sixteenth notes.
    const STEPS_PER_QUARTER: f64 = note_seq::vocabulary::STEPS_PER_QUARTER as f64;
    let (form, mut n_steps) = (kind.form(), 0);
    let windows = windows.into_iter().inspect(|window| n_steps += form.n_sixteenths(window));
    let mut music = kind.to_sequence(windows, playback);
    let end = n_steps as f64 * 60.0 / (STEPS_PER_QUARTER * playback.qpm);
    // Notes of lists may last past the end of their window; here, the last window ends all notes.
    for note in &mut music.notes {
        note.end_time = note.end_time.min(end);
    }
    release_before_restrike(&mut music);
    music.total_time = end;
    music
}

/// Ends each note where the same pitch of its instrument starts again: a MIDI file doesn't say
/// which of two notes of the same pitch is released.
fn release_before_restrike(music: &mut NoteSequence) {
    let key = |note: &Note| (note.instrument, note.is_drum, note.pitch);
    let mut order: Vec<usize> = (0..music.notes.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&music.notes[*a], &music.notes[*b]);
        key(a).cmp(&key(b)).then(b.start_time.total_cmp(&a.start_time))
    });
    // From the last note of each pitch to the first: only if the next one starts later.
    let mut last: Option<Note> = None;
    let mut next = f64::INFINITY;
    for at in order {
        let note = &mut music.notes[at];
        match last {
            Some(last) if key(&last) != key(note) => next = f64::INFINITY,
            Some(last) if last.start_time > note.start_time => next = last.start_time,
            _ => {}
        }
        last = Some(*note);
        note.end_time = note.end_time.min(next);
    }
}

/// Writes `FOLDER/NAME.mid` and `FOLDER/NAME.json`; returns the first.
///
/// # Errors
/// Returns an error if a file can't be written, or belongs to another program and must be kept.
/// Neither file is then left incomplete.
/// then.
pub fn write_output(
    folder: &Path,
    name: &str,
    sequence: &NoteSequence,
    sidecar: &Sidecar,
    overwrite: Overwrite,
) -> ArtifactResult<PathBuf> {
    let path = folder.join(format!("{name}.mid"));
    let bytes = midi::write(sequence, &WriteOptions::default()).map_err(|error| {
        let source = std::io::Error::other(error);
        ArtifactError::Io { action: "write", path: path.clone(), source }
    })?;
    let json = folder.join(format!("{name}.json"));
    overwrite.check(&path)?;
    overwrite.write(&json, sidecar.to_json().as_bytes())?;
    overwrite.write(&path, &bytes)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_ends_where_its_pitch_starts_again() {
        let mut music = NoteSequence::default();
        let spans = [
            (1, 60, 0.0, 4.0),
            (1, 60, 1.0, 2.0),
            (1, 60, 1.0, 3.0),
            (2, 60, 1.5, 9.0),
            (1, 62, 0.5, 9.0),
        ];
        for (instrument, pitch, start_time, end_time) in spans {
            let pitch = note_seq::Pitch::saturating(pitch);
            music.push(Note { instrument, pitch, start_time, end_time, ..Note::default() });
        }
        release_before_restrike(&mut music);
        let ends: Vec<f64> = music.notes.iter().map(|note| note.end_time).collect();
        // If two notes start together, both are kept.
        assert_eq!(ends, [1.0, 2.0, 3.0, 9.0, 9.0]);
    }

    #[test]
    fn music_ends_with_its_last_window_and_so_does_its_file() {
        let kind = Kind::mel_2bar();
        // A quarter note at the beginning of the second window, followed by a rest; and complete
        // silence.
        let (silent, mut short) = ([0_u16; 32], [0_u16; 32]);
        (short[0], short[4]) = (41, 1);
        // 220 ticks per quarter note: 16 quarter notes are 3520 ticks (27 · 128 + 64), of which
        // 1540 (12 · 128 + 4) remain after the end of the ninth.
        let cases = [
            (vec![&silent[..], &silent[..]], [0x9b, 0x40, 0xff, 0x2f, 0x00]),
            (vec![&silent[..], &short[..]], [0x8c, 0x04, 0xff, 0x2f, 0x00]),
        ];
        for (windows, end) in cases {
            let playback = NoteListPlayback { qpm: 90.0, ..NoteListPlayback::default() };
            let music = music(&kind, windows, &playback);
            // Four bars of four quarters.
            assert!((music.total_time - 16.0 * 60.0 / 90.0).abs() < 1e-9);
            assert_eq!(music.ticks_per_quarter, 220);
            let bytes = midi::write(&music, &WriteOptions::default()).unwrap();
            assert!(bytes.ends_with(&end), "{:x?}", &bytes[bytes.len() - 8..]);
        }
    }
}
