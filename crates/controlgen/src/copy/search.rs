//! Search for the longest match of some music in a [`CopyIndex`].

use std::cmp::Ordering;

use note_seq::window::{Line, WindowForm};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::CopyMatch;
use super::index::{CopyIndex, symbols};
use super::suffixes::{END, MAX_SORTED};

/// Copy statistics of some music.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Number of pieces or windows examined: those with at least two notes.
    pub n: usize,
    /// Number of notes in the longest match of each, in order; 0 if not even two notes match.
    pub longest: Vec<usize>,
    /// Mean of these.
    pub mean_longest: f64,
    /// Fraction with a match of 8 notes or more.
    pub share_of_8: f64,
    /// Fraction copied completely.
    pub share_whole: f64,
}

/// Number of notes in a match of `n` symbols.
fn n_notes_of(n: usize, is_drums: bool) -> usize {
    if n == 0 || is_drums { n } else { n + 1 }
}

impl CopyIndex {
    /// The longest match of consecutive windows with the training music, if at least two notes
    /// match; the first of equally long ones.
    pub fn longest<'a>(
        &self,
        form: &WindowForm,
        windows: impl IntoIterator<Item = &'a [u16]>,
    ) -> Option<CopyMatch> {
        let mut best: Option<(usize, CopyMatch)> = None;
        for line in form.lines(windows) {
            let query = symbols(&line);
            let best_n = best.as_ref().map_or(0, |(n, _)| *n);
            if let Some((start, n)) = self.longest_of(&query, best_n) {
                best = Some((n, self.found(&line, start, &query[start..start + n])));
            }
        }
        best.map(|(_, found)| found).filter(|found| found.n_notes >= 2)
    }

    /// Start and length of the longest match of some symbols (the first one of equal length), if it
    /// is longer than `longer`.
    ///
    /// A match may begin with a symbol before the first sampled one. Checking this requires looking
    /// at all places of the rest, so only those that could then be the longest are checked.
    fn longest_of(&self, query: &[u32], longer: usize) -> Option<(usize, usize)> {
        let sampled: Vec<usize> =
            (0..query.len()).map(|at| self.longest_prefix(&query[at..])).collect();
        let most = sampled.iter().copied().max().filter(|n| *n > 0 && n + self.step > longer)?;
        let extends = |at: usize| {
            let Some(before) = at.checked_sub(1).map(|at| query[at]).filter(|_| self.step > 1)
            else {
                return false;
            };
            let follows = |place: &u32| self.symbols[..*place as usize].last() == Some(&before);
            self.places(&query[at..at + sampled[at]]).iter().any(follows)
        };
        let mut equals = (0..query.len()).filter(|at| sampled[*at] == most);
        if let Some(at) = equals.clone().find(|at| extends(*at)) {
            return (most + 1 > longer).then_some((at - 1, most + 1));
        }
        let first = equals.next()?;
        let mut shorter = (0..first).filter(|at| most > 1 && sampled[*at] == most - 1);
        let start = shorter.find(|at| extends(*at)).map_or(first, |at| at - 1);
        (most > longer).then_some((start, most))
    }

    /// Length of the longest prefix of `query` that any suffix begins with, in symbols.
    fn longest_prefix(&self, query: &[u32]) -> usize {
        let query = &query[..query.len().min(MAX_SORTED)];
        let at = self.order.partition_point(|at| self.compare(*at, query) == Ordering::Less);
        // The longest common prefix is with a neighbor in sorted order.
        let neighbors = [at.checked_sub(1), Some(at)];
        let shared = neighbors.into_iter().flatten().filter_map(|i| self.order.get(i)).map(|at| {
            let line = &self.symbols[*at as usize..];
            line.iter().zip(query).take_while(|(a, b)| a == b).count()
        });
        shared.max().unwrap_or(0)
    }

    /// Compares the suffix at a position with a query, up to the length of the query.
    fn compare(&self, at: u32, query: &[u32]) -> Ordering {
        let line = &self.symbols[at as usize..];
        for (symbol, asked) in line.iter().zip(query) {
            match symbol.cmp(asked) {
                Ordering::Equal => {}
                // An end is less than all symbols.
                _ if *symbol == END => return Ordering::Less,
                different => return different,
            }
        }
        Ordering::Equal
    }

    /// Sampled positions of suffixes that begin with the given symbols.
    fn places(&self, symbols: &[u32]) -> &[u32] {
        let first = self.order.partition_point(|at| self.compare(*at, symbols) == Ordering::Less);
        let rest = &self.order[first..];
        &rest[..rest.partition_point(|at| self.compare(*at, symbols) == Ordering::Equal)]
    }

    /// The match of a line's symbols, beginning at `start`.
    fn found(&self, line: &Line, start: usize, matched: &[u32]) -> CopyMatch {
        let mut n_places = 0;
        let mut place = u32::MAX;
        // Sampled occurrences, and those whose next symbol is sampled.
        for n_before in 0..self.step.min(matched.len()) {
            let (before, sampled) = matched.split_at(n_before);
            for at in self.places(sampled) {
                let line = &self.symbols[..*at as usize];
                if line.ends_with(before) {
                    n_places += 1;
                    place = place.min(*at - small(n_before));
                }
            }
        }
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

    /// The longest matches of many pieces (each of one or more consecutive windows), in parallel.
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

/// Conversion of a number known to fit.
fn small(n: usize) -> u32 {
    u32::try_from(n).expect("at most the number of symbols")
}

#[cfg(test)]
mod tests {
    use note_seq::window::WindowLayout;

    use super::*;
    use corpus::table::{Split, WindowRow, WindowsWriter};
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
        // The last seven notes of the first window, five semitones higher, after different notes.
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
        // A different rhythm is not a copy, nor is a single note.
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
        /// Compared with the definition: the longest run of equal symbols at any two positions.
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
            // Every second suffix is enough for all matches that contain one.
            let sparse = CopyIndex::build_with(folder.path(), "mel-2bar", &layout, 0).unwrap();
            let sparse = sparse.longest(&layout, [&own[..]]);
            if expected >= 2 {
                let (sparse, whole) = (sparse.unwrap(), index.longest(&layout, [&own[..]]).unwrap());
                prop_assert_eq!(sparse.n_notes, whole.n_notes);
                // It may find another match of the same length.
                if sparse.at_step == whole.at_step {
                    prop_assert_eq!(sparse, whole);
                }
            }
        }
    }
}
