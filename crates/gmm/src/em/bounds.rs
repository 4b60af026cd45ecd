//! Lower bounds of distances, carried from one iteration to the next, so that most distances need
//! not be computed.
//!
//! Let `m` be a row's Mahalanobis distance from a component before an M step. If `Σ_old - t Σ_new`
//! is positive definite, every distance shrinks at most by the factor `√t`, and moving the mean by
//! `Δ` reduces it by at most `|L_new⁻¹ Δ|`; so `√t m - |L_new⁻¹ Δ|` is a lower bound of the new
//! distance. If even this bound gives the row a responsibility below [`NEGLIGIBLE`], nothing is
//! computed. Components that have converged have `t` near 1 and no shift, and most rows are then
//! compared with only one or two components.
//!
//! The bounds belong to each row, so the rows skipped do not depend on threads.

use super::sparse::SparseResponsibilities;
use crate::density::{BLOCK_ROWS, BlockDensity, DensityScratch};
use crate::kernels::exponential::exponentials;
use crate::kernels::reach::{self, ROUNDING};
use crate::kernels::tiles::TiledRows;
use crate::parallel::grain;
use crate::stats::NEGLIGIBLE;
use crate::{Covariances, GaussianMixture, Real, linalg};
use rayon::prelude::*;

/// Values of `t` to try, largest first.
const LADDER: [f64; 11] = [0.999_99, 0.999, 0.98, 0.92, 0.82, 0.7, 0.55, 0.4, 0.25, 0.12, 0.04];

/// Bounds of the distances of one block's rows.
pub(super) struct BlockBounds {
    /// Lower bounds of Mahalanobis distances (not squared), `[K][rows of the block]`.
    distances: Vec<f32>,
    /// The most probable component of each row.
    best: Vec<u16>,
}

impl BlockBounds {
    pub(super) fn new(n_components: usize, block_rows: usize) -> Self {
        Self { distances: vec![0.0; n_components * block_rows], best: vec![0; block_rows] }
    }

    /// The most probable component of a row in the last E step.
    pub(super) fn best(&self, row: usize) -> usize {
        usize::from(self.best[row])
    }

    /// Discards all bounds.
    pub(super) fn reset(&mut self) {
        self.distances.fill(0.0);
        self.best.fill(0);
    }
}

/// Maximum shrinkage of each component's distances in an M step.
pub(super) struct Drift {
    /// `√t` and `|L_new⁻¹ Δμ|`.
    steps: Vec<(f32, f32)>,
}

impl Drift {
    /// No information: all bounds become zero.
    pub(super) fn unknown(n_components: usize) -> Self {
        Self { steps: vec![(0.0, f32::MAX); n_components] }
    }

    /// The drift from one mixture to another of the same type.
    pub(super) fn between(old: &GaussianMixture, new: &GaussianMixture) -> Self {
        let d = old.n_features();
        let shared = match (old.covariances(), new.covariances()) {
            (Covariances::Tied(old), Covariances::Tied(new)) => Some(shrinking(old, new, d)),
            _ => None,
        };
        let step = |k: usize| {
            let t = match (old.covariances(), new.covariances()) {
                (Covariances::Diag(old), Covariances::Diag(new)) => {
                    least_ratio(&old[k * d..(k + 1) * d], &new[k * d..(k + 1) * d])
                }
                (Covariances::Full(old), Covariances::Full(new)) => {
                    let at = k * d * d..(k + 1) * d * d;
                    shrinking(&old[at.clone()], &new[at], d)
                }
                (Covariances::Spherical(old), Covariances::Spherical(new)) => {
                    least_ratio(&old[k..=k], &new[k..=k])
                }
                _ => shared.unwrap_or_else(|| shrinking(&old.covariance(k), &new.covariance(k), d)),
            };
            let moved: Vec<f64> = new.mean(k).iter().zip(old.mean(k)).map(|(a, b)| a - b).collect();
            let shift = new.cholesky().length(k, &moved);
            ((t.sqrt() * (1.0 - ROUNDING)) as f32, (shift * (1.0 + ROUNDING)) as f32)
        };
        // A few Cholesky factorizations each for dense covariances; one pass over the values for
        // others.
        let operations = match new.covariances() {
            Covariances::Full(_) | Covariances::LowRank { .. } => 2 * d * d * d,
            Covariances::Tied(_) => d * d,
            _ => 8 * d,
        };
        let steps = (0..old.n_components()).into_par_iter().with_max_len(1);
        Self { steps: steps.with_min_len(grain(operations)).map(step).collect() }
    }
}

