//! Latent vectors: the space they are in, and interpolation between them.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// The latent space of a model, and which of its dimensions carry information.
///
/// Mixtures and attributes are defined on the active dimensions only. The others are independent of
/// the music, so any sample of the prior `N(0, 1)` is valid there.
///
/// # Examples
/// ```
/// # use controlgen::latent::LatentSpace;
/// let space = LatentSpace::new(3, vec![2, 0]).expect("dimensions of the space");
/// let mut z = [1.0, 2.0, 3.0];
/// assert_eq!(space.project(&z), [3.0, 1.0]);
/// space.embed(&[30.0, 10.0], &mut z);
/// assert_eq!(z, [10.0, 2.0, 30.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatentSpace {
    z_size: usize,
    active: Vec<usize>,
}

impl LatentSpace {
    /// A space of `z_size` dimensions, of which `active` carry information, in this order. Returns
    /// `None` if an active dimension is outside the space.
    pub fn new(z_size: usize, active: Vec<usize>) -> Option<Self> {
        active.iter().all(|d| *d < z_size).then_some(Self { z_size, active })
    }

    /// Number of dimensions, `Z`.
    pub fn z_size(&self) -> usize {
        self.z_size
    }

    /// Number of active dimensions, `D`.
    pub fn n_active(&self) -> usize {
        self.active.len()
    }

    /// The active dimensions.
    pub fn active(&self) -> &[usize] {
        &self.active
    }

    /// The rows of latents `[n, Z]`.
    pub fn rows<'a>(&self, latents: &'a [f32]) -> std::slice::ChunksExact<'a, f32> {
        latents.chunks_exact(self.z_size.max(1))
    }

    /// The active dimensions of a latent, `[D]`.
    ///
    /// # Panics
    /// If the latent is not of this space.
    pub fn project(&self, z: &[f32]) -> Vec<f64> {
        self.active.iter().map(|d| f64::from(z[*d])).collect()
    }

    /// The active dimensions of latents `[n, Z]`: `[n, D]`, row-major.
    pub fn project_all(&self, latents: &[f32]) -> Vec<f64> {
        self.rows(latents).flat_map(|z| self.active.iter().map(|d| f64::from(z[*d]))).collect()
    }

    /// The active dimensions `[n, D]` of some latents, given as slices.
    pub fn project_rows<'a>(&self, latents: impl IntoIterator<Item = &'a [f32]>) -> Vec<f64> {
        let row = |z: &'a [f32]| self.active.iter().map(|d| f64::from(z[*d]));
        latents.into_iter().flat_map(row).collect()
    }

    /// Sets the active dimensions of a latent to `point`, `[D]`.
    ///
    /// # Panics
    /// If the latent is not of this space.
    pub fn embed(&self, point: &[f64], z: &mut [f32]) {
        for (dimension, value) in self.active.iter().zip(point) {
            z[*dimension] = *value as f32;
        }
    }

    /// Sets the active dimensions of latents `[n, Z]` to points `[n, D]`.
    pub fn embed_all(&self, points: &[f64], latents: &mut [f32]) {
        let points = points.chunks_exact(self.n_active().max(1));
        for (z, point) in latents.chunks_exact_mut(self.z_size.max(1)).zip(points) {
            self.embed(point, z);
        }
    }

    /// The latent of a point `[D]` whose inactive dimensions are 0, the mean of the prior.
    pub fn latent(&self, point: &[f64]) -> Vec<f32> {
        let mut z = vec![0.0; self.z_size];
        self.embed(point, &mut z);
        z
    }

    /// Adds `by`, `[D]`, to the active dimensions of latents `[n, Z]`.
    pub fn shift(&self, by: &[f64], latents: &mut [f32]) {
        for z in latents.chunks_exact_mut(self.z_size.max(1)) {
            for (dimension, by) in self.active.iter().zip(by) {
                z[*dimension] += *by as f32;
            }
        }
    }

    /// Draws the inactive dimensions of a latent from the prior `N(0, 1)`.
    ///
    /// A number is drawn for every dimension, so that the stream does not depend on which
    /// dimensions are active.
    pub fn sample_inactive(&self, rng: &mut impl Rng, z: &mut [f32]) {
        for (dimension, value) in z.iter_mut().enumerate() {
            let drawn: f32 = rng.sample(StandardNormal);
            if !self.active.contains(&dimension) {
                *value = drawn;
            }
        }
    }
}

