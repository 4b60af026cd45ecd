//! Maps of the windows: projections with the positions of points and styles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use controlgen::generate::{Controls, Placement};
use controlgen::model::Model;
use controlgen::style::Styles;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Ellipse, Inverse};
use crate::cell::lock;
use crate::error::ApiError;
use crate::work::CancelToken;

/// A projection of latent space to two dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Projection {
    /// The two directions of largest variance.
    #[default]
    Pca,
    /// The two directions that separate styles best.
    Lda,
    /// t-SNE: windows that are close in latent space are close on the map.
    #[serde(rename = "neighbours")]
    Neighbors,
}

/// A map, without its points.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Map {
    pub(crate) projection: Projection,
    /// Number of points.
    pub(crate) n: usize,
    /// Minimum x and y of the points, then maximum x and y.
    pub(crate) bounds: [f32; 4],
    /// The mapping back to latent space; `null` for `neighbours`.
    #[schema(required)]
    pub(crate) inverse: Option<Inverse>,
    /// One standard deviation of each style that is not hidden; empty for `neighbours`.
    pub(crate) ellipses: Vec<Ellipse>,
    /// Progress of the computation, 0 to 1. There are no points before it reaches 1.
    pub(crate) progress: f32,
}

/// A map with its points.
#[derive(Debug)]
pub(crate) struct Projected {
    /// Indices of the styles that were separated.
    pub(crate) styles: Vec<usize>,
    pub(crate) map: Map,
    pub(crate) positions: Vec<[f32; 2]>,
    /// The styles behind its places; `None` if places have no latents.
    pub(crate) placed: Option<PlacedStyles>,
}

/// The styles of a map, and the windows chosen from them.
#[derive(Debug)]
pub(crate) struct PlacedStyles {
    placement: Placement,
    /// The names of the styles, by their number in the placement.
    names: Vec<String>,
    /// Residuals by seed and number; see [`Placement::residual`].
    chosen: Mutex<BTreeMap<(u64, usize), Residual>>,
}

/// The difference of a chosen window from the mean of its style.
type Residual = Arc<[f64]>;

/// Maximum number of chosen windows cached per map: those of a few dozen seeds.
const N_CHOSEN: usize = 1024;

/// The model, styles and controls that make the music of places.
#[derive(Clone, Copy)]
pub(crate) struct PlaceMusic<'a> {
    pub(crate) model: &'a Model,
    pub(crate) styles: &'a Styles,
    pub(crate) controls: &'a Controls,
}

impl PlacedStyles {
    pub(crate) fn new(placement: Placement, names: Vec<String>) -> Self {
        Self { placement, names, chosen: Mutex::default() }
    }

    /// The point `[D]` at a place.
    ///
    /// # Errors
    /// If canceled, or if a style has no covariance.
    pub(crate) fn point(
        &self,
        music: &PlaceMusic<'_>,
        place: [f64; 2],
        held: Option<&[f64]>,
        seed: u64,
        cancel: &CancelToken,
    ) -> Result<Vec<f64>, ApiError> {
        let mut failed = None;
        let residual = |at: usize| -> Residual {
            // The result of a canceled or failed request is not used.
            if cancel.is_canceled() || failed.is_some() {
                return Arc::from([]);
            }
            self.residual(music, at, seed).unwrap_or_else(|error| {
                failed = Some(error);
                Arc::from([])
            })
        };
        let point = self.placement.point(place, held, residual);
        cancel.check()?;
        failed.map_or(Ok(point), Err)
    }

    fn residual(&self, music: &PlaceMusic<'_>, at: usize, seed: u64) -> Result<Residual, ApiError> {
        if let Some(known) = lock(&self.chosen).get(&(seed, at)) {
            return Ok(Arc::clone(known));
        }
        let PlaceMusic { model, styles, controls } = *music;
        let style = styles.find(&self.names[at])?;
        let made = self.placement.residual(model, styles, controls, (at, style), seed)?;
        let made: Residual = made.into();
        let mut chosen = lock(&self.chosen);
        if chosen.len() >= N_CHOSEN {
            chosen.retain(|(other, _), _| *other == seed);
        }
        chosen.insert((seed, at), Arc::clone(&made));
        Ok(made)
    }
}
