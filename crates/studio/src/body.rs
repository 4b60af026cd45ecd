//! Request bodies: read completely into memory, with limits on size and time.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::{ApiError, Code};
use crate::limits;

/// This many bytes of a body that is too large are read and discarded, so that the client can read
/// the error.
const DRAINED_BYTES: usize = 64 << 20;
/// Maximum length of a text field in a form, in bytes.
const TEXT_BYTES: usize = 1 << 10;
/// Maximum length of a file name that is kept, in characters.
const NAME_CHARS: usize = 100;

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !has_type(request.headers(), "application/json") {
            let message = "the body must be JSON, sent with `Content-Type: application/json`";
            return Err(ApiError::new(Code::UnsupportedMediaType, message));
        }
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, limits::BODY_BYTES).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
            Category::Data => ApiError::invalid(format!("the body has an invalid value: {error}")),
            _ => ApiError::new(Code::Malformed, format!("the body is not JSON: {error}")),
        })?;
        Ok(Self(value))
    }
}

/// An uploaded file.
#[derive(Clone, Debug)]
pub(crate) struct UploadedFile {
    /// Its name, without folders and without characters that file systems reject.
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// A form with files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    texts: BTreeMap<String, String>,
    pub(crate) files: Vec<UploadedFile>,
}

impl Upload {
    /// The text of a field; `None` if it was not sent or is empty.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.texts.get(field).map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !has_type(request.headers(), "multipart/form-data") {
            let message = "send files as a form (`multipart/form-data`) in fields named `file`";
            return Err(ApiError::new(Code::UnsupportedMediaType, message));
        }
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, limits::UPLOAD_BYTES).await?;
        let mut whole = Request::from_parts(parts, Body::from(bytes));
        // It is already in memory.
        DefaultBodyLimit::disable().apply(&mut whole);
        let malformed = |error: &dyn std::fmt::Display| {
            ApiError::new(Code::Malformed, format!("the form can't be read: {error}"))
        };
        let mut form =
            Multipart::from_request(whole, state).await.map_err(|error| malformed(&error))?;
        let mut upload = Self::default();
        while let Some(field) = form.next_field().await.map_err(|error| malformed(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            let file = field.file_name().map(sanitized_name);
            let bytes = field.bytes().await.map_err(|error| malformed(&error))?;
            if name == "file" {
                let number = upload.files.len() + 1;
                if number > limits::UPLOAD_FILES {
                    let message = format!(
                        "more than {} files were sent; send fewer at once",
                        limits::UPLOAD_FILES
                    );
                    return Err(ApiError::invalid(message));
                }
                let name = file.flatten().unwrap_or_else(|| format!("file-{number}.mid"));
                upload.files.push(UploadedFile { name, bytes });
            } else {
                let text = std::str::from_utf8(&bytes).ok().filter(|t| t.len() <= TEXT_BYTES);
                let text = text.ok_or_else(|| {
                    let message = format!("the field {name:?} must be text of at most 1 kB");
                    ApiError::invalid(message)
                })?;
                upload.texts.insert(name, text.trim().to_owned());
            }
        }
        Ok(upload)
    }
}

/// The last part of a file name, without characters that file systems or terminals might interpret.
/// Returns `None` if nothing is left.
fn sanitized_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| if c.is_control() || ":*?\"<>|".contains(c) { '_' } else { c };
    let name: String = last.trim().chars().map(plain).take(NAME_CHARS).collect();
    (!name.trim_matches('.').is_empty()).then_some(name)
}

/// Whether a body has a media type, ignoring its parameters.
pub(crate) fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = found.and_then(|found| found.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

/// Reads a body of up to `limit` bytes.
///
/// # Errors
/// [`Code::TooLarge`], [`Code::Timeout`], or [`Code::Malformed`] if the connection is interrupted.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let reading = read_whole(announced(headers), body, limit);
    tokio::time::timeout(limits::BODY_TIME, reading).await.unwrap_or_else(|_| {
        let seconds = limits::BODY_TIME.as_secs();
        let message = format!("the body took longer than {seconds} s to arrive");
        Err(ApiError::new(Code::Timeout, message))
    })
}

/// The length announced by the request.
fn announced(headers: &HeaderMap) -> usize {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

async fn read_whole(announced: usize, mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let too_large = || {
        let message = format!("the body has more than the allowed {limit} bytes; send less");
        ApiError::new(Code::TooLarge, message)
    };
    // Too much to read, even to discard it.
    if announced > DRAINED_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(announced.min(limit));
    let mut found = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::new(Code::Malformed, format!("the body was interrupted: {error}"))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        found += data.len();
        if found.max(announced) <= limit {
            bytes.extend_from_slice(&data);
        } else {
            bytes = Vec::new();
            if found > DRAINED_BYTES {
                break;
            }
        }
    }
    if found.max(announced) > limit { Err(too_large()) } else { Ok(bytes.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_sanitized() {
        for (given, kept) in [
            ("a.mid", Some("a.mid")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\music\\b c.mid", Some("b c.mid")),
            ("a:b\n.mid", Some("a_b_.mid")),
            ("..", None),
            ("x/", None),
            ("", None),
        ] {
            assert_eq!(sanitized_name(given).as_deref(), kept, "{given:?}");
        }
        assert_eq!(sanitized_name(&"x".repeat(500)).map(|name| name.len()), Some(NAME_CHARS));
    }
}
