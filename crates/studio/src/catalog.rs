//! A snapshot of the styles, and data derived from them. A change creates a new catalog; requests
//! that hold the old one continue with it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use controlgen::latent::argmax;
use controlgen::model::Model;
use controlgen::style::{Style, Styles, shares_of};
use gmm::{Gaussian, ModelError};
use rayon::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::cell::{get_or_compute, lock};
use crate::map::Projected;
use crate::types::Memberships;

/// The style index of a map point without a style.
pub(crate) const NO_STYLE: u32 = u32::MAX;
/// Latents whose memberships are computed in one task.
const ROWS_PER_TASK: usize = 512;
/// Probabilities below this are omitted from `memberships`.
const MIN_SHARE: f64 = 1e-4;
/// Maximum number of cached maps.
const N_MAPS: usize = 8;

/// Membership probabilities of the windows on the map.
type Column = Arc<Vec<f32>>;

/// Responsibilities of the mixture components for the windows on the map, `[n, K]`; the same for
/// all catalogs.
pub(crate) type Responsibilities = Arc<OnceLock<Vec<f32>>>;

/// The styles, and data derived from them.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) styles: Styles,
    /// The identity of each style, in list order.
    ids: Vec<String>,
    responsibilities: Responsibilities,
    /// Memberships of the windows on the map in added styles, by name.
    added: Mutex<BTreeMap<String, Column>>,
    /// The most probable style of each window on the map.
    point_styles: OnceLock<Vec<u32>>,
    maps: Mutex<Vec<Arc<Projected>>>,
    /// The mean and covariance of the whole mixture.
    all: OnceLock<Gaussian>,
}

/// A style in the list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct StyleEntry {
    /// Its identity, the key in `memberships`, independent of its name and its position in the
    /// list.
    pub(crate) id: String,
    /// Its index in the list, on the map and in its points.
    pub(crate) index: usize,
    /// Its name.
    pub(crate) name: String,
    /// Its color, `#rrggbb`.
    color: Cow<'static, str>,
    /// Fraction of the training windows for which it is the most probable style; 0 for an added
    /// style.
    weight: f64,
    /// Number of windows assigned to it or, for an added style, made from its files.
    n_windows: usize,
    /// Whether it is excluded from lists and drawn without an ellipse.
    hidden: bool,
    /// Whether it was added by the user.
    added: bool,
    /// A description of its sound in a few words.
    description: String,
    /// Mixture components that make up the style; empty for an added style.
    components: Vec<usize>,
}

impl Catalog {
    pub(crate) fn new(styles: Styles, responsibilities: Responsibilities) -> Self {
        Self {
            ids: styles.all().iter().map(|style| styles.id(style)).collect(),
            styles,
            responsibilities,
            added: Mutex::default(),
            point_styles: OnceLock::new(),
            maps: Mutex::default(),
            all: OnceLock::new(),
        }
    }

    /// The catalog after a change of styles. Cached data of added styles is kept, except for those
    /// in `names`.
    pub(crate) fn changed(&self, styles: Styles, names: &[String]) -> Self {
        let mut added = lock(&self.added).clone();
        added.retain(|name, _| !names.contains(name));
        Self { added: Mutex::new(added), ..Self::new(styles, Arc::clone(&self.responsibilities)) }
    }

    /// All styles, in list order.
    pub(crate) fn list(&self) -> Vec<StyleEntry> {
        (0..self.styles.all().len()).map(|index| listed(&self.styles, &self.ids, index)).collect()
    }

    /// The identities of some styles.
    pub(crate) fn ids_of(&self, some: &[&Style]) -> Vec<String> {
        let all = self.styles.all().iter().zip(&self.ids);
        let named = |style: &Style| some.iter().any(|other| other.name == style.name);
        all.filter(|(style, _)| named(style)).map(|(_, id)| id.clone()).collect()
    }

    /// The mean and covariance of all the model's music.
    ///
    /// # Errors
    /// If rounding leaves no covariance.
    pub(crate) fn all(&self) -> Result<&Gaussian, ModelError> {
        if let Some(known) = self.all.get() {
            return Ok(known);
        }
        let made = self.styles.mixture().moments()?;
        Ok(self.all.get_or_init(|| made))
    }

