//! Two lanes of work: what a hand waits for, and what takes long. Neither waits for the other.
//!
//! Each has threads of its own, so that the pieces of a long job never stand before a short one; the system
//! shares the processors between them. A thread that waits for its part of a job may do another job of its lane
//! meanwhile, so that jobs must not wait for each other: nothing is computed in parallel with a lock held.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::{Semaphore, oneshot};

use crate::error::{ApiError, Code};

/// Tells work that nobody waits for it any more. Loops look at it between batches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Leaves work that nobody waits for.
    ///
    /// # Errors
    /// If so; nobody reads it.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        if self.is_set() {
            return Err(ApiError::new(Code::Timeout, "nobody waits for this any more"));
        }
        Ok(())
    }
}

/// Sets a [`Stop`] when the request that waits is dropped.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Threads for one kind of work, with a bound on what runs and on what waits.
#[derive(Debug)]
pub(crate) struct Lane {
    pool: ThreadPool,
    /// What runs.
    running: Arc<Semaphore>,
    /// What runs and what waits.
    places: Arc<Semaphore>,
}

impl Lane {
    /// A lane that runs `n_running` jobs at once and lets as many as `n_waiting` wait.
    pub(crate) fn new(
        name: &'static str,
        n_running: usize,
        n_waiting: usize,
    ) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .thread_name(move |number| format!("{name}-{number}"))
            // A panic in a detached task must not end the program; `run` turns those of jobs into answers.
            .panic_handler(|_| tracing::error!("a task of the studio panicked"))
            .build()?;
        Ok(Self {
            pool,
            running: Arc::new(Semaphore::new(n_running)),
            places: Arc::new(Semaphore::new(n_running + n_waiting)),
        })
    }

    /// Does some work that nobody waits for.
    pub(crate) fn begin(&self, work: impl FnOnce() + Send + 'static) {
        self.pool.spawn(work);
    }

    /// Does some work on the lane's threads. If the answer is no longer waited for, the work is told to stop, or never
    /// begins.
    ///
    /// # Errors
    /// [`Code::Busy`] if too much waits already; [`Code::Internal`] if the work panics; and the work's own.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Stop) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Err(ApiError::busy());
        };
        let stop = Stop::default();
        let _on_drop = StopOnDrop(stop.clone());
        let Ok(turn) = Arc::clone(&self.running).acquire_owned().await else {
            return Err(ApiError::busy());
        };
        let (answer, answered) = oneshot::channel();
        self.pool.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| {
                stop.check()?;
                work(&stop)
            }));
            drop((turn, place));
            let result = result.unwrap_or_else(|_| {
                let message = "the server made a mistake here; its log says which";
                Err(ApiError::new(Code::Internal, message))
            });
            // Nobody may wait any more.
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
            let lane = Lane::new("test", 1, 1).unwrap();
            let work = lane.run(move |stop| {
                began.send(()).unwrap();
                while !stop.is_set() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                ended.send(()).unwrap();
                Ok(())
            });
            let dropped = tokio::time::timeout(Duration::from_millis(50), work).await;
            assert!(dropped.is_err());
            begin.recv_timeout(Duration::from_secs(10)).unwrap();
            end.recv_timeout(Duration::from_secs(10)).unwrap();
            // The lane is free again.
            assert_eq!(lane.run(|_| Ok(7)).await, Ok(7));
        });
    }

    #[test]
    fn a_full_lane_says_busy_and_a_panic_is_an_answer() {
        runtime().block_on(async {
            let lane = Arc::new(Lane::new("test", 1, 0).unwrap());
            let (release, released) = mpsc::channel::<()>();
            let busy = Arc::clone(&lane);
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
            assert_eq!(lane.run(|_| Ok(2)).await, Err(ApiError::busy()));
            drop(release);
            assert_eq!(first.await.unwrap(), Ok(1));
            let panicked = lane.run(|_| -> Result<(), ApiError> { panic!("a test's") }).await;
            assert_eq!(panicked.unwrap_err().code, Code::Internal);
        });
    }
}
