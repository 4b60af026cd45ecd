//! Progress of a transfer or of unpacking: a bar on a terminal, otherwise a line every ten seconds.

use std::io::{self, IsTerminal, Read};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::process::say;

const LINE_EVERY: Duration = Duration::from_secs(10);

/// The progress of a transfer.
pub(crate) struct Meter {
    what: String,
    total: Option<u64>,
    first: u64,
    start: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Meter {
    /// Starts at `first` bytes, which were already present.
    pub(crate) fn new(what: &str, first: u64, total: Option<u64>) -> Self {
        let bar = io::stderr().is_terminal().then(|| bar(what, first, total));
        let now = Instant::now();
        Self { what: what.to_owned(), total, first, start: now, last_line: now, bar }
    }

    /// Shows that `done` bytes are present.
    pub(crate) fn at(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let seconds = self.start.elapsed().as_secs_f64();
            say(&line(&self.what, done, self.total, done.saturating_sub(self.first), seconds));
        }
    }
}

/// A stream that reports how much of it has been read.
pub(crate) struct Metered<R> {
    inner: R,
    meter: Meter,
    done: u64,
}

impl<R> Metered<R> {
    pub(crate) fn new(inner: R, meter: Meter) -> Self {
        Self { inner, meter, done: 0 }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.done += n as u64;
        self.meter.at(self.done);
        Ok(n)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &str, first: u64, total: Option<u64>) -> ProgressBar {
    let template = if total.is_some() {
        "{prefix} {wide_bar:.cyan/dim} {binary_bytes}/{binary_total_bytes}  \
         {binary_bytes_per_sec}  {eta} left"
    } else {
        "{prefix} {spinner} {binary_bytes}  {binary_bytes_per_sec}"
    };
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let bar = bar.with_prefix(what.to_owned());
    bar.set_position(first);
    bar.reset_eta();
    bar
}

/// `what: 120 of 1,686 MiB (7 %), 3.2 MiB/s, 8 min left`
fn line(what: &str, done: u64, total: Option<u64>, moved: u64, seconds: f64) -> String {
    let rate = moved as f64 / seconds.max(1e-9);
    let of = total.map_or_else(String::new, |total| {
        let share = 100.0 * done as f64 / total.max(1) as f64;
        format!(" of {} ({share:.0} %)", bytes(total))
    });
    let left = total.filter(|_| rate >= 1.0).map_or_else(String::new, |total| {
        format!(", {} left", time(total.saturating_sub(done) as f64 / rate))
    });
    format!("{what}: {}{of}, {}/s{left}", bytes(done), amount(rate))
}

/// Formats a number of bytes.
pub(crate) fn bytes(n: u64) -> String {
    amount(n as f64)
}

fn amount(bytes: f64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024.0 {
        return format!("{bytes:.0} B");
    }
    let (mut value, mut unit) = (bytes / 1024.0, 0);
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(value < 100.0);
    format!("{value:.digits$} {}", UNITS[unit])
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_rate_and_time_left() {
        // 10 MiB were present, 20 more came in 10 s: 2 MiB/s, and 70 are missing.
        let mib = 1 << 20;
        let text = line("a.zip", 30 * mib, Some(100 * mib), 20 * mib, 10.0);
        assert_eq!(text, "a.zip: 30.0 MiB of 100 MiB (30 %), 2.0 MiB/s, 35 s left");
        assert_eq!(line("a", 512, None, 512, 1.0), "a: 512 B, 512 B/s");
        assert_eq!(line("a", 0, Some(2048), 0, 60.0), "a: 0 B of 2.0 KiB (0 %), 0 B/s");
    }

    #[test]
    fn units_fit_the_size() {
        assert_eq!(bytes(1_768_163_879), "1.6 GiB");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(time(7200.0), "2.0 h");
        assert_eq!(time(600.0), "10 min");
    }
}
