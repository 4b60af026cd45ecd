//! The table of latents: the posterior of each window.

use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, FixedSizeListBuilder, Float32Builder, StringBuilder, UInt64Builder,
};
use arrow_array::{
    Array, BooleanArray, FixedSizeListArray, Float32Array, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::{ROWS_PER_BATCH, ShardWriter, Split, column, read_batches};
use crate::artifact::{ArtifactError, ArtifactResult};

/// The posterior of one window.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentRow {
    /// Which window.
    pub window_id: u64,
    /// Its piece.
    pub group: String,
    /// Its side of the split.
    pub split: Split,
    /// Held-out, but also in train.
    pub seen: bool,
    /// Its label, for evaluation only.
    pub label: Option<String>,
    /// Posterior mean, `[Z]`.
    pub mu: Vec<f32>,
    /// Posterior standard deviation, `[Z]`.
    pub sigma: Vec<f32>,
}

fn list(z_size: usize) -> DataType {
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    DataType::FixedSizeList(item, i32::try_from(z_size).expect("at most 2^14 dimensions"))
}

fn schema(z_size: usize) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("window_id", DataType::UInt64, false),
        Field::new("group", DataType::Utf8, false),
        Field::new("split", DataType::Utf8, false),
        Field::new("seen", DataType::Boolean, false),
        Field::new("label", DataType::Utf8, true),
        Field::new("mu", list(z_size), false),
        Field::new("sigma", list(z_size), false),
    ]))
}

/// Writes latents to a folder's shards.
pub struct LatentsWriter {
    shards: ShardWriter,
    schema: SchemaRef,
    z_size: usize,
    rows: Vec<LatentRow>,
}

impl LatentsWriter {
    /// A writer of latents of `z_size` dimensions.
    pub fn new(folder: &Path, z_size: usize) -> Self {
        let schema = schema(z_size);
        let shards = ShardWriter::new(folder, "latents", Arc::clone(&schema));
        Self { shards, schema, z_size, rows: Vec::new() }
    }

    /// Adds a window's posterior.
    ///
    /// # Errors
    /// Where the shard can't be written.
    pub fn push(&mut self, row: LatentRow) -> ArtifactResult<()> {
        self.rows.push(row);
        if self.rows.len() >= ROWS_PER_BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> ArtifactResult<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let z_size = i32::try_from(self.z_size).expect("at most 2^14 dimensions");
        let vectors = || {
            let item = Arc::new(Field::new("item", DataType::Float32, false));
            FixedSizeListBuilder::new(Float32Builder::new(), z_size).with_field(item)
        };
        let (mut mu, mut sigma) = (vectors(), vectors());
        let mut window_id = UInt64Builder::new();
        let (mut group, mut split) = (StringBuilder::new(), StringBuilder::new());
        let (mut seen, mut label) = (BooleanBuilder::new(), StringBuilder::new());
        for row in self.rows.drain(..) {
            window_id.append_value(row.window_id);
            group.append_value(row.group);
            split.append_value(row.split.name());
            seen.append_value(row.seen);
            label.append_option(row.label);
            mu.values().append_slice(&row.mu);
            mu.append(true);
            sigma.values().append_slice(&row.sigma);
            sigma.append(true);
        }
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(window_id.finish()),
            Arc::new(group.finish()),
            Arc::new(split.finish()),
            Arc::new(seen.finish()),
            Arc::new(label.finish()),
            Arc::new(mu.finish()),
            Arc::new(sigma.finish()),
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

/// A whole table of latents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latents {
    /// Its rows, in the table's order.
    pub rows: Vec<LatentRow>,
}

impl Latents {
    /// Posterior means of a split on some dimensions, `[n, dimensions]`, row after row.
    pub fn means(&self, split: Split, dimensions: &[usize]) -> Vec<f64> {
        self.rows
            .iter()
            .filter(|row| row.split == split)
            .flat_map(|row| dimensions.iter().map(|d| f64::from(row.mu[*d])))
            .collect()
    }
}

/// Reads a folder's latents, each of `z_size` dimensions.
///
/// # Errors
/// Where the folder has no such table, a shard is damaged, or its vectors have another length.
pub fn read_latents(folder: &Path, z_size: usize) -> ArtifactResult<Latents> {
    let mut latents = Latents::default();
    read_batches(folder, "latents", |path, batch| {
        let window_id: &UInt64Array = column(batch, path, "window_id")?;
        let group: &StringArray = column(batch, path, "group")?;
        let split: &StringArray = column(batch, path, "split")?;
        let seen: &BooleanArray = column(batch, path, "seen")?;
        let label: &StringArray = column(batch, path, "label")?;
        let mu: &FixedSizeListArray = column(batch, path, "mu")?;
        let sigma: &FixedSizeListArray = column(batch, path, "sigma")?;
        let wrong = |column| ArtifactError::Column { path: path.to_owned(), column };
        let vector = |lists: &FixedSizeListArray, row, column| {
            let values = lists.value(row);
            let values: Option<&Float32Array> = values.as_any().downcast_ref();
            let values = values.filter(|values| values.len() == z_size);
            values.map(|values| values.values().to_vec()).ok_or_else(|| wrong(column))
        };
        for row in 0..batch.num_rows() {
            latents.rows.push(LatentRow {
                window_id: window_id.value(row),
                group: group.value(row).to_owned(),
                split: Split::parse(split.value(row)).ok_or_else(|| wrong("split"))?,
                seen: seen.value(row),
                label: label.is_valid(row).then(|| label.value(row).to_owned()),
                mu: vector(mu, row, "mu")?,
                sigma: vector(sigma, row, "sigma")?,
            });
        }
        Ok(())
    })?;
    Ok(latents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latents_come_back_and_other_sizes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<LatentRow> = (0..3_u64)
            .map(|i| LatentRow {
                window_id: i,
                group: "g".to_owned(),
                split: if i == 1 { Split::Heldout } else { Split::Train },
                seen: i == 1,
                label: (i == 2).then(|| "x".to_owned()),
                mu: vec![i as f32, -1.5],
                sigma: vec![0.25, 1.0 + i as f32],
            })
            .collect();
        let mut writer = LatentsWriter::new(folder.path(), 2);
        for row in &rows {
            writer.push(row.clone()).unwrap();
        }
        writer.finish().unwrap();
        let latents = read_latents(folder.path(), 2).unwrap();
        assert_eq!(latents.rows, rows);
        assert_eq!(latents.means(Split::Train, &[1, 0]), [-1.5, 0.0, -1.5, 2.0]);
        let error = read_latents(folder.path(), 3).unwrap_err();
        assert!(matches!(error, ArtifactError::Column { column: "mu", .. }));
    }
}
