//! Admission control: the allowed clients, the number of concurrent requests, and their maximum
//! duration. Checked before everything else.
//!
//! Any page open in the user's browser can reach a server on loopback. To keep others out, the
//! `Host` must be this server (which rules out foreign names that resolve to 127.0.0.1), and so
//! must the `Origin`, if there is one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::error::{ApiError, Code};
use crate::limits;

/// The content security policy of the page: it may load from and connect to this server only, plus
/// data it creates itself.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; media-src 'self' blob:; \
     worker-src 'self' blob:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
/// Headers of every response.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Host names that always mean this machine.
const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Checks all requests.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    port: u16,
    requests: Arc<Semaphore>,
}

impl Guard {
    /// The guard of a server on a port.
    pub(crate) fn new(port: u16) -> Self {
        Self { port, requests: Arc::new(Semaphore::new(limits::REQUESTS)) }
    }

    /// Whether an authority, for example `127.0.0.1:6873`, is this server.
    fn is_this_server(&self, authority: &str) -> bool {
        let Ok(parsed) = authority.parse::<Authority>() else { return false };
        // Browsers never send a user name and password here.
        let port = match parsed.port() {
            Some(port) => port.as_u16(),
            None => 80,
        };
        let host = parsed.host();
        !authority.contains('@')
            && port == self.port
            && HOSTS.iter().any(|name| host.eq_ignore_ascii_case(name))
    }

    /// Checks the host and the origin of a request.
    fn check(&self, request: &Request) -> Result<(), ApiError> {
        let headers = request.headers();
        let foreign_host = || {
            let message = format!(
                "this server only answers at 127.0.0.1, [::1] and localhost, port {}; \
                 open one of these addresses",
                self.port
            );
            ApiError::new(Code::ForeignHost, message)
        };
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).ok_or_else(foreign_host)?;
        let is_own_address =
            request.uri().authority().is_none_or(|found| self.is_this_server(found.as_str()));
        if hosts.next().is_some() || !self.is_this_server(host) || !is_own_address {
            return Err(foreign_host());
        }
        let is_own_origin = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            origin.is_some_and(|authority| self.is_this_server(authority))
        };
        let is_same_origin = headers.get_all(header::ORIGIN).iter().all(is_own_origin);
        // Browsers send this header even for requests without an origin, for example for images.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_api = request.uri().path().starts_with("/api/");
        let is_cross_site = matches!(site, Some(site) if site != b"same-origin" && site != b"none");
        if !is_same_origin || is_api && is_cross_site {
            let message =
                "only the page of this server may send requests; open the address it printed";
            return Err(ApiError::new(Code::ForeignOrigin, message));
        }
        Ok(())
    }
}

/// Checks a request, has it answered within the time limit, and adds the common headers.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response =
        answer(&guard, request, next).await.unwrap_or_else(IntoResponse::into_response);
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

async fn answer(guard: &Guard, request: Request, next: Next) -> Result<Response, ApiError> {
    guard.check(&request)?;
    let _held = guard.requests.try_acquire().map_err(|_| ApiError::busy())?;
    let answered = tokio::time::timeout(limits::REQUEST_TIME, next.run(request)).await;
    answered.map_err(|_| {
        let seconds = limits::REQUEST_TIME.as_secs();
        let message = format!("this took longer than {seconds} s and was stopped; request less");
        ApiError::new(Code::Timeout, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn code(headers: &[(&str, &str)], uri: &str) -> Option<Code> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        Guard::new(6873).check(&request).err().map(|error| error.code)
    }

    #[test]
    fn only_own_host_names_and_origins_are_accepted() {
        for own in ["127.0.0.1:6873", "[::1]:6873", "localhost:6873", "LOCALHOST:6873"] {
            assert_eq!(code(&[("host", own)], "/"), None, "{own}");
            let origin = format!("http://{own}");
            assert_eq!(code(&[("host", own), ("origin", &origin)], "/"), None, "{own}");
        }
        for foreign in [
            "evil.example:6873",
            "127.0.0.1:6874",
            "127.0.0.1",
            "localhost.evil.example:6873",
            "0.0.0.0:6873",
            "a@127.0.0.1:6873",
            "127.0.0.1:6873.evil.example",
            "",
            "127.0.0.1:6873/",
            "127.1:6873",
        ] {
            assert_eq!(code(&[("host", foreign)], "/"), Some(Code::ForeignHost), "{foreign}");
            let origin = format!("http://{foreign}");
            let found = code(&[("host", "localhost:6873"), ("origin", &origin)], "/");
            assert_eq!(found, Some(Code::ForeignOrigin), "{foreign}");
        }
        let host = ("host", "localhost:6873");
        assert_eq!(code(&[], "/"), Some(Code::ForeignHost));
        assert_eq!(code(&[host, ("host", "evil.example")], "/"), Some(Code::ForeignHost));
        assert_eq!(code(&[host], "http://evil.example/"), Some(Code::ForeignHost));
        for origin in ["null", "https://localhost:6873", "file://"] {
            assert_eq!(
                code(&[host, ("origin", origin)], "/"),
                Some(Code::ForeignOrigin),
                "{origin}"
            );
        }
    }

    #[test]
    fn images_and_scripts_of_other_pages_can_t_use_the_api() {
        let with = |site, uri| code(&[("host", "localhost:6873"), ("sec-fetch-site", site)], uri);
        assert_eq!(with("cross-site", "/api/v1/model"), Some(Code::ForeignOrigin));
        assert_eq!(with("same-site", "/api/v1/model"), Some(Code::ForeignOrigin));
        assert_eq!(with("same-origin", "/api/v1/model"), None);
        assert_eq!(with("none", "/api/v1/model"), None);
        // Following a link to the page is allowed.
        assert_eq!(with("cross-site", "/"), None);
    }

    #[test]
    fn the_default_port_is_80() {
        let guard = Guard::new(80);
        assert!(guard.is_this_server("localhost") && guard.is_this_server("localhost:80"));
        assert!(!guard.is_this_server("localhost:81"));
    }
}
