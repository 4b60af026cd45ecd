//! Two-dimensional projections of latent space: principal components, and discriminants that
//! separate styles.
//!
//! Both project onto two orthonormal axes, so that a step on the map corresponds to a step in
//! latent space.

mod ellipse;
mod projected;

use controlgen::generate::Plane;
use controlgen::latent::LatentSpace;
use gmm::points::{self, Eigen, Matrix, Pca, dot, symmetric_eigen};
use gmm::{Gaussian, GaussianMixture, ModelError};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use ellipse::Ellipse;
pub(crate) use projected::{Map, PlaceMusic, PlacedStyles, Projected, Projection};

/// Added to the within-style variances, relative to their mean, so that styles with few windows can
/// be separated too.
const RIDGE: f64 = 1e-3;

/// An orthonormal projection of the active dimensions to two dimensions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Projection2d {
    mean: Vec<f64>,
    /// Orthonormal.
    axes: [Vec<f64>; 2],
}

/// The mapping from map coordinates back to latent space.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Inverse {
    /// The latent at (0, 0), on all dimensions.
    mean: Vec<f32>,
    /// The latent steps of one unit to the right and one unit up, on all dimensions.
    #[schema(min_items = 2, max_items = 2)]
    axes: Vec<Vec<f32>>,
}

impl Projection2d {
    /// Projects onto the first two principal components of rows `[n, d]`; everything to (0, 0) if
    /// there are no rows or values that aren't finite.
    pub(crate) fn principal(rows: &[f64], d: usize) -> Self {
        let pca = Matrix::new(rows, d).and_then(|points| Pca::fit(points, 2));
        let Ok(pca) = pca else {
            return Self { mean: vec![0.0; d], axes: [vec![0.0; d], vec![0.0; d]] };
        };
        let axis = |at: usize| pca.components().get(at).cloned().unwrap_or_else(|| vec![0.0; d]);
        Self { mean: pca.mean().to_vec(), axes: [axis(0), axis(1)] }
    }

    /// Projects onto the directions that separate Gaussians best (Fisher's discriminants: the
    /// directions of largest between-class relative to within-class variance), made orthonormal.
    /// Two Gaussians differ along one direction only; then the second axis is the orthogonal
    /// direction of largest within-class variance.
    ///
    /// # Errors
    /// [`ModelError`] if rounding makes a covariance singular.
    pub(crate) fn discriminant(styles: &[GaussianMixture]) -> Result<Self, ModelError> {
        let gaussians: Vec<Gaussian> =
            styles.iter().map(GaussianMixture::moments).collect::<Result<_, _>>()?;
        let d = gaussians.first().map_or(0, |gaussian| gaussian.mean().len());
        let n = gaussians.len().max(1) as f64;
        let means: Vec<f64> =
            gaussians.iter().flat_map(|gaussian| gaussian.mean().to_vec()).collect();
        let mean = Matrix::new(&means, d).and_then(points::mean).unwrap_or_else(|_| vec![0.0; d]);
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
        // After whitening the within-class variance, the discriminants are the principal directions
        // of the means. They lie in the span of the means, so a small matrix of inner products
        // suffices.
        let white: Vec<Vec<f64>> = shifts.iter().map(|shift| regular.standardized(shift)).collect();
        let k = white.len();
        let inner: Vec<f64> = (0..k * k).map(|at| dot(&white[at / k], &white[at % k])).collect();
        let Eigen { values, vectors } = eigen(&inner, k);
        let direction = |rank: usize| -> Option<Vec<f64>> {
            let at = k.checked_sub(1 + rank)?;
            // Rounding leaves zero eigenvalues slightly above zero.
            if values[at] <= 1e-9 * values.last().copied().unwrap_or(0.0).max(1e-300) {
                return None;
            }
            let mut sum = vec![0.0; d];
            for (shift, weight) in shifts.iter().zip(&vectors[at]) {
                sum.iter_mut().zip(shift).for_each(|(sum, v)| *sum += weight * v);
            }
            Some(regular.solve(&sum))
        };
        let first = direction(0).and_then(|axis| orthonormalized(axis, &[]));
        let first = first.unwrap_or_else(|| principal_directions(&within, d)[0].clone());
        let second = direction(1).and_then(|axis| orthonormalized(axis, &[&first]));
        let second = second.or_else(|| {
            let [a, b] = principal_directions(&deflated(&within, &first, d), d);
            orthonormalized(a, &[&first]).or_else(|| orthonormalized(b, &[&first]))
        });
        let second = second.unwrap_or_else(|| vec![0.0; d]);
        Ok(Self { mean, axes: [sign_fixed(first), sign_fixed(second)] })
    }

