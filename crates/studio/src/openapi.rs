//! The description of the interface, of the very types that it answers with.

use axum::http::StatusCode;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::error::Error;

/// What every path has in common.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "controlgen studio",
        description = "A model's latent space, to see, hear and steer. Numbers of music are on the model's grid: steps, \
                       four to a quarter note. The same request with the same seed gets the same answer.",
        license(name = "MIT OR Apache-2.0"),
    ),
    components(schemas(Error)),
    tags(
        (name = "reading", description = "The model, its styles and its map"),
        (name = "making music", description = "From places in latent space to music and back"),
        (name = "files", description = "What users bring, and what they take away"),
    ),
)]
pub(crate) struct Description;

/// What may happen to every request, beside what its path says.
const FAILURES: [(StatusCode, &str); 8] = [
    (StatusCode::BAD_REQUEST, "the body can't be read"),
    (StatusCode::FORBIDDEN, "the request is for another server, or comes from another's page"),
    (StatusCode::NOT_FOUND, "there is no such thing"),
    (StatusCode::REQUEST_TIMEOUT, "it took too long"),
    (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
    (StatusCode::UNPROCESSABLE_ENTITY, "a value is not allowed, or a file can't be used"),
    (StatusCode::INTERNAL_SERVER_ERROR, "a fault of the server"),
    (StatusCode::SERVICE_UNAVAILABLE, "too much to do; `Retry-After` says when to come back"),
];

/// Adds the failures to every operation.
pub(crate) fn with_failures(mut description: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let failure = |text: &str| -> RefOr<Response> {
        let schema = Ref::from_schema_name("Error");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new().description(text).content("application/json", content).build().into()
    };
    for item in description.paths.paths.values_mut() {
        let operations: [&mut Option<Operation>; 5] =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            for (status, text) in FAILURES {
                let responses = &mut operation.responses.responses;
                responses.entry(status.as_str().to_owned()).or_insert_with(|| failure(text));
            }
        }
    }
    description
}
