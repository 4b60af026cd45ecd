//! The thread that composes phrases.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use controlgen::session::{Session, SessionError};
use models::ModelsError;
use musicvae::Device;
use rtrb::{Consumer, Producer, RingBuffer};
use thiserror::Error;

use crate::catalog::Catalog;
use crate::compose::compose;
use crate::entry::ModelSource;
use crate::phrase::{Phrase, PhraseKey};
use crate::player::{Delivery, Link};

/// Capacity of the queue of requests to the generator.
const REQUESTS: usize = 16;
/// Capacity of the queues of phrases to the player and back.
const DELIVERIES: usize = 64;
/// Number of waiting requests that are kept, the newest ones: a parameter that is being moved
/// causes many requests.
const MAX_WAITING: usize = 2;
/// Interval at which the queue is polled while the host is processing. The audio thread can't wake
/// another thread without a system call.
const AWAKE: Duration = Duration::from_millis(4);
/// The same while the host is not processing.
const ASLEEP: Duration = Duration::from_millis(250);

/// Why a plug-in can't be used.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Models(#[from] ModelsError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("the model has no styles; fit them with `controlgen fit`")]
    NoStyles,
    #[error("the generator's thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the generator's thread ended")]
    Ended,
}

/// State shared by the generator and the main thread. The audio thread uses none of its locks.
#[derive(Default)]
pub(crate) struct Mailbox {
    must_stop: AtomicBool,
    is_active: AtomicBool,
    /// Music of loaded states to be sent to the player, with the numbers of the states.
    restored: Mutex<Vec<(Option<Arc<Phrase>>, u64)>>,
    /// All phrases that the player may hold, so that it never frees one.
    library: Mutex<Vec<Arc<Phrase>>>,
    /// Error messages for the host's log.
    messages: Mutex<Vec<String>>,
    /// Whether there is a new message.
    has_message: AtomicBool,
}

impl Mailbox {
    /// The phrase with this number, if the player may hold it.
    pub(crate) fn phrase(&self, id: u64) -> Option<Arc<Phrase>> {
        lock(&self.library).iter().find(|phrase| phrase.id == id).cloned()
    }

    /// Sends the music of a loaded state to the player.
    pub(crate) fn restore(&self, phrase: Option<Arc<Phrase>>, epoch: u64) {
        lock(&self.library).extend(phrase.clone());
        lock(&self.restored).push((phrase, epoch));
    }

    /// Returns whether there are new messages since the last call. Does not block.
    pub(crate) fn take_alert(&self) -> bool {
        self.has_message.load(Ordering::Relaxed) && self.has_message.swap(false, Ordering::Relaxed)
    }

