//! Signals that ask the program to end: Ctrl-C, and what service managers, shells and terminals
//! send.

/// The exit code of a program that a second signal ends: what shells give for Ctrl-C.
const EXIT_CODE: i32 = 130;

/// Calls `stop` at the first signal; the second one ends the program at once.
///
/// On Unix these are SIGINT, SIGTERM and SIGHUP. Where SIGHUP is ignored already, as under `nohup`,
/// it stays so: the terminal may close then.
pub(crate) fn on_first(stop: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let mut stop = Some(stop);
    listen(move || match stop.take() {
        Some(stop) => stop(),
        None => std::process::exit(EXIT_CODE),
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
