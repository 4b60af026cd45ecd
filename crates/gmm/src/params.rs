//! [`GmmParams`]: what a fit is asked to do, and its checked twin.

use crate::em::{self, FitError, SharedStarts};
use crate::init::Init;
use crate::observe::Progress;
use crate::prior::{Prior, Shrinkage};
use crate::report::Fit;
use crate::{CovarianceType, Real, Samples};
use std::ops::ControlFlow;
use thiserror::Error;

/// Parameters of a fit, not yet checked.
///
/// Names and defaults follow scikit-learn's `GaussianMixture`, except for the start: see [`Init::ShortRuns`].
///
/// # Examples
/// ```
/// use gmm::{CovarianceType, GmmParams, Samples};
/// let data = [0.0, 0.1, -0.1, 0.2, 8.0, 8.1, 7.9, 8.2];
/// let samples = Samples::new(&data, 8, 1)?;
/// let fit = GmmParams::new(2).covariance_type(CovarianceType::Diag).n_init(3).fit(&samples, 7)?;
/// assert!(fit.report.converged);
/// assert_eq!(fit.model.predict(&samples)?[0], fit.model.predict(&samples)?[3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct GmmParams {
    values: Values,
}

/// Parameters that have been checked; only these can fit.
#[derive(Clone, Debug)]
pub struct ValidParams {
    pub(crate) values: Values,
}

/// The parameters themselves.
#[derive(Clone, Debug)]
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
    /// A fixed shrinkage is not a share.
    #[error("the shrinkage is {value}; it must lie between 0 and 1")]
    Shrinkage {
        /// The value found.
        value: f64,
    },
    /// Shrinkage was asked for covariances that are not full.
    #[error("shrinkage works on full covariances only, not on {covariance_type:?}")]
    ShrinkageShape {
        /// The covariance type asked for.
        covariance_type: CovarianceType,
    },
    /// Low rank was asked for without a factor.
    #[error("the rank is 0; use diagonal covariances, or at least one factor")]
    NoFactors,
    /// A prior's strength is not positive and finite, or too small.
    #[error("{what} is {value}; it must be positive and finite")]
    Prior {
        /// Which one.
        what: &'static str,
        /// The value found.
        value: f64,
    },
    /// The Bayesian mixture has no covariances of this shape.
    #[error(
        "the Bayesian mixture cannot have {covariance_type:?} covariances; use one of the other four"
    )]
    BayesianShape {
        /// The covariance type asked for.
        covariance_type: CovarianceType,
    },
    /// A start given by the caller leaves nothing for further starts to vary.
    #[error("`n_init` is {n_init}, but the start is given; use `n_init` 1 or a random start")]
    GivenStart {
        /// The value found.
        n_init: usize,
    },
}

impl GmmParams {
    /// Defaults for `n_components`: full covariances, `reg_covar` 1e-6, `tol` 1e-3, `max_iter` 100, `n_init` 1,
    /// [`Init::ShortRuns`].
    pub fn new(n_components: usize) -> Self {
        Self {
            values: Values {
                n_components,
                covariance_type: CovarianceType::Full,
                reg_covar: 1e-6,
                tol: 1e-3,
                max_iter: 100,
                n_init: 1,
                init: Init::ShortRuns,
                whiten: true,
                prior: None,
                shrinkage: None,
            },
        }
    }

    /// Sets the number of components.
    #[must_use]
    pub fn n_components(mut self, n_components: usize) -> Self {
        self.values.n_components = n_components;
        self
    }

    /// Sets the shape of the covariances.
    #[must_use]
    pub fn covariance_type(mut self, covariance_type: CovarianceType) -> Self {
        self.values.covariance_type = covariance_type;
        self
    }

    /// Sets what is added to the diagonal of every covariance, in squared units of the data.
    #[must_use]
    pub fn reg_covar(mut self, reg_covar: f64) -> Self {
        self.values.reg_covar = reg_covar;
        self
    }

