//! The prior of a variational fit's weights, and the posterior that the fit finds.

use crate::{GaussianMixture, ModelError};
use serde::{Deserialize, Serialize};

/// Prior of the mixing weights.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WeightPrior {
    /// Stick breaking, truncated at `K` components: each takes a `Beta(1, γ)` share of what the
    /// ones before it left. Small concentrations `γ` leave few components with any weight.
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

/// Parameters that only the variational fit has.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) weights: WeightPrior,
    pub(crate) mean_precision: f64,
    pub(crate) degrees_of_freedom: Option<f64>,
}

/// A mixture fitted by variational inference.
///
/// Serializes as the mixture's JSON object with more fields.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BayesianFit {
    /// The mixture at the posterior's expected weights, means and covariances.
    #[serde(flatten)]
    pub model: GaussianMixture,
    /// Parameters of the posterior of the weights: `Beta(a, b)` of each stick, or `a` of the
    /// Dirichlet (`b` is 0), `[K]`.
    pub weight_concentration: Vec<(f64, f64)>,
    /// `β`: how many samples the posterior of each mean counts for, `[K]`.
    pub mean_precision: Vec<f64>,
    /// `ν`: degrees of freedom of each precision's Wishart posterior, `[K]` (all alike for tied
    /// covariances).
    pub degrees_of_freedom: Vec<f64>,
    /// Lower bound of the log evidence after each iteration, up to a constant, in nats.
    pub lower_bounds: Vec<f64>,
    /// Whether the bound's last change was below `tol`.
    pub converged: bool,
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
