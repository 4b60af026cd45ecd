//! Hostile requests, with the response to each.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::client::Client;
use super::server::Server;
use crate::process::{answer, say};

/// Number of connections that send nothing.
const IDLE: usize = 1000;
/// Number of connections whose headers never end.
const SLOW: usize = 300;
/// Number of simultaneous long jobs.
const LONG: usize = 100;
const MIB: usize = 1 << 20;

/// Sends all hostile requests and prints the response to each. Fails if the server does not respond
/// as usual afterwards.
pub(super) fn run(server: &Server) -> Result<Value> {
    let mut table = Table { server, rows: Vec::new() };
    answer("request                                               response");
    table.bodies()?;
    table.foreign_origins()?;
    table.paths()?;
    table.headers()?;
    table.idle()?;
    table.long_jobs()?;
    let mut client = Client::connect(server.socket())?;
    client.get_json("/api/v1/model").context("the server no longer responds")?;
    say("the server still responds");
    Ok(Value::Array(table.rows))
}

struct Table<'a> {
    server: &'a Server,
    rows: Vec<Value>,
}

impl Table<'_> {
    fn row(&mut self, what: &str, got: &str) {
        answer(&format!("{what:52}  {got}"));
        self.rows.push(json!({ "sent": what, "got": got }));
    }

    /// Sends a request on a new connection.
    fn send(&mut self, what: &str, head: &str, body: &[u8]) -> Result<()> {
        let head = head.replace("OWN", &self.server.socket().to_string());
        let started = Instant::now();
        let reply = Client::connect(self.server.socket())?.send(head.as_bytes(), body);
        let got = match reply {
            Ok(reply) => {
                let code = reply.code().unwrap_or_default();
                format!("{} {code}  {:.0} ms", reply.status, started.elapsed().as_secs_f64() * 1e3)
            }
            Err(error) => format!("closed: {error:#}"),
        };
        self.row(what, &got);
        Ok(())
    }

    fn post(&mut self, what: &str, path: &str, kind: &str, body: &[u8]) -> Result<()> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: OWN\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(what, &head, body)
    }

    fn bodies(&mut self) -> Result<()> {
        let (decode, json) = ("/api/v1/decode", "application/json");
        self.post("JSON of 3 MiB", decode, json, &vec![b' '; 3 * MIB])?;
        self.post("JSON of 50 MiB", decode, json, &vec![b' '; 50 * MIB])?;
        let head = "POST /api/v1/decode HTTP/1.1\r\nHost: OWN\r\nContent-Type: application/json\r\n\
                    Content-Length: 1099511627776\r\n\r\n";
        self.send("a body announced with 1 TiB that is never sent", head, b"")?;
        self.post("no JSON", decode, json, b"{\"z\": [[")?;
        self.post("JSON with 100,000 nested lists", decode, json, &vec![b'['; 100_000])?;
        self.post("not a number", decode, json, b"{\"z\": [[NaN]]}")?;
        self.post("a number that is out of range", decode, json, b"{\"z\": [[1e300]]}")?;
        self.post("a latent of two numbers", decode, json, b"{\"z\": [[0, 1]], \"seed\": 1}")?;
        let many = format!("{{\"points\": [{{\"z\": []}}], \"n_windows\": {}}}", u64::MAX);
        self.post("a path of 2^64 windows", "/api/v1/interpolate", json, many.as_bytes())?;
        self.post("JSON declared as text", decode, "text/plain", b"{}")?;
        let form = "multipart/form-data; boundary=x";
        let file = |bytes: &[u8]| {
            let head = b"--x\r\nContent-Disposition: form-data; name=\"file\"; \
                filename=\"../../a.mid\"\r\n\r\n";
            [head, bytes, b"\r\n--x--\r\n"].concat()
        };
        self.post("an upload of 9 MiB", "/api/v1/tunes", form, &file(&vec![0; 9 * MIB]))?;
        self.post("half a form", "/api/v1/tunes", form, b"--x\r\nContent-Dis")?;
        self.post("a file that is not MIDI", "/api/v1/tunes", form, &file(b"no music"))?;
        let bomb = midi_bomb();
        self.post("a MIDI file of 2.7 million notes", "/api/v1/tunes", form, &file(&bomb))?;
        self.post(
            "a style of another program",
            "/api/v1/styles/import",
            json,
            b"{\"format\": \"x\"}",
        )?;
        let head = "POST /api/v1/decode HTTP/1.1\r\nHost: OWN\r\nContent-Type: application/json\r\n\
                    Content-Length: 10\r\n\r\n";
        self.send("a body that is never sent", head, b"{")
    }

    fn foreign_origins(&mut self) -> Result<()> {
        for (what, headers) in [
            ("the Host of another site", "Host: evil.example"),
            (
                "another site's name that resolves to this machine",
                "Host: localhost.evil.example:6873",
            ),
            ("another port", "Host: 127.0.0.1:1"),
            ("no Host", "X: y"),
            ("two Hosts", "Host: OWN\r\nHost: evil.example"),
            ("the Origin of another site", "Host: OWN\r\nOrigin: http://evil.example"),
            ("a null Origin, as from a sandboxed frame", "Host: OWN\r\nOrigin: null"),
            ("a picture on another page", "Host: OWN\r\nSec-Fetch-Site: cross-site"),
        ] {
            self.send(what, &format!("GET /api/v1/model HTTP/1.1\r\n{headers}\r\n\r\n"), b"")?;
        }
        let head =
            "DELETE /api/v1/styles/0 HTTP/1.1\r\nHost: OWN\r\nOrigin: http://evil.example\r\n\r\n";
        self.send("another site removing a style", head, b"")
    }

    fn paths(&mut self) -> Result<()> {
        for path in [
            "/../../../../etc/passwd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/..%5c..%5cwindows",
            "/api/v1/styles/..%2f..%2fetc%2fpasswd",
            "/index.html%00.js",
            "//evil.example/",
            "/.git/config",
        ] {
            self.send(path, &format!("GET {path} HTTP/1.1\r\nHost: OWN\r\n\r\n"), b"")?;
        }
        self.send("TRACE /", "TRACE / HTTP/1.1\r\nHost: OWN\r\n\r\n", b"")
    }

    fn headers(&mut self) -> Result<()> {
        self.send("no HTTP", "nonsense\r\n\r\n", b"")?;
        let long = format!("GET / HTTP/1.1\r\nHost: OWN\r\nX: {}\r\n\r\n", "x".repeat(100_000));
        self.send("a head of 100 kB", &long, b"")?;
        let many = format!("GET / HTTP/1.1\r\nHost: OWN\r\n{}\r\n", "X: y\r\n".repeat(1000));
        self.send("a head of 1,000 lines", &many, b"")?;
        let smuggled = "POST /api/v1/decode HTTP/1.1\r\nHost: OWN\r\nContent-Length: 5\r\n\
                        Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n\
                        0\r\n\r\n";
        self.send("a length and chunks at once", smuggled, b"")
    }

    /// Connections that send nothing, or never finish their request.
    fn idle(&mut self) -> Result<()> {
        let mut held: Vec<Client> = Vec::new();
        for _ in 0..IDLE {
            match Client::connect(self.server.socket()) {
                Ok(client) => held.push(client),
                Err(error) => {
                    say(&format!("only {} connections could be opened: {error:#}", held.len()));
                    break;
                }
            }
        }
        let milliseconds = self.time_of_model()?;
        let closed = held.iter_mut().filter_map(|c| c.is_closed().then_some(())).count();
        let got =
            format!("a new request takes {milliseconds:.0} ms; {closed} were closed to make room");
        self.row(&format!("{} connections that send nothing", held.len()), &got);
        let mut slow = Vec::new();
        for _ in 0..SLOW {
            let mut stream = TcpStream::connect(self.server.socket())?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ")?;
            slow.push(stream);
        }
        let milliseconds = self.time_of_model()?;
        let got = format!("a new request takes {milliseconds:.0} ms");
        self.row(&format!("{SLOW} more whose headers never end"), &got);
        drop((held, slow));
        Ok(())
    }

    fn time_of_model(&self) -> Result<f64> {
        let started = Instant::now();
        Client::connect(self.server.socket())?.get_json("/api/v1/model")?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    }

    /// More long jobs than can run at once, together with a short one; then all their clients
    /// disconnect.
    fn long_jobs(&mut self) -> Result<()> {
        let styles = Client::connect(self.server.socket())?.get_json("/api/v1/styles")?;
        let window = Client::connect(self.server.socket())?.get_json("/api/v1/windows/0")?;
        let body = json!({
            "style": styles[0]["name"], "n": 64, "bars": 64, "temperature": 1.0, "max_copy_fraction": 0.0
        });
        let body = body.to_string();
        let head = format!(
            "POST /api/v1/generate HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.server.socket(),
            body.len()
        );
        let mut streams = Vec::new();
        for _ in 0..LONG {
            let mut stream = TcpStream::connect(self.server.socket())?;
            stream.write_all(head.as_bytes())?;
            stream.set_nonblocking(true)?;
            streams.push(stream);
        }
        std::thread::sleep(Duration::from_secs(1));
        let body =
            json!({ "z": [window["window"]["z"]], "temperature": 0.5, "seed": 1 }).to_string();
        let started = Instant::now();
        let reply = Client::connect(self.server.socket())?.post(
            "/api/v1/decode",
            "application/json",
            body.as_bytes(),
        )?;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        ensure!(reply.status == 200, "decoding during long jobs: {}", reply.text());
        let mut first = [0; 12];
        let refused = streams.iter().filter(|stream| {
            use std::io::Read;
            let mut stream = *stream;
            stream.read(&mut first).is_ok_and(|n| first[..n].ends_with(b"503"))
        });
        let refused = refused.count();
        let got = format!(
            "{refused} get 503 busy, the others wait or run; a decoding step meanwhile takes \
                 {milliseconds:.0} ms"
        );
        self.row(&format!("{LONG} long jobs at once"), &got);
        drop(streams);
        let started = Instant::now();
        let body = json!({ "style": styles[0]["name"], "n": 1, "temperature": 0.5 }).to_string();
        loop {
            let mut client = Client::connect(self.server.socket())?;
            let reply = client.post("/api/v1/generate", "application/json", body.as_bytes())?;
            if reply.status != 503 {
                ensure!(reply.status == 200, "after long jobs: {}", reply.text());
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let got = format!(
            "the next job is finished after {:.0} ms",
            started.elapsed().as_secs_f64() * 1e3
        );
        self.row("their clients disconnect", &got);
        Ok(())
    }
}

/// A small file with the maximum number of notes: each event uses running status.
fn midi_bomb() -> Vec<u8> {
    let mut track = vec![0, 0x90, 60, 80];
    while track.len() < 8 * MIB - 1024 {
        track.extend([0, 60, 80]);
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let length = u32::try_from(track.len()).unwrap_or(u32::MAX).to_be_bytes();
    let head = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk";
    [&head[..], &length, &track].concat()
}
