//! Maps of the windows: projections with the positions of points and styles.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Ellipse, Inverse};

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
}
