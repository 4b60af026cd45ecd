//! Factorized covariances, for computing densities.

mod block;

use crate::Covariances;
use crate::factor::Woodbury;
use crate::linalg::{self, NotPositiveDefinite};
use crate::parallel::grain;
use rayon::prelude::*;

pub(crate) use block::{BLOCK_ROWS, BlockDensity, DensityScratch, normalize};

/// Inverse factors of the covariances: one per component, or a single one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Precision {
    /// `L⁻¹` of each component, `[K, D, D]`.
    Full(Vec<f64>),
    /// `L⁻¹` of all components, `[D, D]`.
    Tied(Vec<f64>),
    /// `1 / σ`, `[K, D]`.
    Diag(Vec<f64>),
    /// `1 / σ`, `[K]`.
    Spherical(Vec<f64>),
    /// `1 / √ψ`, `[K, D]`, and `L⁻¹ Bᵀ`, `[K, R, D]`; see [`Woodbury`].
    LowRank { scales: Vec<f64>, projections: Vec<f64> },
}

/// Inverse Cholesky factors and normalization constants of a mixture's components.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cholesky {
    precision: Precision,
    /// `-D/2 ln 2π - ½ ln |Σ_k|`.
    log_norm: Vec<f64>,
}

/// The component whose covariance has no Cholesky factor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SingularComponent(pub(crate) usize);

impl Cholesky {
    /// Factorizes the covariances of `n_components` in `d` dimensions.
    pub(crate) fn new(
        covariances: &Covariances,
        n_components: usize,
        d: usize,
    ) -> Result<Self, SingularComponent> {
        Self::in_place_of(None, covariances, n_components, d)
    }

    /// Like [`new`](Self::new), reusing the memory of factors that are no longer needed.
    pub(crate) fn in_place_of(
        spare: Option<Self>,
        covariances: &Covariances,
        n_components: usize,
        d: usize,
    ) -> Result<Self, SingularComponent> {
        let base = -0.5 * d as f64 * (2.0 * std::f64::consts::PI).ln();
        let (precision, log_dets): (_, Vec<f64>) = match covariances {
            Covariances::Full(matrices) => {
                let mut inverses = match spare {
                    Some(Self { precision: Precision::Full(inverses), .. }) => inverses,
                    _ => Vec::new(),
                };
                inverses.resize(matrices.len(), 0.0);
                let each = inverses.par_chunks_mut(d * d).zip(matrices.par_chunks(d * d));
                let factored: Vec<Result<f64, _>> = each
                    .with_max_len(1)
                    .with_min_len(grain(d * d * d))
                    .map(|(inverse, matrix)| inverse_factor(matrix, d, inverse))
                    .collect();
                // The error names the first singular component, whichever task failed first.
                let log_dets: Result<_, _> = (factored.into_iter().enumerate())
                    .map(|(k, log_det)| log_det.map_err(|_| SingularComponent(k)))
                    .collect();
                (Precision::Full(inverses), log_dets?)
            }
            Covariances::Tied(matrix) => {
                let mut inverse = vec![0.0; d * d];
                let log_det =
                    inverse_factor(matrix, d, &mut inverse).map_err(|_| SingularComponent(0))?;
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
            Covariances::LowRank { rank, values } => {
                let (mut scales, mut projections) = (Vec::new(), Vec::new());
                let mut log_dets = Vec::with_capacity(n_components);
                for (k, own) in values.chunks(d * (rank + 1)).enumerate() {
                    let own = Woodbury::new(own, *rank).map_err(|_| SingularComponent(k))?;
                    scales.extend(own.scale);
                    projections.extend(own.projection);
                    log_dets.push(own.half_log_det);
                }
                (Precision::LowRank { scales, projections }, log_dets)
            }
        };
        Ok(Self { precision, log_norm: log_dets.into_iter().map(|v| base + v).collect() })
    }

    /// `|L_k⁻¹ v|`, the length of `v` in standard deviations of a component.
    pub(crate) fn length(&self, component: usize, v: &[f64]) -> f64 {
        let d = v.len();
        let squares: f64 = match &self.precision {
            Precision::Full(inverse) => lengths(&inverse[component * d * d..], v),
            Precision::Tied(inverse) => lengths(inverse, v),
            Precision::Diag(inverse) => {
                inverse[component * d..].iter().zip(v).map(|(s, v)| (s * v).powi(2)).sum()
            }
            Precision::Spherical(inverse) => {
                v.iter().map(|v| (inverse[component] * v).powi(2)).sum()
            }
            Precision::LowRank { scales, projections } => {
                let z: Vec<f64> =
                    scales[component * d..].iter().zip(v).map(|(s, v)| s * v).collect();
                let rank = projections.len() / scales.len();
                let explained = &projections[component * rank * d..][..rank * d];
                let length: f64 = z.iter().map(|z| z * z).sum();
                // The cancellation error is below the rounding error of the length itself.
                (length * (1.0 + 1e-12) - projected(explained, &z)).max(0.0)
            }
        };
        squares.sqrt()
    }

    pub(crate) fn precision(&self) -> &Precision {
        &self.precision
    }

    /// `-D/2 ln 2π - ½ ln |Σ_k|` of each component.
    pub(crate) fn log_norm(&self) -> &[f64] {
        &self.log_norm
    }
}

/// `|lower · v|²` of the first square matrix in `lower`.
fn lengths(lower: &[f64], v: &[f64]) -> f64 {
    projected(&lower[..v.len() * v.len()], v)
}

/// `|rows · v|²`.
fn projected(rows: &[f64], v: &[f64]) -> f64 {
    let row = |row: &[f64]| row.iter().zip(v).map(|(l, v)| l * v).sum::<f64>().powi(2);
    rows.chunks(v.len()).map(row).sum()
}

/// Writes `L⁻¹` of one matrix to `inverse` and returns `ln |L⁻¹|`.
fn inverse_factor(
    matrix: &[f64],
    d: usize,
    inverse: &mut [f64],
) -> Result<f64, NotPositiveDefinite> {
    linalg::invert_lower_into(&linalg::cholesky(matrix, d)?, d, inverse);
    let log_det: f64 = (0..d).map(|i| inverse[i * d + i].ln()).sum();
    if log_det.is_finite() && inverse.iter().all(|v| v.is_finite()) {
        Ok(log_det)
    } else {
        Err(NotPositiveDefinite)
    }
}

/// `1 / σ` for every variance. Returns the first component with a variance that is not positive as
/// the error.
fn inverse_roots(variances: &[f64], per_component: usize) -> Result<Vec<f64>, SingularComponent> {
    let usable = |v: f64| v > 0.0 && v.is_finite() && v.sqrt().recip().is_finite();
    match variances.iter().position(|v| !usable(*v)) {
        Some(at) => Err(SingularComponent(at / per_component)),
        None => Ok(variances.iter().map(|v| v.sqrt().recip()).collect()),
    }
}
