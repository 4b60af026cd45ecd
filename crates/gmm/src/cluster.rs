//! k-means, and measures of agreement of two partitions of the same items.

mod agreement;
mod k_means;

pub(crate) use agreement::weighted_rand_index;
pub use agreement::{
    Contingency, adjusted_mutual_information, adjusted_rand_index, normalized_mutual_information,
};
pub use k_means::{Clusters, KMeans};
