//! A user's pieces as windows: takes whatever the files contain, and records the changes made for
//! that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use corpus::kind::{Kind, Window};
use note_seq::midi::{self, ReadOptions};
use note_seq::vocabulary::{HIGHEST_PITCH, LOWEST_PITCH};
use note_seq::{NoteSequence, Program, SkipReason, TimeSignature};
use serde::{Deserialize, Serialize};

use crate::tune::metre::Bars;
use crate::tune::prepare::at_one_tempo;
use crate::tune::{LeftOut, left_out_bars};

/// Semitones of an octave, by which music out of range is shifted.
const OCTAVE: i32 = 12;
/// Pitch range of the models, the piano's: music whose center is outside is shifted into it.
const LOWEST: f64 = LOWEST_PITCH as f64;
const HIGHEST: f64 = HIGHEST_PITCH as f64;

/// The parts of a file that were used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedFile {
    /// The file's name, without its folder.
    pub file: String,
    /// The tracks used.
    pub tracks: Vec<UsedTrack>,
    /// Changes made so that the file could be used.
    pub changes: Vec<Change>,
    /// The parts left out, by reason, as in the corpus report.
    pub left_out: BTreeMap<String, usize>,
    /// Bars of another meter that were left out, with the notes that begin in them. Empty in files
    /// of earlier programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out_bars: Vec<LeftOut>,
    /// Adaptations of bars, in words. Empty in files of earlier programs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<String>,
}

/// The parts of a track that were used, or of a set of tracks for a kind with several parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedTrack {
    /// Its instruments, one per part.
    pub instruments: Vec<u32>,
    /// Names of its instruments in the file, if any.
    pub names: Vec<String>,
    /// Number of windows that did not occur before.
    pub n_windows: usize,
    /// The first bar, from 0.
    pub first_bar: u32,
    /// The first bar of the last window, from 0.
    pub last_bar: u32,
}

/// A change made so that a file could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Bars of another meter were cut as bars of 4/4.
    CutAsFourFour,
    /// Instruments counted whatever their programs.
    AnyProgram,
    /// The music was transposed by this number of semitones.
    Moved(
        /// Semitones.
        i32,
    ),
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CutAsFourFour => f.write_str("its meter was cut as 4/4"),
            Self::AnyProgram => f.write_str("instruments of all programs were taken"),
            Self::Moved(semitones) => write!(f, "it was shifted by {semitones:+} semitones"),
        }
    }
}

/// A file without usable music.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedFile {
    /// The file.
    pub file: String,
    /// The reason.
    pub reason: String,
}

/// Windows of a file, with the parts used.
pub(super) struct Piece {
    pub(super) windows: Vec<Window>,
    pub(super) used: UsedFile,
}

/// Reads a file's windows.
///
/// # Errors
/// Returns the reason why there are none, as text.
pub(super) fn read(path: &Path, kind: &Kind) -> Result<Piece, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let bytes = std::fs::read(path).map_err(|error| format!("it can't be read: {error}"))?;
    let read = midi::read(&bytes, &ReadOptions::default()).map_err(|error| error.to_string())?;
    of_sequence(read.sequence, &name, kind).map_err(|reason| {
        format!("it has no window of `{}`: {reason}; it needs {}", kind.name, kind.needs)
    })
}

