//! [`CopyIndex`]: building it, and the longest match in it.

use std::cmp::Ordering;
use std::path::Path;

use corpus::artifact::ArtifactResult;
use corpus::table::{Split, read_windows};
use note_seq::window::{GridNote, Line, WindowForm};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::stitch::{Stitcher, Stretch};
use super::{CopyError, CopyMatch};

/// Stands after the last note of each line: no stretch of music goes on beyond it.
pub(super) const END: u32 = u32::MAX;
/// Notes by which suffixes are sorted; a longer match counts as one of this length.
const MAX_SORTED: usize = 512;
/// Number of matches examined to find the earliest one.
const MAX_PLACES: usize = 4096;
/// Marks what is struck, so that drums match no tones.
const DRUMS: u32 = 1 << 31;

/// All n-grams of the training music.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyIndex {
    /// The kind of window it was built of.
    pub(super) kind: String,
    /// Names of files, relative to the corpus root.
    pub(super) files: Vec<String>,
    /// Lines of music, in the order of their symbols.
    pub(super) lines: Vec<LineRow>,
    /// All lines' symbols, [`END`] after each line.
    pub(super) symbols: Vec<u32>,
    /// Positions of all symbols but ends, in the order of the suffixes that begin there.
    pub(super) order: Vec<u32>,
}

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineRow {
    /// Its first symbol.
    pub(super) start: u32,
    /// Its file.
    pub(super) file: u32,
    /// Its first bar there, from 0.
    pub(super) start_bar: u32,
    /// The step of that bar on which its first note starts.
    pub(super) first_step: u32,
    /// Steps of a bar.
    pub(super) steps_per_bar: u32,
    /// The part of the windows it is.
    pub(super) part: u32,
}

/// How much of some music stands in the training music.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Pieces or windows with at least two notes, which were looked at.
    pub n: usize,
    /// Notes of the longest match of each, in order; 0 where none has two notes.
    pub longest: Vec<usize>,
    /// Their mean.
    pub mean_longest: f64,
    /// Share with a match of 8 notes or more.
    pub share_of_8: f64,
    /// Share that is a copy as a whole.
    pub share_whole: f64,
}

/// A line's symbols: of each note the interval to the next and the steps until it starts; of each
/// hit what is struck and the steps until the next one (0 for the last).
fn symbols(line: &Line) -> Vec<u32> {
    let steps =
        |a: &GridNote, b: &GridNote| u32::try_from(b.start - a.start).unwrap_or(0xffff).min(0xffff);
    if line.is_drums {
        let next = line.notes.iter().skip(1).map(Some).chain([None]);
        let pairs = line.notes.iter().zip(next);
        return pairs
            .map(|(hit, next)| {
                let struck = u32::try_from(hit.pitch).unwrap_or(0) & 0x7fff;
                // The mark and the largest set of drums still lie below `END`.
                DRUMS | (struck << 16) | next.map_or(0, |next| steps(hit, next).min(0xfffe))
            })
            .collect();
    }
    line.notes
        .windows(2)
        .map(|pair| {
            // Pitches lie within 128 of each other.
            let interval = u32::try_from(pair[1].pitch - pair[0].pitch + 128).unwrap_or(0);
            (interval << 16) | steps(&pair[0], &pair[1])
        })
        .collect()
}

/// Notes that a match of `n` symbols spans.
fn n_notes_of(n: usize, is_drums: bool) -> usize {
    if n == 0 || is_drums { n } else { n + 1 }
}

impl CopyIndex {
    /// Indexes the training windows of a corpus of a kind, whose windows are of a form.
    ///
    /// # Errors
    /// Where the corpus can't be read, or has more notes than 32 bits count.
    pub fn build(corpus: &Path, kind: &str, form: &WindowForm) -> Result<Self, CopyError> {
        let mut index = Self { kind: kind.to_owned(), ..Self::default() };
        index.collect(corpus, form)?;
        index.sort()?;
        Ok(index)
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
        // Files come one after the other.
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
                // Beyond 32 bits the index is refused before it is used.
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

    /// Adds another index of the same kind, such as that of the music which a model was trained on
    /// before.
    ///
    /// # Errors
    /// If both together have more notes than 32 bits count.
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
        self.sort()?;
        Ok(self)
    }

