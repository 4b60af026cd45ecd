//! `/styles`: the list of styles, their cards, and changes.

mod added;
mod card;

pub(crate) use added::*;
pub(crate) use card::*;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Studio;
use crate::body::JsonBody;
use crate::catalog::{Catalog, StyleEntry};
use crate::error::{ApiError, Code};
use crate::params::PathParam;

/// Returns all styles: discovered styles first, then added ones.
#[utoipa::path(
    get, path = "/styles", tag = "reading",
    responses((status = 200, body = Vec<StyleEntry>)),
)]
pub(crate) async fn list(State(studio): State<Studio>) -> Json<Vec<StyleEntry>> {
    Json(studio.catalog().list())
}

/// The list entry of a style.
fn entry(catalog: &Catalog, name: &str) -> Result<StyleEntry, ApiError> {
    let found = catalog.entry(name);
    found.ok_or_else(|| ApiError::new(Code::UnknownStyle, format!("there is no style {name:?}")))
}

/// Changes to a style; omitted fields remain unchanged.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StyleChange {
    /// New name.
    #[serde(default)]
    name: Option<String>,
    /// Whether to exclude it from lists.
    #[serde(default)]
    hidden: Option<bool>,
}

/// Renames a style, hides it, or shows it again.
#[utoipa::path(
    patch, path = "/styles/{name}", tag = "files", request_body = StyleChange,
    params(("name" = String, Path, description = "name or number of a style")),
    responses((status = 200, body = StyleEntry)),
)]
pub(crate) async fn change(
    State(studio): State<Studio>,
    PathParam(name): PathParam,
    JsonBody(change): JsonBody<StyleChange>,
) -> Result<Json<StyleEntry>, ApiError> {
    let (name, catalog) = studio
        .change_styles(move |_, styles, _| {
            let old = styles.find(&name)?.name.clone();
            let new = change.name.clone().unwrap_or_else(|| old.clone());
            if change.name.is_some() {
                styles.rename(&old, &new)?;
            }
            if let Some(hidden) = change.hidden {
                styles.set_hidden(&new, hidden)?;
            }
            Ok((new.clone(), vec![old, new]))
        })
        .await?;
    Ok(Json(entry(&catalog, &name)?))
}

/// Removes an added style.
#[utoipa::path(
    delete, path = "/styles/{name}", tag = "files",
    params(("name" = String, Path, description = "name or number of a style")),
    responses((status = 204, description = "the style was removed")),
)]
pub(crate) async fn remove(
    State(studio): State<Studio>,
    PathParam(name): PathParam,
) -> Result<StatusCode, ApiError> {
    studio
        .change_styles(move |_, styles, _| {
            let name = styles.find(&name)?.name.clone();
            styles.remove(&name)?;
            Ok(((), vec![name]))
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
