//! Distances between generated and real music, by feature.

use serde::{Deserialize, Serialize};

use super::{Texture, TextureFeature};
use crate::features::{Moments, Summary};

/// A feature in real and in generated windows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// The feature.
    pub feature: TextureFeature,
    /// Statistics of the real windows.
    pub real: Summary,
    /// Statistics of the generated windows.
    pub generated: Summary,
    /// Wasserstein-1 distance of the two distributions, in standard deviations of the real one.
    /// `None` if one side has no window with the feature, or the real windows have a single value.
    pub distance: Option<f64>,
}

/// Compares the distributions of features in real and in generated windows. A window without a
/// feature (for example the consonance of a single line) is excluded for that feature;
/// [`Summary::n`] is the number of windows included.
///
/// # Examples
/// ```
/// use note_seq::texture::{Texture, TextureFeature, distances};
/// use note_seq::{ListNote, Meter, NoteList, NoteListEncoding, Pitch};
/// let texture = |n_notes: u16| {
///     let note = |i| ListNote { onset: 12 * i, duration: 12, ..ListNote::default() };
///     let notes = (0..n_notes).map(note);
///     NoteList::from_notes(NoteListEncoding::POLY_2BAR, Meter::COMMON, notes)
///         .map(|list| Texture::from(&list))
/// };
/// let (real, generated) = ([texture(2)?, texture(4)?], [texture(5)?]);
/// let row = &distances(&[TextureFeature::Notes], &real, &generated)[0];
/// assert_eq!((row.real.mean, row.real.std_dev, row.generated.mean), (3.0, 1.0, 5.0));
/// assert_eq!(row.distance, Some(2.0)); // 5 is 3 from the one and 1 from the other
/// # Ok::<(), note_seq::NoteListError>(())
/// ```
pub fn distances(
    features: &[TextureFeature],
    real: &[Texture],
    generated: &[Texture],
) -> Vec<Distance> {
    let distance = |feature: &TextureFeature| {
        let values = |textures: &[Texture]| -> Vec<f64> {
            textures.iter().filter_map(|texture| texture.get(*feature)).collect()
        };
        let summary = |values: &[f64]| {
            let mut moments = Moments::default();
            values.iter().for_each(|value| moments.push(*value));
            moments.summary()
        };
        let (of_real, of_generated) = (values(real), values(generated));
        let (real, generated) = (summary(&of_real), summary(&of_generated));
        let distance = wasserstein(&of_real, &of_generated).filter(|_| real.std_dev > 0.0);
        Distance {
            feature: *feature,
            real,
            generated,
            distance: distance.map(|distance| distance / real.std_dev),
        }
    };
    features.iter().map(distance).collect()
}

/// The Wasserstein-1 (earth mover's) distance of two samples: the area between their distribution
/// functions, `∫ |F(x) − G(x)| dx`. `None` if one is empty or a value is NaN.
///
/// # Examples
/// ```
/// use note_seq::texture::wasserstein;
/// // Half of the mass moves by 1, half by 3.
/// assert_eq!(wasserstein(&[0.0, 2.0], &[5.0, 1.0]), Some(2.0));
/// assert_eq!(wasserstein(&[0.0, 1.0], &[1.0, 0.0, 0.0, 1.0]), Some(0.0));
/// ```
pub fn wasserstein(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() || a.iter().chain(b).any(|value| value.is_nan()) {
        return None;
    }
    let mut a = a.to_vec();
    let mut b = b.to_vec();
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (mut i, mut j) = (0, 0);
    let (mut area, mut last) = (0.0, a[0].min(b[0]));
    while i < a.len() || j < b.len() {
        let from_a = j == b.len() || i < a.len() && a[i] <= b[j];
        let next = if from_a { a[i] } else { b[j] };
        let gap = (i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs();
        // Without a gap, nothing is added, not even between infinities.
        if gap > 0.0 {
            area += gap * (next - last);
        }
        last = next;
        if from_a { i += 1 } else { j += 1 }
    }
    Some(area)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_of_different_sizes_by_hand() {
        // F is 1/3 on [0, 1), 2/3 on [1, 6); G is 1/2 on [0, 6): 1/6 · 1 + 1/6 · 5.
        let distance = wasserstein(&[0.0, 1.0, 6.0], &[6.0, 0.0]).unwrap();
        assert!((distance - 1.0).abs() < 1e-12);
        assert_eq!(wasserstein(&[], &[1.0]), None);
        assert_eq!(wasserstein(&[f64::NAN], &[1.0]), None);
    }

    proptest! {
        /// For samples of equal size, the mean distance of the sorted values.
        #[test]
        fn equal_sizes_pair_the_sorted_values(
            pairs in prop::collection::vec((-50_i32..50, -50_i32..50), 1..40),
        ) {
            let (mut a, mut b): (Vec<f64>, Vec<f64>) =
                pairs.iter().map(|(a, b)| (f64::from(*a), f64::from(*b))).unzip();
            let found = wasserstein(&a, &b).unwrap();
            prop_assert_eq!(found, wasserstein(&b, &a).unwrap());
            a.sort_by(f64::total_cmp);
            b.sort_by(f64::total_cmp);
            let sum: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum();
            prop_assert!((found - sum / a.len() as f64).abs() < 1e-9);
            // Shifting one sample by more than its width adds the shift to the means' difference.
            let shifted: Vec<f64> = a.iter().map(|x| x + 200.0).collect();
            prop_assert!((wasserstein(&a, &shifted).unwrap() - 200.0).abs() < 1e-9);
        }
    }
}