    fn sort(&mut self) -> Result<(), CopyError> {
        let n =
            u32::try_from(self.symbols.len()).map_err(|_| CopyError::TooLarge { max: u32::MAX })?;
        self.order = (0..n).filter(|at| self.symbols[*at as usize] != END).collect();
        let symbols = &self.symbols;
        let suffix = |at: u32| suffix(symbols, at);
        // Equal suffixes in the order of the corpus: one order whatever the threads.
        self.order.par_sort_unstable_by(|a, b| suffix(*a).cmp(suffix(*b)).then(a.cmp(b)));
        Ok(())
    }

    /// The kind of window it was built of.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Notes in it, each counted once a line.
    pub fn n_notes(&self) -> usize {
        self.order.len() + self.lines.len()
    }

    /// Files in it.
    pub fn n_files(&self) -> usize {
        self.files.len()
    }

    /// Memory that it takes, in bytes.
    pub fn n_bytes(&self) -> usize {
        let names: usize = self.files.iter().map(|name| name.len() + size_of::<String>()).sum();
        4 * (self.symbols.len() + self.order.len())
            + size_of::<LineRow>() * self.lines.len()
            + names
    }

    /// The longest match of windows in a row with the training music, if at least two notes match;
    /// of equals the first.
    pub fn longest<'a>(
        &self,
        form: &WindowForm,
        windows: impl IntoIterator<Item = &'a [u16]>,
    ) -> Option<CopyMatch> {
        let mut best: Option<(usize, CopyMatch)> = None;
        for line in form.lines(windows) {
            let query = symbols(&line);
            for start in 0..query.len() {
                let n = best.as_ref().map_or(0, |(n, _)| *n);
                // What is left can't be longer.
                if query.len() - start <= n {
                    break;
                }
                let found = self.longest_prefix(&query[start..]);
                if found > n {
                    let matched = &query[start..start + found];
                    best = Some((found, self.found(&line, start, matched)));
                }
            }
        }
        best.map(|(_, found)| found).filter(|found| found.n_notes >= 2)
    }

    /// Symbols that the best suffix shares with the beginning of `query`.
    fn longest_prefix(&self, query: &[u32]) -> usize {
        let query = &query[..query.len().min(MAX_SORTED)];
        let at = self.order.partition_point(|at| suffix(&self.symbols, *at) < query);
        // The longest common prefix is with a neighbor in the order.
        let neighbours = [at.checked_sub(1), Some(at)];
        let shared = neighbours.into_iter().flatten().filter_map(|i| self.order.get(i)).map(|at| {
            suffix(&self.symbols, *at).iter().zip(query).take_while(|(a, b)| a == b).count()
        });
        shared.max().unwrap_or(0)
    }

    /// A match of a line's symbols from `start` on.
    fn found(&self, line: &Line, start: usize, matched: &[u32]) -> CopyMatch {
        let compare = |at: &u32| {
            let suffix = suffix(&self.symbols, *at);
            suffix[..suffix.len().min(matched.len())].cmp(matched)
        };
        let first = self.order.partition_point(|at| compare(at) == Ordering::Less);
        let n_places = self.order[first..].partition_point(|at| compare(at) == Ordering::Equal);
        let places = &self.order[first..first + n_places.min(MAX_PLACES)];
        let place = places.iter().copied().min().expect("a match has a place");
        let row = self.lines[self.lines.partition_point(|row| row.start <= place) - 1];
        let before = &self.symbols[row.start as usize..place as usize];
        let steps = before.iter().map(|symbol| symbol & 0xffff);
        let step = steps.fold(row.first_step, u32::saturating_add);
        CopyMatch {
            n_notes: n_notes_of(matched.len(), line.is_drums),
            of_notes: line.notes.len(),
            part: line.part,
            at_step: line.notes[start].start,
            file: self.files[row.file as usize].clone(),
            start_bar: row.start_bar + step / row.steps_per_bar.max(1),
            n_places,
        }
    }

    /// The longest matches of many pieces, each a window or several in a row, side by side.
    pub fn survey(&self, form: &WindowForm, pieces: &[Vec<Vec<u16>>]) -> Survey {
        let found: Vec<(usize, Option<CopyMatch>)> = pieces
            .par_iter()
            .map(|windows| {
                let windows = || windows.iter().map(Vec::as_slice);
                (form.n_notes(windows()), self.longest(form, windows()))
            })
            .filter(|(n_notes, _)| *n_notes >= 2)
            .collect();
        let n = found.len();
        let longest: Vec<usize> =
            found.iter().map(|(_, m)| m.as_ref().map_or(0, |m| m.n_notes)).collect();
        let share = |count: usize| count as f64 / n.max(1) as f64;
        Survey {
            n,
            mean_longest: share(longest.iter().sum()),
            share_of_8: share(longest.iter().filter(|n| **n >= 8).count()),
            share_whole: share(
                found
                    .iter()
                    .filter(|(_, m)| m.as_ref().is_some_and(|m| m.n_notes == m.of_notes))
                    .count(),
            ),
            longest,
        }
    }
}

