//! Variations of a tune at a given distance.
//!
//! Distances are in standard deviations of all the model's music, per dimension: with the mean `μ`
//! and the covariance `Σ` of the whole mixture, `√((x' - x)ᵀ Σ⁻¹ (x' - x) / D)`. Two unrelated
//! pieces are about `√2` apart.
//!
//! A variation is at exactly that distance in a random direction, and at the same distance from `μ`
//! as the tune, so it is as typical of the music as the tune itself. If the distance is larger than
//! the diameter of the sphere around `μ` through the tune, the variation is on a straight line
//! outward.

use gmm::Gaussian;
use gmm::points::dot;
use musicvae::seed;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::encode::encode_windows;
use crate::generate::{Decoding, GenerateError};
use crate::model::Model;

/// Maximum distance; beyond it the prior has almost no mass.
pub const MAX_DISTANCE: f64 = 10.0;

/// A variation of a tune.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// Its windows, one for each of the tune's.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[n_windows, Z]`.
    pub z: Vec<f32>,
}

/// The distance between two points, see the module.
pub fn distance(all: &Gaussian, a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (all.standardized(a), all.standardized(b));
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    (squares / a.len().max(1) as f64).sqrt()
}

/// A point at a distance from another, in a random direction.
pub fn point_at(all: &Gaussian, point: &[f64], distance: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let at = all.standardized(point);
    let step = distance * (at.len() as f64).sqrt();
    let direction: Vec<f64> = at.iter().map(|_| rng.sample(StandardNormal)).collect();
    let radius = dot(&at, &at).sqrt();
    let moved: Vec<f64> = if at.len() > 1 && radius > 0.0 && step < 2.0 * radius {
        // Rotate by the angle whose chord is the step, in the plane of the point and the direction.
        let along = dot(&direction, &at) / (radius * radius);
        let across: Vec<f64> = direction.iter().zip(&at).map(|(d, a)| d - along * a).collect();
        let length = dot(&across, &across).sqrt().max(f64::MIN_POSITIVE);
        let angle = 2.0 * (step / (2.0 * radius)).asin();
        let scale = radius * angle.sin() / length;
        at.iter().zip(&across).map(|(a, c)| angle.cos() * a + scale * c).collect()
    } else {
        let length = dot(&direction, &direction).sqrt().max(f64::MIN_POSITIVE);
        // Outward, away from the mean.
        let sign = if dot(&direction, &at) < 0.0 { -1.0 } else { 1.0 };
        at.iter().zip(&direction).map(|(a, d)| a + sign * step / length * d).collect()
    };
    all.unstandardize(&moved)
}

/// The music to vary, and options.
#[derive(Clone, Copy, Debug)]
pub struct SimilarRequest<'a> {
    /// Latents of consecutive windows, `[n_windows, Z]`.
    pub latents: &'a [f32],
    /// The controls of these windows, `[n_windows, n_steps]`; empty for a model without controls.
    pub control: &'a [u16],
    /// The distance, see the module.
    pub distance: f64,
    /// Number of variations.
    pub n: usize,
    /// Decoding options.
    pub decoding: Decoding,
}

/// Varies music; `all` is the mean and covariance of the whole mixture. Variation number `i`
/// depends only on the seed and `i`. All windows of a variation move in the same random direction,
/// so that they still belong together.
///
/// # Errors
/// Returns a [`GenerateError`] if the distance or temperature is out of range.
pub fn similar(
    model: &Model,
    all: &Gaussian,
    request: &SimilarRequest<'_>,
) -> Result<Vec<Variation>, GenerateError> {
    similar_while(model, all, request, &|| true)
}

/// Like [`similar`], but stops early when `go_on` returns `false` (checked before each batch of
/// windows).
///
/// # Errors
/// Same as [`similar`], and [`GenerateError::Stopped`].
pub fn similar_while(
    model: &Model,
    all: &Gaussian,
    request: &SimilarRequest<'_>,
    go_on: &dyn Fn() -> bool,
) -> Result<Vec<Variation>, GenerateError> {
    let SimilarRequest { latents, control, distance, n, decoding } = *request;
    let decoding = decoding.check()?;
    if !(0.0..=MAX_DISTANCE).contains(&distance) {
        let (what, allowed) = ("distance", "0 to 10 is allowed (unrelated pieces are 1.4 apart)");
        return Err(GenerateError::Setting { what, found: distance, allowed });
    }
    let space = model.latent_space();
    let mut z = latents.repeat(n);
    for (index, variation) in (0..).zip(z.chunks_exact_mut(latents.len().max(1))) {
        for z in variation.chunks_exact_mut(space.z_size()) {
            let mut rng = seed::stream(decoding.seed, "similar", index);
            space.embed(&point_at(all, &space.project(z), distance, &mut rng), z);
        }
    }
    let windows = decoding.decode_while(model, &z, &control.repeat(n), go_on)?;
    let n_windows = space.rows(latents).len().max(1);
    let variations = windows.chunks(n_windows).zip(z.chunks(latents.len().max(1)));
    Ok(variations
        .map(|(windows, z)| Variation { windows: windows.to_vec(), z: z.to_vec() })
        .collect())
}

