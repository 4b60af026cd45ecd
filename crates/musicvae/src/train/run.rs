//! The loop around [`Trainer::step`](super::Trainer::step).

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Checkpoint, StepMetrics, TrainError, Trainable, Trainer};
use crate::config::MusicVaeConfig;

/// When [`run`] stops, evaluates and saves. Steps and time count from the run's first start, also
/// after a resume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Stop after this many steps.
    pub max_steps: Option<u64>,
    /// Stop after this much time.
    pub max_time: Option<Duration>,
    /// Stop after this many evaluations on schedule without a better one.
    pub patience: Option<u64>,
    /// Steps from one evaluation to the next.
    pub evaluate_every: u64,
    /// Steps from one checkpoint to the next. An evaluation that is the best so far makes one, too.
    pub checkpoint_every: u64,
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It made all its steps.
    Steps,
    /// Its time was up.
    Time,
    /// The held-out score did not get better.
    Patience,
    /// It was asked to.
    Request,
}

/// What one go of a run came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunReport {
    /// Why it stopped.
    pub reason: StopReason,
    /// Time in steps, evaluations and checkpoints apart.
    pub in_steps: Duration,
    /// Of it, time spent waiting for the next batch.
    pub waited: Duration,
}

impl Default for RunReport {
    /// That of a run that made no step.
    fn default() -> Self {
        Self { reason: StopReason::Request, in_steps: Duration::ZERO, waited: Duration::ZERO }
    }
}

impl RunReport {
    /// Share of the steps' time spent waiting for data, 0 to 1.
    pub fn wait_share(&self) -> f64 {
        self.waited.as_secs_f64() / self.in_steps.as_secs_f64().max(1e-9)
    }
}

/// How long a step took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepTimes {
    /// Time into the run, after the step.
    pub elapsed: Duration,
    /// The step itself, with what it waited.
    pub step: Duration,
    /// Waiting for its batch.
    pub waited: Duration,
}

/// Hears what a training run does, keeps its checkpoints, and may stop it.
pub trait TrainObserver<C: Trainable = MusicVaeConfig> {
    /// A step was made.
    fn on_step(&mut self, metrics: &StepMetrics, times: StepTimes);

    /// The held-out windows were scored after `n_steps` steps.
    fn on_evaluation(&mut self, n_steps: u64, evaluation: &C::Evaluation);

    /// A checkpoint is to be kept.
    ///
    /// # Errors
    /// Whatever kept it from being written; the run stops with it.
    fn on_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// Asked after each step; `true` stops the run with a checkpoint.
    fn stop_requested(&self) -> bool {
        false
    }
}

/// Trains until the plan or the observer says stop, with evaluations and checkpoints on the way and
/// at the end. Batches are prepared on a thread beside.
///
/// # Errors
/// See [`TrainError`]; the last checkpoint stays good.
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
        let batches = trainer.preparer.clone().start::<C>(scope, trainer.step, train);
        loop {
            let mut reason = plan.is_over(trainer, observer.stop_requested());
            let best = evaluate_if_due(trainer, heldout, plan, reason.is_some(), observer);
            if reason.is_none() && plan.is_out_of_patience(trainer) {
                reason = Some(StopReason::Patience);
            }
            trainer.elapsed = before + start.elapsed();
            let due = is_due(trainer.step, plan.checkpoint_every)
                && !trainer.watch.is_alarmed(trainer.step);
            let is_new = trainer.saved_at != Some(trainer.step);
            if best || (is_new && (due || reason.is_some())) {
                trainer.saved_at = Some(trainer.step);
                observer.on_checkpoint(&trainer.checkpoint()).map_err(TrainError::Checkpoint)?;
            }
            if let Some(reason) = reason {
                return Ok(RunReport { reason, in_steps, waited });
            }
            let asked = Instant::now();
            let prepared = batches.recv().expect("its thread ends after this loop only");
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
    // What the passes kept for the next step.
    lstm_kernel::memory::release();
    report
}

/// Scores the held-out windows if it is time to; whether the score is the best so far.
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
    // One off schedule, because the run was interrupted, does not try the patience: a run that was
    // broken off stops where an unbroken one does.
    if is_due && !is_best {
        trainer.n_since_best += 1;
    }
    is_best
}

fn is_due(step: u64, every: u64) -> bool {
    step > 0 && step.is_multiple_of(every.max(1))
}

impl Plan {
    /// Why to stop now, patience apart.
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
