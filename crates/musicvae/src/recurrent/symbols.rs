//! The input of a layer that reads symbols.

use std::ops::Range;

/// The symbols that a layer reads at each step, time first.
///
/// A step of a sequence may contain several symbols (`slots`), whose table rows are added; an empty
/// slot ([`SymbolSteps::NONE`]) adds nothing. The first input of a decoder is such an empty step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolSteps {
    ids: Vec<i32>,
    steps: usize,
    batch: usize,
    slots: usize,
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
        Self { ids, steps, batch, slots }
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
        Self { ids, slots: slots.len(), ..*self }
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
        Self { ids: self.ids.iter().enumerate().map(shifted).collect(), ..*self }
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
        let slots = self.slots + more.slots;
        let mut ids = Vec::with_capacity(self.steps * self.batch * slots);
        for at in 0..self.steps * self.batch {
            ids.extend_from_slice(&self.ids[at * self.slots..][..self.slots]);
            ids.extend_from_slice(&more.ids[at * more.slots..][..more.slots]);
        }
        Self { ids, slots, ..*self }
    }

    /// Cuts the sequences into `n` segments of equal length, which become separate sequences:
    /// `[T / n, n * B, slots]`, with all sequences of a segment together.
    ///
    /// # Panics
    /// If `n` does not divide the number of steps.
    #[must_use]
    pub fn segments(&self, n: usize) -> Self {
        assert!(self.steps.is_multiple_of(n), "{} steps in {n} segments", self.steps);
        if n == 1 {
            return self.clone();
        }
        let (steps, width) = (self.steps / n, self.batch * self.slots);
        let mut ids = Vec::with_capacity(self.ids.len());
        for step in 0..steps {
            for segment in 0..n {
                ids.extend_from_slice(&self.ids[(segment * steps + step) * width..][..width]);
            }
        }
        Self { ids, steps, batch: n * self.batch, slots: self.slots }
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
