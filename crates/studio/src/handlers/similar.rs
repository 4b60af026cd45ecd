//! `POST /similar`: variations at a given distance.

use axum::Json;
use axum::extract::State;
use controlgen::generate::controls_of;
use controlgen::similar::{Variation, similar_while};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Studio;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::limits;
use crate::studio::check_n_windows;
use crate::types::{Anchor, Piece, SamplingOptions};

/// The music to vary.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SimilarRequest {
    anchor: Anchor,
    /// Number of variations.
    n: usize,
    /// Distance, in standard deviations of all the model's music in each dimension: unrelated
    /// pieces are about 1.4 apart.
    distance: f64,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// Variations of the music.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Variations {
    pieces: Vec<Piece>,
}

/// Returns variations at a distance from a latent, or from all windows of a tune; see `controlgen
/// similar`.
#[utoipa::path(
    post, path = "/similar", tag = "making music", request_body = SimilarRequest,
    responses((status = 200, body = Variations)),
)]
pub(crate) async fn similar(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<SimilarRequest>,
) -> Result<Json<Variations>, ApiError> {
    let decoding = request.sampling.decoding()?;
    let SimilarRequest { anchor, n, distance, .. } = request;
    if !(1..=limits::N_PIECES).contains(&n) {
        let message =
            format!("the number of variations must be 1 to {}, not {n}", limits::N_PIECES);
        return Err(ApiError::invalid(message));
    }
    let per_piece = if let Anchor::Tokens(windows) = &anchor { windows.len() } else { 1 };
    check_n_windows(n.saturating_mul(per_piece))?;
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |cancel| {
        let all = catalog.styles.mixture().moments()?;
        let latents = work.latents(&catalog, &anchor)?;
        let control = match &anchor {
            Anchor::Tokens(windows) => controls_of(&work.model, windows.iter().map(Vec::as_slice)),
            _ => work.control_of_piece(&latents, decoding.seed),
        };
        let request = controlgen::similar::SimilarRequest {
            latents: &latents,
            control: &control,
            distance,
            n,
            decoding,
        };
        let found = similar_while(&work.model, &all, &request, &|| !cancel.is_canceled());
        cancel.check()?;
        let piece = |(at, variation): (usize, Variation)| Piece {
            seed: Some(decoding.seed),
            temperature: decoding.temperature,
            ..work.piece(&catalog, format!("Variation {}", at + 1), variation.windows, &variation.z)
        };
        Ok(Json(Variations { pieces: found?.into_iter().enumerate().map(piece).collect() }))
    });
    answer.await
}