/// The smallest ratio `old / new`.
fn least_ratio(old: &[f64], new: &[f64]) -> f64 {
    old.iter().zip(new).map(|(old, new)| old / new).fold(f64::INFINITY, f64::min)
}

/// The largest `t` of [`LADDER`] for which `old - t new` is positive definite; 0 if there is none.
fn shrinking(old: &[f64], new: &[f64], d: usize) -> f64 {
    // A floating-point factor proves positive definiteness for a matrix whose diagonal is smaller
    // by this fraction (Higham 2002, section 10.1: the factor's backward error is below (d + 1) eps
    // |a_ii a_jj|^½ for each element).
    let margin = 2.0 * (d * (d + 1)) as f64 * f64::EPSILON;
    let mut difference = Vec::with_capacity(d * d);
    let mut holds = |t: f64| {
        difference.clear();
        difference.extend(old.iter().zip(new).map(|(o, n)| o - t * n));
        for i in 0..d {
            difference[i * d + i] -= margin * (old[i * d + i] + new[i * d + i]);
        }
        linalg::cholesky_in(&mut difference, d).is_ok()
    };
    if holds(LADDER[0]) {
        return LADDER[0];
    }
    // If it holds for one value, it holds for all smaller ones.
    let (mut low, mut high) = (1, LADDER.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if holds(LADDER[middle]) { high = middle } else { low = middle + 1 }
    }
    LADDER.get(low).copied().unwrap_or(0.0)
}

/// Working space of [`expectation`] for blocks of at most [`BLOCK_ROWS`] rows.
pub(super) struct BlockScratch<T> {
    density: DensityScratch<T>,
    /// Result: `ln p(x)` of each row.
    pub(super) log_likelihoods: Vec<f64>,
    /// Largest log joint density of each row so far.
    max: Vec<f64>,
    sum: Vec<f64>,
    /// The most probable component of each row in the last iteration.
    before: Vec<u16>,
    /// Whether a row is close enough to the current component.
    wanted: Vec<bool>,
    /// Bounds of the distances computed last.
    lows: Vec<f32>,
}

impl<T: Real> BlockScratch<T> {
    pub(super) fn new(n_features: usize) -> Self {
        Self {
            density: DensityScratch::new(n_features),
            log_likelihoods: vec![0.0; BLOCK_ROWS],
            max: vec![0.0; BLOCK_ROWS],
            sum: vec![0.0; BLOCK_ROWS],
            before: vec![0; BLOCK_ROWS],
            wanted: vec![false; BLOCK_ROWS],
            lows: vec![0.0; BLOCK_ROWS],
        }
    }

    /// Marks the start of another block.
    pub(super) fn next_block(&mut self) {
        self.density.next_block();
    }

    /// The current block minus `point`, the center of the density if there is one.
    pub(super) fn tiled(&mut self, rows: &[T], point: &[T]) -> &TiledRows<T> {
        self.density.tiled(rows, point)
    }
}

