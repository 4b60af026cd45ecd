//! The key of every bar of a piece, estimated from its context.

use serde::{Deserialize, Serialize};

use super::{Key, KeyProfile};

/// Finds the key of every bar of a piece: neighbors agree unless the music modulates.
///
/// Each bar is scored in every key: the correlation of the key's profile with the square roots of
/// the durations of the pitch classes in it and in the surrounding bars, with decreasing weights
/// (roots, so that a single long note is not decisive), plus a bonus for the key of the key
/// signature. The result is the sequence of keys with the largest sum of scores minus the costs of
/// changes (Viterbi's algorithm).
///
/// # Examples
/// ```
/// use note_seq::{Key, KeyTracker};
/// let triad = |root: usize| {
///     let mut durations = [0.0; 12];
///     for interval in [0, 4, 7] {
///         durations[(root + interval) % 12] = 12.0;
///     }
///     durations
/// };
/// // C F G C: a bar of F major alone is no reason to leave C major.
/// let bars = [0, 5, 7, 0].map(triad);
/// let keys = KeyTracker::default().keys(&bars, &[None; 4]);
/// assert_eq!(keys, [Some(Key::C_MAJOR); 4]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeyTracker {
    /// The evidence for a key.
    pub profile: KeyProfile,
    /// Weight of a bar relative to its neighbor that is closer to the scored one, 0 to 1.
    pub decay: f64,
    /// Number of bars considered on each side.
    pub radius: usize,
    /// Cost of a change of key, plus a quarter of this cost per step on the circle of fifths.
    pub change_cost: f64,
    /// Score added to the key of the signature and to its relative.
    pub signature_bonus: f64,
}

impl Default for KeyTracker {
    /// The values with the best agreement with key signatures of chorales, dance tunes, songs and
    /// piano music.
    fn default() -> Self {
        Self {
            profile: KeyProfile::TEMPERLEY,
            decay: 0.85,
            radius: 12,
            change_cost: 1.0,
            signature_bonus: 0.1,
        }
    }
}

impl KeyTracker {
    /// The key of every bar, from the duration of each pitch class and the key signature, if there
    /// is one. `None` for all bars if nothing sounds in any; a silent bar has the key of the
    /// surrounding music. Bars beyond the length of the shorter list are left out.
    pub fn keys(&self, bars: &[[f64; 12]], signatures: &[Option<Key>]) -> Vec<Option<Key>> {
        let n_bars = bars.len().min(signatures.len());
        if n_bars == 0 || !bars[..n_bars].iter().flatten().any(|d| *d > 0.0) {
            return vec![None; n_bars];
        }
        let surroundings = self.surroundings(&bars[..n_bars]);
        let costs = self.costs();
        // The best sum of every key so far, and the predecessor of every bar's best key.
        let mut sums = [0.0; Key::N];
        let mut before: Vec<[u8; Key::N]> = Vec::with_capacity(n_bars);
        for (durations, signature) in surroundings.iter().zip(signatures) {
            let scores = self.scores(durations, *signature);
            let mut next = [0.0; Key::N];
            let mut from = [0; Key::N];
            for (key, (next, from)) in next.iter_mut().zip(&mut from).enumerate() {
                // Staying comes first, so that it wins ties.
                let mut best = (key, sums[key]);
                for (other, sum) in sums.iter().enumerate() {
                    let sum = sum - costs[other][key];
                    if sum > best.1 {
                        best = (other, sum);
                    }
                }
                *next = best.1 + scores[key];
                *from = u8::try_from(best.0).unwrap_or_default();
            }
            sums = next;
            before.push(from);
        }
        let mut key = (1..Key::N).fold(0, |best, k| if sums[k] > sums[best] { k } else { best });
        let mut keys = vec![None; n_bars];
        for (slot, from) in keys.iter_mut().zip(&before).rev() {
            *slot = Key::from_index(key);
            key = usize::from(from[key]);
        }
        keys
    }

    /// Each bar combined with the surrounding bars, weighted by [`Self::decay`].
    fn surroundings(&self, bars: &[[f64; 12]]) -> Vec<[f64; 12]> {
        (0..bars.len())
            .map(|at| {
                let first = at.saturating_sub(self.radius);
                let last = at.saturating_add(self.radius).min(bars.len() - 1);
                let mut sum = [0.0; 12];
                for (i, bar) in bars[first..=last].iter().enumerate() {
                    let distance = i32::try_from((first + i).abs_diff(at)).unwrap_or(i32::MAX);
                    let weight = self.decay.powi(distance);
                    for (sum, durations) in sum.iter_mut().zip(bar) {
                        *sum += weight * durations.max(0.0).sqrt();
                    }
                }
                sum
            })
            .collect()
    }

    fn scores(&self, durations: &[f64; 12], signature: Option<Key>) -> [f64; Key::N] {
        let mut scores = self.profile.correlations(durations).unwrap_or_default();
        if let Some(signature) = signature {
            let major = signature.relative_major();
            scores[major.index()] += self.signature_bonus;
            scores[12 + usize::from((major.tonic() + 9) % 12)] += self.signature_bonus;
        }
        scores
    }

    fn costs(&self) -> [[f64; Key::N]; Key::N] {
        let key = |index| Key::from_index(index).unwrap_or(Key::C_MAJOR);
        std::array::from_fn(|from| {
            std::array::from_fn(|to| {
                let distance = f64::from(key(from).distance(key(to)));
                if from == to { 0.0 } else { self.change_cost * (1.0 + distance / 4.0) }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(tonic: usize) -> [f64; 12] {
        let mut durations = [0.0; 12];
        for (degree, weight) in
            [(0, 4.0), (2, 1.0), (4, 3.0), (5, 1.0), (7, 3.0), (9, 1.0), (11, 1.0)]
        {
            durations[(tonic + degree) % 12] = weight;
        }
        durations
    }

    #[test]
    fn a_real_modulation_is_followed_and_one_bar_is_not() {
        let mut bars = vec![scale(0); 12];
        bars[5] = scale(2);
        bars.extend(vec![scale(7); 12]);
        let keys = KeyTracker::default().keys(&bars, &[None; 24]);
        let tonics: Vec<u8> = keys.iter().map(|k| k.unwrap().relative_major().tonic()).collect();
        assert_eq!(tonics[..10], [0; 10]);
        assert_eq!(tonics[14..], [7; 10]);
    }

    #[test]
    fn a_signature_decides_what_the_notes_leave_open() {
        // C, F and G: fit C major and F major equally well by scale.
        let mut bar = [0.0; 12];
        for pitch_class in [0, 5, 7] {
            bar[pitch_class] = 1.0;
        }
        for signature in [Key::new(5, false), Key::new(0, false), Key::new(10, false)] {
            let tracker = KeyTracker { signature_bonus: 1.0, ..KeyTracker::default() };
            let keys = tracker.keys(&[bar; 3], &[Some(signature); 3]);
            assert!(keys.iter().all(|k| k.unwrap().relative_major() == signature));
        }
    }

    #[test]
    fn silence_has_the_key_around_it_and_nothing_has_none() {
        let bars = [scale(4), [0.0; 12], scale(4)];
        let keys = KeyTracker::default().keys(&bars, &[None; 3]);
        assert_eq!(keys, [Some(Key::new(4, false)); 3]);
        assert_eq!(KeyTracker::default().keys(&[[0.0; 12]; 2], &[None; 2]), [None, None]);
        assert_eq!(KeyTracker::default().keys(&[], &[]), []);
    }
}
