//! The input pipeline: batches are prepared in advance on a separate thread.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use rand::RngExt;
use rand_distr::StandardNormal;

use super::Trainable;
use super::shuffle::{EpochShuffle, by_corpus};
use crate::config::TrainingConfig;
use crate::seed;

/// Number of steps prepared in advance. One would be enough if the first batch of an epoch were not
/// more expensive than the others; larger numbers cost memory.
const QUEUE: usize = 4;

/// The input of one step.
pub(super) struct Loaded<B> {
    pub(super) step: u64,
    /// The batches whose gradients are added.
    pub(super) parts: Vec<Part<B>>,
}

/// One batch of a step.
pub(super) struct Part<B> {
    pub(super) batch: B,
    pub(super) n_sequences: usize,
    /// Standard normal noise, `[B, Z]`.
    pub(super) noise: Vec<f32>,
    /// Number of sequences in the previous parts of the step.
    pub(super) first_sequence: usize,
}

impl<B> Loaded<B> {
    /// Number of sequences in all parts.
    pub(super) fn n_sequences(&self) -> usize {
        self.parts.iter().map(|part| part.n_sequences).sum()
    }
}

/// Prepares steps. The result depends only on seed and step, not on previous calls.
#[derive(Clone, Debug)]
pub(super) struct BatchLoader {
    seed: u64,
    training: TrainingConfig,
    z_size: usize,
    shuffle: EpochShuffle,
}

impl BatchLoader {
    pub(super) fn new(z_size: usize, training: TrainingConfig, seed: u64) -> Self {
        Self { seed, training, z_size, shuffle: EpochShuffle::default() }
    }

    /// The next windows in the epoch's order, or windows sampled by corpus, each transposed
    /// independently, and noise for their posteriors.
    ///
    /// `windows` must not be empty.
    pub(super) fn load<C: Trainable>(
        &mut self,
        step: u64,
        windows: C::Windows<'_>,
    ) -> Loaded<C::Batch> {
        let n_sequences = self.training.sequences_per_update();
        let drawn;
        let indices = match &C::corpora(windows)[..] {
            [] => self.shuffle.batch(self.seed, step, C::n_windows(windows), n_sequences),
            corpora => {
                drawn = by_corpus(self.seed, step, corpora, n_sequences);
                &drawn
            }
        };
        let mut transpositions = seed::stream(self.seed, "transpose", step);
        let most = i32::from(self.training.max_transposition);
        let mut rng = seed::stream(self.seed, "posterior", step);
        let batch_size = self.training.batch_size;
        let parts = indices.chunks(batch_size).enumerate().map(|(part, indices)| Part {
            batch: C::batch(windows, indices, &mut || transpositions.random_range(-most..=most)),
            n_sequences: indices.len(),
            noise: (0..indices.len() * self.z_size).map(|_| rng.sample(StandardNormal)).collect(),
            first_sequence: part * batch_size,
        });
        Loaded { step, parts: parts.collect() }
    }

    /// Starts a thread that prepares steps from `first` on, a few ahead of the receiver. It ends
    /// when the receiver is dropped.
    pub(super) fn start<'scope, 'windows: 'scope, C: Trainable>(
        mut self,
        scope: &'scope Scope<'scope, '_>,
        first: u64,
        windows: C::Windows<'windows>,
    ) -> Receiver<Loaded<C::Batch>>
    where
        C::Windows<'windows>: 'scope,
        C::Batch: 'scope,
    {
        let (sender, receiver) = sync_channel(QUEUE);
        scope.spawn(move || {
            let mut step = first;
            while sender.send(self.load::<C>(step, windows)).is_ok() {
                step += 1;
            }
        });
        receiver
    }
}