    /// Sets the change of the mean lower bound (nats per sample) below which the fit has converged; 0 never stops early.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.values.tol = tol;
        self
    }

    /// Sets the largest number of EM iterations of each start.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.values.max_iter = max_iter;
        self
    }

    /// Sets how many starts are tried, each initialised anew; the one that ends with the highest likelihood is kept.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.values.n_init = n_init;
        self
    }

    /// Sets how a start is made.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.values.init = init;
        self
    }

    /// Sets whether k-means starts run on whitened data (the default), which makes them independent of units. Without,
    /// [`Init::ShortRuns`] looks at the samples' own units only.
    #[must_use]
    pub fn whiten(mut self, whiten: bool) -> Self {
        self.values.whiten = whiten;
        self
    }

    /// Sets a conjugate prior: the M step then maximises the posterior, and components with few samples stay near it.
    #[must_use]
    pub fn prior(mut self, prior: Prior) -> Self {
        self.values.prior = Some(prior);
        self
    }

    /// Sets shrinkage of full covariances.
    #[must_use]
    pub fn shrinkage(mut self, shrinkage: Shrinkage) -> Self {
        self.values.shrinkage = Some(shrinkage);
        self
    }

    pub(crate) fn chosen_covariance_type(&self) -> CovarianceType {
        self.values.covariance_type
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`ParamError`] for the first one outside its range.
    pub fn check(self) -> Result<ValidParams, ParamError> {
        let values = self.values;
        if values.n_components == 0 {
            return Err(ParamError::NoComponents);
        }
        if !(values.reg_covar >= 0.0 && values.reg_covar.is_finite()) {
            return Err(ParamError::RegCovar { value: values.reg_covar });
        }
        if values.tol.is_nan() || values.tol < 0.0 {
            return Err(ParamError::Tol { value: values.tol });
        }
        if values.max_iter == 0 {
            return Err(ParamError::NoIterations);
        }
        if values.covariance_type == CovarianceType::LowRank(0) {
            return Err(ParamError::NoFactors);
        }
        if values.n_init == 0 {
            return Err(ParamError::NoStarts);
        }
        match values.shrinkage {
            Some(Shrinkage::Fixed(value)) if !(0.0..=1.0).contains(&value) => {
                return Err(ParamError::Shrinkage { value });
            }
            Some(_) if values.covariance_type != CovarianceType::Full => {
                let covariance_type = values.covariance_type;
                return Err(ParamError::ShrinkageShape { covariance_type });
            }
            _ => {}
        }
        if values.n_init > 1 && values.init.is_given() {
            return Err(ParamError::GivenStart { n_init: values.n_init });
        }
        Ok(ValidParams { values })
    }

    /// Checks the parameters and fits; see [`ValidParams::fit`].
    ///
    /// # Errors
    /// [`FitError`].
    pub fn fit<T: Real>(self, samples: &Samples<'_, T>, seed: u64) -> Result<Fit, FitError> {
        self.check()?.fit(samples, seed)
    }

    /// Checks the parameters and fits under observation; see [`ValidParams::fit_observed`].
    ///
    /// # Errors
    /// [`FitError`].
    pub fn fit_observed<T: Real>(
        self,
        samples: &Samples<'_, T>,
        seed: u64,
        observe: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
    ) -> Result<Fit, FitError> {
        self.check()?.fit_observed(samples, seed, observe)
    }
}

impl ValidParams {
    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// Fits a mixture to `samples` by EM on the current rayon pool.
    ///
    /// The same samples, parameters and seed give the same bits at any number of threads. Reaching `max_iter` is not an
    /// error: [`FitReport::converged`](crate::FitReport::converged) says so.
    ///
    /// # Errors
    /// [`FitError`] when there are fewer samples than components, a given start does not fit the samples, or
    /// covariances cannot be made positive definite.
    pub fn fit<T: Real>(&self, samples: &Samples<'_, T>, seed: u64) -> Result<Fit, FitError> {
        self.fit_observed(samples, seed, &mut |_| ControlFlow::Continue(()))
    }

    /// Fits like [`fit`](Self::fit) and calls `observe` after every iteration; a `Break` from it cancels the fit.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`FitError::Cancelled`].
    pub fn fit_observed<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        seed: u64,
        observe: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
    ) -> Result<Fit, FitError> {
        self.fit_sharing(samples, seed, &SharedStarts::default(), observe)
    }

    /// Like [`fit_observed`](Self::fit_observed), with starts shared among fits to the same samples with the same seed and
    /// the same kind of start.
    pub(crate) fn fit_sharing<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        seed: u64,
        starts: &SharedStarts,
        observe: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
    ) -> Result<Fit, FitError> {
        em::fit(&self.values, samples, seed, starts, observe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_parameter_is_named() {
        let check = |params: GmmParams| params.check().err();
        let good = || GmmParams::new(2);
        assert_eq!(check(good()), None);
        assert_eq!(check(GmmParams::new(0)), Some(ParamError::NoComponents));
        assert_eq!(check(good().reg_covar(-1.0)), Some(ParamError::RegCovar { value: -1.0 }));
        assert!(matches!(check(good().reg_covar(f64::NAN)), Some(ParamError::RegCovar { .. })));
        assert_eq!(check(good().tol(-0.5)), Some(ParamError::Tol { value: -0.5 }));
        assert_eq!(check(good().max_iter(0)), Some(ParamError::NoIterations));
        assert_eq!(check(good().n_init(0)), Some(ParamError::NoStarts));
        let factors = good().covariance_type(CovarianceType::LowRank(0));
        assert_eq!(check(factors), Some(ParamError::NoFactors));
        let shrinkage = check(good().shrinkage(Shrinkage::Fixed(1.5)));
        assert_eq!(shrinkage, Some(ParamError::Shrinkage { value: 1.5 }));
        let diag = good().covariance_type(CovarianceType::Diag).shrinkage(Shrinkage::Oas);
        assert!(matches!(check(diag), Some(ParamError::ShrinkageShape { .. })));
        assert_eq!(
            check(good().init(Init::Labels(vec![0, 1])).n_init(3)),
            Some(ParamError::GivenStart { n_init: 3 })
        );
    }
}
