//! Variations of a tune at a distance that is given.
//!
//! Distances are counted in deviations of all the model's music, per dimension: with the mean `μ` and
//! the covariance `Σ` of the whole mixture, `√((x' - x)ᵀ Σ⁻¹ (x' - x) / D)`. Two unrelated pieces are
//! about `√2` apart.
//!
//! A variation lies at exactly that distance in a random direction, and as far from `μ` as the tune: it
//! is as usual, or as special, as the tune itself. Only where the distance asked for is larger than the
//! sphere about `μ` through the tune, it goes straight out.

use gmm::Gaussian;
use musicvae::seed;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::encode::encode_windows;
use crate::generate::{Decoding, GenerateError, controls_of};
use crate::mix::{points, put};
use crate::model::Model;

/// The largest distance that makes sense: music beyond is nowhere.
const MAX_DISTANCE: f64 = 10.0;

/// A variation of a tune.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// Its windows, one for each of the tune's.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[n, Z]`.
    pub z: Vec<f32>,
    /// How far the variation, encoded again, is from the tune: mean over its windows.
    pub distance_again: f64,
}

/// The distance of two points.
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
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let radius = dot(&at, &at).sqrt();
    let moved: Vec<f64> = if at.len() > 1 && radius > 0.0 && step < 2.0 * radius {
        // Turned by the angle whose chord is the step, in the plane of the point and the direction.
        let along = dot(&direction, &at) / (radius * radius);
        let across: Vec<f64> = direction.iter().zip(&at).map(|(d, a)| d - along * a).collect();
        let length = dot(&across, &across).sqrt().max(f64::MIN_POSITIVE);
        let angle = 2.0 * (step / (2.0 * radius)).asin();
        let scale = radius * angle.sin() / length;
        at.iter().zip(&across).map(|(a, c)| angle.cos() * a + scale * c).collect()
    } else {
        let length = dot(&direction, &direction).sqrt().max(f64::MIN_POSITIVE);
        // Outwards, where there is an outside.
        let sign = if dot(&direction, &at) < 0.0 { -1.0 } else { 1.0 };
        at.iter().zip(&direction).map(|(a, d)| a + sign * step / length * d).collect()
    };
    all.unstandardize(&moved)
}

/// Makes `n` variations of the windows of a tune; number `i` depends on the seed and `i` alone. All
/// windows of one variation move in the same direction of chance, so that they still belong together.
///
/// # Errors
/// [`GenerateError`]: for a distance or temperature out of range.
pub fn similar(
    model: &Model,
    all: &Gaussian,
    tune: &[Vec<u16>],
    distance: f64,
    n: usize,
    decoding: Decoding,
) -> Result<Vec<Variation>, GenerateError> {
    let decoding = decoding.check()?;
    if !(0.0..=MAX_DISTANCE).contains(&distance) {
        let (what, allowed) = ("distance", "0 to 10 is allowed (unrelated pieces are 1.4 apart)");
        return Err(GenerateError::Setting { what, found: distance, allowed });
    }
    let active = &model.config().active_dimensions;
    let before = encode_windows(model, tune);
    let from = points(&before, active, model.z_size());
    let mut z = Vec::with_capacity(n * before.len());
    for index in 0..n as u64 {
        let moved: Vec<Vec<f64>> = from
            .iter()
            .map(|point| {
                let mut rng = seed::stream(decoding.seed, "similar", index);
                point_at(all, point, distance, &mut rng)
            })
            .collect();
        let mut own = before.clone();
        put(&mut own, &moved, active, model.z_size());
        z.extend(own);
    }
    let control = controls_of(model, tune.iter().map(Vec::as_slice)).repeat(n);
    let windows = decoding.decode(model, &z, &control);
    let again = points(&encode_windows(model, &windows), active, model.z_size());
    let per_tune = tune.len().max(1);
    Ok(windows
        .chunks(per_tune)
        .zip(z.chunks(before.len().max(1)))
        .zip(again.chunks(per_tune))
        .map(|((windows, z), again)| {
            let far = again.iter().zip(&from).map(|(a, b)| self::distance(all, a, b)).sum::<f64>();
            let distance_again = far / per_tune as f64;
            Variation { windows: windows.to_vec(), z: z.to_vec(), distance_again }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
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
        // From the middle every direction leads out.
        let from_middle = point_at(&all, all.mean(), 1.0, &mut seed::stream(1, "similar", 0));
        assert!((distance(&all, all.mean(), &from_middle) - 1.0).abs() < 1e-12);
    }
}
