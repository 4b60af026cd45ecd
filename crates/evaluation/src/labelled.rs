//! Labeled pieces of a corpus, in three roles that share none: those that styles are made of, those
//! that the judge learns from, and those that both are tested on.

use std::collections::BTreeMap;
use std::path::Path;

use controlgen::model::Model;
use corpus::CorpusReport;
use corpus::artifact::{ArtifactError, JsonFormat};
use corpus::progress::Progress;
use corpus::table::{CorpusHash, Split, WindowRow, read_windows};

use super::EvalError;
use super::judge::WINDOWS;

/// The most labels used, those of the most pieces.
const MOST_LABELS: usize = 10;
/// The most pieces used of each label and side of the split: none is favored for being frequent.
const MOST_PIECES: usize = 60;
/// The most windows used of a piece.
const MOST_WINDOWS: usize = 12;
/// Minimum number of pieces of a label in each role.
const LEAST_PIECES: [(Role, usize); 3] = [(Role::Style, 2), (Role::Judge, 2), (Role::Test, 1)];

/// The use of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Styles are made of it.
    Style,
    /// The judge learns from it.
    Judge,
    /// It is held out of both.
    Test,
}

/// A piece with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledPiece {
    /// The number of its label.
    pub label: usize,
    /// The piece, as the corpus names it.
    pub group: String,
    /// Its use.
    pub role: Role,
    /// At least eight windows and at most twelve, spread evenly over it.
    pub windows: Vec<Vec<u16>>,
    /// Means of their posteriors, `[n, Z]`.
    pub mu: Vec<f32>,
    /// Deviations of their posteriors, `[n, Z]`.
    pub sigma: Vec<f32>,
}

/// Labeled pieces of a corpus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelledData {
    /// Names of the labels.
    pub labels: Vec<String>,
    /// The pieces, by label and then by name.
    pub pieces: Vec<LabelledPiece>,
    /// Pieces left out because they have fewer than eight windows.
    pub n_short: usize,
    /// Hash of the whole corpus's windows and split.
    pub corpus_hash: String,
}

/// The windows of one label: of each side of the split, of each piece.
type Pieces = [BTreeMap<String, Vec<WindowRow>>; 2];

impl LabelledData {
    /// Reads pieces of eight windows or more of the most frequent labels, and encodes them.
    /// Held-out pieces are for tests; every other training piece is for the styles, the rest for
    /// the judge. No label is left if fewer than two have pieces enough for each role.
    ///
    /// # Errors
    /// Where the corpus can't be read or is of another kind than the model.
    pub fn read(model: &Model, corpus: &Path, progress: &dyn Progress) -> Result<Self, EvalError> {
        CorpusReport::of_kind(corpus, model.kind())?;
        let mut labels = BTreeMap::<String, Pieces>::new();
        let mut hash = CorpusHash::default();
        read_windows(corpus, |row| {
            hash.add(&row);
            let Some(label) = row.label.clone().filter(|_| !row.seen) else { return };
            let side = usize::from(row.split == Split::Heldout);
            labels.entry(label).or_default()[side].entry(row.group.clone()).or_default().push(row);
        })?;
        let mut data = Self::of(labels);
        data.corpus_hash = hash.finish();
        let windows: Vec<&[u16]> =
            data.pieces.iter().flat_map(|piece| &piece.windows).map(Vec::as_slice).collect();
        progress.begin("encoding", "windows", windows.len() as u64);
        let mut done = 0;
        let posteriors = model.network().encode(&windows, |n| {
            progress.advance((n - done) as u64);
            done = n;
        });
        progress.end();
        let posteriors = posteriors.map_err(|error| ArtifactError::Json {
            path: corpus.to_owned(),
            format: CorpusReport::FORMAT,
            source: serde::de::Error::custom(error),
        })?;
        let mut at = 0;
        for piece in &mut data.pieces {
            let own = at..at + piece.windows.len() * model.z_size();
            at = own.end;
            piece.mu = posteriors.mean[own.clone()].to_vec();
            piece.sigma = posteriors.std_dev[own].to_vec();
        }
        Ok(data)
    }

