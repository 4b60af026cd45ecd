//! Log densities of a block of rows under all components, and their normalization over components.
//!
//! A block's values are stored component by component, [`BLOCK_ROWS`] apart, at
//! `block[k * BLOCK_ROWS + row]`.

use super::{Cholesky, Precision};
use crate::Real;
use crate::kernels::diagonal::{self, Lists, Scales};
use crate::kernels::tiles::{Aligned, TiledRows};
use crate::kernels::triangular::{self, PanelScratch, TiledLower};
use crate::kernels::{exponential, low_rank};
use crate::parallel::grain;
use rayon::prelude::*;

/// Number of rows per task of the E step; with 256 features in `f64` a block is 512 KiB, half of a
/// common L2.
pub(crate) const BLOCK_ROWS: usize = 256;

/// Scratch space of one thread.
#[derive(Debug)]
pub(crate) struct DensityScratch<T> {
    panels: PanelScratch<T>,
    /// Whether the current block is in `panels`.
    packed: bool,
    /// The block minus a point, for diagonal covariances.
    tiled: TiledRows<T>,
    /// Whether the current block is in `tiled`.
    is_tiled: bool,
    partial: Aligned<T>,
    /// Distances of all rows of the block from one component.
    distances: Vec<f64>,
    /// Row indices of a block, repeated for each component.
    all: Vec<u32>,
    spans: Vec<(usize, usize)>,
    /// One row, whitened.
    row: Vec<T>,
    max: Vec<f64>,
    sum: Vec<f64>,
}

impl<T: Real> DensityScratch<T> {
    /// Creates space for blocks of rows with `d` values.
    pub(crate) fn new(d: usize) -> Self {
        Self::of_rows(BLOCK_ROWS, d)
    }

    /// Creates space for blocks of at most `n_rows` rows (up to [`BLOCK_ROWS`]) with `d` values.
    pub(crate) fn of_rows(n_rows: usize, d: usize) -> Self {
        Self {
            panels: PanelScratch::new(n_rows, d),
            packed: false,
            tiled: TiledRows::new(),
            is_tiled: false,
            partial: Aligned::new(),
            distances: vec![0.0; BLOCK_ROWS],
            all: Vec::new(),
            spans: Vec::new(),
            row: vec![T::from_f64(0.0); d],
            max: vec![0.0; BLOCK_ROWS],
            sum: vec![0.0; BLOCK_ROWS],
        }
    }

    /// Marks the start of another block.
    pub(crate) fn next_block(&mut self) {
        self.packed = false;
        self.is_tiled = false;
    }

    /// The current block minus `point`, which is the same for the whole block.
    pub(crate) fn tiled(&mut self, rows: &[T], point: &[T]) -> &TiledRows<T> {
        if !self.is_tiled {
            self.tiled.pack(rows, point);
            self.is_tiled = true;
        }
        &self.tiled
    }
}

/// A mixture's parameters in the samples' float type, ready for the block kernels.
#[derive(Clone, Debug)]
pub(crate) struct BlockDensity<T> {
    /// Subtracted from both rows and means first, to avoid cancellation in data far from zero.
    center: Vec<T>,
    shape: Shape<T>,
    /// `ln w_k - D/2 ln 2π - ½ ln |Σ_k|`.
    log_weighted_norm: Vec<f64>,
}

/// Means (relative to the center) and inverse factors, laid out for their kernel.
#[derive(Clone, Debug)]
enum Shape<T> {
    /// One factor per component, or one for all components.
    Triangular { means: Vec<T>, lowers: Vec<TiledLower<T>> },
    /// `1/σ` and `(c - μ)/σ`.
    Diagonal(Scales<T>),
    /// The same for the noise, `[K, D]`, and `L⁻¹ Bᵀ`, `[K, R, D]`.
    LowRank { scales: Vec<T>, shifts: Vec<T>, projections: Vec<T> },
}

impl<T: Real> BlockDensity<T> {
    /// Prepares the densities for `means` and their `cholesky` factors, weighted by `weights`.
    pub(crate) fn new(weights: &[f64], means: &[f64], cholesky: &Cholesky) -> Self {
        Self::in_place_of(None, weights, means, cholesky)
    }

    /// Like [`new`](Self::new), reusing the memory of densities that are no longer needed.
    pub(crate) fn in_place_of(
        spare: Option<Self>,
        weights: &[f64],
        means: &[f64],
        cholesky: &Cholesky,
    ) -> Self {
        let d = means.len() / weights.len();
        let mut center = vec![T::from_f64(0.0); d];
        for (j, center) in center.iter_mut().enumerate() {
            let column = means.iter().skip(j).step_by(d);
            *center = T::from_f64(weights.iter().zip(column).map(|(w, m)| w * m).sum());
        }
        let relative: Vec<f64> = means
            .chunks(d)
            .flat_map(|m| m.iter().zip(&center).map(|(m, c)| m - c.to_f64()))
            .collect();
        let cast = |values: &[f64]| values.iter().map(|v| T::from_f64(*v)).collect();
        let triangular = |lowers: &[f64]| {
            let mut tiled = match spare {
                Some(Self { shape: Shape::Triangular { lowers, .. }, .. }) => lowers,
                _ => Vec::new(),
            };
            tiled.resize_with(lowers.len() / (d * d), TiledLower::empty);
            let each = tiled.par_iter_mut().zip(lowers.par_chunks(d * d));
            let each = each.with_min_len(grain(d * d));
            each.for_each(|(tiled, lower)| tiled.set(lower, d));
            Shape::Triangular { means: cast(&relative), lowers: tiled }
        };
        let shifts = |scales: &[f64]| -> Vec<f64> {
            scales.iter().zip(&relative).map(|(scale, mean)| -mean * scale).collect()
        };
        let shape = match cholesky.precision() {
            Precision::Full(lowers) | Precision::Tied(lowers) => triangular(lowers),
            Precision::Diag(inverse) => Shape::Diagonal(Scales::new(inverse, &shifts(inverse), d)),
            Precision::Spherical(inverse) => {
                let all: Vec<f64> =
                    inverse.iter().flat_map(|s| std::iter::repeat_n(*s, d)).collect();
                Shape::Diagonal(Scales::new(&all, &shifts(&all), d))
            }
            Precision::LowRank { scales, projections } => Shape::LowRank {
                scales: cast(scales),
                shifts: cast(&shifts(scales)),
                projections: cast(projections),
            },
        };
        let log_weighted_norm =
            weights.iter().zip(cholesky.log_norm()).map(|(w, n)| w.ln() + n).collect();
        Self { center, shape, log_weighted_norm }
    }

