//! What became of each file of a corpus.

use std::collections::BTreeMap;
use std::path::PathBuf;

use note_seq::SkipReason;
use serde::{Deserialize, Serialize};

use super::{CorpusOptions, GroupRule, MidiFile, Outcome};
use crate::artifact::JsonFormat;
use crate::table::WindowRow;

/// Skipped files listed by name; more are only counted.
const MAX_LISTED: usize = 1000;

/// What a corpus was built of, and what was left out and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorpusReport {
    /// The kind of window.
    pub kind: String,
    /// Where was searched.
    pub roots: Vec<PathBuf>,
    /// What files belong together.
    pub group: GroupRule,
    /// Share of groups held out.
    pub heldout: f64,
    /// MIDI files found.
    pub n_files: usize,
    /// Files that gave at least one window.
    pub n_files_used: usize,
    /// Files that gave none, by reason.
    pub files_skipped: BTreeMap<String, usize>,
    /// Some of them by name, the first ones.
    pub skipped: Vec<SkippedFile>,
    /// Files that could only be read with repairs, and the repairs made.
    pub n_files_repaired: usize,
    /// Repairs made in them.
    pub n_repairs: u64,
    /// Parts of used and unused files that gave nothing, by reason (see `note_seq::SkipReason` for
    /// what each counts).
    pub parts_skipped: BTreeMap<SkipReason, usize>,
    /// Windows that stood in the same side of the split already.
    pub n_repeated: usize,
    /// Windows to learn from.
    pub n_train: usize,
    /// Windows held out.
    pub n_heldout: usize,
    /// Of these, windows that are in train too: left out of scores.
    pub n_heldout_seen: usize,
}

/// A file without a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// Its name in the corpus.
    pub file: String,
    /// The reason's name.
    pub reason: String,
    /// More about it.
    pub detail: Option<String>,
}

impl JsonFormat for CorpusReport {
    const FORMAT: &'static str = "controlgen.corpus";
    const VERSION: u32 = 1;
}

impl CorpusReport {
    pub(super) fn new(options: &CorpusOptions, n_files: usize) -> Self {
        Self {
            kind: options.kind.name.to_owned(),
            roots: options.roots.clone(),
            group: options.group,
            heldout: options.heldout,
            n_files,
            n_files_used: 0,
            files_skipped: BTreeMap::new(),
            skipped: Vec::new(),
            n_files_repaired: 0,
            n_repairs: 0,
            parts_skipped: BTreeMap::new(),
            n_repeated: 0,
            n_train: 0,
            n_heldout: 0,
            n_heldout_seen: 0,
        }
    }

    /// Windows kept, on both sides.
    pub fn n_windows(&self) -> usize {
        self.n_train + self.n_heldout
    }

    /// Why files were skipped, commonest first, as `12 wrong_bar_length`.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<_> = self.files_skipped.iter().collect();
        reasons.sort_by_key(|(reason, n)| (std::cmp::Reverse(**n), (*reason).clone()));
        reasons.into_iter().map(|(reason, n)| format!("{n} {reason}")).collect()
    }

    /// Counts what a file gave and returns its windows.
    pub(super) fn count(&mut self, file: &MidiFile, outcome: Outcome) -> Vec<WindowRow> {
        match outcome {
            Outcome::Read { rows, skipped, why_empty, n_repairs } => {
                for (reason, n) in skipped {
                    *self.parts_skipped.entry(reason).or_default() += n;
                }
                self.n_files_repaired += usize::from(n_repairs > 0);
                self.n_repairs += n_repairs;
                match why_empty {
                    Some(reason) => self.skip(file, reason.name(), None),
                    None => self.n_files_used += 1,
                }
                rows
            }
            Outcome::Refused { reason, detail } => {
                self.skip(file, reason, Some(detail));
                Vec::new()
            }
        }
    }

    fn skip(&mut self, file: &MidiFile, reason: &str, detail: Option<String>) {
        *self.files_skipped.entry(reason.to_owned()).or_default() += 1;
        if self.skipped.len() < MAX_LISTED {
            let (file, reason) = (file.name.clone(), reason.to_owned());
            self.skipped.push(SkippedFile { file, reason, detail });
        }
    }
}
