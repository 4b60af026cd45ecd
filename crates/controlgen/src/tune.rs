//! The tune of a MIDI file, as windows of a model.
//!
//! Any file is accepted. Tempo changes are leveled. The most melodic track is selected, or the
//! requested one; of chords, the highest notes are taken, and notes are shifted by octaves into the
//! model's range. The tune begins with the first bar that has a note, with a rest before an upbeat,
//! and its last window is padded with silence. Everything left out is counted by reason, with its
//! bars. If no track fits, each is listed with the reason.

mod choose;
mod melodic;
pub(crate) mod metre;
pub(crate) mod prepare;
mod usage;
mod whole;

use std::io::Read;
use std::path::{Path, PathBuf};

use corpus::kind::{Kind, Window};
use note_seq::midi::{self, MidiError, ReadOptions, ReadReport, RepairKind};
use note_seq::{NoteListPlayback, NoteSequence, SkipReason};
use thiserror::Error;

pub use choose::{Candidate, Choice};
pub use melodic::MelodicScore;
pub(crate) use usage::left_out_bars;
pub use usage::{LeftOut, LeftOutReason, Usage};

/// Options for reading a tune from a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TuneOptions {
    /// The instrument to take, as numbered by `controlgen inspect`; `None` for the most melodic
    /// one.
    pub track: Option<u32>,
}

/// The consecutive windows of a tune.
#[derive(Clone, Debug, PartialEq)]
pub struct Tune {
    /// The name of its file.
    pub source: String,
    /// The instruments taken: one for each part, or all with notes in the tune.
    pub instruments: Vec<u32>,
    /// Their names in the file, if any.
    pub instrument_names: Vec<String>,
    /// The file's first tempo, in quarter notes per minute.
    pub qpm: f64,
    /// Windows that don't overlap, in order.
    pub windows: Vec<Window>,
    /// Number of semitones by which it was transposed to fit the model; music made from it can be
    /// moved back.
    pub transposed: i32,
    /// The reason for the choice of track, and the others; `None` for kinds that take all tracks.
    pub choice: Option<Choice>,
    /// Counts of the notes of these instruments: those in the windows, and the others by reason.
    pub usage: Usage,
    /// Warnings for the user: notes left out, a meter that does not fit.
    pub warnings: Vec<String>,
    /// Playback settings for music made from it: its tempo, its loudness and, if windows have
    /// several instruments, its programs.
    pub playback: NoteListPlayback,
}

/// A track without windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The instrument, with its name.
    pub track: String,
    /// The reason why it was refused.
    pub reason: SkipReason,
}

/// The reason why a sequence has no tune.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoTune {
    /// No track fits.
    #[error("{}", .0.iter().map(|r| format!("{}: {}", r.track, in_words(r.reason))).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refused>),
    /// The requested track does not exist.
    #[error("it has no instrument {track}; there are {}", tracks.join(", "))]
    NoSuchTrack {
        /// The requested instrument.
        track: u32,
        /// The existing instruments.
        tracks: Vec<String>,
    },
    /// A track was requested, but all are taken.
    #[error("windows of this kind use several instruments; leave out `--track`")]
    AllTracks,
}

/// The reason why a file has no tune.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The file can't be read.
    #[error("can't read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not a MIDI file.
    #[error("{} can't be read", path.display())]
    Midi {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: MidiError,
    },
    /// No track fits.
    #[error(
        "{} has no window of `{}`: {why}; it needs {}", path.display(), kind.name, needs(kind)
    )]
    NoWindow {
        /// The file.
        path: PathBuf,
        /// The requested kind.
        kind: Box<Kind>,
        /// The reasons why tracks were refused.
        why: NoTune,
    },
    /// No track fits in a file that was truncated or is otherwise damaged.
    #[error(
        "{} is damaged or was cut off ({damage}), and the rest of it has no window of `{}`: {why}; \
         get an intact copy of the file", path.display(), kind.name
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The names of the repairs.
        damage: String,
        /// The requested kind.
        kind: Box<Kind>,
        /// The reasons why tracks were refused.
        why: NoTune,
    },
}

/// Kinds of damage by which a file may lose music.
const LOSSES: [RepairKind; 7] = [
    RepairKind::BadHeader,
    RepairKind::TrackCount,
    RepairKind::ChunkLength,
    RepairKind::NoEndOfTrack,
    RepairKind::EventTooLong,
    RepairKind::CutOff,
    RepairKind::AbsurdTime,
];

