//! `/styles`: the list, what each sounds like, and changes to it.

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
use crate::ask::Named;
use crate::body::Given;
use crate::catalog::{Catalog, Listed};
use crate::error::{ApiError, Code};

/// All styles: those that were discovered, then those that were added.
#[utoipa::path(get, path = "/styles", tag = "reading", responses((status = 200, body = Vec<Listed>)))]
pub(crate) async fn list(State(studio): State<Studio>) -> Json<Vec<Listed>> {
    Json(studio.catalog().list())
}

/// A style's entry in the list.
fn entry(catalog: &Catalog, name: &str) -> Result<Listed, ApiError> {
    let found = catalog.entry(name);
    found.ok_or_else(|| ApiError::new(Code::UnknownStyle, format!("no style {name:?}")))
}

/// A change of a style; what is left out stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StyleChange {
    /// Another name.
    #[serde(default)]
    name: Option<String>,
    /// Whether it is left out of lists.
    #[serde(default)]
    hidden: Option<bool>,
}

/// Renames a style, hides it, or shows it again.
#[utoipa::path(
    patch, path = "/styles/{name}", tag = "files", request_body = StyleChange,
    params(("name" = String, Path, description = "a style's name, or its number")),
    responses((status = 200, body = Listed)),
)]
pub(crate) async fn change(
    State(studio): State<Studio>,
    Named(name): Named,
    Given(change): Given<StyleChange>,
) -> Result<Json<Listed>, ApiError> {
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

/// Removes a style that was added.
#[utoipa::path(
    delete, path = "/styles/{name}", tag = "files",
    params(("name" = String, Path, description = "a style's name, or its number")),
    responses((status = 204, description = "it is gone")),
)]
pub(crate) async fn remove(
    State(studio): State<Studio>,
    Named(name): Named,
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
