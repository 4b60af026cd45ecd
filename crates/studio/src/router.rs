//! The routes of the server.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Studio;
use crate::assets;
use crate::error::{ApiError, Code};
use crate::guard::{Guard, guard};
use crate::handlers::{
    attributes, decode, export, generate, interpolate, map, mix, model, pieces, place, redraw,
    similar, styles, tunes, windows,
};
use crate::openapi::{Description, with_errors};

/// The API and the page, for a server on a loopback port.
pub fn router(studio: Studio, port: u16) -> Router {
    let (api, description) = OpenApiRouter::with_openapi(Description::openapi())
        .nest("/api/v1", api())
        .split_for_parts();
    let description = with_errors(description).to_pretty_json();
    let description = description.map(Bytes::from).map_err(|error| ApiError::internal(&error));
    let describe =
        async move || description.map(|text| ([(header::CONTENT_TYPE, "application/json")], text));
    api.route("/api/v1/openapi.json", axum::routing::get(describe))
        .fallback(page)
        .method_not_allowed_fallback(async || assets::not_allowed())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Guard::new(port), guard))
        .with_state(studio)
}

/// Serves a file of the page: the fallback for all paths without a route.
async fn page(State(studio): State<Studio>, request: Request) -> Response {
    studio.assets().response(&request)
}

fn api() -> OpenApiRouter<Studio> {
    OpenApiRouter::new()
        .routes(routes!(model::model))
        .routes(routes!(map::map))
        .routes(routes!(map::points))
        .routes(routes!(windows::window))
        .routes(routes!(place::place))
        .routes(routes!(decode::decode))
        .routes(routes!(decode::encode))
        .routes(routes!(decode::measure))
        .routes(routes!(generate::generate))
        .routes(routes!(redraw::redraw))
        .routes(routes!(interpolate::interpolate))
        .routes(routes!(interpolate::grid))
        .routes(routes!(mix::mix))
        .routes(routes!(similar::similar))
        .routes(routes!(attributes::attributes))
        .routes(routes!(styles::list, styles::add))
        .routes(routes!(styles::card, styles::change, styles::remove))
        .routes(routes!(styles::export))
        .routes(routes!(styles::import))
        .routes(routes!(tunes::tunes))
        .routes(routes!(pieces::list, pieces::change))
        .routes(routes!(export::midi))
        .routes(routes!(export::wav))
        .routes(routes!(export::save))
}

/// The response if a handler panics.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    let message = "internal error; see the log of the server";
    ApiError::new(Code::Internal, message).into_response()
}
