//! Connections: a bounded number of them, the longest idle ones closed where more come.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tower::ServiceExt;

use crate::studio::{Studio, StudioError};
use crate::{limits, router};

/// Threads that move bytes; work has its own.
const N_THREADS: usize = 2;
/// How long answers that are being sent may take when the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// After an error to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);
/// What a connection gets that there is no place for.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Tells a server to stop; clones tell the same one.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Sender<bool>);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// For one server.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Stops the server: answers that are being made are sent, within two seconds.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    async fn asked(&self) {
        // The sender is held here, so that this can't fail.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }
}

/// Serves a studio at a listener of loopback until told to stop.
///
/// # Errors
/// [`StudioError::Serve`]: where the listener is not on loopback, or can't be used.
pub fn run(listener: TcpListener, studio: Studio, shutdown: &Shutdown) -> Result<(), StudioError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let message = format!("{address} can be reached from elsewhere; only loopback is allowed");
        return Err(std::io::Error::other(message).into());
    }
    listener.set_nonblocking(true)?;
    studio.warm_up();
    let app = router(studio, address.port());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(N_THREADS)
        .thread_name("studio")
        .enable_io()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        accept(&listener, app, shutdown).await;
        Ok(())
    })
}

/// The connections that there are.
#[derive(Debug, Default)]
struct Connections(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    next: u64,
    all: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    /// Since when it waits for a request; none while one is answered.
    idle_since: Option<Instant>,
    line: Arc<Line>,
}

/// What a connection shares with the list of them.
#[derive(Debug, Default)]
struct Line {
    close: Notify,
    /// Whether it ever had a request.
    used: AtomicBool,
}

impl Connections {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for another connection: if there is none, that of the one that has idled longest, which is closed. None
    /// if all are busy.
    fn enter(&self) -> Option<(u64, Arc<Line>)> {
        let mut held = self.held();
        if held.all.len() >= limits::CONNECTIONS {
            let idle = held.all.iter().filter_map(|(id, c)| Some((c.idle_since?, *id)));
            let (_, oldest) = idle.min()?;
            let closed = held.all.remove(&oldest)?;
            closed.line.close.notify_one();
        }
        let (id, line) = (held.next, Arc::<Line>::default());
        held.next += 1;
        let connection = Connection { idle_since: Some(Instant::now()), line: Arc::clone(&line) };
        held.all.insert(id, connection);
        Some((id, line))
    }

    fn set_idle(&self, id: u64, idle_since: Option<Instant>) {
        if let Some(connection) = self.held().all.get_mut(&id) {
            connection.idle_since = idle_since;
        }
    }

    fn leave(&self, id: u64) {
        self.held().all.remove(&id);
    }

    fn close_all(&self) {
        self.held().all.values().for_each(|connection| connection.line.close.notify_one());
    }
}

async fn accept(listener: &tokio::net::TcpListener, app: Router, shutdown: &Shutdown) {
    let connections = Arc::new(Connections::default());
    let mut asked = pin!(shutdown.asked());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut asked => break,
        };
        match accepted {
            Ok((stream, _)) => match connections.enter() {
                Some((id, line)) => {
                    let held = Arc::clone(&connections);
                    tokio::spawn(connection(stream, app.clone(), held, id, line));
                }
                // If it can't be written at once it is not written.
                None => drop(stream.try_write(NO_PLACE)),
            },
            Err(error) => {
                tracing::warn!("can't accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    connections.close_all();
    let until = Instant::now() + LAST_ANSWERS;
    while !connections.held().all.is_empty() && Instant::now() < until {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Answers the requests of one connection.
async fn connection(
    stream: TcpStream,
    app: Router,
    connections: Arc<Connections>,
    id: u64,
    line: Arc<Line>,
) {
    // Answers are written whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let (held, own) = (Arc::clone(&connections), Arc::clone(&line));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        own.used.store(true, Ordering::Relaxed);
        held.set_idle(id, None);
        let (app, held) = (app.clone(), Arc::clone(&held));
        async move {
            let answer = app.oneshot(request.map(Body::new)).await;
            held.set_idle(id, Some(Instant::now()));
            answer
        }
    });
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::IDLE_TIME)
            .max_buf_size(limits::HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    let asked_to_close = tokio::select! {
        result = &mut serving => {
            if let Err(error) = result {
                tracing::debug!("a connection ended: {error}");
            }
            false
        }
        () = line.close.notified() => true,
    };
    // One that never asked anything has no answer on its way.
    if asked_to_close && line.used.load(Ordering::Relaxed) {
        serving.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(LAST_ANSWERS, serving).await;
    }
    connections.leave(id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_connection_makes_room_and_busy_ones_stay() {
        let connections = Connections::default();
        let all: Vec<u64> =
            (0..limits::CONNECTIONS).map(|_| connections.enter().unwrap().0).collect();
        // The first is busy: the second goes.
        connections.set_idle(all[0], None);
        let (newest, _) = connections.enter().unwrap();
        let held = || connections.held().all.keys().copied().collect::<Vec<u64>>();
        assert!(held().contains(&all[0]) && !held().contains(&all[1]) && held().contains(&newest));
        for id in held() {
            connections.set_idle(id, None);
        }
        assert!(connections.enter().is_none(), "all are busy");
        connections.leave(newest);
        assert!(connections.enter().is_some());
    }
}
