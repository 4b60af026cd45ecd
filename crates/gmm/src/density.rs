//! Log densities of a block of rows under every component, and their normalisation over components.
//!
//! A block's values are stored component by component, [`BLOCK_ROWS`] apart: `block[k * BLOCK_ROWS + row]`.

use crate::linalg::{self, NotPositiveDefinite};
use crate::{Covariances, Real};
use rayon::prelude::*;

/// Rows that one task of the E step handles; with 256 features in `f64` a block is 512 KiB, half of a common L2.
pub(crate) const BLOCK_ROWS: usize = 256;

/// What the densities need of the covariances: inverse factors, one or one per component.
#[derive(Clone, Debug, PartialEq)]
enum Precision<T> {
    /// `L⁻¹` of each component, `[K, D, D]`.
    Full(Vec<T>),
    /// `L⁻¹` of all components, `[D, D]`.
    Tied(Vec<T>),
    /// `1 / σ`, `[K, D]`.
    Diag(Vec<T>),
    /// `1 / σ`, `[K]`.
    Spherical(Vec<T>),
}

/// Inverse Cholesky factors and normalising constants of a mixture's components.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Factors {
    precision: Precision<f64>,
    /// `-D/2 ln 2π - ½ ln |Σ_k|`.
    log_norm: Vec<f64>,
}

/// The component whose covariance has no Cholesky factor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SingularComponent(pub(crate) usize);

impl Factors {
    /// Factorises the covariances of `n_components` in `d` dimensions.
    pub(crate) fn new(
        covariances: &Covariances,
        n_components: usize,
        d: usize,
    ) -> Result<Self, SingularComponent> {
        let base = -0.5 * d as f64 * (2.0 * std::f64::consts::PI).ln();
        let (precision, log_dets): (_, Vec<f64>) = match covariances {
            Covariances::Full(matrices) => {
                let factored: Result<Vec<_>, SingularComponent> = matrices
                    .par_chunks(d * d)
                    .enumerate()
                    .map(|(k, m)| inverse_factor(m, d).map_err(|_| SingularComponent(k)))
                    .collect();
                let factored = factored?;
                let log_dets = factored.iter().map(|(_, log_det)| *log_det).collect();
                (Precision::Full(factored.into_iter().flat_map(|(m, _)| m).collect()), log_dets)
            }
            Covariances::Tied(matrix) => {
                let (inverse, log_det) =
                    inverse_factor(matrix, d).map_err(|_| SingularComponent(0))?;
                (Precision::Tied(inverse), vec![log_det; n_components])
            }
            Covariances::Diag(variances) => {
                let inverse = inverse_roots(variances, d)?;
                let log_dets =
                    inverse.chunks(d).map(|row| row.iter().map(|v| v.ln()).sum()).collect();
                (Precision::Diag(inverse), log_dets)
            }
            Covariances::Spherical(variances) => {
                let inverse = inverse_roots(variances, 1)?;
                let log_dets = inverse.iter().map(|v| d as f64 * v.ln()).collect();
                (Precision::Spherical(inverse), log_dets)
            }
        };
        Ok(Self { precision, log_norm: log_dets.into_iter().map(|v| base + v).collect() })
    }
}

/// `L⁻¹` of one matrix and `ln |L⁻¹|`.
fn inverse_factor(matrix: &[f64], d: usize) -> Result<(Vec<f64>, f64), NotPositiveDefinite> {
    let inverse = linalg::invert_lower(&linalg::cholesky(matrix, d)?, d);
    let log_det: f64 = (0..d).map(|i| inverse[i * d + i].ln()).sum();
    if log_det.is_finite() && inverse.iter().all(|v| v.is_finite()) {
        Ok((inverse, log_det))
    } else {
        Err(NotPositiveDefinite)
    }
}

/// `1 / σ` of every variance; the component of the first that is not positive is the error.
fn inverse_roots(variances: &[f64], per_component: usize) -> Result<Vec<f64>, SingularComponent> {
    let usable = |v: f64| v > 0.0 && v.is_finite() && v.sqrt().recip().is_finite();
    match variances.iter().position(|v| !usable(*v)) {
        Some(at) => Err(SingularComponent(at / per_component)),
        None => Ok(variances.iter().map(|v| v.sqrt().recip()).collect()),
    }
}

/// Scratch space of one thread.
#[derive(Debug)]
pub(crate) struct DensityScratch<T> {
    centred: Vec<T>,
    whitened: Vec<T>,
    max: Vec<f64>,
    sum: Vec<f64>,
}

impl<T: Real> DensityScratch<T> {
    pub(crate) fn new(d: usize) -> Self {
        let zero = T::from_f64(0.0);
        Self {
            centred: vec![zero; BLOCK_ROWS * d],
            whitened: vec![zero; BLOCK_ROWS * d],
            max: vec![0.0; BLOCK_ROWS],
            sum: vec![0.0; BLOCK_ROWS],
        }
    }
}

/// A mixture's parameters in the samples' float type, ready for the block kernels.
#[derive(Clone, Debug)]
pub(crate) struct BlockDensity<T> {
    means: Vec<T>,
    precision: Precision<T>,
    /// `ln w_k - D/2 ln 2π - ½ ln |Σ_k|`.
    log_weighted_norm: Vec<f64>,
    n_features: usize,
}

