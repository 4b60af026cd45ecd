//! The page: the files of `web/`, which are in the program.

mod listing;

use std::borrow::Cow;
use std::path::PathBuf;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::Studio;
use crate::error::{ApiError, Code};

/// Names, as paths below `web/`, with contents.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));
/// What the address alone stands for.
const INDEX: &str = "index.html";

/// Where the page's files are read.
#[derive(Clone, Debug, Default)]
pub(crate) enum Assets {
    /// In the program.
    #[default]
    Inside,
    /// In a folder, anew for each request: for its developers.
    Folder(PathBuf),
}

impl Assets {
    /// A file by its path. Only paths that the list has are answered; whatever else a path may say leads nowhere.
    fn find(&self, path: &str) -> Option<(String, Cow<'static, [u8]>)> {
        let wanted = path.strip_prefix('/')?;
        let wanted = if wanted.is_empty() { INDEX } else { wanted };
        match self {
            Self::Inside => {
                let (name, bytes) = FILES.iter().find(|(name, _)| *name == wanted)?;
                Some(((*name).to_owned(), Cow::Borrowed(*bytes)))
            }
            Self::Folder(folder) => {
                let name = listing::files(folder).into_iter().find(|name| name == wanted)?;
                let bytes = std::fs::read(folder.join(&name)).ok()?;
                Some((name, Cow::Owned(bytes)))
            }
        }
    }
}

/// How many bytes a browser loads at the most: all files of the page together.
pub fn page_bytes() -> usize {
    FILES.iter().map(|(_, bytes)| bytes.len()).sum()
}

/// The type of a file, by its ending.
fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
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

/// Answers with a file of the page: what no other path of the server stands for comes here.
pub(crate) async fn page(State(studio): State<Studio>, request: Request) -> Response {
    let path = request.uri().path();
    let found = studio.assets().find(path);
    let Some((name, bytes)) = found else {
        let message =
            format!("nothing is at {path:?}; the page is at / and the interface at /api/v1");
        return ApiError::new(Code::NotFound, message).into_response();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_allowed().await.into_response();
    }
    let tag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..32]);
    let known = is_known(request.headers(), &tag);
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let body = match bytes {
        _ if known => Body::empty(),
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

/// Whether a client has the file of a tag already.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let tags =
        headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

/// The answer to a method that a path does not take.
pub(crate) async fn not_allowed() -> ApiError {
    let message = "this path takes other methods; `GET /api/v1/openapi.json` lists them";
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
            assert_ne!(content_type(name), "application/octet-stream", "{name}: of which type?");
        }
    }

    #[test]
    fn paths_lead_to_files_of_the_page_alone() {
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
        for bad in
            ["/../secret", "/js/../../secret", "//index.html", "/js", "/.env", "/%2e%2e/secret", ""]
        {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn tags_are_recognised() {
        let mut headers = HeaderMap::new();
        assert!(!is_known(&headers, "\"a\""));
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"b\", W/\"a\""));
        assert!(is_known(&headers, "\"a\"") && !is_known(&headers, "\"c\""));
    }
}
