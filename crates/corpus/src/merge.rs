//! From the parts to the table: groups, split, and removal of repeated windows.
//!
//! Nothing is decided before all files are known, and the result depends only on the parts, in file
//! order. Memory holds a few numbers per file and two bits per window; everything that is grouped
//! by hash is sorted on disk ([`Spill`]).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use super::group::{hash_of, split_of};
use super::names::Names;
use super::near::{NearDuplicates, Sets};
use super::parts::{self, FileFacts, Outcome, PartWindow, Writer};
use super::report::{CorpusReport, LargestGroup, WindowCounts};
use super::source::Totals;
use super::spill::Spill;
use super::{CorpusError, CorpusOptions, GroupRule};
use crate::artifact::ArtifactResult;
use crate::progress::Progress;
use crate::table::{Split, WindowRow, WindowsWriter};

/// The parts of a corpus.
pub(super) struct Parts<'a> {
    pub(super) options: &'a CorpusOptions,
    /// The folder that contains them.
    pub(super) folder: &'a Path,
    /// An empty folder to work in.
    pub(super) scratch: &'a Path,
    pub(super) totals: Totals,
}

/// The groups of all files.
struct Groups {
    /// For each file, the first file of its group.
    roots: Vec<u32>,
    /// Names of groups that are not named after their own file, by the group's first file.
    names: BTreeMap<u32, String>,
    n_windows: u64,
}

impl Groups {
    fn name<'a>(&'a self, index: usize, facts: &'a FileFacts) -> Cow<'a, str> {
        let name = self.names.get(&self.roots[index]);
        name.map_or_else(|| facts.own_group(), |name| Cow::Borrowed(name))
    }
}

/// The windows to keep, by number.
struct KeptWindows {
    dropped: Bits,
    seen: Bits,
}

