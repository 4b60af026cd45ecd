//! Cells that are filled once without waiting for each other, and locks.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Returns the value of a cell, computing it if it is empty.
///
/// Unlike [`OnceLock::get_or_init`], it does not wait for another thread that computes the same
/// value, but computes it, too. While a thread of a pool waits for its part of one job, it may run
/// another job, which may be the very one it would wait for.
pub(crate) fn get_or_compute<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(known) = cell.get() {
        return known;
    }
    let made = make();
    cell.get_or_init(|| made)
}

/// Locks a mutex. Ignores poisoning: nothing in this crate is changed in several steps, so a panic
/// leaves no partial change.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
