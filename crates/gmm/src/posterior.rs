//! The prior of the weights in a variational fit, and the posterior of the fit.

use crate::{GaussianMixture, ModelError};
use serde::{Deserialize, Serialize};

/// Prior of the mixing weights.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WeightPrior {
    /// Stick breaking, truncated at `K` components: each takes a `Beta(1, γ)` fraction of the rest
    /// left by the previous ones. With small concentrations `γ`, few components have any weight.
    DirichletProcess {
        /// `γ`; `1 / K` by default.
        concentration: Option<f64>,
    },
    /// A symmetric Dirichlet distribution.
    Dirichlet {
        /// Its parameter for each weight; `1 / K` by default.
        concentration: Option<f64>,
    },
}

/// Parameters only for the variational fit.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) weights: WeightPrior,
    pub(crate) mean_precision: f64,
    pub(crate) degrees_of_freedom: Option<f64>,
}

/// A mixture fitted by variational inference.
///
/// Serializes as the mixture's JSON object with additional fields.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BayesianFit {
    /// The mixture at the posterior's expected weights, means and covariances.
    #[serde(flatten)]
    pub model: GaussianMixture,
    /// Parameters of the posterior of the weights: `Beta(a, b)` for each stick, or `a` of the
    /// Dirichlet distribution (with `b` = 0), `[K]`.
    pub weight_concentration: Vec<(f64, f64)>,
    /// `β`: number of samples that the posterior of each mean counts as, `[K]`.
    pub mean_precision: Vec<f64>,
    /// `ν`: degrees of freedom of each precision's Wishart posterior, `[K]` (all equal for tied
    /// covariances).
    pub degrees_of_freedom: Vec<f64>,
    /// Lower bound of the log evidence after each iteration, up to a constant, in nats.
    pub lower_bounds: Vec<f64>,
    /// Whether the bound's last change was below `tol`.
    pub converged: bool,
}

impl BayesianFit {
    /// The mixture without the components whose weight is below `least`.
    ///
    /// # Errors
    /// Returns [`ModelError::NoComponents`] if none is left.
    pub fn pruned(&self, least: f64) -> Result<GaussianMixture, ModelError> {
        let mut model = self.model.clone();
        // From last to first, so that the remaining indices stay valid.
        for component in (0..self.model.n_components()).rev() {
            if self.model.weights()[component] < least {
                model = model.without(component)?;
            }
        }
        Ok(model)
    }
}
