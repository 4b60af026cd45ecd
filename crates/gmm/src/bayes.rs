//! [`BayesianParams`]: mixtures fitted by variational inference, which leaves unneeded components
//! empty.

use crate::em::{FitError, variational};
use crate::init::Init;
use crate::params::GmmParams;
use crate::posterior::{BayesianFit, Settings, WeightPrior};
use crate::values::ParamError;
use crate::{CovarianceType, Real, Samples};

/// Parameters of a variational fit.
///
/// The posterior is factorized into responsibilities, weights, and a normal–Wishart distribution of
/// each component's mean and precision (Bishop, PRML, section 10.2; Blei & Jordan 2006 for the
/// Dirichlet process). Names, defaults and arithmetic follow scikit-learn's
/// `BayesianGaussianMixture`, except for the start: responsibilities under the mixture that
/// [`Init::ShortRuns`] finds.
///
/// # Examples
/// ```
/// use gmm::{BayesianParams, Samples};
/// let value = |i| f64::from(i % 2) * 20.0 + f64::from(i % 11) * 0.1;
/// let data: Vec<f64> = (0..300).map(value).collect();
/// let samples = Samples::new(&data, 300, 1)?;
/// let fit = BayesianParams::new(6).max_iter(300).fit(&samples, 3)?;
/// let pruned = fit.pruned(0.01)?;
/// assert!(pruned.n_components() < 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BayesianParams {
    pub(crate) common: GmmParams,
    pub(crate) settings: Settings,
}

impl BayesianParams {
    /// Defaults for at most `n_components`: full covariances, a Dirichlet process with
    /// concentration `1 / K`, mean precision 1, degrees of freedom equal to the number of features,
    /// `tol` 1e-3, `max_iter` 100, `reg_covar` 1e-6.
    pub fn new(n_components: usize) -> Self {
        Self {
            common: GmmParams::new(n_components),
            settings: Settings {
                weights: WeightPrior::DirichletProcess { concentration: None },
                mean_precision: 1.0,
                degrees_of_freedom: None,
            },
        }
    }

    /// Sets the covariance type; low rank is not supported.
    #[must_use]
    pub fn covariance_type(mut self, covariance_type: CovarianceType) -> Self {
        self.common = self.common.covariance_type(covariance_type);
        self
    }

    /// Sets the prior of the weights.
    #[must_use]
    pub fn weights(mut self, prior: WeightPrior) -> Self {
        self.settings.weights = prior;
        self
    }

    /// Sets `β₀`: the number of samples that the prior mean (the mean of all samples) counts as.
    #[must_use]
    pub fn mean_precision(mut self, beta: f64) -> Self {
        self.settings.mean_precision = beta;
        self
    }

    /// Sets `ν₀`, which must be greater than the number of features minus one.
    #[must_use]
    pub fn degrees_of_freedom(mut self, nu: f64) -> Self {
        self.settings.degrees_of_freedom = Some(nu);
        self
    }

    /// Sets the value added to the diagonal of every component's covariance, in squared units of
    /// the data.
    #[must_use]
    pub fn reg_covar(mut self, reg_covar: f64) -> Self {
        self.common = self.common.reg_covar(reg_covar);
        self
    }

    /// Sets the change of the bound (nats, over all samples) below which the fit has converged.
    #[must_use]
    pub fn tol(mut self, tol: f64) -> Self {
        self.common = self.common.tol(tol);
        self
    }

    /// Sets the maximum number of iterations.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.common = self.common.max_iter(max_iter);
        self
    }

    /// Sets the method for the initial responsibilities; [`Init::Random`] and [`Init::Model`]
    /// provide none and are rejected.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.common = self.common.init(init);
        self
    }

    /// Checks the parameters and fits. The same inputs give the same bits at any number of threads.
    ///
    /// # Errors
    /// Returns a [`FitError`], same as [`GmmParams::fit`].
    pub fn fit<T: Real>(
        self,
        samples: &Samples<'_, T>,
        seed: u64,
    ) -> Result<BayesianFit, FitError> {
        let positive = |what, value: f64| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(ParamError::Prior { what, value })
            }
        };
        let (WeightPrior::DirichletProcess { concentration }
        | WeightPrior::Dirichlet { concentration }) = self.settings.weights;
        positive("the weight concentration", concentration.unwrap_or(1.0))?;
        positive("the mean precision", self.settings.mean_precision)?;
        let least = samples.n_features() as f64 - 1.0;
        let degrees = self.settings.degrees_of_freedom.unwrap_or(least + 1.0);
        if !(degrees > least && degrees.is_finite()) {
            let what = "the degrees of freedom, which must exceed the number of features less one,";
            return Err(ParamError::Prior { what, value: degrees }.into());
        }
        let covariance_type = self.common.values().covariance_type;
        if let CovarianceType::LowRank(_) = covariance_type {
            return Err(ParamError::BayesianShape { covariance_type }.into());
        }
        variational::fit(self.common.check()?.values(), &self.settings, samples, seed)
    }
}
