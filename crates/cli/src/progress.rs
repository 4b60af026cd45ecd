//! Progress on standard error: bars with rate and time left on a terminal, lines otherwise.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use controlgen::progress::Progress;
use controlgen::training::TrainProgress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use musicvae::Evaluation;
use musicvae::train::{Plan, StepMetrics};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How progress is shown.
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
    let _ = writeln!(std::io::stderr(), "{text}");
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

/// Shows a training run and hears Ctrl-C.
pub(crate) struct Training {
    show: Show,
    plan: Plan,
    batch_size: usize,
    bar: Option<ProgressBar>,
    first_step: u64,
    start: Instant,
    last_line: Instant,
    stop: Arc<AtomicBool>,
}

impl Training {
    pub(crate) fn new(show: Show, plan: Plan, batch_size: usize, stop: Arc<AtomicBool>) -> Self {
        let now = Instant::now();
        Self { show, plan, batch_size, bar: None, first_step: 0, start: now, last_line: now, stop }
    }

    fn message(&self, metrics: &StepMetrics) -> String {
        let steps = (metrics.step + 1 - self.first_step) as f64;
        let rate = steps / self.start.elapsed().as_secs_f64().max(1e-9);
        format!(
            "loss {:.2}, reconstruction {:.2} nats, KL {:.1} bits, {rate:.2} steps/s, \
             {:.0} sequences/s",
            metrics.loss,
            metrics.reconstruction_nats,
            metrics.kl_bits,
            rate * self.batch_size as f64,
        )
    }
}

/// What to tell of a posterior that collapsed.
pub(crate) fn collapse_warning(evaluation: &Evaluation) -> Option<String> {
    evaluation.is_collapsed().then(|| {
        format!(
            "warning: latents hardly differ from window to window ({:.1} bits, {} active units), so \
             no styles can be found in them; if that stays so, train with a lower `--beta`, more \
             `--free-bits`, or a `--beta-warmup`",
            evaluation.kl_bits, evaluation.active_units,
        )
    })
}

impl TrainProgress for Training {
    fn on_start(&mut self, n_steps: u64, n_train: usize, n_heldout: usize) {
        self.first_step = n_steps;
        self.start = Instant::now();
        if self.show != Show::Nothing {
            let from = if n_steps > 0 {
                format!(", going on after step {n_steps}")
            } else {
                String::new()
            };
            note(&format!("training on {n_train} windows, {n_heldout} held out{from}"));
        }
        if self.show == Show::Bars {
            // With a time limit the bar counts seconds, otherwise steps.
            let bar = match (self.plan.max_steps, self.plan.max_time) {
                (Some(steps), None) => bar(steps, "steps"),
                (_, Some(time)) => bar(time.as_secs(), "s"),
                (None, None) => ProgressBar::new_spinner(),
            };
            self.bar = Some(bar.with_prefix("training"));
        }
    }

    fn on_step(&mut self, metrics: &StepMetrics, elapsed: Duration) {
        let message = self.message(metrics);
        match &self.bar {
            Some(bar) => {
                let at =
                    if self.plan.max_time.is_some() { elapsed.as_secs() } else { metrics.step + 1 };
                bar.set_position(at);
                bar.set_message(message);
            }
            None if self.show == Show::Lines && self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                let left = match self.plan.max_time {
                    Some(max) => {
                        format!(", {:.0} s left", max.saturating_sub(elapsed).as_secs_f64())
                    }
                    None => String::new(),
                };
                note(&format!("step {}: {message}{left}", metrics.step + 1));
            }
            None => {}
        }
    }

    fn on_evaluation(&mut self, n_steps: u64, evaluation: &Evaluation) {
        if self.show == Show::Nothing {
            return;
        }
        let line = format!(
            "after step {n_steps}, held out: accuracy {:.3} teacher-forced, {:.3} sampled; \
             reconstruction {:.2} nats, KL {:.1} bits, {} active units{}",
            evaluation.teacher_forced_accuracy,
            evaluation.sampled_accuracy,
            evaluation.reconstruction_nats,
            evaluation.kl_bits,
            evaluation.active_units,
            evaluation
                .active_std_dev
                .map_or_else(String::new, |s| format!(" (mean standard deviation {s:.2})")),
        );
        let warning = collapse_warning(evaluation);
        for line in std::iter::once(line).chain(warning) {
            match &self.bar {
                Some(bar) => bar.println(line),
                None => note(&line),
            }
        }
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
