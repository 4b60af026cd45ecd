//! Progress on standard error: bars with rate and remaining time on a terminal, otherwise lines.

mod panel;
mod training;

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use corpus::progress::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::printable;

pub(crate) use training::{Training, collapse_warning};

/// Time between two lines if there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Display of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Bars,
    Lines,
    Nothing,
}

impl Show {
    pub(crate) fn new(quiet: bool) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Bars,
            (false, false) => Self::Lines,
        }
    }
}

/// Prints a line to standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", printable(text));
}

fn bar(total: u64, unit: &str) -> ProgressBar {
    let template = format!(
        "{{prefix:<18}} {{wide_bar:.cyan/dim}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left  {{msg}}"
    );
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr()).with_style(style)
}

/// Shows stages of work.
pub(crate) struct Stages {
    show: Show,
    current: Mutex<Option<Stage>>,
}

struct Stage {
    name: String,
    unit: String,
    total: u64,
    done: u64,
    start: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Stage {
    fn line(&self) -> String {
        let secs = self.start.elapsed().as_secs_f64();
        let rate = self.done as f64 / secs.max(1e-9);
        let left = if self.done == 0 {
            String::new()
        } else {
            format!(", {:.0} s left", self.total.saturating_sub(self.done) as f64 / rate)
        };
        let Self { name, unit, total, done, .. } = self;
        format!("{name}: {done}/{total} {unit}, {rate:.0}/s{left}")
    }
}

impl Stages {
    pub(crate) fn new(show: Show) -> Self {
        Self { show, current: Mutex::new(None) }
    }

    fn with(&self, act: impl FnOnce(&mut Option<Stage>)) {
        act(&mut self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Progress for Stages {
    fn begin(&self, stage: &str, unit: &str, total: u64) {
        let bar = (self.show == Show::Bars).then(|| bar(total, unit).with_prefix(stage.to_owned()));
        let now = Instant::now();
        let (name, unit) = (stage.to_owned(), unit.to_owned());
        self.with(|current| {
            *current = Some(Stage { name, unit, total, done: 0, start: now, last_line: now, bar });
        });
    }

    fn advance(&self, n: u64) {
        self.with(|current| {
            let Some(stage) = current else { return };
            stage.done += n;
            match &stage.bar {
                Some(bar) => bar.inc(n),
                None if self.show == Show::Lines && stage.last_line.elapsed() >= LINE_EVERY => {
                    stage.last_line = Instant::now();
                    note(&stage.line());
                }
                None => {}
            }
        });
    }

    fn end(&self) {
        self.with(|current| {
            let Some(stage) = current.take() else { return };
            if let Some(bar) = &stage.bar {
                bar.finish_and_clear();
            }
            if self.show != Show::Nothing {
                let secs = stage.start.elapsed().as_secs_f64();
                note(&format!("{}: {} {} in {secs:.1} s", stage.name, stage.total, stage.unit));
            }
        });
    }
}
