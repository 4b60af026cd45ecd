//! The input of a layer that reads symbols.

use std::ops::Range;
use std::sync::Arc;

/// The symbols that a layer reads at each step, time first.
///
/// A step of a sequence may contain several symbols (`slots`), whose table rows are added; an empty
/// slot ([`SymbolSteps::NONE`]) adds nothing. The first input of a decoder is such an empty step.
///
/// Sequences may have different lengths, see [`SymbolSteps::packed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolSteps {
    ids: Vec<i32>,
    steps: usize,
    batch: usize,
    slots: usize,
    /// Number of sequences that have each step; `None` if all sequences have every step.
    batch_sizes: Option<Arc<[usize]>>,
}

impl SymbolSteps {
    /// The id of an empty slot.
    pub const NONE: i32 = -1;

    /// Takes `ids` of shape `[steps, batch, slots]`.
    ///
    /// # Panics
    /// If the number of ids is not `steps * batch * slots`.
    pub fn new(ids: Vec<i32>, [steps, batch, slots]: [usize; 3]) -> Self {
        assert_eq!(ids.len(), steps * batch * slots, "ids of shape [{steps}, {batch}, {slots}]");
        Self { ids, steps, batch, slots, batch_sizes: None }
    }

    /// Takes sequences of different lengths, sorted from the longest to the shortest: the `ids` of
    /// all steps one after the other, where `batch_sizes` are the numbers of sequences that have
    /// each step (PyTorch packs sequences in the same order).
    ///
    /// # Panics
    /// If a batch size is larger than the previous one, or if the number of ids is not `slots` for
    /// each sequence of each step.
    pub fn packed(ids: Vec<i32>, batch_sizes: Vec<usize>, slots: usize) -> Self {
        assert_eq!(ids.len(), batch_sizes.iter().sum::<usize>() * slots, "ids of each step");
        assert!(batch_sizes.is_sorted_by(|a, b| a >= b), "from the longest to the shortest");
        let batch = batch_sizes.first().copied().unwrap_or(0);
        Self { ids, steps: batch_sizes.len(), batch, slots, batch_sizes: Some(batch_sizes.into()) }
    }

    /// Number of sequences that have each step; `None` if all sequences have every step.
    pub fn batch_sizes(&self) -> Option<&[usize]> {
        self.batch_sizes.as_deref()
    }

    /// Number of steps of all sequences.
    pub(crate) fn n_rows(&self) -> usize {
        self.batch_sizes().map_or(self.steps * self.batch, |sizes| sizes.iter().sum())
    }

    /// The same sequences, where empty steps follow the shorter ones, and the index of each
    /// original step among the padded ones, `step * batch + sequence`.
    pub(crate) fn padded(&self) -> (Self, Vec<i32>) {
        let (steps, batch, slots) = (self.steps, self.batch, self.slots);
        let mut ids = vec![Self::NONE; steps * batch * slots];
        let mut places = Vec::with_capacity(self.n_rows());
        let mut own = &self.ids[..];
        for step in 0..steps {
            let size = self.batch_sizes().map_or(batch, |sizes| sizes[step]);
            let these;
            (these, own) = own.split_at(size * slots);
            ids[step * batch * slots..][..these.len()].copy_from_slice(these);
            let place = |row| i32::try_from(step * batch + row).expect("rows of a batch");
            places.extend((0..size).map(place));
        }
        (Self::new(ids, [steps, batch, slots]), places)
    }

    /// Ids in `[steps, batch, slots]` order.
    pub fn ids(&self) -> &[i32] {
        &self.ids
    }

    /// Number of steps, `T`.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Number of sequences, `B`.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Number of symbols per step and sequence.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// A range of the slots.
    ///
    /// # Panics
    /// If there are fewer slots.
    #[must_use]
    pub fn slots_in(&self, slots: Range<usize>) -> Self {
        if slots == (0..self.slots) {
            return self.clone();
        }
        let steps = self.ids.chunks_exact(self.slots.max(1));
        let ids = steps.flat_map(|step| &step[slots.clone()]).copied().collect();
        Self { ids, slots: slots.len(), batch_sizes: self.batch_sizes.clone(), ..*self }
    }

