//! The barycenter of several Gaussians.

use super::Gaussian;
use crate::ModelError;
use crate::linalg;

/// Change of a covariance, relative to the standard deviations of its two features, below which it
/// has converged.
const TOLERANCE: f64 = 1e-12;
/// Maximum number of steps; a dozen are typical.
const MAX_STEPS: usize = 200;

impl Gaussian {
    /// The Wasserstein-2 barycenter: the distribution with the least mean squared distance, by
    /// weight, to all given ones. It is Gaussian, with the weighted mean of the means and the
    /// covariance `S` that solves `S = Σ w_i (S^½ Σ_i S^½)^½`, found by the fixed-point iteration
    /// of Álvarez-Esteban, del Barrio, Cuesta-Albertos and Matrán (*A fixed-point approach to
    /// barycenters in Wasserstein space*, 2016, equation 4.2).
    ///
    /// For two Gaussians with weights `1 - t` and `t`, it is the distribution of the points of the
    /// first at fraction `t` of their [transport](Self::transport_to) to the second. Weights are
    /// divided by their sum.
    ///
    /// # Errors
    /// Returns [`ModelError::NoComponents`] if all weights are 0, [`ModelError::BadValue`] if a
    /// weight is negative or not finite, [`ModelError::FeatureMismatch`] if the dimensions differ,
    /// and [`ModelError::NotPositiveDefinite`] if the covariance is lost to rounding.
    ///
    /// # Examples
    /// ```
    /// use gmm::Gaussian;
    /// let narrow = Gaussian::new(vec![0.0], vec![1.0])?;
    /// let wide = Gaussian::new(vec![8.0], vec![9.0])?;
    /// // Deviations, not variances, are averaged: (3 · 1 + 1 · 3) / 4 = 1.5.
    /// let between = Gaussian::barycenter(&[(3.0, &narrow), (1.0, &wide)])?;
    /// assert_eq!(between.mean(), [2.0]);
    /// assert!((between.covariance()[0] - 2.25).abs() < 1e-12);
    /// # Ok::<(), gmm::ModelError>(())
    /// ```
    pub fn barycenter(parts: &[(f64, &Self)]) -> Result<Self, ModelError> {
        if let Some(index) = parts.iter().position(|(w, _)| !w.is_finite() || *w < 0.0) {
            return Err(ModelError::BadValue { what: "weights", index, value: parts[index].0 });
        }
        let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
        let weighted: Vec<(f64, &Self)> =
            parts.iter().filter(|(w, _)| *w > 0.0).map(|(w, part)| (w / total, *part)).collect();
        let Some((_, first)) = weighted.first() else { return Err(ModelError::NoComponents) };
        for (_, part) in &weighted {
            first.expect_same_features(part)?;
        }
        let d = first.mean.len();
        if let [(_, only)] = weighted[..] {
            return Ok(only.clone());
        }
        let sum = |values: fn(&Self) -> &[f64]| {
            let mut sum = vec![0.0; values(first).len()];
            for (weight, part) in &weighted {
                sum.iter_mut().zip(values(part)).for_each(|(sum, value)| *sum += weight * value);
            }
            sum
        };
        let mean = sum(|part| &part.mean);
        let mut at = Self::new(mean.clone(), sum(|part| &part.covariance))?;
        for _ in 0..MAX_STEPS {
            // S <- T S T, where T is the mean of the transports from S to all parts: equation 4.2.
            let mut step = vec![0.0; d * d];
            for (weight, part) in &weighted {
                let own = at.transport_matrix(part);
                step.iter_mut().zip(own).for_each(|(sum, value)| *sum += weight * value);
            }
            let mut next = linalg::sandwich(&step, &at.covariance, d);
            linalg::mirror_lower(&mut next, d);
            let before = &at.covariance;
            let scale = |i: usize, j: usize| (before[i * d + i] * before[j * d + j]).sqrt();
            // Each value in units of its two features.
            let is_settled =
                (0..d * d).all(|n| (next[n] - before[n]).abs() <= TOLERANCE * scale(n / d, n % d));
            at = Self::new(mean.clone(), next)?;
            if is_settled {
                break;
            }
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussians() -> [Gaussian; 3] {
        [
            Gaussian::new(vec![1.0, -1.0], vec![2.0, 0.5, 0.5, 1.0]).unwrap(),
            Gaussian::new(vec![0.0, 3.0], vec![1.0, -0.3, -0.3, 3.0]).unwrap(),
            Gaussian::new(vec![-2.0, 1.0], vec![0.4, 0.1, 0.1, 0.2]).unwrap(),
        ]
    }

    #[test]
    fn between_two_it_lies_on_the_way_of_the_transport() {
        let [a, b, _] = gaussians();
        let t = 0.3;
        let between = Gaussian::barycenter(&[(0.7, &a), (t, &b)]).unwrap();
        let map = a.transport_to(&b).unwrap();
        // The map's matrix, column by column: images of the unit vectors relative to the mean.
        let column = |j: usize| {
            let mut x = a.mean().to_vec();
            x[j] += 1.0;
            let moved = map.apply_partly(&x, t);
            moved.iter().zip(between.mean()).map(|(x, m)| x - m).collect::<Vec<f64>>()
        };
        let (first, second) = (column(0), column(1));
        let matrix = [first[0], second[0], first[1], second[1]];
        let carried = linalg::sandwich(&matrix, a.covariance(), 2);
        for (found, wanted) in between.covariance().iter().zip(carried) {
            assert!((found - wanted).abs() < 1e-9, "{:?}", between.covariance());
        }
        let (whole, part) = (a.wasserstein(&b).unwrap(), a.wasserstein(&between).unwrap());
        assert!((part - t * whole).abs() < 1e-7);
    }

    #[test]
    fn among_three_it_is_the_least_far() {
        let all = gaussians();
        let weights = [0.5, 0.2, 0.3];
        let parts: Vec<(f64, &Gaussian)> = weights.into_iter().zip(&all).collect();
        let cost = |g: &Gaussian| -> f64 {
            parts.iter().map(|(w, part)| w * g.wasserstein(part).unwrap().powi(2)).sum()
        };
        let found = Gaussian::barycenter(&parts).unwrap();
        let least = cost(&found);
        for i in 0..4 {
            for step in [-1e-3, 1e-3] {
                let mut covariance = found.covariance().to_vec();
                covariance[i] += step;
                if i == 1 || i == 2 {
                    covariance[3 - i] += step;
                }
                let near = Gaussian::new(found.mean().to_vec(), covariance).unwrap();
                assert!(cost(&near) > least, "{i} {step}");
            }
        }
    }

    #[test]
    fn weights_are_scaled_and_must_be_weights() {
        let [a, b, _] = gaussians();
        assert_eq!(Gaussian::barycenter(&[(2.0, &a), (0.0, &b)]).unwrap(), a);
        assert_eq!(Gaussian::barycenter(&[]), Err(ModelError::NoComponents));
        assert_eq!(Gaussian::barycenter(&[(0.0, &a)]), Err(ModelError::NoComponents));
        let bad = Gaussian::barycenter(&[(1.0, &a), (-1.0, &b)]);
        assert!(matches!(bad, Err(ModelError::BadValue { index: 1, .. })));
        let one = Gaussian::new(vec![0.0], vec![1.0]).unwrap();
        let bad = Gaussian::barycenter(&[(1.0, &a), (1.0, &one)]);
        assert!(matches!(bad, Err(ModelError::FeatureMismatch { .. })));
    }
}
