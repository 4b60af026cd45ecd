//! The training loop: accumulated gradients, batches from a thread, scheduled evaluations,
//! patience, starting from another model's weights, diverging losses.

use super::*;
use crate::weights::Precision;

/// Observes a run, keeps its checkpoints, and stops it after a number of steps.
#[derive(Default)]
struct TestObserver {
    steps: Vec<StepMetrics>,
    evaluations: Vec<(u64, Evaluation)>,
    checkpoints: Vec<Checkpoint>,
    stop_after: Option<usize>,
    waits_are_parts: bool,
}

impl TestObserver {
    fn saved_at(&self) -> Vec<u64> {
        self.checkpoints.iter().map(|checkpoint| checkpoint.n_steps).collect()
    }

    fn evaluated_at(&self) -> Vec<u64> {
        self.evaluations.iter().map(|(step, _)| *step).collect()
    }
}

impl TrainObserver for TestObserver {
    fn on_step(&mut self, metrics: &StepMetrics, times: StepTimes) {
        self.steps.push(*metrics);
        self.waits_are_parts = times.waited <= times.step && times.step <= times.elapsed;
    }

    fn on_evaluation(&mut self, n_steps: u64, evaluation: &Evaluation) {
        self.evaluations.push((n_steps, evaluation.clone()));
    }

    fn on_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.checkpoints.push(checkpoint.clone());
        Ok(())
    }

    fn stop_requested(&self) -> bool {
        self.stop_after.is_some_and(|n| self.steps.len() >= n)
    }
}

fn plan(max_steps: u64) -> Plan {
    let max_steps = Some(max_steps);
    Plan { max_steps, max_time: None, patience: None, evaluate_every: 3, checkpoint_every: 4 }
}

fn trainer(training: TrainingConfig) -> Trainer {
    Trainer::new(config(), training, 3, &Device::flex()).unwrap()
}

/// Two batches of four, the second of which may be smaller, are equivalent to one of eight: the
/// same windows, transpositions, noise and samples, and so the same updates up to rounding.
#[test]
fn accumulated_gradients_are_those_of_one_large_batch() {
    let tokens = tokens();
    // With 7 windows in total, the batches of a step have 4 and 3.
    for n_windows in [10, 7] {
        let tokens = &tokens[..n_windows * 6];
        let run = |batch_size, accumulation| {
            let training = TrainingConfig { batch_size, accumulation, ..training() };
            let mut trainer = trainer(training);
            let metrics: Vec<_> = (0..25).map(|_| trainer.step(windows(tokens)).unwrap()).collect();
            (metrics, tensors(&trainer.model()))
        };
        let (large, large_weights) = run(8, 1);
        let (split, split_weights) = run(4, 2);
        for (a, b) in large.iter().zip(&split) {
            // f32 sums of a few hundred terms in a different order, amplified by 25 updates.
            for (a, b) in [
                (a.loss, b.loss),
                (a.kl_bits, b.kl_bits),
                (a.reconstruction_nats, b.reconstruction_nats),
                (a.gradient_norm, b.gradient_norm),
            ] {
                assert!((a - b).abs() < 1e-3 * a.abs().max(0.1), "{n_windows}: {a} {b}");
            }
        }
        // The first step is not affected by this yet.
        assert!((large[0].loss - split[0].loss).abs() < 1e-5, "{:?} {:?}", large[0], split[0]);
        assert!(large[24].sampling_probability > 0.3);
        for (name, tensor) in &large_weights {
            for (a, b) in tensor.values.iter().zip(&split_weights[name].values) {
                assert!((a - b).abs() < 2e-3, "{name}: {a} {b}");
            }
        }
        // A batch of four alone gives a different run.
        assert!((run(4, 1).0[24].loss - large[24].loss).abs() > 1e-2);
    }
}

#[test]
fn a_run_makes_the_steps_that_are_made_one_by_one() {
    let tokens = tokens();
    let training = TrainingConfig { accumulation: 2, batch_size: 2, ..training() };
    let mut one_by_one = trainer(training);
    let expected: Vec<_> = (0..9).map(|_| one_by_one.step(windows(&tokens)).unwrap()).collect();
    let (mut in_a_run, mut observer) = (trainer(training), TestObserver::default());
    let report =
        run(&mut in_a_run, windows(&tokens), windows(&tokens), &plan(9), &mut observer).unwrap();
    assert_eq!(observer.steps, expected);
    assert_eq!(report.reason, StopReason::Steps);
    assert!(observer.waits_are_parts && (0.0..=1.0).contains(&report.wait_share()), "{report:?}");
    assert_eq!(tensors(&in_a_run.model()), tensors(&one_by_one.model()));
}

#[test]
fn evaluations_and_checkpoints_have_separate_schedules() {
    let tokens = tokens();
    let mut observer = TestObserver::default();
    run(&mut trainer(training()), windows(&tokens), windows(&tokens), &plan(10), &mut observer)
        .unwrap();
    assert_eq!(observer.evaluated_at(), [3, 6, 9, 10]);
    // Every fourth step, the end, and each step with the best score so far.
    let mut expected = vec![4, 8, 10];
    let objective = training().objective;
    let mut best = f64::INFINITY;
    for (step, evaluation) in &observer.evaluations {
        let nats = evaluation.objective_nats(&objective);
        if nats < best {
            best = nats;
            expected.push(*step);
        }
    }
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(observer.saved_at(), expected);
}

