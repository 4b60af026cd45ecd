//! Who may ask, how much at once, and how long: checked before anything else.
//!
//! A server on loopback can be reached by every page that the user's browser has open. What keeps others out: the
//! `Host` must be this server (a name that someone else points at 127.0.0.1 is not), and so must be the `Origin` where
//! there is one.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::error::{ApiError, Code};
use crate::limits;

/// What the page may load and talk to: this server, and what it makes itself.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; media-src 'self' blob:; \
     worker-src 'self' blob:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
/// What every answer says.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Names of this machine that only it has.
const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// The door.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    port: u16,
    requests: Arc<Semaphore>,
}

impl Guard {
    /// The door of a server at a port.
    pub(crate) fn new(port: u16) -> Self {
        Self { port, requests: Arc::new(Semaphore::new(limits::REQUESTS)) }
    }

    /// Whether an authority, as `127.0.0.1:6873`, is this server.
    fn is_own(&self, authority: &str) -> bool {
        let Ok(parsed) = authority.parse::<Authority>() else { return false };
        // A name and a password before it are nothing that a browser sends.
        let port = match parsed.port() {
            Some(port) => port.as_u16(),
            None => 80,
        };
        let host = parsed.host();
        !authority.contains('@')
            && port == self.port
            && HOSTS.iter().any(|own| host.eq_ignore_ascii_case(own))
    }

    /// Checks where a request is sent to, and from where.
    fn check(&self, request: &Request) -> Result<(), ApiError> {
        let headers = request.headers();
        let foreign_host = || {
            let message = format!(
                "this server answers at 127.0.0.1, [::1] and localhost, port {}, only; open that address",
                self.port
            );
            ApiError::new(Code::ForeignHost, message)
        };
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).ok_or_else(foreign_host)?;
        let in_address = request.uri().authority().is_none_or(|found| self.is_own(found.as_str()));
        if hosts.next().is_some() || !self.is_own(host) || !in_address {
            return Err(foreign_host());
        }
        let own_origin = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            origin.is_some_and(|authority| self.is_own(authority))
        };
        let from_own = headers.get_all(header::ORIGIN).iter().all(own_origin);
        // Browsers say where a request comes from even if they send no origin, as for pictures.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_api = request.uri().path().starts_with("/api/");
        let from_elsewhere =
            matches!(site, Some(site) if site != b"same-origin" && site != b"none");
        if !from_own || is_api && from_elsewhere {
            let message = "only a page of this very server may ask; open the address it printed";
            return Err(ApiError::new(Code::ForeignOrigin, message));
        }
        Ok(())
    }
}

/// Checks a request, has it answered in time, and adds what every answer says.
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
        let message = format!("this took longer than {seconds} s and was stopped; ask for less");
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
    fn only_this_server_is_asked_and_only_by_its_own_page() {
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
    fn pictures_and_scripts_of_other_pages_get_nothing_of_the_interface() {
        let with = |site, uri| code(&[("host", "localhost:6873"), ("sec-fetch-site", site)], uri);
        assert_eq!(with("cross-site", "/api/v1/model"), Some(Code::ForeignOrigin));
        assert_eq!(with("same-site", "/api/v1/model"), Some(Code::ForeignOrigin));
        assert_eq!(with("same-origin", "/api/v1/model"), None);
        assert_eq!(with("none", "/api/v1/model"), None);
        // A link to the page may be followed.
        assert_eq!(with("cross-site", "/"), None);
    }

    #[test]
    fn without_a_port_it_is_that_of_the_web() {
        let guard = Guard::new(80);
        assert!(guard.is_own("localhost") && guard.is_own("localhost:80"));
        assert!(!guard.is_own("localhost:81"));
    }
}
