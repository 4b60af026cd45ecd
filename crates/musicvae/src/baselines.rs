//! Predictors without a model, as a reference for its accuracy.

use serde::{Deserialize, Serialize};

use crate::windows::Windows;

/// Accuracy of two predictors without a model, estimated on one set and scored on another. With
/// several parts, each has its own predictors, and the accuracy is the mean over parts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// Accuracy of always predicting the most frequent class.
    pub most_frequent_accuracy: f64,
    /// Accuracy of predicting the class that most often follows the previous one; for the first
    /// step, the most frequent first class.
    pub bigram_accuracy: f64,
}

/// Counts on `train` and scores on `heldout`; `None` if either is empty.
pub fn baselines(train: Windows<'_>, heldout: Windows<'_>) -> Option<Baselines> {
    if train.is_empty() || heldout.is_empty() {
        return None;
    }
    let layout = train.layout();
    let parts = || layout.tracks.iter().take(layout.n_parts()).enumerate();
    let mut mean = Baselines { most_frequent_accuracy: 0.0, bigram_accuracy: 0.0 };
    for (part, track) in parts() {
        let steps = part * layout.n_steps..(part + 1) * layout.n_steps;
        let of_part = Predictors::count(train.iter().map(|w| &w[steps.clone()]), track.n_classes)
            .score(heldout.iter().map(|w| &w[steps.clone()]));
        let share = 1.0 / layout.n_parts() as f64;
        mean.most_frequent_accuracy += share * of_part.most_frequent_accuracy;
        mean.bigram_accuracy += share * of_part.bigram_accuracy;
    }
    Some(mean)
}

/// The predictions for one part.
struct Predictors {
    commonest: usize,
    /// Prediction by previous class; the last entry is for the first step.
    next: Vec<usize>,
}

impl Predictors {
    fn count<'a>(windows: impl Iterator<Item = &'a [u16]>, n_classes: usize) -> Self {
        let mut frequency = vec![0_u64; n_classes];
        // Row `n_classes` stands for the start of a window.
        let mut follows = vec![0_u64; (n_classes + 1) * n_classes];
        for window in windows {
            let mut previous = n_classes;
            for token in window.iter().map(|token| usize::from(*token)) {
                frequency[token] += 1;
                follows[previous * n_classes + token] += 1;
                previous = token;
            }
        }
        let largest = |counts: &[u64]| {
            (0..n_classes).max_by_key(|class| (counts[*class], std::cmp::Reverse(*class)))
        };
        Self {
            commonest: largest(&frequency).unwrap_or(0),
            next: follows.chunks_exact(n_classes).map(|row| largest(row).unwrap_or(0)).collect(),
        }
    }

    fn score<'a>(&self, windows: impl Iterator<Item = &'a [u16]>) -> Baselines {
        let (mut by_frequency, mut by_bigram, mut steps) = (0_u64, 0_u64, 0_u64);
        for window in windows {
            let mut previous = self.next.len() - 1;
            for token in window.iter().map(|token| usize::from(*token)) {
                by_frequency += u64::from(token == self.commonest);
                by_bigram += u64::from(token == self.next[previous]);
                steps += 1;
                previous = token;
            }
        }
        Baselines {
            most_frequent_accuracy: by_frequency as f64 / steps as f64,
            bigram_accuracy: by_bigram as f64 / steps as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use note_seq::window::{Content, Track, WindowLayout};

    #[test]
    fn baselines_by_hand() {
        let train = [0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0, 0];
        let heldout = [0, 1, 0, 1, 2, 0, 2, 0];
        let layout = WindowLayout::melody(4, 3);
        let windows = |tokens| Windows::new(tokens, &layout).unwrap();
        let found = baselines(windows(&train), windows(&heldout)).unwrap();
        // The most frequent class is 0, right in 4 of 8 places. At the start 0 is predicted, after
        // 0 it is 1 (3 of 6 times), after 1 and 2 it is 0: right at 0 1 0 1 . and at . 0 . 0 of the
        // second window.
        assert_eq!(found, Baselines { most_frequent_accuracy: 0.5, bigram_accuracy: 0.75 });
    }

    #[test]
    fn parts_are_counted_apart_and_a_control_is_not_foretold() {
        let track = |content| Track { n_classes: 4, content };
        let contents = [Content::Pitches, Content::Drums, Content::Chords];
        let layout = WindowLayout { n_steps: 2, tracks: contents.map(track).to_vec() };
        let train = [1, 1, 3, 3, 0, 0];
        let heldout = [1, 1, 0, 3, 2, 2];
        let windows = |tokens| Windows::new(tokens, &layout).unwrap();
        let found = baselines(windows(&train), windows(&heldout)).unwrap();
        // All of the first part is right. In the second part, 3 is predicted first and, after 0,
        // which never occurs in the training windows, the first class: 1 of 2 and 0 of 2 are right.
        assert_eq!(found, Baselines { most_frequent_accuracy: 0.75, bigram_accuracy: 0.5 });
    }
}
