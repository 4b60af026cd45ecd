//! [`CovarianceType`] and the covariances of a mixture.

use crate::factor;
use serde::{Deserialize, Serialize};

/// Type of the component covariances.
///
/// Number of free parameters for `K` components in `D` dimensions, excluding means and weights:
/// full `K D (D+1)/2`, tied `D (D+1)/2`, diag `K D`, spherical `K`, low rank
/// `K (D (R+1) - R (R-1)/2)`.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CovarianceType {
    /// Each component has a separate symmetric matrix.
    #[default]
    Full,
    /// All components share one symmetric matrix.
    Tied,
    /// Each component has a separate variance per feature.
    Diag,
    /// Each component has one variance for all features.
    Spherical,
    /// Each component has `R` factors and a separate variance per feature, `Λ Λᵀ + Ψ`: a mixture of
    /// factor analyzers (Ghahramani & Hinton 1996), for many features and few samples. `R` must be
    /// less than the number of features.
    LowRank(
        /// `R`, the number of factors.
        usize,
    ),
}

impl CovarianceType {
    /// Number of free covariance parameters of `n_components` in `n_features` dimensions.
    pub fn n_parameters(self, n_components: usize, n_features: usize) -> usize {
        match self {
            Self::Full => n_components * n_features * (n_features + 1) / 2,
            Self::Tied => n_features * (n_features + 1) / 2,
            Self::Diag => n_components * n_features,
            Self::Spherical => n_components,
            Self::LowRank(rank) => {
                // Rotating the factors changes nothing, which subtracts R (R - 1) / 2 degrees of
                // freedom.
                n_components * (n_features * (rank + 1) - rank * rank.saturating_sub(1) / 2)
            }
        }
    }

    /// The type of second moments that the M step needs.
    pub(crate) fn of_moments(self) -> Self {
        match self {
            Self::LowRank(_) => Self::Full,
            other => other,
        }
    }
}

/// Covariances of all components, in the layout of their [`CovarianceType`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Covariances {
    /// `[K, D, D]`, row-major.
    Full(Vec<f64>),
    /// `[D, D]`, row-major.
    Tied(Vec<f64>),
    /// `[K, D]`: variances.
    Diag(Vec<f64>),
    /// `[K]`: variances.
    Spherical(Vec<f64>),
    /// `[K, D, R + 1]`: each feature's loadings on the factors, followed by its own variance.
    LowRank {
        /// `R`, the number of factors.
        rank: usize,
        /// Loadings and variances.
        values: Vec<f64>,
    },
}

impl Covariances {
    /// The type of the covariances.
    pub fn covariance_type(&self) -> CovarianceType {
        match self {
            Self::Full(_) => CovarianceType::Full,
            Self::Tied(_) => CovarianceType::Tied,
            Self::Diag(_) => CovarianceType::Diag,
            Self::Spherical(_) => CovarianceType::Spherical,
            Self::LowRank { rank, .. } => CovarianceType::LowRank(*rank),
        }
    }

    /// The stored numbers as one slice.
    pub fn as_slice(&self) -> &[f64] {
        match self {
            Self::Full(v) | Self::Tied(v) | Self::Diag(v) | Self::Spherical(v) => v,
            Self::LowRank { values, .. } => values,
        }
    }

    /// Number of values stored for `n_components` in `n_features` dimensions.
    pub(crate) fn expected_len(&self, n_components: usize, n_features: usize) -> usize {
        match self {
            Self::Full(_) => n_components * n_features * n_features,
            Self::Tied(_) => n_features * n_features,
            Self::Diag(_) => n_components * n_features,
            Self::Spherical(_) => n_components,
            Self::LowRank { rank, .. } => n_components * n_features * (rank + 1),
        }
    }

    /// The covariance of one component as a dense row-major `[D, D]` matrix.
    pub(crate) fn dense(&self, component: usize, n_features: usize) -> Vec<f64> {
        let d = n_features;
        match self {
            Self::Full(v) => v[component * d * d..(component + 1) * d * d].to_vec(),
            Self::Tied(v) => v.clone(),
            Self::Diag(v) => diagonal(&v[component * d..(component + 1) * d]),
            Self::Spherical(v) => diagonal(&vec![v[component]; d]),
            Self::LowRank { rank, values } => {
                let width = d * (rank + 1);
                factor::dense(&values[component * width..(component + 1) * width], *rank)
            }
        }
    }
}

/// Dense row-major matrix with the given diagonal.
fn diagonal(values: &[f64]) -> Vec<f64> {
    let d = values.len();
    let mut dense = vec![0.0; d * d];
    for (j, value) in values.iter().enumerate() {
        dense[j * d + j] = *value;
    }
    dense
}