/// With a learning rate near zero the model does not improve: for a long time, scores differ only
/// by amounts that do not count as better.
#[test]
fn patience_ends_a_run_that_gets_no_better_and_survives_a_break() {
    let tokens = tokens();
    let rate = LearningRateSchedule::Exponential { initial: 0.05, min: 0.05, decay: 1.0 };
    // It overfits its four windows and scores worse and worse on the others.
    let training = TrainingConfig { learning_rate: rate, max_transposition: 0, ..training() };
    let (learnt, heldout) = (windows(&tokens[..24]), windows(&tokens[24..]));
    let patient = Plan { patience: Some(3), ..plan(400) };
    let mut unbroken = TestObserver::default();
    let mut whole = trainer(training);
    let report = run(&mut whole, learnt, heldout, &patient, &mut unbroken).unwrap();
    assert_eq!(report.reason, StopReason::Patience);
    let best = whole.best().unwrap();
    assert_eq!(whole.n_steps(), best.step + 3 * 3);
    assert!(whole.n_steps() < 400);

    // Interrupted two steps after the best evaluation, off schedule, and resumed.
    let mut first = trainer(training);
    let stop_after = Some(usize::try_from(best.step).unwrap() + 2);
    let mut observer = TestObserver { stop_after, ..TestObserver::default() };
    let report = run(&mut first, learnt, heldout, &patient, &mut observer).unwrap();
    assert_eq!(report.reason, StopReason::Request);
    let last = observer.checkpoints.last().unwrap();
    let device = Device::flex();
    let mut second = Trainer::resume(config(), training, 3, &device, last).unwrap();
    let mut observer = TestObserver::default();
    let report = run(&mut second, learnt, heldout, &patient, &mut observer).unwrap();
    assert_eq!(report.reason, StopReason::Patience);
    assert_eq!(second.n_steps(), whole.n_steps());
    assert_eq!(tensors(&second.model()), tensors(&whole.model()));

    // Once out of patience it stays stopped, and with more patience it continues.
    let last = observer.checkpoints.last().unwrap();
    let mut third = Trainer::resume(config(), training, 3, &device, last).unwrap();
    let mut observer = TestObserver::default();
    run(&mut third, learnt, heldout, &patient, &mut observer).unwrap();
    assert!(observer.steps.is_empty() && observer.checkpoints.is_empty());
    let patient = Plan { patience: Some(4), ..patient };
    run(&mut third, learnt, heldout, &patient, &mut observer).unwrap();
    assert_ne!(observer.steps.len(), 0);
}

#[test]
fn a_model_begins_with_another_ones_weights_and_schedules() {
    let tokens = tokens();
    let device = Device::flex();
    let mut source = trainer(training());
    for _ in 0..20 {
        source.step(windows(&tokens)).unwrap();
    }
    let weights = source.model().to_safetensors(Precision::F32);
    let going_on = TrainingConfig { schedule_start: 20, ..training() };
    let mut tuned = Trainer::from_weights(config(), going_on, 8, &device, &weights).unwrap();
    assert_eq!(tensors(&tuned.model()), tensors(&source.model()));
    assert_eq!(tuned.n_steps(), 0);
    assert_eq!(tuned.checkpoint().n_steps, 0);
    let (first, next) =
        (tuned.step(windows(&tokens)).unwrap(), source.step(windows(&tokens)).unwrap());
    assert_eq!(first.step, 0);
    assert_eq!(first.beta, next.beta);
    assert_eq!(first.sampling_probability, next.sampling_probability);

    let larger = MusicVaeConfig { z_size: 5, ..config() };
    let error = Trainer::from_weights(larger, training(), 8, &device, &weights).err().unwrap();
    assert!(matches!(error, TrainError::Weights(_)), "{error}");
    let error = Trainer::from_weights(config(), training(), 8, &device, b"no").err().unwrap();
    assert!(matches!(error, TrainError::Weights(_)), "{error}");
}

#[test]
fn a_loss_that_runs_away_stops_the_run_with_the_checkpoints_before_it() {
    let tokens = tokens();
    let rate = LearningRateSchedule::Exponential { initial: 30.0, min: 30.0, decay: 1.0 };
    let training = TrainingConfig { learning_rate: rate, ..training() };
    let (mut trainer, mut observer) = (trainer(training), TestObserver::default());
    let plan = Plan { checkpoint_every: 1, evaluate_every: 1000, ..plan(200) };
    let error =
        run(&mut trainer, windows(&tokens), windows(&tokens), &plan, &mut observer).unwrap_err();
    let (TrainError::Diverged { step, .. } | TrainError::NotFinite { step, .. }) = error else {
        panic!("{error}")
    };
    assert_eq!(trainer.n_steps(), step);
    // No checkpoint was saved while the loss was high: guessing costs 6 ln 8 nats.
    let limit = DIVERGED_WHILE * 6.0 * 8.0_f64.ln();
    for saved in observer.saved_at() {
        let last = &observer.steps[usize::try_from(saved).unwrap() - 1];
        assert!(last.loss <= limit, "saved after {last:?}");
    }
    assert!(observer.saved_at().contains(&1));
}
