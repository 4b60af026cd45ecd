//! Training, top to bottom: [`Trainer::step`] is one update, [`run`] the loop around it.
//!
//! Every random draw of step `n` comes from streams named by the seed, a purpose and `n` (the epoch
//! for the order of windows). A run that goes on from a checkpoint therefore sees the same batches,
//! transpositions and samples as one that was never broken off.

mod checkpoint;
mod error;
mod order;

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use lstm_kernel::packed::Precision;
use rand::RngExt;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, MusicVaeConfig, RecurrentPrecision, TrainingConfig};
use crate::device;
use crate::evaluate::{Evaluation, evaluate};
use crate::generate::Generator;
use crate::layout::Content;
use crate::model::{MusicVae, host};
use crate::optimizer::Adam;
use crate::recurrent::SymbolSteps;
use crate::sampling::categorical;
use crate::seed;
use crate::windows::{Batch, Windows};

pub use checkpoint::{Best, Checkpoint, CheckpointError};
pub use error::TrainError;
use order::Order;

/// Figures of one training step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// The step, counted from 0.
    pub step: u64,
    /// The loss that was minimised, in nats per window.
    pub loss: f64,
    /// Reconstruction term, in nats per window.
    pub reconstruction_nats: f64,
    /// KL term before hinge and weight, in bits per window.
    pub kl_bits: f64,
    /// Weight of the KL term.
    pub beta: f64,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Probability that a decoder input was the model's own sample.
    pub sampling_probability: f64,
    /// Global norm of the gradients before clipping.
    pub gradient_norm: f64,
}

/// A model in training.
pub struct Trainer {
    config: MusicVaeConfig,
    training: TrainingConfig,
    seed: u64,
    device: Device,
    model: MusicVae,
    adam: Adam,
    step: u64,
    elapsed: Duration,
    best: Option<Best>,
    /// Steps of the last checkpoint, made or gone on from.
    saved_at: Option<u64>,
    order: Order,
}

impl Trainer {
    /// A fresh model of a configuration.
    ///
    /// # Errors
    /// [`TrainError::Config`] where a size or a setting is not allowed.
    pub fn new(
        config: MusicVaeConfig,
        training: TrainingConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        training.validate()?;
        let precision = match training.recurrent_precision {
            RecurrentPrecision::F32 => Precision::F32,
            RecurrentPrecision::Bf16 if device::is_host(device) => Precision::Bf16,
            RecurrentPrecision::Bf16 => return Err(ConfigError::Bf16.into()),
        };
        let has_pitches =
            config.window().tracks.iter().any(|track| track.content == Content::Pitches);
        if !has_pitches && training.max_transposition > 0 {
            let found = f64::from(training.max_transposition);
            return Err(ConfigError::Range {
                field: "max_transposition",
                found,
                allowed: "0, because drums have no pitch,",
            }
            .into());
        }
        let device = device.clone().autodiff();
        let model = MusicVae::init(&config, seed, &device)?.with_precision(precision);
        Ok(Self {
            config,
            training,
            seed,
            device,
            model,
            adam: Adam::default(),
            step: 0,
            elapsed: Duration::ZERO,
            best: None,
            saved_at: None,
            order: Order::default(),
        })
    }

    /// Steps made so far.
    pub fn n_steps(&self) -> u64 {
        self.step
    }

    /// The best evaluation so far.
    pub fn best(&self) -> Option<Best> {
        self.best
    }

    /// The model for use, without autodiff.
    pub fn model(&self) -> MusicVae {
        self.model.valid().with_precision(Precision::F32)
    }

    /// Makes one update on the next batch of `windows`.
    ///
    /// # Errors
    /// [`TrainError::NoWindows`]; [`TrainError::NotFinite`], with the model as it was before.
    pub fn step(&mut self, windows: Windows<'_>) -> Result<StepMetrics, TrainError> {
        if windows.is_empty() {
            return Err(TrainError::NoWindows);
        }
        let step = self.step;
        let batch = self.batch(windows);
        let objective = self.training.objective;
        let sampling_probability = objective.scheduled_sampling.at(step);
        let beta = objective.beta.at(step);
        let noise = self.noise(batch.len());
        let elbo = self
            .model
            .elbo(&batch, noise, |z| self.decoder_inputs(&batch, z, sampling_probability));
        let loss = elbo.loss(beta, objective.free_bits);
        let mut gradients = loss.backward();
        let loss = f64::from(host(loss.inner())[0]);
        let kl_bits = mean(&host(elbo.kl().inner())) / std::f64::consts::LN_2;
        let reconstruction_nats = mean(&host(elbo.reconstruction.inner()));
        if !loss.is_finite() {
            return Err(TrainError::NotFinite { step, what: "loss" });
        }
        let learning_rate = self.training.learning_rate.at(step);
        let max_norm = self.training.max_gradient_norm;
        let updated = self.adam.update(
            self.model.clone(),
            &mut gradients,
            learning_rate,
            max_norm,
            &self.device,
        );
        let (model, gradient_norm) =
            updated.map_err(|_| TrainError::NotFinite { step, what: "gradient" })?;
        self.model = model;
        self.step += 1;
        Ok(StepMetrics {
            step,
            loss,
            reconstruction_nats,
            kl_bits,
            beta,
            learning_rate,
            sampling_probability,
            gradient_norm,
        })
    }