impl Parts<'_> {
    /// Writes the table of windows to `out`.
    pub(super) fn write(
        &self,
        out: &Path,
        progress: &dyn Progress,
    ) -> Result<CorpusReport, CorpusError> {
        let mut report = CorpusReport::new(self.options, self.totals.unused.clone());
        progress.begin("finding repetitions", "files", 2 * self.totals.n_files);
        let groups = self.groups(progress, &mut report)?;
        let verdicts = self.verdicts(&groups, progress)?;
        progress.end();
        progress.begin("writing windows", "files", self.totals.n_files);
        self.write_table(out, &groups, &verdicts, progress, &mut report)?;
        progress.end();
        Ok(report)
    }

    /// Counts the files, and writes the groups of the files of each part: everything needed to
    /// compare a part's windows with the others.
    pub(super) fn assign(&self, progress: &dyn Progress) -> Result<CorpusReport, CorpusError> {
        let mut report = CorpusReport::new(self.options, self.totals.unused.clone());
        progress.begin("finding repetitions", "files", self.totals.n_files);
        let groups = self.groups(progress, &mut report)?;
        let mut index = 0;
        for part in 0..self.totals.n_chunks {
            let mut writer = Writer::create(parts::groups_path(self.folder, part), "new")?;
            for facts in parts::facts_of(self.folder, part) {
                let facts = facts?;
                writer.push(groups.name(index, &facts).as_ref())?;
                report.count_file(&facts);
                index += 1;
            }
            writer.finish()?;
        }
        report.n_repeated = whole(groups.n_windows);
        progress.end();
        Ok(report)
    }

    fn facts(&self) -> impl Iterator<Item = ArtifactResult<FileFacts>> {
        parts::facts(self.folder, self.totals.n_chunks)
    }

    /// Joins files of the same group, and near-duplicates.
    fn groups(
        &self,
        progress: &dyn Progress,
        report: &mut CorpusReport,
    ) -> Result<Groups, CorpusError> {
        let mut near = NearDuplicates::new(self.scratch, self.totals.n_files)?;
        let (mut given, mut names) = (Vec::new(), Names::default());
        let mut own_names: Vec<u64> = Vec::new();
        let mut is_read = Bits::new(self.totals.n_files);
        let mut n_windows = 0;
        for (index, facts) in (0_u32..).zip(self.facts()) {
            let facts = facts?;
            let own_name = hash_of(facts.own_group().as_bytes());
            own_names.push(own_name);
            n_windows += facts.keys.len() as u64;
            match &facts.outcome {
                Outcome::Read(read) => {
                    is_read.set(u64::from(index));
                    near.push(Some(read.file_hash), read.signature.as_deref())?;
                }
                Outcome::Refused { .. } => near.push(None, None)?,
            }
            match (&facts.group, &facts.outcome) {
                (Some(_), _) => given.push((own_name, index)),
                (None, Outcome::Read(_)) => names.push(index, &facts.file),
                (None, Outcome::Refused { .. }) => {}
            }
            progress.advance(1);
        }
        let n_files = own_names.len();
        let mut sets = Sets::new(n_files);
        let (bands, mut signatures) = near.finish()?;
        // Near-duplicates first, so that the files they join can be counted.
        if self.options.near_duplicates {
            bands.join(&mut sets, &mut signatures)?;
        }
        let sizes = sets.sizes(|file| is_read.get(u64::from(file)));
        report.n_near_duplicates =
            sizes.iter().filter(|size| **size > 1).map(|size| *size as usize).sum();
        given.sort_unstable();
        for run in given.chunk_by(|a, b| a.0 == b.0) {
            run.iter().for_each(|(_, file)| sets.join(run[0].1, *file));
        }
        names.join(&mut sets, &mut signatures)?;
        // A file that could not be read is not a piece.
        let sizes = sets.sizes(|file| is_read.get(u64::from(file)));
        report.n_groups = sizes.iter().filter(|size| **size > 0).count();
        let largest = sizes.iter().enumerate().max_by_key(|(i, n)| (**n, std::cmp::Reverse(*i)));
        let largest = largest.filter(|(_, n)| **n > 0).map(|(index, n)| (index, *n as usize));
        let roots: Vec<u32> = (0..own_names.len())
            .map(|file| sets.root(u32::try_from(file).unwrap_or(u32::MAX)))
            .collect();
        let needs_name = needs_name(&roots, &sizes, &own_names);
        let mut names = BTreeMap::new();
        for (index, facts) in (0_u32..).zip(self.facts()) {
            let facts = facts?;
            match needs_name.get(&index) {
                Some(NeedsName::Longer) if facts.group.is_none() => {
                    names.insert(index, GroupRule::with_folders(&facts.file));
                }
                Some(_) => {
                    names.insert(index, facts.own_group().into_owned());
                }
                None => {}
            }
            if let Some((_, n_files)) = largest.filter(|(root, _)| *root == index as usize) {
                let group = names.get(&index).cloned();
                let group = group.unwrap_or_else(|| facts.own_group().into_owned());
                report.largest_group = Some(LargestGroup { group, n_files });
            }
        }
        Ok(Groups { roots, names, n_windows })
    }

    /// Of duplicate windows, the first is kept on each side of the split; a held-out one that also
    /// occurs in the training split is marked.
    fn verdicts(
        &self,
        groups: &Groups,
        progress: &dyn Progress,
    ) -> Result<KeptWindows, CorpusError> {
        let mut spill = Spill::new(self.scratch, "windows", groups.n_windows)?;
        let mut window = 0_u64;
        for (index, facts) in self.facts().enumerate() {
            let facts = facts?;
            let is_heldout = self.split(&groups.name(index, &facts)) == Split::Heldout;
            for key in &facts.keys {
                spill.push(*key, window << 1 | u64::from(is_heldout))?;
                window += 1;
            }
            progress.advance(1);
        }
        let (mut dropped, mut seen) = (Bits::new(window), Bits::new(window));
        spill.for_each_run(|run| {
            let (mut n_train, mut n_heldout) = (0, 0);
            for (_, payload) in run {
                let n = if payload & 1 == 1 { &mut n_heldout } else { &mut n_train };
                *n += 1;
                if *n > 1 {
                    dropped.set(payload >> 1);
                }
            }
            if n_train > 0 && n_heldout > 0 {
                run.iter().filter(|(_, p)| p & 1 == 1).for_each(|(_, p)| seen.set(p >> 1));
            }
            Ok(())
        })?;
        Ok(KeptWindows { dropped, seen })
    }

    fn split(&self, group: &str) -> Split {
        split_of(group, self.options.heldout)
    }

    fn write_table(
        &self,
        out: &Path,
        groups: &Groups,
        verdicts: &KeptWindows,
        progress: &dyn Progress,
        report: &mut CorpusReport,
    ) -> Result<(), CorpusError> {
        let kind = &self.options.kind;
        let mut counts = WindowCounts::default();
        let mut writer = WindowsWriter::new(out, &kind.form());
        let mut windows = parts::windows(self.folder, self.totals.n_chunks);
        let mut window = 0_u64;
        for (index, facts) in self.facts().enumerate() {
            let facts = facts?;
            let group = groups.name(index, &facts);
            let split = self.split(&group);
            for _ in 0..facts.keys.len() {
                let part = windows.next().ok_or(CorpusError::Changed)??;
                let number = window;
                window += 1;
                if verdicts.dropped.get(number) {
                    continue;
                }
                let row = row(part, &facts, &group, split, verdicts.seen.get(number));
                counts.count(kind, &row);
                writer.push(row)?;
            }
            report.count_file(&facts);
            progress.advance(1);
        }
        report.n_repeated = whole(groups.n_windows);
        report.add_windows(&counts);
        Ok(writer.finish()?)
    }
}

