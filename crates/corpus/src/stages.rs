//! The steps of [`build`](super::build) one by one, for runners that distribute them over machines.
//!
//! | step | runs | output |
//! |---|---|---|
//! | [`BuildStages::list`] | once | locations of the files of each chunk |
//! | [`BuildStages::read`] | anywhere, chunk by chunk | windows and facts of each chunk's files |
//! | [`BuildStages::group`] | once, after all chunks | groups of each chunk's files |
//! | [`BuildStages::windows`] | anywhere, chunk by chunk | none: passes windows to a function |
//!
//! After deduplication the windows equal those of `build`. All steps must use the same folder,
//! which is not locked.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::label::Labeler;
use super::listing::{self, Places};
pub use super::listing::{Fetch, InStore};
use super::merge::{self, Parts};
use super::parts::{self, PartWriter, Writer};
use super::read::FileReader;
use super::source::{BYTES_PER_CHUNK, FILES_PER_CHUNK, Totals};
use super::unused::{Unused, UnusedReason};
use super::{CorpusError, CorpusOptions, CorpusReport, check_report, no_midi_files, split_of};
use crate::artifact::{ArtifactError, ArtifactResult, JsonFormat, create_folder, io};
use crate::progress::Progress;
use crate::table::WindowRow;

/// Totals of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Chunks, numbered from 0.
    pub n_chunks: u32,
    /// MIDI files in them.
    pub n_files: u64,
    /// Other entries, which were passed over.
    #[serde(default)]
    pub unused: Unused,
}

impl JsonFormat for Listing {
    const FORMAT: &'static str = "controlgen.corpus_listing";
    const VERSION: u32 = 1;
}

impl Listing {
    fn totals(&self) -> Totals {
        Totals { n_chunks: self.n_chunks, n_files: self.n_files, unused: self.unused.clone() }
    }
}

/// A window that is kept if it is the first of its duplicates on its side of the split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Equal for duplicate windows.
    pub hash: [u8; 16],
    /// Position in the order of all windows: chunk, then position in the chunk.
    pub number: u64,
    /// Its row in the table. Whether a held-out one also occurs in the training split is not known
    /// yet.
    pub row: WindowRow,
}

/// A corpus under construction.
pub struct BuildStages {
    options: CorpusOptions,
    labeler: Labeler,
    folder: PathBuf,
}

impl BuildStages {
    /// The steps for a corpus with its parts in `folder`, existing or not.
    ///
    /// # Errors
    /// Returns [`CorpusError`] if the options can't be used.
    pub fn new(options: CorpusOptions, folder: &Path) -> Result<Self, CorpusError> {
        options.check()?;
        let labeler = Labeler::new(&options.labels)?;
        Ok(Self { options, labeler, folder: folder.to_owned() })
    }

    /// The corpus to build.
    pub fn options(&self) -> &CorpusOptions {
        &self.options
    }

    /// The listing, if it has been made.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the file can't be read.
    pub fn listing(&self) -> ArtifactResult<Option<Listing>> {
        let path = self.folder.join("listing.json");
        if path.exists() { Listing::load(&path).map(Some) } else { Ok(None) }
    }

    /// Lists the files below the roots, followed by those of stores in the given order.
    ///
    /// # Errors
    /// Returns a [`CorpusError`] if the files can't be listed.
    pub fn list(
        &self,
        in_stores: Vec<InStore>,
        progress: &dyn Progress,
    ) -> Result<Listing, CorpusError> {
        create_folder(&self.folder)?;
        let mut totals = Totals::default();
        if !self.options.roots.is_empty() || in_stores.is_empty() {
            totals = self.list_roots(progress)?;
        }
        let (mut chunk, mut n_bytes) = (Vec::new(), 0);
        for file in in_stores {
            if !file.is_midi() {
                let name = &file.relative;
                totals.unused.count(UnusedReason::of_name(name), || name.clone());
                continue;
            }
            n_bytes += file.n_bytes;
            totals.n_files += 1;
            chunk.push(file.listed());
            if chunk.len() >= FILES_PER_CHUNK || n_bytes >= BYTES_PER_CHUNK {
                self.write_listing(totals.n_chunks, &chunk)?;
                totals.n_chunks += 1;
                (chunk, n_bytes) = (Vec::new(), 0);
            }
        }
        if !chunk.is_empty() {
            self.write_listing(totals.n_chunks, &chunk)?;
            totals.n_chunks += 1;
        }
        if totals.n_files == 0 {
            return Err(no_midi_files(&self.options, totals.unused));
        }
        let Totals { n_chunks, n_files, unused } = totals;
        let listing = Listing { n_chunks, n_files, unused };
        listing.save(&self.folder.join("listing.json"))?;
        Ok(listing)
    }

