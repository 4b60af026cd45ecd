//! Parquet tables in shards: `NAME-00000.parquet`, `NAME-00001.parquet`, …
//!
//! Compressed with zstd, so that anything that reads Parquet reads them.

mod latents;
mod windows;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::artifact::{ArtifactError, ArtifactResult, io, write_atomic};

pub use latents::{LatentRow, Latents, LatentsWriter, read_latents};
pub use windows::{Split, WindowRow, WindowsWriter, read_windows};

/// Rows in a shard: some tens of megabytes in memory.
const ROWS_PER_SHARD: usize = 1 << 18;
/// Rows written and read at once.
const ROWS_PER_BATCH: usize = 1 << 13;

/// Writes record batches to shards of a bounded size.
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

    /// Closes the last shard. A table without rows is one shard without rows.
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

/// Shards of a table, in order.
fn shards(folder: &Path, name: &'static str) -> ArtifactResult<Vec<PathBuf>> {
    let prefix = format!("{name}-");
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
        let (what, remedy) = match name {
            "windows" => ("table of windows", "build one with `controlgen corpus build`"),
            _ => ("table of latents", "make one with `controlgen encode`"),
        };
        return Err(ArtifactError::Missing { path: folder.to_owned(), what, remedy });
    }
    Ok(paths)
}

/// Hands every record batch of a table's shards to `each`, in order.
fn read_batches(
    folder: &Path,
    name: &'static str,
    mut each: impl FnMut(&Path, &RecordBatch) -> ArtifactResult<()>,
) -> ArtifactResult<()> {
    for path in shards(folder, name)? {
        read_file(&path, |batch| each(&path, batch))?;
    }
    Ok(())
}

/// Hands every record batch of one Parquet file to `each`, in order.
pub(crate) fn read_file(
    path: &Path,
    mut each: impl FnMut(&RecordBatch) -> ArtifactResult<()>,
) -> ArtifactResult<()> {
    let file = File::open(path).map_err(io("read", path))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(ROWS_PER_BATCH).build())
        .map_err(table(path))?;
    for batch in reader {
        each(&batch.map_err(|error| table(path)(error.into()))?)?;
    }
    Ok(())
}

/// Writes one Parquet file whole or not at all.
pub(crate) fn write_file(path: &Path, batch: &RecordBatch) -> ArtifactResult<()> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties()))
        .map_err(table(path))?;
    writer.write(batch).map_err(table(path))?;
    writer.close().map_err(table(path))?;
    write_atomic(path, &bytes)
}

fn properties() -> WriterProperties {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build()
}

/// A column by name and type.
pub(crate) fn column<'a, A: 'static>(
    batch: &'a RecordBatch,
    path: &Path,
    column: &'static str,
) -> ArtifactResult<&'a A> {
    batch
        .column_by_name(column)
        .and_then(|array| array.as_any().downcast_ref())
        .ok_or_else(|| ArtifactError::Column { path: path.to_owned(), column })
}
