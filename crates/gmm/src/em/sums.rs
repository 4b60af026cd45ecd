//! Moments of one chunk of rows, before they are added to those of the whole pass.

use super::bounds::BlockScratch;
use super::sparse::SparseResponsibilities;
use super::tied::WithinSums;
use crate::density::BLOCK_ROWS;
use crate::kernels::diagonal::{self, MomentSums, spread};
use crate::kernels::tiles::Aligned;
use crate::stats::{Accumulator, Moments};
use crate::{CovarianceType, Real};

/// The points around which one pass computes moments.
pub(super) struct Centers<T> {
    /// Subtracted from the rows first, for diagonal covariances.
    origin: Vec<T>,
    /// The components' centers relative to it, `[K, padded D]`.
    relative: Aligned<T>,
    /// The centers after rounding, `[K, D]`.
    wide: Vec<f64>,
}

impl<T: Real> Centers<T> {
    pub(super) fn new() -> Self {
        Self { origin: Vec::new(), relative: Aligned::new(), wide: Vec::new() }
    }

    /// Sets `centers` (`[K, D]`), rounded to the samples' type: relative to `origin` or, for full
    /// covariances, each as it is.
    pub(super) fn set(&mut self, centers: &[f64], origin: &[T], is_full: bool) {
        let d = origin.len();
        self.origin.clear();
        self.origin.extend_from_slice(origin);
        if is_full {
            self.origin.fill(T::from_f64(0.0));
        }
        let origin = &self.origin;
        self.wide.clear();
        let differences = centers.iter().zip(origin.iter().cycle());
        self.wide.extend(differences.map(|(center, origin)| center - origin.to_f64()));
        spread(&self.wide, d, &mut self.relative);
        for (wide, origin) in self.wide.iter_mut().zip(origin.iter().cycle()) {
            *wide = T::from_f64(*wide).to_f64() + origin.to_f64();
        }
    }

    /// The center of one component.
    pub(super) fn of(&self, component: usize) -> &[f64] {
        let d = self.origin.len();
        &self.wide[component * d..(component + 1) * d]
    }
}

/// Moments of all components over one chunk.
pub(super) enum ChunkSums<T> {
    /// Matrices of second moments.
    Full(Vec<Accumulator<T>>),
    /// Their diagonals.
    Diagonal {
        /// `Σ r` of each component.
        counts: Vec<f64>,
        sums: MomentSums<T>,
        /// Responsibilities of a block, in the samples' type.
        rounded: Vec<T>,
        /// The scatter within all components together; only for tied covariances.
        within: Option<Box<WithinSums<T>>>,
    },
}

impl<T: Real> ChunkSums<T> {
    pub(super) fn new(covariance_type: CovarianceType, n_components: usize, d: usize) -> Self {
        match covariance_type {
            CovarianceType::Full => {
                Self::Full((0..n_components).map(|_| Accumulator::new(d)).collect())
            }
            _ => Self::Diagonal {
                counts: vec![0.0; n_components],
                sums: MomentSums::new(n_components, d),
                rounded: Vec::new(),
                within: (covariance_type == CovarianceType::Tied)
                    .then(|| Box::new(WithinSums::new(n_components, d))),
            },
        }
    }

    /// Size in bytes of one chunk's sums.
    pub(super) fn bytes(covariance_type: CovarianceType, n_components: usize, d: usize) -> usize {
        let each = match covariance_type {
            CovarianceType::Full => Accumulator::<T>::bytes(d),
            _ => (2 * d + BLOCK_ROWS) * size_of::<T>(),
        };
        let shared = match covariance_type {
            CovarianceType::Tied => WithinSums::<T>::bytes(n_components, d),
            _ => 0,
        };
        n_components * each + shared
    }

    /// Removes all rows, and uses `centers` from now on.
    pub(super) fn reset(&mut self, centers: &Centers<T>) {
        match self {
            Self::Full(accumulators) => {
                for (k, accumulator) in accumulators.iter_mut().enumerate() {
                    accumulator.reset(centers.of(k));
                }
            }
            Self::Diagonal { counts, sums, within, .. } => {
                counts.fill(0.0);
                sums.clear();
                if let Some(within) = within {
                    within.clear();
                }
            }
        }
    }

    /// Adds the current block of rows of `scratch`.
    pub(super) fn add(
        &mut self,
        rows: &[T],
        shares: &SparseResponsibilities,
        centers: &Centers<T>,
        scratch: &mut BlockScratch<T>,
    ) {
        match self {
            Self::Full(accumulators) => {
                for (k, accumulator) in accumulators.iter_mut().enumerate() {
                    let (listed, values) = shares.of(k);
                    accumulator.add(rows, listed, values);
                }
            }
            Self::Diagonal { counts, sums, rounded, within } => {
                if let Some(within) = within {
                    within.add(rows, shares, &centers.wide);
                }
                let (lists, values) = shares.lists();
                rounded.resize(values.len(), T::from_f64(0.0));
                for (count, (first, end)) in counts.iter_mut().zip(lists.spans) {
                    let (values, rounded) = (&values[*first..*end], &mut rounded[*first..*end]);
                    *count += sum(values);
                    for (rounded, value) in rounded.iter_mut().zip(values) {
                        *rounded = T::from_f64(*value);
                    }
                }
                let tiled = scratch.tiled(rows, &centers.origin);
                diagonal::add_moments(tiled, lists, rounded, &centers.relative, sums);
            }
        }
    }

    /// Ends a chunk by adding everything pending to the sums.
    pub(super) fn finish(&mut self) {
        match self {
            Self::Full(accumulators) => {
                for accumulator in accumulators {
                    accumulator.finish();
                }
            }
            Self::Diagonal { within, .. } => {
                if let Some(within) = within {
                    within.finish();
                }
            }
        }
    }

    /// The scatter within all components of this chunk, if it is computed.
    pub(super) fn within(&self) -> Option<&WithinSums<T>> {
        match self {
            Self::Diagonal { within, .. } => within.as_deref(),
            Self::Full(_) => None,
        }
    }

    /// Adds the moments of one component to those of the whole pass around the same center.
    pub(super) fn add_to(&self, component: usize, total: &mut Moments) {
        match self {
            Self::Full(accumulators) => total.add_same_center(accumulators[component].moments()),
            Self::Diagonal { counts, sums, .. } => {
                total.count += counts[component];
                sums.add_to(component, &mut total.first, &mut total.second);
            }
        }
    }
}

/// The sum in eight independent parts, so that additions don't wait for each other.
fn sum(values: &[f64]) -> f64 {
    let (values, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for values in values {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().chain(rest).sum()
}