/// The damage that may have cost the file its tune, by name; `None` if it is intact.
fn damage(report: &ReadReport) -> Option<String> {
    let found = LOSSES.iter().filter(|kind| report.repair_counts.contains_key(kind));
    let names: Vec<&str> = found.map(|kind| kind.name()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The requirements on a tune, which are weaker than those on training music.
fn needs(kind: &Kind) -> &'static str {
    if kind.melody_range().is_some() { "a pitched track, with any instrument" } else { kind.needs }
}

/// The rule that refused a track.
pub fn in_words(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::NoNotes => "it has no notes",
        SkipReason::WrongBarLength => "no part of it is in 4/4 or 2/2",
        SkipReason::BadTimeSignature => "its meter is invalid",
        SkipReason::NegativeTime => "it has notes before its beginning",
        SkipReason::TimeChange => "its tempo or meter changes all the time",
        SkipReason::Drums => "it plays drums",
        SkipReason::NoDrums => "it plays no drums",
        SkipReason::ProgramNotAllowed => "its program is not allowed",
        SkipReason::PitchOutOfRange => "all its notes are too high or too low",
        SkipReason::Silent => "its notes are silent",
        SkipReason::TooShort => "it is shorter than a window",
        SkipReason::EmptyWindow => "no note starts in any window",
        SkipReason::Duplicate => "it only has repetitions",
        SkipReason::OverCap => "there are too many windows",
        SkipReason::MissingPart => "melody, bass or drums are missing",
        SkipReason::PartsDoNotMeet => "its parts never play together for a window",
        SkipReason::UnknownDrum => "all its drums are unknown",
        SkipReason::TooLong => "one of its notes lasts for days",
        SkipReason::NoChords => "no chords can be inferred",
        other => other.name(),
    }
}

impl Tune {
    /// Reads the most melodic tune of a file, or of standard input if the path is `-`.
    ///
    /// # Errors
    /// Returns a [`TuneError`].
    pub fn read(path: &Path, kind: &Kind) -> Result<Self, TuneError> {
        Self::read_with(path, kind, TuneOptions::default())
    }

    /// Reads a tune from a file, or from standard input if the path is `-`.
    ///
    /// # Errors
    /// Returns a [`TuneError`].
    pub fn read_with(path: &Path, kind: &Kind, options: TuneOptions) -> Result<Self, TuneError> {
        Ok(Self::read_with_sequence(path, kind, options)?.0)
    }

    /// Like [`Tune::read_with`]; also returns the music that the tune was taken from.
    ///
    /// # Errors
    /// Returns a [`TuneError`].
    pub fn read_with_sequence(
        path: &Path,
        kind: &Kind,
        options: TuneOptions,
    ) -> Result<(Self, NoteSequence), TuneError> {
        let bytes = if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            std::fs::read(path)
        };
        let bytes = bytes.map_err(|source| TuneError::Io { path: path.to_owned(), source })?;
        let read = midi::read(&bytes, &ReadOptions::default())
            .map_err(|source| TuneError::Midi { path: path.to_owned(), source })?;
        let name = path.display().to_string();
        let tune = Self::of_sequence_with(&read.sequence, kind, &name, options).map_err(|why| {
            let (path, kind) = (path.to_owned(), Box::new(kind.clone()));
            match damage(&read.report) {
                Some(damage) if matches!(why, NoTune::Refused(_)) => {
                    TuneError::Damaged { path, damage, kind, why }
                }
                _ => TuneError::NoWindow { path, kind, why },
            }
        })?;
        Ok((tune, read.sequence))
    }

    /// The most melodic tune of a sequence.
    ///
    /// # Errors
    /// Returns the reasons why tracks were refused.
    pub fn of_sequence(sequence: &NoteSequence, kind: &Kind, source: &str) -> Result<Self, NoTune> {
        Self::of_sequence_with(sequence, kind, source, TuneOptions::default())
    }

    /// The tune of a sequence, with options.
    ///
    /// # Errors
    /// Returns [`NoTune`] if there is none.
    pub fn of_sequence_with(
        sequence: &NoteSequence,
        kind: &Kind,
        source: &str,
        options: TuneOptions,
    ) -> Result<Self, NoTune> {
        let even = prepare::at_one_tempo(sequence);
        let found = match kind.melody_range() {
            Some(range) => choose::melody(&even, kind, range, options)?,
            None if kind.form().encoding().is_some() => whole::all_voices(sequence, kind, options)?,
            None => choose::all_tracks(&even, kind, options)?,
        };
        let name = |instrument: &u32| sequence.instrument_name(*instrument).map(ToOwned::to_owned);
        Ok(Self {
            source: source.to_owned(),
            instrument_names: found.instruments.iter().filter_map(name).collect(),
            qpm: prepare::first_qpm(sequence),
            instruments: found.instruments,
            windows: found.windows,
            transposed: found.transposed,
            choice: found.choice,
            usage: found.usage,
            warnings: found.warnings,
            playback: NoteListPlayback { qpm: prepare::first_qpm(sequence), ..found.playback },
        })
    }

    /// Tokens of all windows, concatenated.
    pub fn tokens(&self) -> Vec<u16> {
        self.windows.iter().flat_map(|window| window.tokens.iter().copied()).collect()
    }

    /// Windows made from those of the tune, one for each, in the keys of the tune: the
    /// transposition of the tune's windows to the common key is reversed.
    pub fn in_own_key(&self, kind: &Kind, windows: &[Vec<u16>]) -> Vec<Vec<u16>> {
        let form = kind.form();
        let moved = |(window, own): (&Vec<u16>, &Window)| {
            let mut window = window.clone();
            form.transpose(&mut window, -i32::from(own.transposed));
            window
        };
        windows.iter().zip(self.windows.iter().cycle()).map(moved).collect()
    }

    /// The windows' tokens.
    pub fn window_tokens(&self) -> Vec<Vec<u16>> {
        self.windows.iter().map(|window| window.tokens.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
