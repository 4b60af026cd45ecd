//! `POST /interpolate` and `POST /grid`: interpolation between latents.

use axum::Json;
use axum::extract::State;
use controlgen::generate::{Interpolation, grid as grid_of, interpolate as latents_along};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Studio;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::limits;
use crate::studio::check_n_windows;
use crate::types::{Anchor, Piece, SamplingOptions};

/// An interpolation method.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InterpolationName {
    /// Along a great circle.
    #[default]
    Slerp,
    /// In a straight line, as it is drawn on the map.
    Lerp,
}

impl From<InterpolationName> for Interpolation {
    fn from(name: InterpolationName) -> Self {
        match name {
            InterpolationName::Slerp => Self::Slerp,
            InterpolationName::Lerp => Self::Lerp,
        }
    }
}

/// A path through latent space.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct InterpolateRequest {
    /// Two or more anchors, in order.
    points: Vec<Anchor>,
    /// Number of windows, evenly spaced, including both ends.
    n_windows: usize,
    #[serde(default)]
    interpolation: InterpolationName,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// Resolves each anchor to one latent.
fn latents(studio: &Studio, anchors: &[Anchor]) -> Result<Vec<Vec<f32>>, ApiError> {
    let catalog = studio.catalog();
    anchors.iter().map(|anchor| studio.latent(&catalog, anchor)).collect()
}

/// Decodes one piece along a path through latent space. If the model takes chords, the whole piece
/// has those of one window.
#[utoipa::path(
    post, path = "/interpolate", tag = "making music", request_body = InterpolateRequest,
    responses((status = 200, body = Piece)),
)]
pub(crate) async fn interpolate(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<InterpolateRequest>,
) -> Result<Json<Piece>, ApiError> {
    let decoding = request.sampling.decoding()?;
    check_n_windows(request.n_windows)?;
    check_n_windows(request.points.len())?;
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |cancel| {
        let ends = latents(&work, &request.points)?;
        let z = latents_along(&ends, request.n_windows, request.interpolation.into())?.concat();
        let control = work.control_of_piece(&z, decoding.seed);
        let tokens = work.decode(decoding, &z, &control, cancel)?;
        let title = format!("Path of {} windows", request.n_windows);
        Ok(Json(Piece {
            seed: Some(decoding.seed),
            temperature: decoding.temperature,
            ..work.piece(&catalog, title, tokens, &z)
        }))
    });
    answer.await
}

/// A grid between four anchors.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct GridRequest {
    /// Top left, top right, bottom left, bottom right.
    #[schema(min_items = 4, max_items = 4)]
    corners: Vec<Anchor>,
    /// Cells along each side, at least 2.
    n: usize,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// The cells of a grid.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Grid {
    /// Cells along each side.
    n: usize,
    /// One window per cell, row by row.
    cells: Vec<Piece>,
}

/// Decodes a grid of music between four anchors.
#[utoipa::path(
    post, path = "/grid", tag = "making music", request_body = GridRequest,
    responses((status = 200, body = Grid)),
)]
pub(crate) async fn grid(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<GridRequest>,
) -> Result<Json<Grid>, ApiError> {
    let decoding = request.sampling.decoding()?;
    let n = request.n;
    if !(2..=limits::N_GRID).contains(&n) {
        let message = format!("a grid must have 2 to {} cells per side, not {n}", limits::N_GRID);
        return Err(ApiError::invalid(message));
    }
    if request.corners.len() != 4 {
        let message = format!("a grid needs four corners, not {}", request.corners.len());
        return Err(ApiError::invalid(message));
    }
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |cancel| {
        let corners = latents(&work, &request.corners)?;
        let [a, b, c, d] = [0, 1, 2, 3].map(|corner| corners[corner].as_slice());
        let latents = grid_of([a, b, c, d], n, Interpolation::default())?;
        let z = latents.concat();
        let control = work.control_of_piece(&z, decoding.seed);
        let tokens = work.decode(decoding, &z, &control, cancel)?;
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
