//! [`CopyIndex`] and its construction.

use std::path::Path;

use corpus::artifact::ArtifactResult;
use corpus::table::{Split, read_windows};
use note_seq::window::{GridNote, Line, WindowForm};

use super::CopyError;
use super::stitch::{Stitcher, Stretch};
use super::suffixes::{self, END};

/// From this number of symbols, only every second suffix is kept.
const LARGE: usize = 1 << 20;
/// Marks drum symbols, so that drums never match tones.
const DRUMS: u32 = 1 << 31;

/// All n-grams of the training music.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyIndex {
    /// The kind of window it was built of.
    pub(super) kind: String,
    /// Names of files, relative to the corpus root.
    pub(super) files: Vec<String>,
    /// Lines of music, in the order of their symbols.
    pub(super) lines: Vec<LineRow>,
    /// Symbols of all lines, with [`END`] after each line.
    pub(super) symbols: Vec<u32>,
    /// Every [`step`](Self::step)-th position of a symbol other than an end, sorted by the suffixes
    /// that begin there.
    pub(super) order: Vec<u32>,
    /// 1, or 2 in a large index.
    pub(super) step: usize,
}

/// The source of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineRow {
    /// Its first symbol.
    pub(super) start: u32,
    /// Its file.
    pub(super) file: u32,
    /// Its first bar there, from 0.
    pub(super) start_bar: u32,
    /// The step in that bar on which its first note starts.
    pub(super) first_step: u32,
    /// Number of steps per bar.
    pub(super) steps_per_bar: u32,
    /// The part of the windows that it is.
    pub(super) part: u32,
}

/// A line's symbols: for each note, the interval to the next note and the steps until it starts;
/// for each drum hit, the drums struck and the steps until the next hit (0 for the last).
pub(super) fn symbols(line: &Line) -> Vec<u32> {
    let steps =
        |a: &GridNote, b: &GridNote| u32::try_from(b.start - a.start).unwrap_or(0xffff).min(0xffff);
    if line.is_drums {
        let next = line.notes.iter().skip(1).map(Some).chain([None]);
        let pairs = line.notes.iter().zip(next);
        return pairs
            .map(|(hit, next)| {
                let struck = u32::try_from(hit.pitch).unwrap_or(0) & 0x7fff;
                // The mark and the largest set of drums are still below `END`.
                DRUMS | (struck << 16) | next.map_or(0, |next| steps(hit, next).min(0xfffe))
            })
            .collect();
    }
    line.notes
        .windows(2)
        .map(|pair| {
            // Pitches are within 128 of each other.
            let interval = u32::try_from(pair[1].pitch - pair[0].pitch + 128).unwrap_or(0);
            (interval << 16) | steps(&pair[0], &pair[1])
        })
        .collect()
}

impl CopyIndex {
    /// Indexes the training windows of a corpus, whose windows are of this kind and form.
    ///
    /// # Errors
    /// Returns an error if the corpus can't be read, or has more notes than 32 bits can count.
    pub fn build(corpus: &Path, kind: &str, form: &WindowForm) -> Result<Self, CopyError> {
        Self::build_with(corpus, kind, form, LARGE)
    }

    /// Like [`CopyIndex::build`], with the number of symbols above which an index is large.
    pub(super) fn build_with(
        corpus: &Path,
        kind: &str,
        form: &WindowForm,
        large: usize,
    ) -> Result<Self, CopyError> {
        let mut index = Self::empty(kind);
        index.collect(corpus, form)?;
        index.sort(large)?;
        Ok(index)
    }

    /// An index without music.
    pub(super) fn empty(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            files: Vec::new(),
            lines: Vec::new(),
            symbols: Vec::new(),
            order: Vec::new(),
            step: 1,
        }
    }

    fn collect(&mut self, corpus: &Path, form: &WindowForm) -> ArtifactResult<()> {
        let mut stitcher = Stitcher::new(form);
        read_windows(corpus, |row| {
            let fits = row.split == Split::Train && form.check(&row.tokens).is_ok();
            if fits && let Some(stretch) = stitcher.push(row) {
                self.push(stretch);
            }
        })?;
        if let Some(stretch) = stitcher.finish() {
            self.push(stretch);
        }
        Ok(())
    }

    fn push(&mut self, stretch: Stretch) {
        // Files are consecutive.
        if self.files.last() != Some(&stretch.file) {
            self.files.push(stretch.file);
        }
        for line in stretch.lines {
            let (symbols, Some(first)) = (symbols(&line), line.notes.first()) else { continue };
            if symbols.is_empty() {
                continue;
            }
            let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            self.lines.push(LineRow {
                // An index with more than 32 bits of positions is rejected before it is used.
                start: small(self.symbols.len()),
                file: small(self.files.len() - 1),
                start_bar: stretch.start_bar,
                first_step: small(first.start),
                steps_per_bar: small(stretch.steps_per_bar),
                part: small(line.part),
            });
            self.symbols.extend(symbols);
            self.symbols.push(END);
        }
    }

    /// Adds another index of the same kind, for example that of the music which a model was trained
    /// on before.
    ///
    /// # Errors
    /// Returns an error if both together have more notes than 32 bits can count.
    pub fn join(mut self, other: Self) -> Result<Self, CopyError> {
        let small = |n: usize| u32::try_from(n).map_err(|_| CopyError::TooLarge { max: u32::MAX });
        let (n_symbols, n_files) = (small(self.symbols.len())?, small(self.files.len())?);
        small(self.symbols.len() + other.symbols.len())?;
        self.files.extend(other.files);
        self.symbols.extend(other.symbols);
        self.lines.extend(other.lines.into_iter().map(|line| LineRow {
            start: line.start + n_symbols,
            file: line.file + n_files,
            ..line
        }));
        self.sort(LARGE)?;
        Ok(self)
    }

    fn sort(&mut self, large: usize) -> Result<(), CopyError> {
        u32::try_from(self.symbols.len()).map_err(|_| CopyError::TooLarge { max: u32::MAX })?;
        self.step = if self.symbols.len() > large { 2 } else { 1 };
        self.order = suffixes::sorted(&self.symbols, self.step);
        Ok(())
    }

    /// The kind of window it was built of.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Number of notes in it, counted once per line.
    pub fn n_notes(&self) -> usize {
        // The end of a line stands for its last note, which has no next one.
        self.symbols.len()
    }

    /// Number of files in it.
    pub fn n_files(&self) -> usize {
        self.files.len()
    }

    /// Size in memory, in bytes.
    pub fn n_bytes(&self) -> usize {
        let names: usize = self.files.iter().map(|name| name.len() + size_of::<String>()).sum();
        4 * (self.symbols.len() + self.order.len())
            + size_of::<LineRow>() * self.lines.len()
            + names
    }
}
