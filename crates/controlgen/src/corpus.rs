//! From folders of MIDI files to a table of windows.
//!
//! Files are read in parallel, in chunks of a fixed number and in the order of their paths; no more
//! than a chunk's windows are in memory. Pieces are put on one side of the split by the hash of
//! their group, the train side is written first, and a held-out window that stands in train too is
//! marked. A window that occurs several times is kept once.

mod files;
mod group;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use note_seq::midi::{self, ReadOptions};
use rayon::prelude::*;
use thiserror::Error;

use crate::artifact::{ArtifactError, JsonFormat, write_folder};
use crate::kind::Kind;
use crate::progress::Progress;
use crate::table::{Split, WindowRow, WindowsWriter};

pub use files::{MidiFile, find_midi_files};
pub use group::GroupRule;
pub use report::{CorpusReport, SkippedFile};

/// Files read at once; their windows are in memory together.
const FILES_PER_CHUNK: usize = 256;

/// How a corpus is built.
#[derive(Clone, Debug)]
pub struct CorpusOptions {
    /// Folders to search for MIDI files, or files.
    pub roots: Vec<PathBuf>,
    /// What is cut out of them.
    pub kind: Kind,
    /// Share of the groups that is held out, in `0.0..1.0`.
    pub heldout: f64,
    /// What files belong together.
    pub group: GroupRule,
    /// Take the first folder below a root as the label.
    pub label_folders: bool,
    /// How files are read.
    pub read: ReadOptions,
}

impl CorpusOptions {
    /// The usual options for some roots: a tenth held out, pieces by file name, no labels.
    pub fn new(roots: Vec<PathBuf>, kind: Kind) -> Self {
        let read = ReadOptions::default();
        let group = GroupRule::default();
        Self { roots, kind, heldout: 0.1, group, label_folders: false, read }
    }
}

/// Why no corpus was built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A root is not there, or can't be searched.
    #[error("can't search {}", path.display())]
    Root {
        /// The root.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No file looks like MIDI.
    #[error(
        "no MIDI file in {}: {n_others} other files there, but none ends in .mid, .midi or .kar",
        roots.iter().map(|r| r.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoMidiFiles {
        /// Where was searched.
        roots: Vec<PathBuf>,
        /// Files of other kinds found there.
        n_others: usize,
    },
    /// The files gave nothing.
    #[error(
        "no window of `{}` in {n_files} MIDI files: {}; a window needs {}",
        kind.name, .reasons.join(", "), kind.needs
    )]
    NoWindows {
        /// The kind asked for.
        kind: Box<Kind>,
        /// Files read.
        n_files: usize,
        /// Reasons with their counts.
        reasons: Vec<String>,
    },
    /// The held-out share makes no split.
    #[error("the held-out share is {found}; 0 or more and less than 1 is allowed")]
    Heldout {
        /// What it was.
        found: f64,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Builds a corpus folder `out`: its table of windows and `report.json`.
///
/// A file that can't be used is counted by reason and never stops the rest.
///
/// # Errors
/// See [`CorpusError`]; `out` is not there then.
pub fn build(
    options: &CorpusOptions,
    out: &Path,
    progress: &dyn Progress,
) -> Result<CorpusReport, CorpusError> {
    if !(0.0..1.0).contains(&options.heldout) {
        return Err(CorpusError::Heldout { found: options.heldout });
    }
    let found = find_midi_files(&options.roots)?;
    if found.files.is_empty() {
        let (roots, n_others) = (options.roots.clone(), found.n_others);
        return Err(CorpusError::NoMidiFiles { roots, n_others });
    }
    write_folder(out, |folder| {
        let mut report = CorpusReport::new(options, found.files.len());
        write_windows(options, found.files, folder, progress, &mut report)?;
        if report.n_windows() == 0 {
            return Err(CorpusError::NoWindows {
                kind: Box::new(options.kind.clone()),
                n_files: report.n_files,
                reasons: report.reasons(),
            });
        }
        report.save(&folder.join("report.json"))?;
        Ok(report)
    })
}

/// Writes the windows of every file, train first.
fn write_windows(
    options: &CorpusOptions,
    files: Vec<MidiFile>,
    folder: &Path,
    progress: &dyn Progress,
    report: &mut CorpusReport,
) -> Result<(), CorpusError> {
    let mut writer = WindowsWriter::new(folder, options.kind.n_tokens());
    let split = |file: &MidiFile| options.group.split(file, options.heldout);
    let (train, heldout): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| split(file) == Split::Train);
    progress.begin("reading MIDI", "files", (train.len() + heldout.len()) as u64);
    let mut seen = Seen::default();
    for (split, files) in [(Split::Train, train), (Split::Heldout, heldout)] {
        for chunk in files.chunks(FILES_PER_CHUNK) {
            let outcomes: Vec<Outcome> = chunk
                .par_iter()
                .map(|file| {
                    let outcome = windows_of(file, split, options);
                    progress.advance(1);
                    outcome
                })
                .collect();
            for (file, outcome) in chunk.iter().zip(outcomes) {
                for row in report.count(file, outcome) {
                    if let Some(row) = seen.mark(row, report) {
                        writer.push(row)?;
                    }
                }
            }
        }
    }
    progress.end();
    Ok(writer.finish()?)
}

