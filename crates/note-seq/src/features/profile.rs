//! Statistics of many windows: means and standard deviations of the features, and histograms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Feature, intervals, of_line, pitch_class_durations};
use crate::vocabulary::STEPS_PER_BAR;
use crate::window::WindowForm;

/// The largest interval with a separate bin, in semitones.
const MAX_INTERVAL: i32 = 12;
/// The longest note with a separate bin, in steps.
const MAX_LENGTH: usize = STEPS_PER_BAR;

/// Mean and standard deviation of a feature over windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of windows that have the feature.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std_dev: f64,
}

/// Statistics of many windows. Histograms sum to 1, or are all 0 if there is nothing to count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Number of windows.
    pub n_windows: usize,
    /// The features that at least one window has.
    pub features: BTreeMap<Feature, Summary>,
    /// Durations of the pitch classes, C first.
    pub pitch_classes: Vec<f64>,
    /// Notes that start on each sixteenth of a bar.
    pub onsets: Vec<f64>,
    /// Lengths of notes, in sixteenths: 1, 2, …, 16 or more.
    pub lengths: Vec<f64>,
    /// Intervals from note to note, in semitones: -12 or below, …, 12 or above.
    pub intervals: Vec<f64>,
}

impl Profile {
    /// The profile of the leading parts ([`leading`](crate::window::leading)) of windows.
    pub fn of<'a>(form: &WindowForm, windows: impl IntoIterator<Item = &'a [u16]>) -> Self {
        let mut moments = vec![Moments::default(); Feature::ALL.len()];
        let mut n_windows = 0;
        let mut classes = vec![0.0; 12];
        let mut onsets = vec![0.0; STEPS_PER_BAR];
        let mut lengths = vec![0.0; MAX_LENGTH];
        let mut moves = vec![0.0; 2 * MAX_INTERVAL as usize + 1];
        for window in windows {
            n_windows += 1;
            let (line, n_steps) = (form.lead(window), form.n_sixteenths(window));
            for (moments, value) in moments.iter_mut().zip(of_line(&line, n_steps)) {
                if let Some(value) = value {
                    moments.push(value);
                }
            }
            for note in &line.notes {
                onsets[note.start % STEPS_PER_BAR] += 1.0;
                lengths[note.n_steps().clamp(1, MAX_LENGTH) - 1] += 1.0;
            }
            if line.is_drums {
                continue;
            }
            let of_line = pitch_class_durations(&line.notes);
            classes.iter_mut().zip(of_line).for_each(|(sum, time)| *sum += time);
            for interval in intervals(&line.notes) {
                let at = interval.clamp(-MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL;
                moves[usize::try_from(at).expect("not negative")] += 1.0;
            }
        }
        Self {
            n_windows,
            features: Feature::ALL
                .into_iter()
                .zip(moments)
                .filter(|(_, moments)| moments.n > 0)
                .map(|(feature, moments)| (feature, moments.summary()))
                .collect(),
            pitch_classes: normalized(classes),
            onsets: normalized(onsets),
            lengths: normalized(lengths),
            intervals: normalized(moves),
        }
    }

    /// Mean and standard deviation of a feature.
    pub fn feature(&self, feature: Feature) -> Summary {
        self.features.get(&feature).copied().unwrap_or_default()
    }

    /// The difference of a feature's mean from that of another profile, in standard deviations of
    /// the other. Returns `None` if one has no windows with the feature, or the other's standard
    /// deviation is 0.
    pub fn deviation(&self, feature: Feature, from: &Self) -> Option<f64> {
        let (own, other) = (self.feature(feature), from.feature(feature));
        let can = own.n > 0 && other.n > 0 && other.std_dev > 0.0;
        can.then(|| (own.mean - other.mean) / other.std_dev)
    }
}

/// Scales counts to sum to 1, unless all are 0.
fn normalized(counts: Vec<f64>) -> Vec<f64> {
    let total: f64 = counts.iter().sum();
    if total > 0.0 { counts.iter().map(|count| count / total).collect() } else { counts }
}

/// Mean and variance by Welford's updates.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) n: usize,
    mean: f64,
    squares: f64,
}

impl Moments {
    pub(crate) fn push(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    pub(crate) fn summary(self) -> Summary {
        let variance = self.squares / self.n.max(1) as f64;
        Summary { n: self.n, mean: self.mean, std_dev: variance.max(0.0).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::{Track, WindowLayout};

    fn layout() -> WindowForm {
        WindowForm::Steps(WindowLayout { n_steps: 16, tracks: vec![Track::pitches(90)] })
    }

    #[test]
    fn means_deviations_and_histograms_by_hand() {
        // C4 for half a bar, then E4; and G4 for a quarter, then silence.
        let (mut a, mut b) = (vec![0; 16], vec![0; 16]);
        (a[0], a[8]) = (41, 45);
        (b[0], b[4]) = (48, 1);
        let empty = [0; 16];
        let profile = Profile::of(&layout(), [&a[..], &b[..], &empty[..]]);
        assert_eq!(profile.n_windows, 3);
        let density = profile.feature(Feature::NoteDensity);
        // 2, 1 and 0 notes: mean 1, variance 2/3.
        assert!((density.mean - 1.0).abs() < 1e-12);
        assert!((density.std_dev - (2.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((density.n, profile.feature(Feature::MeanPitch).n), (3, 2));
        // 8 steps of C, 8 of E, 4 of G.
        assert_eq!((profile.pitch_classes[0], profile.pitch_classes[7]), (0.4, 0.2));
        assert!((profile.onsets[0] - 2.0 / 3.0).abs() < 1e-12);
        assert!((profile.lengths[3] - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(profile.intervals[12 + 4], 1.0);
        let dense = Profile::of(&layout(), [&a[..]]);
        let away = dense.deviation(Feature::NoteDensity, &profile).unwrap();
        assert!((away - 1.0 / (2.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(profile.deviation(Feature::NoteDensity, &dense), None);
    }

    #[test]
    fn no_windows_have_a_profile_without_numbers() {
        let profile = Profile::of(&layout(), []);
        assert_eq!(profile.feature(Feature::MeanPitch), Summary::default());
        assert!(profile.onsets.iter().all(|fraction| *fraction == 0.0));
    }
}
