//! The report of a corpus: the outcome for each file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use note_seq::SkipReason;
use serde::{Deserialize, Serialize};

use super::histogram::Histograms;
use super::parts::{FileFacts, Outcome};
use super::unused::Unused;
use super::{CorpusOptions, GroupRule, Labels, SameWindow};
use crate::artifact::{ArtifactError, ArtifactResult, JsonFormat};
use crate::kind::{Kind, NoteUse};
use crate::table::{Split, WindowRow};

/// Name of the file in a corpus folder.
pub(super) const FILE: &str = "report.json";
/// Maximum number of skipped files listed by name; further ones are only counted.
const MAX_LISTED: usize = 1000;
/// Maximum number of examples per reason, so that the most frequent one doesn't hide the others.
const MAX_LISTED_PER_REASON: usize = 50;
/// Minimum number of files …
const MIN_SUSPICIOUS_FILES: usize = 8;
/// … and minimum fraction of all files for a group that is more likely a mistake than one piece.
const SUSPICIOUS_SHARE: f64 = 0.1;
/// Maximum number of labels counted by name; windows with further labels count as unlabeled.
const MAX_LABELS: usize = 10_000;

/// The contents of a corpus, and everything left out, by reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorpusReport {
    /// The kind of window.
    pub kind: String,
    /// The searched roots.
    #[serde(with = "crate::path_text::list")]
    pub roots: Vec<PathBuf>,
    /// Rule for which files belong to the same piece.
    pub group: GroupRule,
    /// Fraction of groups held out.
    pub heldout: f64,
    /// MIDI files found.
    pub n_files: usize,
    /// Number of other entries, which were passed over.
    #[serde(default)]
    pub n_others: u64,
    /// The same by reason, with an example of each.
    #[serde(default)]
    pub unused: Unused,
    /// Total size of the readable files, in bytes.
    #[serde(default)]
    pub n_bytes: u64,
    /// Files that contain at least one window.
    pub n_files_used: usize,
    /// Files without a window, by reason.
    pub files_skipped: BTreeMap<String, usize>,
    /// Some of them by name: the first ones for each reason.
    pub skipped: Vec<SkippedFile>,
    /// Files that were readable only after repairs.
    pub n_files_repaired: usize,
    /// Number of repairs made in them.
    pub n_repairs: u64,
    /// Parts of used and unused files that gave no window, by reason (see `note_seq::SkipReason`
    /// for what each counts).
    pub parts_skipped: BTreeMap<SkipReason, usize>,
    /// Counts of the notes of the readable files, for kinds that count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<NoteUse>,
    /// Windows that already occurred on the same side of the split.
    pub n_repeated: usize,
    /// Number of training windows.
    pub n_train: usize,
    /// Number of held-out windows.
    pub n_heldout: usize,
    /// Held-out windows that also occur in the training split; excluded from scores.
    pub n_heldout_seen: usize,
    /// Rule for which windows are duplicates.
    #[serde(default)]
    pub same_window: SameWindow,
    /// Maximum number of windows per file.
    #[serde(default)]
    pub max_windows_per_file: Option<usize>,
    /// The seed for drawing them.
    #[serde(default)]
    pub seed: u64,
    /// Number of groups, with near-duplicates in one group; unreadable files are in none.
    #[serde(default)]
    pub n_groups: usize,
    /// Files that share a group with others because their music or bytes are nearly the same.
    #[serde(default)]
    pub n_near_duplicates: usize,
    /// The group with the most files.
    #[serde(default)]
    pub largest_group: Option<LargestGroup>,
    /// The source of labels.
    #[serde(default)]
    pub labels_from: Labels,
    /// Files with a label.
    #[serde(default, alias = "n_files_labelled")]
    pub n_files_labeled: usize,
    /// Files that the source of labels knows; a table may give a group without a label.
    #[serde(default)]
    pub n_files_listed: usize,
    /// The first of all MIDI files, by its name in the corpus.
    #[serde(default)]
    pub first_file: String,
    /// Files and windows of each label.
    #[serde(default)]
    pub labels: BTreeMap<String, LabelCount>,
    /// Histograms of the music.
    #[serde(default)]
    pub histograms: Histograms,
}

