//! A training run: a panel on a terminal, lines otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use controlgen::training::TrainProgress;
use musicvae::Scores;
use musicvae::train::{Plan, StepMetrics, StepTimes};

use super::panel::{Panel, duration, sparkline};
use super::{LINE_EVERY, Show, note};

/// Time between two updates of the panel.
const PANEL_EVERY: Duration = Duration::from_millis(100);

/// Shows a training run and stops it on Ctrl-C.
pub(crate) struct Training {
    show: Show,
    plan: Plan,
    /// Number of sequences per step.
    n_sequences: usize,
    panel: Option<Panel>,
    first_step: u64,
    start: Instant,
    last_shown: Instant,
    losses: Vec<f64>,
    heldout: Vec<f64>,
    stop: Arc<AtomicBool>,
}

impl Training {
    pub(crate) fn new(show: Show, plan: Plan, n_sequences: usize, stop: Arc<AtomicBool>) -> Self {
        let now = Instant::now();
        Self {
            show,
            plan,
            n_sequences,
            panel: None,
            first_step: 0,
            start: now,
            last_shown: now,
            losses: Vec::new(),
            heldout: Vec::new(),
            stop,
        }
    }

    /// Steps per second since the start, including evaluations and checkpoints.
    fn rate(&self, metrics: &StepMetrics) -> f64 {
        let steps = (metrics.step + 1 - self.first_step) as f64;
        steps / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// The time left, if the plan determines it.
    fn left(&self, metrics: &StepMetrics, elapsed: Duration) -> Option<Duration> {
        let by_time = self.plan.max_time.map(|max| max.saturating_sub(elapsed));
        let by_steps = self.plan.max_steps.and_then(|max| {
            let steps = max.saturating_sub(metrics.step + 1) as f64;
            Duration::try_from_secs_f64(steps / self.rate(metrics)).ok()
        });
        by_time.into_iter().chain(by_steps).min()
    }

    fn show_panel(&self, panel: &Panel, metrics: &StepMetrics, elapsed: Duration) {
        let rate = self.rate(metrics);
        let (position, of) = match (self.plan.max_steps, self.plan.max_time) {
            (Some(steps), None) => (metrics.step + 1, format!("/{steps}")),
            // With a time limit, the bar counts seconds.
            (_, Some(_)) => (elapsed.as_secs(), String::new()),
            (None, None) => (metrics.step + 1, String::new()),
        };
        let left = self
            .left(metrics, elapsed)
            .map_or_else(String::new, |left| format!("  {} left", duration(left)));
        panel.at(
            position,
            format!(
                "step {}{of}  {rate:.2} steps/s, {:.0} windows/s{left}",
                metrics.step + 1,
                rate * self.n_sequences as f64,
            ),
        );
        panel.loss(format!(
            "{}  {:.2} nats: reconstruction {:.2}, KL {:.1} bits at weight {:.2}; rate {:.1e}",
            sparkline(&self.losses),
            metrics.loss,
            metrics.reconstruction_nats,
            metrics.kl_bits,
            metrics.beta,
            metrics.learning_rate,
        ));
    }
}

/// A warning about a collapsed posterior.
pub(crate) fn collapse_warning(scores: &Scores) -> Option<String> {
    scores.is_collapsed().then(|| {
        format!(
            "warning: latents hardly differ from window to window ({:.1} bits, {} active units), so \
             no styles can be found in them; if this persists, train with a lower `--beta`, more \
             `--free-bits`, or a `--beta-warmup`",
            scores.kl_bits(),
            scores.active_units(),
        )
    })
}

impl TrainProgress for Training {
    fn on_start(&mut self, n_steps: u64, n_train: usize, n_heldout: usize) {
        self.first_step = n_steps;
        self.start = Instant::now();
        if self.show != Show::Nothing {
            let from = if n_steps > 0 {
                format!(", continuing after step {n_steps}")
            } else {
                String::new()
            };
            note(&format!("training on {n_train} windows, {n_heldout} held out{from}"));
        }
        if self.show == Show::Bars {
            let total = self.plan.max_time.map(|time| time.as_secs()).or(self.plan.max_steps);
            self.panel = Some(Panel::new(total));
        }
    }

    fn on_step(&mut self, metrics: &StepMetrics, times: StepTimes) {
        let elapsed = times.elapsed;
        if let Some(panel) = &self.panel {
            self.losses.push(metrics.loss);
            if self.last_shown.elapsed() >= PANEL_EVERY {
                self.last_shown = Instant::now();
                self.show_panel(panel, metrics, elapsed);
            }
        } else if self.show == Show::Lines && self.last_shown.elapsed() >= LINE_EVERY {
            self.last_shown = Instant::now();
            let rate = self.rate(metrics);
            let left = self
                .left(metrics, elapsed)
                .map_or_else(String::new, |left| format!(", {} left", duration(left)));
            note(&format!(
                "step {}: loss {:.2}, reconstruction {:.2} nats, KL {:.1} bits, {rate:.2} steps/s, \
                 {:.0} sequences/s{left}",
                metrics.step + 1,
                metrics.loss,
                metrics.reconstruction_nats,
                metrics.kl_bits,
                rate * self.n_sequences as f64,
            ));
        }
    }

    fn on_evaluation(&mut self, n_steps: u64, scores: &Scores) {
        let nats = scores.negative_elbo_nats();
        let is_lowest = self.heldout.iter().all(|before| nats < *before);
        self.heldout.push(nats);
        let warning = collapse_warning(scores);
        if let Some(panel) = &self.panel {
            panel.heldout(format!(
                "{}  {nats:.2} nats after step {n_steps}{}; {} {:.3}, sampled {:.3}; KL {:.1} \
                 bits, {} active units",
                sparkline(&self.heldout),
                if is_lowest { ", the lowest so far" } else { "" },
                scores.measure(),
                scores.best(),
                scores.sampled(),
                scores.kl_bits(),
                scores.active_units(),
            ));
            if let Some(warning) = warning {
                panel.print(&warning);
            }
        } else if self.show == Show::Lines {
            note(&format!(
                "after step {n_steps}, held out: {} {:.3} at best, {:.3} sampled; \
                 reconstruction {:.2} nats, KL {:.1} bits, {} active units",
                scores.measure(),
                scores.best(),
                scores.sampled(),
                scores.reconstruction_nats(),
                scores.kl_bits(),
                scores.active_units(),
            ));
            if let Some(warning) = warning {
                note(&warning);
            }
        }
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
