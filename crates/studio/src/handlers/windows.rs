//! `GET /windows/{index}`: the music of a map point.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Studio;
use crate::error::{ApiError, Code};
use crate::params::PathParam;
use crate::types::{Place, Window};

/// A window on the map.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MapWindow {
    /// Its index among the map points.
    index: usize,
    source: Place,
    window: Window,
}

/// Returns the music of a map point.
#[utoipa::path(
    get, path = "/windows/{index}", tag = "reading",
    params(("index" = usize, Path, description = "index of a point")),
    responses((status = 200, body = MapWindow)),
)]
pub(crate) async fn window(
    State(studio): State<Studio>,
    PathParam(index): PathParam,
) -> Result<Json<MapWindow>, ApiError> {
    let found = index.parse().ok().filter(|index: &usize| *index < studio.source.n_windows());
    let index = found.ok_or_else(|| {
        let last = studio.source.n_windows() - 1;
        let message = format!("there is no window {index:?}; the map has 0 to {last}");
        ApiError::new(Code::UnknownWindow, message)
    })?;
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.quick.run(move |_| {
        let row = &work.source.rows[index];
        let z_size = work.model.z_size();
        let z = &work.source.mu[index * z_size..(index + 1) * z_size];
        let window = work.encoded_windows(&catalog, vec![row.tokens.clone()], z).swap_remove(0);
        let source = Place { file: row.file.to_string(), bar: row.start_bar + 1 };
        Ok(Json(MapWindow { index, source, window }))
    });
    answer.await
}
