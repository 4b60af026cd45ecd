//! [`Prior`] and [`Shrinkage`]: regularization for few samples.

use crate::stats::{Accumulator, Moments};
use crate::update::CovarianceUpdate;
use crate::{CovarianceType, GaussianMixture, ModelError, Real, Samples};
use serde::{Deserialize, Serialize};

/// Conjugate prior of every component: normal–inverse-Wishart on mean and covariance, Dirichlet on
/// the weights.
///
/// With a prior, the M step returns the mode of the posterior (Fraley & Raftery 2007): for a
/// component with `n` samples of mean `x̄` and scatter `W`,
///
/// - `μ = (κ₀ m₀ + n x̄) / (κ₀ + n)`
/// - `Σ = (S₀ + W + κ₀ n / (κ₀ + n) (x̄ - m₀)(x̄ - m₀)ᵀ) / (ν₀ + n + D + 2)`
/// - `w = (α - 1 + n) / (K (α - 1) + N)`
///
/// `S₀` is given by the covariance `Σ₀` of a component without samples: `S₀ = (ν₀ + D + 2) Σ₀`.
/// Diagonal covariances treat every feature separately, with `D = 1` above; spherical ones use the
/// mean of these variances; tied ones sum the terms of all components and divide by
/// `ν₀ + N + K + D + 1`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Prior {
    pub(crate) mean: Vec<f64>,
    /// Dense `[D, D]`.
    pub(crate) covariance: Vec<f64>,
    pub(crate) mean_strength: f64,
    pub(crate) covariance_strength: f64,
    pub(crate) weight_concentration: f64,
}

impl Prior {
    /// A prior centered on `mean` (`[D]`) and `covariance` (dense row-major `[D, D]`), with
    /// strengths κ₀ = 0.01 and ν₀ = D + 2 and no preference among weights (α = 1).
    ///
    /// # Errors
    /// Returns a [`ModelError`] if shapes differ or the covariance is not positive definite.
    pub fn new(mean: Vec<f64>, covariance: Vec<f64>) -> Result<Self, ModelError> {
        let degrees = mean.len() as f64 + 2.0;
        let checked = crate::Gaussian::new(mean, covariance)?;
        Ok(Self {
            mean: checked.mean().to_vec(),
            covariance: checked.covariance().to_vec(),
            mean_strength: 0.01,
            covariance_strength: degrees,
            weight_concentration: 1.0,
        })
    }

    /// The prior that mclust derives from the samples themselves: their mean and covariance, the
    /// latter divided by `K^(2/D)`; only its diagonal if there are not more samples than features.
    ///
    /// # Errors
    /// Returns [`ModelError::NotPositiveDefinite`] if a feature does not vary.
    pub fn from_samples<T: Real>(
        samples: &Samples<'_, T>,
        n_components: usize,
    ) -> Result<Self, ModelError> {
        let (n, d) = (samples.n_samples(), samples.n_features());
        let first: Vec<f64> = samples.row(0).iter().map(|x| x.to_f64()).collect();
        let moments = Accumulator::of_all(samples, &first);
        let shrink = (n_components as f64).powf(-2.0 / d as f64);
        let mut covariance = moments.covariance();
        for (at, value) in covariance.iter_mut().enumerate() {
            *value *= if n > d || at / d == at % d { shrink } else { 0.0 };
        }
        Self::new(moments.mean(), covariance)
    }

    /// A prior from a mixture fitted to a larger population: its overall mean and its mean
    /// component covariance.
    ///
    /// # Errors
    /// Returns [`ModelError::NotPositiveDefinite`] if the covariance is lost to rounding.
    pub fn from_population(population: &GaussianMixture) -> Result<Self, ModelError> {
        let d = population.n_features();
        let mut covariance = vec![0.0; d * d];
        for (k, weight) in population.weights().iter().enumerate() {
            let own = population.covariance(k);
            covariance.iter_mut().zip(own).for_each(|(sum, value)| *sum += weight * value);
        }
        Self::new(population.moments()?.mean().to_vec(), covariance)
    }

    /// Sets κ₀: the number of samples that the prior mean counts as.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    pub fn mean_strength(mut self, kappa: f64) -> Self {
        assert!(kappa >= 0.0 && kappa.is_finite(), "strength {kappa}");
        self.mean_strength = kappa;
        self
    }

    /// Sets ν₀: the number of samples that the prior covariance counts as.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    pub fn covariance_strength(mut self, nu: f64) -> Self {
        assert!(nu >= 0.0 && nu.is_finite(), "strength {nu}");
        self.covariance_strength = nu;
        self
    }

    /// Sets α, the Dirichlet concentration of the weights; 1 has no preference, larger values make
    /// the weights more equal.
    ///
    /// # Panics
    /// If it is below 1 or not finite.
    #[must_use]
    pub fn weight_concentration(mut self, alpha: f64) -> Self {
        assert!(alpha >= 1.0 && alpha.is_finite(), "concentration {alpha}");
        self.weight_concentration = alpha;
        self
    }

    pub(crate) fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// Mode of the mean.
    pub(crate) fn posterior_mean(&self, moments: &Moments) -> Vec<f64> {
        if moments.count <= 0.0 {
            return self.mean.clone();
        }
        let share = self.mean_share(moments.count);
        let own = moments.mean();
        own.iter().zip(&self.mean).map(|(x, m)| share * m + (1.0 - share) * x).collect()
    }

    /// The mode of a component's covariance, or of the shared one; `other` receives the weight of
    /// the prior.
    pub(crate) fn mode(
        &self,
        shape: CovarianceType,
        moments: &[Moments],
        component: usize,
    ) -> CovarianceUpdate<'_> {
        let d = self.n_features() as f64;
        let (components, strength) = match shape {
            CovarianceType::Tied => (moments, self.covariance_strength + d + 2.0),
            CovarianceType::Diag | CovarianceType::Spherical => {
                (&moments[component..=component], self.covariance_strength + 3.0)
            }
            _ => (&moments[component..=component], self.covariance_strength + d + 2.0),
        };
        let n: f64 = components.iter().map(|m| m.count).sum();
        // S₀ of a single component, and the degrees of freedom that further ones add.
        let total = strength + n + (components.len() - 1) as f64;
        let between = components.iter().filter(|m| m.count > 0.0).map(|m| {
            let shift = m.mean().iter().zip(&self.mean).map(|(x, m)| x - m).collect();
            (self.mean_share(m.count) * m.count / total, shift)
        });
        CovarianceUpdate {
            own: n / total,
            other: (strength / total, &self.covariance),
            between: between.collect(),
            ridge: 0.0,
        }
    }

    /// Weight of the prior in a component's mean.
    pub(crate) fn mean_share(&self, count: f64) -> f64 {
        let total = self.mean_strength + count;
        if total > 0.0 { self.mean_strength / total } else { 1.0 }
    }
}

