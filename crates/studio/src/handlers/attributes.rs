//! `POST /attributes`: music with attributes turned up or down.

use axum::Json;
use axum::extract::State;
use controlgen::attribute::{
    AttributeError, AttributeMethod, AttributeVectors, Dial, TurnRequest, Turned, turn,
};
use controlgen::generate::{Decoding, controls_of};
use serde::Deserialize;
use utoipa::ToSchema;

use super::decode::{Windows, decoded};
use super::generate::checked_candidates;
use crate::Studio;
use crate::body::JsonBody;
use crate::catalog::Catalog;
use crate::error::ApiError;
use crate::types::SamplingOptions;
use crate::work::CancelToken;

/// More windows than this are a long job.
const MAX_QUICK: usize = 2;
/// Default number of versions of each window.
const DEFAULT_VERSIONS: usize = 16;

/// An attribute and how far to shift it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct AttributeShift {
    /// One of `attributes` of `GET /model`.
    name: String,
    /// The shift in standard deviations of the training music, -10 to 10.
    by: f64,
}

/// Latents, and the attributes to shift.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AttributesRequest {
    z: Vec<Vec<f32>>,
    /// The tokens of the music, whose attributes are turned; by default what is decoded from `z`.
    #[serde(default)]
    windows: Option<Vec<Vec<u16>>>,
    attributes: Vec<AttributeShift>,
    /// Number of versions of each window, of which the nearest is kept; default 16.
    #[serde(default)]
    candidates: Option<usize>,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// The dials of a request, for attributes that the model has; empty without attributes.
pub(crate) fn dials(studio: &Studio, requested: &[AttributeShift]) -> Result<Vec<Dial>, ApiError> {
    if requested.is_empty() {
        return Ok(Vec::new());
    }
    let vectors = vectors(studio)?;
    let dial = |requested: &AttributeShift| {
        let attribute = requested.name.parse()?;
        // Written so that NaN is rejected too.
        if !(-10.0..=10.0).contains(&requested.by) {
            let found = format!("{}:{}", requested.name, requested.by);
            return Err(AttributeError::Dial { found });
        }
        vectors.get(attribute)?;
        Ok(Dial { attribute, by: requested.by })
    };
    Ok(requested.iter().map(dial).collect::<Result<_, AttributeError>>()?)
}

/// The attributes of the model.
pub(crate) fn vectors(studio: &Studio) -> Result<&AttributeVectors, ApiError> {
    studio.attributes.as_ref().ok_or_else(|| {
        let folder = studio.model_folder().to_owned();
        ApiError::from(AttributeError::Missing { folder })
    })
}

/// Turns attributes of windows with latents `[n, Z]`, which were decoded from them.
///
/// # Errors
/// If canceled.
pub(crate) fn turned(
    studio: &Studio,
    catalog: &Catalog,
    music: (&[Vec<u16>], &[f32]),
    (dials, n_candidates, decoding): (&[Dial], usize, Decoding),
    cancel: &CancelToken,
) -> Result<Turned, ApiError> {
    let control = controls_of(&studio.model, music.0.iter().map(Vec::as_slice));
    let request = TurnRequest {
        dials,
        method: AttributeMethod::default(),
        n_candidates,
        control: &control,
        decoding,
    };
    let all = catalog.all()?;
    let go_on = || !cancel.is_canceled();
    let turned = turn(&studio.model, vectors(studio)?, all, music, &request, &go_on);
    cancel.check()?;
    Ok(turned?)
}

/// Turns attributes of music up or down: several versions of each window are decoded and measured,
/// and the one is kept that is nearest to what was asked for.
#[utoipa::path(
    post, path = "/attributes", tag = "making music", request_body = AttributesRequest,
    responses((status = 200, body = Windows)),
)]
pub(crate) async fn attributes(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<AttributesRequest>,
) -> Result<Json<Windows>, ApiError> {
    let decoding = request.sampling.decoding()?;
    let z = studio.checked_latents(&request.z)?;
    let dials = dials(&studio, &request.attributes)?;
    let n_candidates = checked_candidates(request.candidates)?.unwrap_or(DEFAULT_VERSIONS);
    if let Some(windows) = &request.windows {
        studio.check_windows(windows)?;
        if windows.len() != request.z.len() {
            let message = format!(
                "there are {} latents and {} windows; give one for each",
                request.z.len(),
                windows.len()
            );
            return Err(ApiError::invalid(message));
        }
    }
    if dials.is_empty() && request.windows.is_none() {
        return decoded(studio, decoding, z).await;
    }
    let catalog = studio.catalog();
    let work = studio.clone();
    let pool = if request.z.len() > MAX_QUICK { &studio.heavy } else { &studio.quick };
    let answer = pool.run(move |cancel| {
        let windows = if let Some(windows) = request.windows {
            windows
        } else {
            let control = work.control(&z, decoding.seed);
            work.decode(decoding, &z, &control, cancel)?
        };
        let how = (&dials[..], n_candidates, decoding);
        let turned = turned(&work, &catalog, (&windows, &z), how, cancel)?;
        let windows = work.windows(&catalog, turned.windows, &turned.z);
        Ok(Json(Windows { windows, moved: turned.moved }))
    });
    answer.await
}
