//! Short decoding and encoding jobs of concurrent requests, done together.
//!
//! A network reads all its weights for one window as for several. Requests wait in one queue. Each
//! of a few workers takes all that are waiting, decodes and encodes them as one batch, and answers
//! each. Windows of a batch don't depend on each other, so a request gets the same answer as alone.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use controlgen::encode::encode_windows;
use controlgen::generate::{LatentBatch, decode_together};
use controlgen::model::Model;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;

use crate::Studio;
use crate::cell::lock;
use crate::error::{ApiError, Code};

/// Maximum number of windows of a request; more are a job of their own, on all threads.
pub(crate) const MAX_WINDOWS: usize = 8;
/// Number of windows from which a batch takes no further request.
const FULL: usize = 32;

/// What to do with the music of a request.
#[derive(Debug)]
pub(crate) enum Step {
    /// Decode latents.
    Decode(LatentBatch),
    /// Decode latents, and encode the music again.
    DecodeAndEncode(LatentBatch),
    /// Encode windows.
    Encode(Vec<Vec<u16>>),
}

impl Step {
    /// A step that decodes latents, and encodes the music again if `measure`.
    pub(crate) fn decode(batch: LatentBatch, measure: bool) -> Self {
        if measure { Self::DecodeAndEncode(batch) } else { Self::Decode(batch) }
    }

    fn len(&self) -> usize {
        match self {
            Self::Decode(batch) | Self::DecodeAndEncode(batch) => batch.len(),
            Self::Encode(windows) => windows.len(),
        }
    }

    fn latents(&self) -> Option<&LatentBatch> {
        match self {
            Self::Decode(batch) | Self::DecodeAndEncode(batch) => Some(batch),
            Self::Encode(_) => None,
        }
    }
}

/// The result of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stepped {
    /// The windows decoded, or those that were encoded.
    pub(crate) windows: Vec<Vec<u16>>,
    /// Their latents after encoding, `[n, Z]`; empty unless asked for.
    pub(crate) mu: Vec<f32>,
}

/// A step whose request waits.
#[derive(Debug)]
struct Waiting {
    step: Step,
    answer: oneshot::Sender<Stepped>,
}

/// The queue, and workers with no work.
#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Waiting>,
    idle: Vec<usize>,
}

/// The queue of steps and its workers.
#[derive(Debug)]
pub(crate) struct Steps {
    queue: Mutex<Queue>,
    /// One thread for each worker: a batch is smaller than what threads would share, and a thread
    /// that waits for another can't begin a second batch meanwhile.
    workers: Vec<ThreadPool>,
    max_waiting: usize,
}

impl Steps {
    /// Starts workers, and lets up to `max_waiting` requests wait.
    pub(crate) fn new(n_workers: usize, max_waiting: usize) -> Result<Self, ThreadPoolBuildError> {
        let worker = |number: usize| {
            let pool = ThreadPoolBuilder::new().num_threads(1);
            pool.thread_name(move |_| format!("step-{number}")).build()
        };
        let workers = (0..n_workers).map(worker).collect::<Result<_, _>>()?;
        let queue = Queue { waiting: VecDeque::new(), idle: (0..n_workers).collect() };
        Ok(Self { queue: Mutex::new(queue), workers, max_waiting })
    }

    /// Does batch after batch until nothing waits.
    fn work(&self, worker: usize, model: &Model) {
        loop {
            let batch = {
                let mut queue = lock(&self.queue);
                let batch = queue.batch();
                if batch.is_empty() {
                    queue.idle.push(worker);
                    return;
                }
                batch
            };
            // Requests whose batch panics get an error: their senders are dropped.
            if catch_unwind(AssertUnwindSafe(|| answer(model, batch))).is_err() {
                tracing::error!("a step of the studio panicked");
            }
        }
    }
}

impl Queue {
    /// Takes requests that are still awaited, up to a full batch.
    fn batch(&mut self) -> Vec<Waiting> {
        let (mut batch, mut n) = (Vec::new(), 0);
        while n < FULL
            && let Some(waiting) = self.waiting.pop_front()
        {
            if !waiting.answer.is_closed() {
                n += waiting.step.len();
                batch.push(waiting);
            }
        }
        batch
    }
}

/// Does the steps of a batch and answers their requests.
fn answer(model: &Model, batch: Vec<Waiting>) {
    let (steps, answers): (Vec<Step>, Vec<_>) =
        batch.into_iter().map(|waiting| (waiting.step, waiting.answer)).unzip();
    for (answer, stepped) in answers.into_iter().zip(together(model, steps)) {
        // The request may have been dropped.
        let _ = answer.send(stepped);
    }
}

/// The results of steps, the same as of each alone.
fn together(model: &Model, steps: Vec<Step>) -> Vec<Stepped> {
    let latents: Vec<&LatentBatch> = steps.iter().filter_map(Step::latents).collect();
    let mut decoded = decode_together(model, &latents).into_iter();
    let mut results: Vec<(Stepped, bool)> = Vec::with_capacity(steps.len());
    for step in steps {
        let (windows, encodes) = match step {
            Step::Decode(_) => (decoded.next().unwrap_or_default(), false),
            Step::DecodeAndEncode(_) => (decoded.next().unwrap_or_default(), true),
            Step::Encode(windows) => (windows, true),
        };
        results.push((Stepped { windows, mu: Vec::new() }, encodes));
    }
    let encoded = || results.iter().filter(|(_, encodes)| *encodes);
    let windows: Vec<Vec<u16>> = encoded().flat_map(|(step, _)| step.windows.clone()).collect();
    if !windows.is_empty() {
        let mut mu = encode_windows(model, &windows).into_iter();
        for (step, _) in results.iter_mut().filter(|(_, encodes)| *encodes) {
            step.mu.extend(mu.by_ref().take(step.windows.len() * model.z_size()));
        }
    }
    results.into_iter().map(|(step, _)| step).collect()
}

impl Studio {
    /// Does a step, together with those of other requests.
    ///
    /// # Errors
    /// [`Code::Busy`] if too many wait, [`Code::Internal`] if it panics.
    pub(crate) async fn step(&self, step: Step) -> Result<Stepped, ApiError> {
        let steps = &self.steps;
        let (answer, answered) = oneshot::channel();
        let worker = {
            let mut queue = lock(&steps.queue);
            if queue.waiting.len() >= steps.max_waiting {
                return Err(ApiError::busy());
            }
            queue.waiting.push_back(Waiting { step, answer });
            queue.idle.pop()
        };
        if let Some(worker) = worker {
            let studio = self.clone();
            steps.workers[worker].spawn(move || studio.steps.work(worker, &studio.model));
        }
        let message = "internal error; see the log of the server";
        answered.await.map_err(|_| ApiError::new(Code::Internal, message))
    }
}