/// A sequence's windows: unchanged, or with changes if there are none otherwise. Tempo is
/// irrelevant on a grid of note values, and bars are laid out like those of a tune.
fn of_sequence(sequence: NoteSequence, name: &str, kind: &Kind) -> Result<Piece, SkipReason> {
    if kind.form().encoding().is_some() {
        return all_voices(&sequence, name, kind);
    }
    let mut source = at_one_tempo(&sequence);
    let mut changes = Vec::new();
    loop {
        let bars = Bars::of(&source);
        let laid = bars.as_ref().map_or_else(|| source.clone(), |bars| bars.lay_out(&source));
        let bars = bars.unwrap_or_else(|| Bars::as_they_are(&source));
        let conversion = kind.windows(&laid);
        if !conversion.windows.is_empty() {
            let left_out = conversion.skipped.iter().map(|(why, n)| (why.name().to_owned(), *n));
            let mut windows = conversion.windows;
            for window in &mut windows {
                window.start_bar = bars.source_bar(window.start_bar);
            }
            let used = UsedFile {
                file: name.to_owned(),
                tracks: tracks(&laid, &windows),
                changes,
                left_out: left_out.collect(),
                left_out_bars: left_out_bars(&bars, &source),
                bars: bars.changes,
            };
            return Ok(Piece { windows, used });
        }
        let refused = |reason: SkipReason| conversion.skipped.contains_key(&reason);
        let metre = refused(SkipReason::WrongBarLength)
            || refused(SkipReason::BadTimeSignature)
            || bars.leaves_out();
        if metre && !changes.contains(&Change::CutAsFourFour) {
            source.time_signatures = vec![TimeSignature::default()];
            changes.push(Change::CutAsFourFour);
        } else if refused(SkipReason::ProgramNotAllowed) && !changes.contains(&Change::AnyProgram) {
            for note in source.notes.iter_mut().filter(|note| !note.is_drum) {
                note.program = Program::default();
            }
            changes.push(Change::AnyProgram);
        } else if let (true, Some(semitones)) = (
            refused(SkipReason::PitchOutOfRange)
                && !changes.iter().any(|change| matches!(change, Change::Moved(_))),
            into_range(&source),
        ) {
            source.transpose(semitones);
            changes.push(Change::Moved(semitones));
        } else {
            return Err(conversion.why_empty().unwrap_or(SkipReason::NoNotes));
        }
    }
}

/// All voices of a sequence in their meter: windows of lists need no changes.
fn all_voices(sequence: &NoteSequence, name: &str, kind: &Kind) -> Result<Piece, SkipReason> {
    let cut = kind.windows(sequence);
    if let Some(reason) = cut.why_empty() {
        return Err(reason);
    }
    let instruments = sequence.instruments();
    let bars = || cut.windows.iter().map(|window| window.start_bar);
    let track = UsedTrack {
        names: instruments
            .iter()
            .filter_map(|instrument| sequence.instrument_name(*instrument).map(str::to_owned))
            .collect(),
        instruments,
        n_windows: cut.windows.len(),
        first_bar: bars().min().unwrap_or(0),
        last_bar: bars().max().unwrap_or(0),
    };
    let left_out = cut.skipped.iter().map(|(why, n)| (why.name().to_owned(), *n));
    let used = UsedFile {
        file: name.to_owned(),
        tracks: vec![track],
        changes: Vec::new(),
        left_out: left_out.collect(),
        left_out_bars: Vec::new(),
        bars: Vec::new(),
    };
    Ok(Piece { windows: cut.windows, used })
}

/// Shift by whole octaves, in semitones, that brings the center of the music into the models'
/// range; `None` if it is already there.
fn into_range(sequence: &NoteSequence) -> Option<i32> {
    let pitches = || sequence.notes.iter().filter(|n| !n.is_drum).map(|n| f64::from(n.pitch.get()));
    let n = pitches().count().max(1) as f64;
    let mean = pitches().sum::<f64>() / n;
    match mean {
        low if low < LOWEST => Some(OCTAVE * (((LOWEST - low) / 12.0).ceil() as i32)),
        high if high > HIGHEST => Some(-OCTAVE * (((high - HIGHEST) / 12.0).ceil() as i32)),
        _ => None,
    }
}

/// The tracks that windows come from.
fn tracks(sequence: &NoteSequence, windows: &[Window]) -> Vec<UsedTrack> {
    let all: BTreeSet<&[u32]> = windows.iter().map(|w| w.instruments.as_slice()).collect();
    let track = |instruments: &[u32]| {
        let own = || windows.iter().filter(|w| w.instruments == instruments).map(|w| w.start_bar);
        let name = |instrument: &u32| sequence.instrument_name(*instrument).map(str::to_owned);
        UsedTrack {
            instruments: instruments.to_vec(),
            names: instruments.iter().filter_map(name).collect(),
            n_windows: own().count(),
            first_bar: own().min().unwrap_or(0),
            last_bar: own().max().unwrap_or(0),
        }
    };
    all.into_iter().map(track).collect()
}

