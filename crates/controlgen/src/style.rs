//! Styles: the components of a mixture over latents, found without labels, and styles added by
//! users.
//!
//! Each is a distribution of latents on the model's active dimensions ([`Styles::distribution`]):
//! one component, several if styles were merged, or the estimate from a user's pieces.

mod added;
mod by_piece;
mod card;
mod chart;
mod contrast;
mod density;
mod describe;
mod edit;
mod entry;
mod error;
mod estimate;
mod facts;
mod files;
mod fit;
mod mixture;
mod name;
mod pieces;
mod reference;
mod shares;
mod titles;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use corpus::artifact::{ArtifactError, JsonFormat, read, with_causes};
use gmm::select::Selected;
use gmm::{GaussianMixture, ModelError, Samples};
use serde::{Deserialize, Serialize};

use crate::model::Model;
use crate::style_color::style_color;

use files::StylesFile;
use mixture::fingerprint;

pub use added::{AddReport, AddedStyle};
pub use card::{Card, Share};
pub use contrast::Contrast;
use density::{AddedDensity, widened};
pub use entry::{AddedSummary, Style, WindowSource};
pub use error::StyleError;
pub use estimate::Estimate;
use estimate::estimate;
pub use facts::{FitFacts, LatentsOf};
pub use files::StyleFolders;
pub use fit::{FitRequest, FitSummary, Granularity, fit};
pub(crate) use mixture::files as mixture_files;
pub use pieces::{Change, RefusedFile, UsedFile, UsedTrack};
pub(crate) use reference::FILE as REFERENCE_FILE;
pub use reference::Reference;
pub use shares::shares_of;

/// Number of colors for added styles; more would be too similar.
const ADDED_COLORS: u64 = 24;

/// The styles of a model folder with the mixture they come from.
#[derive(Clone, Debug)]
pub struct Styles {
    mixture: GaussianMixture,
    selection: Selected,
    /// Fingerprint of the mixture's file.
    fingerprint: String,
    facts: Option<FitFacts>,
    all: Vec<Style>,
    /// The mixture as memberships in added styles need it, made when first needed.
    widened: OnceLock<Option<GaussianMixture>>,
    /// Added styles, by name.
    added: BTreeMap<String, Kept>,
    skipped: Vec<SkippedStyle>,
    folders: StyleFolders,
    /// Whether the list is stored in the user's folder.
    list_is_users: bool,
}

/// An added style with its file.
#[derive(Clone, Debug)]
struct Kept {
    style: AddedStyle,
    path: PathBuf,
    /// Made when first needed.
    density: OnceLock<Option<AddedDensity>>,
    /// The hash of the distribution, made when first needed.
    digest: OnceLock<[u8; 32]>,
}

impl Kept {
    fn new(style: AddedStyle, path: PathBuf) -> Self {
        Self { style, path, density: OnceLock::new(), digest: OnceLock::new() }
    }
}

/// The file of an added style that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedStyle {
    /// The file.
    #[serde(with = "corpus::path_text")]
    pub path: PathBuf,
    /// The reason.
    pub reason: String,
}

impl Styles {
    /// Loads the mixture and `styles.json` of a model, and the styles that users added.
    ///
    /// # Errors
    /// Returns an error if a file of the model is missing or damaged, or belongs to another model.
    /// Added styles that can't be used are listed in [`Styles::skipped`].
    pub fn load(model: &Model) -> Result<Self, StyleError> {
        Self::load_from(model, StyleFolders::of(model))
    }

    /// Like [`Styles::load`], with the users' changes and additions from given folders.
    ///
    /// # Errors
    /// Same as [`Styles::load`].
    pub fn load_from(model: &Model, folders: StyleFolders) -> Result<Self, StyleError> {
        Self::load_if_any(model, folders)?.ok_or_else(|| Self::missing(model))
    }

    /// The error for a model without styles.
    pub(crate) fn missing(model: &Model) -> StyleError {
        StyleError::Artifact(ArtifactError::Missing {
            path: model.folder().to_owned(),
            what: "a mixture",
            remedy: "fit one with `controlgen fit`",
        })
    }

