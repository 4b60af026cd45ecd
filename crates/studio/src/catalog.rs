//! The styles as they are at one moment, and what rests on them. A change makes a new catalog; whoever holds the old
//! one goes on with it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use controlgen::model::Model;
use controlgen::style::{Style, Styles};
use rayon::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::handlers::map::Projected;
use crate::studio::once;

/// A point of the map that is of no style.
pub(crate) const NO_STYLE: u32 = u32::MAX;
/// Latents whose memberships are computed at once.
const ROWS_PER_TASK: usize = 512;
/// Maps that are kept.
const N_MAPS: usize = 8;

/// How surely each window of the map belongs to something.
type Column = Arc<Vec<f32>>;

/// Responsibilities of the mixture's components for the map's windows, `[n, K]`: the same for every catalog.
pub(crate) type Responsibilities = Arc<OnceLock<Vec<f32>>>;

/// The styles, and what rests on them.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) styles: Styles,
    responsibilities: Responsibilities,
    /// Memberships of the map's windows in added styles, by name.
    added: Mutex<BTreeMap<String, Column>>,
    /// The most probable style of each of the map's windows.
    of_points: OnceLock<Vec<u32>>,
    maps: Mutex<Vec<Arc<Projected>>>,
}

/// A style in the list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Listed {
    /// Its place in the list and in `memberships`.
    pub(crate) index: usize,
    /// Its name.
    pub(crate) name: String,
    /// Its colour, `#rrggbb`.
    color: Cow<'static, str>,
    /// The share of the training windows that are most probably of it; 0 for an added style.
    weight: f64,
    /// Windows it was found in, or was made of.
    n_windows: usize,
    /// Left out of lists, and without an ellipse.
    hidden: bool,
    /// Whether the user added it.
    added: bool,
    /// What it sounds like, in a few words.
    description: String,
    /// Components of the mixture that it stands for; none for an added one.
    components: Vec<usize>,
}

impl Catalog {
    pub(crate) fn new(styles: Styles, responsibilities: Responsibilities) -> Self {
        Self {
            styles,
            responsibilities,
            added: Mutex::default(),
            of_points: OnceLock::new(),
            maps: Mutex::default(),
        }
    }

    /// The catalog after a change of styles: what is known of added styles stays, but for those named.
    pub(crate) fn changed(&self, styles: Styles, names: &[String]) -> Self {
        let mut added = lock(&self.added).clone();
        added.retain(|name, _| !names.contains(name));
        Self { added: Mutex::new(added), ..Self::new(styles, Arc::clone(&self.responsibilities)) }
    }

    /// All styles as the list has them.
    pub(crate) fn list(&self) -> Vec<Listed> {
        (0..self.styles.all().len()).map(|index| listed(&self.styles, index)).collect()
    }

    /// A style of the list, by its name.
    pub(crate) fn entry(&self, name: &str) -> Option<Listed> {
        let index = self.styles.all().iter().position(|style| style.name == name)?;
        Some(listed(&self.styles, index))
    }

    /// How surely latents `[n, Z]` belong to each style, a row each.
    pub(crate) fn memberships(&self, model: &Model, z: &[f32]) -> Vec<Vec<f64>> {
        let all = self.styles.all();
        let of_components = |row: &Vec<f64>| -> Vec<f64> {
            all.iter().map(|style| sum_of(style, row.iter().copied())).collect()
        };
        let components = self.styles.memberships(model, z);
        let mut rows: Vec<Vec<f64>> = components.iter().map(of_components).collect();
        for (at, style) in all.iter().enumerate().filter(|(_, style)| style.components.is_empty()) {
            let own = self.styles.membership(model, z, style);
            rows.iter_mut().zip(own).for_each(|(row, share)| row[at] = plain(share));
        }
        rows
    }

    /// The most probable style of each window of the map.
    pub(crate) fn of_points(&self, model: &Model, mu: &[f32]) -> &[u32] {
        let found: &Vec<u32> = once(&self.of_points, || {
            let k = self.styles.mixture().n_components();
            let components = once(&self.responsibilities, || {
                let rows = in_tasks(model, mu, |z| self.styles.memberships(model, z).concat());
                rows.into_iter().map(|share| share as f32).collect()
            });
            let all = self.styles.all();
            let columns: Vec<Option<Column>> = all
                .iter()
                .map(|style| style.components.is_empty().then(|| self.column(model, mu, style)))
                .collect();
            let best = |(row, shares): (usize, &[f32])| {
                let mut best = (0.0, NO_STYLE);
                for (index, (style, column)) in (0..).zip(all.iter().zip(&columns)) {
                    let share = match column {
                        Some(column) => f64::from(column[row]),
                        None => sum_of(style, shares.iter().copied().map(f64::from)),
                    };
                    if share > best.0 {
                        best = (share, index);
                    }
                }
                best.1
            };
            components.chunks_exact(k.max(1)).enumerate().map(best).collect()
        });
        found
    }

    /// Memberships of the map's windows in an added style.
    fn column(&self, model: &Model, mu: &[f32], style: &Style) -> Column {
        if let Some(known) = lock(&self.added).get(&style.name) {
            return Arc::clone(known);
        }
        let found = in_tasks(model, mu, |z| self.styles.membership(model, z, style));
        let column: Column = Arc::new(found.into_iter().map(|share| plain(share) as f32).collect());
        lock(&self.added).insert(style.name.clone(), Arc::clone(&column));
        column
    }

    /// A map that was made before, or a new one.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn map<E>(
        &self,
        is_it: impl Fn(&Projected) -> bool,
        make: impl FnOnce() -> Result<Projected, E>,
    ) -> Result<Arc<Projected>, E> {
        if let Some(known) = lock(&self.maps).iter().find(|map| is_it(map)) {
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

/// What a panic left behind is whole: nothing here is changed in two steps.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs over rows of latents on all threads; the numbers come in the order of the rows.
fn in_tasks(model: &Model, z: &[f32], of: impl Fn(&[f32]) -> Vec<f64> + Send + Sync) -> Vec<f64> {
    let parts: Vec<Vec<f64>> =
        z.par_chunks(ROWS_PER_TASK * model.z_size().max(1)).map(of).collect();
    parts.concat()
}

/// A style's part of the components' responsibilities.
fn sum_of(style: &Style, mut shares: impl Iterator<Item = f64> + Clone) -> f64 {
    let share = |k: &usize| shares.clone().nth(*k).unwrap_or(0.0);
    let sum = match style.components.as_slice() {
        [only] => shares.nth(*only).unwrap_or(0.0),
        several => several.iter().map(share).sum(),
    };
    plain(sum)
}

/// A share that JSON can hold.
fn plain(share: f64) -> f64 {
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}

fn listed(styles: &Styles, index: usize) -> Listed {
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
    Listed {
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
