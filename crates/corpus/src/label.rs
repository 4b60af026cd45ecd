//! Labels of files: from folders, from their paths, or from a table. For evaluation only.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::{CorpusError, MidiFile};
use crate::artifact::read;
use crate::path_text;

/// Columns of file names, used if none is given: those of public data sets.
const FILE_COLUMNS: [&str; 5] = ["file", "midi_filename", "filename", "path", "name"];

/// The source of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// No labels.
    #[default]
    Nowhere,
    /// The first folder below a root.
    FirstFolder,
    /// A match in a file's path below its root: the regular expression's group `label`, or else its
    /// first group.
    Pattern(String),
    /// A table with a header.
    Table(LabelTable),
}

/// A table of labels: comma-separated (`.csv`) or else tab-separated; the first line is the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelTable {
    /// The file.
    #[serde(with = "crate::path_text")]
    pub path: PathBuf,
    /// The column of file names; by default the first of `file`, `midi_filename`, `filename`,
    /// `path` and `name` that exists. A name is a path in the corpus or below a root, or the last
    /// part of one, with or without the extension.
    pub file_column: Option<String>,
    /// The column of labels. An empty cell means no label.
    pub label_column: String,
    /// A column of groups, which must not be split; replaces the rule by file name.
    pub group_column: Option<String>,
}

/// The entry of a label table for a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    label: Option<String>,
    group: Option<String>,
}

/// The label information about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labelled {
    /// Whether the source of labels knows the file.
    pub(super) is_listed: bool,
    pub(super) label: Option<String>,
    /// Its group, if a table gives one.
    pub(super) group: Option<String>,
}

/// Labels, prepared for lookup.
#[derive(Debug)]
pub(super) enum Labeler {
    Nowhere,
    FirstFolder,
    Pattern(Regex),
    Table { entries: BTreeMap<String, Entry>, hash: [u8; 32] },
}

impl Labeler {
    /// # Errors
    /// Returns [`CorpusError::Pattern`] or [`CorpusError::LabelTable`] if the pattern or the table
    /// can't be used, or an I/O error if the table can't be read.
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

    /// The label and the group of a file.
    pub(super) fn of(&self, file: &MidiFile) -> Labelled {
        let only_label = |label: Option<String>| {
            let label = label.filter(|label| !label.is_empty());
            Labelled { is_listed: label.is_some(), label, group: None }
        };
        match self {
            Self::Nowhere => Labelled::default(),
            Self::FirstFolder => only_label(file.first_folder().map(ToOwned::to_owned)),
            Self::Pattern(regex) => {
                let captures = regex.captures(file.relative());
                only_label(captures.and_then(|c| {
                    c.name("label").or_else(|| c.get(1)).map(|m| m.as_str().to_owned())
                }))
            }
            Self::Table { entries, .. } => {
                let name = composed(&file.name);
                let entry = keys(&name).find_map(|key| entries.get(key));
                let Entry { label, group } = entry.cloned().unwrap_or_default();
                Labelled { is_listed: entry.is_some(), label, group }
            }
        }
    }

    /// Checks that the source of labels, if there is one, knows at least one of the files.
    ///
    /// # Errors
    /// Returns [`CorpusError::NoLabels`] with the name of a `file` if it knows none.
    pub(super) fn check_listed(&self, n_listed: usize, file: &str) -> Result<(), CorpusError> {
        let source = match self {
            Self::Nowhere => return Ok(()),
            _ if n_listed > 0 => return Ok(()),
            Self::FirstFolder => "they are not in a folder below the root".to_owned(),
            Self::Pattern(regex) => format!("the pattern `{regex}` matches no file"),
            Self::Table { entries, .. } => match entries.keys().next() {
                Some(name) => format!("the table names others, such as `{name}`"),
                None => "the table has no files".to_owned(),
            },
        };
        Err(CorpusError::NoLabels { source_of_labels: source, file: file.to_owned() })
    }

    /// The hash of a table's bytes: a different table makes a different corpus.
    pub(super) fn table_hash(&self) -> Option<[u8; 32]> {
        match self {
            Self::Table { hash, .. } => Some(*hash),
            _ => None,
        }
    }
}

/// The names that a table may use for a file, most specific first: its name, then shorter suffixes
/// of its path, each with and without the extension.
fn keys(name: &str) -> impl Iterator<Item = &str> {
    let starts = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
    let file = MidiFile::new(None, name);
    let n_stem = name.len() - file.file_name().len() + file.stem().len();
    starts.flat_map(move |start| [&name[start..], &name[start..n_stem.max(start)]])
}

/// A name in Unicode's composed form (NFC). Some file systems, and archives made on them, store
/// letters and their marks separately (NFD).
fn composed(name: &str) -> Cow<'_, str> {
    if is_nfc(name) { Cow::Borrowed(name) } else { Cow::Owned(name.nfc().collect()) }
}

/// The text of a table. Spreadsheets write UTF-8 with a byte order mark, or UTF-16 with or without
/// one. Anything else is taken as raw bytes, as for file names.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let utf_16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks().0.iter().map(|pair| unit(*pair));
        let letters = char::decode_utf16(units);
        Cow::Owned(letters.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => text_of_utf_8(rest),
        // In all tables that have a known column, the header begins with an ASCII letter.
        [1..=255, 0, 1..=255, 0, ..] => utf_16(bytes, u16::from_le_bytes),
        [0, 1..=255, 0, 1..=255, ..] => utf_16(bytes, u16::from_be_bytes),
        _ => text_of_utf_8(bytes),
    }
}

