//! `reference.parquet`: training windows with their latents, for what must show real music.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{
    FixedSizeListBuilder, Float32Builder, StringBuilder, UInt16Builder, UInt32Builder,
    UInt64Builder,
};
use arrow_array::{
    Array, FixedSizeListArray, Float32Array, RecordBatch, StringArray, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use gmm::{GaussianMixture, Samples};

use super::WindowSource;
use crate::artifact::{ArtifactError, ArtifactResult};
use crate::model::Model;
use crate::table::{Latents, Split, column, read_file, read_windows, write_file};

/// The most windows kept.
const MAX_ROWS: usize = 20_000;

/// A training window with its latent.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferenceRow {
    /// Where it comes from.
    pub source: WindowSource,
    /// One token a step.
    pub tokens: Vec<u16>,
    /// Posterior mean, `[Z]`.
    pub mu: Vec<f32>,
}

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
            if row.split != Split::Train || row.tokens.len() != model.kind().n_steps() {
                return;
            }
            if let Some(mu) = train.get(&row.window_id) {
                if n % every == 0 {
                    let (file, start_bar) = (row.file, row.start_bar);
                    let source = WindowSource { window_id: row.window_id, file, start_bar };
                    rows.push(ReferenceRow { source, tokens: row.tokens, mu: mu.to_vec() });
                }
                n += 1;
            }
        })?;
        Ok(Self { rows })
    }

    /// For each component the `n` windows whose latents are the most probable under it, among those
    /// that belong to it.
    pub(super) fn nearest(
        &self,
        mixture: &GaussianMixture,
        active: &[usize],
        n: usize,
    ) -> Vec<Vec<WindowSource>> {
        let mut found = vec![Vec::new(); mixture.n_components()];
        let values: Vec<f64> =
            self.rows.iter().flat_map(|row| active.iter().map(|d| f64::from(row.mu[*d]))).collect();
        let Ok(samples) = Samples::new(&values, self.rows.len(), active.len()) else {
            return found;
        };
        let (Ok(responsibilities), Ok(densities)) =
            (mixture.predict_proba(&samples), mixture.score_samples(&samples))
        else {
            return found;
        };
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by(|a, b| densities[*b].total_cmp(&densities[*a]));
        let labels = responsibilities.labels();
        for row in order {
            let nearest: &mut Vec<WindowSource> = &mut found[labels[row]];
            let source = &self.rows[row].source;
            // One window a file shows more than three of the same.
            if nearest.len() < n && nearest.iter().all(|other| other.file != source.file) {
                nearest.push(source.clone());
            }
        }
        found
    }

    /// Reads a model folder's `reference.parquet`.
    ///
    /// # Errors
    /// Where the file is missing or damaged, or belongs to another model.
    pub fn load(model: &Model) -> ArtifactResult<Self> {
        let path = model.folder().join("reference.parquet");
        let mut rows = Vec::new();
        read_file(&path, |batch| {
            let window_id: &UInt64Array = column(batch, &path, "window_id")?;
            let file: &StringArray = column(batch, &path, "file")?;
            let start_bar: &UInt32Array = column(batch, &path, "start_bar")?;
            let token_lists: &FixedSizeListArray = column(batch, &path, "tokens")?;
            let mu_lists: &FixedSizeListArray = column(batch, &path, "mu")?;
            let wrong = |column| ArtifactError::Column { path: path.clone(), column };
            for row in 0..batch.num_rows() {
                let (tokens, mu) = (token_lists.value(row), mu_lists.value(row));
                let tokens: &UInt16Array =
                    tokens.as_any().downcast_ref().ok_or_else(|| wrong("tokens"))?;
                let mu: &Float32Array = mu.as_any().downcast_ref().ok_or_else(|| wrong("mu"))?;
                let sizes = &model.config().musicvae;
                if tokens.len() != sizes.n_steps || mu.len() != sizes.z_size {
                    return Err(wrong("tokens"));
                }
                if tokens.values().iter().any(|token| usize::from(*token) >= sizes.n_classes) {
                    return Err(wrong("tokens"));
                }
                rows.push(ReferenceRow {
                    source: WindowSource {
                        window_id: window_id.value(row),
                        file: file.value(row).to_owned(),
                        start_bar: start_bar.value(row),
                    },
                    tokens: tokens.values().to_vec(),
                    mu: mu.values().to_vec(),
                });
            }
            Ok(())
        })?;
        Ok(Self { rows })
    }

    /// Writes a model folder's `reference.parquet`.
    pub(super) fn save(&self, folder: &Path) -> ArtifactResult<()> {
        let length = |n: Option<usize>| i32::try_from(n.unwrap_or(0)).expect("at most 2^14");
        let n_steps = length(self.rows.first().map(|row| row.tokens.len()));
        let z_size = length(self.rows.first().map(|row| row.mu.len()));
        let token_field = Arc::new(Field::new("item", DataType::UInt16, false));
        let mu_field = Arc::new(Field::new("item", DataType::Float32, false));
        let schema = Arc::new(Schema::new(vec![
            Field::new("window_id", DataType::UInt64, false),
            Field::new("file", DataType::Utf8, false),
            Field::new("start_bar", DataType::UInt32, false),
            Field::new("tokens", DataType::FixedSizeList(Arc::clone(&token_field), n_steps), false),
            Field::new("mu", DataType::FixedSizeList(Arc::clone(&mu_field), z_size), false),
        ]));
        let mut window_id = UInt64Builder::new();
        let mut file = StringBuilder::new();
        let mut start_bar = UInt32Builder::new();
        let mut tokens =
            FixedSizeListBuilder::new(UInt16Builder::new(), n_steps).with_field(token_field);
        let mut mu = FixedSizeListBuilder::new(Float32Builder::new(), z_size).with_field(mu_field);
        for row in &self.rows {
            window_id.append_value(row.source.window_id);
            file.append_value(&row.source.file);
            start_bar.append_value(row.source.start_bar);
            tokens.values().append_slice(&row.tokens);
            tokens.append(true);
            mu.values().append_slice(&row.mu);
            mu.append(true);
        }
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(window_id.finish()),
            Arc::new(file.finish()),
            Arc::new(start_bar.finish()),
            Arc::new(tokens.finish()),
            Arc::new(mu.finish()),
        ];
        let batch = RecordBatch::try_new(schema, columns).expect("columns as the schema says");
        write_file(&folder.join("reference.parquet"), &batch)
    }
}
