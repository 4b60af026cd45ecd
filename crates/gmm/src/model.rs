//! [`GaussianMixture`]: the fitted model and its parameters.

mod convolution;
mod form;
mod geometry;
mod prepared;
mod sampling;
mod scoring;

use crate::density::Cholesky;
use crate::error::{expect_len, expect_values, symmetrize};
use crate::{CovarianceType, Covariances, ModelError};

pub use form::{FORMAT, FormatError, VERSION};
use prepared::Prepared;
pub use sampling::Draws;
pub use scoring::Responsibilities;
pub(crate) use scoring::{expect_magnitudes, find_too_large, weighted};

/// A mixture of `K` Gaussians in `D` dimensions: `p(x) = Σ_k w_k N(x | μ_k, Σ_k)`.
///
/// Created by fitting ([`GmmParams::fit`](crate::GmmParams::fit)) or from known parameters
/// ([`from_parameters`](Self::from_parameters)). In both cases the parameters are valid: weights
/// are nonnegative and sum to 1, and all covariances are positive definite.
///
/// Serializes as the JSON object `format "gmm.mixture"`.
///
/// # Examples
/// ```
/// use gmm::{Covariances, GaussianMixture};
/// let diag = Covariances::Diag(vec![0.1, 2.0, 1.0, 0.3]);
/// let mixture = GaussianMixture::from_parameters(vec![0.5; 2], vec![0.0, 0.0, 3.0, 1.0], diag)?;
/// let saved = serde_json::to_string(&mixture)?;
/// let loaded: GaussianMixture = serde_json::from_str(&saved)?;
/// assert_eq!(loaded, mixture);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianMixture {
    weights: Vec<f64>,
    means: Vec<f64>,
    covariances: Covariances,
    cholesky: Cholesky,
    /// The densities in the layout of their kernel.
    prepared: Prepared,
}

impl GaussianMixture {
    /// Builds a mixture from its parameters, without a fit.
    ///
    /// The number of components is the number of weights; weights are divided by their sum, which
    /// must be 1 up to rounding. Matrices must be symmetric up to rounding; only their lower
    /// triangle is used.
    ///
    /// # Shapes
    /// - `weights`: `[K]`; `means`: `[K, D]`, row-major; `covariances`: see [`Covariances`]
    ///
    /// # Errors
    /// Returns a [`ModelError`] if a shape is wrong, a value is not finite, the weights do not sum
    /// to 1, or a covariance is not symmetric and positive definite.
    ///
    /// # Examples
    /// ```
    /// use gmm::{Covariances, GaussianMixture};
    /// let mixture = GaussianMixture::from_parameters(
    ///     vec![0.25, 0.75],
    ///     vec![-1.0, 0.0, 1.0, 0.0],
    ///     Covariances::Spherical(vec![1.0, 4.0]),
    /// )?;
    /// assert_eq!((mixture.n_components(), mixture.n_features()), (2, 2));
    /// # Ok::<(), gmm::ModelError>(())
    /// ```
    pub fn from_parameters(
        weights: Vec<f64>,
        means: Vec<f64>,
        mut covariances: Covariances,
    ) -> Result<Self, ModelError> {
        let k = weights.len();
        if k == 0 {
            return Err(ModelError::NoComponents);
        }
        let d = (means.len() / k).max(1);
        expect_len("means", means.len(), k * d)?;
        if let Covariances::LowRank { rank, .. } = &covariances {
            let n_values = rank.checked_add(1).and_then(|width| width.checked_mul(k * d));
            if *rank == 0 || n_values.is_none() {
                return Err(ModelError::Rank { rank: *rank });
            }
        }
        expect_len("covariances", covariances.as_slice().len(), covariances.expected_len(k, d))?;
        expect_values("weights", &weights, |w| w.is_finite() && w >= 0.0)?;
        expect_values("means", &means, f64::is_finite)?;
        expect_values("covariances", covariances.as_slice(), f64::is_finite)?;
        if let Covariances::Full(matrices) | Covariances::Tied(matrices) = &mut covariances {
            symmetrize(matrices, d)?;
        }
        let total: f64 = weights.iter().sum();
        if (total - 1.0).abs() > 1e-6 {
            return Err(ModelError::WeightSum { total });
        }
        // Weights that sum to 1 up to rounding are unchanged, so that a saved mixture loads bit for
        // bit.
        let scale = if (total - 1.0).abs() <= 1e-12 { 1.0 } else { total };
        let weights = weights.into_iter().map(|w| w / scale).collect();
        Self::from_valid(weights, means, covariances)
    }

    /// Builds a mixture from parameters with valid shapes, values and sum of weights.
    pub(crate) fn from_valid(
        weights: Vec<f64>,
        means: Vec<f64>,
        covariances: Covariances,
    ) -> Result<Self, ModelError> {
        let d = means.len() / weights.len();
        let cholesky = Cholesky::new(&covariances, weights.len(), d)
            .map_err(|singular| ModelError::NotPositiveDefinite { component: singular.0 })?;
        Ok(Self { weights, means, covariances, cholesky, prepared: Prepared::default() })
    }

    /// The inverse of [`into_parts`](Self::into_parts): the factors must be those of the
    /// covariances.
    pub(crate) fn from_parts(
        weights: Vec<f64>,
        means: Vec<f64>,
        covariances: Covariances,
        cholesky: Cholesky,
    ) -> Self {
        Self { weights, means, covariances, cholesky, prepared: Prepared::default() }
    }

    /// The covariances and their factors, for reuse of their memory.
    pub(crate) fn into_parts(self) -> (Covariances, Cholesky) {
        (self.covariances, self.cholesky)
    }

    /// Number of components `K`.
    pub fn n_components(&self) -> usize {
        self.weights.len()
    }

    /// Number of features `D`.
    pub fn n_features(&self) -> usize {
        self.means.len() / self.weights.len()
    }

    /// Mixing weights, `[K]`.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Component means, `[K, D]`, row-major.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Mean of one component, `[D]`.
    ///
    /// # Panics
    /// If `component` is not below [`n_components`](Self::n_components).
    pub fn mean(&self, component: usize) -> &[f64] {
        let d = self.n_features();
        &self.means[component * d..(component + 1) * d]
    }

    /// Component covariances, in the layout of their type.
    pub fn covariances(&self) -> &Covariances {
        &self.covariances
    }

    /// Covariance of one component as a dense row-major `[D, D]` matrix, whatever the covariance
    /// type.
    ///
    /// # Panics
    /// If `component` is not below [`n_components`](Self::n_components).
    pub fn covariance(&self, component: usize) -> Vec<f64> {
        assert!(
            component < self.n_components(),
            "component {component} of {}",
            self.n_components()
        );
        self.covariances.dense(component, self.n_features())
    }

    /// Type of the covariances.
    pub fn covariance_type(&self) -> CovarianceType {
        self.covariances.covariance_type()
    }

    /// Number of free parameters: `K - 1` weights, `K D` means and those of the covariances.
    pub fn n_parameters(&self) -> usize {
        let (k, d) = (self.n_components(), self.n_features());
        k - 1 + k * d + self.covariance_type().n_parameters(k, d)
    }

    pub(crate) fn cholesky(&self) -> &Cholesky {
        &self.cholesky
    }

    /// Checks that `component` exists.
    pub(crate) fn expect_component(&self, component: usize) -> Result<(), ModelError> {
        let n_components = self.n_components();
        if component < n_components {
            Ok(())
        } else {
            Err(ModelError::NoSuchComponent { component, n_components })
        }
    }
}
