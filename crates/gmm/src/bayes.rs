//! [`BayesianParams`]: mixtures fitted by variational inference, which empties the components that it does not need.

use crate::em::{FitError, variational};
use crate::init::Init;
use crate::params::{GmmParams, ParamError};
use crate::{CovarianceType, GaussianMixture, ModelError, Real, Samples};
use serde::{Deserialize, Serialize};

/// Prior of the mixing weights.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WeightPrior {
    /// Stick breaking, truncated at `K` components: each takes a `Beta(1, γ)` share of what the ones before it left. Small
    /// concentrations `γ` leave few components with any weight.
    DirichletProcess {
        /// `γ`; `1 / K` if none is given.
        concentration: Option<f64>,
    },
    /// A symmetric Dirichlet distribution.
    Dirichlet {
        /// Its parameter for each weight; `1 / K` if none is given.
        concentration: Option<f64>,
    },
}

/// Parameters of a variational fit.
///
/// The posterior is factorised into responsibilities, weights, and a normal–Wishart distribution of each component's mean
/// and precision (Bishop, PRML, section 10.2; Blei & Jordan 2006 for the Dirichlet process). Names, defaults and
/// arithmetic follow scikit-learn's `BayesianGaussianMixture`, except for the start: responsibilities under the mixture
/// that [`Init::ShortRuns`] finds.
///
/// # Examples
/// ```
/// use gmm::{BayesianParams, Samples};
/// let data: Vec<f64> = (0..300).map(|i| f64::from(i % 2) * 20.0 + f64::from(i % 11) * 0.1).collect();
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

/// What only the variational fit knows.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) weights: WeightPrior,
    pub(crate) mean_precision: f64,
    pub(crate) degrees_of_freedom: Option<f64>,
}

/// A mixture fitted by variational inference.
///
/// Serialises as the mixture's JSON object with more fields.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BayesianFit {
    /// The mixture at the posterior's expected weights, means and covariances.
    #[serde(flatten)]
    pub model: GaussianMixture,
    /// Parameters of the posterior of the weights: `Beta(a, b)` of each stick, or `a` of the Dirichlet (`b` is 0), `[K]`.
    pub weight_concentration: Vec<(f64, f64)>,
    /// `β`: how many samples the posterior of each mean counts for, `[K]`.
    pub mean_precision: Vec<f64>,
    /// `ν`: degrees of freedom of each precision's Wishart posterior, `[K]` (all alike for tied covariances).
    pub degrees_of_freedom: Vec<f64>,
    /// Lower bound of the log evidence after each iteration, up to a constant, in nats.
    pub lower_bounds: Vec<f64>,
    /// Whether the bound's last change was below `tol`.
    pub converged: bool,
}

impl BayesianParams {
    /// Defaults for at most `n_components`: full covariances, a Dirichlet process of concentration `1 / K`, mean precision
    /// 1, as many degrees of freedom as features, `tol` 1e-3, `max_iter` 100, `reg_covar` 1e-6.
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

    /// Sets the shape of the covariances; low rank is refused.
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

    /// Sets `β₀`: how many samples the prior mean, that of all samples, counts for.
    #[must_use]
    pub fn mean_precision(mut self, beta: f64) -> Self {
        self.settings.mean_precision = beta;
        self
    }

    /// Sets `ν₀`, which must be above the number of features less one.
    #[must_use]
    pub fn degrees_of_freedom(mut self, nu: f64) -> Self {
        self.settings.degrees_of_freedom = Some(nu);
        self
    }

    /// Sets what is added to the diagonal of every component's own covariance, in squared units of the data.
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

    /// Sets the largest number of iterations.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.common = self.common.max_iter(max_iter);
        self
    }

    /// Sets how the starting responsibilities are made; [`Init::Random`] and [`Init::Model`] give none and are refused.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.common = self.common.init(init);
        self
    }

    /// Checks the parameters and fits. The same inputs give the same bits at any number of threads.
    ///
    /// # Errors
    /// [`FitError`], as [`GmmParams::fit`].
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
        if let CovarianceType::LowRank(_) = self.common.chosen_covariance_type() {
            let covariance_type = self.common.chosen_covariance_type();
            return Err(ParamError::BayesianShape { covariance_type }.into());
        }
        variational::fit(self.common.check()?.values(), &self.settings, samples, seed)
    }
}

impl BayesianFit {
    /// The mixture without the components of less than `least` weight.
    ///
    /// # Errors
    /// [`ModelError::NoComponents`] when none is left.
    pub fn pruned(&self, least: f64) -> Result<GaussianMixture, ModelError> {
        let mut model = self.model.clone();
        // From the last to the first, so that the indices of those to come stay right.
        for component in (0..self.model.n_components()).rev() {
            if self.model.weights()[component] < least {
                model = model.without(component)?;
            }
        }
        Ok(model)
    }
}
