//! [`Init`]: the kind of start.

pub(crate) mod kmeans;
pub(crate) mod oversampling;
pub(crate) mod view;

use crate::GaussianMixture;
use serde::{Deserialize, Serialize};

/// Kind of start: the initial responsibilities or parameters of EM.
///
/// The random kinds differ from start to start, so only for them does `n_init` greater than 1 make
/// sense.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Init {
    /// Short runs of EM, of which the most likely one continues (emEM, Biernacki et al. 2003). They
    /// start from k-means in the samples' own units, in units of each feature's standard deviation,
    /// and whitened, and from random rows.
    ///
    /// With up to a few thousand rows, up to 16 runs on all of them compete until one is left. With
    /// more rows, runs on a subset compete, and the one with the highest likelihood of unseen rows
    /// continues on subsets that double in size. With full or low-rank covariances, which fit a
    /// subset too closely, its k-means continues instead, on all rows.
    #[default]
    ShortRuns,
    /// k-means from k-means++ centers, on at most 16,384 rows (beyond 32 components, 512 to 1,024
    /// per component); each row belongs to its nearest center.
    KMeans,
    /// k-means from k-means‖ centers (Bahmani et al. 2012), on all rows: for many rows with
    /// clusters so small that a subset may miss them. At most sixteen passes over the data.
    KMeansParallel,
    /// k-means++ centers only; each row belongs to its nearest center.
    KMeansPlusPlus,
    /// Distinct random rows as means, equal weights, the covariance of all samples for every
    /// component.
    Random,
    /// Component of each row, `[n_samples]`.
    Labels(Vec<usize>),
    /// Responsibilities of each row, `[n_samples, K]`, row-major; each row must sum to 1.
    Responsibilities(Vec<f64>),
    /// Parameters to continue from, with the same covariance type.
    Model(Box<GaussianMixture>),
}

impl Init {
    /// Whether the start is given by the caller, so that all starts would be equal.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self, Self::Labels(_) | Self::Responsibilities(_) | Self::Model(_))
    }
}
