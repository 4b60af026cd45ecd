//! Corpora: MIDI files cut into windows, and the files of the program.
//!
//! | module | contents |
//! |---|---|
//! | [`build`], [`stages`] | a corpus folder from MIDI files, on one machine or in stages for many |
//! | [`kind`] | kinds of window, from music to tokens and back |
//! | [`table`] | Parquet tables of windows and latents |
//! | [`pieces`] | the whole pieces that a corpus's windows come from |
//! | [`synthetic`] | music composed by rule, in known styles |
//! | [`artifact`], [`overwrite`], [`path_text`] | files: versioned, atomic, never over another program's |
//! | [`progress`] | progress reporting |
//!
//! A corpus is built in two steps. The first reads the files on all threads, in chunks of a fixed
//! size, and writes the windows of each chunk to a part; only one file's windows are in memory at a
//! time. The second reads the parts in file order: it joins near-duplicates into one group, assigns
//! groups to a side of the split by the hash of their name, removes repeated windows, marks
//! held-out windows that also occur in the training split, and writes the table. An interrupted
//! build leaves its parts behind; the next build continues from them and gives the same corpus.

mod archive;
pub mod artifact;
mod content;
mod files;
mod group;
mod histogram;
pub mod kind;
mod label;
mod listing;
mod merge;
mod names;
mod near;
pub mod overwrite;
mod parts;
pub mod path_text;
pub mod pieces;
pub mod progress;
mod read;
mod report;
mod source;
mod spill;
pub mod stages;
pub mod synthetic;
pub mod table;
mod unused;
mod work;

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use note_seq::midi::{ReadLimits, ReadOptions};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::artifact::{ArtifactError, JsonFormat};
use crate::kind::Kind;
use crate::progress::{Progress, Silent};

use self::label::Labeler;
use self::listing::Places;
use self::merge::Parts;
use self::parts::PartWriter;
use self::read::FileReader;
use self::source::{Chunk, Contents, Sources, Totals};
use self::work::Work;

pub use files::MidiFile;
pub use group::{GroupRule, split_of};
pub use histogram::Histograms;
pub use label::{LabelTable, Labels};
pub use report::{CorpusReport, LabelCount, LargestGroup, SkippedFile, WindowCounts};
pub use unused::{Unused, UnusedCount, UnusedReason};

/// Rule for which windows are duplicates; one of them is kept on each side of the split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameWindow {
    /// Windows with the same tokens.
    #[default]
    Exact,
    /// Windows that are transpositions of each other, too.
    Transposed,
}

impl SameWindow {
    /// The key that duplicate windows share: the first 16 bytes of a BLAKE3 hash.
    pub fn hash(self, kind: &Kind, tokens: &[u16]) -> [u8; 16] {
        match self {
            Self::Exact => kind.window_hash(tokens),
            Self::Transposed => kind.window_hash(&kind.transposed_to_lowest(tokens)),
        }
    }
}

/// Options for building a corpus.
#[derive(Clone, Debug)]
pub struct CorpusOptions {
    /// Folders to search for MIDI files and archives of them, or single such files.
    pub roots: Vec<PathBuf>,
    /// The kind of window to cut.
    pub kind: Kind,
    /// Fraction of the groups that is held out, in `0.0..1.0`.
    pub heldout: f64,
    /// Rule for which files belong to the same piece.
    pub group: GroupRule,
    /// Whether files with nearly the same music are put in one group, whatever their names. (If
    /// names suggest that files belong together, their music is compared in any case.)
    pub near_duplicates: bool,
    /// The source of labels.
    pub labels: Labels,
    /// Rule for which windows are duplicates.
    pub same_window: SameWindow,
    /// Maximum number of windows per file, drawn at random; `None` for all.
    pub max_windows_per_file: Option<usize>,
    /// The seed for drawing them.
    pub seed: u64,
    /// Options and limits for reading files.
    pub read: ReadOptions,
}

impl CorpusOptions {
    /// Limits for one file, far above what music needs: a song has a few thousand notes. Larger
    /// files are made to break programs, or to be looked at.
    pub const LIMITS: ReadLimits = ReadLimits {
        max_bytes: 1 << 23,
        max_ticks: 10_000_000_000,
        max_events: 2_000_000,
        max_notes: 500_000,
        max_tracks: 65_535,
    };

