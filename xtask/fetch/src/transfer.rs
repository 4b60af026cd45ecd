//! One request for a file or for the rest of it, and the possible responses.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, ResponseExt};

use super::manifest::is_url;
use super::meter::{Meter, bytes as readable};
use super::part::{Part, PartState};
use super::wanted::{RetryPolicy, Wanted};
use crate::process::say;

const REDIRECTS: u32 = 8;
/// Maximum delay that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(2);
const USER_AGENT: &str = concat!("controlgen-xtask/", env!("CARGO_PKG_VERSION"));

/// The HTTP client.
pub(crate) struct Network {
    agent: Agent,
    pub(crate) retry: RetryPolicy,
}

/// Why a request did not return the whole file.
pub(crate) enum Failure {
    /// Another attempt would fail in the same way.
    Permanent(Error),
    /// Another attempt may succeed.
    Transient { error: Error, wait: Option<Duration> },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Permanent(error)
    }
}

fn transient(error: Error) -> Failure {
    Failure::Transient { error, wait: None }
}

/// The part of a file that a response contains.
struct Answer {
    first: u64,
    /// The size of the whole file, if known.
    total: Option<u64>,
}

impl Network {
    pub(crate) fn new(retry: RetryPolicy) -> Self {
        // Proxies are taken from the environment, as usual.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(REDIRECTS)
            .max_redirects_will_error(true)
            .max_idle_connections(0)
            .timeout_connect(Some(retry.connect_timeout))
            .timeout_recv_response(Some(retry.read_timeout))
            .timeout_per_read(Some(retry.read_timeout))
            .user_agent(USER_AGENT)
            .build();
        Self { agent: config.into(), retry }
    }

    /// Requests the missing part of a file and appends it to the part.
    pub(crate) fn transfer(&self, wanted: &Wanted, url: &str, part: &Part) -> Result<(), Failure> {
        let have = part.len();
        // If the body were compressed in transit, sizes and ranges would refer to different bytes.
        let mut request = self.agent.get(url).header("Accept-Encoding", "identity");
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
            let state = part.state();
            if let Some(validator) = state.validator.filter(|_| state.url == url) {
                request = request.header("If-Range", validator);
            }
        }
        let mut response = request.call().map_err(of_request)?;
        let Some(answer) = judge(&response, wanted, url, part, have)? else { return Ok(()) };
        if have > 0 && answer.first == 0 {
            say(&format!("{}: the server starts again from the first byte", wanted.name));
        }
        let state = PartState { url: url.to_owned(), validator: validator(&response) };
        if answer.first == 0 {
            part.clear()?;
        }
        part.set_state(&state)?;
        receive(response.body_mut(), wanted, part, &answer)
    }
}