    /// Turns or flips the plane within itself, so that points lie as near as possible to where they
    /// lie on `other`: their map keeps its orientation when the styles that it separates change.
    pub(crate) fn aligned_with(mut self, other: &Self, points: &[f64]) -> Self {
        let d = self.mean.len().max(1);
        let place = |plane: &Self| -> Vec<[f64; 2]> {
            let rows = points.chunks_exact(d);
            let all: Vec<[f64; 2]> = rows.map(|row| plane.project(row.iter().copied())).collect();
            let n = all.len().max(1) as f64;
            let mean = [0, 1].map(|axis| all.iter().map(|place| place[axis]).sum::<f64>() / n);
            all.iter().map(|[x, y]| [x - mean[0], y - mean[1]]).collect()
        };
        // Orthogonal Procrustes in two dimensions: the better of the best rotation and the best
        // reflection.
        let [mut xx, mut xy, mut yx, mut yy] = [0.0; 4];
        for ([x, y], [u, v]) in place(&self).into_iter().zip(place(other)) {
            xx += u * x;
            xy += u * y;
            yx += v * x;
            yy += v * y;
        }
        let [a, b] = &self.axes;
        let combined =
            |p: f64, q: f64| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| p * a + q * b).collect() };
        let (turn, flip) = ([xx + yy, yx - xy], [xx - yy, xy + yx]);
        let [length_of_turn, length_of_flip] = [turn, flip].map(|[c, s]| c.hypot(s));
        if length_of_turn.max(length_of_flip) <= 0.0 {
            return self;
        }
        self.axes = if length_of_turn >= length_of_flip {
            let [c, s] = turn.map(|value| value / length_of_turn);
            [combined(c, -s), combined(s, c)]
        } else {
            let [c, s] = flip.map(|value| value / length_of_flip);
            [combined(c, s), combined(s, -c)]
        };
        self
    }

    /// The plane, for the placement of styles.
    pub(crate) fn plane(&self) -> Plane {
        Plane { mean: self.mean.clone(), axes: self.axes.clone() }
    }

    /// Projects a point.
    pub(crate) fn project(&self, point: impl Iterator<Item = f64>) -> [f64; 2] {
        let mut position = [0.0; 2];
        for (j, value) in point.enumerate() {
            let centered = value - self.mean[j];
            position[0] += centered * self.axes[0][j];
            position[1] += centered * self.axes[1][j];
        }
        position
    }

    /// Projects a Gaussian to an ellipse.
    pub(crate) fn ellipse(&self, style: usize, gaussian: &Gaussian) -> Ellipse {
        let d = self.mean.len();
        let spread = |a: &[f64], b: &[f64]| -> f64 {
            let rows = gaussian.covariance().chunks_exact(d.max(1));
            rows.zip(a).map(|(row, a)| a * dot(row, b)).sum()
        };
        let [a, b] = &self.axes;
        let center = self.project(gaussian.mean().iter().copied());
        Ellipse::new(style, center, [spread(a, a), spread(a, b), spread(b, b)])
    }

    /// The inverse mapping to all dimensions of the latent space; inactive dimensions are 0.
    pub(crate) fn inverse(&self, space: &LatentSpace) -> Inverse {
        Inverse {
            mean: space.latent(&self.mean),
            axes: self.axes.iter().map(|axis| space.latent(axis)).collect(),
        }
    }
}

/// Eigenvalues in ascending order and their eigenvectors; zeros if a value is not finite.
fn eigen(matrix: &[f64], d: usize) -> Eigen {
    let zeros = || Eigen { values: vec![0.0; d], vectors: vec![vec![0.0; d]; d] };
    symmetric_eigen(matrix, d).unwrap_or_else(|_| zeros())
}

/// The two directions of largest variance.
fn principal_directions(covariance: &[f64], d: usize) -> [Vec<f64>; 2] {
    let mut vectors = eigen(covariance, d).vectors;
    let mut last = || vectors.pop().map_or_else(|| vec![0.0; d], sign_fixed);
    [last(), last()]
}

/// Removes the variance along a unit vector from a covariance.
fn deflated(covariance: &[f64], axis: &[f64], d: usize) -> Vec<f64> {
    let along: Vec<f64> = covariance.chunks_exact(d.max(1)).map(|row| dot(row, axis)).collect();
    let both = dot(&along, axis);
    let part = |(at, value): (usize, &f64)| {
        let (i, j) = (at / d, at % d);
        value - along[i] * axis[j] - axis[i] * along[j] + both * axis[i] * axis[j]
    };
    covariance.iter().enumerate().map(part).collect()
}

