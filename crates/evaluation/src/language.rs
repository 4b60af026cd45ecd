//! An n-gram model of one part's tokens: the cost of each step by the statistics of real music.

use std::collections::BTreeMap;

/// Length of an n-gram, whose last token is predicted from the others, as in MusicVAE's figure.
const ORDER: usize = 5;

/// Counts of the tokens after a context.
#[derive(Clone, Debug, Default)]
struct Followers {
    total: f64,
    counts: BTreeMap<u16, f64>,
}

/// A 5-gram model with Witten-Bell smoothing (1991): with `N` tokens seen after a context, `T` of
/// them different, `p(w | c) = (n(c w) + T p(w | shorter c)) / (N + T)`; below the shortest
/// context, all classes are equally likely.
#[derive(Clone, Debug)]
pub struct LanguageModel {
    n_classes: usize,
    contexts: BTreeMap<Vec<u16>, Followers>,
}

impl LanguageModel {
    /// Counts the tokens of some lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a [u16]>, n_classes: usize) -> Self {
        let mut contexts = BTreeMap::<Vec<u16>, Followers>::new();
        for line in lines {
            for (at, token) in line.iter().enumerate() {
                for length in 0..ORDER.min(at + 1) {
                    let followers = contexts.entry(line[at - length..at].to_vec()).or_default();
                    followers.total += 1.0;
                    *followers.counts.entry(*token).or_default() += 1.0;
                }
            }
        }
        Self { n_classes, contexts }
    }

    /// Mean cost of a line's steps, `-log2 p(token | up to 4 before)`, in bits.
    pub fn bits_per_step(&self, line: &[u16]) -> f64 {
        let cost = |at: usize| -> f64 {
            let even = 1.0 / self.n_classes.max(1) as f64;
            let p = (0..ORDER.min(at + 1)).fold(even, |shorter, length| {
                let Some(followers) = self.contexts.get(&line[at - length..at]) else {
                    return shorter;
                };
                let different = followers.counts.len() as f64;
                let count = followers.counts.get(&line[at]).copied().unwrap_or(0.0);
                (count + different * shorter) / (followers.total + different)
            });
            -p.log2()
        };
        (0..line.len()).map(cost).sum::<f64>() / line.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_by_hand() {
        let model = LanguageModel::of([[0_u16, 1].as_slice()], 4);
        // No context: N = 2, T = 2: p(0) = (1 + 2 / 4) / 4 = 3/8, and p(1) the same.
        // After 0: N = 1, T = 1: p(1) = (1 + 3/8) / 2 = 11/16.
        let expected = -((3.0_f64 / 8.0).log2() + (11.0_f64 / 16.0).log2()) / 2.0;
        assert!((model.bits_per_step(&[0, 1]) - expected).abs() < 1e-12);
        // An unseen token: (0 + 2 / 4) / 4 = 1/8.
        assert!((model.bits_per_step(&[3]) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn probabilities_sum_to_one() {
        let model = LanguageModel::of([[0_u16, 1, 2, 1, 0, 1, 2, 2].as_slice()], 3);
        let sum: f64 = (0..3)
            .map(|last| {
                let (with, without) = ([1, 2, last], [1, 2]);
                let bits = 3.0 * model.bits_per_step(&with) - 2.0 * model.bits_per_step(&without);
                (-bits).exp2()
            })
            .sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
}
