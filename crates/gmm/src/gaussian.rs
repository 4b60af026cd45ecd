//! [`Gaussian`]: a normal distribution, with distances and transport maps to others.

mod barycenter;

use crate::ModelError;
use crate::linalg;

/// A multivariate normal distribution `N(μ, Σ)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    mean: Vec<f64>,
    covariance: Vec<f64>,
    /// Lower Cholesky factor of the covariance.
    factor: Vec<f64>,
}

/// The affine map `x ↦ μ₂ + M (x - μ₁)` that transports one Gaussian to another with the least
/// squared distance.
#[derive(Clone, Debug, PartialEq)]
pub struct TransportMap {
    from: Vec<f64>,
    to: Vec<f64>,
    matrix: Vec<f64>,
}

impl Gaussian {
    /// Creates a Gaussian from its mean `[D]` and its covariance, dense row-major `[D, D]`.
    ///
    /// # Errors
    /// Returns a [`ModelError`] if a shape is wrong, a value is not finite, or the covariance is
    /// not symmetric and positive definite.
    pub fn new(mean: Vec<f64>, mut covariance: Vec<f64>) -> Result<Self, ModelError> {
        let d = mean.len();
        if covariance.len() != d * d || d == 0 {
            let (found, expected) = (covariance.len(), d * d);
            return Err(ModelError::Length { what: "covariances", found, expected });
        }
        crate::error::expect_values("means", &mean, f64::is_finite)?;
        crate::error::expect_values("covariances", &covariance, f64::is_finite)?;
        crate::error::symmetrize(&mut covariance, d)?;
        let factor =
            linalg::cholesky(&covariance, d).map_err(|_| ModelError::SingularCovariance)?;
        Ok(Self { mean, covariance, factor })
    }

    /// Mean, `[D]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Covariance, dense row-major `[D, D]`.
    pub fn covariance(&self) -> &[f64] {
        &self.covariance
    }

    /// Half the logarithm of the determinant of the covariance, `½ ln |Σ|`.
    pub fn half_log_det(&self) -> f64 {
        let d = self.mean.len();
        (0..d).map(|i| self.factor[i * d + i].ln()).sum()
    }

    /// Squared Mahalanobis distance `(x - μ)ᵀ Σ⁻¹ (x - μ)`.
    ///
    /// # Panics
    /// If `x` has another length than the mean.
    pub fn mahalanobis_squared(&self, x: &[f64]) -> f64 {
        self.standardized(x).iter().map(|z| z * z).sum()
    }

    /// The standard coordinates `L⁻¹ (x - μ)` of a point, with `L Lᵀ = Σ`: for samples of this
    /// Gaussian they are independent with variance 1.
    ///
    /// # Panics
    /// If `x` has another length than the mean.
    pub fn standardized(&self, x: &[f64]) -> Vec<f64> {
        let d = self.mean.len();
        assert_eq!(x.len(), d, "a point of {} features for a Gaussian of {d}", x.len());
        let mut z: Vec<f64> = Vec::with_capacity(d);
        for (i, (x, m)) in x.iter().zip(&self.mean).enumerate() {
            let row = &self.factor[i * d..=i * d + i];
            let known = linalg::dot(&row[..i], &z);
            z.push((x - m - known) / row[i]);
        }
        z
    }

    /// The point `μ + L z` with standard coordinates `z`: the inverse of
    /// [`standardized`](Self::standardized).
    ///
    /// # Panics
    /// If `z` has another length than the mean.
    pub fn unstandardize(&self, z: &[f64]) -> Vec<f64> {
        let d = self.mean.len();
        assert_eq!(z.len(), d, "{} coordinates for a Gaussian of {d} features", z.len());
        let rows = self.factor.chunks(d);
        let lower = rows.enumerate().map(|(i, row)| linalg::dot(&row[..=i], &z[..=i]));
        self.mean.iter().zip(lower).map(|(m, moved)| m + moved).collect()
    }