/// The index of the largest value, the first of equal ones; `None` without values or if all are
/// NaN.
pub fn argmax(values: &[f64]) -> Option<usize> {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().position(|value| *value >= largest)
}

/// Below this angle (in radians), interpolation is linear.
const SMALL_ANGLE: f64 = 1e-4;

/// Spherical interpolation, as in Magenta's `TrainedModel.interpolate`: with `ω` the angle between
/// `a` and `b`, `(sin((1 - t) ω) a + sin(t ω) b) / sin ω`.
///
/// If the angle is near 0 or π, or a vector is 0, the path on the sphere is undefined, and the
/// interpolation is linear.
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

/// Linear interpolation: `(1 - t) a + t b`.
pub fn lerp(a: &[f32], b: &[f32], t: f64) -> Vec<f32> {
    let point = |(a, b): (&f32, &f32)| ((1.0 - t) * f64::from(*a) + t * f64::from(*b)) as f32;
    a.iter().zip(b).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn active_dimensions_are_projected_and_embedded() {
        let space = LatentSpace::new(3, vec![2, 0]).unwrap();
        let mut z = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(space.project_all(&z), [3.0, 1.0, 6.0, 4.0]);
        assert_eq!(space.project_rows(space.rows(&z)), space.project_all(&z));
        space.embed_all(&[30.0, 10.0, 60.0, 40.0], &mut z);
        assert_eq!(z, [10.0, 2.0, 30.0, 40.0, 5.0, 60.0]);
        space.shift(&[-1.0, 1.0], &mut z);
        assert_eq!(z, [11.0, 2.0, 29.0, 41.0, 5.0, 59.0]);
        assert_eq!(space.latent(&[3.0, 1.0]), [1.0, 0.0, 3.0]);
        assert_eq!(LatentSpace::new(3, vec![3]), None);
    }

    #[test]
    fn inactive_dimensions_are_drawn_from_the_prior_whichever_they_are() {
        let draw = |active: Vec<usize>, z: &mut [f32]| {
            let mut rng = musicvae::seed::stream(1, "test", 0);
            LatentSpace::new(3, active).unwrap().sample_inactive(&mut rng, z);
        };
        let (mut all, mut one) = ([9.0; 3], [9.0; 3]);
        draw(Vec::new(), &mut all);
        draw(vec![1], &mut one);
        assert_eq!(one, [all[0], 9.0, all[2]]);
        let space = LatentSpace::new(1, Vec::new()).unwrap();
        let mut rng = musicvae::seed::stream(2, "test", 0);
        let n = 2000;
        let mut z = [0.0];
        let values: Vec<f64> = (0..n)
            .map(|_| {
                space.sample_inactive(&mut rng, &mut z);
                f64::from(z[0])
            })
            .collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
        // Five standard errors: 5 / sqrt(2000) and 5 sqrt(2 / 2000).
        assert!(mean.abs() < 0.12 && (variance - 1.0).abs() < 0.16, "{mean} {variance}");
    }

    proptest! {
        #[test]
        fn slerp_begins_and_ends_at_its_ends_and_keeps_the_norm(
            a in proptest::collection::vec(-3.0_f32..3.0, 5), angle in 0.1_f64..3.0, t in 0.0_f64..1.0,
        ) {
            prop_assume!(a.iter().map(|v| v * v).sum::<f32>() > 0.1);
            // b is a, rotated in the plane of the first two axes and not stretched.
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
