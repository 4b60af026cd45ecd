//! [`FitError`], and the checks before a fit.

use crate::model::find_too_large;
use crate::values::{ParamError, Values};
use crate::{CovarianceType, ModelError, Real, Samples};
use thiserror::Error;

/// Reason why a fit failed.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum FitError {
    /// A parameter is outside its range.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// There are fewer samples than components.
    #[error(
        "there are {n_samples} samples for {n_components} components; lower `n_components` or add samples"
    )]
    TooFewSamples {
        /// Number of samples.
        n_samples: usize,
        /// Number of components.
        n_components: usize,
    },
    /// The prior and the samples have different numbers of features.
    #[error("the prior has {found} features where the samples have {expected}")]
    PriorFeatures {
        /// Number of features of the prior.
        found: usize,
        /// Number of features of the samples.
        expected: usize,
    },
    /// The number of factors is not below the number of features.
    #[error(
        "rank {rank} needs more than {rank} features, and there are {n_features}; use full covariances"
    )]
    TooManyFactors {
        /// Number of factors requested.
        rank: usize,
        /// Number of features of the samples.
        n_features: usize,
    },
    /// A value is so large that its square overflows.
    #[error(
        "row {row}, column {column} is {value}; squares overflow beyond {limit}, rescale the data"
    )]
    TooLarge {
        /// Row, counted from 0.
        row: usize,
        /// Column, counted from 0.
        column: usize,
        /// The value found.
        value: f64,
        /// Largest magnitude allowed.
        limit: f64,
    },
    /// A start given by the caller does not fit the samples or the parameters.
    #[error("the given start has {found} {what} where {expected} are needed")]
    BadStart {
        /// The mismatched property.
        what: &'static str,
        /// The given value.
        found: String,
        /// Required value.
        expected: String,
    },
    /// A covariance is not positive definite, and `reg_covar` is too small.
    #[error(
        "component {component} has a singular covariance; raise `reg_covar` (now {reg_covar:e}) or lower `n_components`"
    )]
    Singular {
        /// The component, counted from 0.
        component: usize,
        /// The regularization used.
        reg_covar: f64,
    },
    /// The covariance of all samples is not positive definite, so no start can measure distances
    /// with it.
    #[error(
        "the covariance of all samples is singular; drop columns that depend on others, or raise `reg_covar` (now {reg_covar:e})"
    )]
    SingularMetric {
        /// The regularization used.
        reg_covar: f64,
    },
    /// Some samples have no density under any component, so the likelihood is not finite.
    #[error(
        "the likelihood of iteration {iteration} is {bound}; the data span too many orders of magnitude, rescale them"
    )]
    NotFinite {
        /// The iteration, counted from 1.
        iteration: usize,
        /// The bound found.
        bound: f64,
    },
    /// The observer cancelled the fit.
    #[error("the fit was cancelled in iteration {iteration} of start {start}")]
    Cancelled {
        /// The start, counted from 0.
        start: usize,
        /// The iteration, counted from 1.
        iteration: usize,
    },
}

impl FitError {
    /// Whether another start of the same fit may succeed.
    pub(super) fn is_of_the_start(&self) -> bool {
        matches!(self, Self::Singular { .. } | Self::NotFinite { .. })
    }

    /// Converts an invalid mixture to the failure of the fit that produced it.
    pub(super) fn of_model(error: &ModelError, reg_covar: f64) -> Self {
        match error {
            ModelError::NotPositiveDefinite { component } => {
                Self::Singular { component: *component, reg_covar }
            }
            _ => Self::SingularMetric { reg_covar },
        }
    }
}

/// Rejects too few samples, and values whose squares would overflow.
pub(super) fn check_size<T: Real>(
    values: &Values,
    samples: &Samples<'_, T>,
) -> Result<(), FitError> {
    let (n_samples, n_components) = (samples.n_samples(), values.n_components);
    if let Some(prior) = &values.prior
        && prior.n_features() != samples.n_features()
    {
        return Err(FitError::PriorFeatures {
            found: prior.n_features(),
            expected: samples.n_features(),
        });
    }
    if let CovarianceType::LowRank(rank) = values.covariance_type
        && rank >= samples.n_features()
    {
        return Err(FitError::TooManyFactors { rank, n_features: samples.n_features() });
    }
    if n_samples < n_components {
        return Err(FitError::TooFewSamples { n_samples, n_components });
    }
    match find_too_large(samples) {
        Some((row, column, value, limit)) => Err(FitError::TooLarge { row, column, value, limit }),
        None => Ok(()),
    }
}