    /// The solution `x` of `Σ x = b`.
    ///
    /// # Panics
    /// If `b` has another length than the mean.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let d = self.mean.len();
        let shifted: Vec<f64> = b.iter().zip(&self.mean).map(|(b, m)| b + m).collect();
        let mut x = self.standardized(&shifted);
        // Lᵀ x = L⁻¹ b, backward from the last entry.
        for i in (0..d).rev() {
            let known: f64 = (i + 1..d).map(|j| self.factor[j * d + i] * x[j]).sum();
            x[i] = (x[i] - known) / self.factor[i * d + i];
        }
        x
    }

    /// Bhattacharyya distance `⅛ Δᵀ Σ̄⁻¹ Δ + ½ ln (|Σ̄| / √(|Σ₁| |Σ₂|))` with `Σ̄ = (Σ₁ + Σ₂) / 2`:
    /// 0 for equal distributions; `e^-distance` bounds their overlap.
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the dimensions differ.
    pub fn bhattacharyya(&self, other: &Self) -> Result<f64, ModelError> {
        self.expect_same_features(other)?;
        let middle = self.covariance.iter().zip(&other.covariance).map(|(a, b)| 0.5 * (a + b));
        let middle = Self::new(self.mean.clone(), middle.collect())?;
        let log_dets =
            middle.half_log_det() - f64::midpoint(self.half_log_det(), other.half_log_det());
        Ok(middle.mahalanobis_squared(&other.mean) / 8.0 + log_dets)
    }

    /// Wasserstein-2 distance, `√(|μ₁ - μ₂|² + tr (Σ₁ + Σ₂ - 2 (Σ₁^½ Σ₂ Σ₁^½)^½))`: the root mean
    /// squared distance that [`transport_to`](Self::transport_to) moves points, in units of the
    /// data.
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the dimensions differ.
    pub fn wasserstein(&self, other: &Self) -> Result<f64, ModelError> {
        self.expect_same_features(other)?;
        let d = self.mean.len();
        let trace = |m: &[f64]| (0..d).map(|i| m[i * d + i]).sum::<f64>();
        let (_, overlaps) = linalg::right_singular(&self.product(other), d);
        let moved: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| (a - b).powi(2)).sum();
        let spread =
            trace(&self.covariance) + trace(&other.covariance) - 2.0 * overlaps.iter().sum::<f64>();
        Ok((moved + spread.max(0.0)).sqrt())
    }

    /// Optimal transport map to another Gaussian: `M = Σ₁^-½ (Σ₁^½ Σ₂ Σ₁^½)^½ Σ₁^-½`, which equals
    /// `L₁⁻ᵀ (L₁ᵀ Σ₂ L₁)^½ L₁⁻¹`: Cholesky factors stay accurate if features differ in scale,
    /// unlike roots of the whole matrices.
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the dimensions differ.
    pub fn transport_to(&self, other: &Self) -> Result<TransportMap, ModelError> {
        self.expect_same_features(other)?;
        let matrix = self.transport_matrix(other);
        if matrix.iter().any(|value| !value.is_finite()) {
            return Err(ModelError::SingularCovariance);
        }
        Ok(TransportMap { from: self.mean.clone(), to: other.mean.clone(), matrix })
    }

    /// `L₂ᵀ L₁`, whose singular values are those of `Σ₂^½ Σ₁^½`.
    fn product(&self, other: &Self) -> Vec<f64> {
        let d = self.mean.len();
        let transposed =
            |m: &[f64]| -> Vec<f64> { (0..d * d).map(|at| m[at % d * d + at / d]).collect() };
        let mut product = vec![0.0; d * d];
        let (a, b) = (transposed(&other.factor), transposed(&self.factor));
        linalg::times_transposed(&mut product, &a, &b, d);
        product
    }

    /// The matrix of the transport: with `L₂ᵀ L₁ = U S Vᵀ`, this is `W S Wᵀ` for `W = L₁⁻ᵀ V`.
    fn transport_matrix(&self, other: &Self) -> Vec<f64> {
        let d = self.mean.len();
        let (vectors, values) = linalg::right_singular(&self.product(other), d);
        let inverse = linalg::invert_lower(&self.factor, d);
        // Rows of `vectors` are those of Vᵀ, so this is Vᵀ L₁⁻¹ = Wᵀ.
        let transposed: Vec<f64> = (0..d * d).map(|at| inverse[at % d * d + at / d]).collect();
        let mut w = vec![0.0; d * d];
        linalg::times_transposed(&mut w, &vectors, &transposed, d);
        let mut matrix = vec![0.0; d * d];
        for (row, value) in w.chunks(d).zip(values) {
            for i in 0..d {
                for j in 0..=i {
                    matrix[i * d + j] += value * row[i] * row[j];
                }
            }
        }
        linalg::mirror_lower(&mut matrix, d);
        matrix
    }

    fn expect_same_features(&self, other: &Self) -> Result<(), ModelError> {
        let (found, expected) = (other.mean.len(), self.mean.len());
        if found == expected {
            Ok(())
        } else {
            Err(ModelError::FeatureMismatch { found, expected })
        }
    }
}

