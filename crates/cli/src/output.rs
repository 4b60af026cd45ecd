//! All printed output: results on standard output, everything else on standard error.
//!
//! Names of files, tracks and styles come from others. Printed unchanged, they could clear the
//! screen, rename the window, fill the clipboard or imitate another line, so every line is made
//! [`printable`] before it is printed.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::Instant;

use serde::Serialize;

/// Prints the results of a command, for people or as one JSON object.
pub(crate) struct Output {
    json: bool,
    start: Instant,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, start: Instant::now() }
    }

    /// Facts about this run of the program: seconds, and peak memory (if the system provides it).
    fn run_facts(&self) -> serde_json::Value {
        let mut facts = serde_json::json!({ "seconds": self.start.elapsed().as_secs_f64() });
        if let Some(bytes) = peak_memory_bytes() {
            facts["peak_memory_bytes"] = bytes.into();
        }
        facts
    }

    /// Prints a result: as JSON, or the lines from `human`.
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
            writeln!(out, "{}", printable_json(&serde_json::to_string(&value)?))?;
        } else {
            for line in human() {
                writeln!(out, "{}", printable(&line))?;
            }
        }
        Ok(out.flush()?)
    }

    /// Prints a result whose text was created by the program itself and has many lines.
    pub(crate) fn text<T: Serialize>(&self, value: &T, text: &str) -> anyhow::Result<()> {
        if self.json {
            return self.result(value, Vec::new);
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", text.trim_end())?;
        Ok(out.flush()?)
    }
}

/// Peak memory of this process, from Linux's `/proc`; `None` on other systems.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Whether a terminal does anything other than show a character: control characters, line
/// separators, and marks that change the writing direction.
fn is_control(c: char) -> bool {
    let turning = ['\u{200e}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    c.is_control() || turning.iter().any(|range| range.contains(&c))
}

/// A line in printable form: control characters as `\u{1b}`, line breaks as `
/// `.
pub(crate) fn printable(line: &str) -> Cow<'_, str> {
    if !line.contains(is_control) {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        if is_control(c) { text.extend(c.escape_default()) } else { text.push(c) }
    }
    Cow::Owned(text)
}

/// JSON in printable form: uses JSON's own escapes for control characters that it leaves unchanged.
fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_control) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 8);
    for c in json.chars() {
        // All of them are below 2^16, so one escape each is enough.
        if is_control(c) {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// Prints an error with its causes and, if the system's error needs one, a remedy, on one line.
pub(crate) fn error(error: &anyhow::Error) {
    let text = format!("{error:#}{}", remedy(error).unwrap_or_default());
    let _ = writeln!(std::io::stderr(), "error: {}", printable(&text));
}

/// The remedy for an error of the operating system, whose texts don't include one.
fn remedy(error: &anyhow::Error) -> Option<String> {
    let found = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>())?;
    match found.kind() {
        std::io::ErrorKind::NotFound => Some(match std::env::current_dir() {
            Ok(folder) => format!("; check the path (relative ones start in {})", folder.display()),
            Err(_) => "; check the path".to_owned(),
        }),
        std::io::ErrorKind::PermissionDenied => {
            Some("; change its permissions, or give another path".to_owned())
        }
        std::io::ErrorKind::StorageFull => {
            Some("; free some space, or give a path on another disk".to_owned())
        }
        _ => None,
    }
}

/// Prints a usage error, or the requested help, and ends the program.
pub(crate) fn wrong_use(error: &clap::Error) -> ! {
    let text = error.render().to_string();
    if text.lines().any(|line| line.contains(is_control)) {
        // Without colors, because the user's input may contain similar sequences.
        for line in text.lines() {
            let _ = writeln!(std::io::stderr(), "{}", printable(line));
        }
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// Whether an error only means that the reader has closed the pipe, as in `controlgen … | head`.
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

/// A table with columns as wide as necessary; the first row is the header.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    // Widths are those of the printed text.
    let rows: Vec<Vec<Cow<'_, str>>> =
        rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
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
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("späte Lieder 曲"), "späte Lieder 曲");
        let name = "Lead\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\nerror: no\u{202e}dim.";
        let shown = "Lead\\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{9b}31m\\nerror: no\\u{202e}dim.";
        assert_eq!(printable(name), shown);
        assert_eq!(printable(shown), shown);
        let json = serde_json::to_string(&serde_json::json!({ "name": name })).unwrap();
        let printed = printable_json(&json);
        assert!(!printed.contains(is_control), "{printed}");
        let again: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(again["name"], name);
        // Columns have the width of the printed text.
        let rows = [["a\u{1b}", "b"], ["c", "d"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), ["a\\u{1b}  b", "c        d"]);
    }

    #[test]
    fn errors_of_the_system_come_with_a_remedy() {
        let error = |kind| anyhow::Error::new(std::io::Error::from(kind)).context("can't read x");
        let missing = remedy(&error(std::io::ErrorKind::NotFound)).unwrap();
        assert!(missing.starts_with("; check the path (relative ones start in /"), "{missing}");
        assert!(remedy(&error(std::io::ErrorKind::PermissionDenied)).is_some());
        assert_eq!(remedy(&error(std::io::ErrorKind::InvalidData)), None);
        assert_eq!(remedy(&anyhow::anyhow!("no style `9`")), None);
    }

    #[test]
    fn a_closed_pipe_is_recognised_below_other_errors() {
        let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&anyhow::Error::new(pipe).context("printing")));
        let other = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert!(!is_closed_pipe(&anyhow::Error::new(other)));
    }
}
