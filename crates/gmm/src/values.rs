//! The values of a fit's parameters, and their allowed ranges.

use crate::CovarianceType;
use crate::init::Init;
use crate::prior::{Prior, Shrinkage};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The values of the parameters.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Values {
    pub(crate) n_components: usize,
    pub(crate) covariance_type: CovarianceType,
    pub(crate) reg_covar: f64,
    pub(crate) tol: f64,
    pub(crate) max_iter: usize,
    pub(crate) n_init: usize,
    pub(crate) init: Init,
    pub(crate) whiten: bool,
    pub(crate) prior: Option<Prior>,
    pub(crate) shrinkage: Option<Shrinkage>,
}

/// A parameter outside its range.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ParamError {
    /// `n_components` is 0.
    #[error("`n_components` is 0; a mixture needs at least one component")]
    NoComponents,
    /// `reg_covar` is negative or not finite.
    #[error("`reg_covar` is {value}; it must be finite and not negative")]
    RegCovar {
        /// The value found.
        value: f64,
    },
    /// `tol` is negative or not a number.
    #[error("`tol` is {value}; it must not be negative (0 runs all of `max_iter`)")]
    Tol {
        /// The value found.
        value: f64,
    },
    /// `max_iter` is 0.
    #[error("`max_iter` is 0; at least one iteration is needed")]
    NoIterations,
    /// `n_init` is 0.
    #[error("`n_init` is 0; at least one start is needed")]
    NoStarts,
    /// A fixed shrinkage is not between 0 and 1.
    #[error("the shrinkage is {value}; it must lie between 0 and 1")]
    Shrinkage {
        /// The value found.
        value: f64,
    },
    /// Shrinkage was requested for covariances that are not full.
    #[error("shrinkage works on full covariances only, not on {covariance_type:?}")]
    ShrinkageShape {
        /// The requested covariance type.
        covariance_type: CovarianceType,
    },
    /// Low rank was requested without factors.
    #[error("the rank is 0; use diagonal covariances, or at least one factor")]
    NoFactors,
    /// A prior's strength is not positive and finite, or too small.
    #[error("{what} is {value}; it must be positive and finite")]
    Prior {
        /// The parameter.
        what: &'static str,
        /// The value found.
        value: f64,
    },
    /// The Bayesian mixture does not support this covariance type.
    #[error(
        "the Bayesian mixture can't have {covariance_type:?} covariances; use one of the other four"
    )]
    BayesianShape {
        /// The requested covariance type.
        covariance_type: CovarianceType,
    },
    /// A start given by the caller leaves nothing to vary for further starts.
    #[error("`n_init` is {n_init}, but the start is given; use `n_init` 1 or a random start")]
    GivenStart {
        /// The value found.
        n_init: usize,
    },
}

impl Values {
    /// Returns the first value out of range as an error.
    pub(crate) fn check(&self) -> Result<(), ParamError> {
        if self.n_components == 0 {
            return Err(ParamError::NoComponents);
        }
        if !(self.reg_covar >= 0.0 && self.reg_covar.is_finite()) {
            return Err(ParamError::RegCovar { value: self.reg_covar });
        }
        if self.tol.is_nan() || self.tol < 0.0 {
            return Err(ParamError::Tol { value: self.tol });
        }
        if self.max_iter == 0 {
            return Err(ParamError::NoIterations);
        }
        if self.covariance_type == CovarianceType::LowRank(0) {
            return Err(ParamError::NoFactors);
        }
        if self.n_init == 0 {
            return Err(ParamError::NoStarts);
        }
        match self.shrinkage {
            Some(Shrinkage::Fixed(value)) if !(0.0..=1.0).contains(&value) => {
                return Err(ParamError::Shrinkage { value });
            }
            Some(_) if self.covariance_type != CovarianceType::Full => {
                let covariance_type = self.covariance_type;
                return Err(ParamError::ShrinkageShape { covariance_type });
            }
            _ => {}
        }
        if self.n_init > 1 && self.init.is_given() {
            return Err(ParamError::GivenStart { n_init: self.n_init });
        }
        Ok(())
    }
}
