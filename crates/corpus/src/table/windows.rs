//! The table of windows: tokens, and where they come from.

use std::ops::Range;
use std::path::Path;

use arrow_schema::DataType;
use note_seq::window::WindowForm;
use serde::{Deserialize, Serialize};

use super::{TableRow, TableWriter, any_list, list, read_rows, schema};
use crate::artifact::ArtifactResult;

/// Side of the split that a window is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// For training.
    Train,
    /// For evaluation.
    Heldout,
}

impl Split {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Heldout => "heldout",
        }
    }
}

/// A window of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRow {
    /// First 8 bytes (little-endian) of the BLAKE3 hash of kind and tokens.
    pub window_id: u64,
    /// One token per step, track after track; or a meter and a list of notes
    /// ([`note_seq::NoteList::to_row`]).
    pub tokens: Vec<u16>,
    /// The file's path, relative to the corpus root.
    pub file: String,
    /// First 16 bytes of the BLAKE3 hash of the file's bytes.
    #[serde(with = "serde_bytes")]
    pub file_hash: [u8; 16],
    /// The piece, which must not be split.
    pub group: String,
    /// The side of the split.
    pub split: Split,
    /// Whether a held-out window also occurs in the training split and is excluded from scores.
    pub seen: bool,
    /// The instrument it comes from; -1 for all instruments of the piece.
    pub track: i16,
    /// Its first bar, from 0.
    pub start_bar: u32,
    /// Number of semitones added to transpose it to the common key; 0 for kinds without one.
    pub transposed: i8,
    /// A label, for evaluation only.
    pub label: Option<String>,
}

impl TableRow for WindowRow {
    const NAME: &'static str = "windows";
    const WHAT: &'static str = "table of windows";
    const REMEDY: &'static str = "build one with `controlgen corpus build`";
}

/// Writes windows to a folder's shards.
pub type WindowsWriter = TableWriter<WindowRow>;

impl WindowsWriter {
    /// Creates a writer for windows of this form.
    pub fn new(folder: &Path, form: &WindowForm) -> Self {
        let tokens = match form.n_tokens() {
            Some(n_tokens) => list(DataType::UInt16, n_tokens),
            None => any_list(DataType::UInt16),
        };
        let columns = [
            ("window_id", DataType::UInt64),
            ("tokens", tokens),
            ("file", DataType::Utf8),
            ("file_hash", DataType::FixedSizeBinary(16)),
            ("group", DataType::Utf8),
            ("split", DataType::Utf8),
            ("seen", DataType::Boolean),
            ("track", DataType::Int16),
            ("start_bar", DataType::UInt32),
            ("transposed", DataType::Int8),
            ("label", DataType::Utf8),
        ];
        Self::of(folder, schema(&columns, &["label"]))
    }
}

/// Passes every window of a corpus folder to `each`, in table order.
///
/// # Errors
/// Returns an error if the folder has no such table or a shard is damaged.
pub fn read_windows(folder: &Path, mut each: impl FnMut(WindowRow)) -> ArtifactResult<()> {
    read_rows(folder, |_, row| {
        each(row);
        Ok(())
    })
}

/// The hash of a corpus: of its windows, and of the side of the split that each is on. It
/// identifies the corpus of everything trained or measured on it.
///
/// The first 16 hexadecimal digits of the BLAKE3 hash of each window's ID (little-endian) and the
/// name of its split, in table order.
#[derive(Clone, Debug, Default)]
pub struct CorpusHash(blake3::Hasher);

impl CorpusHash {
    /// Adds the table's next window.
    pub fn add(&mut self, row: &WindowRow) {
        self.0.update(&row.window_id.to_le_bytes());
        self.0.update(row.split.name().as_bytes());
    }

    /// The hash of all windows.
    pub fn finish(&self) -> String {
        self.0.finalize().to_hex()[..16].to_owned()
    }
}

/// The windows of a corpus in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorpusRows {
    /// Training windows.
    pub train: Vec<Vec<u16>>,
    /// Held-out windows that do not occur in the training split.
    pub heldout: Vec<Vec<u16>>,
    /// The corpus hash.
    pub hash: String,
    /// The training windows of each root that the corpus was built from; empty for a single root.
    pub roots: Vec<Range<usize>>,
}

