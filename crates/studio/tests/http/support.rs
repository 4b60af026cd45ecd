//! A studio with the embedded model, and requests to it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use controlgen::model::Model;
use controlgen::session::Session;
use controlgen::style::StyleFolders;
use corpus::synthetic;
use http_body_util::BodyExt;
use note_seq::midi::{self, WriteOptions};
use serde_json::Value;
use studio::{Studio, StudioOptions, router};
use tempfile::TempDir;
use tower::ServiceExt;

/// The port in the `Host` header.
pub(crate) const PORT: u16 = 6873;
/// Separates the fields of a form.
const BOUNDARY: &str = "----boundary";

/// A studio with a separate folder for its styles.
pub(crate) struct App {
    router: Router,
    pub(crate) studio: Studio,
    pub(crate) folder: TempDir,
}

/// A response.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The body, which must be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body of a successful response.
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.json());
        self.json()
    }

    /// The status and the code of an error response.
    pub(crate) fn error(&self) -> (u16, String) {
        let json = self.json();
        let message = json["error"]["message"].as_str().unwrap();
        assert_ne!(message.len(), 0);
        (self.status.as_u16(), json["error"]["code"].as_str().unwrap().to_owned())
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The folder of a model that is embedded in the program.
fn model_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/model").join(name)
}

impl App {
    /// Creates a separate studio, whose styles can be changed.
    pub(crate) fn new() -> Self {
        Self::of("melody")
    }

    /// A studio of one of the models in the program.
    pub(crate) fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let folders = |model: &Model| StyleFolders::with(model, folder.path());
        let device = musicvae::Device::flex();
        let session = Session::open_with(&model_folder(name), &device, folders).unwrap();
        let options = StudioOptions {
            name: "test".to_owned(),
            page: None,
            pieces: Some(folder.path().join("pieces")),
            save_folder: Some(folder.path().join("saved")),
        };
        let studio = Studio::new(session, None, options).unwrap();
        Self { router: router(studio.clone(), PORT), studio, folder }
    }

    /// A studio shared by tests that change nothing.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<App> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    /// Sends a request unchanged.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(request(Method::DELETE, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.with_json(Method::POST, path, body).await
    }

    pub(crate) async fn with_json(&self, method: Method, path: &str, body: Value) -> Reply {
        let request = request(method, path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Sends a form with text fields and files.
    pub(crate) async fn upload(
        &self,
        path: &str,
        texts: &[(&str, &str)],
        files: &[(&str, Vec<u8>)],
    ) -> Reply {
        let mut form = Vec::new();
        let mut part = |head: String, bytes: &[u8]| {
            let disposition =
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
            form.extend_from_slice(disposition.as_bytes());
            form.extend_from_slice(bytes);
            form.extend_from_slice(b"\r\n");
        };
        for (name, text) in texts {
            part(format!("name=\"{name}\""), text.as_bytes());
        }
        for (name, bytes) in files {
            part(format!("name=\"file\"; filename=\"{name}\""), bytes);
        }
        form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = request(Method::POST, path).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(form)).unwrap()).await
    }

    /// The names of all styles.
    pub(crate) async fn style_names(&self) -> Vec<String> {
        let styles = self.get("/api/v1/styles").await.ok();
        let names = styles.as_array().unwrap().iter().map(|style| style["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    }

    /// The latent of a window on the map.
    pub(crate) async fn latent(&self, index: usize) -> Value {
        self.get(&format!("/api/v1/windows/{index}")).await.ok()["window"]["z"].clone()
    }
}

/// A request to the server itself.
pub(crate) fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, format!("127.0.0.1:{PORT}"))
}

/// A MIDI file of a synthetic piece.
pub(crate) fn piece(style: usize, index: u64) -> Vec<u8> {
    midi::write(&synthetic::piece(style, 1, index), &WriteOptions::default()).unwrap()
}