/// A file without a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedFile {
    /// Its name in the corpus.
    pub file: String,
    /// The reason's name.
    pub reason: String,
    /// Details.
    pub detail: Option<String>,
}

/// Counts of the kept windows for a report. The counts of the parts of a corpus add up to those of
/// the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Number of training windows.
    pub n_train: usize,
    /// Number of held-out windows.
    pub n_heldout: usize,
    /// Held-out windows that also occur in the training split.
    pub n_heldout_seen: usize,
    /// Windows of each label.
    pub labels: BTreeMap<String, usize>,
    /// Histograms of the music.
    pub histograms: Histograms,
}

impl WindowCounts {
    /// Counts a window.
    pub fn count(&mut self, kind: &Kind, row: &WindowRow) {
        match row.split {
            Split::Train => self.n_train += 1,
            Split::Heldout => {
                self.n_heldout += 1;
                self.n_heldout_seen += usize::from(row.seen);
            }
        }
        self.histograms.count_window(kind, &row.tokens);
        if let Some(label) = &row.label {
            if let Some(n_windows) = self.labels.get_mut(label) {
                *n_windows += 1;
            } else if self.labels.len() < MAX_LABELS {
                self.labels.insert(label.clone(), 1);
            }
        }
    }
}

/// Numbers of files and windows with a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCount {
    /// Files with at least one window.
    pub n_files: usize,
    /// Windows kept.
    pub n_windows: usize,
}

/// A group and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargestGroup {
    /// The group's name.
    pub group: String,
    /// Files in it.
    pub n_files: usize,
}

impl CorpusReport {
    /// The report of a corpus folder.
    ///
    /// # Errors
    /// Returns [`ArtifactError::Missing`] if the folder is not a corpus, and another
    /// [`ArtifactError`] if the file can't be read.
    pub fn of(corpus: &Path) -> ArtifactResult<Self> {
        let path = corpus.join(FILE);
        if !path.exists() {
            return Err(ArtifactError::Missing {
                path: corpus.to_owned(),
                what: "`report.json`",
                remedy: "give a folder written by `controlgen corpus build`",
            });
        }
        Self::load(&path)
    }

    /// The report of a corpus folder, which must have windows of a model's kind.
    ///
    /// # Errors
    /// Same as [`CorpusReport::of`], and [`ArtifactError::Json`] if the windows are of another
    /// kind.
    pub fn of_kind(corpus: &Path, kind: &Kind) -> ArtifactResult<Self> {
        let report = Self::of(corpus)?;
        if report.kind != kind.name {
            let error = format!("kind `{}`, not the model's `{}`", report.kind, kind.name);
            let source = serde::de::Error::custom(error);
            return Err(ArtifactError::Json {
                path: corpus.join(FILE),
                format: Self::FORMAT,
                source,
            });
        }
        Ok(report)
    }
}

impl JsonFormat for CorpusReport {
    const FORMAT: &'static str = "controlgen.corpus";
    const VERSION: u32 = 1;
}

impl CorpusReport {
    pub(super) fn new(options: &CorpusOptions, unused: Unused) -> Self {
        Self {
            kind: options.kind.name.to_owned(),
            roots: options.roots.clone(),
            group: options.group,
            heldout: options.heldout,
            n_files: 0,
            n_others: unused.n(),
            unused,
            n_bytes: 0,
            n_files_used: 0,
            files_skipped: BTreeMap::new(),
            skipped: Vec::new(),
            n_files_repaired: 0,
            n_repairs: 0,
            parts_skipped: BTreeMap::new(),
            notes: None,
            n_repeated: 0,
            n_train: 0,
            n_heldout: 0,
            n_heldout_seen: 0,
            same_window: options.same_window,
            max_windows_per_file: options.max_windows_per_file,
            seed: options.seed,
            n_groups: 0,
            n_near_duplicates: 0,
            largest_group: None,
            labels_from: options.labels.clone(),
            n_files_labeled: 0,
            n_files_listed: 0,
            first_file: String::new(),
            labels: BTreeMap::new(),
            histograms: Histograms::default(),
        }
    }

    /// Windows kept, on both sides.
    pub fn n_windows(&self) -> usize {
        self.n_train + self.n_heldout
    }

