//! The trait of configurations whose models a [`Trainer`](super::Trainer) can train.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use lstm_kernel::packed::Precision;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StepSettings;
use super::decoder_inputs::OwnDraws;
use crate::config::{
    ConfigError, MusicVaeConfig, ObjectiveConfig, RecurrentPrecision, TrainingConfig,
};
use crate::device;
use crate::evaluate::{Evaluation, evaluate};
use crate::model::MusicVae;
use crate::windows::{Batch, Windows};
use note_seq::window::Content;

/// The configuration of a model that can be trained: determines the model, its windows and its
/// loss.
pub trait Trainable:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync
{
    /// The model.
    type Model: Module;
    /// The windows that it is trained and evaluated on.
    type Windows<'a>: Copy + Send + Sync;
    /// A batch of windows in the order in which the model reads them.
    type Batch: Send;
    /// Scores on a set of windows.
    type Evaluation: Clone + Debug;

    /// Checks every size, and whether the training settings suit the model.
    ///
    /// # Errors
    /// [`ConfigError`], naming the field.
    fn check(&self, training: &TrainingConfig) -> Result<(), ConfigError>;

    /// A model with new weights, drawn from `seed`.
    ///
    /// # Errors
    /// Like [`Trainable::check`].
    fn init(&self, seed: u64, device: &Device) -> Result<Self::Model, ConfigError>;

    /// Dimensions of the latent space, `Z`.
    fn z_size(&self) -> usize;

    /// The loss of guessing uniformly among all classes, in nats per window. A loss far above it is
    /// a divergence.
    fn guess_nats(&self) -> f64;

    /// Number of windows.
    fn n_windows(windows: Self::Windows<'_>) -> usize;

    /// The corpora to sample windows from; empty if each window is used once per epoch.
    fn corpora(windows: Self::Windows<'_>) -> Vec<Corpus> {
        let _ = windows;
        Vec::new()
    }

    /// A batch of the windows with these indices; each is transposed by the number of semitones
    /// that a call of `transposition` returns.
    fn batch(
        windows: Self::Windows<'_>,
        indices: &[usize],
        transposition: &mut dyn FnMut() -> i32,
    ) -> Self::Batch;

    /// Number of windows in a batch.
    fn batch_len(batch: &Self::Batch) -> usize;

    /// The loss of a batch and its terms, for the posterior samples determined by standard normal
    /// `noise` `[B, Z]`.
    fn terms(
        &self,
        model: &Self::Model,
        batch: &Self::Batch,
        noise: Tensor<2>,
        step: &StepSettings<'_>,
    ) -> Terms;

    /// The same model with another precision of its recurrent products.
    fn with_precision(model: Self::Model, precision: RecurrentPrecision) -> Self::Model;

    /// Scores a model; `None` for no windows.
    fn evaluate(
        &self,
        model: &Self::Model,
        windows: Self::Windows<'_>,
        seed: u64,
    ) -> Option<Self::Evaluation>;

    /// The negative evidence lower bound of an evaluation, in nats per window.
    fn negative_elbo_nats(evaluation: &Self::Evaluation) -> f64;

    /// The training objective at the end of its schedules, in nats per window.
    fn objective_nats(evaluation: &Self::Evaluation, objective: &ObjectiveConfig) -> f64;
}

/// A range of windows that training samples with one weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Corpus {
    /// The indices of the windows.
    pub windows: Range<usize>,
    /// Frequency of this corpus, relative to the weights of the other corpora: a number
    /// above 0.
    pub weight: f64,
}

/// A loss and its terms.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The loss to minimize, `[1]`, in nats per window.
    pub loss: Tensor<1>,
    /// The reconstruction term, in nats per window: a single number, or one for each window.
    pub reconstruction: Tensor<1>,
    /// `KL(q(z | x) || N(0, I))` of each window, `[B]`, in nats.
    pub kl: Tensor<1>,
    /// The reconstruction term of each field of a note, `[1]` each; empty if windows are not lists
    /// of notes.
    pub fields: Vec<Tensor<1>>,
}

impl RecurrentPrecision {
    /// The same precision in the kernel's terms.
    pub(crate) fn in_kernel(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::Bf16 => Precision::Bf16,
        }
    }

    /// Checks that the recurrent core of a device supports it.
    pub(super) fn check(self, device: &Device) -> Result<(), ConfigError> {
        match self {
            Self::Bf16 if !device::has_bf16(device) => Err(ConfigError::Bf16),
            _ => Ok(()),
        }
    }
}

impl Trainable for MusicVaeConfig {
    type Model = MusicVae;
    type Windows<'a> = Windows<'a>;
    type Batch = Batch;
    type Evaluation = Evaluation;

    fn check(&self, training: &TrainingConfig) -> Result<(), ConfigError> {
        self.validate()?;
        training.validate()?;
        let has_pitches =
            self.window().tracks.iter().any(|track| track.content == Content::Pitches);
        if !has_pitches && training.max_transposition > 0 {
            return Err(ConfigError::no_pitches(training.max_transposition));
        }
        Ok(())
    }

    fn init(&self, seed: u64, device: &Device) -> Result<MusicVae, ConfigError> {
        MusicVae::init(self, seed, device)
    }

    fn z_size(&self) -> usize {
        self.z_size
    }

    fn guess_nats(&self) -> f64 {
        let nats = self.n_classes.iter().map(|n| (*n as f64).ln()).sum::<f64>();
        nats * self.n_steps as f64
    }

    fn n_windows(windows: Windows<'_>) -> usize {
        windows.len()
    }

    fn batch(
        windows: Windows<'_>,
        indices: &[usize],
        transposition: &mut dyn FnMut() -> i32,
    ) -> Batch {
        let layout = windows.layout();
        let transposed: Vec<Vec<u16>> = indices
            .iter()
            .map(|index| {
                let mut tokens = windows.get(*index).to_vec();
                layout.transpose(&mut tokens, transposition());
                tokens
            })
            .collect();
        Batch::new(transposed.iter().map(Vec::as_slice), layout)
    }

    fn batch_len(batch: &Batch) -> usize {
        batch.len()
    }

    fn terms(
        &self,
        model: &MusicVae,
        batch: &Batch,
        noise: Tensor<2>,
        step: &StepSettings<'_>,
    ) -> Terms {
        let elbo = model.elbo(batch, noise, |z| {
            if step.sampling_probability <= 0.0 {
                return Arc::clone(&batch.shifted());
            }
            OwnDraws { model, batch, settings: step }.decoder_inputs(z)
        });
        Terms {
            loss: elbo.loss(step.beta, step.training.objective.free_bits),
            kl: elbo.kl(),
            reconstruction: elbo.reconstruction,
            fields: Vec::new(),
        }
    }

    fn with_precision(model: MusicVae, precision: RecurrentPrecision) -> MusicVae {
        model.with_precision(precision.in_kernel())
    }

    fn evaluate(&self, model: &MusicVae, windows: Windows<'_>, seed: u64) -> Option<Evaluation> {
        evaluate(model, windows, seed)
    }

    fn negative_elbo_nats(evaluation: &Evaluation) -> f64 {
        evaluation.negative_elbo_nats()
    }

    fn objective_nats(evaluation: &Evaluation, objective: &ObjectiveConfig) -> f64 {
        evaluation.objective_nats(objective)
    }
}