    /// The list entry of a style, by name.
    pub(crate) fn entry(&self, name: &str) -> Option<StyleEntry> {
        let index = self.styles.all().iter().position(|style| style.name == name)?;
        Some(listed(&self.styles, &self.ids, index))
    }

    /// The probabilities that music belongs to each style, by the latents of its encoded windows
    /// `[n, Z]`.
    pub(crate) fn memberships(&self, model: &Model, mu: &[f32]) -> Vec<Memberships> {
        let named = |row: Vec<f64>| {
            let pairs = self.ids.iter().cloned().zip(row);
            pairs.filter(|(_, share)| *share >= MIN_SHARE).collect()
        };
        self.styles.shares(model, mu).into_iter().map(named).collect()
    }

    /// The most probable style of each window on the map.
    pub(crate) fn point_styles(&self, model: &Model, mu: &[f32]) -> &[u32] {
        let found: &Vec<u32> = get_or_compute(&self.point_styles, || {
            let k = self.styles.mixture().n_components();
            let components = get_or_compute(&self.responsibilities, || {
                let rows = par_map_rows(model, mu, |z| self.styles.memberships(model, z).concat());
                rows.into_iter().map(|value| value as f32).collect()
            });
            let all = self.styles.all();
            let added = all.iter().filter(|style| style.components.is_empty());
            let columns: Vec<Column> = added.map(|style| self.column(model, mu, style)).collect();
            let best = |(row, responsibilities): (usize, &[f32])| {
                let components: Vec<f64> =
                    responsibilities.iter().copied().map(f64::from).collect();
                let added: Vec<f64> = columns.iter().map(|column| f64::from(column[row])).collect();
                let shares = shares_of(all, &components, &added);
                let found = argmax(&shares).filter(|at| shares[*at] > 0.0);
                found.and_then(|at| u32::try_from(at).ok()).unwrap_or(NO_STYLE)
            };
            components.chunks_exact(k.max(1)).enumerate().map(best).collect()
        });
        found
    }

    /// Memberships of the windows on the map in an added style.
    fn column(&self, model: &Model, mu: &[f32], style: &Style) -> Column {
        if let Some(known) = lock(&self.added).get(&style.name) {
            return Arc::clone(known);
        }
        let found = par_map_rows(model, mu, |z| self.styles.membership(model, z, style));
        let column: Column = Arc::new(found.into_iter().map(|value| value as f32).collect());
        lock(&self.added).insert(style.name.clone(), Arc::clone(&column));
        column
    }

    /// Returns a cached map, or creates one.
    ///
    /// # Errors
    /// Returns the errors of `make`.
    pub(crate) fn map<E>(
        &self,
        matches: impl Fn(&Projected) -> bool,
        make: impl FnOnce() -> Result<Projected, E>,
    ) -> Result<Arc<Projected>, E> {
        if let Some(known) = lock(&self.maps).iter().find(|map| matches(map)) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(make()?);
        let mut maps = lock(&self.maps);
        if maps.len() >= N_MAPS {
            maps.remove(0);
        }
        maps.push(Arc::clone(&made));
        Ok(made)
    }
}

/// Maps chunks of latents in parallel; the results are in row order.
fn par_map_rows(
    model: &Model,
    z: &[f32],
    f: impl Fn(&[f32]) -> Vec<f64> + Send + Sync,
) -> Vec<f64> {
    let parts: Vec<Vec<f64>> = z.par_chunks(ROWS_PER_TASK * model.z_size().max(1)).map(f).collect();
    parts.concat()
}

fn listed(styles: &Styles, ids: &[String], index: usize) -> StyleEntry {
    let style = &styles.all()[index];
    let n_windows = match (&style.added, &style.card) {
        (Some(added), _) => added.n_windows,
        (None, Some(card)) => card.profile.n_windows,
        (None, None) => 0,
    };
    let description = match &style.card {
        Some(card) if card.words.is_empty() => "like the corpus as a whole".to_owned(),
        Some(card) => card.words.join(", "),
        None => String::new(),
    };
    StyleEntry {
        id: ids[index].clone(),
        index,
        name: style.name.clone(),
        color: styles.color(style),
        weight: style.share,
        n_windows,
        hidden: style.hidden,
        added: style.is_added(),
        description,
        components: style.components.clone(),
    }
}
