//! The hidden Markov model for chord inference: pairs of key and chord, and the most probable path
//! through them.
//!
//! A general Viterbi step over `n` states examines `n²` transitions, 1.35 million here. These
//! transitions are structured, however. A transition to another key depends only on the new state,
//! so only the best score of all other keys matters. A transition to another chord of the same key
//! depends on the probabilities of both chords in the key, of which there are fewer than ten
//! different values: of all chords with the same probability, only the best score matters (and the
//! second best, because a chord does not change to itself). That leaves about ten candidates per
//! state, with exactly the same sums.

use super::ChordKind;

/// No chord, and twelve roots with eight kinds each.
pub(super) const N_CHORDS: usize = 1 + 12 * ChordKind::ALL.len();
pub(super) const N_STATES: usize = 12 * N_CHORDS;

/// Log probabilities of transitions between states.
#[derive(Debug, Clone)]
pub(super) struct Transitions {
    keys: Vec<Key>,
    /// From a state to itself.
    stay: f64,
}

/// Transitions to the states of a key.
#[derive(Debug, Clone)]
struct Key {
    /// For every chord, the index of its probability among the different ones of the key.
    class_of: Vec<usize>,
    n_classes: usize,
    /// From any state of another key to a chord of a class, `[n_classes]`.
    from_other_key: Vec<f64>,
    /// From a chord of the second class to a different one of the first, `[n_classes, n_classes]`.
    change: Vec<f64>,
}

/// The best scores of the chords in a class, and the best chord.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    chord: usize,
    second: f64,
}

impl Transitions {
    /// `in_key` is the probability of every chord in every key, `[12, N_CHORDS]`.
    pub(super) fn new(key_change: f64, chord_change: f64, in_key: &[f64]) -> Self {
        let keys = in_key.as_chunks::<N_CHORDS>().0.iter().map(|row| {
            let mut values: Vec<f64> = Vec::new();
            let class_of: Vec<usize> = row
                .iter()
                .map(|p| {
                    let known = values.iter().position(|v| v.to_bits() == p.to_bits());
                    known.unwrap_or_else(|| {
                        values.push(*p);
                        values.len() - 1
                    })
                })
                .collect();
            // The old chord's probability is distributed over the others, because the chord is
            // known to have changed.
            let change = |from: f64, to: f64| {
                ((1.0 - key_change) * (chord_change * (to + from / (N_CHORDS - 1) as f64))).ln()
            };
            let pairs = values.iter().flat_map(|to| values.iter().map(|from| change(*from, *to)));
            Key {
                change: pairs.collect(),
                from_other_key: values.iter().map(|p| (key_change / 11.0 * p).ln()).collect(),
                class_of,
                n_classes: values.len(),
            }
        });
        Self { keys: keys.collect(), stay: ((1.0 - key_change) * (1.0 - chord_change)).ln() }
    }

    /// The most probable state of every frame; the first of equal ones.
    ///
    /// # Shapes
    /// - `first`: `[N_STATES]`, scores of the first frame
    /// - `observed`: for each later frame `[N_CHORDS]`, log-likelihoods
    pub(super) fn path(
        &self,
        first: Vec<f64>,
        observed: impl Iterator<Item = Vec<f64>>,
    ) -> Vec<usize> {
        // Scores are kept, so that predecessors need to be found only along the path.
        let mut frames = vec![first];
        for observed in observed {
            let next = self.step(&frames[frames.len() - 1], &observed);
            frames.push(next);
        }
        let mut state = 0;
        let last = &frames[frames.len() - 1];
        for (candidate, score) in last.iter().enumerate() {
            if *score > last[state] {
                state = candidate;
            }
        }
        let mut path = vec![state];
        for scores in frames[..frames.len() - 1].iter().rev() {
            state = self.parent(scores, state);
            path.push(state);
        }
        path.reverse();
        path
    }

    /// The scores of the next frame.
    fn step(&self, scores: &[f64], observed: &[f64]) -> Vec<f64> {
        let of_key: Vec<f64> = scores
            .as_chunks::<N_CHORDS>()
            .0
            .iter()
            .map(|row| row.iter().fold(f64::NEG_INFINITY, |best, x| larger(best, *x)))
            .collect();
        let mut next = Vec::with_capacity(N_STATES);
        let (mut classes, mut into) = (Vec::new(), Vec::new());
        for (key, (table, row)) in
            self.keys.iter().zip(scores.as_chunks::<N_CHORDS>().0).enumerate()
        {
            let others = of_key.iter().enumerate().filter(|(other, _)| *other != key);
            let other_key = others.fold(f64::NEG_INFINITY, |best, (_, x)| larger(best, *x));
            table.best_of_classes(row, &mut classes);
            // The best transition to a chord from any other: equal for the whole class, except for
            // its best chord, which would have to change to itself.
            into.clear();
            into.extend((0..table.n_classes).map(|to| table.into(to, other_key, &classes, None)));
            let start = next.len();
            next.extend(row.iter().zip(&table.class_of).zip(observed).map(
                |((score, class), observed)| larger(into[*class], score + self.stay) + observed,
            ));
            for (class, best) in classes.iter().enumerate() {
                let from_others = table.into(class, other_key, &classes, Some(class));
                next[start + best.chord] =
                    larger(from_others, best.score + self.stay) + observed[best.chord];
            }
        }
        next
    }

