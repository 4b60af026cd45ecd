//! `POST /path` and `POST /grid`: ways between places.

use axum::Json;
use axum::extract::State;
use controlgen::generate::{Joining, grid as grid_of, way};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Studio;
use crate::body::Given;
use crate::error::ApiError;
use crate::limits;
use crate::studio::check_n_windows;
use crate::types::{Anchor, Drawing, Piece};

/// How two places are joined.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JoiningName {
    /// Along a great circle.
    #[default]
    Slerp,
    /// In a straight line: as it is drawn on the map.
    Lerp,
}

impl From<JoiningName> for Joining {
    fn from(name: JoiningName) -> Self {
        match name {
            JoiningName::Slerp => Self::Slerp,
            JoiningName::Lerp => Self::Lerp,
        }
    }
}

/// A way.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PathRequest {
    /// Two places or more, in order.
    points: Vec<Anchor>,
    /// Windows at even steps, both ends among them.
    n_windows: usize,
    #[serde(default)]
    joining: JoiningName,
    #[serde(flatten)]
    drawing: Drawing,
}

/// The latents of anchors, one each.
fn latents(studio: &Studio, anchors: &[Anchor]) -> Result<Vec<Vec<f32>>, ApiError> {
    let catalog = studio.catalog();
    anchors.iter().map(|anchor| studio.latent(&catalog, anchor)).collect()
}

/// One piece along a way through latent space. It is all under the chords of one window, if the model takes any.
#[utoipa::path(
    post, path = "/path", tag = "making music", request_body = PathRequest,
    responses((status = 200, body = Piece)),
)]
pub(crate) async fn path(
    State(studio): State<Studio>,
    Given(request): Given<PathRequest>,
) -> Result<Json<Piece>, ApiError> {
    let decoding = request.drawing.decoding()?;
    check_n_windows(request.n_windows)?;
    check_n_windows(request.points.len())?;
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |stop| {
        let ends = latents(&work, &request.points)?;
        let z = way(&ends, request.n_windows, request.joining.into())?.concat();
        let control = work.control(1, decoding.seed).repeat(request.n_windows);
        let tokens = work.decode(decoding, &z, &control, stop)?;
        let title = format!("A way of {} windows", request.n_windows);
        Ok(Json(Piece {
            seed: Some(decoding.seed),
            temperature: decoding.temperature,
            ..work.piece(&catalog, title, tokens, &z)
        }))
    });
    answer.await
}

/// A square between four places.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct GridRequest {
    /// Top left, top right, bottom left, bottom right.
    #[schema(min_items = 4, max_items = 4)]
    corners: Vec<Anchor>,
    /// Cells along each side, 2 or more.
    n: usize,
    #[serde(flatten)]
    drawing: Drawing,
}

/// The cells of a square.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Grid {
    /// Cells along each side.
    n: usize,
    /// Row after row, a window each.
    cells: Vec<Piece>,
}

/// A square of music between four places.
#[utoipa::path(
    post, path = "/grid", tag = "making music", request_body = GridRequest,
    responses((status = 200, body = Grid)),
)]
pub(crate) async fn grid(
    State(studio): State<Studio>,
    Given(request): Given<GridRequest>,
) -> Result<Json<Grid>, ApiError> {
    let decoding = request.drawing.decoding()?;
    let n = request.n;
    if !(2..=limits::N_GRID).contains(&n) {
        let message = format!("a grid of {n} by {n}; 2 to {} are allowed", limits::N_GRID);
        return Err(ApiError::invalid(message));
    }
    if request.corners.len() != 4 {
        let message = format!("{} corners; a grid has four", request.corners.len());
        return Err(ApiError::invalid(message));
    }
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |stop| {
        let corners = latents(&work, &request.corners)?;
        let [a, b, c, d] = [0, 1, 2, 3].map(|corner| corners[corner].as_slice());
        let latents = grid_of([a, b, c, d], n, Joining::default())?;
        let control = work.control(1, decoding.seed).repeat(n * n);
        let tokens = work.decode(decoding, &latents.concat(), &control, stop)?;
        let cell = |(at, (tokens, z)): (usize, (Vec<u16>, Vec<f32>))| Piece {
            seed: Some(decoding.seed),
            temperature: decoding.temperature,
            ..work.piece(
                &catalog,
                format!("Row {}, column {}", at / n + 1, at % n + 1),
                vec![tokens],
                &z,
            )
        };
        let cells = tokens.into_iter().zip(latents).enumerate().map(cell).collect();
        Ok(Json(Grid { n, cells }))
    });
    answer.await
}
