//! [`ModelError`], and the checks of parameters.

use crate::linalg::NotPositiveDefinite;
use crate::points::PointsError;
use thiserror::Error;

/// Reason why parameters are not a valid mixture, or samples don't fit one.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ModelError {
    /// There are no components.
    #[error("a mixture needs at least one component")]
    NoComponents,
    /// The length of an array does not match the number of components and features.
    #[error("{what} hold {found} values where {expected} are needed")]
    Length {
        /// The array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The required length.
        expected: usize,
    },
    /// A weight, mean or covariance is not finite, or a weight is negative.
    #[error(
        "value {index} of the {what} is {value}; values must be finite and weights not negative"
    )]
    BadValue {
        /// The array.
        what: &'static str,
        /// Index in that array.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// The weights do not sum to 1.
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
    /// A covariance without a component has no Cholesky factor.
    #[error("the covariance is not positive definite")]
    SingularCovariance,
    /// A covariance is not symmetric.
    #[error(
        "the {what} are not symmetric: row {row}, column {column} of matrix {matrix} is {value}, and across the diagonal it is {mirrored}"
    )]
    NotSymmetric {
        /// The array.
        what: &'static str,
        /// Index of the matrix, from 0.
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
    /// Low-rank covariances without factors, or with too many to represent.
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
    /// Samples and mixture have different numbers of features.
    #[error("the samples have {found} features where the mixture has {expected}")]
    FeatureMismatch {
        /// Number of features of the samples.
        found: usize,
        /// Number of features of the mixture.
        expected: usize,
    },
    /// Features don't exist, are repeated, or leave none over.
    #[error(
        "the features {features:?} cannot be used: they must differ and lie below {n_features}, and some must be left over where values are given"
    )]
    BadFeatures {
        /// The requested features.
        features: Vec<usize>,
        /// Number of features.
        n_features: usize,
    },
    /// The component does not exist.
    #[error("there is no component {component}: the mixture has {n_components}, counted from 0")]
    NoSuchComponent {
        /// The requested component.
        component: usize,
        /// Number of components.
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
                // Off the diagonal, values are at most the root of the product of their diagonal
                // entries.
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