/// The reason why a group can't be named after each of its files.
#[derive(Clone, Copy)]
enum NeedsName {
    /// Its files have different names.
    One,
    /// The first file of another group has the same name.
    Longer,
}

/// The groups that need a name, by their first file.
fn needs_name(roots: &[u32], sizes: &[u32], own_names: &[u64]) -> BTreeMap<u32, NeedsName> {
    let mut needs = BTreeMap::new();
    for (root, own_name) in roots.iter().zip(own_names) {
        if own_names[*root as usize] != *own_name {
            needs.insert(*root, NeedsName::One);
        }
    }
    let mut of_roots: Vec<(u64, u32)> = (0_u32..)
        .zip(sizes)
        .filter(|(_, size)| **size > 0)
        .map(|(root, _)| (own_names[root as usize], root))
        .collect();
    of_roots.sort_unstable();
    for same in of_roots.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        needs.extend(same.iter().map(|(_, root)| (*root, NeedsName::Longer)));
    }
    needs
}

fn whole(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// A window's row in the table.
pub(super) fn row(
    part: PartWindow,
    facts: &FileFacts,
    group: &str,
    split: Split,
    seen: bool,
) -> WindowRow {
    let file_hash = match &facts.outcome {
        Outcome::Read(read) => read.file_hash,
        Outcome::Refused { .. } => [0; 16],
    };
    WindowRow {
        window_id: part.window_id,
        tokens: part.tokens,
        file: facts.file.name.clone(),
        file_hash,
        group: group.to_owned(),
        split,
        seen,
        track: part.track,
        start_bar: part.start_bar,
        transposed: part.transposed,
        label: facts.label.clone(),
    }
}

/// One bit per number.
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    fn new(n: u64) -> Self {
        let n_words = usize::try_from(n.div_ceil(64)).expect("bits that fit into memory");
        Self { words: vec![0; n_words] }
    }

    fn set(&mut self, bit: u64) {
        let word = usize::try_from(bit / 64).expect("below the number of bits");
        self.words[word] |= 1 << (bit % 64);
    }

    fn get(&self, bit: u64) -> bool {
        let word = usize::try_from(bit / 64).expect("below the number of bits");
        self.words[word] >> (bit % 64) & 1 == 1
    }
}
