//! The table of a model's reference windows: real music with its latents.

use std::path::Path;

use arrow_schema::DataType;
use note_seq::window::WindowForm;
use serde::{Deserialize, Serialize};

use super::{any_list, list, read_file, schema, write_file};
use crate::artifact::ArtifactResult;

/// A training window with its latent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRow {
    /// ID of the window.
    pub window_id: u64,
    /// Its file, relative to the corpus root.
    pub file: String,
    /// Its first bar, from 0.
    pub start_bar: u32,
    /// Its label, if any; files of earlier programs have no such column.
    #[serde(default)]
    pub label: Option<String>,
    /// Its tokens, see [`super::WindowRow::tokens`].
    pub tokens: Vec<u16>,
    /// Posterior mean, `[Z]`.
    pub mu: Vec<f32>,
}

/// Writes a file of reference windows with the given form and `z_size` dimensions.
///
/// # Errors
/// Returns an error if the file can't be written; an existing file is then unchanged.
///
/// # Panics
/// If a row has different sizes.
pub fn write_reference(
    path: &Path,
    form: &WindowForm,
    z_size: usize,
    rows: &[ReferenceRow],
) -> ArtifactResult<()> {
    let tokens = match form.n_tokens() {
        Some(n_tokens) => list(DataType::UInt16, n_tokens),
        None => any_list(DataType::UInt16),
    };
    let columns = [
        ("window_id", DataType::UInt64),
        ("file", DataType::Utf8),
        ("start_bar", DataType::UInt32),
        ("label", DataType::Utf8),
        ("tokens", tokens),
        ("mu", list(DataType::Float32, z_size)),
    ];
    write_file(path, &schema(&columns, &["label"]), rows)
}

/// Reads a file of reference windows.
///
/// # Errors
/// Returns an error if the file is missing or damaged.
pub fn read_reference(path: &Path) -> ArtifactResult<Vec<ReferenceRow>> {
    let mut rows = Vec::new();
    read_file(path, |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_also_from_files_without_labels() {
        #[derive(Serialize)]
        struct Old {
            window_id: u64,
            file: String,
            start_bar: u32,
            tokens: Vec<u16>,
            mu: Vec<f32>,
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reference.parquet");
        let row = |label: Option<&str>| ReferenceRow {
            window_id: 7,
            file: "a.mid".to_owned(),
            start_bar: 2,
            label: label.map(str::to_owned),
            tokens: vec![1, 2],
            mu: vec![0.5],
        };
        let rows = [row(Some("waltz")), row(None)];
        let form = WindowForm::Steps(note_seq::window::WindowLayout::melody(2, 90));
        write_reference(&path, &form, 1, &rows).unwrap();
        assert_eq!(read_reference(&path).unwrap(), rows);

        let columns = [
            ("window_id", DataType::UInt64),
            ("file", DataType::Utf8),
            ("start_bar", DataType::UInt32),
            ("tokens", list(DataType::UInt16, 2)),
            ("mu", list(DataType::Float32, 1)),
        ];
        let ReferenceRow { window_id, file, start_bar, tokens, mu, .. } = row(None);
        let old = [Old { window_id, file, start_bar, tokens, mu }];
        write_file(&path, &schema(&columns, &[]), &old).unwrap();
        assert_eq!(read_reference(&path).unwrap(), [row(None)]);
    }
}
