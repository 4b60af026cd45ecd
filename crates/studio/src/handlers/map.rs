//! `GET /map` and `GET /map/points`: the map of the windows.

#![expect(unused_qualifications, reason = "utoipa's macro writes them around parameter types")]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use controlgen::generate::Placement;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::Studio;
use crate::catalog::Catalog;
use crate::error::ApiError;
use crate::map::{Map, PlacedStyles, Projected, Projection, Projection2d};
use crate::params::QueryParams;

/// Selects a map.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MapQuery {
    /// The projection.
    #[serde(default)]
    #[param(inline)]
    projection: Projection,
    /// For `lda`, comma-separated names of the styles to separate; by default all styles that are
    /// not hidden.
    styles: Option<String>,
}

/// The indices of the styles that a query selects.
fn selected_styles(catalog: &Catalog, query: &MapQuery) -> Result<Vec<usize>, ApiError> {
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
        let message = "`lda` separates styles; name two or more with `styles=a,b`";
        return Err(ApiError::invalid(message));
    }
    Ok(found)
}

/// Returns the map that a query selects, from the cache if possible.
pub(super) fn projected(
    studio: &Studio,
    catalog: &Catalog,
    query: &MapQuery,
) -> Result<Arc<Projected>, ApiError> {
    let styles = selected_styles(catalog, query)?;
    let projection = query.projection;
    if projection == Projection::Neighbors {
        return Ok(Arc::new(neighbors(studio)));
    }
    let matches = |made: &Projected| made.map.projection == projection && made.styles == styles;
    catalog.map(matches, || {
        if projection == Projection::Pca {
            return project_onto(studio, catalog, projection, studio.principal(), Vec::new());
        }
        let all = catalog.styles.all();
        let distributions: Vec<_> =
            styles.iter().map(|index| catalog.styles.distribution(&all[*index])).collect();
        let plane = Projection2d::discriminant(&distributions)?;
        let plane = aligned(catalog, plane)?;
        project_onto(studio, catalog, projection, &plane, styles.clone())
    })
}

/// Turns the plane that separates some styles like the one that separates all that were discovered,
/// so that the map keeps its orientation when styles are added, removed, hidden or left out.
fn aligned(catalog: &Catalog, plane: Projection2d) -> Result<Projection2d, ApiError> {
    let styles = &catalog.styles;
    let discovered = styles.all().iter().filter(|style| !style.is_added());
    let distributions: Vec<_> = discovered.map(|style| styles.distribution(style)).collect();
    if distributions.len() < 2 {
        return Ok(plane);
    }
    let all = Projection2d::discriminant(&distributions)?;
    Ok(plane.aligned_with(&all, styles.mixture().means()))
}

fn project_onto(
    studio: &Studio,
    catalog: &Catalog,
    projection: Projection,
    plane: &Projection2d,
    styles: Vec<usize>,
) -> Result<Projected, ApiError> {
    let space = studio.model.latent_space();
    let rows = space.rows(&studio.source.mu);
    let position = |row: &[f32]| {
        let [x, y] = plane.project(space.project(row).into_iter());
        [x as f32, y as f32]
    };
    let positions: Vec<[f32; 2]> = rows.map(position).collect();
    let (mut ellipses, mut names, mut distributions) = (Vec::new(), Vec::new(), Vec::new());
    for (index, style) in catalog.styles.all().iter().enumerate().filter(|(_, s)| !s.hidden) {
        let distribution = catalog.styles.distribution(style);
        ellipses.push(plane.ellipse(index, &distribution.moments()?));
        names.push(style.name.clone());
        distributions.push(distribution);
    }
    // Without visible styles, places have no music.
    let placement = Placement::new(plane.plane(), &distributions).ok();
    let placed = placement.map(|placement| PlacedStyles::new(placement, names));
    let inverse = Some(plane.inverse(space));
    let (n, bounds) = (positions.len(), bounds(&positions));
    let map = Map { projection, n, bounds, inverse, ellipses, progress: 1.0 };
    Ok(Projected { styles, map, positions, placed })
}

/// The t-SNE map in its current state; the first request starts the computation.
fn neighbors(studio: &Studio) -> Projected {
    let source = studio.clone();
    studio.neighbors.begin(move || source.active_rows(), studio.model.latent_space().n_active());
    let positions = studio.neighbors.positions().unwrap_or_default().to_vec();
    let map = Map {
        projection: Projection::Neighbors,
        n: positions.len(),
        bounds: bounds(&positions),
        inverse: None,
        ellipses: Vec::new(),
        progress: studio.neighbors.progress(),
    };
    Projected { styles: Vec::new(), map, positions, placed: None }
}

/// Minimum x and y, then maximum x and y.
fn bounds(positions: &[[f32; 2]]) -> [f32; 4] {
    let Some([x, y]) = positions.first().copied() else { return [0.0; 4] };
    positions.iter().fold([x, y, x, y], |[x0, y0, x1, y1], [x, y]| {
        [x0.min(*x), y0.min(*y), x1.max(*x), y1.max(*y)]
    })
}

/// Returns a map of the windows: its projection, and the positions of the styles.
#[utoipa::path(
    get, path = "/map", tag = "reading", params(MapQuery),
    responses((status = 200, body = Map)),
)]
pub(crate) async fn map(
    State(studio): State<Studio>,
    QueryParams(query): QueryParams<MapQuery>,
) -> Result<Json<Map>, ApiError> {
    let catalog = studio.catalog();
    let work = studio.clone();
    studio.quick.run(move |_| Ok(Json(projected(&work, &catalog, &query)?.map.clone()))).await
}

/// Returns the points of a map: for each window `x` and `y` as `f32` and its most probable style as
/// `u32` (all ones for none), little-endian. The index of a point is that of its window.
#[utoipa::path(
    get, path = "/map/points", tag = "reading", params(MapQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")),
)]
pub(crate) async fn points(
    State(studio): State<Studio>,
    QueryParams(query): QueryParams<MapQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let catalog = studio.catalog();
    let work = studio.clone();
    let bytes = studio.quick.run(move |_| {
        let projected = projected(&work, &catalog, &query)?;
        let styles = catalog.point_styles(&work.model, &work.source.mu);
        let point = |([x, y], style): (&[f32; 2], &u32)| {
            [x.to_le_bytes(), y.to_le_bytes(), style.to_le_bytes()].concat()
        };
        Ok(projected.positions.iter().zip(styles).flat_map(point).collect::<Vec<u8>>())
    });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes.await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_contain_all_points() {
        assert_eq!(bounds(&[[1.0, 5.0], [-2.0, 7.0], [0.0, 6.0]]), [-2.0, 5.0, 1.0, 7.0]);
        assert_eq!(bounds(&[]), [0.0; 4]);
    }
}
