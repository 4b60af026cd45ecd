//! Evaluation: how well a model reconstructs windows of notes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use note_seq::{Field, NoteList};
use serde::{Deserialize, Serialize};

use super::batch::NoteListBatch;
use super::config::NoteListVaeConfig;
use super::generate::NoteListGenerator;
use super::model::NoteListVae;
use crate::config::ObjectiveConfig;
use crate::evaluate::{active_dimensions, mean_kl_nats, mean_over, sample};
use crate::generate::Sampling;
use crate::model::host;
use crate::seed;

/// Number of windows that are scored at once.
const SCORE_BATCH: usize = 128;

/// Scores of a model on a set of windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoteListEvaluation {
    /// Number of windows.
    pub n_windows: usize,
    /// Reconstruction loss with teacher forcing, for one sample from each posterior, in nats per
    /// window.
    pub reconstruction_nats: f64,
    /// The part of each field in it, by the field's name.
    pub field_nats: BTreeMap<String, f64>,
    /// `KL(q(z | x) || N(0, I))`, in bits per window.
    pub kl_bits: f64,
    /// Score of decoding the posterior means, with the most probable class at each step.
    pub best: NoteListScore,
    /// Score of decoding one sample from each posterior, at temperature 1.
    pub sampled: NoteListScore,
    /// Number of latent dimensions whose posterior mean has a variance above
    /// [`crate::ACTIVE_VARIANCE`].
    pub active_units: usize,
    /// Mean standard deviation of the posterior over windows and active units; `None` without
    /// active units.
    pub active_std_dev: Option<f64>,
}

/// Reconstruction of a set of windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoteListScore {
    /// `2 tp / (notes + notes written)`, where a true positive (`tp`) is a pair of onset and pitch
    /// (or drum) that both windows contain.
    pub note_f1: f64,
    /// `tp / notes written`.
    pub note_precision: f64,
    /// `tp / notes`.
    pub note_recall: f64,
    /// Fraction of the true positives with the right family; `None` for notes without families.
    pub family: Option<f64>,
    /// Fraction of the true positives whose duration is off by at most one class.
    pub duration_within_one: Option<f64>,
    /// Fraction of the true positives whose velocity (or dynamics) is off by at most one class.
    pub velocity_within_one: Option<f64>,
    /// Mean distance between the offsets of the true positives within a step, in classes.
    pub offset_classes: Option<f64>,
}

/// The counts that a [`NoteListScore`] is computed from.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    asked: usize,
    given: usize,
    hit: usize,
    family: usize,
    duration: usize,
    velocity: usize,
    offset: usize,
}

impl NoteListScore {
    /// Compares decoded windows with their originals, all of one encoding.
    ///
    /// # Panics
    /// If the numbers of windows differ.
    pub fn of<'a>(
        targets: impl ExactSizeIterator<Item = &'a NoteList>,
        written: &[NoteList],
    ) -> Self {
        assert_eq!(targets.len(), written.len(), "there must be one decoded window per target");
        let mut counts = Counts::default();
        let mut encoding = None;
        for (target, written) in targets.zip(written) {
            encoding = Some(target.encoding());
            counts.add(target, written);
        }
        let Some(encoding) = encoding else { return Self::default() };
        let share = |n: usize, of: usize| n as f64 / of.max(1) as f64;
        let of_hits = |fields: &[Field], n: usize| {
            let has = fields.iter().any(|field| encoding.index_of(*field).is_some());
            has.then(|| share(n, counts.hit))
        };
        Self {
            note_f1: share(2 * counts.hit, counts.asked + counts.given),
            note_precision: share(counts.hit, counts.given),
            note_recall: share(counts.hit, counts.asked),
            family: of_hits(&[Field::Family], counts.family),
            duration_within_one: of_hits(&[Field::Duration], counts.duration),
            velocity_within_one: of_hits(&[Field::Velocity, Field::Dynamics], counts.velocity),
            offset_classes: of_hits(&[Field::Offset], counts.offset),
        }
    }
}

