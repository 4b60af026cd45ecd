//! The order of training windows: a new permutation in each epoch.

use rand::seq::SliceRandom;

use crate::seed;

/// The current epoch's permutation.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    epoch: Option<u64>,
    permutation: Vec<usize>,
}

impl Order {
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
        let mut order = Order::default();
        let epoch = |order: &mut Order, n: u64| -> Vec<usize> {
            (0..5).flat_map(|step| order.batch(1, n * 5 + step, 20, 4).to_vec()).collect()
        };
        let (first, second) = (epoch(&mut order, 0), epoch(&mut order, 1));
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        assert_ne!(first, second);
        // A run that starts in the middle of an epoch sees the same order.
        assert_eq!(Order::default().batch(1, 7, 20, 4), &second[8..12]);
    }

    #[test]
    fn a_set_smaller_than_a_batch_is_one_batch() {
        assert_eq!(Order::default().batch(1, 9, 3, 100).len(), 3);
    }
}