    /// Default options: a tenth held out, pieces by file name and near-duplicates, no labels,
    /// duplicate windows removed.
    pub fn new(roots: Vec<PathBuf>, kind: Kind) -> Self {
        Self {
            roots,
            kind,
            heldout: 0.1,
            group: GroupRule::default(),
            near_duplicates: true,
            labels: Labels::default(),
            same_window: SameWindow::default(),
            max_windows_per_file: None,
            seed: 0,
            read: ReadOptions { limits: Self::LIMITS, ..ReadOptions::default() },
        }
    }

    /// Checks what types can't express.
    fn check(&self) -> Result<(), CorpusError> {
        if (0.0..1.0).contains(&self.heldout) {
            Ok(())
        } else {
            Err(CorpusError::Heldout { found: self.heldout })
        }
    }

    /// The files below the roots.
    fn sources(&self) -> Result<Sources, CorpusError> {
        let sources = Sources::find(&self.roots)?;
        if sources.is_empty() { Err(no_midi_files(self, sources.unused)) } else { Ok(sources) }
    }

    /// Everything that determines the contents of a corpus; parts made with a different plan can't
    /// be used.
    fn plan(&self, sources: &Sources, labeler: &Labeler) -> Vec<u8> {
        let Self { heldout, group, labels, same_window, seed, read, .. } = self;
        let plan = serde_json::json!({
            "program": env!("CARGO_PKG_VERSION"),
            "kind": self.kind.name,
            "heldout": heldout,
            "group": group,
            "near_duplicates": self.near_duplicates,
            "labels": labels,
            "label_table": labeler.table_hash(),
            "same_window": same_window,
            "max_windows_per_file": self.max_windows_per_file,
            "seed": seed,
            "read": read,
            "roots": self.roots.iter().map(|root| path_text::of(root)).collect::<Vec<_>>(),
            "files": sources.hash,
        });
        plan.to_string().into_bytes()
    }
}

