//! Lets [`Trainer`](crate::train::Trainer) train models over note lists.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use note_seq::NoteList;

use super::batch::{NoteListBatch, NoteListWindows};
use super::config::NoteListVaeConfig;
use super::evaluate::{NoteListEvaluation, evaluate_note_lists};
use super::model::NoteListVae;
use crate::config::{ConfigError, ObjectiveConfig, RecurrentPrecision, TrainingConfig};
use crate::train::{Corpus, StepSettings, Terms, Trainable};

/// Number of notes of the window whose guessing loss is the measure of a divergence: more than
/// music has.
const GUESSED_NOTES: usize = 256;

impl Trainable for NoteListVaeConfig {
    type Model = NoteListVae;
    type Windows<'a> = NoteListWindows<'a>;
    type Batch = Arc<NoteListBatch>;
    type Evaluation = NoteListEvaluation;

    fn check(&self, training: &TrainingConfig) -> Result<(), ConfigError> {
        self.validate()?;
        training.validate()?;
        if !self.encoding.has_tones() && training.max_transposition > 0 {
            return Err(ConfigError::no_pitches(training.max_transposition));
        }
        Ok(())
    }

    fn init(&self, seed: u64, device: &Device) -> Result<NoteListVae, ConfigError> {
        NoteListVae::init(self, seed, device)
    }

    fn z_size(&self) -> usize {
        self.z_size
    }

    fn guess_nats(&self) -> f64 {
        let note: f64 = self.n_classes().iter().map(|n| (*n as f64).ln()).sum();
        note * GUESSED_NOTES as f64
    }

    fn n_windows(windows: NoteListWindows<'_>) -> usize {
        windows.len()
    }

    fn corpora(windows: NoteListWindows<'_>) -> Vec<Corpus> {
        windows.corpora().to_vec()
    }

    fn batch(
        windows: NoteListWindows<'_>,
        indices: &[usize],
        transposition: &mut dyn FnMut() -> i32,
    ) -> Arc<NoteListBatch> {
        let transposed: Vec<NoteList> = indices
            .iter()
            .map(|index| {
                let list = &windows.lists()[*index];
                // A window that would leave the range of pitches is not transposed.
                list.transposed(transposition()).unwrap_or_else(|| list.clone())
            })
            .collect();
        Arc::new(NoteListBatch::new(&transposed))
    }

    fn batch_len(batch: &Arc<NoteListBatch>) -> usize {
        batch.len()
    }

    fn terms(
        &self,
        model: &NoteListVae,
        batch: &Arc<NoteListBatch>,
        noise: Tensor<2>,
        step: &StepSettings<'_>,
    ) -> Terms {
        let elbo = model.elbo(batch, noise);
        Terms {
            loss: elbo.loss(step.beta, step.training.objective.free_bits),
            reconstruction: elbo.reconstruction(),
            kl: elbo.kl(),
            fields: elbo.fields,
        }
    }

    fn with_precision(mut model: NoteListVae, precision: RecurrentPrecision) -> NoteListVae {
        let precision = precision.in_kernel();
        let layers = [&mut model.encoder.over_cells, &mut model.decoder.conductor];
        let layers = layers.into_iter().flat_map(|both| [&mut both.forward, &mut both.backward]);
        for layer in layers.chain([&mut model.decoder.list]) {
            layer.precision = precision;
        }
        model
    }

    fn evaluate(
        &self,
        model: &NoteListVae,
        windows: NoteListWindows<'_>,
        seed: u64,
    ) -> Option<NoteListEvaluation> {
        evaluate_note_lists(self, model, windows.lists(), seed)
    }

    fn negative_elbo_nats(evaluation: &NoteListEvaluation) -> f64 {
        evaluation.negative_elbo_nats()
    }

    fn objective_nats(evaluation: &NoteListEvaluation, objective: &ObjectiveConfig) -> f64 {
        evaluation.objective_nats(objective)
    }
}
