//! Descriptions of styles by the real windows that belong to them.

use gmm::{GaussianMixture, Samples};

use super::card::{Card, CardWindow, Corpus};
use super::{Reference, Style, WindowSource};
use crate::model::Model;

/// Number of real windows whose sources are listed with each style.
const NEAREST: usize = 3;

/// Real windows, each with its component.
pub(super) struct Describer<'a> {
    model: &'a Model,
    reference: &'a Reference,
    values: Vec<f64>,
    labels: Vec<usize>,
    corpus: Corpus,
}

impl<'a> Describer<'a> {
    /// Assigns the reference's windows to components.
    pub(super) fn new(
        model: &'a Model,
        reference: &'a Reference,
        mixture: &GaussianMixture,
    ) -> Self {
        let values = reference.points(model.latent_space());
        let n_features = model.latent_space().n_active();
        let labels = Samples::new(&values, reference.rows.len(), n_features)
            .ok()
            .and_then(|samples| mixture.predict(&samples).ok())
            .unwrap_or_default();
        let corpus = Corpus::of(model, &windows(reference, |_| true));
        Self { model, reference, values, labels, corpus }
    }

    /// Sets the nearest windows and the card of a style.
    pub(super) fn describe(&self, style: &mut Style, distribution: &GaussianMixture) {
        let is_member =
            |row: usize| self.labels.get(row).is_some_and(|k| style.components.contains(k));
        style.card = Some(self.card(&windows(self.reference, is_member)));
        style.nearest = self.nearest(distribution, is_member);
    }

    /// The card of some windows compared with the reference windows.
    pub(super) fn card(&self, windows: &[CardWindow<'_>]) -> Card {
        Card::of(self.model, windows, &self.corpus)
    }

    /// The most probable of some windows under a distribution.
    pub(super) fn nearest(
        &self,
        distribution: &GaussianMixture,
        is_member: impl Fn(usize) -> bool,
    ) -> Vec<WindowSource> {
        let d = distribution.n_features();
        let members: Vec<usize> =
            (0..self.reference.rows.len()).filter(|r| is_member(*r)).collect();
        let values: Vec<f64> =
            members.iter().flat_map(|row| self.values[row * d..][..d].iter().copied()).collect();
        let Some(densities) = Samples::new(&values, members.len(), d)
            .ok()
            .and_then(|samples| distribution.score_samples(&samples).ok())
        else {
            return Vec::new();
        };
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by(|a, b| densities[*b].total_cmp(&densities[*a]));
        let mut nearest = Vec::<WindowSource>::new();
        for at in order {
            let row = &self.reference.rows[members[at]];
            // One window per file is more informative than three of the same file.
            if nearest.iter().all(|other| other.file != row.file) {
                nearest.push(WindowSource {
                    window_id: row.window_id,
                    file: row.file.clone(),
                    start_bar: row.start_bar,
                });
            }
            if nearest.len() == NEAREST {
                break;
            }
        }
        nearest
    }
}

/// Some of the reference's windows.
fn windows(reference: &Reference, keep: impl Fn(usize) -> bool) -> Vec<CardWindow<'_>> {
    let rows = reference.rows.iter().enumerate().filter(|(row, _)| keep(*row));
    rows.map(|(_, row)| CardWindow {
        tokens: &row.tokens,
        file: &row.file,
        label: row.label.as_deref(),
    })
    .collect()
}
