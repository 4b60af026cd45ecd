//! Ctrl-C while Rust is working.

use std::sync::{Mutex, PoisonError};

use pyo3::{PyErr, Python};

use crate::error::Outcome;

/// Checks between two steps of long work whether Python has received a signal. Python reports
/// signals only on its main thread; work on other threads continues.
#[derive(Default)]
pub(crate) struct Interrupt {
    raised: Mutex<Option<PyErr>>,
}

impl Interrupt {
    /// Whether to continue. Must be called without the interpreter's lock.
    pub(crate) fn go_on(&self) -> bool {
        #[allow(
            clippy::redundant_closure_for_method_calls,
            reason = "the method itself is of one lifetime"
        )]
        match Python::attach(|py| py.check_signals()) {
            Ok(()) => true,
            Err(error) => {
                *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                false
            }
        }
    }

    /// The result of the work or, if a signal has stopped it, the exception raised by the signal's
    /// handler.
    pub(crate) fn result<T>(self, result: Outcome<T>) -> Outcome<T> {
        match self.raised.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(raised) => Err(raised.into()),
            None => result,
        }
    }
}
