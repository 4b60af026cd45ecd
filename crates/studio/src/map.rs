//! Planes of latent space to look at: principal components, and what tells styles apart.
//!
//! Both are projections along two orthonormal axes, so that a step on the map is a step in latent space.

mod eigen;
mod ellipse;

use gmm::{Gaussian, GaussianMixture, ModelError};
use rayon::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use eigen::symmetric_eigen;
pub(crate) use ellipse::Ellipse;

/// Added to variances within styles, relative to their mean, so that styles of few windows can be told apart, too.
const RIDGE: f64 = 1e-3;
/// Rows whose products are summed up at once.
const ROWS_PER_TASK: usize = 2048;

/// A plane in the space of the active dimensions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plane {
    mean: Vec<f64>,
    /// Orthonormal.
    axes: [Vec<f64>; 2],
}

/// How a step on the map is undone.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Inverse {
    /// What is at (0, 0), on all dimensions.
    mean: Vec<f32>,
    /// What a step to the right and a step up are, on all dimensions.
    #[schema(min_items = 2, max_items = 2)]
    axes: Vec<Vec<f32>>,
}

impl Plane {
    /// The plane of the first two principal components of rows `[n, d]`.
    pub(crate) fn principal(rows: &[f64], d: usize) -> Self {
        let mean = mean(rows, d);
        let sums = rows.par_chunks(ROWS_PER_TASK * d.max(1)).map(|rows| scatter(rows, &mean));
        // Added up in order, so that the same rows give the same plane on any number of threads.
        let mut covariance = vec![0.0; d * d];
        for part in sums.collect::<Vec<_>>() {
            covariance.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
        let n = (rows.len() / d.max(1)).max(1) as f64;
        covariance.iter_mut().for_each(|sum| *sum /= n);
        let axes = widest(&covariance, d);
        Self { mean, axes }
    }

    /// The plane that tells Gaussians apart best (Fisher's discriminants: the directions of the largest variance of
    /// their means relative to their own), made orthonormal. Of two Gaussians, which differ along one direction, the
    /// second axis is that of their largest own variance across it.
    ///
    /// # Errors
    /// [`ModelError`] where rounding leaves no factor.
    pub(crate) fn discriminant(styles: &[GaussianMixture]) -> Result<Self, ModelError> {
        let gaussians: Vec<Gaussian> =
            styles.iter().map(GaussianMixture::moments).collect::<Result<_, _>>()?;
        let d = gaussians.first().map_or(0, |gaussian| gaussian.mean().len());
        let n = gaussians.len().max(1) as f64;
        let means: Vec<f64> =
            gaussians.iter().flat_map(|gaussian| gaussian.mean().to_vec()).collect();
        let mean = mean(&means, d);
        let mut within = vec![0.0; d * d];
        for gaussian in &gaussians {
            within.iter_mut().zip(gaussian.covariance()).for_each(|(sum, v)| *sum += v / n);
        }
        let ridge = RIDGE * (0..d).map(|i| within[i * d + i]).sum::<f64>() / d.max(1) as f64;
        let mut regular = within.clone();
        (0..d).for_each(|i| regular[i * d + i] += ridge);
        let regular = Gaussian::new(vec![0.0; d], regular)?;
        let shifts: Vec<Vec<f64>> = gaussians
            .iter()
            .map(|gaussian| gaussian.mean().iter().zip(&mean).map(|(v, m)| v - m).collect())
            .collect();
        // In coordinates in which the styles' own variance is 1, the discriminants are the principal directions of the
        // means; they lie in their span, so that the small matrix of inner products tells them.
        let white: Vec<Vec<f64>> = shifts.iter().map(|shift| regular.standardized(shift)).collect();
        let k = white.len();
        let inner: Vec<f64> = (0..k * k).map(|at| dot(&white[at / k], &white[at % k])).collect();
        let (values, vectors) = symmetric_eigen(&inner, k);
        let direction = |rank: usize| -> Option<Vec<f64>> {
            let at = k.checked_sub(1 + rank)?;
            // Rounding leaves a little of what is 0.
            if values[at] <= 1e-9 * values.last().copied().unwrap_or(0.0).max(1e-300) {
                return None;
            }
            let mut sum = vec![0.0; d];
            for (shift, share) in shifts.iter().zip(&vectors[at]) {
                sum.iter_mut().zip(shift).for_each(|(sum, v)| *sum += share * v);
            }
            Some(regular.solve(&sum))
        };
        let first = direction(0).and_then(|axis| unit(axis, &[]));
        let first = first.unwrap_or_else(|| widest(&within, d)[0].clone());
        let second = direction(1).and_then(|axis| unit(axis, &[&first]));
        let second = second.or_else(|| {
            let [a, b] = widest(&without(&within, &first, d), d);
            unit(a, &[&first]).or_else(|| unit(b, &[&first]))
        });
        let second = second.unwrap_or_else(|| vec![0.0; d]);
        Ok(Self { mean, axes: [upright(first), upright(second)] })
    }

    /// Where a point lies on the plane.
    pub(crate) fn place(&self, point: impl Iterator<Item = f64>) -> [f64; 2] {
        let mut place = [0.0; 2];
        for (j, value) in point.enumerate() {
            let centered = value - self.mean[j];
            place[0] += centered * self.axes[0][j];
            place[1] += centered * self.axes[1][j];
        }
        place
    }

    /// The ellipse that a Gaussian leaves on the plane.
    pub(crate) fn ellipse(&self, style: usize, gaussian: &Gaussian) -> Ellipse {
        let d = self.mean.len();
        let spread = |a: &[f64], b: &[f64]| -> f64 {
            let rows = gaussian.covariance().chunks_exact(d.max(1));
            rows.zip(a).map(|(row, a)| a * dot(row, b)).sum()
        };
        let [a, b] = &self.axes;
        let center = self.place(gaussian.mean().iter().copied());
        Ellipse::new(style, center, [spread(a, a), spread(a, b), spread(b, b)])
    }

    /// The plane on all dimensions of the latent space: what is not active is 0.
    pub(crate) fn inverse(&self, active: &[usize], z_size: usize) -> Inverse {
        let spread = |values: &[f64]| {
            let mut all = vec![0.0; z_size];
            active.iter().zip(values).for_each(|(at, value)| all[*at] = *value as f32);
            all
        };
        Inverse {
            mean: spread(&self.mean),
            axes: self.axes.iter().map(|axis| spread(axis)).collect(),
        }
    }
}

/// The sum of the products of all entries of rows that are centered, in its lower triangle.
fn scatter(rows: &[f64], mean: &[f64]) -> Vec<f64> {
    let d = mean.len();
    let mut sums = vec![0.0; d * d];
    let mut centered = vec![0.0; d];
    for row in rows.chunks_exact(d.max(1)) {
        centered.iter_mut().zip(row.iter().zip(mean)).for_each(|(c, (v, m))| *c = v - m);
        for (i, sums) in sums.chunks_exact_mut(d).enumerate() {
            let own = centered[i];
            sums[..=i].iter_mut().zip(&centered).for_each(|(sum, c)| *sum += own * c);
        }
    }
    sums
}

fn mean(rows: &[f64], d: usize) -> Vec<f64> {
    let mut mean = vec![0.0; d];
    for row in rows.chunks_exact(d.max(1)) {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let n = (rows.len() / d.max(1)).max(1) as f64;
    mean.iter_mut().for_each(|sum| *sum /= n);
    mean
}

/// The two directions of the largest variance.
fn widest(covariance: &[f64], d: usize) -> [Vec<f64>; 2] {
    let (_, mut vectors) = symmetric_eigen(covariance, d);
    let mut take = || vectors.pop().map_or_else(|| vec![0.0; d], upright);
    [take(), take()]
}

/// A covariance without what it has along a direction of length 1.
fn without(covariance: &[f64], axis: &[f64], d: usize) -> Vec<f64> {
    let along: Vec<f64> = covariance.chunks_exact(d.max(1)).map(|row| dot(row, axis)).collect();
    let both = dot(&along, axis);
    let part = |(at, value): (usize, &f64)| {
        let (i, j) = (at / d, at % d);
        value - along[i] * axis[j] - axis[i] * along[j] + both * axis[i] * axis[j]
    };
    covariance.iter().enumerate().map(part).collect()
}

/// A direction with length 1, without what it has along others of length 1; none where nothing is left.
fn unit(mut axis: Vec<f64>, others: &[&[f64]]) -> Option<Vec<f64>> {
    let before = dot(&axis, &axis).sqrt();
    // Twice, for what rounding leaves.
    for other in others.iter().chain(others) {
        let along = dot(&axis, other);
        axis.iter_mut().zip(*other).for_each(|(v, o)| *v -= along * o);
    }
    let length = dot(&axis, &axis).sqrt();
    if !(length > 1e-9 * before && length.is_finite()) {
        return None;
    }
    axis.iter_mut().for_each(|v| *v /= length);
    Some(axis)
}

/// Of a direction and its opposite the one whose largest entry is positive.
fn upright(mut axis: Vec<f64>) -> Vec<f64> {
    let largest = axis.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
    if largest < 0.0 {
        axis.iter_mut().for_each(|v| *v = -*v);
    }
    axis
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm::Covariances;

    fn style(mean: [f64; 3], variances: [f64; 3]) -> GaussianMixture {
        let covariances = Covariances::Diag(variances.to_vec());
        GaussianMixture::from_parameters(vec![1.0], mean.to_vec(), covariances).unwrap()
    }

    fn is_orthonormal(plane: &Plane) {
        let [a, b] = &plane.axes;
        for (found, wanted) in [(dot(a, a), 1.0), (dot(b, b), 1.0), (dot(a, b), 0.0)] {
            assert!((found - wanted).abs() < 1e-9, "{plane:?}");
        }
    }

    #[test]
    fn principal_axes_are_those_of_the_spread() {
        // Along (3, 4) / 5 by ±10, along (-4, 3) / 5 by ±1, nothing along the third.
        let rows: Vec<f64> = [(10.0, 1.0), (-10.0, 1.0), (10.0, -1.0), (-10.0, -1.0)]
            .iter()
            .flat_map(|(a, b)| [1.0 + 0.6 * a - 0.8 * b, 2.0 + 0.8 * a + 0.6 * b, 7.0])
            .collect();
        let plane = Plane::principal(&rows, 3);
        is_orthonormal(&plane);
        let place = plane.place(rows[..3].iter().copied());
        assert!((place[0] - 10.0).abs() < 1e-9 && (place[1].abs() - 1.0).abs() < 1e-9, "{place:?}");
    }

    #[test]
    fn discriminants_tell_styles_apart_where_they_differ_for_their_own_spread() {
        // The means differ most along the first dimension, but there each style spreads far more.
        let styles = [
            style([-2.0, 1.0, 0.0], [100.0, 0.01, 0.5]),
            style([2.0, -1.0, 0.0], [100.0, 0.01, 0.5]),
        ];
        let plane = Plane::discriminant(&styles).unwrap();
        is_orthonormal(&plane);
        assert!(plane.axes[0][1].abs() > 0.99, "{plane:?}");
        // The second axis is where they spread.
        assert!(plane.axes[1][0].abs() > 0.99, "{plane:?}");
        let third = style([0.0, 0.0, 5.0], [100.0, 0.01, 0.5]);
        let plane = Plane::discriminant(&[styles[0].clone(), styles[1].clone(), third]).unwrap();
        is_orthonormal(&plane);
        assert!(plane.axes[1][2].abs() > 0.99, "{plane:?}");
    }

    #[test]
    fn equal_styles_and_planes_of_one_dimension_have_a_map_too() {
        let same = style([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]);
        is_orthonormal(&Plane::discriminant(&[same.clone(), same]).unwrap());
        let plane = Plane::principal(&[1.0, 2.0, 3.0], 1);
        assert_eq!(plane.axes, [vec![1.0], vec![0.0]]);
        assert_eq!(plane.place([2.5].into_iter()), [0.5, 0.0]);
    }

    #[test]
    fn ellipses_are_a_gaussian_s_shadow_and_the_inverse_is_on_all_dimensions() {
        let plane = Plane { mean: vec![1.0, 2.0], axes: [vec![0.0, 1.0], vec![1.0, 0.0]] };
        let gaussian = Gaussian::new(vec![4.0, 4.0], vec![9.0, 0.0, 0.0, 4.0]).unwrap();
        let found = plane.ellipse(3, &gaussian);
        let (center, axes) = (found.center(), found.axes);
        assert_eq!((center, found.style), ([2.0, 3.0], 3));
        assert!((axes[0] - 3.0).abs() < 1e-12 && (axes[1] - 2.0).abs() < 1e-12, "{found:?}");
        assert!((found.angle.abs() - std::f64::consts::FRAC_PI_2).abs() < 1e-12, "{found:?}");
        let inverse = plane.inverse(&[2, 0], 4);
        assert_eq!(inverse.mean, [2.0, 0.0, 1.0, 0.0]);
        assert_eq!(inverse.axes[0], [1.0, 0.0, 0.0, 0.0]);
    }
}