/// Shrinkage of full covariances toward a multiple of the identity, `(1 - ρ) Σ + ρ (tr Σ / D) I`,
/// for components with fewer samples than features.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Shrinkage {
    /// Oracle approximating shrinkage (Chen, Wiesel, Eldar & Hero 2010).
    Oas,
    /// The Rao–Blackwellized Ledoit–Wolf estimator of the same paper, which like OAS needs only
    /// second moments.
    LedoitWolf,
    /// A fixed ρ.
    Fixed(
        /// ρ, from 0 to 1.
        f64,
    ),
}

impl Shrinkage {
    /// The shrinkage intensity ρ for a covariance `[D, D]` of `n` samples.
    pub fn share(self, covariance: &[f64], d: usize, n: f64) -> f64 {
        let p = d as f64;
        let trace: f64 = (0..d).map(|i| covariance[i * d + i]).sum();
        let square: f64 = covariance.iter().map(|v| v * v).sum();
        let spread = square - trace * trace / p;
        let share = match self {
            Self::Fixed(share) => share,
            _ if spread <= 0.0 => 1.0,
            Self::Oas => {
                ((1.0 - 2.0 / p) * square + trace * trace) / ((n + 1.0 - 2.0 / p) * spread)
            }
            Self::LedoitWolf => ((n - 2.0) / n * square + trace * trace) / ((n + 2.0) * spread),
        };
        share.clamp(0.0, 1.0)
    }

    /// Shrinks a covariance in place and returns ρ.
    pub(crate) fn apply(self, covariance: &mut [f64], d: usize, n: f64) -> f64 {
        let share = self.share(covariance, d, n);
        let level = (0..d).map(|i| covariance[i * d + i]).sum::<f64>() / d as f64;
        for value in covariance.iter_mut() {
            *value *= 1.0 - share;
        }
        for i in 0..d {
            covariance[i * d + i] += share * level;
        }
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tied_covariances_add_up_the_terms_of_all_components() {
        // Two components of two rows each, the second of which is at the prior mean; D = 2.
        let of = |mean: [f64; 2]| Moments {
            count: 2.0,
            center: mean.to_vec(),
            first: vec![0.0; 2],
            second: vec![0.0; 2],
        };
        let prior = Prior::new(vec![1.0, 0.0], vec![1.0, 0.0, 0.0, 1.0]).unwrap();
        let prior = prior.mean_strength(2.0).covariance_strength(4.0);
        let moments = [of([3.0, 1.0]), of([1.0, 0.0])];
        let mode = prior.mode(CovarianceType::Tied, &moments, 0);
        // ν₀ + N + K + D + 1 = 4 + 4 + 2 + 2 + 1; S₀ = (4 + 2 + 2) Σ₀; κ₀ n / (κ₀ + n) = 1.
        assert!((mode.own - 4.0 / 13.0).abs() < 1e-15 && (mode.other.0 - 8.0 / 13.0).abs() < 1e-15);
        assert_eq!(mode.between, [(1.0 / 13.0, vec![2.0, 1.0]), (1.0 / 13.0, vec![0.0, 0.0])]);
    }

    #[test]
    fn shares_of_shrinkage_by_hand() {
        // Σ = diag(1, 3), n = 10, p = 2: tr = 4, tr Σ² = 10, spread = 10 - 8 = 2.
        let covariance = [1.0, 0.0, 0.0, 3.0];
        // OAS: (0 · 10 + 16) / (10 · 2) = 0.8; Rao–Blackwell: (0.8 · 10 + 16) / (12 · 2) = 1.
        assert!((Shrinkage::Oas.share(&covariance, 2, 10.0) - 0.8).abs() < 1e-15);
        assert!((Shrinkage::LedoitWolf.share(&covariance, 2, 10.0) - 1.0).abs() < 1e-15);
        let mut shrunk = covariance;
        assert!((Shrinkage::Fixed(0.5).apply(&mut shrunk, 2, 10.0) - 0.5).abs() < 1e-15);
        assert!((shrunk[0] - 1.5).abs() < 1e-15 && (shrunk[3] - 2.5).abs() < 1e-15);
    }
}
