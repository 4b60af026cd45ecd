//! `/pieces`: what clients keep on the server.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Studio;
use crate::body::JsonBody;
use crate::error::{ApiError, Code};
use crate::params::QueryParams;
use crate::shelf::{Kept, News, Revision, is_id};

/// The revision that a client has; without one, all pieces are returned.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Since {
    /// `epoch` of an earlier response.
    #[serde(default)]
    epoch: Option<u64>,
    /// `revision` of an earlier response.
    #[serde(default)]
    revision: Option<u64>,
}

/// Changes of pieces.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PieceChanges {
    /// New pieces, and changed ones, as a whole.
    #[serde(default)]
    changed: Vec<Kept>,
    /// Ids of pieces to remove.
    #[serde(default)]
    removed: Vec<String>,
}

fn not_kept(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(Code::NotKept, format!("the studio can't keep pieces: {error}"))
}

fn no_folder() -> ApiError {
    not_kept(&"it has no folder for them")
}

/// Returns the pieces that clients of this model keep, all or those that changed since a revision.
#[utoipa::path(
    get, path = "/pieces", tag = "files",
    params(
        ("epoch" = Option<u64>, Query, description = "`epoch` of an earlier response"),
        ("revision" = Option<u64>, Query, description = "`revision` of an earlier response"),
    ),
    responses((status = 200, body = News)),
)]
pub(crate) async fn list(
    State(studio): State<Studio>,
    QueryParams(Since { epoch, revision }): QueryParams<Since>,
) -> Result<Json<News>, ApiError> {
    let since = epoch.zip(revision).map(|(epoch, revision)| Revision { epoch, revision });
    let work = studio.clone();
    let answer = studio.keeping.run(move |_| {
        let shelf = work.shelf.as_ref().ok_or_else(no_folder)?;
        shelf.news(since).map(Json).map_err(|error| not_kept(&error))
    });
    answer.await
}

/// Keeps and removes pieces.
#[utoipa::path(
    post, path = "/pieces", tag = "files", request_body = PieceChanges,
    responses(
        (status = 200, body = Revision),
        (status = 507, description = "the pieces can't be kept, for example because the disk is full"),
    ),
)]
pub(crate) async fn change(
    State(studio): State<Studio>,
    JsonBody(PieceChanges { changed, removed }): JsonBody<PieceChanges>,
) -> Result<Json<Revision>, ApiError> {
    if let Some(why) = changed.iter().find_map(Kept::refusal) {
        return Err(ApiError::invalid(why));
    }
    if let Some(id) = removed.iter().find(|id| !is_id(id)) {
        return Err(ApiError::invalid(format!("{id:?} is not an id")));
    }
    let work = studio.clone();
    let answer = studio.keeping.run(move |_| {
        let shelf = work.shelf.as_ref().ok_or_else(no_folder)?;
        shelf.change(&changed, &removed).map(Json).map_err(|error| not_kept(&error))
    });
    answer.await
}
