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
mod divergence;
mod error;
mod loader;
mod run;
mod shuffle;
mod trainable;

use std::time::Duration;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::config::{MusicVaeConfig, RecurrentPrecision, TrainingConfig};
use crate::model::host;
use crate::optimizer::{Adam, GradientSum};
use crate::weights;

pub use checkpoint::{Best, Checkpoint, CheckpointError};
use divergence::DivergenceMonitor;
pub use error::TrainError;
use loader::{BatchLoader, Loaded};
pub use run::{Plan, RunReport, StepTimes, StopReason, TrainObserver, run};
pub use trainable::{Corpus, Terms, Trainable};

/// Multiple of the guessing loss that is tolerated for a few steps.
pub const DIVERGED_WHILE: f64 = 2.0;

/// Number of consecutive steps above [`DIVERGED_WHILE`] that count as divergence.
pub const DIVERGED_STEPS: u64 = 10;

/// Multiple of the guessing loss that counts as divergence immediately.
pub const DIVERGED_AT_ONCE: f64 = 100.0;

/// The values that a loss depends on in addition to model and batch.
#[derive(Clone, Copy, Debug)]
pub struct StepSettings<'a> {
    /// The settings of the run.
    pub training: &'a TrainingConfig,
    /// The seed of the run.
    pub seed: u64,
    /// Number of previous steps.
    pub step: u64,
    /// Weight of the KL term.
    pub beta: f64,
    /// Probability that a decoder input is the model's own sample.
    pub sampling_probability: f64,
    /// Number of windows in the previous batches of the step.
    pub first_window: usize,
}

/// Metrics of one training step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// The step, counted from 0.
    pub step: u64,
    /// The loss that was minimized, in nats per window.
    pub loss: f64,
    /// Reconstruction term, in nats per window.
    pub reconstruction_nats: f64,
    /// The part of each field of a note in it; empty if windows are not lists of notes.
    #[serde(default, skip_serializing_if = "FieldNats::is_empty")]
    pub fields: FieldNats,
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

/// Nats per window of each field of a note, in the encoding's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<f64>", into = "Vec<f64>")]
pub struct FieldNats {
    nats: [f64; MAX_FIELDS],
    n_fields: usize,
}

/// Maximum number of fields of a note.
const MAX_FIELDS: usize = 8;

impl FieldNats {
    /// The values, in the encoding's order of fields.
    pub fn as_slice(&self) -> &[f64] {
        &self.nats[..self.n_fields]
    }

    fn is_empty(&self) -> bool {
        self.n_fields == 0
    }
}

impl From<Vec<f64>> for FieldNats {
    /// Takes the first eight numbers; notes have fewer fields.
    fn from(from: Vec<f64>) -> Self {
        let mut nats = [0.0; MAX_FIELDS];
        for (to, from) in nats.iter_mut().zip(&from) {
            *to = *from;
        }
        Self { nats, n_fields: from.len().min(MAX_FIELDS) }
    }
}

impl From<FieldNats> for Vec<f64> {
    fn from(from: FieldNats) -> Self {
        from.as_slice().to_vec()
    }
}

/// A model in training. Its configuration determines the kind of model; the default is
/// [`crate::MusicVae`].
pub struct Trainer<C: Trainable = MusicVaeConfig> {
    config: C,
    training: TrainingConfig,
    seed: u64,
    device: Device,
    model: C::Model,
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
    divergence: DivergenceMonitor,
    loader: BatchLoader,
}

