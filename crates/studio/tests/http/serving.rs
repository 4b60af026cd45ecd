//! Real connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use studio::{Shutdown, StudioError};

use crate::support::App;

/// A running server.
struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
    thread: JoinHandle<Result<(), StudioError>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let (studio, handle) = (App::shared().studio.clone(), shutdown.clone());
        let thread = std::thread::spawn(move || studio::run(listener, studio, &handle));
        Self { address, shutdown, thread }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends text and returns the first line of the response.
    fn send(&self, text: &str) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(text.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    }

    fn model(&self) -> String {
        self.send(&format!(
            "GET /api/v1/model HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        ))
    }

    fn stop(self) {
        self.shutdown.now();
        self.thread.join().unwrap().unwrap();
    }
}

#[test]
fn idle_connections_block_nobody_and_the_server_can_be_stopped() {
    let server = Server::start();
    assert_eq!(server.model(), "HTTP/1.1 200 OK");
    let idle: Vec<TcpStream> = (0..400).map(|_| server.connect()).collect();
    assert_eq!(server.model(), "HTTP/1.1 200 OK");
    // The first ones were closed to make room.
    let mut first = &idle[0];
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0);
    // Request heads that never end don't block connections either.
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
            stream
        })
        .collect();
    assert_eq!(server.model(), "HTTP/1.1 200 OK");
    drop((idle, slow));
    server.stop();
}

#[test]
fn invalid_http_is_rejected() {
    let server = Server::start();
    let own = server.address;
    for (text, answer) in [
        ("nonsense\r\n\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        (
            format!("GET / HTTP/1.1\r\nHost: {own}\r\nX: {}\r\n\r\n", "x".repeat(40_000)),
            "HTTP/1.1 431 Request Header Fields Too Large",
        ),
        ("GET /api/v1/model HTTP/1.0\r\n\r\n".to_owned(), "HTTP/1.0 403 Forbidden"),
        (
            "GET /api/v1/model HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
                .to_owned(),
            "HTTP/1.1 403 Forbidden",
        ),
        (
            format!(
                "GET http://evil.example/ HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"
            ),
            "HTTP/1.1 403 Forbidden",
        ),
        (
            format!("GET /../../etc/passwd HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 404 Not Found",
        ),
    ] {
        assert_eq!(server.send(&text), answer, "{}", &text[..40.min(text.len())]);
    }
    assert_eq!(server.model(), "HTTP/1.1 200 OK");
    server.stop();
}
