//! Statistics of many windows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Pattern, Texture, TextureFeature};
use crate::features::{Moments, Summary};
use crate::note_list::{Family, Meter};

/// Statistics of many windows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TextureProfile {
    /// Number of windows.
    pub n_windows: usize,
    /// The features that at least one window has.
    pub features: BTreeMap<TextureFeature, Summary>,
    /// Number of windows in each meter, the most frequent first.
    pub meters: Vec<(Meter, usize)>,
    /// Number of windows with each pattern.
    pub patterns: BTreeMap<Pattern, usize>,
    /// Number of windows in which each family of instruments plays.
    pub families: BTreeMap<Family, usize>,
}

impl TextureProfile {
    /// The profile of some windows.
    pub fn of<'a>(textures: impl IntoIterator<Item = &'a Texture>) -> Self {
        let mut profile = Self::default();
        let mut moments = [Moments::default(); TextureFeature::N];
        let mut meters = BTreeMap::<Meter, usize>::new();
        for texture in textures {
            profile.n_windows += 1;
            for (moments, value) in moments.iter_mut().zip(texture.values()) {
                value.iter().for_each(|value| moments.push(*value));
            }
            *meters.entry(texture.meter()).or_default() += 1;
            if let Some(pattern) = texture.pattern() {
                *profile.patterns.entry(pattern).or_default() += 1;
            }
            for family in texture.families() {
                *profile.families.entry(family).or_default() += 1;
            }
        }
        profile.features = TextureFeature::ALL
            .into_iter()
            .zip(moments)
            .filter(|(_, moments)| moments.n > 0)
            .map(|(feature, moments)| (feature, moments.summary()))
            .collect();
        profile.meters = meters.into_iter().collect();
        profile.meters.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        profile
    }

    /// Mean and standard deviation of a feature, over the windows that have it.
    pub fn feature(&self, feature: TextureFeature) -> Summary {
        self.features.get(&feature).copied().unwrap_or_default()
    }

    /// The mean of a feature; `None` if no window has it.
    pub fn mean(&self, feature: TextureFeature) -> Option<f64> {
        self.features.get(&feature).map(|summary| summary.mean)
    }

    /// The difference of a feature's mean from that of another profile, in standard deviations of
    /// the other. Returns `None` if one has no windows with the feature, or the other's standard
    /// deviation is 0.
    pub fn deviation(&self, feature: TextureFeature, from: &Self) -> Option<f64> {
        let (own, other) = (self.features.get(&feature)?, from.features.get(&feature)?);
        (other.std_dev > 0.0).then(|| (own.mean - other.mean) / other.std_dev)
    }

    /// The fraction of the windows with a pattern; 0 without windows.
    pub fn share(&self, pattern: Pattern) -> f64 {
        self.of_windows(self.patterns.get(&pattern).copied().unwrap_or_default())
    }

    pub(super) fn of_windows(&self, n: usize) -> f64 {
        n as f64 / self.n_windows.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::sounding::tests::tone;
    use super::super::{Passage, TextureFeature as F};
    use super::*;

    #[test]
    fn means_and_counts_by_hand() {
        let waltz = Meter::from_signature(3, 4).unwrap();
        let texture = |meter, notes: Vec<_>| Texture::of(&Passage::new(meter, 1, notes));
        let textures = [
            texture(waltz, vec![tone(0, 12, 60)]),
            texture(Meter::COMMON, vec![tone(0, 12, 60), tone(0, 12, 64), tone(12, 12, 67)]),
            texture(Meter::COMMON, Vec::new()),
            texture(Meter::COMMON, vec![tone(0, 12, 61), tone(12, 12, 62)]),
        ];
        let profile = TextureProfile::of(&textures);
        assert_eq!(profile.n_windows, 4);
        let notes = profile.feature(F::Notes);
        // 1, 3, 0 and 2 notes: mean 1.5, variance 1.25.
        assert_eq!((notes.n, notes.mean), (4, 1.5));
        assert!((notes.std_dev - 1.25_f64.sqrt()).abs() < 1e-12);
        // Silence has no polyphony: 1, 1.5 and 1.
        assert_eq!(profile.feature(F::Polyphony).n, 3);
        assert!((profile.mean(F::Polyphony).unwrap() - 3.5 / 3.0).abs() < 1e-12);
        assert_eq!(profile.meters, [(Meter::COMMON, 3), (waltz, 1)]);
        assert_eq!(profile.families, BTreeMap::from([(Family::Keys, 3)]));
        assert_eq!(profile.share(Pattern::SingleLine), 0.5);
        let one = TextureProfile::of(&textures[1..2]);
        let away = one.deviation(F::Notes, &profile).unwrap();
        assert!((away - 1.5 / 1.25_f64.sqrt()).abs() < 1e-12);
        assert_eq!(profile.deviation(F::Notes, &one), None);
        let json = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<TextureProfile>(&json).unwrap(), profile);
    }
}
