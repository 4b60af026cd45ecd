//! All printing: results go to standard output, everything else to standard error.

use std::io::{IsTerminal, Write};

use serde::Serialize;
use tracing_subscriber::EnvFilter;

/// Prints a line.
pub(crate) fn print(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// Prints a result as JSON, with the peak memory of this process.
pub(crate) fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    let mut value = serde_json::to_value(value)?;
    if let (Some(object), Some(bytes)) = (value.as_object_mut(), peak_memory_bytes("self")) {
        object.insert("peak_memory_bytes".to_owned(), bytes.into());
    }
    print(&value.to_string())
}

/// Prints a status line.
pub(crate) fn status(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints an error and its causes on one line.
pub(crate) fn error(error: &anyhow::Error) {
    status(&format!("error: {error:#}"));
}

/// The peak memory of a process, from Linux's `/proc`; `None` on other systems.
pub(crate) fn peak_memory_bytes(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Sends log lines to standard error: warnings and errors, or those selected by `RUST_LOG`.
pub(crate) fn init_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
