//! Comparison of sets of music by their variation.

use note_seq::window::WindowForm;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::density::overlap;
use super::music::{MGEVAL_NAMES, mgeval};
use super::statistics::mean;

/// Comparison of a feature in two sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureOverlap {
    /// The feature, see [`MGEVAL_NAMES`].
    pub feature: String,
    /// Overlapping area of the densities of distances within the real set and between the real and
    /// the other set: 1 if the other set varies around the real one as much as the real one itself.
    pub area: f64,
    /// The divergence of the same two densities, in nats.
    pub kl: f64,
}

/// The features of a set, prepared for comparison.
#[derive(Clone, Debug)]
pub struct FeatureSet {
    rows: Vec<[Vec<f64>; 9]>,
}

impl FeatureSet {
    /// Features of each window's leading line.
    pub fn of<'a>(form: &WindowForm, windows: impl IntoIterator<Item = &'a [u16]>) -> Self {
        let features = |window: &[u16]| mgeval(&form.lead(window).notes, form.n_sixteenths(window));
        Self { rows: windows.into_iter().map(features).collect() }
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no windows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Compares another set with this, the real one, like Yang and Lerch (2020): for each feature,
    /// the Euclidean distances within the real set (from each window to all others) and from the
    /// real set to the other give two kernel densities. Empty if a set has fewer than two windows.
    pub fn compare(&self, other: &Self) -> Vec<FeatureOverlap> {
        let compare = |feature: usize| {
            let real: Vec<&[f64]> = self.rows.iter().map(|row| row[feature].as_slice()).collect();
            let other: Vec<&[f64]> = other.rows.iter().map(|row| row[feature].as_slice()).collect();
            let within: Vec<f64> = (0..real.len())
                .flat_map(|i| (0..i).map(move |j| (i, j)))
                .map(|(i, j)| distance(real[i], real[j]))
                .collect();
            let between: Vec<f64> =
                real.iter().flat_map(|a| other.iter().map(|b| distance(a, b))).collect();
            let found = overlap(&within, &between)?;
            let feature = MGEVAL_NAMES[feature].to_owned();
            Some(FeatureOverlap { feature, area: found.area, kl: found.kl })
        };
        (0..MGEVAL_NAMES.len()).into_par_iter().filter_map(compare).collect()
    }
}

/// The mean area over the features; `None` without features.
pub fn mean_area(features: &[FeatureOverlap]) -> Option<f64> {
    mean(&features.iter().map(|feature| feature.area).collect::<Vec<_>>())
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use corpus::kind::Kind;
    use corpus::synthetic;

    use super::*;

    #[test]
    fn music_of_one_style_overlaps_more_than_music_of_two() {
        let kind = Kind::mel_2bar();
        let layout = kind.form();
        let set = |style: usize, seed: u64| {
            let windows: Vec<Vec<u16>> = (0..12)
                .flat_map(|i| kind.windows(&synthetic::piece(style, seed, i)).windows)
                .map(|w| w.tokens)
                .collect();
            FeatureSet::of(&layout, windows.iter().map(Vec::as_slice))
        };
        let real = set(0, 1);
        let (same, other) = (real.compare(&set(0, 2)), real.compare(&set(3, 1)));
        assert_eq!(same.len(), 9);
        let (same, other) = (mean_area(&same).unwrap(), mean_area(&other).unwrap());
        assert!(same > 0.8 && other < same - 0.2, "{same} {other}");
        let nothing = FeatureSet::of(&layout, []);
        assert!(nothing.is_empty() && real.compare(&nothing).is_empty());
    }
}
