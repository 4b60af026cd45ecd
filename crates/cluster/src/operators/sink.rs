//! Shards of tables: each task writes shards into a separate folder and returns a row that
//! describes them.
//!
//! A task that runs again, because its machine died or the row naming its shards was lost, leaves
//! shards that no answer names. [`crate::commit`] keeps the named shards and removes the rest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use corpus::WindowCounts;
use corpus::artifact::ArtifactError;
use corpus::kind::Kind;
use corpus::table::{LatentRow, LatentsWriter, Split, WindowRow, WindowsWriter};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::external;

/// Prefix of the names of task folders.
pub(crate) const TASK_PREFIX: &str = ".task-";

/// Output of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The window of the first row, by which the shards are ordered; `None` if there were no rows.
    pub first: Option<u64>,
    /// The folder of its shards.
    pub folder: PathBuf,
    /// Number of rows.
    pub n_rows: usize,
    /// Counts for the report.
    pub counts: WindowCounts,
}

/// Decodes the rows that tasks returned.
///
/// # Errors
/// Returns an error if the rows are not of this kind.
pub fn written(batches: &[RecordBatch]) -> Result<Vec<Written>> {
    let mut all = Vec::new();
    for batch in batches {
        let Some(column) = batch.column(0).as_string_opt::<i32>() else {
            return exec_err!("the rows of finished tasks must be strings");
        };
        for text in column.iter().flatten() {
            all.push(serde_json::from_str(text).map_err(external)?);
        }
    }
    Ok(all)
}

/// A task's folder, which is removed unless the task finishes.
struct Task {
    written: Written,
    is_finished: bool,
}

impl Task {
    fn new(folder: &Path) -> Result<Self> {
        let folder = folder.join(format!("{TASK_PREFIX}{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder)
            .map_err(|source| io("create the folder", &folder, source))?;
        let counts = WindowCounts::default();
        let written = Written { first: None, folder, n_rows: 0, counts };
        Ok(Self { written, is_finished: false })
    }

    fn count(&mut self, window_id: u64) {
        self.written.first = self.written.first.or(Some(window_id));
        self.written.n_rows += 1;
    }

    /// Syncs the shards to disk and returns the row that names them.
    fn finish(mut self, schema: SchemaRef) -> Result<RecordBatch> {
        let folder = &self.written.folder;
        if self.written.n_rows == 0 {
            let _ = std::fs::remove_dir_all(folder);
        } else {
            let entries =
                std::fs::read_dir(folder).map_err(|e| io("read the folder", folder, e))?;
            for entry in entries {
                let path = entry.map_err(|source| io("read the folder", folder, source))?.path();
                std::fs::File::open(&path)
                    .and_then(|file| file.sync_all())
                    .map_err(|source| io("write", &path, source))?;
            }
        }
        self.is_finished = true;
        let text = serde_json::to_string(&self.written).map_err(external)?;
        let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
        Ok(RecordBatch::try_new(schema, vec![column])?)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = std::fs::remove_dir_all(&self.written.folder);
        }
    }
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> DataFusionError {
    external(ArtifactError::Io { action, path: path.to_owned(), source })
}

/// Writes the kept windows of each group.
pub(super) fn write_windows(
    folder: PathBuf,
    kind: String,
    schema: SchemaRef,
    mut input: SendableRecordBatchStream,
) -> SendableRecordBatchStream {
    let result = Arc::clone(&schema);
    let work = async move {
        let kind = Kind::find(&kind).map_err(external)?;
        let mut task = Task::new(&folder)?;
        let mut writer = WindowsWriter::new(&task.written.folder, &kind.form());
        while let Some(batch) = input.try_next().await? {
            for row in kept(&batch)? {
                task.count(row.window_id);
                task.written.counts.count(&kind, &row);
                writer.push(row).map_err(external)?;
            }
        }
        if task.written.n_rows > 0 {
            writer.finish().map_err(external)?;
        }
        task.finish(result)
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(work)))
}

/// The rows to keep of groups of identical windows; in each group the training row comes first.
fn kept(batch: &RecordBatch) -> Result<Vec<WindowRow>> {
    let Some(Some(sides)) = batch.column_by_name("kept").map(AsArray::as_struct_opt) else {
        return exec_err!("kept windows must be a struct");
    };
    let side = |name| sides.column_by_name(name).and_then(AsArray::as_binary_opt::<i32>);
    let (Some(train), Some(heldout)) = (side("train"), side("heldout")) else {
        return exec_err!("kept windows must be a struct of two binary columns");
    };
    let mut rows = Vec::with_capacity(batch.num_rows());
    for at in 0..batch.num_rows() {
        let seen = train.is_valid(at);
        if seen {
            rows.push(postcard::from_bytes(train.value(at)).map_err(external)?);
        }
        if heldout.is_valid(at) {
            let row: WindowRow = postcard::from_bytes(heldout.value(at)).map_err(external)?;
            rows.push(WindowRow { seen, ..row });
        }
    }
    Ok(rows)
}

/// A window and its posterior, as the plan returns them.
#[derive(Deserialize)]
struct Encoded {
    window_id: u64,
    group: String,
    split: Split,
    seen: bool,
    label: Option<String>,
    posterior: Posterior,
}

#[derive(Deserialize)]
struct Posterior {
    mu: Vec<f32>,
    sigma: Vec<f32>,
}

/// Writes latents.
pub(super) fn write_latents(
    folder: PathBuf,
    z_size: usize,
    schema: SchemaRef,
    mut input: SendableRecordBatchStream,
) -> SendableRecordBatchStream {
    let result = Arc::clone(&schema);
    let work = async move {
        let mut task = Task::new(&folder)?;
        let mut writer = LatentsWriter::new(&task.written.folder, z_size);
        while let Some(batch) = input.try_next().await? {
            let rows: Vec<Encoded> = serde_arrow::from_record_batch(&batch).map_err(external)?;
            for row in rows {
                let Encoded { window_id, group, split, seen, label, posterior } = row;
                let Posterior { mu, sigma } = posterior;
                task.count(window_id);
                match split {
                    Split::Train => task.written.counts.n_train += 1,
                    Split::Heldout => task.written.counts.n_heldout += 1,
                }
                let row = LatentRow { window_id, group, split, seen, label, mu, sigma };
                writer.push(row).map_err(external)?;
            }
        }
        if task.written.n_rows > 0 {
            writer.finish().map_err(external)?;
        }
        task.finish(result)
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(work)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let task = Task::new(folder.path()).unwrap();
        assert!(task.written.folder.exists());
        drop(task);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