/// The contents of a response; `None` if nothing is missing.
fn judge(
    response: &Response<Body>,
    wanted: &Wanted,
    url: &str,
    part: &Part,
    have: u64,
) -> Result<Option<Answer>, Failure> {
    let status = response.status();
    let answer = match status {
        StatusCode::OK => Answer { first: 0, total: response.body().content_length() },
        StatusCode::PARTIAL_CONTENT if have > 0 => {
            let range = header(response, "content-range").unwrap_or_default();
            match content_range(range) {
                Some((first, total)) if first == have => Answer { first, total },
                _ => {
                    part.clear()?;
                    return Err(transient(anyhow!(
                        "bytes from {have} on were requested, but the server sent {range:?}"
                    )));
                }
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
            let range = header(response, "content-range").unwrap_or_default();
            if range.strip_prefix("bytes */").and_then(|n| n.trim().parse().ok()) == Some(have) {
                return Ok(None);
            }
            part.clear()?;
            return Err(transient(anyhow!("the server has no bytes from {have} on ({range:?})")));
        }
        _ => return Err(of_status(response)),
    };
    let encoding = header(response, "content-encoding").unwrap_or("identity");
    if encoding != "identity" {
        return Err(Failure::Permanent(anyhow!(
            "the server compressed it in transit ({encoding})"
        )));
    }
    if header(response, "content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        return Err(Failure::Permanent(anyhow!("the server answered with a web page")));
    }
    let end = response.get_uri().scheme_str().unwrap_or_default();
    if url.starts_with("https:") && end != "https" && !wanted.expected.is_known() {
        return Err(Failure::Permanent(anyhow!(
            "it was redirected to {end}, which anybody on the way can change, and there is no \
             hash to show it"
        )));
    }
    if let (Some(total), Some(bytes)) = (answer.total, wanted.bytes)
        && total != bytes
    {
        return Err(Failure::Permanent(anyhow!(
            "the server says that it has {total} bytes, but it should have {bytes}"
        )));
    }
    if answer.total.is_some_and(|total| total > wanted.limit) {
        let total = answer.total.map_or_else(String::new, readable);
        return Err(Failure::Permanent(anyhow!(
            "the server says that it has {total}, more than the limit of {}",
            readable(wanted.limit)
        )));
    }
    Ok(Some(answer))
}

/// Appends a body to the part.
fn receive(body: &mut Body, wanted: &Wanted, part: &Part, answer: &Answer) -> Result<(), Failure> {
    let can_t_write = || format!("can't write {}", part.path.display());
    let mut file: File =
        OpenOptions::new().create(true).append(true).open(&part.path).with_context(can_t_write)?;
    let total = answer.total.or(wanted.bytes);
    let most = total.unwrap_or(wanted.limit);
    let mut meter = Meter::new(&wanted.name, answer.first, total);
    let mut at = answer.first;
    let mut reader = body.as_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let error = anyhow!("the connection broke after byte {at}: {error}");
                return Err(transient(error));
            }
        };
        if at + n as u64 > most {
            part.clear()?;
            return Err(Failure::Permanent(anyhow!("the server sends more than {most} bytes")));
        }
        file.write_all(&buffer[..n]).with_context(can_t_write)?;
        at += n as u64;
        meter.at(at);
    }
    match total {
        Some(total) if at < total => {
            Err(transient(anyhow!("the connection ended after {at} of {total} bytes")))
        }
        _ => Ok(()),
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// A validator that shows whether a file is still the same: a strong `ETag`, or else
/// `Last-Modified`.
fn validator(response: &Response<Body>) -> Option<String> {
    let etag = header(response, "etag").filter(|etag| etag.starts_with('"'));
    etag.or_else(|| header(response, "last-modified")).map(str::to_owned)
}

/// The first byte and the total size in `bytes FIRST-LAST/TOTAL`, where TOTAL may be `*`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    // If a server sends less than the rest, the next request asks for what is missing.
    (last >= first && total.is_none_or(|total| last < total)).then_some((first, total))
}

fn of_status(response: &Response<Body>) -> Failure {
    let status = response.status();
    let error = anyhow!("the server answered {status}");
    let may_pass = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    if !may_pass {
        return Failure::Permanent(error);
    }
    let wait = header(response, "retry-after").and_then(|text| text.trim().parse().ok());
    Failure::Transient { error, wait: wait.map(|s| Duration::from_secs(s).min(LONGEST_WAIT)) }
}

fn of_request(error: ureq::Error) -> Failure {
    use ureq::Error as E;
    match error {
        E::Io(_) | E::Timeout(_) | E::ConnectionFailed | E::BodyStalled | E::Protocol(_) => {
            transient(anyhow!("{error}"))
        }
        E::TooManyRedirects => Failure::Permanent(anyhow!("more than {REDIRECTS} redirects")),
        E::HostNotFound => Failure::Permanent(anyhow!("host not found, or no network")),
        E::BadUri(address) if !is_url(&address) => Failure::Permanent(anyhow!(
            "the server redirects to {address:?}, which is not an http URL"
        )),
        error => Failure::Permanent(anyhow!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_ranges_are_ignored() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for text in ["bytes 5-10/10", "bytes 9-5/10", "bytes */10", "5-9/10", "bytes -9/10", ""] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
