//! The page: the files of `web/` and the audio modules of `note-render`, which are embedded in the
//! program.

mod listing;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use note_render::web;

use crate::error::{ApiError, Code};

/// Paths below `web/` and file contents.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
/// What `note-render` has for all pages, so that they sound and look the same: sounds, and the
/// geometry and colors of piano rolls.
static SHARED: LazyLock<[(&str, Cow<'static, str>); 4]> = LazyLock::new(|| {
    [
        ("sound/voices.js", Cow::Borrowed(web::VOICES)),
        ("sound/drums.js", Cow::Borrowed(web::DRUMS)),
        ("roll/grid.js", Cow::Borrowed(web::GRID)),
        ("style/roll.css", Cow::Owned(web::roll_colors())),
    ]
});
/// The file served for the path `/`.
const INDEX: &str = "index.html";

/// The source of the page's files.
#[derive(Clone, Debug, Default)]
pub(crate) enum Assets {
    /// From the program.
    #[default]
    Inside,
    /// From a folder, read again for each request; for development of the page.
    Folder(PathBuf),
}

impl Assets {
    /// Returns a file by its path. Only paths in the file list are served, so no path leads outside
    /// the page.
    fn find(&self, path: &str) -> Option<(String, Cow<'static, [u8]>)> {
        let requested = path.strip_prefix('/')?;
        let requested = if requested.is_empty() { INDEX } else { requested };
        if let Some((name, text)) = SHARED.iter().find(|(name, _)| *name == requested) {
            return Some(((*name).to_owned(), Cow::Borrowed(text.as_bytes())));
        }
        match self {
            Self::Inside => {
                let (name, bytes) = FILES.iter().find(|(name, _)| *name == requested)?;
                Some(((*name).to_owned(), Cow::Borrowed(*bytes)))
            }
            Self::Folder(folder) => {
                let name = listing::files(folder).into_iter().find(|name| name == requested)?;
                let bytes = std::fs::read(folder.join(&name)).ok()?;
                Some((name, Cow::Owned(bytes)))
            }
        }
    }

    /// The response to a request for a file of the page.
    pub(crate) fn response(&self, request: &Request) -> Response {
        let path = request.uri().path();
        let Some((name, bytes)) = self.find(path) else {
            let message =
                format!("there is nothing at {path:?}; the page is at / and the API at /api/v1");
            return ApiError::new(Code::NotFound, message).into_response();
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return not_allowed().into_response();
        }
        let tag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..32]);
        let is_known = is_cached(request.headers(), &tag);
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let body = match bytes {
            _ if is_known => Body::empty(),
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&name)));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"));
        response
    }
}

/// The maximum number of bytes that a browser loads: the total size of the page.
pub fn page_bytes() -> usize {
    let shared = SHARED.iter().map(|(_, text)| text.len());
    FILES.iter().map(|(_, bytes)| bytes.len()).chain(shared).sum()
}

/// The media type of a file, by its extension.
fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mid" => "audio/midi",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        _ => "application/octet-stream",
    }
}

/// Whether the client already has the version with this tag.
fn is_cached(headers: &HeaderMap, tag: &str) -> bool {
    let tags =
        headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

/// The response to a method that the path does not support.
pub(crate) fn not_allowed() -> ApiError {
    let message = "this path does not support the method; see `GET /api/v1/openapi.json`";
    ApiError::new(Code::MethodNotAllowed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_of_the_page_is_in_the_program() {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let inside: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(inside, listing::files(&web));
        for (name, bytes) in FILES {
            assert_eq!(std::fs::read(web.join(name)).unwrap(), *bytes, "{name}");
            assert_ne!(content_type(name), "application/octet-stream", "{name}: unknown type");
        }
    }

    #[test]
    fn only_files_of_the_page_are_served() {
        let folder = tempfile::tempdir().unwrap();
        let web = folder.path().join("web");
        std::fs::create_dir_all(web.join("js")).unwrap();
        for (name, text) in [
            ("web/index.html", "page"),
            ("web/js/map.js", "map"),
            ("secret", "no"),
            ("web/.env", "no"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let assets = Assets::Folder(web);
        let text = |path: &str| {
            let found = assets.find(path);
            found.map(|(_, bytes)| String::from_utf8(bytes.into_owned()).unwrap())
        };
        assert_eq!(text("/").as_deref(), Some("page"));
        assert_eq!(text("/js/map.js").as_deref(), Some("map"));
        assert_eq!(text("/sound/voices.js").as_deref(), Some(web::VOICES), "shared");
        for bad in
            ["/../secret", "/js/../../secret", "//index.html", "/js", "/.env", "/%2e%2e/secret", ""]
        {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn cached_tags_are_recognized() {
        let mut headers = HeaderMap::new();
        assert!(!is_cached(&headers, "\"a\""));
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"b\", W/\"a\""));
        assert!(is_cached(&headers, "\"a\"") && !is_cached(&headers, "\"c\""));
    }
}