    /// Like [`Styles::load_from`]; `None` for a model without a mixture.
    ///
    /// # Errors
    /// Returns an error if a file of the model is damaged, or belongs to another model.
    pub fn load_if_any(model: &Model, folders: StyleFolders) -> Result<Option<Self>, StyleError> {
        let Some(path) = mixture::path_of(model.folder()) else { return Ok(None) };
        let bytes = read(&path)?;
        let selection = mixture::from_bytes(&path, &bytes)?;
        let mixture = selection.best.model.clone();
        let expected = model.latent_space().n_active();
        if mixture.n_features() != expected {
            return Err(StyleError::Dimensions { path, found: mixture.n_features(), expected });
        }
        let fingerprint = fingerprint(&bytes);
        let (StylesFile { styles, fit, .. }, list_is_users) = folders.list(&fingerprint)?;
        let fits = |style: &Style| {
            !style.components.is_empty()
                && style.components.iter().all(|k| *k < mixture.n_components())
        };
        if !styles.iter().all(fits) {
            let path = model.folder().join("styles.json");
            let source = serde::de::Error::custom("a component that the mixture does not have");
            let error = ArtifactError::Json { path, format: StylesFile::FORMAT, source };
            return Err(error.into());
        }
        let mut loaded = Self {
            mixture,
            selection,
            fingerprint,
            facts: fit,
            all: styles,
            widened: OnceLock::new(),
            added: BTreeMap::new(),
            skipped: Vec::new(),
            folders,
            list_is_users,
        };
        for path in loaded.folders.added()? {
            let read = AddedStyle::read(&path, model)
                .and_then(|style| loaded.expect_free(&style.name).map(|()| style));
            match read {
                Ok(style) => {
                    loaded.all.push(style.entry());
                    loaded.added.insert(style.name.clone(), Kept::new(style, path));
                }
                Err(error) => {
                    loaded.skipped.push(SkippedStyle { path, reason: with_causes(&error) });
                }
            }
        }
        Ok(Some(loaded))
    }

    /// Whether a model folder has a mixture, and therefore styles.
    pub fn exist_in(model_folder: &Path) -> bool {
        mixture::path_of(model_folder).is_some()
    }

    /// The mixture, on the model's active dimensions.
    pub fn mixture(&self) -> &GaussianMixture {
        &self.mixture
    }

    /// The selection of the mixture.
    pub fn selection(&self) -> &Selected {
        &self.selection
    }

    /// Facts about the fit; `None` for a fit by an earlier program.
    pub fn fit_facts(&self) -> Option<&FitFacts> {
        self.facts.as_ref()
    }

    /// Files of added styles that can't be used.
    pub fn skipped(&self) -> &[SkippedStyle] {
        &self.skipped
    }

    /// An added style by name, with the parts of the files used for it.
    pub fn added(&self, name: &str) -> Option<&AddedStyle> {
        self.added.get(name).map(|kept| &kept.style)
    }

    /// The windows nearest to a style, as tokens: those listed in [`Style::nearest`].
    pub fn examples(&self, reference: &Reference, style: &Style) -> Vec<Vec<u16>> {
        if let Some(kept) = self.added.get(&style.name) {
            return kept.style.examples.clone();
        }
        let row = |source: &WindowSource| {
            reference.rows.iter().find(|row| row.window_id == source.window_id)
        };
        style.nearest.iter().filter_map(row).map(|row| row.tokens.clone()).collect()
    }

    /// All styles: discovered ones first, then added ones.
    pub fn all(&self) -> &[Style] {
        &self.all
    }

    /// A style by name, or by its index in [`Styles::all`].
    ///
    /// # Errors
    /// Returns [`StyleError::Unknown`] with the existing names.
    pub fn find(&self, name: &str) -> Result<&Style, StyleError> {
        let by_name = self.all.iter().find(|style| style.name == name);
        let by_number = || name.parse::<usize>().ok().and_then(|n| self.all.get(n));
        by_name.or_else(by_number).ok_or_else(|| StyleError::Unknown {
            name: name.to_owned(),
            last: self.all.len().saturating_sub(1),
            names: self.all.iter().map(|style| style.name.clone()).collect(),
        })
    }

