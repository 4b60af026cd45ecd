//! One entry of a sweep: a fit's scores, and the value of each criterion.

use serde::{Deserialize, Serialize};

use super::Criterion;
use super::criteria::{hard_log_posterior, weighted_silhouette};
use crate::report::Fit;
use crate::{CovarianceType, Real, Samples};

/// One entry of a sweep.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Candidate {
    /// Number of components.
    pub n_components: usize,
    /// Type of the covariances.
    pub covariance_type: CovarianceType,
    /// Number of free parameters.
    pub n_parameters: usize,
    /// Mean log likelihood, in nats per sample.
    pub score: f64,
    /// Total log likelihood, in nats.
    pub log_likelihood: f64,
    /// Bayesian information criterion; lower is better.
    pub bic: f64,
    /// Akaike's information criterion; lower is better.
    pub aic: f64,
    /// Integrated completed likelihood; lower is better.
    pub icl: f64,
    /// Mean over samples, by weight, of `1 - r₂ / r₁`; see [`silhouette`](super::silhouette).
    pub silhouette: f64,
    /// Mean log likelihood of held-out rows over all folds, in nats per sample; only with
    /// [`SweepParams::folds`](super::SweepParams::folds).
    pub held_out: Option<f64>,
    /// Mean agreement of fits to random halves; only with [`Criterion::Stability`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<f64>,
    /// Number of iterations of the kept start.
    pub n_iter: usize,
    /// Whether the kept start converged.
    pub converged: bool,
    /// Smallest component weight.
    pub smallest_weight: f64,
}

impl Candidate {
    pub(super) fn of<T: Real>(
        fit: &Fit,
        samples: &Samples<'_, T>,
        held_out: Option<f64>,
        stability: Option<f64>,
    ) -> Self {
        let report = &fit.report;
        let responsibilities =
            fit.model.predict_proba(samples).expect("the mixture was fitted to these samples");
        let weight = |row: usize| samples.weight(row);
        // Scaled like the likelihood in BIC.
        let scale = samples.effective_size() / samples.total_weight();
        let certainty = hard_log_posterior(&responsibilities, weight);
        let icl = report.bic - 2.0 * scale * certainty;
        Self {
            n_components: report.n_components,
            covariance_type: report.covariance_type,
            n_parameters: report.n_parameters,
            score: report.score,
            log_likelihood: report.log_likelihood,
            bic: report.bic,
            aic: report.aic,
            icl,
            silhouette: weighted_silhouette(&responsibilities, weight),
            held_out,
            stability,
            n_iter: report.n_iter,
            converged: report.converged,
            smallest_weight: fit.model.weights().iter().copied().fold(f64::INFINITY, f64::min),
        }
    }

    /// The entry's value of a criterion; lower is better. An elbow is a property of a whole curve,
    /// so its entries count by BIC.
    pub fn value(&self, criterion: Criterion) -> f64 {
        match criterion {
            Criterion::Bic | Criterion::Elbow => self.bic,
            Criterion::Aic => self.aic,
            Criterion::Icl => self.icl,
            Criterion::HeldOut => self.held_out.map_or(f64::INFINITY, |score| -score),
            Criterion::Stability => self.stability.map_or(f64::INFINITY, |agreement| -agreement),
        }
    }
}
