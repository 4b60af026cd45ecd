//! The mixture of noisy measurements.

use crate::Covariances;
use crate::{GaussianMixture, ModelError};

impl GaussianMixture {
    /// The mixture of `x + e`, where `x` is from this mixture and `e ~ N(0, diag(variances))`: each
    /// covariance becomes `Σ_k + diag(variances)`. Spherical covariances become diagonal; other
    /// types are kept.
    ///
    /// # Errors
    /// Returns [`ModelError::Length`] if there is not one variance per feature, and
    /// [`ModelError::BadValue`] if one is negative or not finite.
    ///
    /// # Examples
    /// ```
    /// use gmm::{Covariances, GaussianMixture};
    /// let one = Covariances::Diag(vec![1.0, 2.0]);
    /// let mixture = GaussianMixture::from_parameters(vec![1.0], vec![0.0, 0.0], one)?;
    /// let measured = mixture.convolved(&[0.5, 0.0])?;
    /// assert_eq!(measured.covariances(), &Covariances::Diag(vec![1.5, 2.0]));
    /// # Ok::<(), gmm::ModelError>(())
    /// ```
    pub fn convolved(&self, variances: &[f64]) -> Result<Self, ModelError> {
        let (k, d) = (self.n_components(), self.n_features());
        super::expect_len("variances", variances.len(), d)?;
        super::expect_values("variances", variances, |v| v.is_finite() && v >= 0.0)?;
        // Adds to one of every `stride` values, after the first `offset`.
        let widen = |values: &[f64], width: usize, stride: usize, offset: usize| -> Vec<f64> {
            let mut widened = values.to_vec();
            for matrix in widened.chunks_mut(width) {
                let diagonal = matrix[offset..].iter_mut().step_by(stride);
                diagonal.zip(variances).for_each(|(value, more)| *value += more);
            }
            widened
        };
        let covariances = match self.covariances() {
            Covariances::Full(v) => Covariances::Full(widen(v, d * d, d + 1, 0)),
            Covariances::Tied(v) => Covariances::Tied(widen(v, d * d, d + 1, 0)),
            Covariances::Diag(v) => Covariances::Diag(widen(v, d, 1, 0)),
            Covariances::Spherical(v) => {
                let all: Vec<f64> = v.iter().flat_map(|v| std::iter::repeat_n(*v, d)).collect();
                Covariances::Diag(widen(&all, d, 1, 0))
            }
            Covariances::LowRank { rank, values } => Covariances::LowRank {
                rank: *rank,
                values: widen(values, d * (rank + 1), rank + 1, *rank),
            },
        };
        debug_assert_eq!(covariances.as_slice().len(), covariances.expected_len(k, d));
        Self::from_valid(self.weights().to_vec(), self.means().to_vec(), covariances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_widened_by_the_same_matrix() {
        let variances = [0.5, 0.25];
        let shapes = [
            Covariances::Full(vec![2.0, 0.5, 0.5, 1.0, 3.0, -0.5, -0.5, 2.0]),
            Covariances::Tied(vec![2.0, 0.5, 0.5, 1.0]),
            Covariances::Diag(vec![1.0, 2.0, 3.0, 4.0]),
            Covariances::Spherical(vec![1.0, 2.0]),
            Covariances::LowRank {
                rank: 1,
                values: vec![1.0, 0.5, -1.0, 0.25, 2.0, 1.0, 0.5, 1.0],
            },
        ];
        for covariances in shapes {
            let mixture = GaussianMixture::from_parameters(
                vec![0.25, 0.75],
                vec![0.0, 1.0, 2.0, 3.0],
                covariances,
            )
            .unwrap();
            let widened = mixture.convolved(&variances).unwrap();
            assert_eq!((widened.weights(), widened.means()), (mixture.weights(), mixture.means()));
            for component in 0..2 {
                let mut expected = mixture.covariance(component);
                expected[0] += 0.5;
                expected[3] += 0.25;
                for (found, expected) in widened.covariance(component).iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-12, "{component}: {found}, {expected}");
                }
            }
            assert_eq!(mixture.convolved(&[0.0, 0.0]).unwrap().means(), mixture.means());
        }
    }

    #[test]
    fn variances_must_be_one_a_feature_and_not_negative() {
        let one = Covariances::Spherical(vec![1.0]);
        let mixture = GaussianMixture::from_parameters(vec![1.0], vec![0.0, 0.0], one).unwrap();
        assert!(mixture.convolved(&[1.0]).is_err());
        assert!(mixture.convolved(&[1.0, -1.0]).is_err());
        assert!(mixture.convolved(&[1.0, f64::NAN]).is_err());
    }
}
