//! [`GmmParams`]: the parameters of a fit; [`ValidParams`]: the same after a check.

use crate::em::{self, FitError, SharedStarts};
use crate::init::Init;
use crate::observe::Observer;
use crate::prior::{Prior, Shrinkage};
use crate::report::Fit;
use crate::values::{ParamError, Values};
use crate::{CovarianceType, Real, Samples};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Parameters of a fit, not yet checked.
///
/// Names and defaults follow scikit-learn's `GaussianMixture`, except for the start: see
/// [`Init::ShortRuns`].
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
///
/// Serializes as a JSON object of its values.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct GmmParams {
    values: Values,
}

/// Checked parameters; only these can be fitted.
#[derive(Clone, Debug)]
pub struct ValidParams {
    values: Values,
}

impl GmmParams {
    /// Defaults for `n_components`: full covariances, `reg_covar` 1e-6, `tol` 1e-3, `max_iter` 100,
    /// `n_init` 1, [`Init::ShortRuns`].
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

    /// Sets the covariance type.
    #[must_use]
    pub fn covariance_type(mut self, covariance_type: CovarianceType) -> Self {
        self.values.covariance_type = covariance_type;
        self
    }

    /// Sets the value added to the diagonal of every covariance, in squared units of the data.
    #[must_use]
    pub fn reg_covar(mut self, reg_covar: f64) -> Self {
        self.values.reg_covar = reg_covar;
        self
    }

    /// Sets the change of the mean lower bound (nats per sample) below which the fit has converged;
    /// with 0 it never stops early.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.values.tol = tol;
        self
    }

    /// Sets the maximum number of EM iterations of each start.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.values.max_iter = max_iter;
        self
    }

    /// Sets the number of starts, each with different random draws; the result with the highest
    /// likelihood is kept.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.values.n_init = n_init;
        self
    }

    /// Sets the kind of start.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.values.init = init;
        self
    }

    /// Sets whether k-means starts run on whitened data (the default), which makes them independent
    /// of units. Otherwise, [`Init::ShortRuns`] uses only the samples' own units.
    #[must_use]
    pub fn whiten(mut self, whiten: bool) -> Self {
        self.values.whiten = whiten;
        self
    }

    /// Sets a conjugate prior: the M step then maximizes the posterior, and components with few
    /// samples stay near it.
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

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// Returns a [`ParamError`] for the first one out of range.
    pub fn check(self) -> Result<ValidParams, ParamError> {
        self.values.check()?;
        Ok(ValidParams { values: self.values })
    }

    /// Checks the parameters and fits; see [`ValidParams::fit`].
    ///
    /// # Errors
    /// Returns a [`FitError`], same as [`ValidParams::fit`].
    pub fn fit<T: Real>(self, samples: &Samples<'_, T>, seed: u64) -> Result<Fit, FitError> {
        self.check()?.fit(samples, seed)
    }

    /// Checks the parameters and fits under observation; see [`ValidParams::fit_observed`].
    ///
    /// # Errors
    /// Returns a [`FitError`], same as [`ValidParams::fit_observed`].
    pub fn fit_observed<T: Real>(
        self,
        samples: &Samples<'_, T>,
        seed: u64,
        observe: &mut Observer<'_>,
    ) -> Result<Fit, FitError> {
        self.check()?.fit_observed(samples, seed, observe)
    }
}

impl ValidParams {
    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// Number of components.
    pub fn n_components(&self) -> usize {
        self.values.n_components
    }

    /// Type of the covariances.
    pub fn covariance_type(&self) -> CovarianceType {
        self.values.covariance_type
    }

    /// The value added to the diagonal of every covariance, in squared units of the data.
    pub fn reg_covar(&self) -> f64 {
        self.values.reg_covar
    }

    /// Change of the mean log likelihood below which a start has converged, in nats per sample.
    pub fn tol(&self) -> f64 {
        self.values.tol
    }

    /// Maximum number of iterations of a start.
    pub fn max_iter(&self) -> usize {
        self.values.max_iter
    }

    /// Number of starts.
    pub fn n_init(&self) -> usize {
        self.values.n_init
    }

    /// The kind of start.
    pub fn init(&self) -> &Init {
        &self.values.init
    }

    /// Whether starts also use whitened samples.
    pub fn whiten(&self) -> bool {
        self.values.whiten
    }

    /// The prior; `None` if the fit maximizes the likelihood.
    pub fn prior(&self) -> Option<&Prior> {
        self.values.prior.as_ref()
    }

    /// The shrinkage of full covariances.
    pub fn shrinkage(&self) -> Option<Shrinkage> {
        self.values.shrinkage
    }

    /// Fits a mixture to `samples` by EM on the current rayon pool.
    ///
    /// The same samples, parameters and seed give the same bits at any number of threads. Reaching
    /// `max_iter` is not an error, but reported in
    /// [`FitReport::converged`](crate::FitReport::converged).
    ///
    /// # Errors
    /// Returns a [`FitError`] if there are fewer samples than components, a given start does not
    /// fit the samples, or covariances cannot be made positive definite.
    pub fn fit<T: Real>(&self, samples: &Samples<'_, T>, seed: u64) -> Result<Fit, FitError> {
        self.fit_observed(samples, seed, &mut |_| ControlFlow::Continue(()))
    }

    /// Fits like [`fit`](Self::fit) and calls `observe` after every iteration; it cancels the fit
    /// by returning `Break`.
    ///
    /// # Errors
    /// Same as [`fit`](Self::fit), and [`FitError::Cancelled`].
    pub fn fit_observed<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        seed: u64,
        observe: &mut Observer<'_>,
    ) -> Result<Fit, FitError> {
        self.fit_sharing(samples, seed, &SharedStarts::default(), observe)
    }

    /// Like [`fit_observed`](Self::fit_observed), with starts shared between fits to the same
    /// samples with the same seed and kind of start.
    pub(crate) fn fit_sharing<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        seed: u64,
        starts: &SharedStarts,
        observe: &mut Observer<'_>,
    ) -> Result<Fit, FitError> {
        em::fit(&self.values, samples, seed, starts, observe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_kept_and_survive_serialization() {
        let params = GmmParams::new(5)
            .covariance_type(CovarianceType::LowRank(2))
            .reg_covar(1e-4)
            .tol(1e-5)
            .max_iter(7)
            .n_init(3)
            .init(Init::KMeans)
            .whiten(false);
        let text = serde_json::to_string(&params).unwrap();
        let valid = serde_json::from_str::<GmmParams>(&text).unwrap().check().unwrap();
        assert_eq!((valid.n_components(), valid.max_iter(), valid.n_init()), (5, 7, 3));
        assert_eq!(valid.covariance_type(), CovarianceType::LowRank(2));
        assert_eq!((valid.reg_covar(), valid.tol(), valid.whiten()), (1e-4, 1e-5, false));
        assert!(matches!(valid.init(), Init::KMeans));
        assert!(valid.prior().is_none() && valid.shrinkage().is_none());
        let misspelled = text.replace("max_iter", "max_iterations");
        assert!(serde_json::from_str::<GmmParams>(&misspelled).is_err());
    }

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
