//! [`Fit`] and [`FitReport`]: the fitted model and the facts about how it came about.

use crate::{CovarianceType, GaussianMixture};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A fitted mixture and its report.
///
/// Serializes as the mixture's JSON object with one more field, `report`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Fit {
    /// The fitted mixture.
    #[serde(flatten)]
    pub model: GaussianMixture,
    /// How it came about.
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
    /// Shape of the covariances.
    pub covariance_type: CovarianceType,
    /// Number of free parameters.
    pub n_parameters: usize,
    /// Mean log likelihood before each M step of the kept start, in nats per sample.
    pub lower_bounds: Vec<f64>,
    /// Iterations of the kept start.
    pub n_iter: usize,
    /// Whether the kept start met `tol` within `max_iter`.
    pub converged: bool,
    /// Which start was kept, counted from 0.
    pub best_init: usize,
    /// All starts, in order.
    pub starts: Vec<StartReport>,
    /// Starts that failed while others did not; they are missing from `starts`.
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
    /// How much of each component came from a prior or from shrinkage; empty where there was
    /// neither.
    #[serde(default)]
    pub prior_shares: Vec<PriorShare>,
    /// Components of the kept start that had to be repaired; empty in a clean fit.
    pub repairs: Vec<Repair>,
    /// Wall-clock times. Not part of the JSON form, which must be the same for the same inputs.
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
    /// Iterations.
    pub n_iter: usize,
    /// Whether it met `tol` within `max_iter`.
    pub converged: bool,
}

/// A start that failed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FailedStart {
    /// Which one, counted from 0.
    pub start: usize,
    /// Why, in words.
    pub reason: String,
}

/// How much of a component did not come from the samples, from 0 (nothing) to 1 (all).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct PriorShare {
    /// Share of the prior mean in the mean.
    pub mean: f64,
    /// Share of the prior covariance, or of the shrinkage target, in the covariance.
    pub covariance: f64,
}

/// A degenerate component and what was done about it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Repair {
    /// Iteration after which it was found, counted from 1; 0 is the start.
    pub iteration: usize,
    /// The component, counted from 0.
    pub component: usize,
    /// What was done.
    pub action: RepairAction,
}

/// What was done about a degenerate component.
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
    /// Its covariance was singular in spite of `reg_covar`; this much was added to the diagonal.
    Ridge {
        /// What was added, in squared units of the data.
        amount: f64,
    },
}

/// Where the time of a fit went.
#[derive(Clone, Copy, Debug, Default)]
pub struct FitTimes {
    /// Making starts, all starts together.
    pub start: Duration,
    /// EM iterations, all starts together.
    pub iterations: Duration,
}

impl PartialEq for FitTimes {
    /// Always equal: times are no result, and two fits that differ only in them are the same.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
