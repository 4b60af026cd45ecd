//! Malformed and hostile requests.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, header};
use serde_json::json;

use crate::support::{App, request};

#[tokio::test]
async fn other_hosts_and_other_pages_are_rejected() {
    let app = App::shared();
    for (host, origin, code) in [
        ("evil.example:6873", None, "foreign_host"),
        ("127.0.0.1:1", None, "foreign_host"),
        ("localhost:6873", Some("http://evil.example"), "foreign_origin"),
        ("localhost:6873", Some("null"), "foreign_origin"),
        ("localhost:6873", Some("http://localhost:1"), "foreign_origin"),
    ] {
        for path in ["/", "/api/v1/model", "/nothing"] {
            let mut builder = Request::builder().uri(path).header(header::HOST, host);
            if let Some(origin) = origin {
                builder = builder.header(header::ORIGIN, origin);
            }
            let reply = app.send(builder.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.error(), (403, code.to_owned()), "{host} {origin:?} {path}");
        }
    }
    let own = request(Method::GET, "/api/v1/model").header(header::ORIGIN, "http://[::1]:6873");
    app.send(own.body(Body::empty()).unwrap()).await.ok();
}

#[tokio::test]
async fn paths_lead_only_to_the_page_and_the_api() {
    let app = App::shared();
    for path in [
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/index.html/../x",
        "/api/v1/../../etc/passwd",
        "/api/v1/",
        "/api",
        "/api/v2/model",
        "/index.html%00.js",
        "/.git/config",
        "/API/V1/MODEL",
        "/api/v1/model/",
    ] {
        let reply = app.get(path).await;
        assert_eq!(reply.error(), (404, "not_found".to_owned()), "{path}");
    }
    for path in ["/api/v1/styles/..%2f..%2fetc%2fpasswd", "/api/v1/styles/%00"] {
        assert_eq!(app.get(path).await.error(), (404, "unknown_style".to_owned()), "{path}");
    }
    for (method, path) in
        [(Method::GET, "/api/v1/decode"), (Method::PUT, "/api/v1/styles"), (Method::POST, "/")]
    {
        let reply = app.send(request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!(reply.error(), (405, "method_not_allowed".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn malformed_bodies_are_rejected() {
    let app = App::shared();
    let send = async |path: &str, kind: Option<&str>, body: &'static [u8]| {
        let mut builder = request(Method::POST, path);
        if let Some(kind) = kind {
            builder = builder.header(header::CONTENT_TYPE, kind);
        }
        app.send(builder.body(Body::from(body)).unwrap()).await.error()
    };
    let json = Some("application/json");
    for bad in [&b"{"[..], b"", b"\xff\xfe", b"{\"z\": NaN}", b"not json"] {
        assert_eq!(
            send("/api/v1/decode", json, bad).await,
            (400, "malformed".to_owned()),
            "{bad:?}"
        );
    }
    let deep: &'static [u8] =
        Box::leak([&b"{\"x\": "[..], &vec![b'['; 100_000][..]].concat().into_boxed_slice());
    assert_eq!(send("/api/v1/decode", json, deep).await, (400, "malformed".to_owned()));
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let expected = (415, "unsupported_media_type".to_owned());
        assert_eq!(send("/api/v1/decode", kind, b"{}").await, expected, "{kind:?}");
        assert_eq!(send("/api/v1/tunes", kind, b"{}").await, expected, "{kind:?}");
        assert_eq!(send("/api/v1/styles/import", kind, b"{}").await, expected, "{kind:?}");
    }
    let form = Some("multipart/form-data");
    assert_eq!(send("/api/v1/tunes", form, b"x").await.0, 400, "no boundary");
    let form = Some("multipart/form-data; boundary=x");
    assert_eq!(
        send("/api/v1/tunes", form, b"--x\r\nContent-Dispo").await,
        (400, "malformed".to_owned())
    );
}

#[tokio::test]
async fn large_bodies_are_rejected_announced_or_not() {
    let app = App::shared();
    let too_large = (413, "too_large".to_owned());
    let big = Bytes::from(vec![b' '; (2 << 20) + 1]);
    let builder =
        || request(Method::POST, "/api/v1/decode").header(header::CONTENT_TYPE, "application/json");
    let reply = app.send(builder().body(Body::from(big.clone())).unwrap()).await;
    assert_eq!(reply.error(), too_large);
    let announced = builder().header(header::CONTENT_LENGTH, (1_u64 << 40).to_string());
    let reply = app.send(announced.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.error(), too_large);
    let files = [("a.mid", vec![0; (8 << 20) + 1])];
    assert_eq!(app.upload("/api/v1/tunes", &[], &files).await.error(), too_large);
    let text = "x".repeat(2000);
    let reply = app.upload("/api/v1/styles", &[("name", &text)], &[("a.mid", vec![0])]).await;
    assert_eq!(reply.error(), (422, "invalid".to_owned()));
    // Valid requests still work afterwards.
    app.post("/api/v1/decode", json!({ "z": [app.latent(0).await] })).await.ok();
}
