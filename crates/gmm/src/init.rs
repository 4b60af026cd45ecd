//! [`Init`]: the kind of start.

pub(crate) mod kmeans;
pub(crate) mod oversampling;
pub(crate) mod view;

use crate::GaussianMixture;
use serde::{Deserialize, Serialize};

/// Kind of start: the initial responsibilities or parameters of EM.
///
/// The random kinds differ from start to start, so `n_init` greater than 1 makes sense only for
/// them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Init {
    /// Short runs of EM, of which the likeliest goes on (emEM, Biernacki et al. 2003). They start
    /// from k-means in the samples' own units, in units of each feature's deviation, and whitened,
    /// and from random rows.
    ///
    /// Up to some thousand rows, up to 16 runs on all of them compete until one is left. With more,
    /// runs on a subset compete, and the one under which unseen rows are likeliest continues on
    /// subsets that double in size. With full or low-rank covariances, which fit a subset too
    /// closely, its k-means continues instead, on all rows.
    #[default]
    ShortRuns,
    /// k-means from k-means++ centers, on at most 16,384 rows (beyond 32 components 512 to 1,024 a
    /// component); each row belongs to its nearest center.
    KMeans,
    /// k-means from k-means‖ centers (Bahmani et al. 2012), on all rows: for many rows with
    /// clusters so small that a subset may miss them. Sixteen passes over the data at most.
    KMeansParallel,
    /// k-means++ centers alone; each row belongs to its nearest center.
    KMeansPlusPlus,
    /// Distinct random rows as means, equal weights, the covariance of all samples for every
    /// component.
    Random,
    /// Component of each row, `[n_samples]`.
    Labels(Vec<usize>),
    /// Responsibilities of each row, `[n_samples, K]`, row-major; each row must sum to 1.
    Responsibilities(Vec<f64>),
    /// Parameters to go on from, of the same covariance type.
    Model(Box<GaussianMixture>),
}

impl Init {
    /// Whether the start is the caller's, so that every start would be the same.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self, Self::Labels(_) | Self::Responsibilities(_) | Self::Model(_))
    }
}
