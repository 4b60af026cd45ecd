//! Styles: the components of a mixture over latents, found without labels.

mod fit;
mod reference;

use std::path::{Path, PathBuf};

use gmm::select::Selection;
use gmm::{GaussianMixture, Samples};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::artifact::{ArtifactError, ArtifactResult, JsonFormat, read};
use crate::model::Model;

pub use fit::{FitRequest, FitSummary, fit};
pub use reference::Reference;

/// Why there are no styles, or not that one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StyleError {
    /// No style has that name or number.
    #[error("no style `{name}`; there are 0 to {last}, named {}", names.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The last number.
        last: usize,
        /// All names.
        names: Vec<String>,
    },
    /// The mixture can't be fitted.
    #[error("the mixture can't be fitted: {}", chain(.0))]
    Select(#[from] gmm::select::SelectError),
    /// The chosen mixture can't be fitted on all latents.
    #[error("the mixture can't be fitted: {}", chain(.0))]
    Fit(#[from] gmm::FitError),
    /// The latents are no samples.
    #[error("the latents can't be fitted: {}", chain(.0))]
    Samples(#[from] gmm::SamplesError),
    /// There is nothing to fit on.
    #[error(
        "the model has no active dimension: its latents carry nothing (posterior collapse); train \
         it longer, with a smaller `beta` or more free bits"
    )]
    NoActiveDimension,
    /// The mixture is of another model.
    #[error(
        "{} has {found} dimensions, the model has {expected} active ones; fit it anew with \
         `controlgen fit`", path.display()
    )]
    Dimensions {
        /// The mixture's file.
        path: PathBuf,
        /// Its dimensions.
        found: usize,
        /// The model's active ones.
        expected: usize,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// One style, as `styles.json` keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Style {
    /// The mixture component it stands for.
    pub component: usize,
    /// Its name: `style-0` until a user gives another.
    pub name: String,
    /// Left out of lists.
    pub hidden: bool,
    /// Share of the training windows that are most probably of this component.
    pub share: f64,
    /// Where the nearest training windows come from.
    pub nearest: Vec<WindowSource>,
}

/// Where a window comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSource {
    /// The window.
    pub window_id: u64,
    /// Its file in the corpus.
    pub file: String,
    /// Its first bar, from 0.
    pub start_bar: u32,
}

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
        if styles.iter().any(|style| style.component >= mixture.n_components()) {
            let source = serde::de::Error::custom("a component that the mixture does not have");
            let error = ArtifactError::Json { path, format: StylesFile::FORMAT, source };
            return Err(error.into());
        }
        Ok(Self { mixture, selection, all: styles })
    }

    /// The mixture, on the model's active dimensions.
    pub fn mixture(&self) -> &GaussianMixture {
        &self.mixture
    }

    /// How the mixture was chosen.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// All styles.
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

    /// Responsibilities of every component for latents on the model's active dimensions.
    ///
    /// `mu` is `[n, Z]`; the result is a row for each latent.
    pub fn memberships(&self, model: &Model, mu: &[f32]) -> Vec<Vec<f64>> {
        let active = &model.config().active_dimensions;
        let values: Vec<f64> = mu
            .chunks_exact(model.z_size())
            .flat_map(|row| active.iter().map(|d| f64::from(row[*d])))
            .collect();
        let n = values.len() / active.len().max(1);
        let Ok(samples) = Samples::new(&values, n, active.len()) else { return Vec::new() };
        let Ok(responsibilities) = self.mixture.predict_proba(&samples) else {
            return Vec::new();
        };
        responsibilities.rows().map(<[f64]>::to_vec).collect()
    }
}

/// Reads a mixture with the curve it was chosen from.
fn read_mixture(path: &Path) -> ArtifactResult<Selection> {
    serde_json::from_slice(&read(path)?).map_err(|source| ArtifactError::Json {
        path: path.to_owned(),
        format: gmm::FORMAT,
        source,
    })
}