impl CorpusRows {
    /// Reads the windows of a corpus folder that was built from `n_roots` roots.
    ///
    /// # Errors
    /// Returns an error if the folder has no such table or a shard is damaged.
    pub fn read(folder: &Path, n_roots: usize) -> ArtifactResult<Self> {
        let mut rows = Self::default();
        let mut hash = CorpusHash::default();
        let mut starts: Vec<(String, usize)> = Vec::new();
        read_windows(folder, |row| {
            hash.add(&row);
            match row.split {
                Split::Train => {
                    // With several roots, file names begin with the name of their root.
                    let root = row.file.split('/').next().unwrap_or_default();
                    if n_roots > 1 && starts.last().is_none_or(|(last, _)| last != root) {
                        starts.push((root.to_owned(), rows.train.len()));
                    }
                    rows.train.push(row.tokens);
                }
                Split::Heldout if !row.seen => rows.heldout.push(row.tokens),
                Split::Heldout => {}
            }
        })?;
        rows.hash = hash.finish();
        let ends = starts.iter().skip(1).map(|(_, start)| *start).chain([rows.train.len()]);
        rows.roots = starts.iter().zip(ends).map(|((_, start), end)| *start..end).collect();
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ROWS_PER_BATCH;
    use super::*;
    use crate::artifact::ArtifactError;

    #[test]
    fn windows_come_back_as_they_were_across_batches() {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<WindowRow> = (0..ROWS_PER_BATCH as u64 + 5)
            .map(|i| WindowRow {
                window_id: i * 0x0123_4567_89ab,
                tokens: (0..4).map(|t| (i % 90) as u16 + t).collect(),
                file: format!("a/{i}.mid"),
                file_hash: [i as u8; 16],
                group: format!("g{}", i / 3),
                split: if i % 2 == 0 { Split::Train } else { Split::Heldout },
                seen: i % 5 == 1,
                track: i as i16 % 16 - 1,
                start_bar: i as u32,
                transposed: i as i8 % 12 - 6,
                label: (i % 2 == 0).then(|| "waltz".to_owned()),
            })
            .collect();
        let form = WindowForm::Steps(note_seq::window::WindowLayout::melody(4, 128));
        let mut writer = WindowsWriter::new(folder.path(), &form);
        for row in &rows {
            writer.push(row.clone()).unwrap();
        }
        writer.finish().unwrap();
        let mut found = Vec::new();
        read_windows(folder.path(), |row| found.push(row)).unwrap();
        assert_eq!(found, rows);
    }

    #[test]
    fn a_corpus_is_known_by_its_windows_and_their_sides() {
        let row = |window_id, split| WindowRow {
            window_id,
            tokens: Vec::new(),
            file: String::new(),
            file_hash: [0; 16],
            group: String::new(),
            split,
            seen: false,
            track: 0,
            start_bar: 0,
            transposed: 0,
            label: None,
        };
        let of = |rows: &[WindowRow]| {
            let mut hash = CorpusHash::default();
            rows.iter().for_each(|row| hash.add(row));
            hash.finish()
        };
        let rows = [row(1, Split::Train), row(2, Split::Heldout)];
        let bytes = b"\x01\0\0\0\0\0\0\0train\x02\0\0\0\0\0\0\0heldout";
        assert_eq!(of(&rows), blake3::hash(bytes).to_hex()[..16]);
        assert_ne!(of(&rows), of(&[row(1, Split::Heldout), row(2, Split::Train)]));
    }

    #[test]
    fn an_empty_folder_and_a_damaged_shard_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_windows(folder.path(), |_| ()).unwrap_err();
        assert!(error.to_string().ends_with("build one with `controlgen corpus build`"));
        std::fs::write(folder.path().join("windows-00000.parquet"), b"PAR1 no").unwrap();
        let error = read_windows(folder.path(), |_| ()).unwrap_err();
        assert!(matches!(error, ArtifactError::Table { .. }), "{error}");
    }
}
