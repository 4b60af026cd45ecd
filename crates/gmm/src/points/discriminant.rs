//! [`Discriminant`]: directions in which groups differ most.

use super::{PointsError, expect_size, symmetric_eigen, with_fixed_sign};
use crate::linalg;

/// Fisher's discriminants: the directions `v` that maximize `vᵀ B v / vᵀ W v`, where `B` is the
/// covariance between groups and `W` that within them (Fisher 1936; Rao 1948).
///
/// # Examples
/// ```
/// use gmm::points::Discriminant;
///
/// // Groups differ along the second axis, although the first is much wider.
/// let found = Discriminant::fit(&[100.0, 0.0, 0.0, 1.0], &[1.0, 0.0, 0.0, 4.0], 2)?;
/// assert!((found.ratios()[0] - 4.0).abs() < 1e-12);
/// assert!(found.directions()[0][0].abs() < 1e-12);
/// # Ok::<(), gmm::points::PointsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Discriminant {
    ratios: Vec<f64>,
    directions: Vec<Vec<f64>>,
}

impl Discriminant {
    /// Fits all `D` discriminants, in order of descending ratio, to covariances `[D, D]`.
    ///
    /// # Errors
    /// Returns [`PointsError::Size`] if a size is wrong, and [`PointsError::NotPositiveDefinite`]
    /// if `within` is singular.
    pub fn fit(within: &[f64], between: &[f64], d: usize) -> Result<Self, PointsError> {
        expect_size(within, d * d)?;
        expect_size(between, d * d)?;
        let factor = linalg::cholesky(within, d).map_err(|_| PointsError::NotPositiveDefinite)?;
        // With W = L Lᵀ the discriminants are L⁻ᵀ u for the eigenvectors u of L⁻¹ B L⁻ᵀ.
        let inverse = linalg::invert_lower(&factor, d);
        let mut half = vec![0.0; d * d];
        linalg::times_transposed(&mut half, &inverse, between, d);
        let mut whitened = vec![0.0; d * d];
        linalg::times_transposed(&mut whitened, &half, &inverse, d);
        let found = symmetric_eigen(&whitened, d)?;
        let direction = |u: &Vec<f64>| -> Vec<f64> {
            let own = |j: usize| (j..d).map(|i| inverse[i * d + j] * u[i]).sum();
            with_fixed_sign((0..d).map(own).collect())
        };
        Ok(Self {
            ratios: found.values.iter().rev().map(|ratio| ratio.max(0.0)).collect(),
            directions: found.vectors.iter().rev().map(direction).collect(),
        })
    }

    /// Ratio of the variance between groups to that within them along each direction, descending.
    pub fn ratios(&self) -> &[f64] {
        &self.ratios
    }

    /// Directions `v`, `[D]` each, with `vᵀ W v = 1`. They need not be orthogonal.
    pub fn directions(&self) -> &[Vec<f64>] {
        &self.directions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_solve_the_generalized_eigenproblem() {
        let within = [2.0, 0.5, 0.1, 0.5, 1.0, -0.2, 0.1, -0.2, 3.0];
        let between = [1.0, 0.2, 0.3, 0.2, 4.0, 0.1, 0.3, 0.1, 2.0];
        let found = Discriminant::fit(&within, &between, 3).unwrap();
        let times = |matrix: &[f64], v: &[f64]| -> Vec<f64> {
            matrix.chunks(3).map(|row| row.iter().zip(v).map(|(m, v)| m * v).sum()).collect()
        };
        for (ratio, v) in found.ratios().iter().zip(found.directions()) {
            let (w, b) = (times(&within, v), times(&between, v));
            for (w, b) in w.iter().zip(&b) {
                assert!((b - ratio * w).abs() < 1e-12, "{b} {w} {ratio}");
            }
            let length: f64 = v.iter().zip(&w).map(|(v, w)| v * w).sum();
            assert!((length - 1.0).abs() < 1e-12);
        }
        assert!(found.ratios().is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn singular_and_misshapen_covariances_are_errors() {
        let singular = Discriminant::fit(&[1.0, 1.0, 1.0, 1.0], &[1.0, 0.0, 0.0, 1.0], 2);
        assert_eq!(singular, Err(PointsError::NotPositiveDefinite));
        assert!(Discriminant::fit(&[1.0; 3], &[1.0; 4], 2).is_err());
    }
}