    /// The predecessor of a state of the next frame; the first of equal ones.
    fn parent(&self, scores: &[f64], to: usize) -> usize {
        let (to_key, to_chord) = (to / N_CHORDS, to % N_CHORDS);
        let table = &self.keys[to_key];
        let to_class = table.class_of[to_chord];
        let from_other_key = table.from_other_key[to_class];
        let change = &table.change[to_class * table.n_classes..][..table.n_classes];
        let (mut parent, mut best) = (0, f64::NEG_INFINITY);
        let mut consider = |from: usize, sum: f64| {
            if sum > best {
                (parent, best) = (from, sum);
            }
        };
        for (key, row) in scores.as_chunks::<N_CHORDS>().0.iter().enumerate() {
            let first = key * N_CHORDS;
            if key == to_key {
                for (chord, (score, class)) in row.iter().zip(&table.class_of).enumerate() {
                    let transition = if chord == to_chord { self.stay } else { change[*class] };
                    consider(first + chord, score + transition);
                }
            } else {
                for (chord, score) in row.iter().enumerate() {
                    consider(first + chord, score + from_other_key);
                }
            }
        }
        parent
    }
}

impl Key {
    /// The best and second-best score of every class; no class is empty.
    fn best_of_classes(&self, row: &[f64], classes: &mut Vec<Best>) {
        let none = Best { score: f64::NEG_INFINITY, chord: 0, second: f64::NEG_INFINITY };
        classes.clear();
        classes.resize(self.n_classes, none);
        // The first state of a class represents it until a better one is found, even if its score
        // is low.
        for (chord, class) in self.class_of.iter().enumerate().rev() {
            classes[*class].chord = chord;
        }
        for (chord, (score, class)) in row.iter().zip(&self.class_of).enumerate() {
            let best = &mut classes[*class];
            if *score > best.score {
                *best = Best { score: *score, chord, second: best.score };
            } else {
                best.second = larger(best.second, *score);
            }
        }
    }

    /// The best score of a transition to a chord of class `to`, from another key or from the
    /// classes of this key; in class `without`, the second-best chord counts.
    fn into(&self, to: usize, other_key: f64, classes: &[Best], without: Option<usize>) -> f64 {
        let change = &self.change[to * self.n_classes..][..self.n_classes];
        let start = other_key + self.from_other_key[to];
        change.iter().zip(classes).enumerate().fold(start, |best, (class, (change, of_class))| {
            let is_without = without == Some(class);
            let from = if is_without { of_class.second } else { of_class.score };
            larger(best, from + change)
        })
    }
}

/// The larger of two numbers, neither of which is NaN: one instruction, unlike `f64::max`.
fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chords::infer::chord_in_key;

    /// Every transition by its formula, `[N_STATES, N_STATES]`.
    fn dense(key_change: f64, chord_change: f64, in_key: &[f64]) -> Vec<f64> {
        let probability = |from: usize, to: usize| {
            let (p_1, p_2) = (in_key[from], in_key[to]);
            if from / N_CHORDS != to / N_CHORDS {
                key_change / 11.0 * p_2
            } else if from != to {
                (1.0 - key_change) * (chord_change * (p_2 + p_1 / (N_CHORDS - 1) as f64))
            } else {
                (1.0 - key_change) * (1.0 - chord_change)
            }
        };
        (0..N_STATES * N_STATES).map(|i| probability(i / N_STATES, i % N_STATES).ln()).collect()
    }

    /// The textbook Viterbi algorithm: all transitions between all states.
    fn plain_path(dense: &[f64], first: Vec<f64>, observed: &[Vec<f64>]) -> Vec<usize> {
        let (mut scores, mut parents) = (first, Vec::new());
        for observed in observed {
            let mut best = vec![f64::NEG_INFINITY; N_STATES];
            let mut parent = vec![0; N_STATES];
            for (from, row) in dense.as_chunks::<N_STATES>().0.iter().enumerate() {
                for (to, transition) in row.iter().enumerate() {
                    if scores[from] + transition > best[to] {
                        (best[to], parent[to]) = (scores[from] + transition, from);
                    }
                }
            }
            let add = |(to, best): (usize, f64)| best + observed[to % N_CHORDS];
            scores = best.into_iter().enumerate().map(add).collect();
            parents.push(parent);
        }
        let mut state = (0..N_STATES).rev().max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let mut path: Vec<usize> = state.into_iter().collect();
        for parent in parents.iter().rev() {
            state = state.map(|state| parent[state]);
            path.extend(state);
        }
        path.reverse();
        path
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Few different likelihoods, so that ties are frequent; the probabilities include some for
        /// which staying is less likely than changing, and impossible changes.
        #[test]
        fn the_path_is_that_of_looking_at_every_transition(
            frames in prop::collection::vec(prop::collection::vec(0_u8..4, N_CHORDS), 1..8),
            key_change in prop::sample::select(vec![0.0, 0.001, 0.6]),
            chord_change in prop::sample::select(vec![0.0, 0.5, 0.995]),
        ) {
            let in_key = chord_in_key(0.01);
            let scaled = |frame: &Vec<u8>| {
                frame.iter().map(|x| f64::from(*x) * 33.3).collect::<Vec<f64>>()
            };
            let observed: Vec<Vec<f64>> = frames.iter().map(scaled).collect();
            let first: Vec<f64> =
                (0..N_STATES).map(|s| in_key[s].ln() + observed[0][s % N_CHORDS]).collect();
            let dense = dense(key_change, chord_change, &in_key);
            let expected = plain_path(&dense, first.clone(), &observed[1..]);
            let transitions = Transitions::new(key_change, chord_change, &in_key);
            let found = transitions.path(first, observed[1..].iter().cloned());
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_key_has_few_different_probabilities() {
        let transitions = Transitions::new(0.001, 0.5, &chord_in_key(0.01));
        assert_eq!(transitions.keys.len(), 12);
        assert!(transitions.keys.iter().all(|key| key.n_classes < 12));
    }
}
