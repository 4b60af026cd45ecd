//! The music behind the map points: real windows with their latents.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use controlgen::encode::check_latents;
use controlgen::model::Model;
use controlgen::style::Reference;
use corpus::CorpusReport;
use corpus::artifact::ArtifactError;
use corpus::progress::Progress;
use corpus::table::{LatentRow, WindowRow, read_latents, read_windows};

/// Maximum number of points; more can't be distinguished on a screen.
pub const MAX_POINTS: usize = 100_000;
/// Windows encoded per batch.
const PER_CHUNK: usize = 1 << 12;

/// A window on the map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SourceRow {
    pub(crate) file: Arc<str>,
    pub(crate) start_bar: u32,
    pub(crate) tokens: Vec<u16>,
}

/// Real windows with their latents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    pub(crate) rows: Vec<SourceRow>,
    /// `[n, Z]`
    pub(crate) mu: Vec<f32>,
}

/// Interned file names.
#[derive(Default)]
struct Names(BTreeMap<String, Arc<str>>);

impl Names {
    fn keep(&mut self, name: String) -> Arc<str> {
        if let Some(known) = self.0.get(&name) {
            return Arc::clone(known);
        }
        let kept: Arc<str> = name.as_str().into();
        self.0.insert(name, Arc::clone(&kept));
        kept
    }
}

impl Source {
    /// Uses the reference windows of the model folder.
    pub fn from_reference(reference: &Reference) -> Self {
        let mut names = Names::default();
        let mut source = Self::default();
        for row in &reference.rows {
            source.rows.push(SourceRow {
                file: names.keep(row.file.clone()),
                start_bar: row.start_bar,
                tokens: row.tokens.clone(),
            });
            source.mu.extend(&row.mu);
        }
        source
    }

    /// Uses the windows of a corpus folder, evenly subsampled to [`MAX_POINTS`], with the latents
    /// in a folder written by `controlgen encode`, or encoded here.
    ///
    /// # Errors
    /// Returns an error if a table can't be read, or belongs to another kind or model.
    pub fn from_corpus(
        model: &Model,
        corpus: &Path,
        latents: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Self, ArtifactError> {
        let report = CorpusReport::of_kind(corpus, model.kind())?;
        let every = report.n_windows().div_ceil(MAX_POINTS).max(1);
        let mut names = Names::default();
        let mut kept: Vec<(u64, SourceRow)> = Vec::new();
        let mut number = 0_usize;
        let mut fits = true;
        read_windows(corpus, |WindowRow { window_id, file, start_bar, tokens, .. }| {
            if number.is_multiple_of(every) {
                fits &= model.form().check(&tokens).is_ok();
                let file = names.keep(file);
                kept.push((window_id, SourceRow { file, start_bar, tokens }));
            }
            number += 1;
        })?;
        if !fits {
            return Err(ArtifactError::Column { path: corpus.to_owned(), column: "tokens" });
        }
        match latents {
            Some(folder) => {
                let latents = read_latents(folder, model.z_size())?;
                check_latents(model, corpus, folder, &latents)?;
                Ok(Self::joined(kept, latents.rows))
            }
            None => {
                Ok(Self::encoded(model, kept.into_iter().map(|(_, row)| row).collect(), progress))
            }
        }
    }

    /// Joins windows with their latents; windows without a latent are dropped.
    fn joined(windows: Vec<(u64, SourceRow)>, latents: Vec<LatentRow>) -> Self {
        let known: BTreeMap<u64, Vec<f32>> =
            latents.into_iter().map(|row| (row.window_id, row.mu)).collect();
        let mut source = Self::default();
        for (id, row) in windows {
            if let Some(mu) = known.get(&id) {
                source.rows.push(row);
                source.mu.extend(mu);
            }
        }
        source
    }

    fn encoded(model: &Model, rows: Vec<SourceRow>, progress: &dyn Progress) -> Self {
        let mut mu = Vec::with_capacity(rows.len() * model.z_size());
        progress.begin("encoding", "windows", rows.len() as u64);
        for chunk in rows.chunks(PER_CHUNK) {
            let windows: Vec<&[u16]> = chunk.iter().map(|row| row.tokens.as_slice()).collect();
            let posteriors = model.network().encode(&windows, |_| ());
            mu.extend(posteriors.expect("checked when they were read").mean);
            progress.advance(chunk.len() as u64);
        }
        progress.end();
        Self { rows, mu }
    }

    /// Number of windows on the map.
    pub fn n_windows(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use corpus::table::Split;

    #[test]
    fn windows_without_a_latent_are_left_out() {
        let window = |id: u64| {
            (
                id,
                SourceRow {
                    file: "a.mid".into(),
                    start_bar: 0,
                    tokens: vec![u16::try_from(id).unwrap()],
                },
            )
        };
        let latent = |window_id: u64| LatentRow {
            window_id,
            group: String::new(),
            split: Split::Train,
            seen: false,
            label: None,
            mu: vec![window_id as f32, 0.0],
            sigma: vec![1.0, 1.0],
        };
        let source =
            Source::joined(vec![window(1), window(2), window(3)], vec![latent(3), latent(1)]);
        assert_eq!(source.mu, [1.0, 0.0, 3.0, 0.0]);
        assert_eq!((source.n_windows(), source.rows[1].tokens[0]), (2, 3));
    }
}
