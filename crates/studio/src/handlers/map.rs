//! `GET /map` and `GET /map/points`: where the windows stand.

#![expect(
    unused_qualifications,
    reason = "the description's macro writes them around types of parameters"
)]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Studio;
use crate::ask::Asked;
use crate::catalog::Catalog;
use crate::error::ApiError;
use crate::map::{Ellipse, Inverse, Plane};

/// How latent space is laid out on a plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Projection {
    /// The two directions in which the windows spread the most.
    #[default]
    Pca,
    /// The two directions that tell styles apart best.
    Lda,
    /// Windows near to each other in latent space are near to each other: t-SNE.
    Neighbours,
}

/// Which map.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MapQuery {
    /// How latent space is laid out.
    #[serde(default)]
    #[param(inline)]
    projection: Projection,
    /// For `lda`, the names of the styles to tell apart, with commas between; all that are not hidden if it is left out.
    styles: Option<String>,
}

/// A map, but for its points.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Map {
    projection: Projection,
    /// Points that it has.
    n: usize,
    /// The least x and y of the points, and the greatest.
    bounds: [f32; 4],
    /// How a step on the map is undone; none for `neighbours`.
    #[schema(required)]
    inverse: Option<Inverse>,
    /// One standard deviation of each style that is not hidden; none for `neighbours`.
    ellipses: Vec<Ellipse>,
    /// How far it is, 0 to 1. It has no points before 1.
    progress: f32,
}

/// A map with its points.
#[derive(Debug)]
pub(crate) struct Projected {
    /// The styles that were told apart, by their indices.
    styles: Vec<usize>,
    map: Map,
    places: Vec<[f32; 2]>,
}

/// What a query asks for, found among the styles.
fn asked(catalog: &Catalog, query: &MapQuery) -> Result<Vec<usize>, ApiError> {
    let all = catalog.styles.all();
    let mut found: Vec<usize> = Vec::new();
    match query.styles.as_deref().filter(|names| !names.is_empty()) {
        Some(names) => {
            for name in names.split(',') {
                let style = catalog.styles.find(name.trim())?;
                found.extend(all.iter().position(|other| other.name == style.name));
            }
        }
        None => found.extend((0..all.len()).filter(|index| !all[*index].hidden)),
    }
    if query.projection != Projection::Lda {
        return Ok(Vec::new());
    }
    found.sort_unstable();
    found.dedup();
    if found.len() < 2 {
        let message = "`lda` tells styles apart; name two or more with `styles=a,b`";
        return Err(ApiError::invalid(message));
    }
    Ok(found)
}

/// Makes the map that a query asks for, or takes it from those made before.
fn projected(
    studio: &Studio,
    catalog: &Catalog,
    query: &MapQuery,
) -> Result<Arc<Projected>, ApiError> {
    let styles = asked(catalog, query)?;
    let projection = query.projection;
    if projection == Projection::Neighbours {
        return Ok(Arc::new(neighbours(studio)));
    }
    let is_it = |made: &Projected| made.map.projection == projection && made.styles == styles;
    catalog.map(is_it, || {
        if projection == Projection::Pca {
            return on_plane(studio, catalog, projection, studio.principal(), Vec::new());
        }
        let all = catalog.styles.all();
        let distributions: Vec<_> =
            styles.iter().map(|index| catalog.styles.distribution(&all[*index])).collect();
        let plane = Plane::discriminant(&distributions)?;
        on_plane(studio, catalog, projection, &plane, styles.clone())
    })
}

fn on_plane(
    studio: &Studio,
    catalog: &Catalog,
    projection: Projection,
    plane: &Plane,
    styles: Vec<usize>,
) -> Result<Projected, ApiError> {
    let active = studio.active();
    let rows = studio.source.mu.chunks_exact(studio.model.z_size().max(1));
    let place = |row: &[f32]| {
        let [x, y] = plane.place(active.iter().map(|d| f64::from(row[*d])));
        [x as f32, y as f32]
    };
    let places: Vec<[f32; 2]> = rows.map(place).collect();
    let mut ellipses = Vec::new();
    for (index, style) in catalog.styles.all().iter().enumerate().filter(|(_, s)| !s.hidden) {
        ellipses.push(plane.ellipse(index, &catalog.styles.distribution(style).moments()?));
    }
    let inverse = Some(plane.inverse(active, studio.model.z_size()));
    let (n, bounds) = (places.len(), bounds(&places));
    let map = Map { projection, n, bounds, inverse, ellipses, progress: 1.0 };
    Ok(Projected { styles, map, places })
}

/// The view of neighbours as far as it is; the first to ask begins it.
fn neighbours(studio: &Studio) -> Projected {
    let source = studio.clone();
    studio.neighbours.begin(move || source.active_rows(), studio.active().len());
    let places = studio.neighbours.places().unwrap_or_default().to_vec();
    let map = Map {
        projection: Projection::Neighbours,
        n: places.len(),
        bounds: bounds(&places),
        inverse: None,
        ellipses: Vec::new(),
        progress: studio.neighbours.progress(),
    };
    Projected { styles: Vec::new(), map, places }
}

/// The least x and y, and the greatest.
fn bounds(places: &[[f32; 2]]) -> [f32; 4] {
    let Some([x, y]) = places.first().copied() else { return [0.0; 4] };
    places.iter().fold([x, y, x, y], |[x0, y0, x1, y1], [x, y]| {
        [x0.min(*x), y0.min(*y), x1.max(*x), y1.max(*y)]
    })
}

/// A map of the windows: how latent space lies on it, and where the styles are.
#[utoipa::path(
    get, path = "/map", tag = "reading", params(MapQuery),
    responses((status = 200, body = Map)),
)]
pub(crate) async fn map(
    State(studio): State<Studio>,
    Asked(query): Asked<MapQuery>,
) -> Result<Json<Map>, ApiError> {
    let catalog = studio.catalog();
    let work = studio.clone();
    studio.quick.run(move |_| Ok(Json(projected(&work, &catalog, &query)?.map.clone()))).await
}

/// The points of a map: of each window `x` and `y` as `f32` and its most probable style as `u32` (all ones for none),
/// little-endian. The index of a point is that of its window.
#[utoipa::path(
    get, path = "/map/points", tag = "reading", params(MapQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")),
)]
pub(crate) async fn points(
    State(studio): State<Studio>,
    Asked(query): Asked<MapQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let catalog = studio.catalog();
    let work = studio.clone();
    let bytes = studio.quick.run(move |_| {
        let projected = projected(&work, &catalog, &query)?;
        let styles = catalog.of_points(&work.model, &work.source.mu);
        let point = |([x, y], style): (&[f32; 2], &u32)| {
            [x.to_le_bytes(), y.to_le_bytes(), style.to_le_bytes()].concat()
        };
        Ok(projected.places.iter().zip(styles).flat_map(point).collect::<Vec<u8>>())
    });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes.await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_all_points() {
        assert_eq!(bounds(&[[1.0, 5.0], [-2.0, 7.0], [0.0, 6.0]]), [-2.0, 5.0, 1.0, 7.0]);
        assert_eq!(bounds(&[]), [0.0; 4]);
    }
}