    /// Gives each slot its own range of symbols: slot `i` starts where the `n_classes` of the
    /// previous slots end.
    ///
    /// # Panics
    /// If there are more slots than numbers of classes.
    #[must_use]
    pub fn side_by_side(&self, n_classes: &[usize]) -> Self {
        if self.slots <= 1 {
            return self.clone();
        }
        let mut first = 0;
        let firsts: Vec<i32> = n_classes
            .iter()
            .map(|n| {
                let own = first;
                first += i32::try_from(*n).expect("a checked configuration's sizes");
                own
            })
            .collect();
        let shifted = |(i, id): (usize, &i32)| match *id {
            Self::NONE => Self::NONE,
            id => id + firsts[i % self.slots],
        };
        let ids = self.ids.iter().enumerate().map(shifted).collect();
        Self { ids, batch_sizes: self.batch_sizes.clone(), ..*self }
    }

    /// These slots followed by those of `more`.
    ///
    /// # Panics
    /// If the numbers of steps or sequences differ.
    #[must_use]
    pub fn with_slots_of(&self, more: &Self) -> Self {
        assert_eq!(
            (self.steps, self.batch),
            (more.steps, more.batch),
            "numbers of steps and sequences"
        );
        assert_eq!(self.batch_sizes, more.batch_sizes, "numbers of sequences of each step");
        let slots = self.slots + more.slots;
        let mut ids = Vec::with_capacity(self.steps * self.batch * slots);
        for at in 0..self.n_rows() {
            ids.extend_from_slice(&self.ids[at * self.slots..][..self.slots]);
            ids.extend_from_slice(&more.ids[at * more.slots..][..more.slots]);
        }
        Self { ids, slots, batch_sizes: self.batch_sizes.clone(), ..*self }
    }

    /// Cuts the sequences into `n` segments of equal length, which become separate sequences:
    /// `[T / n, n * B, slots]`, with all sequences of a segment together.
    ///
    /// # Panics
    /// If `n` does not divide the number of steps, or if sequences have different lengths.
    #[must_use]
    pub fn segments(&self, n: usize) -> Self {
        assert!(self.steps.is_multiple_of(n), "{} steps in {n} segments", self.steps);
        if n == 1 {
            return self.clone();
        }
        assert!(self.batch_sizes.is_none(), "sequences must have the same length");
        let (steps, width) = (self.steps / n, self.batch * self.slots);
        let mut ids = Vec::with_capacity(self.ids.len());
        for step in 0..steps {
            for segment in 0..n {
                ids.extend_from_slice(&self.ids[(segment * steps + step) * width..][..width]);
            }
        }
        Self::new(ids, [steps, n * self.batch, self.slots])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_taken_shifted_and_joined() {
        let two = SymbolSteps::new(vec![1, 2, 3, SymbolSteps::NONE], [2, 1, 2]);
        assert_eq!(two.slots_in(1..2).ids(), [2, SymbolSteps::NONE]);
        assert_eq!(two.side_by_side(&[10, 5]).ids(), [1, 12, 3, SymbolSteps::NONE]);
        let joined = two.with_slots_of(&SymbolSteps::new(vec![7, 8], [2, 1, 1]));
        assert_eq!((joined.ids(), joined.slots()), (&[1, 2, 7, 3, -1, 8][..], 3));
    }

    #[test]
    fn padding_adds_empty_steps_after_the_shorter_sequences() {
        // One sequence of three steps and one of a single step, with two slots each.
        let packed = SymbolSteps::packed(vec![0, 1, 10, 11, 2, 3, 4, 5], vec![2, 1, 1], 2);
        assert_eq!((packed.steps(), packed.batch(), packed.n_rows()), (3, 2, 4));
        let (padded, places) = packed.padded();
        let none = SymbolSteps::NONE;
        assert_eq!(padded.ids(), [0, 1, 10, 11, 2, 3, none, none, 4, 5, none, none]);
        assert_eq!(places, [0, 1, 2, 4]);
    }

    #[test]
    fn segments_become_sequences() {
        // Four steps of two sequences, named by step and sequence.
        let steps = SymbolSteps::new(vec![0, 1, 10, 11, 20, 21, 30, 31], [4, 2, 1]);
        let cut = steps.segments(2);
        assert_eq!((cut.steps(), cut.batch()), (2, 4));
        // Steps 0 and 2 of both sequences, then 1 and 3.
        assert_eq!(cut.ids(), [0, 1, 20, 21, 10, 11, 30, 31]);
        assert_eq!(steps.segments(1), steps);
    }
}
