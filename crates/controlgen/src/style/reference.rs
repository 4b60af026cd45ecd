//! `reference.parquet`: training windows with their latents, for everything that shows real music.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::artifact::{ArtifactError, ArtifactResult};
use corpus::table::{Latents, ReferenceRow, Split, read_reference, read_windows, write_reference};

use crate::latent::LatentSpace;
use crate::model::Model;

/// Name of the file in a model folder.
pub(crate) const FILE: &str = "reference.parquet";
/// Maximum number of windows kept.
const MAX_ROWS: usize = 20_000;
/// Maximum number of latent values kept, 8 MB: with 256 dimensions those of 8,000 windows.
const MAX_VALUES: usize = 2_048_000;

/// Up to 20,000 training windows (fewer with many latent dimensions), evenly spaced over the
/// corpus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// The windows, in corpus order.
    pub rows: Vec<ReferenceRow>,
}

impl Reference {
    /// Collects windows from a corpus, with their means from its latents.
    pub(super) fn collect(corpus: &Path, latents: &Latents, model: &Model) -> ArtifactResult<Self> {
        let train: BTreeMap<u64, &[f32]> = latents
            .rows
            .iter()
            .filter(|row| row.split == Split::Train)
            .map(|row| (row.window_id, row.mu.as_slice()))
            .collect();
        let most = MAX_ROWS.min(MAX_VALUES / model.z_size()).max(1);
        let every = train.len().div_ceil(most).max(1);
        let (mut rows, mut n) = (Vec::new(), 0);
        read_windows(corpus, |row| {
            if row.split != Split::Train || model.form().check(&row.tokens).is_err() {
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
    pub(super) fn points(&self, space: &LatentSpace) -> Vec<f64> {
        space.project_rows(self.rows.iter().map(|row| row.mu.as_slice()))
    }

    /// Reads a model folder's `reference.parquet`.
    ///
    /// # Errors
    /// Returns an error if the file is missing or damaged, or belongs to another model.
    pub fn load(model: &Model) -> ArtifactResult<Self> {
        let path = model.folder().join(FILE);
        let rows = read_reference(&path)?;
        let fits = |row: &ReferenceRow| model.form().check(&row.tokens).is_ok();
        if !rows.iter().all(fits) {
            return Err(ArtifactError::Column { path, column: "tokens" });
        }
        if rows.iter().any(|row| row.mu.len() != model.z_size()) {
            return Err(ArtifactError::Column { path, column: "mu" });
        }
        Ok(Self { rows })
    }

    /// Writes a model folder's `reference.parquet`.
    pub(super) fn save(&self, model: &Model) -> ArtifactResult<()> {
        let path = model.folder().join(FILE);
        write_reference(&path, model.form(), model.z_size(), &self.rows)
    }
}