    /// Replaces the terms of the joint log densities other than the distances.
    pub(crate) fn with_log_weighted_norm(mut self, log_weighted_norm: Vec<f64>) -> Self {
        self.log_weighted_norm = log_weighted_norm;
        self
    }

    pub(crate) fn n_components(&self) -> usize {
        self.log_weighted_norm.len()
    }

    pub(crate) fn n_features(&self) -> usize {
        self.center.len()
    }

    /// `ln w_k - D/2 ln 2π - ½ ln |Σ_k|` of each component.
    pub(crate) fn log_weighted_norm(&self) -> &[f64] {
        &self.log_weighted_norm
    }

    /// The point subtracted from rows and means.
    pub(crate) fn center(&self) -> &[T] {
        &self.center
    }

    /// Writes the squared Mahalanobis distances of each component's rows to the positions of the
    /// rows in the lists.
    ///
    /// The result for a row has the same bits whatever else is listed.
    /// [`DensityScratch::next_block`] must be called before the first call for each block.
    pub(crate) fn distances(
        &self,
        rows: &[T],
        lists: Lists<'_>,
        out: &mut [f64],
        scratch: &mut DensityScratch<T>,
    ) {
        if let Shape::Diagonal(scales) = &self.shape {
            scratch.tiled(rows, &self.center);
            let DensityScratch { tiled, partial, .. } = scratch;
            diagonal::listed_distances(tiled, lists, scales, partial, out);
            return;
        }
        for (component, (first, end)) in lists.spans.iter().enumerate() {
            let (listed, out) = (&lists.rows[*first..*end], &mut out[*first..*end]);
            if !listed.is_empty() {
                self.distances_of(rows, listed, component, out, scratch);
            }
        }
    }

    /// The distances of the listed rows from one component, one after the other, for covariance
    /// types other than diagonal.
    fn distances_of(
        &self,
        rows: &[T],
        listed: &[u32],
        component: usize,
        out: &mut [f64],
        scratch: &mut DensityScratch<T>,
    ) {
        let (d, center) = (self.n_features(), &self.center);
        let at = component * d..(component + 1) * d;
        match &self.shape {
            Shape::Triangular { means, lowers } => {
                let (mean, lower) = (&means[at], &lowers[component.min(lowers.len() - 1)]);
                let n_rows = rows.len() / d;
                if 2 * listed.len() < n_rows {
                    let panels = &mut scratch.panels;
                    triangular::listed_distances(rows, listed, center, mean, lower, out, panels);
                    return;
                }
                if !scratch.packed {
                    triangular::pack_block(rows, center, &mut scratch.panels);
                    scratch.packed = true;
                }
                let all = &mut scratch.distances[..n_rows];
                triangular::packed_distances(mean, lower, all, &mut scratch.panels);
                for (out, row) in out.iter_mut().zip(listed) {
                    *out = all[*row as usize];
                }
            }
            Shape::LowRank { scales, shifts, projections } => {
                let width = projections.len() / self.n_components();
                let projection = &projections[component * width..(component + 1) * width];
                let (scale, shift) = (&scales[at.clone()], &shifts[at]);
                let own = low_rank::Component { scale, shift, projection };
                low_rank::listed_distances(rows, listed, center, &own, out, &mut scratch.row);
            }
            Shape::Diagonal(_) => {
                unreachable!("diagonal shapes are done for all components at once")
            }
        }
    }

    /// Writes `ln (w_k N(x | μ_k, Σ_k))` for every row of `rows` and every component to `block`.
    pub(crate) fn log_joint(&self, rows: &[T], block: &mut [f64], scratch: &mut DensityScratch<T>) {
        scratch.next_block();
        let n_rows = rows.len() / self.n_features();
        let (mut all, mut spans) =
            (std::mem::take(&mut scratch.all), std::mem::take(&mut scratch.spans));
        if all.is_empty() {
            all.extend((0..self.n_components()).flat_map(|_| (0_u32..).take(BLOCK_ROWS)));
        }
        spans.clear();
        spans.extend((0..self.n_components()).map(|k| (k * BLOCK_ROWS, k * BLOCK_ROWS + n_rows)));
        self.distances(rows, Lists { rows: &all, spans: &spans }, block, scratch);
        for (values, norm) in block.chunks_mut(BLOCK_ROWS).zip(&self.log_weighted_norm) {
            for value in &mut values[..n_rows] {
                *value = norm - 0.5 * *value;
            }
        }
        (scratch.all, scratch.spans) = (all, spans);
    }
}

/// Converts the log joint densities of a block to responsibilities, in place, and writes `ln p(x)`
/// for each row.
pub(crate) fn normalize<T>(
    block: &mut [f64],
    log_likelihoods: &mut [f64],
    scratch: &mut DensityScratch<T>,
) {
    exponential::normalize(block, BLOCK_ROWS, log_likelihoods, &mut scratch.max, &mut scratch.sum);
}