impl<T: Real> BlockDensity<T> {
    /// Prepares the densities of `means` and `factors`, weighted by `weights`.
    pub(crate) fn new(weights: &[f64], means: &[f64], factors: &Factors) -> Self {
        let cast = |values: &[f64]| values.iter().map(|v| T::from_f64(*v)).collect::<Vec<T>>();
        let precision = match &factors.precision {
            Precision::Full(v) => Precision::Full(cast(v)),
            Precision::Tied(v) => Precision::Tied(cast(v)),
            Precision::Diag(v) => Precision::Diag(cast(v)),
            Precision::Spherical(v) => Precision::Spherical(cast(v)),
        };
        Self {
            means: cast(means),
            precision,
            log_weighted_norm: weights
                .iter()
                .zip(&factors.log_norm)
                .map(|(w, n)| w.ln() + n)
                .collect(),
            n_features: means.len() / weights.len(),
        }
    }

    pub(crate) fn n_components(&self) -> usize {
        self.log_weighted_norm.len()
    }

    pub(crate) fn n_features(&self) -> usize {
        self.n_features
    }

    /// Writes `ln (w_k N(x | μ_k, Σ_k))` of every row of `rows` and every component into `block`.
    pub(crate) fn log_joint(&self, rows: &[T], block: &mut [f64], scratch: &mut DensityScratch<T>) {
        let d = self.n_features;
        for (k, out) in block.chunks_mut(BLOCK_ROWS).enumerate().take(self.n_components()) {
            let out = &mut out[..rows.len() / d];
            let mean = &self.means[k * d..(k + 1) * d];
            match &self.precision {
                Precision::Full(lower) => {
                    let lower = &lower[k * d * d..(k + 1) * d * d];
                    dense_distances(rows, mean, lower, out, scratch);
                }
                Precision::Tied(lower) => dense_distances(rows, mean, lower, out, scratch),
                Precision::Diag(inverse) => {
                    let inverse = &inverse[k * d..(k + 1) * d];
                    for (row, out) in rows.chunks(d).zip(out.iter_mut()) {
                        *out = diagonal_distance(row, mean, inverse);
                    }
                }
                Precision::Spherical(inverse) => {
                    let square = inverse[k].to_f64().powi(2);
                    for (row, out) in rows.chunks(d).zip(out.iter_mut()) {
                        *out = square * squared_distance(row, mean);
                    }
                }
            }
            for out in out {
                *out = self.log_weighted_norm[k] - 0.5 * *out;
            }
        }
    }
}

/// Squared Mahalanobis distances `|L⁻¹ (x - μ)|²` of all rows.
fn dense_distances<T: Real>(
    rows: &[T],
    mean: &[T],
    lower: &[T],
    out: &mut [f64],
    scratch: &mut DensityScratch<T>,
) {
    let d = mean.len();
    let centred = &mut scratch.centred[..rows.len()];
    for (row, centred) in rows.chunks(d).zip(centred.chunks_mut(d)) {
        for ((x, m), c) in row.iter().zip(mean).zip(centred) {
            *c = *x - *m;
        }
    }
    let whitened = &mut scratch.whitened[..rows.len()];
    linalg::times_lower_transposed(whitened, centred, lower, d);
    for (row, out) in whitened.chunks(d).zip(out) {
        *out = row.iter().fold(T::from_f64(0.0), |sum, v| sum + *v * *v).to_f64();
    }
}

/// `Σ_j ((x_j - μ_j) / σ_j)²`.
fn diagonal_distance<T: Real>(row: &[T], mean: &[T], inverse: &[T]) -> f64 {
    let terms = row.iter().zip(mean).zip(inverse).map(|((x, m), p)| (*x - *m) * *p);
    terms.fold(T::from_f64(0.0), |sum, t| sum + t * t).to_f64()
}

/// `Σ_j (x_j - μ_j)²`.
fn squared_distance<T: Real>(row: &[T], mean: &[T]) -> f64 {
    let terms = row.iter().zip(mean).map(|(x, m)| *x - *m);
    terms.fold(T::from_f64(0.0), |sum, t| sum + t * t).to_f64()
}

/// Turns the log joint densities of `n_rows` rows into responsibilities, in place, and writes `ln p(x)` of each row.
///
/// Subtracts the row's largest value before exponentiating, so that nothing overflows and some term is exactly 1.
pub(crate) fn normalise<T>(
    block: &mut [f64],
    log_likelihoods: &mut [f64],
    scratch: &mut DensityScratch<T>,
) {
    let n_rows = log_likelihoods.len();
    let (max, sum) = (&mut scratch.max[..n_rows], &mut scratch.sum[..n_rows]);
    max.fill(f64::NEG_INFINITY);
    for values in block.chunks(BLOCK_ROWS) {
        for (max, value) in max.iter_mut().zip(values) {
            *max = max.max(*value);
        }
    }
    sum.fill(0.0);
    for values in block.chunks_mut(BLOCK_ROWS) {
        for ((value, max), sum) in values.iter_mut().zip(max.iter()).zip(sum.iter_mut()) {
            *value = (*value - *max).exp();
            *sum += *value;
        }
    }
    for ((out, max), sum) in log_likelihoods.iter_mut().zip(max.iter()).zip(sum.iter_mut()) {
        *out = *max + sum.ln();
        *sum = sum.recip();
    }
    for values in block.chunks_mut(BLOCK_ROWS) {
        for (value, inverse) in values.iter_mut().zip(sum.iter()) {
            *value *= *inverse;
        }
    }
}
