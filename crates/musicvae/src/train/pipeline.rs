//! The input pipeline: batches are prepared in advance on a separate thread.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use rand::RngExt;
use rand_distr::StandardNormal;

use super::order::Order;
use crate::config::{MusicVaeConfig, TrainingConfig};
use crate::seed;
use crate::windows::{Batch, Windows};

/// Number of steps prepared in advance. One would be enough if the first batch of an epoch were not
/// more expensive than the others; larger numbers cost memory.
const QUEUE: usize = 4;

/// The input of one step.
pub(super) struct Prepared {
    pub(super) step: u64,
    /// The batches whose gradients are added.
    pub(super) parts: Vec<Part>,
}

/// One batch of a step.
pub(super) struct Part {
    pub(super) batch: Batch,
    /// Standard normal noise, `[B, Z]`.
    pub(super) noise: Vec<f32>,
    /// Number of sequences in the previous parts of the step.
    pub(super) first_sequence: usize,
}

impl Prepared {
    /// Number of sequences in all parts.
    pub(super) fn n_sequences(&self) -> usize {
        self.parts.iter().map(|part| part.batch.len()).sum()
    }
}

/// Prepares steps. The result depends only on seed and step, not on previous calls.
#[derive(Clone, Debug)]
pub(super) struct Preparer {
    seed: u64,
    training: TrainingConfig,
    z_size: usize,
    order: Order,
}

impl Preparer {
    pub(super) fn new(config: &MusicVaeConfig, training: TrainingConfig, seed: u64) -> Self {
        Self { seed, training, z_size: config.z_size, order: Order::default() }
    }

    /// The next windows in the epoch's order, each transposed independently, and noise for their
    /// posteriors.
    ///
    /// `windows` must not be empty.
    pub(super) fn prepare(&mut self, step: u64, windows: Windows<'_>) -> Prepared {
        let n_sequences = self.training.sequences_per_update();
        let indices = self.order.batch(self.seed, step, windows.len(), n_sequences);
        let mut rng = seed::stream(self.seed, "transpose", step);
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
        let mut rng = seed::stream(self.seed, "posterior", step);
        let batch_size = self.training.batch_size;
        let parts = transposed.chunks(batch_size).enumerate().map(|(part, windows_of_part)| Part {
            batch: Batch::new(windows_of_part.iter().map(Vec::as_slice), windows.layout()),
            noise: (0..windows_of_part.len() * self.z_size)
                .map(|_| rng.sample(StandardNormal))
                .collect(),
            first_sequence: part * batch_size,
        });
        Prepared { step, parts: parts.collect() }
    }

    /// Starts a thread that prepares steps from `first` on, a few ahead of the receiver. It ends
    /// when the receiver is dropped.
    pub(super) fn start<'scope, 'windows: 'scope>(
        mut self,
        scope: &'scope Scope<'scope, '_>,
        first: u64,
        windows: Windows<'windows>,
    ) -> Receiver<Prepared> {
        let (sender, receiver) = sync_channel(QUEUE);
        scope.spawn(move || {
            let mut step = first;
            while sender.send(self.prepare(step, windows)).is_ok() {
                step += 1;
            }
        });
        receiver
    }
}
