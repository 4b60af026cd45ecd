//! Log densities of a block of rows under every component, and their normalisation over components.
//!
//! A block's values are stored component by component, [`BLOCK_ROWS`] apart: `block[k * BLOCK_ROWS + row]`.

use super::{Factors, Precision};
use crate::Real;
use crate::kernels::diagonal::{self, TiledScales};
use crate::kernels::exponential;
use crate::kernels::triangular::{self, Lowers, PanelScratch, TiledLower};

/// Rows that one task of the E step handles; with 256 features in `f64` a block is 512 KiB, half of a common L2.
pub(crate) const BLOCK_ROWS: usize = 256;

/// Scratch space of one thread.
#[derive(Debug)]
pub(crate) struct DensityScratch<T> {
    panels: PanelScratch<T>,
    max: Vec<f64>,
    sum: Vec<f64>,
}

impl<T: Real> DensityScratch<T> {
    /// Space for blocks of rows of `d` values.
    pub(crate) fn new(d: usize) -> Self {
        Self {
            panels: PanelScratch::new(BLOCK_ROWS, d),
            max: vec![0.0; BLOCK_ROWS],
            sum: vec![0.0; BLOCK_ROWS],
        }
    }
}

/// A mixture's parameters in the samples' float type, ready for the block kernels.
#[derive(Clone, Debug)]
pub(crate) struct BlockDensity<T> {
    /// Taken off rows and means alike before anything is multiplied, so that nothing cancels in data far from zero.
    center: Vec<T>,
    shape: Shape<T>,
    /// `ln w_k - D/2 ln 2π - ½ ln |Σ_k|`.
    log_weighted_norm: Vec<f64>,
}

/// Means (relative to the centre) and inverse factors, laid out for their kernel.
#[derive(Clone, Debug)]
enum Shape<T> {
    Full { means: Vec<T>, lowers: Vec<TiledLower<T>> },
    Tied { means: Vec<T>, lower: TiledLower<T> },
    Diagonal(TiledScales<T>),
}

impl<T: Real> BlockDensity<T> {
    /// Prepares the densities of `means` and `factors`, weighted by `weights`.
    pub(crate) fn new(weights: &[f64], means: &[f64], factors: &Factors) -> Self {
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
        let cast = || relative.iter().map(|m| T::from_f64(*m)).collect();
        let shape = match factors.precision() {
            Precision::Full(lowers) => Shape::Full {
                means: cast(),
                lowers: lowers.chunks(d * d).map(|lower| TiledLower::new(lower, d)).collect(),
            },
            Precision::Tied(lower) => {
                Shape::Tied { means: cast(), lower: TiledLower::new(lower, d) }
            }
            Precision::Diag(inverse) => Shape::Diagonal(TiledScales::new(&relative, inverse, d)),
            Precision::Spherical(inverse) => {
                let inverse: Vec<f64> =
                    inverse.iter().flat_map(|s| std::iter::repeat_n(*s, d)).collect();
                Shape::Diagonal(TiledScales::new(&relative, &inverse, d))
            }
        };
        let log_weighted_norm =
            weights.iter().zip(factors.log_norm()).map(|(w, n)| w.ln() + n).collect();
        Self { center, shape, log_weighted_norm }
    }

    pub(crate) fn n_components(&self) -> usize {
        self.log_weighted_norm.len()
    }

    pub(crate) fn n_features(&self) -> usize {
        self.center.len()
    }

    /// Writes `ln (w_k N(x | μ_k, Σ_k))` of every row of `rows` and every component into `block`.
    pub(crate) fn log_joint(&self, rows: &[T], block: &mut [f64], scratch: &mut DensityScratch<T>) {
        let panels = &mut scratch.panels;
        let center = &self.center;
        match &self.shape {
            Shape::Full { means, lowers } => {
                let lowers = Lowers::Each(lowers);
                triangular::distances(rows, center, means, &lowers, block, BLOCK_ROWS, panels);
            }
            Shape::Tied { means, lower } => {
                let lowers = Lowers::Shared(lower);
                triangular::distances(rows, center, means, &lowers, block, BLOCK_ROWS, panels);
            }
            Shape::Diagonal(scales) => {
                diagonal::distances(rows, center, scales, block, BLOCK_ROWS, panels);
            }
        }
        let n_rows = rows.len() / self.n_features();
        for (values, norm) in block.chunks_mut(BLOCK_ROWS).zip(&self.log_weighted_norm) {
            for value in &mut values[..n_rows] {
                *value = norm - 0.5 * *value;
            }
        }
    }
}

/// Turns the log joint densities of a block into responsibilities, in place, and writes `ln p(x)` of each row.
pub(crate) fn normalise<T>(
    block: &mut [f64],
    log_likelihoods: &mut [f64],
    scratch: &mut DensityScratch<T>,
) {
    exponential::normalise(block, BLOCK_ROWS, log_likelihoods, &mut scratch.max, &mut scratch.sum);
}
