//! Styles: the components of a mixture over latents, found without labels, and what users add to them.
//!
//! Each is a distribution of latents on the model's active dimensions ([`Styles::distribution`]): one
//! component, several where styles were merged, or what a few pieces of a user's gave.

mod entry;
mod error;
mod fit;
mod reference;

use std::collections::BTreeMap;
use std::path::Path;

use gmm::select::Selection;
use gmm::{GaussianMixture, Samples};
use serde::{Deserialize, Serialize};

use crate::artifact::{ArtifactError, ArtifactResult, JsonFormat, read};
use crate::model::Model;

pub use entry::{AddedSummary, Style, WindowSource};
pub use error::StyleError;
pub use fit::{FitRequest, FitSummary, fit};
pub use reference::Reference;

/// `styles.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StylesFile {
    styles: Vec<Style>,
}

impl JsonFormat for StylesFile {
    const FORMAT: &'static str = "controlgen.styles";
    const VERSION: u32 = 1;
}

/// The styles of a model folder with the mixture they come from.
#[derive(Clone, Debug)]
pub struct Styles {
    mixture: GaussianMixture,
    selection: Selection,
    all: Vec<Style>,
    /// Distributions of added styles, by name.
    added: BTreeMap<String, GaussianMixture>,
}

impl Styles {
    /// Loads `mixture.json` and `styles.json` of a model.
    ///
    /// # Errors
    /// Where a file is missing or damaged, or belongs to another model.
    pub fn load(model: &Model) -> Result<Self, StyleError> {
        let path = model.folder().join("mixture.json");
        if !path.exists() {
            return Err(StyleError::Artifact(ArtifactError::Missing {
                path: model.folder().to_owned(),
                what: "`mixture.json`",
                remedy: "fit one with `controlgen fit`",
            }));
        }
        let selection = read_mixture(&path)?;
        let mixture = selection.best.model.clone();
        let expected = model.config().active_dimensions.len();
        if mixture.n_features() != expected {
            return Err(StyleError::Dimensions { path, found: mixture.n_features(), expected });
        }
        let path = model.folder().join("styles.json");
        let StylesFile { styles } = StylesFile::load(&path)?;
        let fits = |style: &Style| {
            !style.components.is_empty()
                && style.components.iter().all(|k| *k < mixture.n_components())
        };
        if !styles.iter().all(fits) {
            let source = serde::de::Error::custom("a component that the mixture does not have");
            let error = ArtifactError::Json { path, format: StylesFile::FORMAT, source };
            return Err(error.into());
        }
        Ok(Self { mixture, selection, all: styles, added: BTreeMap::new() })
    }

    /// The mixture, on the model's active dimensions.
    pub fn mixture(&self) -> &GaussianMixture {
        &self.mixture
    }

    /// How the mixture was chosen.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// All styles: those that were discovered, then those that were added.
    pub fn all(&self) -> &[Style] {
        &self.all
    }

    /// A style by name, or by its number among [`Styles::all`].
    ///
    /// # Errors
    /// [`StyleError::Unknown`], with the names there are.
    pub fn find(&self, name: &str) -> Result<&Style, StyleError> {
        let by_name = self.all.iter().find(|style| style.name == name);
        let by_number = || name.parse::<usize>().ok().and_then(|n| self.all.get(n));
        by_name.or_else(by_number).ok_or_else(|| StyleError::Unknown {
            name: name.to_owned(),
            last: self.all.len().saturating_sub(1),
            names: self.all.iter().map(|style| style.name.clone()).collect(),
        })
    }

    /// A style's distribution on the model's active dimensions: its component, its components by
    /// weight, or what was added.
    ///
    /// # Panics
    /// If the style is not one of these.
    pub fn distribution(&self, style: &Style) -> GaussianMixture {
        match self.added.get(&style.name) {
            Some(added) if style.components.is_empty() => added.clone(),
            _ => self.mixture.only(&style.components).expect("one of these styles"),
        }
    }

    /// Responsibilities of every component of the mixture for latents on the model's active dimensions.
    ///
    /// `mu` is `[n, Z]`; the result is a row for each latent.
    pub fn memberships(&self, model: &Model, mu: &[f32]) -> Vec<Vec<f64>> {
        let values = active_values(model, mu);
        let Some(samples) = samples(model, &values) else { return Vec::new() };
        let Ok(responsibilities) = self.mixture.predict_proba(&samples) else {
            return Vec::new();
        };
        responsibilities.rows().map(<[f64]>::to_vec).collect()
    }

    /// How surely latents belong to a style, 0 to 1 each.
    ///
    /// For components of the mixture, the sum of their [`Styles::memberships`]. An added style competes
    /// with the `K` components as one more with the weight `1 / (K + 1)`, whatever the number of its
    /// windows: `p_s / (p_s + K p)`, with the densities `p_s` of the style and `p` of the mixture.
    ///
    /// `mu` is `[n, Z]`.
    ///
    /// # Panics
    /// If the style is not one of these.
    pub fn membership(&self, model: &Model, mu: &[f32], style: &Style) -> Vec<f64> {
        if !style.components.is_empty() {
            let of_style = |row: &Vec<f64>| style.components.iter().map(|k| row[*k]).sum();
            return self.memberships(model, mu).iter().map(of_style).collect();
        }
        let values = active_values(model, mu);
        let Some(samples) = samples(model, &values) else { return Vec::new() };
        let distribution = self.distribution(style);
        let (Ok(own), Ok(others)) =
            (distribution.score_samples(&samples), self.mixture.score_samples(&samples))
        else {
            return Vec::new();
        };
        let odds = (self.mixture.n_components() as f64).ln();
        own.iter()
            .zip(others)
            .map(|(own, others)| 1.0 / (1.0 + (others - own + odds).exp()))
            .collect()
    }
}

/// Active dimensions of latents `[n, Z]`.
fn active_values(model: &Model, mu: &[f32]) -> Vec<f64> {
    let active = &model.config().active_dimensions;
    mu.chunks_exact(model.z_size())
        .flat_map(|row| active.iter().map(|d| f64::from(row[*d])))
        .collect()
}

/// Active dimensions as samples; none where there are none.
fn samples<'a>(model: &Model, values: &'a [f64]) -> Option<Samples<'a>> {
    let n_features = model.config().active_dimensions.len();
    Samples::new(values, values.len() / n_features.max(1), n_features).ok()
}

/// Reads a mixture with the curve it was chosen from.
fn read_mixture(path: &Path) -> ArtifactResult<Selection> {
    serde_json::from_slice(&read(path)?).map_err(|source| ArtifactError::Json {
        path: path.to_owned(),
        format: gmm::FORMAT,
        source,
    })
}