/// Normalizes a direction after making it orthogonal to other unit vectors. Returns `None` if
/// nothing is left.
fn orthonormalized(mut axis: Vec<f64>, others: &[&[f64]]) -> Option<Vec<f64>> {
    let before = dot(&axis, &axis).sqrt();
    // Twice, to remove rounding errors.
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

/// Flips a direction so that its largest entry is positive.
fn sign_fixed(mut axis: Vec<f64>) -> Vec<f64> {
    let largest = axis.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
    if largest < 0.0 {
        axis.iter_mut().for_each(|v| *v = -*v);
    }
    axis
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm::Covariances;

    fn style(mean: [f64; 3], variances: [f64; 3]) -> GaussianMixture {
        let covariances = Covariances::Diag(variances.to_vec());
        GaussianMixture::from_parameters(vec![1.0], mean.to_vec(), covariances).unwrap()
    }

    fn is_orthonormal(plane: &Projection2d) {
        let [a, b] = &plane.axes;
        for (found, expected) in [(dot(a, a), 1.0), (dot(b, b), 1.0), (dot(a, b), 0.0)] {
            assert!((found - expected).abs() < 1e-9, "{plane:?}");
        }
    }

    #[test]
    fn principal_axes_have_the_largest_variance() {
        // ±10 along (3, 4) / 5, ±1 along (-4, 3) / 5, and no variance along the third dimension.
        let rows: Vec<f64> = [(10.0, 1.0), (-10.0, 1.0), (10.0, -1.0), (-10.0, -1.0)]
            .iter()
            .flat_map(|(a, b)| [1.0 + 0.6 * a - 0.8 * b, 2.0 + 0.8 * a + 0.6 * b, 7.0])
            .collect();
        let plane = Projection2d::principal(&rows, 3);
        is_orthonormal(&plane);
        let position = plane.project(rows[..3].iter().copied());
        assert!(
            (position[0] - 10.0).abs() < 1e-9 && (position[1].abs() - 1.0).abs() < 1e-9,
            "{position:?}"
        );
    }

    #[test]
    fn a_plane_keeps_its_orientation() {
        let axes = |a: [f64; 3], b: [f64; 3]| Projection2d {
            mean: vec![0.0; 3],
            axes: [a.to_vec(), b.to_vec()],
        };
        let shown = axes([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]);
        let points = [1.0, 0.0, 3.0, 0.0, 2.0, 0.0, -4.0, -1.0, 1.0, 3.0, 3.0, -2.0];
        // Upside down, a quarter turned, and mirrored.
        for turned in [
            axes([-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]),
            axes([0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]),
            axes([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]),
            axes([1.0, 0.0, 0.0], [0.0, -1.0, 0.0]),
        ] {
            let found = turned.aligned_with(&shown, &points);
            is_orthonormal(&found);
            let [a, b] = &found.axes;
            assert!((a[0] - 1.0).abs() < 1e-9 && (b[1] - 1.0).abs() < 1e-9, "{found:?}");
        }
        let nowhere = shown.clone().aligned_with(&shown, &[]);
        assert_eq!(nowhere, shown);
    }

    #[test]
    fn discriminants_account_for_the_variance_within_styles() {
        // The means differ most along the first dimension, but the variance within each style is
        // far larger there.
        let styles = [
            style([-2.0, 1.0, 0.0], [100.0, 0.01, 0.5]),
            style([2.0, -1.0, 0.0], [100.0, 0.01, 0.5]),
        ];
        let plane = Projection2d::discriminant(&styles).unwrap();
        is_orthonormal(&plane);
        assert!(plane.axes[0][1].abs() > 0.99, "{plane:?}");
        // The second axis is the direction of largest variance.
        assert!(plane.axes[1][0].abs() > 0.99, "{plane:?}");
        let third = style([0.0, 0.0, 5.0], [100.0, 0.01, 0.5]);
        let plane =
            Projection2d::discriminant(&[styles[0].clone(), styles[1].clone(), third]).unwrap();
        is_orthonormal(&plane);
        assert!(plane.axes[1][2].abs() > 0.99, "{plane:?}");
    }

    #[test]
    fn equal_styles_and_one_dimension_can_be_projected() {
        let same = style([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]);
        is_orthonormal(&Projection2d::discriminant(&[same.clone(), same]).unwrap());
        let plane = Projection2d::principal(&[1.0, 2.0, 3.0], 1);
        assert_eq!(plane.axes, [vec![1.0], vec![0.0]]);
        assert_eq!(plane.project([2.5].into_iter()), [0.5, 0.0]);
    }

    #[test]
    fn ellipses_are_projected_gaussians_and_the_inverse_has_all_dimensions() {
        let plane = Projection2d { mean: vec![1.0, 2.0], axes: [vec![0.0, 1.0], vec![1.0, 0.0]] };
        let gaussian = Gaussian::new(vec![4.0, 4.0], vec![9.0, 0.0, 0.0, 4.0]).unwrap();
        let found = plane.ellipse(3, &gaussian);
        let (center, axes) = (found.center(), found.axes);
        assert_eq!((center, found.style), ([2.0, 3.0], 3));
        assert!((axes[0] - 3.0).abs() < 1e-12 && (axes[1] - 2.0).abs() < 1e-12, "{found:?}");
        assert!((found.angle.abs() - std::f64::consts::FRAC_PI_2).abs() < 1e-12, "{found:?}");
        let inverse = plane.inverse(&LatentSpace::new(4, vec![2, 0]).unwrap());
        assert_eq!(inverse.mean, [2.0, 0.0, 1.0, 0.0]);
        assert_eq!(inverse.axes[0], [1.0, 0.0, 0.0, 0.0]);
    }
}
