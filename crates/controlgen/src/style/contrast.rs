//! Differences between a style and the styles nearest to it.

use std::collections::BTreeMap;

use gmm::ModelError;
use note_seq::features::Feature;

use super::card::words;
use super::{Card, Style, Styles};

/// The difference between a style and another.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast<'a> {
    /// The other style.
    pub other: &'a Style,
    /// The style in comparison, the largest difference first: "higher register", "busy". Empty if
    /// no measure distinguishes them.
    pub words: Vec<String>,
}

impl Styles {
    /// The `n` visible styles nearest to a style by the Bhattacharyya distance of their
    /// distributions, which is small if they overlap, and the differences from each.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if the covariance is lost to rounding.
    pub fn nearest(&self, style: &Style, n: usize) -> Result<Vec<Contrast<'_>>, ModelError> {
        let own = self.distribution(style).moments()?;
        let mut others = Vec::new();
        for other in self.all().iter().filter(|o| !o.hidden && o.name != style.name) {
            let distance = own.bhattacharyya(&self.distribution(other).moments()?)?;
            others.push((distance, other));
        }
        others.sort_by(|a, b| a.0.total_cmp(&b.0));
        let contrast = |(_, other): (f64, _)| Contrast { other, words: differences(style, other) };
        Ok(others.into_iter().take(n).map(contrast).collect())
    }
}

fn differences(style: &Style, other: &Style) -> Vec<String> {
    match (&style.card, &other.card) {
        (Some(own), Some(other)) => own.compared_with(other),
        _ => Vec::new(),
    }
}

impl Card {
    /// The music in comparison with that of another card, in words: measures whose means differ by
    /// at least half a standard deviation of the other (for windows with several voices, by a whole
    /// one), and properties that only this card has.
    fn compared_with(&self, other: &Self) -> Vec<String> {
        if let (Some(own), Some(reference)) = (&self.texture, &other.texture) {
            let common = reference.words(None);
            let mut words = own.words(Some(reference));
            words.retain(|word| !common.contains(word));
            return words;
        }
        let deviations: BTreeMap<Feature, f64> = Feature::ALL
            .into_iter()
            .filter_map(|f| self.profile.deviation(f, &other.profile).map(|away| (f, away)))
            .collect();
        words(&deviations)
    }
}
