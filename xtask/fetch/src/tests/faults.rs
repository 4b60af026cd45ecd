//! How a download handles each fault of a server.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::server::{Server, announced, good, send};
use crate::download::{Downloaded, download};
use crate::hashes::{Expected, FileHashes};
use crate::transfer::Network;
use crate::wanted::{RetryPolicy, Wanted};

/// 200 kB without repetition, so that a misplaced part is noticed.
pub(super) fn content() -> Vec<u8> {
    (0_u32..50_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

pub(super) fn retry() -> RetryPolicy {
    RetryPolicy {
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_millis(300),
        backoff: Duration::from_millis(1),
        max_fruitless: 3,
    }
}

struct Download {
    folder: tempfile::TempDir,
    wanted: Wanted,
}

impl Download {
    /// Expects [`content`], whose size and hash are known.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("right");
        std::fs::write(&path, content()).unwrap();
        let found = FileHashes::from_file(&path).unwrap();
        let expected = Expected { sha256: Some(found.sha256), ..Expected::default() };
        let bytes = Some(found.bytes);
        let wanted = Wanted { name: "set.zip".to_owned(), bytes, limit: 1 << 20, expected };
        Self { folder, wanted }
    }

    /// Expects a file of which nothing is known.
    fn unknown() -> Self {
        let mut download = Self::new();
        download.wanted.bytes = None;
        download.wanted.expected = Expected::default();
        download
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("set.zip")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("set.zip.part")
    }

    fn run(&self, urls: &[String]) -> anyhow::Result<Downloaded> {
        download(&Network::new(retry()), &self.wanted, urls, &self.file())
    }

    fn succeeds(&self, server: &Server) {
        let done = self.run(&[server.url("set.zip")]).unwrap();
        assert_eq!(std::fs::read(self.file()).unwrap(), content());
        assert_eq!(done.verified, self.wanted.expected.strongest());
        assert!(!self.part().exists());
    }

    fn fails(&self, server: &Server) -> String {
        let error = self.run(&[server.url("set.zip")]).unwrap_err();
        assert!(!self.file().exists());
        format!("{error:#}").replace(&server.url("set.zip"), "URL")
    }
}

#[test]
fn a_cut_connection_is_resumed_where_it_ended() {
    let server = Server::start(|request, stream| announced(request, stream, &content(), 70_000));
    Download::new().succeeds(&server);
    let asked: Vec<Option<usize>> = server.requests().iter().map(|r| r.from).collect();
    assert_eq!(asked, [None, Some(70_000), Some(140_000)]);
    assert_eq!(server.requests()[1].if_range.as_deref(), Some("\"v1\""));
}

#[test]
fn a_killed_download_goes_on_in_the_next_run() {
    let server = Server::start(|request, stream| match request.n {
        0 => announced(request, stream, &content(), 90_000),
        1 => send(stream, "404 Not Found", &[], b""),
        _ => good(request, stream, &content()),
    });
    let download = Download::new();
    download.fails(&server);
    assert_eq!(std::fs::metadata(download.part()).unwrap().len(), 90_000);
    download.succeeds(&server);
    assert_eq!(server.requests()[2].from, Some(90_000));
}

#[test]
fn a_server_that_never_brings_anything_new_is_given_up() {
    let server = Server::start(|request, stream| announced(request, stream, &content(), 0));
    let error = Download::new().fails(&server);
    assert!(error.contains("gave up after 3 attempts without new data"), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_server_that_ignores_ranges_is_read_from_its_beginning() {
    let server = Server::start(|request, stream| {
        let cut = if request.n == 0 { 50_000 } else { usize::MAX };
        let whole = super::server::Request { from: None, ..request.clone() };
        announced(&whole, stream, &content(), cut)
    });
    Download::new().succeeds(&server);
    assert_eq!(server.requests()[1].from, Some(50_000));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_server_that_ignores_ranges_and_always_cuts_is_given_up() {
    let server = Server::start(|request, stream| {
        let whole = super::server::Request { from: None, ..request.clone() };
        announced(&whole, stream, &content(), 50_000)
    });
    let error = Download::new().fails(&server);
    assert!(error.contains("gave up"), "{error}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn another_range_than_asked_for_is_not_pasted_in() {
    let server = Server::start(|request, stream| match (request.n, request.from) {
        (0, _) => announced(request, stream, &content(), 50_000),
        (_, Some(_)) => {
            let headers = [("Content-Range", "bytes 10-199999/200000")];
            send(stream, "206 Partial Content", &headers, &content()[10..])
        }
        _ => good(request, stream, &content()),
    });
    Download::new().succeeds(&server);
    let asked: Vec<Option<usize>> = server.requests().iter().map(|r| r.from).collect();
    assert_eq!(asked, [None, Some(50_000), None]);
}

#[test]
fn a_part_of_which_nothing_is_missing_is_checked_and_used() {
    let server = Server::serving(content());
    let download = Download::new();
    std::fs::write(download.part(), content()).unwrap();
    download.succeeds(&server);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_part_that_is_longer_than_the_file_is_thrown_away() {
    let server = Server::serving(content());
    let download = Download::new();
    std::fs::write(download.part(), vec![0; 300_000]).unwrap();
    download.succeeds(&server);
    let asked: Vec<Option<usize>> = server.requests().iter().map(|r| r.from).collect();
    assert_eq!(asked, [Some(300_000), None]);
}

#[test]
fn a_damaged_part_costs_one_more_download() {
    let server = Server::serving(content());
    let download = Download::new();
    std::fs::write(download.part(), vec![7; 1000]).unwrap();
    download.succeeds(&server);
    let asked: Vec<Option<usize>> = server.requests().iter().map(|r| r.from).collect();
    assert_eq!(asked, [Some(1000), None]);
}

#[test]
fn wrong_bytes_are_refused_and_both_hashes_named() {
    let mut wrong = content();
    wrong[123_456] ^= 1;
    let server = Server::serving(wrong);
    let download = Download::new();
    let error = download.fails(&server);
    let right = download.wanted.expected.sha256.clone().unwrap();
    assert!(error.starts_with("URL: its sha256 is "), "{error}");
    assert!(error.ends_with(&format!(", but it should be {right}")), "{error}");
    // Nothing is left for a later run to resume.
    assert!(!download.part().exists());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_mirror_is_asked_when_the_publisher_has_the_wrong_bytes() {
    let (bad, good) = (Server::serving(vec![0; 200_000]), Server::serving(content()));
    let download = Download::new();
    let done = download.run(&[bad.url("set.zip"), good.url("set.zip")]).unwrap();
    assert_eq!(done.url, good.url("set.zip"));
    let gone = Server::start(|_, stream| send(stream, "410 Gone", &[], b""));
    let urls = [gone.url("a"), bad.url("b")];
    std::fs::remove_file(download.file()).unwrap();
    let error = format!("{:#}", download.run(&urls).unwrap_err());
    assert!(error.starts_with("no URL gave set.zip:\n"), "{error}");
    assert!(error.contains("410 Gone") && error.contains("its sha256 is"), "{error}");
}

#[test]
fn two_servers_halves_are_not_joined_without_a_hash() {
    let other: Vec<u8> = content().iter().map(|byte| !byte).collect();
    let (first, second) = (
        Server::start(move |request, stream| match request.n {
            0 => announced(request, stream, &other, 90_000),
            _ => send(stream, "403 Forbidden", &[], b""),
        }),
        Server::serving(content()),
    );
    let download = Download::unknown();
    download.run(&[first.url("set.zip"), second.url("set.zip")]).unwrap();
    assert_eq!(std::fs::read(download.file()).unwrap(), content());
    assert_eq!(second.requests()[0].from, None);
}

#[test]
fn a_size_that_is_not_the_manifests_is_refused_before_a_byte_is_read() {
    let server = Server::serving(vec![0; 1000]);
    let error = Download::new().fails(&server);
    assert_eq!(error, "URL: the server says that it has 1000 bytes, but it should have 200000");
    let server = Server::serving(vec![0; 2 << 20]);
    let error = Download::unknown().fails(&server);
    assert!(error.contains("2.0 MiB, more than the limit of 1.0 MiB"), "{error}");
}

#[test]
fn more_than_was_announced_is_not_written() {
    // No length at all, and no end: the manifest's size limits it.
    let server = Server::start(|_, stream| {
        send(stream, "200 OK", &[], &content())?;
        (0..200).try_for_each(|_| std::io::Write::write_all(stream, &content()))
    });
    let download = Download::new();
    let error = download.fails(&server);
    assert_eq!(error, "URL: the server sends more than 200000 bytes");
    assert!(!download.part().exists());
    // Nothing is known: the general limit applies.
    assert_eq!(Download::unknown().fails(&server), "URL: the server sends more than 1048576 bytes");
    // More than the announced length: the rest is not read.
    let server = Server::start(|_, stream| {
        let long = [content(), content()].concat();
        send(stream, "200 OK", &[("Content-Length", "200000")], &long)
    });
    Download::new().succeeds(&server);
}

#[test]
fn less_than_is_known_is_a_cut_even_without_a_length() {
    let server = Server::start(|request, stream| match request.from {
        None => send(stream, "200 OK", &[], &content()[..100]),
        Some(_) => good(request, stream, &content()),
    });
    Download::new().succeeds(&server);
    assert_eq!(server.requests()[1].from, Some(100));
}

#[test]
fn redirects_are_followed_with_the_range() {
    let target = std::sync::Arc::new(Server::start(|request, stream| {
        announced(request, stream, &content(), 120_000)
    }));
    let other = std::sync::Arc::clone(&target);
    let server = Server::start(move |request, stream| {
        if request.path == "/set.zip" {
            return send(stream, "302 Found", &[("Location", "/next/set.zip")], b"");
        }
        let location = other.url("real.zip");
        send(stream, "301 Moved Permanently", &[("Location", &location)], b"")
    });
    Download::new().succeeds(&server);
    let asked: Vec<Option<usize>> = target.requests().iter().map(|r| r.from).collect();
    assert_eq!(asked, [None, Some(120_000)]);
}

#[test]
fn a_redirect_loop_and_other_schemes_end() {
    let server =
        Server::start(|_, stream| send(stream, "302 Found", &[("Location", "/set.zip")], b""));
    let error = Download::new().fails(&server);
    assert_eq!(error, "URL: more than 8 redirects");
    assert!(server.requests().len() <= 10);
    for location in ["file:///etc/passwd", "ftp://127.0.0.1/set.zip", ""] {
        let server = Server::start(move |_, stream| {
            send(stream, "302 Found", &[("Location", location)], b"")
        });
        let error = Download::new().fails(&server);
        assert!(error.starts_with("URL: "), "{location}: {error}");
    }
}

#[test]
fn a_slow_server_is_waited_for_and_a_silent_one_is_not() {
    let server = Server::start(|request, stream| {
        let bytes = content();
        match request.n {
            // Slow all the time, but never silent for long.
            0 => {
                send(stream, "200 OK", &[("Content-Length", "200000")], b"")?;
                for piece in bytes[..100_000].chunks(10_000) {
                    std::io::Write::write_all(stream, piece)?;
                    std::thread::sleep(Duration::from_millis(60));
                }
                // And now silent for good.
                std::thread::sleep(Duration::from_secs(4));
                Ok(())
            }
            _ => good(request, stream, &bytes),
        }
    });
    let start = Instant::now();
    Download::new().succeeds(&server);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(server.requests()[1].from, Some(100_000));
}

#[test]
fn errors_that_may_pass_are_tried_again_and_others_are_not() {
    let server = Server::start(|request, stream| match request.n {
        0 => send(stream, "500 Internal Server Error", &[("Content-Length", "0")], b""),
        1 => send(stream, "503 Service Unavailable", &[("Retry-After", "0")], b""),
        _ => good(request, stream, &content()),
    });
    Download::new().succeeds(&server);
    assert_eq!(server.requests().len(), 3);
    let server = Server::start(|_, stream| send(stream, "404 Not Found", &[], b"no"));
    assert_eq!(Download::new().fails(&server), "URL: the server answered 404 Not Found");
    assert_eq!(server.requests().len(), 1);
    let server = Server::start(|_, stream| send(stream, "500 Internal Server Error", &[], b""));
    let error = Download::new().fails(&server);
    assert!(error.ends_with("the server answered 500 Internal Server Error"), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn web_pages_and_packed_answers_are_not_data() {
    let page = [("Content-Type", "text/html; charset=utf-8")];
    let server = Server::start(move |_, stream| send(stream, "200 OK", &page, b"<html>"));
    assert_eq!(Download::unknown().fails(&server), "URL: the server answered with a web page");
    let server =
        Server::start(|_, stream| send(stream, "200 OK", &[("Content-Encoding", "gzip")], b"x"));
    let error = Download::unknown().fails(&server);
    assert!(error.contains("compressed it in transit (gzip)"), "{error}");
}

#[test]
fn what_is_no_http_ends_with_an_error() {
    for answer in [&b"\x00\xff\xfe rubbish\r\n\r\n"[..], b"HTTP/1.1 banana\r\n\r\n", b""] {
        let server = Server::start(move |_, stream| std::io::Write::write_all(stream, answer));
        assert!(Download::new().fails(&server).starts_with("URL: "));
    }
    let nobody = Server::serving(Vec::new());
    let url = nobody.url("set.zip");
    drop(nobody);
    assert!(Download::new().run(&[url]).is_err());
}

#[test]
fn nothing_is_written_beside_the_file() {
    let download = Download::new();
    download.succeeds(&Server::serving(content()));
    let mut names: Vec<_> = std::fs::read_dir(download.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["right", "set.zip"].map(|name| Path::new(name).as_os_str().to_owned()));
}
