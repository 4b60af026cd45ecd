//! [`Fit`] and [`FitReport`]: the fitted model and facts about the fit.

use crate::{CovarianceType, GaussianMixture};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A fitted mixture and its report.
///
/// Serializes as the mixture's JSON object with the additional field `report`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Fit {
    /// The fitted mixture.
    #[serde(flatten)]
    pub model: GaussianMixture,
    /// Facts about the fit.
    pub report: FitReport,
}

/// Facts about a fit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FitReport {
    /// Number of samples fitted.
    pub n_samples: usize,
    /// Number of features.
    pub n_features: usize,
    /// Number of components.
    pub n_components: usize,
    /// Type of the covariances.
    pub covariance_type: CovarianceType,
    /// Number of free parameters.
    pub n_parameters: usize,
    /// Mean log likelihood before each M step of the kept start, in nats per sample.
    pub lower_bounds: Vec<f64>,
    /// Number of iterations of the kept start.
    pub n_iter: usize,
    /// Whether the kept start met `tol` within `max_iter`.
    pub converged: bool,
    /// Index of the kept start, from 0.
    pub best_init: usize,
    /// All starts, in order.
    pub starts: Vec<StartReport>,
    /// Failed starts, if others succeeded; they are missing from `starts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_starts: Vec<FailedStart>,
    /// Mean log likelihood of the fitted mixture, in nats per sample.
    pub score: f64,
    /// Total log likelihood of the fitted mixture, in nats.
    pub log_likelihood: f64,
    /// Bayesian information criterion over the [effective size](crate::Samples::effective_size) of
    /// the samples; lower is better.
    pub bic: f64,
    /// Akaike's information criterion; lower is better.
    pub aic: f64,
    /// Fraction of each component that came from a prior or from shrinkage; empty without both.
    #[serde(default)]
    pub prior_shares: Vec<PriorShare>,
    /// Components of the kept start that were repaired; empty in a clean fit.
    pub repairs: Vec<Repair>,
    /// Wall-clock times. Not included in the JSON form, which is the same for the same inputs.
    #[serde(skip)]
    pub times: FitTimes,
}

/// One start of a fit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StartReport {
    /// Mean log likelihood that the start reached, in nats per sample.
    pub score: f64,
    /// Mean log likelihood of its starting parameters, in nats per sample.
    pub first_bound: f64,
    /// Number of iterations.
    pub n_iter: usize,
    /// Whether it met `tol` within `max_iter`.
    pub converged: bool,
}

/// A start that failed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FailedStart {
    /// Index, from 0.
    pub start: usize,
    /// The reason, as text.
    pub reason: String,
}

/// Fraction of a component that did not come from the samples, from 0 to 1.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct PriorShare {
    /// Weight of the prior mean in the mean.
    pub mean: f64,
    /// Weight of the prior covariance, or of the shrinkage target, in the covariance.
    pub covariance: f64,
}

/// A degenerate component, and its repair.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Repair {
    /// Iteration after which it was found, counted from 1; 0 is the start.
    pub iteration: usize,
    /// The component, counted from 0.
    pub component: usize,
    /// The repair.
    pub action: RepairAction,
}

/// The repair of a degenerate component.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RepairAction {
    /// It had lost all its rows and was moved to this row.
    Reseeded {
        /// The row, counted from 0.
        row: usize,
    },
    /// It kept losing its rows and was given weight 0.
    Parked,
    /// Its covariance was singular despite `reg_covar`; a ridge was added to the diagonal.
    Ridge {
        /// The ridge, in squared units of the data.
        amount: f64,
    },
}

/// Durations of the parts of a fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct FitTimes {
    /// Initialization, total of all starts.
    pub start: Duration,
    /// EM iterations, total of all starts.
    pub iterations: Duration,
}

impl PartialEq for FitTimes {
    /// Always equal: times are not part of the result, so fits that differ only in them are equal.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
