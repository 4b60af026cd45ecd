//! Labels of files: from folders, from their paths, or from a table. For evaluation only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use super::{CorpusError, MidiFile};
use crate::artifact::read;

/// Columns that hold file names, where none is named: those of public data sets.
const FILE_COLUMNS: [&str; 5] = ["file", "midi_filename", "filename", "path", "name"];

/// Where labels come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// There are none.
    #[default]
    Nowhere,
    /// The first folder below a root.
    FirstFolder,
    /// What a regular expression's group `label`, or else its first group, matches of a file's path
    /// below its root.
    Pattern(String),
    /// A table with a head.
    Table(LabelTable),
}

/// A table of labels: comma-separated (`.csv`), otherwise tab-separated, its first line the head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelTable {
    /// The file.
    pub path: PathBuf,
    /// The column of file names; without one the first of `file`, `midi_filename`, `filename`,
    /// `path`, `name` that is there. A name is a path in the corpus or below a root, or the last
    /// part of one, with or without the ending.
    pub file_column: Option<String>,
    /// The column of labels. An empty cell is no label.
    pub label_column: String,
    /// A column of groups: what must not be split, in place of the rule by file name.
    pub group_column: Option<String>,
}

/// What a label table says of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    label: Option<String>,
    group: Option<String>,
}

/// Labels ready to be looked up.
#[derive(Debug)]
pub(super) enum Labeller {
    Nowhere,
    FirstFolder,
    Pattern(Regex),
    Table { entries: BTreeMap<String, Entry>, hash: [u8; 32] },
}

impl Labeller {
    /// # Errors
    /// [`CorpusError::Pattern`], [`CorpusError::LabelTable`], or where the table can't be read.
    pub(super) fn new(labels: &Labels) -> Result<Self, CorpusError> {
        match labels {
            Labels::Nowhere => Ok(Self::Nowhere),
            Labels::FirstFolder => Ok(Self::FirstFolder),
            Labels::Pattern(pattern) => {
                let bad =
                    |reason: String| CorpusError::Pattern { pattern: pattern.clone(), reason };
                let regex = Regex::new(pattern).map_err(|error| bad(error.to_string()))?;
                if regex.captures_len() < 2 {
                    return Err(bad("it has no group `(…)` to take the label from".to_owned()));
                }
                Ok(Self::Pattern(regex))
            }
            Labels::Table(table) => {
                let bytes = read(&table.path)?;
                let hash = *blake3::hash(&bytes).as_bytes();
                Ok(Self::Table { entries: entries(table, &bytes)?, hash })
            }
        }
    }

    /// A file's label, and its group if a table gives one.
    pub(super) fn of(&self, file: &MidiFile) -> (Option<String>, Option<String>) {
        match self {
            Self::Nowhere => (None, None),
            Self::FirstFolder => (file.first_folder().map(ToOwned::to_owned), None),
            Self::Pattern(regex) => {
                let captures = regex.captures(file.relative());
                let label = captures.and_then(|c| {
                    c.name("label").or_else(|| c.get(1)).map(|m| m.as_str().to_owned())
                });
                (label.filter(|label| !label.is_empty()), None)
            }
            Self::Table { entries, .. } => {
                let entry =
                    keys(file).find_map(|key| entries.get(key)).cloned().unwrap_or_default();
                (entry.label, entry.group)
            }
        }
    }

    /// The hash of a table's bytes: another table is another corpus.
    pub(super) fn table_hash(&self) -> Option<[u8; 32]> {
        match self {
            Self::Table { hash, .. } => Some(*hash),
            _ => None,
        }
    }
}

/// What a table may call a file, the most telling first: its name, then shorter ends of its path,
/// each with and without the ending.
fn keys(file: &MidiFile) -> impl Iterator<Item = &str> {
    let name = file.name.as_str();
    let starts = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
    let n_stem = name.len() - file.file_name().len() + file.stem().len();
    starts.flat_map(move |start| [&name[start..], &name[start..n_stem.max(start)]])
}

/// The table's lines by file name.
fn entries(table: &LabelTable, bytes: &[u8]) -> Result<BTreeMap<String, Entry>, CorpusError> {
    let bad = |reason: String| CorpusError::LabelTable { path: table.path.clone(), reason };
    let is_csv = ends_with_csv(&table.path);
    // Spreadsheets put a mark of the byte order first.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let mut lines =
        Cells { rest: &text, delimiter: if is_csv { ',' } else { '\t' }, is_quoted: is_csv };
    let head = lines.next().unwrap_or_default();
    let at = |name: &str| head.iter().position(|cell| cell.eq_ignore_ascii_case(name));
    let column = |name: &str| {
        let known = || head.join("`, `");
        at(name).ok_or_else(|| bad(format!("it has no column `{name}`, but `{}`", known())))
    };
    let file = match &table.file_column {
        Some(name) => column(name)?,
        None => FILE_COLUMNS.iter().find_map(|name| at(name)).ok_or_else(|| {
            let (wanted, known) = (FILE_COLUMNS.join("`, `"), head.join("`, `"));
            bad(format!("no column of file names: none of `{wanted}` among `{known}`"))
        })?,
    };
    let label = column(&table.label_column)?;
    let group = table.group_column.as_deref().map(column).transpose()?;
    let mut entries = BTreeMap::new();
    for line in lines {
        let cell = |column: usize| line.get(column).filter(|cell| !cell.is_empty()).cloned();
        if let Some(name) = cell(file) {
            let name = name.trim_start_matches("./").replace('\\', "/");
            let entry = Entry { label: cell(label), group: group.and_then(cell) };
            // Of several lines of one file the first counts.
            entries.entry(name).or_insert(entry);
        }
    }
    Ok(entries)
}