/// E step for one block: writes responsibilities above [`NEGLIGIBLE`] to `shares`, and log
/// densities to the scratch space.
///
/// Omitted responsibilities change `p(x)` by at most a relative `K` times [`NEGLIGIBLE`].
pub(super) fn expectation<T: Real>(
    rows: &[T],
    density: &BlockDensity<T>,
    drift: &Drift,
    bounds: &mut BlockBounds,
    shares: &mut SparseResponsibilities,
    scratch: &mut BlockScratch<T>,
) {
    let (n_rows, norms) = (rows.len() / density.n_features(), density.log_weighted_norm());
    let BlockScratch { density: panels, log_likelihoods, max, sum, before, wanted, lows } = scratch;
    let (max, sum) = (&mut max[..n_rows], &mut sum[..n_rows]);
    let (before, wanted) = (&mut before[..n_rows], &mut wanted[..n_rows]);
    let stride = bounds.best.len();
    panels.next_block();
    shares.clear();
    // First the row's previous component, which is probably still the best.
    max.fill(f64::NEG_INFINITY);
    before.copy_from_slice(&bounds.best[..n_rows]);
    for (row, k) in (0_u32..).zip(before.iter()) {
        shares.push(usize::from(*k), row, 0.0);
    }
    let (lists, values) = shares.fresh();
    density.distances(rows, lists, values, panels);
    for (k, norm) in norms.iter().enumerate() {
        let (listed, values) = shares.added(k);
        let known = &mut bounds.distances[k * stride..][..n_rows];
        let (scale, shift) = drift.steps[k];
        reach::weaken(known, scale, shift);
        reach::log_joints(values, *norm, lows);
        for ((row, value), low) in listed.iter().zip(values).zip(lows.iter()) {
            known[*row as usize] = *low;
            max[*row as usize] = *value;
        }
    }
    shares.settle();
    // Then the components close enough to it, by the threshold in `sum`.
    let cut = NEGLIGIBLE.ln();
    for (reach, max) in sum.iter_mut().zip(max.iter()) {
        *reach = *max + cut;
    }
    for (k, norm) in norms.iter().enumerate() {
        // Rows without any density so far have a threshold of minus infinity, so all components are
        // examined.
        reach::within(&bounds.distances[k * stride..][..n_rows], sum, *norm, wanted);
        let (listed, _) = shares.of(k);
        listed.iter().for_each(|row| wanted[*row as usize] = false);
        shares.extend(k, wanted);
    }
    let (lists, values) = shares.fresh();
    density.distances(rows, lists, values, panels);
    for (k, norm) in norms.iter().enumerate() {
        let (listed, values) = shares.added(k);
        let known = &mut bounds.distances[k * stride..][..n_rows];
        reach::log_joints(values, *norm, lows);
        for ((row, value), low) in listed.iter().zip(values).zip(lows.iter()) {
            let row = *row as usize;
            known[row] = *low;
            if *value > max[row] {
                max[row] = *value;
                bounds.best[row] = k as u16;
            }
        }
    }
    normalize(norms.len(), shares, max, sum, &mut log_likelihoods[..n_rows]);
}

/// Converts log joint densities to responsibilities.
fn normalize(
    n_components: usize,
    shares: &mut SparseResponsibilities,
    max: &mut [f64],
    sum: &mut [f64],
    log_likelihoods: &mut [f64],
) {
    for max in max.iter_mut() {
        *max = if *max == f64::NEG_INFINITY { 0.0 } else { *max };
    }
    sum.fill(0.0);
    for k in 0..n_components {
        let (rows, values) = shares.of_mut(k);
        for (row, value) in rows.iter().zip(values.iter_mut()) {
            *value -= max[*row as usize];
        }
        exponentials(values);
        for (row, value) in rows.iter().zip(values) {
            sum[*row as usize] += *value;
        }
    }
    for ((out, max), sum) in log_likelihoods.iter_mut().zip(max.iter()).zip(sum.iter_mut()) {
        *out = *max + sum.ln();
        *sum = if *sum > 0.0 { 1.0 / *sum } else { 0.0 };
    }
    for k in 0..n_components {
        shares.keep_above(k, sum, NEGLIGIBLE);
    }
}