/// The reason why no corpus was built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A root does not exist or can't be searched.
    #[error("can't search {}", path.display())]
    Root {
        /// The root.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// No file looks like MIDI.
    #[error(
        "no MIDI file in {}: {}; supported are .mid, .midi, .kar and .rmi (or these with .gz) and \
         .zip, .tar, .tar.gz and .tgz archives of them",
        roots.iter().map(|r| r.display().to_string()).collect::<Vec<_>>().join(", "),
        if unused.n() == 0 { "nothing found".to_owned() } else { unused.in_words().join(", ") }
    )]
    NoMidiFiles {
        /// The searched roots.
        roots: Vec<PathBuf>,
        /// Other entries found there.
        unused: Unused,
    },
    /// The files contain no window.
    #[error(
        "no window of `{}` in {n_files} MIDI files: {}; a window needs {}",
        kind.name, .reasons.join(", "), kind.needs
    )]
    NoWindows {
        /// The requested kind.
        kind: Box<Kind>,
        /// Number of files read.
        n_files: usize,
        /// Reasons with their counts.
        reasons: Vec<String>,
    },
    /// The held-out fraction is out of range.
    #[error("the held-out fraction is {found}; at least 0 and less than 1 is allowed")]
    Heldout {
        /// The value found.
        found: f64,
    },
    /// A pattern for labels can't be used.
    #[error("the pattern `{pattern}` can't be used: {reason}; a valid one is `([^/_]+)_[^/]*$`")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The problem.
        reason: String,
    },
    /// A table of labels can't be used.
    #[error("the labels in {} can't be used: {reason}", path.display())]
    LabelTable {
        /// The table.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
    /// Labels were requested, but no file has one.
    #[error(
        "no file has a label: {source_of_labels}; the corpus names files like `{file}`, and a \
         table must use such paths, or their last parts"
    )]
    NoLabels {
        /// A description of the source of labels.
        source_of_labels: String,
        /// The name of a file.
        file: String,
    },
    /// The MIDI files changed during the build.
    #[error("the MIDI files changed while they were read; build the corpus again")]
    Changed,
    /// Another process is building this corpus.
    #[error("another process is building {}; wait for it, or give another path", out.display())]
    Busy {
        /// The corpus.
        out: PathBuf,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Builds a corpus folder `out`: its table of windows and `report.json`.
///
/// A file that can't be used is counted by reason and never stops the build. If the process is
/// killed or the disk is full, the parts read so far stay next to `out` in a folder whose name
/// begins with `.unfinished-`; the same call continues from there.
///
/// # Errors
/// Returns a [`CorpusError`]; `out` does not exist then.
pub fn build(
    options: &CorpusOptions,
    out: &Path,
    progress: &dyn Progress,
) -> Result<CorpusReport, CorpusError> {
    options.check()?;
    let labeler = Labeler::new(&options.labels)?;
    let sources = options.sources()?;
    check_labels(&labeler, &sources)?;
    let work = Work::open(out, &options.plan(&sources, &labeler))?;
    match fill(options, &labeler, &sources, &work, progress) {
        Ok(report) => {
            work.publish()?;
            Ok(report)
        }
        // The parts are useful once there is space to write again.
        Err(error @ CorpusError::Artifact(_)) => Err(error),
        Err(error) => {
            work.discard();
            Err(error)
        }
    }
}

fn no_midi_files(options: &CorpusOptions, unused: Unused) -> CorpusError {
    CorpusError::NoMidiFiles { roots: options.roots.clone(), unused }
}

/// Checks, before all files are read, that labels know at least one of them, if the names are known
/// then.
fn check_labels(labeler: &Labeler, sources: &Sources) -> Result<(), CorpusError> {
    if !sources.are_listed() {
        return Ok(());
    }
    let (mut is_listed, mut first) = (false, String::new());
    sources.hand_out(&Places, u64::MAX, &|_| false, &Silent, &mut |chunk| {
        for listed in chunk.files {
            let file = listed.file();
            is_listed = is_listed || labeler.of(file).is_listed;
            if first.is_empty() {
                first.clone_from(&file.name);
            }
        }
        !is_listed
    })?;
    labeler.check_listed(usize::from(is_listed), &first)
}

fn fill(
    options: &CorpusOptions,
    labeler: &Labeler,
    sources: &Sources,
    work: &Work,
    progress: &dyn Progress,
) -> Result<CorpusReport, CorpusError> {
    let (total, unit) = sources.total();
    progress.begin("reading MIDI", unit, total);
    let totals = read_files(&FileReader { options, labeler }, sources, work, progress)?;
    progress.end();
    if totals.n_files == 0 {
        return Err(no_midi_files(options, totals.unused));
    }
    let (parts, scratch) = (work.parts(), work.scratch());
    let parts = Parts { options, folder: &parts, scratch: &scratch, totals };
    let report = parts.write(&work.corpus(), progress)?;
    check_report(options, labeler, &report)?;
    report.save(&work.corpus().join(report::FILE))?;
    Ok(report)
}

/// A corpus without windows is an error, and so is one without the requested labels.
fn check_report(
    options: &CorpusOptions,
    labeler: &Labeler,
    report: &CorpusReport,
) -> Result<(), CorpusError> {
    if report.n_windows() > 0 {
        return labeler.check_listed(report.n_files_listed, &report.first_file);
    }
    Err(CorpusError::NoWindows {
        kind: Box::new(options.kind.clone()),
        n_files: report.n_files,
        reasons: report.reasons(),
    })
}

/// Reads all files that have no part yet. One thread finds them, the others read them.
fn read_files(
    reader: &FileReader<'_>,
    sources: &Sources,
    work: &Work,
    progress: &dyn Progress,
) -> Result<Totals, CorpusError> {
    let max_bytes = reader.options.read.limits.max_bytes;
    let (unit, folder) = (sources.total().1, work.parts());
    // Capacity 0: chunks don't queue, because the bytes of archive members are in memory.
    let (sender, receiver) = sync_channel::<Chunk<_>>(0);
    std::thread::scope(|scope| {
        let finder = scope.spawn(move || {
            let (take, is_done) = (Contents { max_bytes }, |index| work.has_part(index));
            sources.hand_out(&take, max_bytes, &is_done, progress, &mut |c| sender.send(c).is_ok())
        });
        let read = receiver.into_iter().par_bridge().try_for_each(|chunk| {
            let mut part = PartWriter::create(&folder, chunk.index, "new")?;
            for found in chunk.files {
                let (facts, windows) = reader.read(found);
                part.push(&facts, &windows)?;
                if unit == "files" {
                    progress.advance(1);
                }
            }
            part.finish()?;
            if unit != "files" {
                progress.advance(chunk.weight);
            }
            Ok::<(), CorpusError>(())
        });
        let found = match finder.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        read?;
        found
    })
}

#[cfg(test)]
mod tests;
