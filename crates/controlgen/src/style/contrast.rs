//! The differences of a style from the styles nearest to it.

use std::collections::BTreeMap;

use gmm::ModelError;
use note_seq::features::Feature;

use super::card::words;
use super::{Card, Style, Styles};

/// How a style differs from another.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast<'a> {
    /// The other style.
    pub other: &'a Style,
    /// The style in comparison, the largest difference first: "higher register", "busy".
    /// Empty if no measure tells them apart.
    pub words: Vec<String>,
}

impl Styles {
    /// The `n` visible styles nearest to a style, and how it differs from each: by the
    /// Bhattacharyya distance of their distributions, which is small if they overlap.
    ///
    /// # Errors
    /// [`ModelError`] if rounding leaves no covariance.
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
    /// half a standard deviation of the other or more (of windows with several voices, by a whole
    /// one), and what only this card says.
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
