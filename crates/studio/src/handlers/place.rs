//! `POST /place`: the music of places on the map.

use axum::Json;
use axum::extract::State;
use controlgen::generate::{Decoding, LatentBatch};
use controlgen::piece::DEFAULT_CANDIDATES;
use serde::Deserialize;
use utoipa::ToSchema;

use super::attributes::{AttributeShift, dials, turned};
use super::decode::{Windows, stepped};
use super::map::{MapQuery, projected};
use crate::Studio;
use crate::body::JsonBody;
use crate::catalog::Catalog;
use crate::error::ApiError;
use crate::map::PlaceMusic;
use crate::studio::check_n_windows;
use crate::types::SamplingOptions;
use crate::work::CancelToken;

/// More places than this are a long job.
const MAX_QUICK: usize = 1;
/// Places decoded between two checks of whether to go on.
const PLACES_PER_CHECK: usize = 16;

/// Places on a map.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PlaceRequest {
    /// Which map.
    map: MapQuery,
    /// Their coordinates on that map, `[x, y]`.
    #[schema(min_items = 1)]
    places: Vec<[f64; 2]>,
    /// A latent that is held: where it lies on the map it is decoded unchanged, and around it what
    /// sounds is like it.
    #[serde(default)]
    held: Option<Vec<f32>>,
    /// Attributes to turn up or down, from what the music of the place has.
    #[serde(default)]
    attributes: Vec<AttributeShift>,
    /// Whether to measure `memberships` at once, which takes about as long as decoding; by default
    /// it does. Without, they are empty: `POST /measure` returns them later.
    #[serde(default = "yes")]
    measure: bool,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

fn yes() -> bool {
    true
}

/// Decodes the music of places on the map: within the ellipse of a style, music of that style, and
/// between ellipses, what is between their styles. The same place with the same seed has the same
/// music, and places next to each other have similar music.
#[utoipa::path(
    post, path = "/place", tag = "making music", request_body = PlaceRequest,
    responses((status = 200, body = Windows)),
)]
pub(crate) async fn place(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<PlaceRequest>,
) -> Result<Json<Windows>, ApiError> {
    let decoding = request.sampling.decoding()?;
    check_n_windows(request.places.len())?;
    if let Some(found) = request.places.iter().flatten().find(|value| !value.is_finite()) {
        return Err(ApiError::invalid(format!("places must be numbers, not {found}")));
    }
    let held = request.held.as_ref().map(|z| studio.checked_latents(std::slice::from_ref(z)));
    let held = held.transpose()?;
    let dials = dials(&studio, &request.attributes)?;
    let catalog = studio.catalog();
    let work = studio.clone();
    if request.places.len() <= MAX_QUICK && dials.is_empty() {
        let measure = request.measure;
        let batch = studio.quick.run(move |cancel| {
            let z = latents(&work, &catalog, &request, (held, decoding), cancel)?;
            Ok(LatentBatch::each(&work.model, decoding, &work.controls, z))
        });
        return stepped(&studio, batch.await?, measure).await;
    }
    let pool = if request.places.len() > MAX_QUICK { &studio.heavy } else { &studio.quick };
    let answer = pool.run(move |cancel| {
        let mut z = latents(&work, &catalog, &request, (held, decoding), cancel)?;
        let mut tokens = Vec::new();
        for z in z.chunks((PLACES_PER_CHECK * work.model.z_size()).max(1)) {
            cancel.check()?;
            tokens.extend(decoding.decode_each(&work.model, &work.controls, z));
        }
        let mut moved = Vec::new();
        if !dials.is_empty() {
            let music = (&tokens[..], &z[..]);
            let how = (&dials[..], DEFAULT_CANDIDATES, decoding);
            let turned = turned(&work, &catalog, music, how, cancel)?;
            (tokens, z, moved) = (turned.windows, turned.z, turned.moved);
        }
        let windows = if request.measure {
            work.windows(&catalog, tokens, &z)
        } else {
            work.unmeasured_windows(tokens, &z)
        };
        Ok(Json(Windows { windows, moved }))
    });
    answer.await
}

/// The latents of places, `[n, Z]`, with a latent that is held.
fn latents(
    studio: &Studio,
    catalog: &Catalog,
    request: &PlaceRequest,
    (held, decoding): (Option<Vec<f32>>, Decoding),
    cancel: &CancelToken,
) -> Result<Vec<f32>, ApiError> {
    let map = projected(studio, catalog, &request.map)?;
    let Some(placed) = &map.placed else {
        let message = "places on this map have no music; choose another `projection`, or show a \
                       style";
        return Err(ApiError::invalid(message));
    };
    let (model, styles, controls) = (&studio.model, &catalog.styles, &studio.controls);
    let music = PlaceMusic { model, styles, controls };
    let space = model.latent_space();
    let held = held.map(|z| space.project(&z));
    let mut z = Vec::new();
    for place in &request.places {
        let point = placed.point(&music, *place, held.as_deref(), decoding.seed, cancel)?;
        z.extend(space.latent(&point));
    }
    Ok(z)
}