impl TransportMap {
    /// The image of a point.
    ///
    /// # Panics
    /// If `x` has another length than the means.
    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.from.len(), "features of the point and of the map");
        let shifted: Vec<f64> = x.iter().zip(&self.from).map(|(x, m)| x - m).collect();
        self.matrix
            .chunks(x.len())
            .zip(&self.to)
            .map(|(row, to)| to + row.iter().zip(&shifted).map(|(a, b)| a * b).sum::<f64>())
            .collect()
    }

    /// The point at fraction `t` of the path of `x`: `t = 0` gives `x`, `t = 1` its image.
    ///
    /// # Panics
    /// If `x` has another length than the means.
    pub fn apply_partly(&self, x: &[f64], t: f64) -> Vec<f64> {
        self.apply(x).iter().zip(x).map(|(image, x)| (1.0 - t) * x + t * image).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Gaussian, Gaussian) {
        let a = Gaussian::new(vec![1.0, -1.0], vec![2.0, 0.5, 0.5, 1.0]).unwrap();
        let b = Gaussian::new(vec![0.0, 3.0], vec![1.0, -0.3, -0.3, 3.0]).unwrap();
        (a, b)
    }

    #[test]
    fn distances_in_one_dimension() {
        // N(0, 1) and N(3, 4): W2² = 9 + (1 - 2)² = 10; BD = 9 / (4 (1 + 4)) + ½ ln (5 / (2 · 1 ·
        // 2)).
        let a = Gaussian::new(vec![0.0], vec![1.0]).unwrap();
        let b = Gaussian::new(vec![3.0], vec![4.0]).unwrap();
        assert!((a.wasserstein(&b).unwrap() - 10.0_f64.sqrt()).abs() < 1e-14);
        let wanted = 9.0 / 20.0 + 0.5 * (5.0_f64 / 4.0).ln();
        assert!((a.bhattacharyya(&b).unwrap() - wanted).abs() < 1e-14);
        assert!(a.bhattacharyya(&a).unwrap().abs() < 1e-14);
        // The map is x -> 3 + 2 x.
        assert!((a.transport_to(&b).unwrap().apply(&[0.5])[0] - 4.0).abs() < 1e-14);
        assert!((a.transport_to(&b).unwrap().apply_partly(&[0.5], 0.5)[0] - 2.25).abs() < 1e-14);
    }

    #[test]
    fn the_map_carries_the_covariance_over() {
        let (a, b) = pair();
        let map = a.transport_to(&b).unwrap();
        // M Σ₁ Mᵀ = Σ₂, where M is symmetric.
        let carried = linalg::sandwich(&map.matrix, a.covariance(), 2);
        for (found, wanted) in carried.iter().zip(b.covariance()) {
            assert!((found - wanted).abs() < 1e-13, "{carried:?}");
        }
        let there = map.apply(a.mean());
        assert!(there.iter().zip(b.mean()).all(|(x, y)| (x - y).abs() < 1e-14));
    }

    #[test]
    fn standard_coordinates_go_there_and_back_and_have_the_distance_as_length() {
        let (a, _) = pair();
        let x = [0.3, -2.0];
        let z = a.standardized(&x);
        let length: f64 = z.iter().map(|z| z * z).sum();
        assert!((length - a.mahalanobis_squared(&x)).abs() < 1e-14);
        let back = a.unstandardize(&z);
        assert!(back.iter().zip(x).all(|(a, b)| (a - b).abs() < 1e-14), "{back:?}");
        assert_eq!(a.standardized(a.mean()), [0.0, 0.0]);
        // Σ (1, -2) = (2 - 1, 0.5 - 2).
        let solved = a.solve(&[1.0, -1.5]);
        assert!(solved.iter().zip([1.0, -2.0]).all(|(a, b)| (a - b).abs() < 1e-14), "{solved:?}");
    }

    #[test]
    fn distances_are_symmetric_and_features_must_match() {
        let (a, b) = pair();
        assert!((a.wasserstein(&b).unwrap() - b.wasserstein(&a).unwrap()).abs() < 1e-12);
        assert!((a.bhattacharyya(&b).unwrap() - b.bhattacharyya(&a).unwrap()).abs() < 1e-12);
        let one = Gaussian::new(vec![0.0], vec![1.0]).unwrap();
        assert!(matches!(a.wasserstein(&one), Err(ModelError::FeatureMismatch { .. })));
        assert!(Gaussian::new(vec![0.0], vec![-1.0]).is_err());
    }
}
