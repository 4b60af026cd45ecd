//! `POST /decode` and `POST /encode`: from latents to music and back.

use axum::Json;
use axum::extract::State;
use controlgen::encode::encode_windows;
use controlgen::generate::{Decoding, LatentBatch, controls_of};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Studio;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::music;
use crate::steps::{self, Step};
use crate::studio::check_n_windows;
use crate::types::{Memberships, Note, SamplingOptions, Window};

/// Latents to decode.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DecodeRequest {
    z: Vec<Vec<f32>>,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// Decoded windows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Windows {
    pub(crate) windows: Vec<Window>,
    /// With `attributes`: how far each moved, in standard deviations of the training music; `null`
    /// if the music does not have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) moved: Vec<Option<f64>>,
}

/// Decodes latents.
#[utoipa::path(
    post, path = "/decode", tag = "making music", request_body = DecodeRequest,
    responses((status = 200, body = Windows)),
)]
pub(crate) async fn decode(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<DecodeRequest>,
) -> Result<Json<Windows>, ApiError> {
    let decoding = request.sampling.decoding()?;
    let z = studio.checked_latents(&request.z)?;
    decoded(studio, decoding, z).await
}

/// Decodes validated latents `[n, Z]`.
pub(super) async fn decoded(
    studio: Studio,
    decoding: Decoding,
    z: Vec<f32>,
) -> Result<Json<Windows>, ApiError> {
    let catalog = studio.catalog();
    let work = studio.clone();
    if z.len() <= steps::MAX_WINDOWS * studio.model.z_size() {
        let batch = studio.quick.run(move |_| {
            let control = work.control(&z, decoding.seed);
            Ok(LatentBatch::new(&work.model, decoding, z, control))
        });
        return stepped(&studio, batch.await?, true).await;
    }
    let answer = studio.quick.run(move |cancel| {
        let control = work.control(&z, decoding.seed);
        let tokens = work.decode(decoding, &z, &control, cancel)?;
        let windows = work.windows(&catalog, tokens, &z);
        Ok(Json(Windows { windows, moved: Vec::new() }))
    });
    answer.await
}

/// Decodes a few latents together with those of other requests.
pub(super) async fn stepped(
    studio: &Studio,
    batch: LatentBatch,
    measure: bool,
) -> Result<Json<Windows>, ApiError> {
    let catalog = studio.catalog();
    let work = studio.clone();
    let z = batch.z().to_vec();
    let done = studio.step(Step::decode(batch, measure)).await?;
    let answer = studio.quick.run(move |_| {
        let windows = work.measured_windows(&catalog, done.windows, &z, &done.mu);
        Ok(Json(Windows { windows, moved: Vec::new() }))
    });
    answer.await
}

/// Music to encode.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct EncodeRequest {
    windows: Vec<Music>,
    /// Tokens of a window whose meter the notes are in; by default 4/4.
    #[serde(default)]
    like: Option<Vec<u16>>,
}

/// A window, as tokens or as notes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Music {
    /// One token per step, track by track.
    Tokens(Vec<u16>),
    /// Notes that begin within the window; where notes of a voice overlap, the earlier one is
    /// shortened.
    Notes(Vec<Note>),
}

/// Encoded windows, and their reconstructions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Encoded {
    /// The windows with their latents.
    windows: Vec<Window>,
    /// The most likely notes decoded from these latents: what the model retains of the music.
    reconstruction: Vec<Window>,
}

/// Encodes music, and decodes it again.
#[utoipa::path(
    post, path = "/encode", tag = "making music", request_body = EncodeRequest,
    responses((status = 200, body = Encoded)),
)]
pub(crate) async fn encode(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<EncodeRequest>,
) -> Result<Json<Encoded>, ApiError> {
    check_n_windows(request.windows.len())?;
    let like = request.like.as_ref();
    like.map(|window| studio.check_windows(std::slice::from_ref(window))).transpose()?;
    let meter = music::meter(studio.model.form(), like.map(Vec::as_slice));
    let tokens = |music| match music {
        Music::Tokens(tokens) => Ok(tokens),
        Music::Notes(notes) => music::tokens(studio.model.form(), meter, &notes),
    };
    let windows: Vec<Vec<u16>> =
        request.windows.into_iter().map(tokens).collect::<Result<_, _>>()?;
    studio.check_windows(&windows)?;
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.quick.run(move |cancel| {
        let z = encode_windows(&work.model, &windows);
        let control = controls_of(&work.model, windows.iter().map(Vec::as_slice));
        let likeliest = Decoding { temperature: None, seed: 0 };
        let reconstruction = work.decode(likeliest, &z, &control, cancel)?;
        Ok(Json(Encoded {
            windows: work.encoded_windows(&catalog, windows, &z),
            reconstruction: work.windows(&catalog, reconstruction, &z),
        }))
    });
    answer.await
}

/// Windows to measure.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MeasureRequest {
    /// Their tokens.
    windows: Vec<Vec<u16>>,
}

/// The styles of windows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Measured {
    /// The `memberships` of each window.
    memberships: Vec<Memberships>,
}

/// Measures to which styles music belongs.
#[utoipa::path(
    post, path = "/measure", tag = "making music", request_body = MeasureRequest,
    responses((status = 200, body = Measured)),
)]
pub(crate) async fn measure(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<MeasureRequest>,
) -> Result<Json<Measured>, ApiError> {
    studio.check_windows(&request.windows)?;
    let catalog = studio.catalog();
    let work = studio.clone();
    let windows = request.windows;
    let known = if windows.len() <= steps::MAX_WINDOWS {
        Ok(studio.step(Step::Encode(windows)).await?.mu)
    } else {
        Err(windows)
    };
    let answer = studio.quick.run(move |_| {
        let mu = known.unwrap_or_else(|windows| encode_windows(&work.model, &windows));
        Ok(Json(Measured { memberships: catalog.memberships(&work.model, &mu) }))
    });
    answer.await
}
