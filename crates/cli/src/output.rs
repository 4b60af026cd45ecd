//! All that is printed: results to standard output, the rest to standard error.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use serde::Serialize;

/// Results of a command, for people or as one JSON object.
pub(crate) struct Output {
    json: bool,
    start: Instant,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, start: Instant::now() }
    }

    /// Facts about this run of the program: seconds, and the most memory it held (where the system
    /// tells).
    fn run_facts(&self) -> serde_json::Value {
        let mut facts = serde_json::json!({ "seconds": self.start.elapsed().as_secs_f64() });
        if let Some(bytes) = peak_memory_bytes() {
            facts["peak_memory_bytes"] = bytes.into();
        }
        facts
    }

    /// Prints a result: as JSON, or the lines that `human` gives.
    pub(crate) fn result<T: Serialize>(
        &self,
        value: &T,
        human: impl FnOnce() -> Vec<String>,
    ) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            let mut value = serde_json::to_value(value)?;
            if let Some(object) = value.as_object_mut() {
                object.insert("run".to_owned(), self.run_facts());
            }
            serde_json::to_writer(&mut out, &value)?;
            writeln!(out)?;
        } else {
            for line in human() {
                writeln!(out, "{line}")?;
            }
        }
        Ok(out.flush()?)
    }
}

/// The most memory this process held, from Linux's `/proc`; none on other systems.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Prints an error with its causes on one line.
pub(crate) fn error(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr(), "error: {error:#}");
}

/// Whether an error only says that nobody reads on, as in `controlgen … | head`.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

/// Sends log lines to standard error; `RUST_LOG` overrides the level.
pub(crate) fn init_logging(verbose: u8, quiet: bool) {
    use tracing_subscriber::EnvFilter;
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .init();
}

/// A table with columns as wide as they need to be; the first row is its head.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "é".to_owned()]];
        assert_eq!(table(&rows), ["a    bb", "ccc  é"]);
    }

    #[test]
    fn a_closed_pipe_is_recognised_below_other_errors() {
        let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&anyhow::Error::new(pipe).context("printing")));
        let other = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert!(!is_closed_pipe(&anyhow::Error::new(other)));
    }
}
