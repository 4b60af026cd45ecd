//! A small HTTP server on the loopback interface whose responses are determined by each test,
//! especially faulty ones.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The parts of a request that tests look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// The first byte requested.
    pub(crate) from: Option<usize>,
    pub(crate) if_range: Option<String>,
    /// Number of requests before this one.
    pub(crate) n: usize,
}

type Handler = dyn Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync;

/// Runs until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers the single request of each connection with `handler`, then closes it.
    pub(crate) fn start(
        handler: impl Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, stop) =
            (Arc::<Mutex<Vec<Request>>>::default(), Arc::<AtomicBool>::default());
        let (log, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let handler: Arc<Handler> = Arc::new(handler);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                // Detached, so that a sleeping handler does not block the next connection.
                std::thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    let Ok(mut request) = read(&stream) else { return };
                    {
                        let mut log = log.lock().unwrap();
                        request.n = log.len();
                        log.push(request.clone());
                    }
                    // The client may have disconnected, which is allowed.
                    let _ = handler(&request, &mut stream);
                });
            }
        });
        Self { address, requests, stop, thread: Some(thread) }
    }

    /// A server that returns these bytes for every path and supports ranges.
    pub(crate) fn serving(bytes: Vec<u8>) -> Self {
        Self::start(move |request, stream| good(request, stream, &bytes))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes up the thread.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request { path, ..Request::default() };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "range" => {
                let from = value.strip_prefix("bytes=").and_then(|v| v.strip_suffix('-'));
                request.from = from.and_then(|from| from.parse().ok());
            }
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(request)
}

/// Sends a status line, headers, and a body of any length.
pub(crate) fn send(
    stream: &mut TcpStream,
    status: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n")?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    stream.write_all(body)?;
    stream.flush()
}

/// The response of a correct server: the whole file, or the requested rest.
pub(crate) fn good(request: &Request, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    announced(request, stream, bytes, usize::MAX)
}

/// The same, but the connection ends after `cut` bytes of the body.
pub(crate) fn announced(
    request: &Request,
    stream: &mut TcpStream,
    bytes: &[u8],
    cut: usize,
) -> io::Result<()> {
    let total = bytes.len();
    match request.from {
        Some(from) if from >= total => {
            let range = format!("bytes */{total}");
            send(stream, "416 Range Not Satisfiable", &[("Content-Range", &range)], b"")
        }
        Some(from) => {
            let rest = &bytes[from..];
            let range = format!("bytes {from}-{}/{total}", total - 1);
            let length = rest.len().to_string();
            let headers = [("Content-Range", range.as_str()), ("Content-Length", &length)];
            send(stream, "206 Partial Content", &headers, &rest[..rest.len().min(cut)])
        }
        None => {
            let length = total.to_string();
            let headers = [("Content-Length", length.as_str()), ("ETag", "\"v1\"")];
            send(stream, "200 OK", &headers, &bytes[..total.min(cut)])
        }
    }
}
