//! Key profiles: how well each pitch class fits a key.

use serde::{Deserialize, Serialize};

use super::Key;

/// Ratings of the twelve pitch classes in C major and in C minor; other keys use rotated ratings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeyProfile {
    /// In C major, C first.
    pub major: [f64; 12],
    /// In C minor, C first.
    pub minor: [f64; 12],
}

impl KeyProfile {
    /// Listeners' ratings of how well tones fit a key (Krumhansl and Kessler 1982, "Tracing the
    /// dynamic changes in perceived tonal organization in a spatial representation of musical
    /// keys").
    pub const KRUMHANSL_KESSLER: Self = Self {
        major: [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
        minor: [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
    };

    /// Temperley's revision (1999, "What's key for key? The Krumhansl–Schmuckler key-finding
    /// algorithm reconsidered"), with more weight on the scale and the leading tone of minor: it
    /// confuses keys a fifth apart less often.
    pub const TEMPERLEY: Self = Self {
        major: [5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0],
        minor: [5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0],
    };

    /// The key whose profile has the highest correlation with the duration of each pitch class;
    /// `None` if nothing sounds. Of equal ones, the one with the lower tonic, and major before
    /// minor.
    pub fn find(&self, durations: &[f64; 12]) -> Option<Key> {
        let fits = self.correlations(durations)?;
        let mut best = (Key::C_MAJOR, f64::NEG_INFINITY);
        for tonic in 0..12 {
            for is_minor in [false, true] {
                let key = Key::new(tonic, is_minor);
                if fits[key.index()] > best.1 {
                    best = (key, fits[key.index()]);
                }
            }
        }
        Some(best.0)
    }

    /// Pearson's correlation of the duration of each pitch class with the profile of every key, by
    /// [`Key::index`]; `None` if nothing sounds. All are 0 if all pitch classes have the same
    /// duration.
    pub fn correlations(&self, durations: &[f64; 12]) -> Option<[f64; Key::N]> {
        if !durations.iter().any(|d| *d > 0.0) {
            return None;
        }
        let sounding = centered(durations);
        let length = norm(&sounding);
        let mut fits = [0.0; Key::N];
        for (mode, profile) in [self.major, self.minor].iter().enumerate() {
            let profile = centered(profile);
            let scale = length * norm(&profile);
            for tonic in 0..12 {
                let degrees = profile.iter().enumerate();
                let cross: f64 = degrees.map(|(i, p)| p * sounding[(tonic + i) % 12]).sum();
                fits[12 * mode + tonic] = if scale > 0.0 { cross / scale } else { 0.0 };
            }
        }
        Some(fits)
    }
}

fn centered(values: &[f64; 12]) -> [f64; 12] {
    let mean = values.iter().sum::<f64>() / 12.0;
    values.map(|x| x - mean)
}

fn norm(values: &[f64; 12]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correlation_of_a_profile_with_itself_is_one() {
        for profile in [KeyProfile::KRUMHANSL_KESSLER, KeyProfile::TEMPERLEY] {
            for tonic in 0..12 {
                let mut durations = profile.minor;
                durations.rotate_right(tonic);
                let fits = profile.correlations(&durations).unwrap();
                assert!((fits[12 + tonic] - 1.0).abs() < 1e-12);
                assert_eq!(profile.find(&durations).map(Key::index), Some(12 + tonic));
            }
            assert_eq!(profile.correlations(&[0.0; 12]), None);
            assert_eq!(profile.correlations(&[1.0; 12]), Some([0.0; 24]));
        }
    }

    /// C alone: `Σ (x − x̄)(y − ȳ)` is `3 (6.35 − mean)`, and its sum of squares is `3² · 11 / 12`.
    #[test]
    fn one_tone_correlates_by_hand() {
        let mut durations = [0.0; 12];
        durations[0] = 3.0;
        let major = KeyProfile::KRUMHANSL_KESSLER.major;
        let mean = major.iter().sum::<f64>() / 12.0;
        let squares: f64 = major.iter().map(|x| (x - mean).powi(2)).sum();
        let expected = (6.35 - mean) / squares.sqrt() * (12.0_f64 / 11.0).sqrt();
        let fits = KeyProfile::KRUMHANSL_KESSLER.correlations(&durations).unwrap();
        assert!((fits[0] - expected).abs() < 1e-12);
    }
}
