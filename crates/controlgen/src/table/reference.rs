//! The table of a model's reference windows: real music with its latents.

use std::path::Path;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use super::{list, read_file, schema, write_file};
use crate::artifact::ArtifactResult;

/// A training window with its latent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRow {
    /// Which window.
    pub window_id: u64,
    /// Its file, relative to the corpus root.
    pub file: String,
    /// Its first bar, from 0.
    pub start_bar: u32,
    /// One token a step.
    pub tokens: Vec<u16>,
    /// Posterior mean, `[Z]`.
    pub mu: Vec<f32>,
}

/// Writes a file of windows of `n_steps` tokens and `z_size` dimensions.
///
/// # Errors
/// Where the file can't be written; what stood there before stays then.
///
/// # Panics
/// If a row has other sizes.
pub fn write_reference(
    path: &Path,
    [n_steps, z_size]: [usize; 2],
    rows: &[ReferenceRow],
) -> ArtifactResult<()> {
    let columns = [
        ("window_id", DataType::UInt64),
        ("file", DataType::Utf8),
        ("start_bar", DataType::UInt32),
        ("tokens", list(DataType::UInt16, n_steps)),
        ("mu", list(DataType::Float32, z_size)),
    ];
    write_file(path, &schema(&columns, &[]), rows)
}

/// Reads a file of reference windows.
///
/// # Errors
/// Where the file is missing or damaged.
pub fn read_reference(path: &Path) -> ArtifactResult<Vec<ReferenceRow>> {
    let mut rows = Vec::new();
    read_file(path, |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}