    /// Reasons why files were skipped, most frequent first.
    pub fn reasons_by_count(&self) -> Vec<(&str, usize)> {
        let mut reasons: Vec<_> =
            self.files_skipped.iter().map(|(reason, n)| (reason.as_str(), *n)).collect();
        reasons.sort_by_key(|(reason, n)| (std::cmp::Reverse(*n), *reason));
        reasons
    }

    /// Reasons why files were skipped, most frequent first, as `12 wrong_bar_length`.
    pub fn reasons(&self) -> Vec<String> {
        self.reasons_by_count().into_iter().map(|(reason, n)| format!("{n} {reason}")).collect()
    }

    /// Warnings about the corpus, as text.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(LargestGroup { group, n_files }) = &self.largest_group
            && *n_files >= MIN_SUSPICIOUS_FILES
            && *n_files as f64 >= SUSPICIOUS_SHARE * self.n_files as f64
        {
            let all = self.n_files;
            warnings.push(format!(
                "{n_files} of {all} files count as one piece, `{group}`; if they are several, say \
                 which by a table's column (`--group-column`), or give `--group file`"
            ));
        }
        let remedy = "give more music, or another fraction (`--heldout`)";
        if self.n_windows() > 0 && self.n_train == 0 {
            warnings.push(format!("all pieces are held out, none is left to learn from; {remedy}"));
        } else if self.n_windows() > 0 && self.heldout > 0.0 && self.n_heldout == 0 {
            let n_groups = self.n_groups;
            warnings.push(format!(
                "none of {n_groups} pieces is held out, so nothing can be scored; {remedy}"
            ));
        }
        warnings
    }

    /// Counts the contents of a file, except for its windows.
    pub(super) fn count_file(&mut self, facts: &FileFacts) {
        if self.n_files == 0 {
            self.first_file.clone_from(&facts.file.name);
        }
        self.n_files += 1;
        self.n_files_listed += usize::from(facts.is_listed);
        self.n_files_labeled += usize::from(facts.label.is_some());
        match &facts.outcome {
            Outcome::Read(read) => {
                for (reason, n) in &read.skipped {
                    *self.parts_skipped.entry(*reason).or_default() += n;
                }
                if let Some(notes) = &read.notes {
                    self.notes.get_or_insert_default().add(notes);
                }
                self.n_bytes += read.n_bytes;
                self.n_files_repaired += usize::from(read.n_repairs > 0);
                self.n_repairs += read.n_repairs;
                self.histograms.count_file(read);
                if let Some(reason) = read.why_empty {
                    self.skip(facts, reason.name(), None);
                } else {
                    self.n_files_used += 1;
                    self.count_label(facts);
                }
            }
            Outcome::Refused { reason, detail } => self.skip(facts, reason, Some(detail.clone())),
        }
    }

    fn count_label(&mut self, facts: &FileFacts) {
        let Some(label) = &facts.label else { return };
        if self.labels.len() < MAX_LABELS || self.labels.contains_key(label) {
            self.labels.entry(label.clone()).or_default().n_files += 1;
        }
    }

    /// Adds the kept windows. All windows have been counted as repetitions before; these are
    /// subtracted.
    pub fn add_windows(&mut self, counts: &WindowCounts) {
        self.n_repeated = self.n_repeated.saturating_sub(counts.n_train + counts.n_heldout);
        self.n_train += counts.n_train;
        self.n_heldout += counts.n_heldout;
        self.n_heldout_seen += counts.n_heldout_seen;
        self.histograms.merge(&counts.histograms);
        for (label, n_windows) in &counts.labels {
            if let Some(count) = self.labels.get_mut(label) {
                count.n_windows += n_windows;
            }
        }
    }

    fn skip(&mut self, facts: &FileFacts, reason: &str, detail: Option<String>) {
        let n = self.files_skipped.entry(reason.to_owned()).or_default();
        *n += 1;
        if *n <= MAX_LISTED_PER_REASON && self.skipped.len() < MAX_LISTED {
            let (file, reason) = (facts.file.name.clone(), reason.to_owned());
            self.skipped.push(SkippedFile { file, reason, detail });
        }
    }
}
