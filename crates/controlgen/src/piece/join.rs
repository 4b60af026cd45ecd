//! How windows join: the steps and leaps of the outer voices over the line between them.

use super::sound::Sounds;

/// Intervals are counted up to two octaves; wider ones together.
pub const N_INTERVALS: usize = 26;
/// Added to each count: no interval is impossible.
const PSEUDO_COUNT: f64 = 0.5;
/// Voices that joins are counted of, the top one and the lowest; a line has only one.
const N_VOICES: usize = 2;

/// Counts of intervals over the line between windows: of the top voice, of the bottom voice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinCounts {
    counts: [[f64; N_INTERVALS]; N_VOICES],
}

/// Probabilities of the intervals of the outer voices over the line between windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Joins {
    /// `ln p` of each interval in semitones, up or down alike, of top and bottom; the last is
    /// wider than two octaves.
    pub log_probabilities: [[f64; N_INTERVALS]; N_VOICES],
}

/// The intervals of top and bottom from the last note of a window to the first of the next, which
/// is moved by some semitones; `None` where one has no tones.
pub fn intervals(before: &Sounds, after: &Sounds, semitones: i32) -> Option<[i32; 2]> {
    let (from, to) = (before.last_outer()?, after.first_outer()?);
    Some([to.top + semitones - from.top, to.bottom + semitones - from.bottom])
}

fn bin(interval: i32) -> usize {
    usize::try_from(interval.unsigned_abs()).unwrap_or(usize::MAX).min(N_INTERVALS - 1)
}

impl JoinCounts {
    /// Counts the join of two windows, the second moved by some semitones.
    pub fn add(&mut self, before: &Sounds, after: &Sounds, semitones: i32) {
        let Some(found) = intervals(before, after, semitones) else { return };
        for (counts, interval) in self.counts.iter_mut().zip(found) {
            counts[bin(interval)] += 1.0;
        }
    }
}

impl From<&JoinCounts> for Joins {
    fn from(counts: &JoinCounts) -> Self {
        let log_probabilities = counts.counts.map(|counts| {
            let total: f64 = counts.iter().sum::<f64>() + PSEUDO_COUNT * N_INTERVALS as f64;
            counts.map(|n| ((n + PSEUDO_COUNT) / total).ln())
        });
        Self { log_probabilities }
    }
}

impl Default for Joins {
    /// Where nothing was measured: an interval is as much rarer as it is wider, each octave by a
    /// factor of `e³`.
    fn default() -> Self {
        let weights: Vec<f64> = (0..N_INTERVALS).map(|i| (-(i as f64) / 4.0).exp()).collect();
        let total: f64 = weights.iter().sum();
        let of_voice: [f64; N_INTERVALS] = std::array::from_fn(|i| (weights[i] / total).ln());
        Self { log_probabilities: [of_voice; N_VOICES] }
    }
}

impl Joins {
    /// How usual the join of two windows is: the mean of `ln p` of both voices, and a quarter of
    /// the share of the second one's first pitch classes that sound at the end of the first
    /// (common tones). 0 where one has no tones.
    pub fn score(&self, before: &Sounds, after: &Sounds, semitones: i32) -> f64 {
        let Some(found) = intervals(before, after, semitones) else { return 0.0 };
        let of_voices = self.log_probabilities.iter().zip(found);
        let usual = of_voices.map(|(p, interval)| p[bin(interval)]).sum::<f64>() / N_VOICES as f64;
        let (last, first) = (before.chord_at(false), moved(after.chord_at(true), semitones));
        let common = f64::from((last & first).count_ones()) / f64::from(first.count_ones().max(1));
        usual + 0.25 * common
    }
}

/// A set of pitch classes, moved up.
fn moved(classes: u16, semitones: i32) -> u16 {
    let by = semitones.rem_euclid(12);
    (classes << by | classes >> (12 - by)) & 0xfff
}

#[cfg(test)]
mod tests {
    use note_seq::window::{WindowForm, WindowLayout};

    use super::*;

    fn melody(first: u16, last: u16) -> Sounds {
        let mut window = [0_u16; 32];
        (window[0], window[16]) = (first, last);
        Sounds::of(&WindowForm::Steps(WindowLayout::melody(32, 90)), &window)
    }

    #[test]
    fn joins_are_as_usual_as_they_were_counted() {
        let (a, b) = (melody(41, 45), melody(47, 41));
        assert_eq!(intervals(&a, &b, 0), Some([2, 2]));
        let mut counts = JoinCounts::default();
        for _ in 0..7 {
            counts.add(&a, &b, 0);
        }
        counts.add(&b, &a, 12);
        let joins = Joins::from(&counts);
        // Seven seconds and an octave, half a count for each of 26.
        let total = 8.0 + 13.0;
        assert!((joins.score(&a, &b, 0) - (7.5_f64 / total).ln()).abs() < 1e-12);
        // An octave up to the same pitch class.
        let octave = joins.score(&b, &a, 12);
        assert!((octave - (1.5_f64 / total).ln() - 0.25).abs() < 1e-12, "{octave}");
        let mass: f64 = joins.log_probabilities[0].iter().map(|p| p.exp()).sum();
        assert!((mass - 1.0).abs() < 1e-12);
        let usual = Joins::default();
        assert!(usual.score(&a, &b, 0) > usual.score(&a, &b, 12));
        assert_eq!(moved(0b1000_0000_0001, 1), 0b11);
        assert_eq!(moved(0b1, -1), 0b1000_0000_0000);
    }
}
