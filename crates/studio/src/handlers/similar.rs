//! `POST /similar`: variations at a given distance.

use axum::Json;
use axum::extract::State;
use controlgen::generate::controls_of;
use controlgen::similar::point_at;
use musicvae::seed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Studio;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::limits;
use crate::studio::check_n_windows;
use crate::types::{Anchor, Piece, SamplingOptions};

/// Maximum distance; beyond it the prior has almost no mass.
const MAX_DISTANCE: f64 = 10.0;

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
    if !(0.0..=MAX_DISTANCE).contains(&distance) {
        let message = format!("the distance must be 0 to {MAX_DISTANCE}, not {distance}");
        return Err(ApiError::invalid(message));
    }
    let per_piece = if let Anchor::Tokens(windows) = &anchor { windows.len() } else { 1 };
    check_n_windows(n.saturating_mul(per_piece))?;
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |cancel| {
        let all = catalog.styles.mixture().moments()?;
        let (active, z_size) = (work.active(), work.model.z_size());
        let from = work.latents(&catalog, &anchor)?;
        let mut z = from.repeat(n);
        for (index, piece) in (0..).zip(z.chunks_exact_mut(from.len().max(1))) {
            for row in piece.chunks_exact_mut(z_size) {
                // All windows of a variation move in the same direction, so that they still belong
                // together.
                let mut rng = seed::stream(decoding.seed, "similar", index);
                let point: Vec<f64> = active.iter().map(|d| f64::from(row[*d])).collect();
                let moved = point_at(&all, &point, distance, &mut rng);
                active.iter().zip(moved).for_each(|(d, value)| row[*d] = value as f32);
            }
        }
        let control = match &anchor {
            Anchor::Tokens(windows) => {
                controls_of(&work.model, windows.iter().map(Vec::as_slice)).repeat(n)
            }
            _ => work.control_of_piece(&z, decoding.seed),
        };
        let tokens = work.decode(decoding, &z, &control, cancel)?;
        let pieces = tokens.chunks(per_piece.max(1)).zip(z.chunks_exact(from.len().max(1)));
        let piece = |(at, (tokens, z)): (usize, (&[Vec<u16>], &[f32]))| Piece {
            seed: Some(decoding.seed),
            temperature: decoding.temperature,
            ..work.piece(&catalog, format!("Variation {}", at + 1), tokens.to_vec(), z)
        };
        Ok(Json(Variations { pieces: pieces.enumerate().map(piece).collect() }))
    });
    answer.await
}
