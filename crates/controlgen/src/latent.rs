//! Latent vectors: drawing them from a style, and moving between them.

use gmm::GaussianMixture;
use musicvae::seed;
use rand::RngExt;
use rand_distr::StandardNormal;

/// Latents of a style: active dimensions from its distribution, the others, which carry nothing, from
/// the prior `N(0, 1)`.
///
/// Latent number `i` of the result depends on `seed` and `i` alone. Returns `[n, Z]`.
pub fn sample_style(
    distribution: &GaussianMixture,
    active: &[usize],
    z_size: usize,
    n: usize,
    seed: u64,
) -> Vec<f32> {
    let mut latents = Vec::with_capacity(n * z_size);
    for index in 0..n as u64 {
        let mut rng = seed::stream(seed, "latent", index);
        let mut z: Vec<f32> = (0..z_size).map(|_| rng.sample(StandardNormal)).collect();
        let point = distribution.sample(1, &mut rng).points;
        for (dimension, value) in active.iter().zip(point) {
            z[*dimension] = value as f32;
        }
        latents.extend(z);
    }
    latents
}

/// Vectors nearer to one direction than this (in radians) are joined by a straight line.
const SMALL_ANGLE: f64 = 1e-4;

/// Spherical interpolation, as in Magenta's `TrainedModel.interpolate`: with `ω` the angle between
/// `a` and `b`, `(sin((1 - t) ω) a + sin(t ω) b) / sin ω`.
///
/// Where the angle is near 0 or π, or a vector is 0, the sphere gives no path: a straight line does
/// then.
///
/// # Examples
/// ```
/// let half = controlgen::latent::slerp(&[1.0, 0.0], &[0.0, 1.0], 0.5);
/// assert!((half[0] - 0.5_f32.sqrt()).abs() < 1e-6 && (half[0] - half[1]).abs() < 1e-6);
/// ```
pub fn slerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    let omega = if norms > 0.0 { (dot(a, b) / norms).clamp(-1.0, 1.0).acos() } else { 0.0 };
    let straight = omega < SMALL_ANGLE || std::f64::consts::PI - omega < SMALL_ANGLE;
    let (from, to) = if straight {
        (1.0 - t, t)
    } else {
        (((1.0 - t) * omega).sin() / omega.sin(), (t * omega).sin() / omega.sin())
    };
    a.iter().zip(b).map(|(a, b)| (from * f64::from(*a) + to * f64::from(*b)) as f32).collect()
}

/// A straight line: `(1 - t) a + t b`.
pub fn lerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let point = |(a, b): (&f32, &f32)| ((1.0 - t) * f64::from(*a) + t * f64::from(*b)) as f32;
    a.iter().zip(b).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm::Covariances;
    use proptest::prelude::*;

    #[test]
    fn inactive_dimensions_come_from_the_prior_and_active_ones_from_the_component() {
        let covariances = Covariances::Diag(vec![1e-4, 1e-4, 1.0, 1.0]);
        let mixture = GaussianMixture::from_parameters(
            vec![0.5, 0.5],
            vec![5.0, -7.0, 0.0, 0.0],
            covariances,
        )
        .unwrap();
        let n = 2000;
        let style = mixture.only(&[0]).unwrap();
        let z = sample_style(&style, &[3, 1], 4, n, 9);
        for row in z.chunks_exact(4) {
            // Six standard deviations of 0.01.
            assert!((row[3] - 5.0).abs() < 0.06 && (row[1] + 7.0).abs() < 0.06, "{row:?}");
        }
        for dimension in [0, 2] {
            let values = || z[dimension..].iter().step_by(4).map(|v| f64::from(*v));
            let mean = values().sum::<f64>() / n as f64;
            let variance = values().map(|v| v * v).sum::<f64>() / n as f64;
            // Five standard errors: 5 / sqrt(2000) and 5 sqrt(2 / 2000).
            assert!(mean.abs() < 0.12 && (variance - 1.0).abs() < 0.16, "{mean} {variance}");
        }
        let again = sample_style(&style, &[3, 1], 4, 5, 9);
        assert_eq!(again, z[..20]);
    }

    proptest! {
        #[test]
        fn slerp_begins_and_ends_at_its_ends_and_keeps_the_norm(
            a in proptest::collection::vec(-3.0_f32..3.0, 5), angle in 0.1_f64..3.0, t in 0.0_f64..1.0,
        ) {
            prop_assume!(a.iter().map(|v| v * v).sum::<f32>() > 0.1);
            // b is a turned in the plane of the first two axes and a stretched by nothing.
            let (c, s) = (angle.cos() as f32, angle.sin() as f32);
            let mut b = a.clone();
            (b[0], b[1]) = (c * a[0] - s * a[1], s * a[0] + c * a[1]);
            let norm = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            for (end, expected) in [(0.0, &a), (1.0, &b)] {
                for (x, y) in slerp(&a, &b, end).iter().zip(expected) {
                    prop_assert!((x - y).abs() < 1e-5);
                }
            }
            prop_assert!((norm(&slerp(&a, &b, t)) - norm(&a)).abs() < 1e-4);
        }
    }

    #[test]
    fn opposite_and_missing_directions_go_straight() {
        assert_eq!(slerp(&[1.0, 0.0], &[-1.0, 0.0], 0.25), [0.5, 0.0]);
        assert_eq!(slerp(&[0.0, 0.0], &[2.0, 4.0], 0.5), [1.0, 2.0]);
        assert_eq!(slerp(&[1.0, 1.0], &[1.0, 1.0], 0.3), [1.0, 1.0]);
    }
}
