//! A MIDI file of a user's: its tune as windows of a model.

use std::io::Read;
use std::path::{Path, PathBuf};

use note_seq::midi::{self, MidiError, ReadOptions};
use note_seq::{NoteSequence, SkipReason};
use thiserror::Error;

use crate::kind::{Kind, Window};

/// The windows of a tune, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Tune {
    /// Where it came from.
    pub source: String,
    /// The instruments that were taken, one for each part.
    pub instruments: Vec<u32>,
    /// Their names in the file, of those that have one.
    pub instrument_names: Vec<String>,
    /// The file's first tempo, in quarter notes a minute.
    pub qpm: f64,
    /// Windows that don't overlap, in order.
    pub windows: Vec<Window>,
}

/// Why a file gave no tune.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TuneError {
    /// It can't be read.
    #[error("can't read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is no MIDI file.
    #[error("{}: {source}", path.display())]
    Midi {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: MidiError,
    },
    /// No track fits.
    #[error(
        "{} has no window of `{}`: {reason}; it needs {}", path.display(), kind.name, kind.needs
    )]
    NoWindow {
        /// The file.
        path: PathBuf,
        /// The kind that was looked for.
        kind: Box<Kind>,
        /// The commonest reason.
        reason: SkipReason,
    },
}

impl Tune {
    /// Reads a tune from a file, or from standard input if the path is `-`.
    ///
    /// Of several instruments that fit (or sets of them) the one with the most windows is taken, the
    /// first of equals.
    ///
    /// # Errors
    /// See [`TuneError`].
    pub fn read(path: &Path, kind: &Kind) -> Result<Self, TuneError> {
        let bytes = if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            std::fs::read(path)
        };
        let bytes = bytes.map_err(|source| TuneError::Io { path: path.to_owned(), source })?;
        let read = midi::read(&bytes, &ReadOptions::default())
            .map_err(|source| TuneError::Midi { path: path.to_owned(), source })?;
        Self::of_sequence(&read.sequence, kind, &path.display().to_string()).map_err(|reason| {
            let kind = Box::new(kind.clone());
            TuneError::NoWindow { path: path.to_owned(), kind, reason }
        })
    }

    /// The tune of a sequence.
    ///
    /// # Errors
    /// The commonest reason why nothing fits.
    pub fn of_sequence(
        sequence: &NoteSequence,
        kind: &Kind,
        source: &str,
    ) -> Result<Self, SkipReason> {
        let conversion = kind.windows_in_a_row(sequence);
        let Some(instruments) = busiest(&conversion.windows) else {
            return Err(conversion.why_empty().unwrap_or(SkipReason::NoNotes));
        };
        let windows =
            conversion.windows.into_iter().filter(|w| w.instruments == instruments).collect();
        let name = |instrument: &u32| sequence.instrument_name(*instrument).map(ToOwned::to_owned);
        Ok(Self {
            source: source.to_owned(),
            instrument_names: instruments.iter().filter_map(name).collect(),
            instruments,
            qpm: sequence.tempos.first().map_or(note_seq::DEFAULT_QPM, |tempo| tempo.qpm),
            windows,
        })
    }

    /// Tokens of all windows, one after the other.
    pub fn tokens(&self) -> Vec<u16> {
        self.windows.iter().flat_map(|window| window.tokens.iter().copied()).collect()
    }
}

/// The instruments with the most windows, the first of equals.
fn busiest(windows: &[Window]) -> Option<Vec<u32>> {
    let mut counts = std::collections::BTreeMap::<&[u32], usize>::new();
    for window in windows {
        *counts.entry(&window.instruments).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(i, n)| (*n, std::cmp::Reverse(*i)));
    most.map(|(instruments, _)| instruments.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn the_tune_of_a_piece_is_its_melody_without_overlap() {
        let piece = synthetic::piece(1, 3, 0);
        let tune = Tune::of_sequence(&piece, &Kind::mel_2bar(), "x").unwrap();
        assert_eq!((tune.instruments, tune.windows.len()), (vec![0], 8));
        assert_eq!(tune.instrument_names, ["melody"]);
        let bars: Vec<u32> = tune.windows.iter().map(|w| w.start_bar).collect();
        assert_eq!(bars, [0, 2, 4, 6, 8, 10, 12, 14]);
    }

    #[test]
    fn what_has_no_tune_says_why() {
        let drums = synthetic::piece(2, 3, 0).with_notes(|note| note.is_drum);
        let reason = Tune::of_sequence(&drums, &Kind::mel_2bar(), "x").unwrap_err();
        assert_eq!(reason, SkipReason::Drums);
    }
}
