//! The table of windows: tokens, and where they come from.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, FixedSizeBinaryBuilder, FixedSizeListBuilder, Int8Builder, Int16Builder,
    StringBuilder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::{
    Array, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray, Int8Array, Int16Array,
    RecordBatch, StringArray, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::{ROWS_PER_BATCH, ShardWriter, column, read_batches};
use crate::artifact::{ArtifactError, ArtifactResult};

/// Which side of the split a window is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// For learning.
    Train,
    /// For scoring.
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

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Train, Self::Heldout].into_iter().find(|split| split.name() == name)
    }
}

/// A window of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowRow {
    /// First 8 bytes (little endian) of the BLAKE3 hash of kind and tokens.
    pub window_id: u64,
    /// One token a step.
    pub tokens: Vec<u16>,
    /// The file's path, relative to the corpus root.
    pub file: String,
    /// First 16 bytes of the BLAKE3 hash of the file's bytes.
    pub file_hash: [u8; 16],
    /// The piece: what must not be split.
    pub group: String,
    /// The side of the split.
    pub split: Split,
    /// Held-out, but also in train: left out of scores.
    pub seen: bool,
    /// The instrument it comes from.
    pub track: i16,
    /// Its first bar, from 0.
    pub start_bar: u32,
    /// Semitones it was moved by.
    pub transposed: i8,
    /// A label, for evaluation only.
    pub label: Option<String>,
}

fn schema(n_steps: usize) -> SchemaRef {
    let tokens = Field::new("item", DataType::UInt16, false);
    let n_steps = i32::try_from(n_steps).expect("windows have at most 2^14 steps");
    Arc::new(Schema::new(vec![
        Field::new("window_id", DataType::UInt64, false),
        Field::new("tokens", DataType::FixedSizeList(Arc::new(tokens), n_steps), false),
        Field::new("file", DataType::Utf8, false),
        Field::new("file_hash", DataType::FixedSizeBinary(16), false),
        Field::new("group", DataType::Utf8, false),
        Field::new("split", DataType::Utf8, false),
        Field::new("seen", DataType::Boolean, false),
        Field::new("track", DataType::Int16, false),
        Field::new("start_bar", DataType::UInt32, false),
        Field::new("transposed", DataType::Int8, false),
        Field::new("label", DataType::Utf8, true),
    ]))
}

/// Writes windows to a folder's shards.
pub struct WindowsWriter {
    shards: ShardWriter,
    schema: SchemaRef,
    n_steps: usize,
    rows: Vec<WindowRow>,
}

impl WindowsWriter {
    /// A writer of windows of `n_steps` tokens.
    pub fn new(folder: &Path, n_steps: usize) -> Self {
        Self::named(folder, "windows", n_steps)
    }

    fn named(folder: &Path, name: &'static str, n_steps: usize) -> Self {
        let schema = schema(n_steps);
        let shards = ShardWriter::new(folder, name, Arc::clone(&schema));
        Self { shards, schema, n_steps, rows: Vec::new() }
    }

    /// Adds a window.
    ///
    /// # Errors
    /// Where the shard can't be written.
    pub fn push(&mut self, row: WindowRow) -> ArtifactResult<()> {
        self.rows.push(row);
        if self.rows.len() >= ROWS_PER_BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> ArtifactResult<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let n_steps = i32::try_from(self.n_steps).expect("windows have at most 2^14 steps");
        let mut window_id = UInt64Builder::new();
        let item = Arc::new(Field::new("item", DataType::UInt16, false));
        let mut tokens = FixedSizeListBuilder::new(UInt16Builder::new(), n_steps).with_field(item);
        let (mut file, mut group) = (StringBuilder::new(), StringBuilder::new());
        let mut file_hash = FixedSizeBinaryBuilder::new(16);
        let (mut split, mut label) = (StringBuilder::new(), StringBuilder::new());
        let mut seen = BooleanBuilder::new();
        let mut track = Int16Builder::new();
        let mut start_bar = UInt32Builder::new();
        let mut transposed = Int8Builder::new();
        for row in self.rows.drain(..) {
            window_id.append_value(row.window_id);
            tokens.values().append_slice(&row.tokens);
            tokens.append(true);
            file.append_value(row.file);
            file_hash.append_value(row.file_hash).expect("16 bytes, as the column has");
            group.append_value(row.group);
            split.append_value(row.split.name());
            seen.append_value(row.seen);
            track.append_value(row.track);
            start_bar.append_value(row.start_bar);
            transposed.append_value(row.transposed);
            label.append_option(row.label);
        }
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(window_id.finish()),
            Arc::new(tokens.finish()),
            Arc::new(file.finish()),
            Arc::new(file_hash.finish()),
            Arc::new(group.finish()),
            Arc::new(split.finish()),
            Arc::new(seen.finish()),
            Arc::new(track.finish()),
            Arc::new(start_bar.finish()),
            Arc::new(transposed.finish()),
            Arc::new(label.finish()),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .expect("columns as the schema says");
        self.shards.write(&batch)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Where the shard can't be written.
    pub fn finish(mut self) -> ArtifactResult<()> {
        self.flush()?;
        self.shards.finish()
    }
}

/// Hands every window of a corpus folder to `each`, in the table's order.
///
/// # Errors
/// Where the folder has no such table, or a shard is damaged.
pub fn read_windows(folder: &Path, mut each: impl FnMut(WindowRow)) -> ArtifactResult<()> {
    read_batches(folder, "windows", |path, batch| {
        let window_id: &UInt64Array = column(batch, path, "window_id")?;
        let token_lists: &FixedSizeListArray = column(batch, path, "tokens")?;
        let file: &StringArray = column(batch, path, "file")?;
        let file_hash: &FixedSizeBinaryArray = column(batch, path, "file_hash")?;
        let group: &StringArray = column(batch, path, "group")?;
        let split: &StringArray = column(batch, path, "split")?;
        let seen: &BooleanArray = column(batch, path, "seen")?;
        let track: &Int16Array = column(batch, path, "track")?;
        let start_bar: &UInt32Array = column(batch, path, "start_bar")?;
        let transposed: &Int8Array = column(batch, path, "transposed")?;
        let label: &StringArray = column(batch, path, "label")?;
        let wrong = |column| ArtifactError::Column { path: path.to_owned(), column };
        for row in 0..batch.num_rows() {
            let tokens = token_lists.value(row);
            let tokens: &UInt16Array =
                tokens.as_any().downcast_ref().ok_or_else(|| wrong("tokens"))?;
            each(WindowRow {
                window_id: window_id.value(row),
                tokens: tokens.values().to_vec(),
                file: file.value(row).to_owned(),
                file_hash: file_hash.value(row).try_into().map_err(|_| wrong("file_hash"))?,
                group: group.value(row).to_owned(),
                split: Split::parse(split.value(row)).ok_or_else(|| wrong("split"))?,
                seen: seen.value(row),
                track: track.value(row),
                start_bar: start_bar.value(row),
                transposed: transposed.value(row),
                label: label.is_valid(row).then(|| label.value(row).to_owned()),
            });
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut writer = WindowsWriter::new(folder.path(), 4);
        for row in &rows {
            writer.push(row.clone()).unwrap();
        }
        writer.finish().unwrap();
        let mut found = Vec::new();
        read_windows(folder.path(), |row| found.push(row)).unwrap();
        assert!(found == rows);
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
