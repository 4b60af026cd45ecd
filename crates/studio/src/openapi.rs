//! The `OpenAPI` description of the API, generated from its types.

use axum::http::StatusCode;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::error::Error;

/// Information shared by all paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "controlgen studio",
        description = "A model's latent space, to see, hear and control. Musical times are \
                       steps of the model's grid, four per quarter note. The same request \
                       with the same seed gets the same response.",
        license(name = "MIT OR Apache-2.0"),
    ),
    components(schemas(Error)),
    tags(
        (name = "reading", description = "The model, its styles and its map"),
        (name = "making music", description = "From latents to music and back"),
        (name = "files", description = "Imports and exports"),
    ),
)]
pub(crate) struct Description;

/// Errors that every request may return, in addition to those of its path.
const ERRORS: [(StatusCode, &str); 8] = [
    (StatusCode::BAD_REQUEST, "the body can't be read"),
    (
        StatusCode::FORBIDDEN,
        "the request is for another server, or comes from the page of another server",
    ),
    (StatusCode::NOT_FOUND, "not found"),
    (StatusCode::REQUEST_TIMEOUT, "it took too long"),
    (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
    (StatusCode::UNPROCESSABLE_ENTITY, "a value is not allowed, or a file can't be used"),
    (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
    (StatusCode::SERVICE_UNAVAILABLE, "the server is busy; `Retry-After` says when to retry"),
];

/// Adds the errors to every operation.
pub(crate) fn with_errors(mut description: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let error = |text: &str| -> RefOr<Response> {
        let schema = Ref::from_schema_name("Error");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new().description(text).content("application/json", content).build().into()
    };
    for item in description.paths.paths.values_mut() {
        let operations: [&mut Option<Operation>; 5] =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            for (status, text) in ERRORS {
                let responses = &mut operation.responses.responses;
                responses.entry(status.as_str().to_owned()).or_insert_with(|| error(text));
            }
        }
    }
    description
}
