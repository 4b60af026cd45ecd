//! `POST /redraw`: windows of a piece drawn again, or varied.

use axum::Json;
use axum::extract::State;
use controlgen::generate::{LatentSampling, Target};
use controlgen::piece::{self, Composition, DEFAULT_CANDIDATES, FormRequest, Redraw};
use serde::Deserialize;
use utoipa::ToSchema;

use super::decode::Windows;
use super::generate::checked_candidates;
use crate::Studio;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::types::SamplingOptions;

/// Windows of a piece to draw again.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RedrawRequest {
    /// The tokens of all windows of the piece, in order.
    #[schema(min_items = 1)]
    windows: Vec<Vec<u16>>,
    /// Numbers, from 0, of the windows to draw again; the others stay.
    #[schema(min_items = 1)]
    which: Vec<usize>,
    /// The style of what is new, by name; by default all of the model's music.
    #[serde(default)]
    style: Option<String>,
    /// For variations: how alike they are to what they vary, 0 to 1. Without it, the windows are
    /// new.
    #[serde(default)]
    likeness: Option<f64>,
    /// Temperature of the latents, as for `POST /generate`.
    #[serde(default)]
    latent_temperature: Option<f64>,
    /// Number of draws of each window, of which the best fitting one is kept; default 8.
    #[serde(default)]
    candidates: Option<usize>,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// Draws windows of a piece again: new ones, or variations, that fit what is before and after.
/// Returns the new windows only.
#[utoipa::path(
    post, path = "/redraw", tag = "making music", request_body = RedrawRequest,
    responses((status = 200, body = Windows)),
)]
pub(crate) async fn redraw(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<RedrawRequest>,
) -> Result<Json<Windows>, ApiError> {
    let decoding = request.sampling.decoding()?;
    studio.check_windows(&request.windows)?;
    let n_candidates = checked_candidates(request.candidates)?.unwrap_or(DEFAULT_CANDIDATES);
    let mut which = request.which;
    which.sort_unstable();
    which.dedup();
    let n = request.windows.len();
    if which.is_empty() || which.last().is_some_and(|last| *last >= n) {
        let message = format!("`which` must name some of the windows 0 to {}", n - 1);
        return Err(ApiError::invalid(message));
    }
    let redraw = match request.likeness {
        None => Redraw::New,
        Some(likeness) if (0.0..=1.0).contains(&likeness) => Redraw::Varied(likeness),
        Some(likeness) => {
            return Err(ApiError::invalid(format!("`likeness` must be 0 to 1, not {likeness}")));
        }
    };
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |cancel| {
        let styles = &catalog.styles;
        let named: Vec<(&str, f64)> = match &request.style {
            Some(name) => vec![(name.as_str(), 1.0)],
            None => Vec::new(),
        };
        let target =
            if named.is_empty() { Target::all(styles)? } else { Target::blend(styles, &named)? };
        let defaults = LatentSampling::default();
        let request = piece::RedrawRequest {
            windows: &request.windows,
            which: &which,
            redraw,
            path: &target.path,
            targets: &target.styles,
            sampling: LatentSampling {
                temperature: request.latent_temperature.unwrap_or(defaults.temperature),
                ..defaults
            },
            decoding,
            composition: Composition {
                learned: work.pieces.as_ref(),
                form: &FormRequest::ThroughComposed,
                n_candidates,
            },
            canceled: Some(cancel.flag()),
        };
        let made = piece::redraw(&work.model, styles, &request);
        cancel.check()?;
        let made = made?;
        let (tokens, z): (Vec<Vec<u16>>, Vec<Vec<f32>>) = made.into_iter().unzip();
        Ok(Json(Windows {
            windows: work.windows(&catalog, tokens, &z.concat()),
            moved: Vec::new(),
        }))
    });
    answer.await
}