    fn list_roots(&self, progress: &dyn Progress) -> Result<Totals, CorpusError> {
        let sources = self.options.sources()?;
        let (total, unit) = sources.total();
        progress.begin("listing MIDI", unit, total);
        let max_bytes = self.options.read.limits.max_bytes;
        let mut failed: Option<ArtifactError> = None;
        let totals = sources.hand_out(&Places, max_bytes, &|_| false, progress, &mut |chunk| {
            progress.advance(chunk.weight);
            failed = self.write_listing(chunk.index, &chunk.files).err();
            failed.is_none()
        })?;
        progress.end();
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(totals),
        }
    }

    fn write_listing(&self, chunk: u32, files: &[listing::Listed]) -> ArtifactResult<()> {
        let mut writer = Writer::create(parts::listing_path(&self.folder, chunk), "new")?;
        files.iter().try_for_each(|file| writer.push(file))?;
        writer.finish()
    }

    /// Whether a chunk has been read.
    pub fn is_read(&self, chunk: u32) -> bool {
        parts::has_part(&self.folder, chunk)
    }

    /// Reads the files of those chunks that have not been read. A file that can't be used is
    /// counted by reason and never stops the build. `tag` distinguishes temporary files from those
    /// of other processes that may read the same chunk at the same time; the order in which they
    /// finish doesn't matter, because all write the same bytes. `fetch` is called for files in
    /// stores.
    ///
    /// # Errors
    /// Returns an error if a listing can't be read or a part can't be written;
    /// [`CorpusError::Root`] if a root does not exist, for example because it is not mounted on
    /// this machine, so that its files don't count as unreadable.
    pub fn read(&self, chunks: &[u32], tag: &str, fetch: Fetch<'_>) -> Result<(), CorpusError> {
        for root in &self.options.roots {
            std::fs::metadata(root)
                .map_err(|source| CorpusError::Root { path: root.clone(), source })?;
        }
        let reader = FileReader { options: &self.options, labeler: &self.labeler };
        let (mut listed, mut sizes) = (Vec::new(), Vec::new());
        for chunk in chunks.iter().copied().filter(|chunk| !self.is_read(*chunk)) {
            let before = listed.len();
            for file in parts::listing_of(&self.folder, chunk) {
                listed.push(file?);
            }
            sizes.push((chunk, listed.len() - before));
        }
        let mut sizes = sizes.into_iter();
        let mut current: Option<(PartWriter, usize)> = None;
        let max_bytes = self.options.read.limits.max_bytes;
        listing::open(listed, max_bytes, fetch, &mut |found| {
            let (mut part, n_left) = if let Some(current) = current.take() {
                current
            } else {
                let (chunk, n_files) = sizes.next().ok_or(CorpusError::Changed)?;
                (PartWriter::create(&self.folder, chunk, tag)?, n_files)
            };
            let (facts, windows) = reader.read(found);
            part.push(&facts, &windows)?;
            if n_left > 1 {
                current = Some((part, n_left - 1));
            } else {
                part.finish()?;
            }
            Ok(())
        })
    }

    /// Determines which files belong together, and counts them. Returns the report, except for the
    /// windows to be kept ([`CorpusReport::add_windows`]).
    ///
    /// # Errors
    /// Returns an error if a part is missing or damaged, or if the disk is full.
    pub fn group(
        &self,
        listing: &Listing,
        progress: &dyn Progress,
    ) -> Result<CorpusReport, CorpusError> {
        let scratch = self.folder.join("scratch");
        if scratch.exists() {
            std::fs::remove_dir_all(&scratch).map_err(io("remove", &scratch))?;
        }
        create_folder(&scratch)?;
        let (options, totals) = (&self.options, listing.totals());
        let parts = Parts { options, folder: &self.folder, scratch: &scratch, totals };
        let report = parts.assign(progress)?;
        std::fs::remove_dir_all(&scratch).map_err(io("remove", &scratch))?;
        Ok(report)
    }

    /// Passes a chunk's windows to `each`, in order.
    ///
    /// # Errors
    /// Returns an error if the chunk's parts or groups are missing or damaged.
    pub fn windows(&self, chunk: u32, each: &mut dyn FnMut(Candidate)) -> Result<(), CorpusError> {
        let mut windows = parts::windows_of(&self.folder, chunk);
        let mut groups = parts::groups_of(&self.folder, chunk);
        let mut number = u64::from(chunk) << 32;
        for facts in parts::facts_of(&self.folder, chunk) {
            let facts = facts?;
            let group = groups.next().ok_or(CorpusError::Changed)??;
            let split = split_of(&group, self.options.heldout);
            for _ in 0..facts.keys.len() {
                let part = windows.next().ok_or(CorpusError::Changed)??;
                let hash = self.options.same_window.hash(&self.options.kind, &part.tokens);
                let row = merge::row(part, &facts, &group, split, false);
                each(Candidate { hash, number, row });
                number += 1;
            }
        }
        Ok(())
    }

    /// Checks that a report is that of a valid corpus.
    ///
    /// # Errors
    /// Returns [`CorpusError::NoWindows`] or [`CorpusError::NoLabels`] if it is not.
    pub fn check(&self, report: &CorpusReport) -> Result<(), CorpusError> {
        check_report(&self.options, &self.labeler, report)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kind::Kind;
    use crate::progress::Silent;
    use crate::synthetic;
    use crate::table::{Split, read_windows};

    fn no_store(urls: &[String]) -> Vec<std::io::Result<Vec<u8>>> {
        assert_eq!(urls.len(), 0);
        Vec::new()
    }

    /// The steps one by one, with deduplication done here: the first of duplicate windows on each
    /// side.
    #[test]
    fn the_steps_one_by_one_lead_to_the_same_corpus() {
        let folder = tempfile::tempdir().unwrap();
        let midi = folder.path().join("midi");
        synthetic::write_corpus(&midi, &[0, 1, 2], 6, 1).unwrap();
        std::fs::write(midi.join("text.mid"), "no music").unwrap();
        let options = CorpusOptions {
            heldout: 0.3,
            labels: crate::Labels::FirstFolder,
            ..CorpusOptions::new(vec![midi], Kind::mel_2bar())
        };
        let out = folder.path().join("corpus");
        let expected = crate::build(&options, &out, &Silent).unwrap();
        let mut rows = Vec::new();
        read_windows(&out, |row| rows.push(row)).unwrap();

        let stages = BuildStages::new(options, &folder.path().join("parts")).unwrap();
        assert_eq!(stages.listing().unwrap(), None);
        let listing = stages.list(Vec::new(), &Silent).unwrap();
        assert_eq!(stages.listing().unwrap().as_ref(), Some(&listing));
        let chunks: Vec<u32> = (0..listing.n_chunks).collect();
        stages.read(&chunks, "one", &no_store).unwrap();
        // Again, like a task that runs twice.
        stages.read(&chunks, "two", &no_store).unwrap();
        assert!(chunks.iter().all(|chunk| stages.is_read(*chunk)));
        let mut report = stages.group(&listing, &Silent).unwrap();
        let mut windows = Vec::new();
        for chunk in chunks {
            stages.windows(chunk, &mut |window| windows.push(window)).unwrap();
        }
        assert!(windows.is_sorted_by_key(|window| window.number));
        let in_train: BTreeSet<[u8; 16]> =
            windows.iter().filter(|w| w.row.split == Split::Train).map(|w| w.hash).collect();
        let mut known = BTreeSet::new();
        windows.retain(|window| known.insert((window.hash, window.row.split)));
        let mut counts = crate::WindowCounts::default();
        let found: Vec<WindowRow> = windows
            .into_iter()
            .map(|window| {
                let seen = window.row.split == Split::Heldout && in_train.contains(&window.hash);
                let row = WindowRow { seen, ..window.row };
                counts.count(&stages.options().kind, &row);
                row
            })
            .collect();
        report.add_windows(&counts);
        assert!(rows.len() > 20 && report.n_heldout > 0);
        assert_eq!(found, rows);
        assert_eq!(report, expected);
    }

    #[test]
    fn a_root_that_is_not_there_is_no_unreadable_file() {
        let folder = tempfile::tempdir().unwrap();
        let midi = folder.path().join("midi");
        synthetic::write_corpus(&midi, &[0], 2, 1).unwrap();
        let options = CorpusOptions::new(vec![midi.clone()], Kind::mel_2bar());
        let stages = BuildStages::new(options, &folder.path().join("parts")).unwrap();
        stages.list(Vec::new(), &Silent).unwrap();
        std::fs::rename(&midi, folder.path().join("elsewhere")).unwrap();
        let error = stages.read(&[0], "one", &no_store).unwrap_err();
        assert!(matches!(error, CorpusError::Root { .. }));
        assert!(!stages.is_read(0));
    }
}
