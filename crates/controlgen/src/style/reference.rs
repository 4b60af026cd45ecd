//! `reference.parquet`: training windows with their latents, for what must show real music.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::artifact::{ArtifactError, ArtifactResult};
use corpus::table::{Latents, ReferenceRow, Split, read_reference, read_windows, write_reference};
use musicvae::Windows;

use crate::model::Model;

/// The file in a model folder.
const FILE: &str = "reference.parquet";
/// The most windows kept.
const MAX_ROWS: usize = 20_000;

/// Up to 20,000 training windows, spread evenly over the corpus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// In the corpus's order.
    pub rows: Vec<ReferenceRow>,
}

impl Reference {
    /// Takes windows from a corpus and their means from its latents.
    pub(super) fn collect(corpus: &Path, latents: &Latents, model: &Model) -> ArtifactResult<Self> {
        let train: BTreeMap<u64, &[f32]> = latents
            .rows
            .iter()
            .filter(|row| row.split == Split::Train)
            .map(|row| (row.window_id, row.mu.as_slice()))
            .collect();
        let every = train.len().div_ceil(MAX_ROWS).max(1);
        let (mut rows, mut n) = (Vec::new(), 0);
        read_windows(corpus, |row| {
            if row.split != Split::Train || row.tokens.len() != model.kind().n_tokens() {
                return;
            }
            if let Some(mu) = train.get(&row.window_id) {
                if n % every == 0 {
                    rows.push(ReferenceRow {
                        window_id: row.window_id,
                        file: row.file,
                        start_bar: row.start_bar,
                        label: row.label,
                        tokens: row.tokens,
                        mu: mu.to_vec(),
                    });
                }
                n += 1;
            }
        })?;
        Ok(Self { rows })
    }

    /// Active dimensions of all latents, `[n, D]`.
    pub(super) fn values(&self, active: &[usize]) -> Vec<f64> {
        self.rows.iter().flat_map(|row| active.iter().map(|d| f64::from(row.mu[*d]))).collect()
    }

    /// Reads a model folder's `reference.parquet`.
    ///
    /// # Errors
    /// Where the file is missing or damaged, or belongs to another model.
    pub fn load(model: &Model) -> ArtifactResult<Self> {
        let path = model.folder().join(FILE);
        let rows = read_reference(&path)?;
        let sizes = &model.config().musicvae;
        let layout = sizes.window();
        let fits = |row: &ReferenceRow| {
            row.tokens.len() == layout.n_tokens() && Windows::new(&row.tokens, &layout).is_ok()
        };
        if !rows.iter().all(fits) {
            return Err(ArtifactError::Column { path, column: "tokens" });
        }
        if rows.iter().any(|row| row.mu.len() != sizes.z_size) {
            return Err(ArtifactError::Column { path, column: "mu" });
        }
        Ok(Self { rows })
    }

    /// Writes a model folder's `reference.parquet`.
    pub(super) fn save(&self, model: &Model) -> ArtifactResult<()> {
        let sizes = &model.config().musicvae;
        write_reference(
            &model.folder().join(FILE),
            [sizes.window().n_tokens(), sizes.z_size],
            &self.rows,
        )
    }
}