/// The cells of each line, without the space around them. In quotes (RFC 4180) a cell may hold
/// delimiters, line ends and doubled quotes. A parser of its own, as the crates for it would have all
/// of this workspace built with other features.
struct Cells<'a> {
    rest: &'a str,
    delimiter: char,
    is_quoted: bool,
}

impl Iterator for Cells<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        if self.rest.is_empty() {
            return None;
        }
        let (mut cells, mut cell, mut in_quotes) = (Vec::new(), String::new(), false);
        let mut letters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' if in_quotes && letters.next_if(|(_, next)| *next == '"').is_some() => {
                    cell.push('"');
                }
                '"' if in_quotes => in_quotes = false,
                '"' if self.is_quoted && cell.trim().is_empty() => in_quotes = true,
                '\n' if !in_quotes => {
                    end = at + 1;
                    break;
                }
                _ if letter == self.delimiter && !in_quotes => {
                    cells.push(std::mem::take(&mut cell).trim().to_owned());
                }
                _ => cell.push(letter),
            }
        }
        cells.push(cell.trim().to_owned());
        self.rest = &self.rest[end..];
        Some(cells)
    }
}

fn ends_with_csv(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(labels: Labels, name: &str) -> Option<String> {
        Labeller::new(&labels).unwrap().of(&MidiFile::new(None, name)).0
    }

    #[test]
    fn a_pattern_takes_its_group() {
        let pattern = |p: &str| Labels::Pattern(p.to_owned());
        // EMOPIA's files begin with the quadrant of emotion, Groove's second field is the style.
        assert_eq!(label(pattern("(Q[1-4])_[^/]*$"), "x/Q3_song.mid").as_deref(), Some("Q3"));
        let groove = "(?:[0-9]+)_(?<label>[a-z]+)-?[^/]*$";
        assert_eq!(
            label(pattern(groove), "drummer1/1_funk-x_80_beat.mid").as_deref(),
            Some("funk")
        );
        assert_eq!(label(pattern("(Q[1-4])_"), "x/song.mid"), None);
        for (bad, part) in [("(", "pattern `(`"), ("abc", "no group")] {
            let error = Labeller::new(&pattern(bad)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn cells_are_cut_as_rfc_4180_says() {
        let cells = |rest, is_quoted| {
            Cells { rest, delimiter: ',', is_quoted }.collect::<Vec<Vec<String>>>()
        };
        assert_eq!(
            cells("a, b\r\n\"c,\"\"d\"\"\ne\",\n\n,f", true),
            [vec!["a", "b"], vec!["c,\"d\"\ne", ""], vec![""], vec!["", "f"],]
        );
        assert_eq!(cells("a\"b,\"c", false), [vec!["a\"b", "\"c"]]);
        // A quote that never ends takes the rest.
        assert_eq!(cells("\"a,b\nc", true), [vec!["a,b\nc"]]);
        assert!(cells("", true).is_empty());
    }

    #[test]
    fn a_table_names_files_by_any_end_of_their_path() {
        let folder = tempfile::tempdir().unwrap();
        let table = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let (label_column, group_column) = ("style".to_owned(), Some("piece".to_owned()));
            Labels::Table(LabelTable { path, file_column: None, label_column, group_column })
        };
        let csv = table(
            "a.csv",
            "\u{feff}Style,midi_filename,piece\n\"slow, sad\",d1/s1/1.mid,p1\nfast,other,\n,x.mid,p3\n",
        );
        let labeller = Labeller::new(&csv).unwrap();
        let of = |name: &str| labeller.of(&MidiFile::new(Some("root"), name));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("d1/s1/1.mid"), (some("slow, sad"), some("p1")));
        assert_eq!(of("deeper/d1/s1/1.mid"), (some("slow, sad"), some("p1")));
        assert_eq!(of("s1/1.mid"), (None, None));
        assert_eq!(of("any/other.mid"), (some("fast"), None));
        assert_eq!(of("x.mid"), (None, some("p3")));
        let tsv = table("a.tsv", "file\tstyle\tpiece\na\"b.mid\twaltz\tp\n");
        assert_eq!(label(tsv, "a\"b.mid").as_deref(), Some("waltz"));

        let error = |labels: Labels| Labeller::new(&labels).unwrap_err().to_string();
        assert!(
            error(table("b.tsv", "file\tgenre\n"))
                .contains("no column `style`, but `file`, `genre`")
        );
        assert!(error(table("c.csv", "style,piece\n")).contains("no column of file names"));
    }
}
