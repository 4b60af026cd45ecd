//! Adding, exporting and importing styles: `POST /styles`, `GET /styles/{name}/export`, `POST
//! /styles/import`.

#![expect(unused_qualifications, reason = "utoipa's macro writes them around parameter types")]

use std::path::{Path as FilePath, PathBuf};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use controlgen::style::{AddReport, StyleError};
use corpus::artifact::ArtifactError;
use corpus::overwrite::Overwrite;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use utoipa::{IntoParams, ToSchema};

use super::{Used, entry};
use crate::Studio;
use crate::body::{self, Upload, UploadedFile};
use crate::catalog::StyleEntry;
use crate::error::{ApiError, Code};
use crate::handlers::export::attachment;
use crate::handlers::tunes::read_midi;
use crate::limits;
use crate::params::{PathParam, QueryParams};

/// The form that adds a style.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents the form, which is read field by field")]
pub(crate) struct NewStyle {
    /// Name of the style.
    name: String,
    /// One to ten MIDI files.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
}

/// An added style.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Added {
    style: StyleEntry,
    used: Vec<Used>,
    refused: Vec<RefusedUpload>,
}

/// A file that was not used.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RefusedUpload {
    file: String,
    why: String,
}

/// Adds a style from a few MIDI files.
#[utoipa::path(
    post, path = "/styles", tag = "files",
    request_body(content = NewStyle, content_type = "multipart/form-data"),
    responses((status = 201, body = Added)),
)]
pub(crate) async fn add(
    State(studio): State<Studio>,
    upload: Upload,
) -> Result<(StatusCode, Json<Added>), ApiError> {
    let name = upload.text("name").map(str::to_owned);
    let name =
        name.ok_or_else(|| ApiError::invalid("the style has no name; send a field `name`"))?;
    if upload.files.is_empty() {
        return Err(ApiError::invalid(
            "no file was sent; send one to ten files in fields named `file`",
        ));
    }
    let changed = studio.change_styles(move |studio, styles, cancel| {
        let folder = temporary_folder()?;
        let written = WrittenFiles::write(&upload.files, &folder)?;
        cancel.check()?;
        if written.paths.is_empty() {
            return Err(ApiError::new(Code::UnreadableMidi, describe(&written.refused)));
        }
        let added = styles.add(&studio.model, &name, &written.paths);
        let AddReport { files, refused, .. } = added.map_err(|error| match error {
            StyleError::NothingToAdd { refused } => {
                ApiError::new(Code::NoTune, describe(&written.refused(refused)))
            }
            other => other.into(),
        })?;
        Ok(((name.clone(), files, written.refused(refused)), vec![name]))
    });
    let ((name, files, refused), catalog) = changed.await?;
    let used = files.iter().map(Used::from).collect();
    Ok((StatusCode::CREATED, Json(Added { style: entry(&catalog, &name)?, used, refused })))
}

/// Uploaded files, each in a separate subfolder of a temporary folder, so that equal names don't
/// clash.
struct WrittenFiles {
    paths: Vec<PathBuf>,
    refused: Vec<RefusedUpload>,
}

impl WrittenFiles {
    /// Writes the MIDI files, and records why other files were rejected.
    fn write(files: &[UploadedFile], folder: &TempDir) -> Result<Self, ApiError> {
        let mut written = Self { paths: Vec::new(), refused: Vec::new() };
        for (number, file) in files.iter().enumerate() {
            match read_midi(&file.bytes) {
                Ok(_) => {
                    let subfolder = folder.path().join(number.to_string());
                    let path = subfolder.join(&file.name);
                    let wrote = std::fs::create_dir(&subfolder)
                        .and_then(|()| std::fs::write(&path, &file.bytes));
                    wrote.map_err(|error| ApiError::internal(&error))?;
                    written.paths.push(path);
                }
                Err(why) => written.refused.push(RefusedUpload { file: file.name.clone(), why }),
            }
        }
        Ok(written)
    }