impl Counts {
    fn add(&mut self, target: &NoteList, written: &NoteList) {
        let encoding = target.encoding();
        let place = |field| encoding.index_of(field);
        let key = place(Field::Pitch).or(place(Field::Drum)).expect("an encoding has one");
        let by_key = |list: &NoteList| -> BTreeMap<(u16, u16), Vec<u16>> {
            // Of several families with the same onset and pitch, the first one counts.
            list.rows().rev().map(|row| ((row[0], row[key]), row.to_vec())).collect()
        };
        let (asked, given) = (by_key(target), by_key(written));
        self.asked += asked.len();
        self.given += given.len();
        let both: BTreeSet<_> = asked.keys().filter(|key| given.contains_key(key)).collect();
        self.hit += both.len();
        let distance = |field, key| {
            place(field).map(|at| usize::from(asked[key][at].abs_diff(given[key][at])))
        };
        for key in both {
            self.family += usize::from(distance(Field::Family, key) == Some(0));
            self.duration += usize::from(distance(Field::Duration, key).is_some_and(|d| d <= 1));
            let velocity = distance(Field::Velocity, key).or(distance(Field::Dynamics, key));
            self.velocity += usize::from(velocity.is_some_and(|d| d <= 1));
            self.offset += distance(Field::Offset, key).unwrap_or(0);
        }
    }
}

impl NoteListEvaluation {
    /// The negative evidence lower bound in nats per window.
    pub fn negative_elbo_nats(&self) -> f64 {
        self.reconstruction_nats + self.kl_bits * std::f64::consts::LN_2
    }

    /// The training objective at the end of its schedules, see
    /// [`Evaluation::objective_nats`](crate::Evaluation::objective_nats).
    pub fn objective_nats(&self, objective: &ObjectiveConfig) -> f64 {
        objective.nats(self.reconstruction_nats, self.kl_bits)
    }
}

/// Scores a model on windows of its encoding; `None` for no windows.
pub fn evaluate_note_lists(
    config: &NoteListVaeConfig,
    model: &NoteListVae,
    lists: &[NoteList],
    seed: u64,
) -> Option<NoteListEvaluation> {
    if lists.is_empty() {
        return None;
    }
    let model = &model.valid();
    let (n, z_size) = (lists.len(), model.z_size());
    let posteriors = model.encode_windows(lists, |_| ());
    let z = sample(&posteriors, z_size, seed);
    let fields = config.encoding.fields();
    let mut nats = vec![0.0; fields.len()];
    let device = model.decoder.plan.kernel.val().device();
    for (lists, z) in lists.chunks(SCORE_BATCH).zip(z.chunks(SCORE_BATCH * z_size)) {
        let z = Tensor::from_data(TensorData::new(z.to_vec(), [lists.len(), z_size]), &device);
        let of_batch = model.decoder.cross_entropies(z, &Arc::new(NoteListBatch::new(lists)));
        for (sum, field) in nats.iter_mut().zip(of_batch) {
            *sum += f64::from(host(field)[0]) * lists.len() as f64 / n as f64;
        }
    }
    let generator = NoteListGenerator::new(config, &model.decoder);
    let meters: Vec<_> = lists.iter().map(NoteList::meter).collect();
    let score = |z: &[f32], sampling| {
        let mut rngs: Vec<_> =
            (0..n).map(|i| seed::stream(seed, "evaluate draws", i as u64)).collect();
        NoteListScore::of(lists.iter(), &generator.decode(z, &meters, sampling, &mut rngs))
    };
    let active = active_dimensions(&posteriors.mean, z_size);
    Some(NoteListEvaluation {
        n_windows: n,
        reconstruction_nats: nats.iter().sum(),
        field_nats: fields.iter().map(|field| field.name().to_owned()).zip(nats).collect(),
        kl_bits: mean_kl_nats(&posteriors, n) / std::f64::consts::LN_2,
        best: score(&posteriors.mean, Sampling::Argmax),
        sampled: score(&z, Sampling::Temperature(1.0)),
        active_units: active.len(),
        active_std_dev: mean_over(&posteriors.std_dev, z_size, &active),
    })
}