/// The distance of windows, encoded again, from the latents `[n_windows, Z]` that they are
/// variations of: mean over the windows.
pub fn distance_again(model: &Model, all: &Gaussian, latents: &[f32], windows: &[Vec<u16>]) -> f64 {
    let space = model.latent_space();
    let again = encode_windows(model, windows);
    let pairs = space.rows(&again).zip(space.rows(latents));
    let sum: f64 = pairs.map(|(a, b)| distance(all, &space.project(a), &space.project(b))).sum();
    sum / windows.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "flex")]
    use crate::test_session::{self, GoOn};
    use proptest::prelude::*;

    fn all() -> Gaussian {
        let covariance = vec![4.0, 1.0, 0.0, 1.0, 2.0, 0.3, 0.0, 0.3, 0.5];
        Gaussian::new(vec![1.0, -2.0, 0.5], covariance).unwrap()
    }

    proptest! {
        #[test]
        fn a_variation_is_exactly_as_far_as_asked(
            point in proptest::collection::vec(-4.0_f64..4.0, 3), wanted in 0.0_f64..8.0, seed in 0_u64..1000,
        ) {
            let all = all();
            let mut rng = seed::stream(seed, "test", 0);
            let found = point_at(&all, &point, wanted, &mut rng);
            prop_assert!((distance(&all, &point, &found) - wanted).abs() < 1e-9);
            let radius = |x: &[f64]| all.mahalanobis_squared(x).sqrt();
            let (before, after) = (radius(&point), radius(&found));
            if wanted * 3.0_f64.sqrt() < 1.999 * before {
                prop_assert!((before - after).abs() < 1e-6 * before.max(1.0), "{} {}", before, after);
            } else {
                prop_assert!(after > before - 1e-9, "outwards: {} {}", before, after);
            }
        }
    }

    #[test]
    #[cfg(feature = "flex")]
    fn variations_can_be_stopped_after_each_batch_of_windows() {
        let session = test_session::melody();
        let model = session.model();
        let all = session.styles().unwrap().mixture().moments().unwrap();
        let latents = encode_windows(model, &test_session::windows(1));
        let decoding = Decoding { temperature: Some(1.0), seed: 1 };
        // Three batches of 64 windows.
        let (control, distance, n) = (&[][..], 0.5, 130);
        let request = SimilarRequest { latents: &latents, control, distance, n, decoding };
        for n in 0..3 {
            let go_on = GoOn::times(n);
            let stopped = similar_while(model, &all, &request, &|| go_on.answer());
            assert!(matches!(stopped, Err(GenerateError::Stopped)), "after {n} batches");
            // Nothing is decoded after the first `false`.
            assert_eq!(go_on.n_asked.get(), n + 1);
        }
        let go_on = GoOn::times(3);
        let found = similar_while(model, &all, &request, &|| go_on.answer()).unwrap();
        assert_eq!((found.len(), go_on.n_asked.get()), (130, 3));
        // A variation depends only on seed and number.
        let few = similar(model, &all, &SimilarRequest { n: 2, ..request }).unwrap();
        assert_eq!(few, found[..2]);
    }

    #[test]
    fn unrelated_points_are_a_root_of_two_apart() {
        let all = all();
        let mut rng = seed::stream(1, "test", 0);
        let mut draw = || {
            let z: Vec<f64> = (0..3).map(|_| rng.sample(StandardNormal)).collect();
            all.unstandardize(&z)
        };
        let squares: f64 = (0..4000).map(|_| distance(&all, &draw(), &draw()).powi(2)).sum();
        // Mean 2, variance 8 / 3 of a scaled chi-squared: five standard errors.
        assert!((squares / 4000.0 - 2.0).abs() < 0.13, "{}", squares / 4000.0);
    }

    #[test]
    fn directions_differ_from_seed_to_seed() {
        let all = all();
        let at =
            |seed| point_at(&all, &[3.0, 0.0, 0.0], 0.5, &mut seed::stream(seed, "similar", 0));
        assert_ne!(at(1), at(2));
        assert_eq!(at(1), at(1));
        // From the center, every direction leads outward.
        let from_middle = point_at(&all, all.mean(), 1.0, &mut seed::stream(1, "similar", 0));
        assert!((distance(&all, all.mean(), &from_middle) - 1.0).abs() < 1e-12);
    }
}