/// The symbols from a position to the end of its line, or the first of them.
fn suffix(symbols: &[u32], at: u32) -> &[u32] {
    let from = &symbols[at as usize..];
    let n = from.iter().take(MAX_SORTED).position(|symbol| *symbol == END);
    &from[..n.unwrap_or_else(|| from.len().min(MAX_SORTED))]
}

#[cfg(test)]
mod tests {
    use note_seq::window::WindowLayout;

    use super::*;
    use corpus::table::{WindowRow, WindowsWriter};
    use proptest::prelude::*;

    pub(in crate::copy) fn corpus(rows: &[(&str, u32, Vec<u16>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut writer =
            WindowsWriter::new(folder.path(), &WindowForm::Steps(WindowLayout::melody(32, 600)));
        for (file, start_bar, tokens) in rows {
            writer
                .push(WindowRow {
                    window_id: 0,
                    tokens: tokens.clone(),
                    file: (*file).to_owned(),
                    file_hash: [0; 16],
                    group: String::new(),
                    split: Split::Train,
                    seen: false,
                    track: 0,
                    start_bar: *start_bar,
                    transposed: 0,
                    label: None,
                })
                .unwrap();
        }
        writer.finish().unwrap();
        folder
    }

    /// A note on every second step.
    fn line(pitches: &[u16]) -> Vec<u16> {
        let mut tokens = vec![0; 32];
        for (i, pitch) in pitches.iter().enumerate() {
            tokens[2 * i] = *pitch;
        }
        tokens
    }

    #[test]
    fn a_copy_in_another_key_is_found_with_its_file_and_bar() {
        let a = line(&[40, 42, 44, 45, 47, 49, 51, 52, 40, 52, 41, 50, 43, 48, 44, 47]);
        let b = line(&[60, 59, 57, 60, 61, 62, 60, 55, 54, 53, 52, 51, 50, 49, 48, 47]);
        let folder = corpus(&[("x.mid", 3, a.clone()), ("y.mid", 0, b)]);
        let layout = WindowForm::Steps(WindowLayout::melody(32, 90));
        let index = CopyIndex::build(folder.path(), "mel-2bar", &layout).unwrap();
        assert_eq!((index.n_notes(), index.n_files()), (32, 2));
        // The last seven notes of the first window, five semitones up, after something else.
        let mut own = line(&[70, 30, 20]);
        for step in 18..32 {
            own[step] = if a[step] > 1 { a[step] + 5 } else { 0 };
        }
        let found = index.longest(&layout, [&own[..]]).unwrap();
        // Steps 18 to 30 of bar 4 (from 0): its second bar.
        let expected = CopyMatch {
            n_notes: 7,
            of_notes: 10,
            part: 0,
            at_step: 18,
            file: "x.mid".to_owned(),
            start_bar: 4,
            n_places: 1,
        };
        assert_eq!(found, expected);
        let whole = index.longest(&layout, [&a[..]]).unwrap();
        assert_eq!((whole.n_notes, whole.of_notes, whole.start_bar), (16, 16, 3));
        // Another rhythm is no copy, one note is none either.
        let mut slower = vec![0; 32];
        for (i, pitch) in [40, 42, 44, 45, 47].iter().enumerate() {
            slower[5 * i] = *pitch;
        }
        assert_eq!(index.longest(&layout, [&slower[..]]), None);
        assert_eq!(index.longest(&layout, [&line(&[40])[..]]), None);
        let survey = index.survey(&layout, &[vec![a], vec![slower], vec![line(&[40])]]);
        assert_eq!((survey.n, &survey.longest[..]), (2, &[16, 0][..]));
        assert_eq!((survey.share_of_8, survey.share_whole), (0.5, 0.5));
    }

    #[test]
    fn windows_that_overlap_are_one_line_and_matches_cross_their_edges() {
        let tune: Vec<u16> =
            (0..64).map(|i| if i % 2 == 0 { 40 + (i * i / 3) % 37 } else { 0 }).collect();
        let rows: Vec<(&str, u32, Vec<u16>)> = (0..3)
            .map(|bar| ("t.mid", bar as u32, tune[bar * 16..bar * 16 + 32].to_vec()))
            .collect();
        let folder = corpus(&rows);
        let layout = WindowForm::Steps(WindowLayout::melody(32, 90));
        let index = CopyIndex::build(folder.path(), "mel-2bar", &layout).unwrap();
        assert_eq!(index.n_notes(), 32);
        let found = index.longest(&layout, [&tune[..32], &tune[32..]]).unwrap();
        assert_eq!((found.n_notes, found.n_places), (32, 1));
    }

    #[test]
    fn two_indexes_join_to_that_of_both_corpora() {
        let tune = |factor: u16| (0..32).map(|i| 40 + (i * i / factor) % 37).collect();
        let (a, b) = ([("a.mid", 0, tune(3))], [("b.mid", 2, tune(3)), ("c.mid", 0, tune(5))]);
        let layout = WindowForm::Steps(WindowLayout::melody(32, 90));
        let build = |rows: &[(&str, u32, Vec<u16>)]| {
            CopyIndex::build(corpus(rows).path(), "mel-2bar", &layout).unwrap()
        };
        let both = [&a[..], &b].concat();
        assert_eq!(build(&a).join(build(&b)).unwrap(), build(&both));
    }

    proptest! {
        /// Against the definition: the longest run of equal symbols of any two places.
        #[test]
        fn the_match_is_the_longest_common_run(
            known in proptest::collection::vec(proptest::collection::vec(0_u16..6, 32), 1..6),
            own in proptest::collection::vec(0_u16..6, 32),
        ) {
            let rows: Vec<(&str, u32, Vec<u16>)> =
                known.iter().enumerate().map(|(i, t)| ("f", 10 * i as u32, t.clone())).collect();
            let folder = corpus(&rows);
            let layout = WindowForm::Steps(WindowLayout::melody(32, 90));
            let index = CopyIndex::build(folder.path(), "mel-2bar", &layout).unwrap();
            let of = |tokens: &Vec<u16>| symbols(&layout.lines([&tokens[..]])[0]);
            let query = of(&own);
            let mut expected = 0;
            for text in known.iter().map(of) {
                for i in 0..text.len() {
                    for j in 0..query.len() {
                        let n = text[i..].iter().zip(&query[j..]).take_while(|(a, b)| a == b).count();
                        expected = expected.max(n);
                    }
                }
            }
            let found = index.longest(&layout, [&own[..]]).map_or(0, |found| found.n_notes - 1);
            prop_assert_eq!(found, expected);
        }
    }
}
