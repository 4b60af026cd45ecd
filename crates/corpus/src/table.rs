//! Parquet tables, in shards (`NAME-00000.parquet`, `NAME-00001.parquet`, …) or in one file.
//!
//! A row is a struct whose fields are the columns, through serde. Tables are compressed with zstd,
//! and any Parquet reader can read them.

mod latents;
mod reference;
mod windows;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artifact::{ArtifactError, ArtifactResult, io, write_atomic};

pub use latents::{LatentRow, Latents, LatentsWriter, read_latents};
pub use reference::{ReferenceRow, read_reference, write_reference};
pub use windows::{CorpusHash, CorpusRows, Split, WindowRow, WindowsWriter, read_windows};

/// Maximum number of rows in a shard: some tens of megabytes in memory.
const ROWS_PER_SHARD: usize = 1 << 18;
/// Number of rows in a row group: reading a column takes a few megabytes, and several readers can
/// share a shard.
const ROWS_PER_GROUP: usize = 1 << 13;
/// Number of rows written and read at once.
const ROWS_PER_BATCH: usize = 1 << 13;

/// A row of a table in shards.
pub trait TableRow: Serialize + DeserializeOwned {
    /// The prefix of the names of its shards.
    const NAME: &'static str;
    /// Name for messages.
    const WHAT: &'static str;
    /// The command that creates it.
    const REMEDY: &'static str;
}

/// Writes rows to the shards of a folder.
pub struct TableWriter<R> {
    shards: ShardWriter,
    schema: SchemaRef,
    rows: Vec<R>,
}

impl<R: TableRow> TableWriter<R> {
    fn of(folder: &Path, schema: SchemaRef) -> Self {
        let shards = ShardWriter::new(folder, R::NAME, Arc::clone(&schema));
        Self { shards, schema, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Returns an error if the shard can't be written.
    pub fn push(&mut self, row: R) -> ArtifactResult<()> {
        self.rows.push(row);
        if self.rows.len() >= ROWS_PER_BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> ArtifactResult<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let batch = batch(&self.schema, &self.rows);
        self.rows.clear();
        self.shards.write(&batch)
    }

    /// Writes the remaining rows.
    ///
    /// # Errors
    /// Returns an error if the shard can't be written.
    pub fn finish(mut self) -> ArtifactResult<()> {
        self.flush()?;
        self.shards.finish()
    }
}

/// Converts rows to columns.
fn batch<R: Serialize>(schema: &SchemaRef, rows: &[R]) -> RecordBatch {
    serde_arrow::to_record_batch(schema.fields(), &rows).expect("rows as the schema says")
}

/// The schema of columns that are never null, except for those in `nullable`.
fn schema(columns: &[(&str, DataType)], nullable: &[&str]) -> SchemaRef {
    let field =
        |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), nullable.contains(name));
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Lists of a fixed length.
fn list(item: DataType, length: usize) -> DataType {
    let length = i32::try_from(length).expect("a configuration allows at most 2^14");
    DataType::FixedSizeList(Arc::new(Field::new("item", item, false)), length)
}

/// Lists of any length.
fn any_list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, false)))
}

/// Writes record batches to shards of a limited size.
struct ShardWriter {
    folder: PathBuf,
    name: &'static str,
    schema: SchemaRef,
    current: Option<(ArrowWriter<File>, PathBuf, usize)>,
    n_shards: usize,
}

impl ShardWriter {
    fn new(folder: &Path, name: &'static str, schema: SchemaRef) -> Self {
        Self { folder: folder.to_owned(), name, schema, current: None, n_shards: 0 }
    }

    fn write(&mut self, batch: &RecordBatch) -> ArtifactResult<()> {
        let (mut writer, path, n_rows) = match self.current.take() {
            Some(current) => current,
            None => self.open()?,
        };
        writer.write(batch).map_err(table(&path))?;
        let n_rows = n_rows + batch.num_rows();
        if n_rows >= ROWS_PER_SHARD {
            writer.close().map_err(table(&path))?;
        } else {
            self.current = Some((writer, path, n_rows));
        }
        Ok(())
    }

    fn open(&mut self) -> ArtifactResult<(ArrowWriter<File>, PathBuf, usize)> {
        let path = self.folder.join(format!("{}-{:05}.parquet", self.name, self.n_shards));
        self.n_shards += 1;
        let file = File::create(&path).map_err(io("write", &path))?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&self.schema), Some(properties()))
            .map_err(table(&path))?;
        Ok((writer, path, 0))
    }

    /// Closes the last shard. A table without rows has one empty shard.
    fn finish(mut self) -> ArtifactResult<()> {
        if self.n_shards == 0 {
            self.current = Some(self.open()?);
        }
        if let Some((writer, path, _)) = self.current.take() {
            writer.close().map_err(table(&path))?;
        }
        Ok(())
    }
}

/// For `map_err`: an [`ArtifactError::Table`] of `path`.
fn table(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> ArtifactError {
    let path = path.to_owned();
    move |source| ArtifactError::Table { path, source }
}

/// The shards of a table, in order.
fn shards<R: TableRow>(folder: &Path) -> ArtifactResult<Vec<PathBuf>> {
    let prefix = format!("{}-", R::NAME);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io("read the folder", folder))? {
        let path = entry.map_err(io("read the folder", folder))?.path();
        let is_shard = path.extension().is_some_and(|e| e == "parquet")
            && path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&prefix));
        if is_shard {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        let (what, remedy) = (R::WHAT, R::REMEDY);
        return Err(ArtifactError::Missing { path: folder.to_owned(), what, remedy });
    }
    Ok(paths)
}

/// Passes every row of a folder's table to `each`, with its shard, in order.
fn read_rows<R: TableRow>(
    folder: &Path,
    mut each: impl FnMut(&Path, R) -> ArtifactResult<()>,
) -> ArtifactResult<()> {
    for path in shards::<R>(folder)? {
        read_file(&path, |row| each(&path, row))?;
    }
    Ok(())
}

/// Passes every row of one Parquet file to `each`, in order.
fn read_file<R: DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(R) -> ArtifactResult<()>,
) -> ArtifactResult<()> {
    let file = File::open(path).map_err(io("read", path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(ROWS_PER_BATCH).build())
        .map_err(table(path))?;
    for batch in reader {
        let batch = batch.map_err(|error| table(path)(error.into()))?;
        let rows: Vec<R> = serde_arrow::from_record_batch(&batch)
            .map_err(|source| ArtifactError::Rows { path: path.to_owned(), source })?;
        rows.into_iter().try_for_each(&mut each)?;
    }
    Ok(())
}

/// Writes one Parquet file completely or not at all.
fn write_file<R: Serialize>(path: &Path, schema: &SchemaRef, rows: &[R]) -> ArtifactResult<()> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(schema), Some(properties()))
        .map_err(table(path))?;
    writer.write(&batch(schema, rows)).map_err(table(path))?;
    writer.close().map_err(table(path))?;
    write_atomic(path, &bytes)
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .build()
}