    /// The messages since the last call.
    pub(crate) fn take_messages(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.messages))
    }

    /// Leaves a message for the host's log.
    pub(crate) fn report(&self, message: String) {
        let mut messages = lock(&self.messages);
        // A repeated failure is reported once.
        if !messages.contains(&message) {
            messages.push(message);
            self.has_message.store(true, Ordering::Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The data behind these locks is consistent after each statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The generator's thread; it ends when this is dropped.
pub(crate) struct Generator {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Generator {
    /// Opens a model on a new thread, and waits until it is open.
    pub(crate) fn start(source: ModelSource) -> Result<(Self, Link, Catalog), StartError> {
        let (requests, incoming) = RingBuffer::new(REQUESTS);
        let (outgoing, deliveries) = RingBuffer::new(DELIVERIES);
        let (returned, back) = RingBuffer::new(DELIVERIES);
        let mailbox = Arc::new(Mailbox::default());
        let (opened, is_open) = mpsc::channel();
        let own = Arc::clone(&mailbox);
        let thread =
            std::thread::Builder::new().name("controlgen".to_owned()).spawn(move || {
                let _pool = on_this_thread_alone();
                let model =
                    open(&source).and_then(|session| Ok((Catalog::new(&session)?, session)));
                let (catalog, session) = match model {
                    Ok((catalog, _)) if catalog.styles.is_empty() => {
                        let _ = opened.send(Err(StartError::NoStyles));
                        return;
                    }
                    Ok(model) => model,
                    Err(error) => {
                        let _ = opened.send(Err(error));
                        return;
                    }
                };
                let _ = opened.send(Ok(catalog.clone()));
                let queues = Queues { incoming, outgoing, back, late: Vec::new() };
                Work { session, catalog, mailbox: own, queues, waiting: Vec::new() }.run();
            })?;
        // Dropped on errors, which ends the thread.
        let generator = Self { mailbox, thread: Some(thread) };
        let catalog = is_open.recv().map_err(|_| StartError::Ended)??;
        Ok((generator, Link { requests, deliveries, returned }, catalog))
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Sets whether the host is processing, which determines how often requests are polled.
    pub(crate) fn set_active(&self, is_active: bool) {
        self.mailbox.is_active.store(is_active, Ordering::Relaxed);
        self.wake();
    }

    /// Wakes the thread to look for work now.
    pub(crate) fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Generator {
    /// Waits for the thread to end, because its code may be unloaded afterwards.
    fn drop(&mut self) {
        self.mailbox.must_stop.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // The thread catches its panics.
            let _ = thread.join();
        }
    }
}

/// Makes `rayon` run the work of this thread on this thread: the processors are needed for the
/// host's audio, and no other thread may remain when a host unloads the plug-in.
fn on_this_thread_alone() -> Option<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().ok()
}

/// The model, which all plug-ins of the process share.
fn open(source: &ModelSource) -> Result<Arc<Session>, StartError> {
    static OPEN: Mutex<BTreeMap<PathBuf, Weak<Session>>> = Mutex::new(BTreeMap::new());
    let folder = match source {
        ModelSource::Embedded(name) => models::model_folder(Some(Path::new(name)))?,
        ModelSource::Folder(folder) => folder.clone(),
    };
    // Held while the model is read, so that a second plug-in does not read it as well.
    let mut open = lock(&OPEN);
    if let Some(session) = open.get(&folder).and_then(Weak::upgrade) {
        return Ok(session);
    }
    let session = Arc::new(Session::open(&folder, &Device::flex())?);
    open.insert(folder, Arc::downgrade(&session));
    Ok(session)
}

/// The generator's ends of the queues.
struct Queues {
    incoming: Consumer<PhraseKey>,
    outgoing: Producer<Delivery>,
    back: Consumer<Arc<Phrase>>,
    /// Deliveries that did not fit into the queue.
    late: Vec<Delivery>,
}

impl Queues {
    fn send(&mut self, delivery: Delivery) {
        self.late.push(delivery);
        self.flush();
    }

    fn flush(&mut self) {
        let n = self.outgoing.slots().min(self.late.len());
        for delivery in self.late.drain(..n) {
            let is_sent = self.outgoing.push(delivery).is_ok();
            debug_assert!(is_sent, "there was room");
        }
    }
}

/// The state of the generator's thread.
struct Work {
    session: Arc<Session>,
    catalog: Catalog,
    mailbox: Arc<Mailbox>,
    queues: Queues,
    /// Requests, oldest first.
    waiting: Vec<PhraseKey>,
}

impl Work {
    fn run(&mut self) {
        while !self.must_stop() {
            self.queues.flush();
            self.free();
            self.restore();
            self.listen();
            if self.waiting.is_empty() {
                let is_active = self.mailbox.is_active.load(Ordering::Relaxed);
                std::thread::park_timeout(if is_active { AWAKE } else { ASLEEP });
            } else {
                let key = self.waiting.remove(0);
                self.make(&key);
            }
        }
    }

    fn must_stop(&self) -> bool {
        self.mailbox.must_stop.load(Ordering::Relaxed)
    }

    /// Drops the phrases that the player no longer holds.
    fn free(&mut self) {
        while let Ok(phrase) = self.queues.back.pop() {
            lock(&self.mailbox.library).retain(|kept| kept.id != phrase.id);
        }
    }

    fn restore(&mut self) {
        let restored = std::mem::take(&mut *lock(&self.mailbox.restored));
        for (phrase, epoch) in restored {
            self.queues.send(Delivery::Restored(phrase, epoch));
        }
    }

    /// Receives all requests, and skips those superseded by newer ones.
    fn listen(&mut self) {
        while let Ok(key) = self.queues.incoming.pop() {
            self.waiting.push(key);
        }
        let n_old = self.waiting.len().saturating_sub(MAX_WAITING);
        for key in self.waiting.drain(..n_old) {
            self.queues.send(Delivery::Skipped(key));
        }
    }

    fn make(&mut self, key: &PhraseKey) {
        let go_on = || !self.must_stop();
        // A bug here must not crash the host.
        let made =
            catch_unwind(AssertUnwindSafe(|| compose(&self.session, &self.catalog, key, &go_on)));
        let why = match made {
            Ok(Ok(phrase)) => {
                let phrase = Arc::new(phrase);
                lock(&self.mailbox.library).push(Arc::clone(&phrase));
                self.queues.send(Delivery::Made(phrase));
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the generator panicked".to_owned(),
        };
        if self.must_stop() {
            return;
        }
        self.mailbox.report(format!("no new music: {why}"));
        self.queues.send(Delivery::Failed(*key));
    }
}
