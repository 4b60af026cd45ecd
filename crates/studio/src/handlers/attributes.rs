//! `POST /attributes`: places with something turned up or down.

use axum::Json;
use axum::extract::State;
use controlgen::attribute::{AttributeError, AttributeMethod, Dial};
use serde::Deserialize;
use utoipa::ToSchema;

use super::decode::{Windows, decoded};
use crate::Studio;
use crate::body::Given;
use crate::error::ApiError;
use crate::types::Drawing;

/// Something to turn.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct DialRequest {
    /// One of `attributes` of `GET /model`.
    name: String,
    /// How far, in standard deviations of the training music, -10 to 10.
    by: f64,
}

/// Places, and what to turn there.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct AttributesRequest {
    z: Vec<Vec<f32>>,
    attributes: Vec<DialRequest>,
    #[serde(flatten)]
    drawing: Drawing,
}

/// What dials add to latents, on the active dimensions; nothing without dials.
pub(crate) fn shift(studio: &Studio, dials: &[DialRequest]) -> Result<Option<Vec<f64>>, ApiError> {
    if dials.is_empty() {
        return Ok(None);
    }
    let attributes = studio.attributes.as_ref().ok_or_else(|| {
        let folder = studio.model_folder().to_owned();
        ApiError::from(AttributeError::Missing { folder })
    })?;
    let dial = |asked: &DialRequest| {
        let attribute = asked.name.parse()?;
        // Not even "not a number" is.
        if !(-10.0..=10.0).contains(&asked.by) {
            let found = format!("{}:{}", asked.name, asked.by);
            return Err(AttributeError::Dial { found });
        }
        Ok(Dial { attribute, by: asked.by })
    };
    let dials: Vec<Dial> = dials.iter().map(dial).collect::<Result<_, AttributeError>>()?;
    Ok(Some(attributes.shift(&dials, AttributeMethod::default())?))
}

/// Turns attributes at places in latent space, and decodes what comes out.
#[utoipa::path(
    post, path = "/attributes", tag = "making music", request_body = AttributesRequest,
    responses((status = 200, body = Windows)),
)]
pub(crate) async fn attributes(
    State(studio): State<Studio>,
    Given(request): Given<AttributesRequest>,
) -> Result<Json<Windows>, ApiError> {
    let decoding = request.drawing.decoding()?;
    let mut z = studio.checked_latents(&request.z)?;
    let shift = shift(&studio, &request.attributes)?.unwrap_or_default();
    for z in z.chunks_exact_mut(studio.model.z_size()) {
        for (dimension, by) in studio.active().iter().zip(&shift) {
            z[*dimension] += *by as f32;
        }
    }
    decoded(studio, decoding, z).await
}