impl<C: Trainable> Trainer<C> {
    /// A new model of a configuration.
    ///
    /// # Errors
    /// [`TrainError::Config`] if a size or a setting is not allowed.
    pub fn new(
        config: C,
        training: TrainingConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self, TrainError> {
        config.check(&training)?;
        training.recurrent_precision.check(device)?;
        let device = device.clone().autodiff();
        let model = C::with_precision(config.init(seed, &device)?, training.recurrent_precision);
        let divergence = DivergenceMonitor::new(config.guess_nats());
        let loader = BatchLoader::new(config.z_size(), training, seed);
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
            divergence,
            loader,
        })
    }

    /// A model that starts from the weights of another of the same sizes, with a new optimizer.
    ///
    /// # Errors
    /// Like [`Trainer::new`]; [`TrainError::Weights`] if the safetensors file is damaged or belongs
    /// to another configuration.
    pub fn from_weights(
        config: C,
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
    pub fn model(&self) -> C::Model {
        C::with_precision(self.model.valid(), RecurrentPrecision::F32)
    }

    /// Makes one update on the next batch of `windows`.
    ///
    /// # Errors
    /// [`TrainError::NoWindows`]; [`TrainError::NotFinite`] and [`TrainError::Diverged`], with the
    /// model unchanged.
    pub fn step(&mut self, windows: C::Windows<'_>) -> Result<StepMetrics, TrainError> {
        if C::n_windows(windows) == 0 {
            return Err(TrainError::NoWindows);
        }
        let prepared = self.loader.load::<C>(self.step, windows);
        self.step_on(prepared)
    }

    /// Makes one update on the input prepared for this step.
    fn step_on(&mut self, prepared: Loaded<C::Batch>) -> Result<StepMetrics, TrainError> {
        let step = self.step;
        assert_eq!(prepared.step, step, "batches must be in the order of steps");
        let scheduled = step.saturating_add(self.training.schedule_start);
        let objective = self.training.objective;
        let sampling_probability = objective.scheduled_sampling.at(scheduled);
        let beta = objective.beta.at(scheduled);
        let n_sequences = prepared.n_sequences();
        let n_parts = prepared.parts.len();
        let (mut loss, mut kl_bits, mut reconstruction_nats) = (0.0, 0.0, 0.0);
        let mut fields = Vec::new();
        let mut sum = GradientSum::default();
        let mut model = self.model.clone();
        for part in prepared.parts {
            // Weight of this batch in the mean over all sequences of the step.
            let share = part.n_sequences as f64 / n_sequences as f64;
            let noise = TensorData::new(part.noise, [part.n_sequences, self.config.z_size()]);
            let noise = Tensor::from_data(noise, &self.device);
            let settings = StepSettings {
                training: &self.training,
                seed: self.seed,
                step,
                beta,
                sampling_probability,
                first_window: part.first_sequence,
            };
            let terms = self.config.terms(&self.model, &part.batch, noise, &settings);
            let mut of_part = terms.loss;
            if n_parts > 1 {
                of_part = of_part.mul_scalar(share);
            }
            let mut gradients = of_part.backward();
            loss += f64::from(host(of_part.inner())[0]);
            kl_bits += share * mean(&host(terms.kl.inner())) / std::f64::consts::LN_2;
            reconstruction_nats += share * mean(&host(terms.reconstruction.inner()));
            fields.resize(terms.fields.len(), 0.0);
            for (sum, field) in fields.iter_mut().zip(terms.fields) {
                *sum += share * mean(&host(field.inner()));
            }
            if !loss.is_finite() {
                return Err(TrainError::NotFinite { step, what: "loss" });
            }
            model = sum.add(model, &mut gradients, &self.device);
        }
        self.divergence.record_loss(step, loss)?;
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
            fields: fields.into(),
            kl_bits,
            beta,
            learning_rate,
            sampling_probability,
            gradient_norm,
        })
    }

    /// Scores the model and remembers whether it is the best so far; `None` if there are no
    /// windows.
    pub fn evaluate(&mut self, windows: C::Windows<'_>) -> Option<C::Evaluation> {
        self.evaluated_at = Some(self.step);
        let evaluation = self.config.evaluate(&self.model(), windows, self.seed)?;
        let is_sound = self.divergence.record_score(self.step, C::negative_elbo_nats(&evaluation));
        let nats = C::objective_nats(&evaluation, &self.training.objective);
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
