//! Training: [`Trainer::step`] is one update, [`run`] is the loop around it.
//!
//! Every random number of step `n` comes from streams named by the seed, a purpose and `n` (or the
//! epoch, for the order of windows). A resumed run therefore sees the same batches, transpositions
//! and samples as an uninterrupted one.
//!
//! The input of a step (transposed windows in the model's layout, and noise) is prepared on a
//! separate thread, see [`RunReport::wait_share`].

mod checkpoint;
mod decoder_inputs;
mod error;
mod explosion;
mod order;
mod pipeline;
mod run;

use std::time::Duration;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use lstm_kernel::packed::Precision;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, MusicVaeConfig, RecurrentPrecision, TrainingConfig};
use crate::device;
use crate::evaluate::{Evaluation, evaluate};
use crate::layout::Content;
use crate::model::{MusicVae, host};
use crate::optimizer::{Adam, GradientSum};
use crate::weights;
use crate::windows::Windows;

pub use checkpoint::{Best, Checkpoint, CheckpointError};
pub use error::TrainError;
use explosion::Watch;
pub use explosion::{EXPLODED_AT_ONCE, EXPLODED_STEPS, EXPLODED_WHILE};
use pipeline::{Prepared, Preparer};
pub use run::{Plan, RunReport, StepTimes, StopReason, TrainObserver, run};

/// Metrics of one training step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// The step, counted from 0.
    pub step: u64,
    /// The loss that was minimized, in nats per window.
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
    /// Number of scheduled evaluations since the best one.
    n_since_best: u64,
    /// Step of the last evaluation.
    evaluated_at: Option<u64>,
    /// Step of the last checkpoint, saved or resumed from.
    saved_at: Option<u64>,
    watch: Watch,
    preparer: Preparer,
}

impl Trainer {
    /// A new model of a configuration.
    ///
    /// # Errors
    /// [`TrainError::Config`] if a size or a setting is not allowed.
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
            RecurrentPrecision::Bf16 if device::has_bf16(device) => Precision::Bf16,
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
        let watch = Watch::new(&config);
        let preparer = Preparer::new(&config, training, seed);
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
            n_since_best: 0,
            evaluated_at: None,
            saved_at: None,
            watch,
            preparer,
        })
    }

    /// A model that starts from the weights of another of the same sizes, with a new optimizer.
    ///
    /// # Errors
    /// Like [`Trainer::new`]; [`TrainError::Weights`] if the safetensors file is damaged or belongs
    /// to another configuration.
    pub fn from_weights(
        config: MusicVaeConfig,
        training: TrainingConfig,
        seed: u64,
        device: &Device,
        safetensors: &[u8],
    ) -> Result<Self, TrainError> {
        let mut trainer = Self::new(config, training, seed, device)?;
        trainer.model = weights::replace(trainer.model, weights::read(safetensors)?)?;
        Ok(trainer)
    }

    /// Number of steps made so far.
    pub fn n_steps(&self) -> u64 {
        self.step
    }

    /// Total running time, including before a resume.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
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
    /// [`TrainError::NoWindows`]; [`TrainError::NotFinite`] and [`TrainError::Exploded`], with the
    /// model unchanged.
    pub fn step(&mut self, windows: Windows<'_>) -> Result<StepMetrics, TrainError> {
        if windows.is_empty() {
            return Err(TrainError::NoWindows);
        }
        let prepared = self.preparer.prepare(self.step, windows);
        self.step_on(prepared)
    }

    /// Makes one update on the input prepared for this step.
    fn step_on(&mut self, prepared: Prepared) -> Result<StepMetrics, TrainError> {
        let step = self.step;
        assert_eq!(prepared.step, step, "batches must be in the order of steps");
        let scheduled = step.saturating_add(self.training.schedule_start);
        let objective = self.training.objective;
        let sampling_probability = objective.scheduled_sampling.at(scheduled);
        let beta = objective.beta.at(scheduled);
        let n_sequences = prepared.n_sequences();
        let n_parts = prepared.parts.len();
        let (mut loss, mut kl_bits, mut reconstruction_nats) = (0.0, 0.0, 0.0);
        let mut sum = GradientSum::default();
        let mut model = self.model.clone();
        for part in prepared.parts {
            let batch = part.batch;
            // Weight of this batch in the mean over all sequences of the step.
            let share = batch.len() as f64 / n_sequences as f64;
            let noise = TensorData::new(part.noise, [batch.len(), self.config.z_size]);
            let noise = Tensor::from_data(noise, &self.device);
            let first = part.first_sequence;
            let elbo = self.model.elbo(&batch, noise, |z| {
                self.decoder_inputs(&batch, z, sampling_probability, first)
            });
            let mut of_part = elbo.loss(beta, objective.free_bits);
            if n_parts > 1 {
                of_part = of_part.mul_scalar(share);
            }
            let mut gradients = of_part.backward();
            loss += f64::from(host(of_part.inner())[0]);
            kl_bits += share * mean(&host(elbo.kl().inner())) / std::f64::consts::LN_2;
            reconstruction_nats += share * mean(&host(elbo.reconstruction.inner()));
            if !loss.is_finite() {
                return Err(TrainError::NotFinite { step, what: "loss" });
            }
            model = sum.add(model, &mut gradients, &self.device);
        }
        self.watch.see(step, loss)?;
        let learning_rate = self.training.learning_rate.at(step);
        let max_norm = self.training.max_gradient_norm;
        let updated = self.adam.apply(model, sum, learning_rate, max_norm);
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

    /// Scores the model and remembers whether it is the best so far; `None` if there are no
    /// windows.
    pub fn evaluate(&mut self, windows: Windows<'_>) -> Option<Evaluation> {
        self.evaluated_at = Some(self.step);
        let evaluation = evaluate(&self.model(), windows, self.seed)?;
        let is_sound = self.watch.see_score(self.step, evaluation.negative_elbo_nats());
        let nats = evaluation.objective_nats(&self.training.objective);
        if is_sound && self.best.is_none_or(|best| nats < best.objective_nats) {
            self.best = Some(Best { step: self.step, objective_nats: nats });
            self.n_since_best = 0;
        }
        Some(evaluation)
    }
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
pub(crate) mod tests;