fn text_of_utf_8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(path_text::of_bytes(bytes)),
    }
}

/// Replaces Windows separators by `/`; backslashes of escaped bytes are kept.
fn unix_separators(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for (at, letter) in name.char_indices() {
        let is_separator = letter == '\\' && path_text::escaped_byte(&name[at..]).is_none();
        text.push(if is_separator { '/' } else { letter });
    }
    text
}

/// The table's rows by file name.
fn entries(table: &LabelTable, bytes: &[u8]) -> Result<BTreeMap<String, Entry>, CorpusError> {
    let bad = |reason: String| CorpusError::LabelTable { path: table.path.clone(), reason };
    let is_csv = ends_with_csv(&table.path);
    let text = text_of(bytes);
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
            let name = unix_separators(&name);
            let name = composed(name.trim_start_matches("./")).into_owned();
            let entry = Entry { label: cell(label), group: group.and_then(cell) };
            // If a file has several lines, the first counts.
            entries.entry(name).or_insert(entry);
        }
    }
    Ok(entries)
}

/// The cells of each line, without surrounding spaces. A quoted cell (RFC 4180) may contain
/// delimiters, line breaks and doubled quotes. A separate parser, because the crates for it would
/// enable other features of dependencies in the whole workspace.
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
        Labeler::new(&labels).unwrap().of(&MidiFile::new(None, name)).label
    }

    #[test]
    fn a_pattern_takes_its_group() {
        let pattern = |p: &str| Labels::Pattern(p.to_owned());
        // EMOPIA's file names begin with the emotion quadrant; Groove's second field is the style.
        assert_eq!(label(pattern("(Q[1-4])_[^/]*$"), "x/Q3_song.mid").as_deref(), Some("Q3"));
        let groove = "(?:[0-9]+)_(?<label>[a-z]+)-?[^/]*$";
        assert_eq!(
            label(pattern(groove), "drummer1/1_funk-x_80_beat.mid").as_deref(),
            Some("funk")
        );
        assert_eq!(label(pattern("(Q[1-4])_"), "x/song.mid"), None);
        for (bad, part) in [("(", "pattern `(`"), ("abc", "no group")] {
            let error = Labeler::new(&pattern(bad)).unwrap_err().to_string();
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
        // An unterminated quote takes the rest of the text.
        assert_eq!(cells("\"a,b\nc", true), [vec!["a,b\nc"]]);
        assert_eq!(cells("", true).len(), 0);
    }

    #[test]
    fn a_table_may_be_utf_16_or_bytes() {
        let text = "file,label\nF\u{fc}r \u{1d11e}.mid,x\n";
        let units = || text.encode_utf16();
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(b"\xef\xbb\xbf", text.as_bytes()),
            marked(b"\xff\xfe", &little),
            marked(b"\xfe\xff", &big),
            little,
            big,
        ] {
            assert_eq!(text_of(&bytes), text);
        }
        assert_eq!(text_of(b"caf\xe9.mid"), r"caf\xe9.mid");
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
        let labeler = Labeler::new(&csv).unwrap();
        let of = |name: &str| {
            let found = labeler.of(&MidiFile::new(Some("root"), name));
            assert_eq!(found.is_listed, found.label.is_some() || found.group.is_some());
            (found.label, found.group)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("d1/s1/1.mid"), (some("slow, sad"), some("p1")));
        assert_eq!(of("deeper/d1/s1/1.mid"), (some("slow, sad"), some("p1")));
        assert_eq!(of("s1/1.mid"), (None, None));
        assert_eq!(of("any/other.mid"), (some("fast"), None));
        assert_eq!(of("x.mid"), (None, some("p3")));
        let tsv = table("a.tsv", "file\tstyle\tpiece\na\"b.mid\twaltz\tp\n");
        assert_eq!(label(tsv, "a\"b.mid").as_deref(), Some("waltz"));

        // Decomposed in the table and composed in the corpus, and vice versa.
        let nfd = table("nfd.tsv", "file\tstyle\tpiece\nFu\u{308}r.mid\tslow\tp\n");
        assert_eq!(label(nfd, "F\u{fc}r.mid").as_deref(), Some("slow"));
        let nfc = table("nfc.tsv", "file\tstyle\tpiece\nF\u{fc}r.mid\tslow\tp\n");
        assert_eq!(label(nfc, "a/Fu\u{308}r.mid").as_deref(), Some("slow"));
        let windows = table("w.tsv", "file\tstyle\tpiece\n.\\a\\b\\xe9.mid\tslow\tp\n");
        assert_eq!(label(windows, "a/b\\xe9.mid").as_deref(), Some("slow"));

        let error = |labels: Labels| Labeler::new(&labels).unwrap_err().to_string();
        assert!(
            error(table("b.tsv", "file\tgenre\n"))
                .contains("no column `style`, but `file`, `genre`")
        );
        assert!(error(table("c.csv", "style,piece\n")).contains("no column of file names"));
    }
}
