//! `POST /attributes`: latents with musical attributes shifted up or down.

use axum::Json;
use axum::extract::State;
use controlgen::attribute::{AttributeError, AttributeMethod, Dial};
use serde::Deserialize;
use utoipa::ToSchema;

use super::decode::{Windows, decoded};
use crate::Studio;
use crate::body::JsonBody;
use crate::error::ApiError;
use crate::types::SamplingOptions;

/// An attribute and how far to shift it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct AttributeShift {
    /// One of `attributes` of `GET /model`.
    name: String,
    /// The shift, in standard deviations of the training music, -10 to 10.
    by: f64,
}

/// Latents, and the attributes to shift.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AttributesRequest {
    z: Vec<Vec<f32>>,
    attributes: Vec<AttributeShift>,
    #[serde(flatten)]
    sampling: SamplingOptions,
}

/// The latent shift of the given attributes, on the active dimensions; `None` without attributes.
pub(crate) fn shift(
    studio: &Studio,
    dials: &[AttributeShift],
) -> Result<Option<Vec<f64>>, ApiError> {
    if dials.is_empty() {
        return Ok(None);
    }
    let attributes = studio.attributes.as_ref().ok_or_else(|| {
        let folder = studio.model_folder().to_owned();
        ApiError::from(AttributeError::Missing { folder })
    })?;
    let dial = |requested: &AttributeShift| {
        let attribute = requested.name.parse()?;
        // Written so that NaN is rejected too.
        if !(-10.0..=10.0).contains(&requested.by) {
            let found = format!("{}:{}", requested.name, requested.by);
            return Err(AttributeError::Dial { found });
        }
        Ok(Dial { attribute, by: requested.by })
    };
    let dials: Vec<Dial> = dials.iter().map(dial).collect::<Result<_, AttributeError>>()?;
    Ok(Some(attributes.shift(&dials, AttributeMethod::default())?))
}

/// Shifts attributes of latents, and decodes the results.
#[utoipa::path(
    post, path = "/attributes", tag = "making music", request_body = AttributesRequest,
    responses((status = 200, body = Windows)),
)]
pub(crate) async fn attributes(
    State(studio): State<Studio>,
    JsonBody(request): JsonBody<AttributesRequest>,
) -> Result<Json<Windows>, ApiError> {
    let decoding = request.sampling.decoding()?;
    let mut z = studio.checked_latents(&request.z)?;
    let shift = shift(&studio, &request.attributes)?.unwrap_or_default();
    studio.model.latent_space().shift(&shift, &mut z);
    decoded(studio, decoding, z).await
}