    fn of(labels: BTreeMap<String, Pieces>) -> Self {
        let mut n_short = 0;
        let mut usable: Vec<(String, Vec<LabelledPiece>)> = Vec::new();
        for (label, sides) in labels {
            let mut pieces = Vec::new();
            for (is_heldout, side) in sides.into_iter().enumerate() {
                let n = side.len();
                let long: Vec<_> =
                    side.into_iter().filter(|(_, rows)| rows.len() >= WINDOWS).collect();
                n_short += n - long.len();
                for (at, (group, rows)) in evenly(long, MOST_PIECES).into_iter().enumerate() {
                    let role = match (is_heldout == 1, at % 2) {
                        (true, _) => Role::Test,
                        (false, 0) => Role::Style,
                        (false, _) => Role::Judge,
                    };
                    let rows = evenly(rows, MOST_WINDOWS).into_iter();
                    let windows = rows.map(|row| row.tokens).collect();
                    let (mu, sigma) = (Vec::new(), Vec::new());
                    pieces.push(LabelledPiece { label: 0, group, role, windows, mu, sigma });
                }
            }
            let n = |role| pieces.iter().filter(|piece| piece.role == role).count();
            if LEAST_PIECES.into_iter().all(|(role, least)| n(role) >= least) {
                usable.push((label, pieces));
            }
        }
        usable.sort_by_key(|(label, pieces)| (std::cmp::Reverse(pieces.len()), label.clone()));
        usable.truncate(MOST_LABELS);
        usable.sort_by(|a, b| a.0.cmp(&b.0));
        if usable.len() < 2 {
            usable.clear();
        }
        let mut data = Self { n_short, ..Self::default() };
        for (number, (label, pieces)) in usable.into_iter().enumerate() {
            data.labels.push(label);
            let numbered = pieces.into_iter().map(|p| LabelledPiece { label: number, ..p });
            data.pieces.extend(numbered);
        }
        data
    }

    /// The pieces of a label in a role.
    pub fn of_role(&self, label: usize, role: Role) -> impl Iterator<Item = &LabelledPiece> {
        self.pieces.iter().filter(move |piece| piece.label == label && piece.role == role)
    }
}

/// At most `most` things of a list, spread evenly, the first always among them.
fn evenly<T>(things: Vec<T>, most: usize) -> Vec<T> {
    let n = things.len();
    if n <= most {
        return things;
    }
    let wanted: Vec<usize> = (0..most).map(|i| i * n / most).collect();
    let is_wanted = |at: &usize| wanted.binary_search(at).is_ok();
    things.into_iter().enumerate().filter(|(at, _)| is_wanted(at)).map(|(_, thing)| thing).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use corpus::kind::Kind;
    use corpus::synthetic;

    use super::*;

    /// Windows of made-up pieces in the first styles, each labeled by its style, a third held out.
    pub(crate) fn made(n_styles: usize, n_pieces: u64) -> LabelledData {
        let kind = Kind::mel_2bar();
        let mut labels = BTreeMap::<String, Pieces>::new();
        for (style, name) in synthetic::style_names().into_iter().enumerate().take(n_styles) {
            for piece in 0..n_pieces {
                let group = format!("{name}-{piece:02}");
                let row = |window: corpus::kind::Window| WindowRow {
                    window_id: kind.window_id(&window.tokens),
                    tokens: window.tokens,
                    file: group.clone(),
                    file_hash: [0; 16],
                    group: group.clone(),
                    split: Split::Train,
                    seen: false,
                    track: 0,
                    start_bar: window.start_bar,
                    transposed: 0,
                    label: Some(name.to_owned()),
                };
                let rows = kind.windows(&synthetic::piece(style, 1, piece)).windows;
                let side = usize::from(piece % 3 == 0);
                labels.entry(name.to_owned()).or_default()[side]
                    .insert(group.clone(), rows.into_iter().map(row).collect());
            }
        }
        LabelledData::of(labels)
    }

    #[test]
    fn roles_share_no_piece_and_short_pieces_are_counted() {
        let data = made(3, 12);
        assert_eq!(data.labels.len(), 3);
        for label in 0..3 {
            let of = |role| -> Vec<&str> {
                data.of_role(label, role).map(|piece| piece.group.as_str()).collect()
            };
            let (style, judge, test) = (of(Role::Style), of(Role::Judge), of(Role::Test));
            assert_eq!((style.len(), judge.len(), test.len()), (4, 4, 4));
            assert!(style.iter().all(|piece| !judge.contains(piece) && !test.contains(piece)));
        }
        let n_windows = || data.pieces.iter().map(|piece| piece.windows.len());
        assert!(n_windows().all(|n| (WINDOWS..=MOST_WINDOWS).contains(&n)));
        // Of five pieces two are held out, and of the others only one is left for the judge.
        assert_eq!(made(3, 5).labels.len(), 0);
    }

    #[test]
    fn what_is_taken_is_spread_evenly() {
        assert_eq!(evenly((0..10).collect(), 4), [0, 2, 5, 7]);
        assert_eq!(evenly(vec![3, 4], 4), [3, 4]);
    }
}
