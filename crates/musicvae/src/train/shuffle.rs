//! The order of training windows: a new permutation in each epoch, or samples by corpus.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::Corpus;
use crate::seed;

/// The window indices of a step's batch: for each, samples a corpus by weight, then one of its
/// windows uniformly.
///
/// `corpora` must not be empty.
pub(super) fn by_corpus(seed: u64, step: u64, corpora: &[Corpus], batch_size: usize) -> Vec<usize> {
    let mut rng = seed::stream(seed, "corpora", step);
    let total: f64 = corpora.iter().map(|corpus| corpus.weight).sum();
    let mut draw = |_| {
        let mut left = rng.random::<f64>() * total;
        let corpus = corpora.iter().find(|corpus| {
            left -= corpus.weight;
            left < 0.0
        });
        // Rounding may leave a remainder, which goes to the last corpus.
        let corpus = corpus.unwrap_or(&corpora[corpora.len() - 1]);
        rng.random_range(corpus.windows.clone())
    };
    (0..batch_size).map(&mut draw).collect()
}

/// The current epoch's permutation.
#[derive(Clone, Debug, Default)]
pub(super) struct EpochShuffle {
    epoch: Option<u64>,
    permutation: Vec<usize>,
}

impl EpochShuffle {
    /// The window indices of a step's batch. An epoch consists of whole batches only; a set smaller
    /// than a batch is one batch.
    pub(super) fn batch(
        &mut self,
        seed: u64,
        step: u64,
        n_windows: usize,
        batch_size: usize,
    ) -> &[usize] {
        let size = batch_size.min(n_windows);
        let n_batches = (n_windows / size) as u64;
        let epoch = step / n_batches;
        if self.epoch != Some(epoch) || self.permutation.len() != n_windows {
            self.permutation = (0..n_windows).collect();
            self.permutation.shuffle(&mut seed::stream(seed, "epoch", epoch));
            self.epoch = Some(epoch);
        }
        let first = usize::try_from(step % n_batches).expect("below the number of windows") * size;
        &self.permutation[first..first + size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_each_window_once_and_the_next_in_another_order() {
        let mut shuffle = EpochShuffle::default();
        let epoch = |shuffle: &mut EpochShuffle, n: u64| -> Vec<usize> {
            (0..5).flat_map(|step| shuffle.batch(1, n * 5 + step, 20, 4).to_vec()).collect()
        };
        let (first, second) = (epoch(&mut shuffle, 0), epoch(&mut shuffle, 1));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        assert_ne!(first, second);
        // A run that starts in the middle of an epoch sees the same order.
        assert_eq!(EpochShuffle::default().batch(1, 7, 20, 4), &second[8..12]);
    }

    #[test]
    fn corpora_are_drawn_by_weight_and_their_windows_alike() {
        let corpora =
            [Corpus { windows: 0..4, weight: 1.0 }, Corpus { windows: 4..100, weight: 3.0 }];
        let n = 40_000_u32;
        let draws = by_corpus(3, 7, &corpora, n as usize);
        assert_eq!(draws, by_corpus(3, 7, &corpora, n as usize));
        assert_ne!(draws[..100], by_corpus(3, 8, &corpora, 100));
        for (windows, p) in [(0..4, 0.25), (0..1, 0.0625), (4..100, 0.75), (50..74, 0.1875)] {
            let share = draws.iter().filter(|index| windows.contains(*index)).count() as f64;
            // Five standard deviations of a binomial fraction.
            let tolerance = 5.0 * (p * (1.0 - p) / f64::from(n)).sqrt();
            assert!((share / f64::from(n) - p).abs() < tolerance, "{windows:?}: {share}");
        }
    }

    #[test]
    fn a_set_smaller_than_a_batch_is_one_batch() {
        assert_eq!(EpochShuffle::default().batch(1, 9, 3, 100).len(), 3);
    }
}