#[cfg(test)]
mod tests {
    use corpus::synthetic;

    use super::*;

    fn piece() -> NoteSequence {
        synthetic::piece(0, 3, 0).with_notes(|note| !note.is_drum)
    }

    #[test]
    fn a_clean_piece_is_used_as_it_is_and_says_which_tracks_and_bars() {
        let piece = of_sequence(piece(), "x.mid", &Kind::mel_2bar()).unwrap();
        assert_eq!((piece.used.file.as_str(), piece.used.changes.len()), ("x.mid", 0));
        let melody = &piece.used.tracks[0];
        assert_eq!((melody.names.as_slice(), melody.first_bar), (&["melody".to_owned()][..], 0));
        let n: usize = piece.used.tracks.iter().map(|track| track.n_windows).sum();
        assert_eq!(n, piece.windows.len());
    }

    #[test]
    fn tempo_changes_do_not_matter_and_bars_of_another_metre_are_named() {
        let plain = piece();
        let mut slower = plain.clone();
        // From bar 5 on at half the tempo.
        let qpm = slower.tempos[0].qpm;
        let bar = 240.0 / qpm;
        let at = |time: f64| if time > 4.0 * bar { 2.0 * time - 4.0 * bar } else { time };
        slower.tempos.push(note_seq::Tempo { time: 4.0 * bar, qpm: qpm / 2.0 });
        for note in &mut slower.notes {
            (note.start_time, note.end_time) = (at(note.start_time), at(note.end_time));
        }
        slower.total_time = at(slower.total_time);
        slower.ticks_per_quarter = 480;
        let of = |sequence| of_sequence(sequence, "x", &Kind::mel_2bar()).unwrap();
        let (plain_piece, slower_piece) = (of(plain.clone()), of(slower));
        assert_eq!(plain_piece.windows, slower_piece.windows);
        assert_eq!(plain_piece.used.left_out_bars, []);

        let mut odd = plain;
        let metre =
            |at: f64, numerator| TimeSignature { time: at * bar, numerator, denominator: 4 };
        odd.time_signatures = vec![metre(0.0, 4), metre(4.0, 3), metre(7.0, 4)];
        let n_notes =
            odd.notes.iter().filter(|n| (4.0 * bar..7.0 * bar).contains(&n.start_time)).count();
        let used = of(odd).used;
        let expected = LeftOut {
            reason: crate::tune::LeftOutReason::Metre(3, 4),
            n_notes,
            bars: vec![[4, 7]],
        };
        assert_eq!(used.left_out_bars, [expected]);
    }

    #[test]
    fn other_metres_programs_and_registers_are_made_to_fit() {
        let mut odd = piece();
        odd.time_signatures =
            vec![TimeSignature { numerator: 3, denominator: 4, ..TimeSignature::default() }];
        for note in &mut odd.notes {
            note.program = Program::saturating(90);
        }
        let piece = of_sequence(odd, "x.mid", &Kind::mel_2bar()).unwrap();
        assert_eq!(piece.used.changes, [Change::CutAsFourFour, Change::AnyProgram]);

        // Only the melody, because the bass has another program.
        let mut low = self::piece().with_notes(|note| note.instrument == 0);
        low.notes.iter_mut().for_each(|note| note.pitch = note_seq::Pitch::new(3).unwrap());
        let piece = of_sequence(low, "x.mid", &Kind::mel_2bar()).unwrap();
        assert_eq!(piece.used.changes, [Change::Moved(24)]);
        assert_eq!(piece.used.changes[0].to_string(), "it was shifted by +24 semitones");
    }

    #[test]
    fn what_has_no_window_says_why() {
        let drums = synthetic::piece(2, 3, 0).with_notes(|note| note.is_drum);
        let refused = of_sequence(drums, "x", &Kind::mel_2bar());
        assert_eq!(refused.err(), Some(SkipReason::Drums));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mid");
        std::fs::write(&path, b"no music").unwrap();
        assert!(read(&path, &Kind::mel_2bar()).is_err());
        assert!(read(&folder.path().join("y"), &Kind::mel_2bar()).err().unwrap().contains("read"));
    }
}