/// The windows written so far.
#[derive(Default)]
struct Seen {
    train: BTreeSet<u64>,
    heldout: BTreeSet<u64>,
}

impl Seen {
    /// Marks a held-out window that is in train; drops one that its side has already.
    fn mark(&mut self, mut row: WindowRow, report: &mut CorpusReport) -> Option<WindowRow> {
        let side = match row.split {
            Split::Train => &mut self.train,
            Split::Heldout => &mut self.heldout,
        };
        if !side.insert(row.window_id) {
            report.n_repeated += 1;
            return None;
        }
        match row.split {
            Split::Train => report.n_train += 1,
            Split::Heldout => {
                row.seen = self.train.contains(&row.window_id);
                report.n_heldout += 1;
                report.n_heldout_seen += usize::from(row.seen);
            }
        }
        Some(row)
    }
}

/// What a file gave.
pub(crate) enum Outcome {
    /// It could be read; it may have no window, with the reasons counted.
    Read {
        rows: Vec<WindowRow>,
        skipped: std::collections::BTreeMap<note_seq::SkipReason, usize>,
        why_empty: Option<note_seq::SkipReason>,
        n_repairs: u64,
    },
    /// It could not be read.
    Refused { reason: &'static str, detail: String },
}

/// Reads a file and cuts it into windows.
fn windows_of(file: &MidiFile, split: Split, options: &CorpusOptions) -> Outcome {
    let bytes = match std::fs::read(&file.path) {
        Ok(bytes) => bytes,
        Err(error) => return Outcome::Refused { reason: "unreadable", detail: error.to_string() },
    };
    let read = match midi::read(&bytes, &options.read) {
        Ok(read) => read,
        Err(error) => {
            let reason = match error {
                midi::MidiError::NotMidi { .. } => "not_midi",
                midi::MidiError::LimitExceeded { .. } => "over_limit",
                _ => "damaged",
            };
            return Outcome::Refused { reason, detail: error.to_string() };
        }
    };
    let conversion = options.kind.windows(&read.sequence);
    let why_empty = conversion.why_empty();
    let mut file_hash = [0; 16];
    file_hash.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
    let group = options.group.of(file);
    let label = if options.label_folders { file.first_folder() } else { None };
    let rows = conversion
        .windows
        .into_iter()
        .map(|window| WindowRow {
            window_id: options.kind.window_id(&window.tokens),
            tokens: window.tokens,
            file: file.name.clone(),
            file_hash,
            group: group.clone(),
            split,
            seen: false,
            // Of several parts the first, the melody.
            track: window
                .instruments
                .first()
                .map_or(i16::MAX, |i| i16::try_from(*i).unwrap_or(i16::MAX)),
            start_bar: window.start_bar,
            transposed: 0,
            label: label.clone(),
        })
        .collect();
    let n_repairs = read.report.n_repairs();
    Outcome::Read { rows, skipped: conversion.skipped, why_empty, n_repairs }
}

#[cfg(test)]
mod tests;