    /// The batch of this step: the next windows of the epoch's order, each transposed anew.
    fn batch(&mut self, windows: Windows<'_>) -> Batch {
        let indices =
            self.order.batch(self.seed, self.step, windows.len(), self.training.batch_size);
        let mut rng = seed::stream(self.seed, "transpose", self.step);
        let most = i32::from(self.training.max_transposition);
        let transposed: Vec<Vec<u16>> = indices
            .iter()
            .map(|index| {
                let mut tokens = windows.get(*index).to_vec();
                let semitones = rng.random_range(-most..=most);
                windows.layout().transpose(&mut tokens, semitones);
                tokens
            })
            .collect();
        Batch::new(transposed.iter().map(Vec::as_slice), windows.layout())
    }

    /// Standard normal noise `[B, Z]` of this step.
    fn noise(&self, batch: usize) -> Tensor<2> {
        let mut rng = seed::stream(self.seed, "posterior", self.step);
        let n = batch * self.config.z_size;
        let values: Vec<f32> = (0..n).map(|_| rng.sample(StandardNormal)).collect();
        Tensor::from_data(TensorData::new(values, [batch, self.config.z_size]), &self.device)
    }

    /// What the decoder reads: the true symbols one step late, with the model's own draws at
    /// temperature 1 in some places (scheduled sampling, Bengio et al. 2015, arXiv:1506.03099).
    ///
    /// No gradient flows through a draw, so that they can be made beforehand, all at once.
    fn decoder_inputs(&self, batch: &Batch, z: &Tensor<2>, probability: f64) -> Arc<SymbolSteps> {
        let forced = batch.shifted();
        if probability <= 0.0 {
            return forced;
        }
        let (n_steps, n, n_parts) = (forced.steps(), batch.len(), forced.slots());
        let targets = batch.parts().ids();
        let mut states: Vec<_> = (0..n)
            .map(|b| {
                let stream = self.step * self.training.batch_size as u64 + b as u64;
                (seed::stream(self.seed, "scheduled sampling", stream), vec![0; n_steps * n_parts])
            })
            .collect();
        let generator = Generator::new(&self.model.decoder);
        let z = host(z.clone().inner());
        let control = batch.control_by_sequence();
        generator.run(&z, &control, n_steps, &mut states, |(rng, chosen), asked| {
            let own = rng.random_bool(probability);
            let class = if own {
                categorical(asked.logits, 1.0, rng)
            } else {
                let at = (asked.step * n + asked.sequence) * n_parts + asked.part;
                usize::try_from(targets[at]).unwrap_or(0)
            };
            chosen[asked.step * n_parts + asked.part] = class;
            class
        });
        let mut ids = vec![SymbolSteps::NONE; n * n_parts];
        for step in 0..n_steps - 1 {
            ids.extend(states.iter().flat_map(|(_, chosen)| {
                chosen[step * n_parts..][..n_parts].iter().map(|class| {
                    i32::try_from(*class).expect("a vocabulary has at most 2^14 classes")
                })
            }));
        }
        Arc::new(SymbolSteps::new(ids, [n_steps, n, n_parts]))
    }

    /// Scores the model and remembers whether it is the best so far; none for no windows.
    pub fn evaluate(&mut self, windows: Windows<'_>) -> Option<Evaluation> {
        let evaluation = evaluate(&self.model(), windows, self.seed)?;
        let nats = evaluation.negative_elbo_nats();
        if self.best.is_none_or(|best| nats < best.negative_elbo_nats) {
            self.best = Some(Best { step: self.step, negative_elbo_nats: nats });
        }
        Some(evaluation)
    }
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
}

/// When [`run`] stops, evaluates and saves. Steps and time count from the run's first start, also
/// after a resume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Stop after this many steps.
    pub max_steps: Option<u64>,
    /// Stop after this much time.
    pub max_time: Option<Duration>,
    /// Steps from one evaluation and checkpoint to the next.
    pub checkpoint_every: u64,
}

/// Hears what a training run does, keeps its checkpoints, and may stop it.
pub trait TrainObserver {
    /// A step was made, `elapsed` into the run.
    fn on_step(&mut self, metrics: &StepMetrics, elapsed: Duration);

    /// The held-out windows were scored after `n_steps` steps.
    fn on_evaluation(&mut self, n_steps: u64, evaluation: &Evaluation);

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

/// Trains until the plan or the observer says stop, with a checkpoint on the way and at the end.
///
/// # Errors
/// See [`TrainError`]; the last checkpoint stays good.
pub fn run(
    trainer: &mut Trainer,
    train: Windows<'_>,
    heldout: Windows<'_>,
    plan: &Plan,
    observer: &mut impl TrainObserver,
) -> Result<(), TrainError> {
    let start = Instant::now();
    let before = trainer.elapsed;
    loop {
        let done = plan.max_steps.is_some_and(|max| trainer.step >= max)
            || plan.max_time.is_some_and(|max| trainer.elapsed >= max)
            || observer.stop_requested();
        let due = trainer.step > 0 && trainer.step.is_multiple_of(plan.checkpoint_every.max(1));
        if (done || due) && trainer.saved_at != Some(trainer.step) {
            trainer.saved_at = Some(trainer.step);
            if let Some(evaluation) = trainer.evaluate(heldout) {
                observer.on_evaluation(trainer.step, &evaluation);
            }
            trainer.elapsed = before + start.elapsed();
            observer.on_checkpoint(&trainer.checkpoint()).map_err(TrainError::Checkpoint)?;
        }
        if done {
            return Ok(());
        }
        let metrics = trainer.step(train)?;
        trainer.elapsed = before + start.elapsed();
        observer.on_step(&metrics, trainer.elapsed);
    }
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests;
