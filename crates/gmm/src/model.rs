//! [`GaussianMixture`]: the fitted model, its parameters and what it says about samples.

mod convolution;
mod form;
mod geometry;
mod sampling;
mod scoring;

use crate::density::Factors;
use crate::{CovarianceType, Covariances};
use thiserror::Error;

pub use form::{FORMAT, FormatError, VERSION};
pub use sampling::Draws;
pub use scoring::Responsibilities;
pub(crate) use scoring::{expect_magnitudes, find_too_large, weighted};

/// A mixture of `K` Gaussians in `D` dimensions: `p(x) = Σ_k w_k N(x | μ_k, Σ_k)`.
///
/// Made by fitting ([`GmmParams::fit`](crate::GmmParams::fit)) or from known parameters
/// ([`from_parameters`](Self::from_parameters)); the parameters are valid in either case: weights
/// are not negative and sum to 1, every covariance is positive definite.
///
/// Serializes as the JSON object `format "gmm.mixture"`.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianMixture {
    weights: Vec<f64>,
    means: Vec<f64>,
    covariances: Covariances,
    factors: Factors,
}

/// Reason why parameters don't form a mixture, or samples don't fit one.
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
    /// A covariance that belongs to no component has no Cholesky factor.
    #[error("the covariance is not positive definite")]
    SingularCovariance,
    /// A covariance is not symmetric.
    #[error(
        "the {what} are not symmetric: row {row}, column {column} of matrix {matrix} is {value}, and across the diagonal it is {mirrored}"
    )]
    NotSymmetric {
        /// Which array.
        what: &'static str,
        /// Which matrix of it, counted from 0.
        matrix: usize,
        /// Row, counted from 0.
        row: usize,
        /// Column, counted from 0.
        column: usize,
        /// The value found there.
        value: f64,
        /// The value found across the diagonal.
        mirrored: f64,
    },
    /// Low-rank covariances without a factor, or with more than can be counted.
    #[error(
        "the rank of the covariances is {rank}; it must be 1 or more (without factors, covariances are diagonal)"
    )]
    Rank {
        /// The rank found.
        rank: usize,
    },
    /// Points have no mean or covariance.
    #[error(transparent)]
    Points(#[from] crate::points::PointsError),
    /// A value of the samples is so large that its square overflows.
    #[error(
        "row {row}, column {column} of the samples is {value}; squares overflow beyond {limit:e}, rescale the data"
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
        Self::SingularCovariance
    }
}

impl GaussianMixture {
    /// Builds a mixture from its parameters, without a fit.
    ///
    /// The number of components is the number of weights; weights are divided by their sum, which
    /// must be 1 up to rounding. Matrices must be symmetric up to rounding; then their lower
    /// triangle holds.
    ///
    /// # Shapes
    /// - `weights`: `[K]`; `means`: `[K, D]`, row-major; `covariances`: see [`Covariances`]
    ///
    /// # Errors
    /// [`ModelError`] when a shape is wrong, a value is not finite, the weights do not sum to 1 or
    /// a covariance is not symmetric and positive definite.
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
        // Weights that sum to 1 up to rounding stay as they are, so that a saved mixture loads bit
        // for bit.
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

    /// Puts together what [`into_parts`](Self::into_parts) takes apart: the factors are those of
    /// the covariances.
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

/// Copies the lower triangle of every matrix onto the upper one, if they agree up to rounding.
pub(crate) fn symmetrize(matrices: &mut [f64], d: usize) -> Result<(), ModelError> {
    for (matrix, values) in matrices.chunks_mut(d * d).enumerate() {
        for row in 0..d {
            for column in 0..row {
                let (value, mirrored) = (values[row * d + column], values[column * d + row]);
                // Off the diagonal, values are at most the root of what stands on it.
                let scale = (values[row * d + row] * values[column * d + column]).abs().sqrt();
                let largest = scale.max(value.abs()).max(mirrored.abs());
                if (value - mirrored).abs() > 1e-6 * largest {
                    let what = "covariances";
                    return Err(ModelError::NotSymmetric {
                        what,
                        matrix,
                        row,
                        column,
                        value,
                        mirrored,
                    });
                }
                values[column * d + row] = value;
            }
        }
    }
    Ok(())
}

fn expect_len(what: &'static str, found: usize, expected: usize) -> Result<(), ModelError> {
    if found == expected { Ok(()) } else { Err(ModelError::Length { what, found, expected }) }
}

pub(crate) fn expect_values(
    what: &'static str,
    values: &[f64],
    allowed: impl Fn(f64) -> bool,
) -> Result<(), ModelError> {
    match values.iter().position(|v| !allowed(*v)) {
        Some(index) => Err(ModelError::BadValue { what, index, value: values[index] }),
        None => Ok(()),
    }
}
