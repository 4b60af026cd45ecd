//! [`ModelError`], and the checks of parameters that end in it.

use crate::linalg::NotPositiveDefinite;
use crate::points::PointsError;
use thiserror::Error;

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
    Points(#[from] PointsError),
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

impl From<NotPositiveDefinite> for ModelError {
    fn from(_: NotPositiveDefinite) -> Self {
        Self::SingularCovariance
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

pub(crate) fn expect_len(
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), ModelError> {
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
