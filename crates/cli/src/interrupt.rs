//! Signals that ask the program to end: Ctrl-C, and what service managers, shells and terminals
//! send.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

/// The exit code of a program that a signal ends: what shells give for Ctrl-C.
pub(crate) const EXIT_CODE: u8 = 130;

/// The error of a command that a signal ended early, with a text about what was done.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Interrupted(pub(crate) String);

/// A flag that the first signal sets, after which `told` is called. The second signal ends the
/// program at once.
pub(crate) fn flag(told: impl FnOnce() + Send + 'static) -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    on_first(move || {
        set.store(true, Ordering::Relaxed);
        told();
    })?;
    Ok(flag)
}

/// Calls `stop` at the first signal; the second one ends the program at once.
///
/// On Unix these are SIGINT, SIGTERM and SIGHUP. Where SIGHUP is ignored already, as under `nohup`,
/// it stays so: the terminal may close then.
pub(crate) fn on_first(stop: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let mut stop = Some(stop);
    listen(move || match stop.take() {
        Some(stop) => stop(),
        None => std::process::exit(EXIT_CODE.into()),
    })
}

#[cfg(unix)]
fn listen(mut each: impl FnMut() + Send + 'static) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut numbers = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        numbers.push(SIGHUP);
    }
    let mut signals = Signals::new(numbers)?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || signals.forever().for_each(|_| each()))?;
    Ok(())
}

/// Whether this process was started with a signal ignored, where the system tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Bit 0 is signal 1.
    mask >> (signal - 1) & 1 == 1
}

#[cfg(not(unix))]
fn listen(each: impl FnMut() + Send + 'static) -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(each)?)
}
