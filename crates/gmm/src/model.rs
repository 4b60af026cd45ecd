//! [`GaussianMixture`]: the fitted model, its parameters and what it says about samples.

mod adaptation;
mod convolution;
mod form;
mod geometry;
mod sampling;
mod scoring;

use crate::density::Factors;
use crate::{CovarianceType, Covariances};
use thiserror::Error;

pub use adaptation::Adapted;
pub use form::{FORMAT, FormatError, VERSION};
pub use sampling::Draws;
pub use scoring::Responsibilities;
pub(crate) use scoring::weighted;

/// A mixture of `K` Gaussians in `D` dimensions: `p(x) = Σ_k w_k N(x | μ_k, Σ_k)`.
///
/// Made by fitting ([`GmmParams::fit`](crate::GmmParams::fit)) or from known parameters
/// ([`from_parameters`](Self::from_parameters)); the parameters are valid in either case: weights are not negative
/// and sum to 1, every covariance is positive definite.
///
/// Serialises as the JSON object `format "gmm.mixture"`.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianMixture {
    weights: Vec<f64>,
    means: Vec<f64>,
    covariances: Covariances,
    factors: Factors,
}

/// Why parameters do not make a mixture, or samples do not fit one.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no component.
    #[error("a mixture needs at least one component")]
    NoComponents,
    /// An array does not have the length that the number of components and features asks for.
    #[error("{what} hold {found} values where {expected} are needed")]
    Length {
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length needed.
        expected: usize,
    },
    /// A weight, mean or covariance is not finite, or a weight is negative.
    #[error(
        "value {index} of the {what} is {value}; values must be finite and weights not negative"
    )]
    BadValue {
        /// Which array.
        what: &'static str,
        /// Index in that array.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// The weights do not sum to one.
    #[error("the weights sum to {total}; they must sum to 1 (to within 1e-6)")]
    WeightSum {
        /// The sum found.
        total: f64,
    },
    /// A covariance has no Cholesky factor.
    #[error("the covariance of component {component} is not positive definite")]
    NotPositiveDefinite {
        /// The component, counted from 0.
        component: usize,
    },
    /// Samples have another number of features than the mixture.
    #[error("the samples have {found} features where the mixture has {expected}")]
    FeatureMismatch {
        /// Features of the samples.
        found: usize,
        /// Features of the mixture.
        expected: usize,
    },
    /// Features that do not exist, repeat, or leave nothing over.
    #[error(
        "the features {features:?} cannot be used: they must differ and lie below {n_features}, and some must be left over where values are given"
    )]
    BadFeatures {
        /// The features asked for.
        features: Vec<usize>,
        /// How many there are.
        n_features: usize,
    },
    /// There is no such component.
    #[error("there is no component {component}: the mixture has {n_components}, counted from 0")]
    NoSuchComponent {
        /// The component asked for.
        component: usize,
        /// How many there are.
        n_components: usize,
    },
}

impl From<crate::linalg::NotPositiveDefinite> for ModelError {
    fn from(_: crate::linalg::NotPositiveDefinite) -> Self {
        Self::NotPositiveDefinite { component: 0 }
    }
}

impl GaussianMixture {
    /// Builds a mixture from its parameters, without a fit.
    ///
    /// The number of components is the number of weights; weights are divided by their sum, which must be 1 up to
    /// rounding. Of symmetric matrices the lower triangle is read.
    ///
    /// # Shapes
    /// - `weights`: `[K]`; `means`: `[K, D]`, row-major; `covariances`: see [`Covariances`]
    ///
    /// # Errors
    /// [`ModelError`] when a shape is wrong, a value is not finite, the weights do not sum to 1 or a covariance is
    /// not positive definite.
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
        covariances: Covariances,
    ) -> Result<Self, ModelError> {
        let k = weights.len();
        if k == 0 {
            return Err(ModelError::NoComponents);
        }
        let d = (means.len() / k).max(1);
        expect_len("means", means.len(), k * d)?;
        expect_len("covariances", covariances.as_slice().len(), covariances.expected_len(k, d))?;
        expect_values("weights", &weights, |w| w.is_finite() && w >= 0.0)?;
        expect_values("means", &means, f64::is_finite)?;
        expect_values("covariances", covariances.as_slice(), f64::is_finite)?;
        let total: f64 = weights.iter().sum();
        if (total - 1.0).abs() > 1e-6 {
            return Err(ModelError::WeightSum { total });
        }
        // Weights that sum to 1 up to rounding stay as they are, so that a saved mixture loads bit for bit.
        let scale = if (total - 1.0).abs() <= 1e-12 { 1.0 } else { total };
        let weights = weights.into_iter().map(|w| w / scale).collect();
        Self::from_valid(weights, means, covariances)
    }

    /// Builds a mixture from parameters whose shapes, values and weight sum are known to be right.
    pub(crate) fn from_valid(
        weights: Vec<f64>,
        means: Vec<f64>,
        covariances: Covariances,
    ) -> Result<Self, ModelError> {
        let d = means.len() / weights.len();
        let factors = Factors::new(&covariances, weights.len(), d)
            .map_err(|singular| ModelError::NotPositiveDefinite { component: singular.0 })?;
        Ok(Self { weights, means, covariances, factors })
    }

    /// Puts together what [`into_parts`](Self::into_parts) takes apart: the factors are those of the covariances.
    pub(crate) fn from_parts(
        weights: Vec<f64>,
        means: Vec<f64>,
        covariances: Covariances,
        factors: Factors,
    ) -> Self {
        Self { weights, means, covariances, factors }
    }

    /// The covariances and their factors, whose memory serves again.
    pub(crate) fn into_parts(self) -> (Covariances, Factors) {
        (self.covariances, self.factors)
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

    /// Component covariances in the shape they are stored in.
    pub fn covariances(&self) -> &Covariances {
        &self.covariances
    }

    /// Covariance of one component as a dense row-major `[D, D]` matrix, whatever the stored shape.
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

    /// Shape of the covariances.
    pub fn covariance_type(&self) -> CovarianceType {
        self.covariances.covariance_type()
    }

    /// Number of free parameters: `K - 1` weights, `K D` means and those of the covariances.
    pub fn n_parameters(&self) -> usize {
        let (k, d) = (self.n_components(), self.n_features());
        k - 1 + k * d + self.covariance_type().n_parameters(k, d)
    }

    pub(crate) fn factors(&self) -> &Factors {
        &self.factors
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

fn expect_len(what: &'static str, found: usize, expected: usize) -> Result<(), ModelError> {
    if found == expected { Ok(()) } else { Err(ModelError::Length { what, found, expected }) }
}

fn expect_values(
    what: &'static str,
    values: &[f64],
    allowed: impl Fn(f64) -> bool,
) -> Result<(), ModelError> {
    match values.iter().position(|v| !allowed(*v)) {
        Some(index) => Err(ModelError::BadValue { what, index, value: values[index] }),
        None => Ok(()),
    }
}