    /// A style's color, `#rrggbb`, in images and pages: that of its first component or, for an
    /// added style, one that no component has. It depends only on [`Styles::number`], not on the
    /// position in the list, so a style keeps its color when others are added or removed.
    pub fn color(&self, style: &Style) -> Cow<'static, str> {
        style_color(style.component().unwrap_or_else(|| {
            let number = self.number(style) % ADDED_COLORS;
            self.mixture.n_components() + usize::try_from(number).unwrap_or(0)
        }))
    }

    /// A style's distribution on the model's active dimensions: its component, its components by
    /// weight, or the distribution of the added style.
    ///
    /// # Panics
    /// If the style is not from this list.
    pub fn distribution(&self, style: &Style) -> GaussianMixture {
        match self.added.get(&style.name) {
            Some(kept) if style.components.is_empty() => kept.style.distribution.clone(),
            _ => self.mixture.only(&style.components).expect("one of these styles"),
        }
    }

    /// The latent of a style's mean, `[Z]`; inactive dimensions are 0, the prior mean.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if the covariance is lost to rounding.
    pub fn mean_latent(&self, model: &Model, style: &Style) -> Result<Vec<f32>, ModelError> {
        Ok(model.latent_space().latent(self.distribution(style).moments()?.mean()))
    }

    /// Mean [`Styles::memberships`] of latents `[n, Z]`, `[K]`.
    pub fn mean_responsibilities(&self, model: &Model, mu: &[f32]) -> Vec<f64> {
        mean_of_rows(&self.memberships(model, mu))
    }

    /// Responsibilities of every component of the mixture for latents.
    ///
    /// `mu` is `[n, Z]`; the result has one row per latent.
    pub fn memberships(&self, model: &Model, mu: &[f32]) -> Vec<Vec<f64>> {
        let values = model.latent_space().project_all(mu);
        let Some(samples) = samples(model, &values) else { return Vec::new() };
        let Ok(responsibilities) = self.mixture.predict_proba(&samples) else {
            return Vec::new();
        };
        responsibilities.rows().map(<[f64]>::to_vec).collect()
    }

    /// The probability, 0 to 1, that latents belong to a style.
    ///
    /// For components of the mixture, this is the sum of their [`Styles::memberships`]. An added
    /// style competes with the `K` components as an additional one with the weight `1 / (K + 1)`,
    /// whatever its number of windows: `p_s / (p_s + K p)`, with the densities `p_s` of the style
    /// and `p` of the mixture. Both are widened by the encoder's uncertainty
    /// ([`FitFacts::posterior_variances`]): the density of a few windows is narrower than that, so
    /// a window sampled from it and encoded again would be outside. `p_s` is the mean of the
    /// style's own density, which is high near the windows it was made of, and of the Gaussian with
    /// its mean and covariance, for other music of its kind.
    ///
    /// `mu` is `[n, Z]`.
    ///
    /// # Panics
    /// If the style is not from this list.
    pub fn membership(&self, model: &Model, mu: &[f32], style: &Style) -> Vec<f64> {
        if !style.components.is_empty() {
            return style.memberships_of(&self.memberships(model, mu));
        }
        let Some(kept) = self.added.get(&style.name) else {
            return self.membership_in(model, mu, &self.distribution(style));
        };
        let density = || AddedDensity::new(&kept.style.distribution, self.noise()).ok();
        self.membership_by(model, mu, kept.density.get_or_init(density).as_ref())
    }

    /// [`Styles::membership`] of an added style with this distribution.
    pub fn membership_in(
        &self,
        model: &Model,
        mu: &[f32],
        distribution: &GaussianMixture,
    ) -> Vec<f64> {
        self.membership_by(model, mu, AddedDensity::new(distribution, self.noise()).ok().as_ref())
    }

    fn membership_by(&self, model: &Model, mu: &[f32], density: Option<&AddedDensity>) -> Vec<f64> {
        let values = model.latent_space().project_all(mu);
        let mixture = || widened(&self.mixture, self.noise()).ok();
        let (Some(density), Some(mixture), Some(samples)) =
            (density, self.widened.get_or_init(mixture), samples(model, &values))
        else {
            return Vec::new();
        };
        density.membership(mixture, &samples).unwrap_or_default()
    }

    /// The encoder's variance in each dimension.
    fn noise(&self) -> Option<&[f64]> {
        self.facts.as_ref().map(|facts| facts.posterior_variances.as_slice())
    }

    /// The distribution of a style of a few pieces: what [`Styles::add`] makes of their windows,
    /// points on the active dimensions, with the number of the piece of each.
    ///
    /// # Errors
    /// Where the samples have other features than the mixture.
    ///
    /// # Panics
    /// If there is not one piece for each window.
    pub fn estimate(
        &self,
        samples: &Samples<'_>,
        piece_of: &[usize],
    ) -> Result<Estimate, ModelError> {
        estimate(&self.mixture, samples, piece_of)
    }
}

/// The mean of some rows; empty if there are none.
pub(crate) fn mean_of_rows(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut mean = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / rows.len() as f64);
    }
    mean
}

/// Points `[n, D]` as samples; `None` if there are none.
fn samples<'a>(model: &Model, values: &'a [f64]) -> Option<Samples<'a>> {
    let n_features = model.latent_space().n_active();
    Samples::new(values, values.len() / n_features.max(1), n_features).ok()
}
