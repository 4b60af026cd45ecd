//! Two worker pools, for interactive and for long jobs. Neither waits for the other.
//!
//! Each pool has separate threads, so parts of a long job never delay a short one; the operating
//! system shares the processors between them. A thread that waits for its part of a job may run
//! another job of its pool meanwhile, so jobs must not wait for each other: nothing is computed in
//! parallel while a lock is held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::{Semaphore, oneshot};

use crate::error::{ApiError, Code};

/// Signals that nobody is waiting for a job anymore. Loops check it between batches.
#[derive(Clone, Debug, Default)]
pub(crate) struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    pub(crate) fn is_canceled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it is canceled, for loops elsewhere.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Aborts a job that nobody waits for.
    ///
    /// # Errors
    /// Returns an error if canceled; nobody reads the error.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        if self.is_canceled() {
            return Err(ApiError::new(Code::Timeout, "the request was canceled"));
        }
        Ok(())
    }
}

/// Sets a [`CancelToken`] when the waiting request is dropped.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Threads for one kind of job, with limits on running and on waiting jobs.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    threads: ThreadPool,
    /// Limits running jobs.
    running: Arc<Semaphore>,
    /// Limits running and waiting jobs together.
    places: Arc<Semaphore>,
}

impl WorkerPool {
    /// Creates a pool that runs `n_running` jobs at once and lets up to `n_waiting` wait.
    pub(crate) fn new(
        name: &'static str,
        n_running: usize,
        n_waiting: usize,
    ) -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new()
            .thread_name(move |number| format!("{name}-{number}"))
            // A panic in a detached task must not end the program; `run` turns panics of jobs into
            // error responses.
            .panic_handler(|_| tracing::error!("a background task of the studio panicked"))
            .build()?;
        Ok(Self {
            threads,
            running: Arc::new(Semaphore::new(n_running)),
            places: Arc::new(Semaphore::new(n_running + n_waiting)),
        })
    }

    /// Starts a job without waiting for it.
    pub(crate) fn begin(&self, work: impl FnOnce() + Send + 'static) {
        self.threads.spawn(work);
    }

    /// Runs a job on the threads of the pool. If the response is no longer awaited, the job is
    /// canceled or never started.
    ///
    /// # Errors
    /// [`Code::Busy`] if too many jobs are waiting, [`Code::Internal`] if the job panics, and the
    /// errors of the job.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancelToken) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(ApiError::busy());
        };
        let cancel = CancelToken::default();
        let _on_drop = CancelOnDrop(cancel.clone());
        let Ok(turn) = Arc::clone(&self.running).acquire_owned().await else {
            return Err(ApiError::busy());
        };
        let (answer, answered) = oneshot::channel();
        self.threads.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| {
                cancel.check()?;
                work(&cancel)
            }));
            drop((turn, place));
            let result = result.unwrap_or_else(|_| {
                let message = "internal error; see the log of the server";
                Err(ApiError::new(Code::Internal, message))
            });
            // The request may have been dropped.
            let _ = answer.send(result);
        });
        answered.await.unwrap_or_else(|_| Err(ApiError::busy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
    }

    #[test]
    fn work_whose_request_is_dropped_stops() {
        let (began, begin) = mpsc::channel();
        let (ended, end) = mpsc::channel();
        runtime().block_on(async {
            let pool = WorkerPool::new("test", 1, 1).unwrap();
            let work = pool.run(move |cancel| {
                began.send(()).unwrap();
                while !cancel.is_canceled() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                ended.send(()).unwrap();
                Ok(())
            });
            let dropped = tokio::time::timeout(Duration::from_millis(50), work).await;
            assert!(dropped.is_err());
            begin.recv_timeout(Duration::from_secs(10)).unwrap();
            end.recv_timeout(Duration::from_secs(10)).unwrap();
            // The pool is free again.
            assert_eq!(pool.run(|_| Ok(7)).await, Ok(7));
        });
    }

    #[test]
    fn a_full_pool_is_busy_and_a_panic_is_an_answer() {
        runtime().block_on(async {
            let pool = Arc::new(WorkerPool::new("test", 1, 0).unwrap());
            let (release, released) = mpsc::channel::<()>();
            let busy = Arc::clone(&pool);
            let (began, begin) = oneshot::channel();
            let first = tokio::spawn(async move {
                let work = busy.run(move |_| {
                    began.send(()).unwrap();
                    let _ = released.recv();
                    Ok(1)
                });
                work.await
            });
            begin.await.unwrap();
            assert_eq!(pool.run(|_| Ok(2)).await, Err(ApiError::busy()));
            drop(release);
            assert_eq!(first.await.unwrap(), Ok(1));
            let panicked = pool.run(|_| -> Result<(), ApiError> { panic!("part of a test") }).await;
            assert_eq!(panicked.unwrap_err().code, Code::Internal);
        });
    }
}
