//! Signals that ask the program to end: Ctrl-C, and those of service managers, shells and
//! terminals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

/// The exit code of a program ended by a signal: that of shells for Ctrl-C.
pub(crate) const EXIT_CODE: u8 = 130;

/// The error of a command that was ended early by a signal, with a text about the work done.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Interrupted(pub(crate) String);

/// A flag that is set by the first signal, after which `told` is called. The second signal ends the
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
/// On Unix these are SIGINT, SIGTERM and SIGHUP. If SIGHUP is already ignored, for example under
/// `nohup`, it stays ignored: the terminal may close then.
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

/// Whether this process was started with a signal ignored, if the system provides this information.
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
