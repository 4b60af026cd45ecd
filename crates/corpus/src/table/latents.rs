//! The table of latents: the posterior of each window.

use std::path::Path;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use super::{Split, TableRow, TableWriter, list, read_rows, schema};
use crate::artifact::{ArtifactError, ArtifactResult};

/// The posterior of one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatentRow {
    /// ID of the window.
    pub window_id: u64,
    /// Its piece.
    pub group: String,
    /// Its side of the split.
    pub split: Split,
    /// Whether a held-out window also occurs in the training split.
    pub seen: bool,
    /// Its label, for evaluation only.
    pub label: Option<String>,
    /// Posterior mean, `[Z]`.
    pub mu: Vec<f32>,
    /// Posterior standard deviation, `[Z]`.
    pub sigma: Vec<f32>,
}

impl TableRow for LatentRow {
    const NAME: &'static str = "latents";
    const WHAT: &'static str = "table of latents";
    const REMEDY: &'static str = "make one with `controlgen encode`";
}

/// Writes latents to a folder's shards.
pub type LatentsWriter = TableWriter<LatentRow>;

impl LatentsWriter {
    /// Creates a writer for latents of `z_size` dimensions.
    pub fn new(folder: &Path, z_size: usize) -> Self {
        let columns = [
            ("window_id", DataType::UInt64),
            ("group", DataType::Utf8),
            ("split", DataType::Utf8),
            ("seen", DataType::Boolean),
            ("label", DataType::Utf8),
            ("mu", list(DataType::Float32, z_size)),
            ("sigma", list(DataType::Float32, z_size)),
        ];
        Self::of(folder, schema(&columns, &["label"]))
    }
}

/// A whole table of latents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latents {
    /// Its rows, in table order.
    pub rows: Vec<LatentRow>,
}

impl Latents {
    /// Posterior means of a split in some dimensions, `[n, dimensions]`, row-major.
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
/// Returns an error if the folder has no such table, a shard is damaged, or a vector has another
/// length.
pub fn read_latents(folder: &Path, z_size: usize) -> ArtifactResult<Latents> {
    let mut latents = Latents::default();
    read_rows(folder, |path, row: LatentRow| {
        for (column, values) in [("mu", &row.mu), ("sigma", &row.sigma)] {
            if values.len() != z_size {
                return Err(ArtifactError::Column { path: path.to_owned(), column });
            }
        }
        latents.rows.push(row);
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
