//! The loop around [`Trainer::step`](super::Trainer::step).

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Checkpoint, StepMetrics, TrainError, Trainable, Trainer};
use crate::config::MusicVaeConfig;

/// When [`run`] stops, evaluates and saves. Steps and time count from the first start of the run,
/// also after a resume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Stop after this many steps.
    pub max_steps: Option<u64>,
    /// Stop after this much time.
    pub max_time: Option<Duration>,
    /// Stop after this many scheduled evaluations without an improvement.
    pub patience: Option<u64>,
    /// Number of steps between evaluations.
    pub evaluate_every: u64,
    /// Number of steps between checkpoints. An evaluation that is the best so far also saves one.
    pub checkpoint_every: u64,
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All steps were made.
    Steps,
    /// The time limit was reached.
    Time,
    /// The held-out score did not improve.
    Patience,
    /// A stop was requested.
    Request,
}

/// Summary of a run since it was started or resumed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunReport {
    /// Why it stopped.
    pub reason: StopReason,
    /// Time spent in steps, without evaluations and checkpoints.
    pub in_steps: Duration,
    /// The part of it spent waiting for the next batch.
    pub waited: Duration,
}

impl Default for RunReport {
    /// The report of a run without any step.
    fn default() -> Self {
        Self { reason: StopReason::Request, in_steps: Duration::ZERO, waited: Duration::ZERO }
    }
}

impl RunReport {
    /// Fraction of the time of steps spent waiting for data, from 0 to 1.
    pub fn wait_share(&self) -> f64 {
        self.waited.as_secs_f64() / self.in_steps.as_secs_f64().max(1e-9)
    }
}

/// The duration of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepTimes {
    /// Running time after the step.
    pub elapsed: Duration,
    /// Time of the step, including the wait.
    pub step: Duration,
    /// Time spent waiting for its batch.
    pub waited: Duration,
}

/// Receives the events of a training run, stores its checkpoints, and may stop it.
pub trait TrainObserver<C: Trainable = MusicVaeConfig> {
    /// Called after each step.
    fn on_step(&mut self, metrics: &StepMetrics, times: StepTimes);

    /// Called when the held-out windows have been scored after `n_steps` steps.
    fn on_evaluation(&mut self, n_steps: u64, evaluation: &C::Evaluation);

    /// Called with each checkpoint to be stored.
    ///
    /// # Errors
    /// Any error that prevented it from being written; it stops the run.
    fn on_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// Called after each step; if it returns `true`, the run stops with a checkpoint.
    fn stop_requested(&self) -> bool {
        false
    }
}

/// Trains until the plan or the observer stops the run, with evaluations and checkpoints during the
/// run and at its end. Batches are prepared on a separate thread.
///
/// # Errors
/// See [`TrainError`]; the last checkpoint stays valid.
pub fn run<C: Trainable>(
    trainer: &mut Trainer<C>,
    train: C::Windows<'_>,
    heldout: C::Windows<'_>,
    plan: &Plan,
    observer: &mut impl TrainObserver<C>,
) -> Result<RunReport, TrainError> {
    if C::n_windows(train) == 0 {
        return Err(TrainError::NoWindows);
    }
    let start = Instant::now();
    let before = trainer.elapsed;
    let (mut in_steps, mut waited) = (Duration::ZERO, Duration::ZERO);
    let report = std::thread::scope(|scope| {
        let batches = trainer.loader.clone().start::<C>(scope, trainer.step, train);
        loop {
            let mut reason = plan.is_over(trainer, observer.stop_requested());
            let best = evaluate_if_due(trainer, heldout, plan, reason.is_some(), observer);
            if reason.is_none() && plan.is_out_of_patience(trainer) {
                reason = Some(StopReason::Patience);
            }
            trainer.elapsed = before + start.elapsed();
            let due = is_due(trainer.step, plan.checkpoint_every)
                && !trainer.divergence.is_too_high(trainer.step);
            let is_new = trainer.saved_at != Some(trainer.step);
            if best || (is_new && (due || reason.is_some())) {
                trainer.saved_at = Some(trainer.step);
                observer.on_checkpoint(&trainer.checkpoint()).map_err(TrainError::Checkpoint)?;
            }
            if let Some(reason) = reason {
                return Ok(RunReport { reason, in_steps, waited });
            }
            let asked = Instant::now();
            let prepared = batches.recv().expect("its thread outlives this loop");
            let wait = asked.elapsed();
            let metrics = trainer.step_on(prepared)?;
            let step = asked.elapsed();
            in_steps += step;
            waited += wait;
            trainer.elapsed = before + start.elapsed();
            let times = StepTimes { elapsed: trainer.elapsed, step, waited: wait };
            observer.on_step(&metrics, times);
        }
    });
    // Free the buffers that were kept for the next step.
    lstm_kernel::memory::release();
    report
}

/// Scores the held-out windows if an evaluation is due; returns whether the score is the best so
/// far.
fn evaluate_if_due<C: Trainable>(
    trainer: &mut Trainer<C>,
    heldout: C::Windows<'_>,
    plan: &Plan,
    is_over: bool,
    observer: &mut impl TrainObserver<C>,
) -> bool {
    let is_due = is_due(trainer.step, plan.evaluate_every);
    if !(is_over || is_due) || trainer.evaluated_at == Some(trainer.step) {
        return false;
    }
    let Some(evaluation) = trainer.evaluate(heldout) else { return false };
    observer.on_evaluation(trainer.step, &evaluation);
    let is_best = trainer.best.is_some_and(|best| best.step == trainer.step);
    // An unscheduled evaluation, after an interruption, does not count toward the patience, so that
    // an interrupted run stops at the same step as an uninterrupted one.
    if is_due && !is_best {
        trainer.n_since_best += 1;
    }
    is_best
}

fn is_due(step: u64, every: u64) -> bool {
    step > 0 && step.is_multiple_of(every.max(1))
}

impl Plan {
    /// The reason to stop now, if any, apart from patience.
    fn is_over<C: Trainable>(
        &self,
        trainer: &Trainer<C>,
        stop_requested: bool,
    ) -> Option<StopReason> {
        if self.max_steps.is_some_and(|max| trainer.step >= max) {
            Some(StopReason::Steps)
        } else if self.max_time.is_some_and(|max| trainer.elapsed >= max) {
            Some(StopReason::Time)
        } else {
            stop_requested.then_some(StopReason::Request)
        }
    }

    fn is_out_of_patience<C: Trainable>(&self, trainer: &Trainer<C>) -> bool {
        self.patience.is_some_and(|patience| trainer.n_since_best >= patience.max(1))
    }
}
