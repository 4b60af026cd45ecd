//! A minimal HTTP client: one connection, and only responses with a content length.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Timeout for a response.
const PATIENCE: Duration = Duration::from_mins(1);

/// A persistent connection.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// A response.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The error code of the response.
    pub(super) fn code(&self) -> Option<String> {
        let json: Value = serde_json::from_slice(&self.body).ok()?;
        json["error"]["code"].as_str().map(str::to_owned)
    }
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("can't reach the studio")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    pub(super) fn get_json(&mut self, path: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.get_bytes(path)?)?)
    }

    pub(super) fn get_bytes(&mut self, path: &str) -> Result<Vec<u8>> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        let reply = self.send(head.as_bytes(), &[])?;
        ensure!(reply.status == 200, "{path} returned status {}: {}", reply.status, reply.text());
        Ok(reply.body)
    }

    pub(super) fn post_json(&mut self, path: &str, body: &Value) -> Result<Value> {
        let reply = self.post(path, "application/json", body.to_string().as_bytes())?;
        ensure!(reply.status == 200, "{path} returned status {}: {}", reply.status, reply.text());
        Ok(serde_json::from_slice(&reply.body)?)
    }

    pub(super) fn post(&mut self, path: &str, kind: &str, body: &[u8]) -> Result<Reply> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        self.send(head.as_bytes(), body)
    }

    /// Sends raw bytes, and reads a response even if not all of them can be sent.
    pub(super) fn send(&mut self, head: &[u8], body: &[u8]) -> Result<Reply> {
        let stream = self.stream.get_mut();
        let sent = stream.write_all(&[head, body].concat());
        match self.read() {
            Ok(reply) => Ok(reply),
            Err(error) => {
                sent.context("the request could not be sent")?;
                Err(error)
            }
        }
    }

    /// Reads a response.
    pub(super) fn read(&mut self) -> Result<Reply> {
        let mut line = String::new();
        self.stream.read_line(&mut line).context("no answer")?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("the response is not HTTP: {line:?}"))?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("the content length is not a number")?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Reply { status, body })
    }

    /// Whether the server has closed the connection.
    pub(super) fn is_closed(&mut self) -> bool {
        let stream = self.stream.get_mut();
        let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
        matches!(stream.read(&mut [0]), Ok(0))
    }
}
