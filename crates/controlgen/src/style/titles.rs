//! Titles of a style: folders and words in file names that are more frequent than in the whole
//! corpus.
//!
//! Nobody labeled the files, but somebody named them: folders are often composers or collections,
//! and titles contain dances and genres. Names are not used for finding styles.

use std::collections::{BTreeMap, BTreeSet};

use super::card::{CardWindow, Share};

/// Maximum number of names on a card.
const MAX_TITLES: usize = 3;
/// Minimum fraction of a style's windows with a name, and its minimum ratio to that of the corpus.
const LEAST_SHARE: f64 = 0.1;
const LEAST_LIFT: f64 = 2.0;
/// Minimum number of files with a name, so that it is not the title of a single piece.
const LEAST_FILES: usize = 3;
/// Minimum length of a word: shorter ones are articles, opus numbers and initials.
const SHORTEST_WORD: usize = 4;

/// Number of windows with each name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Titles {
    n_windows: f64,
    names: BTreeMap<String, Count>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    n_windows: f64,
    n_files: usize,
}

impl Titles {
    /// Counts the names of some windows' files.
    pub(super) fn of(windows: &[CardWindow<'_>]) -> Self {
        let mut files = BTreeMap::<&str, f64>::new();
        for window in windows {
            *files.entry(window.file).or_default() += 1.0;
        }
        let mut names = BTreeMap::<String, Count>::new();
        for (file, n) in files {
            for name in names_of(file) {
                let count = names.entry(name).or_default();
                count.n_windows += n;
                count.n_files += 1;
            }
        }
        Self { n_windows: windows.len() as f64, names }
    }

    /// The names most distinctive of these windows compared with a corpus: those with the largest
    /// `p ln(p / q)`, where `p` and `q` are a name's relative frequencies here and in the corpus.
    /// This is its term in the Kullback-Leibler divergence.
    pub(super) fn compared_with(&self, corpus: &Self) -> Vec<Share> {
        let share = |titles: &Self, name: &str| {
            let count = titles.names.get(name).copied().unwrap_or_default();
            count.n_windows / titles.n_windows.max(1.0)
        };
        let frequent = self.names.iter().filter(|(_, count)| count.n_files >= LEAST_FILES);
        let mut telling: Vec<(f64, Share)> = frequent
            .filter_map(|(name, _)| {
                let (here, everywhere) = (share(self, name), share(corpus, name));
                let lift = here / everywhere.max(f64::MIN_POSITIVE);
                let is_telling = here >= LEAST_SHARE && lift >= LEAST_LIFT;
                let named = Share { name: name.clone(), share: here, in_corpus: Some(everywhere) };
                is_telling.then(|| (here * lift.ln(), named))
            })
            .collect();
        telling.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut titles = Vec::<Share>::new();
        for (_, share) in telling {
            // A folder name is often a word in the names of its files, too.
            let is_same = |other: &Share| other.name.eq_ignore_ascii_case(&share.name);
            if titles.len() < MAX_TITLES && !titles.iter().any(is_same) {
                titles.push(share);
            }
        }
        titles
    }
}

/// The folders of a file and the words of its name.
fn names_of(file: &str) -> BTreeSet<String> {
    let mut parts: Vec<&str> = file.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    let name = parts.pop().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let has_letters =
        |text: &str| text.chars().filter(|c| c.is_alphabetic()).count() >= SHORTEST_WORD;
    let folders =
        parts.into_iter().map(|folder| folder.replace('_', " ")).filter(|f| has_letters(f));
    let words = stem.split(|c: char| !c.is_alphabetic()).filter(|word| has_letters(word));
    folders.chain(words.map(str::to_lowercase)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(files: &[&str]) -> Titles {
        let window = |file| CardWindow { tokens: &[], file, label: None };
        Titles::of(&files.iter().copied().map(window).collect::<Vec<_>>())
    }

    #[test]
    fn folders_are_whole_and_titles_are_words() {
        let names = names_of("polish/Chopin,_Fryderyk/Mazur_op-24_no1.mid");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["Chopin, Fryderyk", "mazur", "polish"]);
        assert!(names_of("12/no-1.mid").is_empty());
        assert!(names_of("").is_empty());
    }

    #[test]
    fn a_name_tells_something_where_it_is_frequent_here_and_rare_elsewhere() {
        let here = ["all/mazur-a.mid", "all/mazur-b.mid", "all/mazur-c.mid", "all/polka-a.mid"];
        let elsewhere = ["all/motet-a.mid"; 12];
        let corpus = titles(&[&here[..], &elsewhere].concat());
        let found = titles(&here).compared_with(&corpus);
        // `all` is in all names, and `polka` is the title of one piece.
        let expected = Share { name: "mazur".to_owned(), share: 0.75, in_corpus: Some(3.0 / 16.0) };
        assert_eq!(found, [expected]);
        assert_eq!(corpus.compared_with(&corpus), []);
    }
}
