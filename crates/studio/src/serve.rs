//! Connections: their number is limited, and the longest idle ones are closed if more arrive.

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

/// Threads for I/O; work has separate threads.
const N_THREADS: usize = 2;
/// Time to finish sending responses when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after a failed accept, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(50);
/// The response to a connection beyond the limit.
const SERVICE_UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
      Connection: close\r\n\r\n";

/// A handle that stops a server; clones stop the same one.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Sender<bool>);

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Creates a handle for one server.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Stops the server; responses in progress are completed within two seconds.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    async fn requested(&self) {
        // `self` holds the sender, so this can't fail.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}

/// Serves a studio on a loopback listener until it is told to stop.
///
/// # Errors
/// [`StudioError::Serve`] if the listener is not on loopback, or can't be used.
pub fn run(listener: TcpListener, studio: Studio, shutdown: &Shutdown) -> Result<(), StudioError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let message =
            format!("{address} is reachable from other machines; only loopback is allowed");
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

/// The open connections.
#[derive(Debug, Default)]
struct Connections(Mutex<ConnectionList>);

#[derive(Debug, Default)]
struct ConnectionList {
    next: u64,
    all: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    /// Time since which it has been waiting for a request; `None` while a request is being
    /// answered.
    idle_since: Option<Instant>,
    state: Arc<ConnectionState>,
}

/// State that a connection shares with the list.
#[derive(Debug, Default)]
struct ConnectionState {
    close: Notify,
    /// Whether it ever received a request.
    used: AtomicBool,
}

impl Connections {
    fn list(&self) -> MutexGuard<'_, ConnectionList> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection, closing the longest idle one if the limit is reached. Returns `None`
    /// if all are busy.
    fn enter(&self) -> Option<(u64, Arc<ConnectionState>)> {
        let mut list = self.list();
        if list.all.len() >= limits::CONNECTIONS {
            let idle = list.all.iter().filter_map(|(id, c)| Some((c.idle_since?, *id)));
            let (_, oldest) = idle.min()?;
            let closed = list.all.remove(&oldest)?;
            closed.state.close.notify_one();
        }
        let (id, state) = (list.next, Arc::<ConnectionState>::default());
        list.next += 1;
        let connection = Connection { idle_since: Some(Instant::now()), state: Arc::clone(&state) };
        list.all.insert(id, connection);
        Some((id, state))
    }

    fn set_idle(&self, id: u64, idle_since: Option<Instant>) {
        if let Some(connection) = self.list().all.get_mut(&id) {
            connection.idle_since = idle_since;
        }
    }

    fn leave(&self, id: u64) {
        self.list().all.remove(&id);
    }

    fn close_all(&self) {
        self.list().all.values().for_each(|connection| connection.state.close.notify_one());
    }
}

async fn accept(listener: &tokio::net::TcpListener, app: Router, shutdown: &Shutdown) {
    let connections = Arc::new(Connections::default());
    let mut stop = pin!(shutdown.requested());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => match connections.enter() {
                Some((id, state)) => {
                    let connections = Arc::clone(&connections);
                    tokio::spawn(connection(stream, app.clone(), connections, id, state));
                }
                // Dropped if it can't be written immediately.
                None => drop(stream.try_write(SERVICE_UNAVAILABLE)),
            },
            Err(error) => {
                tracing::warn!("can't accept a connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    connections.close_all();
    let until = Instant::now() + SHUTDOWN_TIMEOUT;
    while !connections.list().all.is_empty() && Instant::now() < until {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Answers the requests of one connection.
async fn connection(
    stream: TcpStream,
    app: Router,
    connections: Arc<Connections>,
    id: u64,
    state: Arc<ConnectionState>,
) {
    // Responses are written in one piece, so waiting for more data only delays them.
    let _ = stream.set_nodelay(true);
    let (list, shared) = (Arc::clone(&connections), Arc::clone(&state));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        shared.used.store(true, Ordering::Relaxed);
        list.set_idle(id, None);
        let (app, list) = (app.clone(), Arc::clone(&list));
        async move {
            let answer = app.oneshot(request.map(Body::new)).await;
            list.set_idle(id, Some(Instant::now()));
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
    let is_closing = tokio::select! {
        result = &mut serving => {
            if let Err(error) = result {
                tracing::debug!("a connection ended: {error}");
            }
            false
        }
        () = state.close.notified() => true,
    };
    // A connection that never received a request has no pending response.
    if is_closing && state.used.load(Ordering::Relaxed) {
        serving.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, serving).await;
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
        // The first one is busy, so the second one is closed.
        connections.set_idle(all[0], None);
        let (newest, _) = connections.enter().unwrap();
        let ids = || connections.list().all.keys().copied().collect::<Vec<u64>>();
        assert!(ids().contains(&all[0]) && !ids().contains(&all[1]) && ids().contains(&newest));
        for id in ids() {
            connections.set_idle(id, None);
        }
        assert!(connections.enter().is_none(), "all are busy");
        connections.leave(newest);
        assert!(connections.enter().is_some());
    }
}