    /// All rejected files, including those rejected by the library, under their original names.
    fn refused(&self, by_library: Vec<controlgen::style::RefusedFile>) -> Vec<RefusedUpload> {
        let original_name = |path: &str| {
            let name = FilePath::new(path).file_name();
            name.map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
        };
        let refused = by_library.into_iter().map(|refused| RefusedUpload {
            file: original_name(&refused.file),
            why: refused.reason,
        });
        self.refused.iter().cloned().chain(refused).collect()
    }
}

fn describe(refused: &[RefusedUpload]) -> String {
    let files = refused.iter().map(|refused| format!("{}: {}", refused.file, refused.why));
    format!("no file can be used: {}", files.collect::<Vec<_>>().join("; "))
}

fn temporary_folder() -> Result<TempDir, ApiError> {
    tempfile::tempdir().map_err(|error| ApiError::internal(&error))
}

/// Exports a style as a file for other users of the same model, like `controlgen style export`.
#[utoipa::path(
    get, path = "/styles/{name}/export", tag = "reading",
    params(("name" = String, Path, description = "name or number of a style")),
    responses((
        status = 200, description = "a file for `POST /styles/import`",
        content_type = "application/json", body = Object
    )),
)]
pub(crate) async fn export(
    State(studio): State<Studio>,
    PathParam(name): PathParam,
) -> Result<impl IntoResponse, ApiError> {
    let catalog = studio.catalog();
    let work = studio.clone();
    let answer = studio.heavy.run(move |_| {
        let folder = temporary_folder()?;
        let path = folder.path().join("exported.style.json");
        let style = catalog.styles.export(&work.model, &name, &path, Overwrite::Own)?;
        let bytes = std::fs::read(&path).map_err(|error| ApiError::internal(&error))?;
        let headers = [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (header::CONTENT_DISPOSITION, attachment(&style.name, "style.json")),
        ];
        Ok((headers, bytes))
    });
    answer.await
}

/// The body of an import: a JSON file that may be larger than other bodies.
pub(crate) struct ExportedStyle(Bytes);

impl<S: Send + Sync> FromRequest<S> for ExportedStyle {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !body::has_type(request.headers(), "application/json") {
            let message = "send the style as JSON, with `Content-Type: application/json`";
            return Err(ApiError::new(Code::UnsupportedMediaType, message));
        }
        let (parts, body) = request.into_parts();
        Ok(Self(body::read(&parts.headers, body, limits::UPLOAD_BYTES).await?))
    }
}

/// Options of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// New name of the style.
    name: Option<String>,
}

/// Imports an exported style.
#[utoipa::path(
    post, path = "/styles/import", tag = "files", params(ImportQuery),
    request_body(content = Object, description = "the result of `GET /styles/{name}/export`"),
    responses((status = 201, body = StyleEntry)),
)]
pub(crate) async fn import(
    State(studio): State<Studio>,
    QueryParams(query): QueryParams<ImportQuery>,
    ExportedStyle(bytes): ExportedStyle,
) -> Result<(StatusCode, Json<StyleEntry>), ApiError> {
    let changed = studio.change_styles(move |studio, styles, _| {
        let folder = temporary_folder()?;
        let path = folder.path().join("imported.style.json");
        std::fs::write(&path, &bytes).map_err(|error| ApiError::internal(&error))?;
        let imported = styles.import(&studio.model, &path, query.name.as_deref());
        imported.map_err(|error| import_error(error, &path))?;
        let last = styles.all().last().map(|style| style.name.clone());
        let name = last.ok_or_else(|| ApiError::invalid("the import added no style"))?;
        Ok((name.clone(), vec![name]))
    });
    let (name, catalog) = changed.await?;
    Ok((StatusCode::CREATED, Json(entry(&catalog, &name)?)))
}

/// Describes why a file can't be imported, without the name of the temporary folder.
fn import_error(error: StyleError, path: &FilePath) -> ApiError {
    let damaged = matches!(
        &error,
        StyleError::Artifact(
            ArtifactError::Json { path: found, .. } | ArtifactError::Version { path: found, .. }
        ) if found == path
    );
    let mut refused =
        if damaged { ApiError::invalid(error.to_string()) } else { ApiError::from(error) };
    refused.message = refused.message.replace(&path.display().to_string(), "the file");
    refused
}
