//! Adaptation of a fitted mixture to a few new samples (Reynolds, Quatieri & Dunn 2000).

use crate::update::{self, CovarianceUpdate};
use crate::{Covariances, GaussianMixture, ModelError, Real, Samples, em};

/// A mixture adapted to new samples, with the fraction of each component that is new.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapted {
    /// The adapted mixture.
    pub model: GaussianMixture,
    /// Weight of the new samples in each component, `n_k / (n_k + relevance)`: 0 leaves the old
    /// component unchanged.
    pub shares: Vec<f64>,
}

/// Number of new samples at which old and new samples count equally.
struct Relevance {
    mean: f64,
    covariance: f64,
    /// Whether a component gets wider along the direction in which its mean moves.
    widens_along_shift: bool,
}

impl GaussianMixture {
    /// Moves weights, means and covariances toward new samples, each component in proportion to its
    /// responsibility for them.
    ///
    /// With `a = n_k / (n_k + relevance)`: `μ' = a x̄ + (1 - a) μ`,
    /// `Σ' = a E[x xᵀ] + (1 - a)(Σ + μ μᵀ) - μ' μ'ᵀ`, and weights `a n_k / n + (1 - a) w`, scaled
    /// to sum to 1. Positive definite for any number of samples. Tied covariances are unchanged.
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the numbers of features differ, and
    /// [`ModelError::BadValue`] if the relevance is not positive and finite.
    pub fn adapt<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        relevance: f64,
    ) -> Result<Adapted, ModelError> {
        let relevance =
            Relevance { mean: relevance, covariance: relevance, widens_along_shift: true };
        self.adapt_by(samples, &relevance)
    }

    /// Like [`GaussianMixture::adapt`], with separate relevances for means and covariances, and
    /// with spreads about the new mean: with `b = n_k / (n_k + covariance_relevance)`,
    /// `Σ' = b S + (1 - b) Σ`, where `S` is the covariance of the samples.
    ///
    /// `adapt` widens a component in the direction in which its mean moves, as if the new and the
    /// old samples were one set. Here they are separate sets of the same shape: the distribution is
    /// located at the new samples, and as wide as the old component until there are enough of them.
    ///
    /// # Errors
    /// Same as [`GaussianMixture::adapt`].
    pub fn adapt_about<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        mean_relevance: f64,
        covariance_relevance: f64,
    ) -> Result<Adapted, ModelError> {
        let relevance = Relevance {
            mean: mean_relevance,
            covariance: covariance_relevance,
            widens_along_shift: false,
        };
        self.adapt_by(samples, &relevance)
    }

    fn adapt_by<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        relevance: &Relevance,
    ) -> Result<Adapted, ModelError> {
        let d = self.n_features();
        if samples.n_features() != d {
            return Err(ModelError::FeatureMismatch { found: samples.n_features(), expected: d });
        }
        crate::model::expect_magnitudes(samples)?;
        for (index, value) in [relevance.mean, relevance.covariance].into_iter().enumerate() {
            if !(value > 0.0 && value.is_finite()) {
                return Err(ModelError::BadValue { what: "relevance", index, value });
            }
        }
        let moments = em::moments(self, samples).moments;
        let shares: Vec<f64> =
            moments.iter().map(|m| m.count / (m.count + relevance.mean)).collect();
        let mut weights: Vec<f64> = Vec::with_capacity(shares.len());
        let mut means = Vec::with_capacity(shares.len() * d);
        let mut shifts = Vec::with_capacity(shares.len());
        for (k, (component, a)) in moments.iter().zip(&shares).enumerate() {
            let (old, mean) = (self.weights()[k], self.mean(k));
            weights.push(a * component.count / samples.total_weight() + (1.0 - a) * old);
            let own = if component.count > 0.0 { component.mean() } else { mean.to_vec() };
            let shift: Vec<f64> = own.iter().zip(mean).map(|(x, m)| x - m).collect();
            means.extend(mean.iter().zip(&shift).map(|(m, s)| m + a * s));
            shifts.push(shift);
        }
        let total: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= total;
        }
        let write = |k: usize, own: &mut [f64]| {
            moments[k].write_covariance(own);
            let a = shares[k];
            let b = moments[k].count / (moments[k].count + relevance.covariance);
            // a (S + x̄ x̄ᵀ) + (1 - a)(Σ + μ μᵀ) - μ' μ'ᵀ = a S + (1 - a) Σ + a (1 - a)(x̄ - μ)(x̄
            // - μ)ᵀ.
            let widened = if relevance.widens_along_shift { a * (1.0 - a) } else { 0.0 };
            let update = CovarianceUpdate {
                own: b,
                other: (1.0 - b, &self.covariance(k)),
                between: vec![(widened, shifts[k].clone())],
                ridge: 0.0,
            };
            update.apply(own, d);
        };
        let adapted =
            || update::covariances(self.covariance_type(), shares.len(), d, None, write).0;
        let covariances = match self.covariances() {
            Covariances::Tied(v) => Covariances::Tied(v.clone()),
            Covariances::LowRank { rank, values } => {
                // No feature's variance may fall far below its former value.
                let least =
                    values.chunks(rank + 1).map(|row| row[*rank]).fold(f64::INFINITY, f64::min);
                update::factored(&adapted(), d, *rank, 1e-6 * least, Some(self.covariances()))
                    .map_err(|component| ModelError::NotPositiveDefinite { component })?
            }
            _ => adapted(),
        };
        Ok(Adapted { model: Self::from_valid(weights, means, covariances)?, shares })
    }
}
