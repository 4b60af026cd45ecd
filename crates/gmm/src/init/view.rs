//! [`View`]: the coordinates in which a start measures distances.

use crate::linalg;
use crate::parallel::grain;
use rayon::prelude::*;

/// Rows that one task handles.
const TASK_ROWS: usize = 256;

/// An affine map of the samples; distances are Euclidean after it.
///
/// None knows best. Raw units tell what the caller means to be far; a scale for each feature makes
/// units irrelevant; whitening makes all directions alike, which uncovers clusters that a wide
/// nuisance axis hides, but flattens those that themselves make up an axis's variance.
#[derive(Debug)]
pub(crate) struct View {
    center: Vec<f64>,
    map: Map,
}

#[derive(Debug)]
enum Map {
    /// Only the center is taken off.
    Raw,
    /// Each feature is multiplied by its own factor.
    Scaled(Vec<f64>),
    /// `L⁻¹` of a covariance `L Lᵀ`, `[D, D]`.
    Whitened(Vec<f64>),
}

impl View {
    /// The samples' own coordinates, around `center`.
    pub(crate) fn raw(center: &[f64]) -> Self {
        Self { center: center.to_vec(), map: Map::Raw }
    }

    /// Every feature in units of its standard deviation; constant features stay as they are.
    pub(crate) fn standardized(center: &[f64], variances: &[f64]) -> Self {
        let factor = |v: &f64| if *v > 0.0 { v.sqrt().recip() } else { 1.0 };
        Self { center: center.to_vec(), map: Map::Scaled(variances.iter().map(factor).collect()) }
    }

    /// Under the Mahalanobis distance of `metric` (`[D, D]`); raw if that is not positive definite.
    pub(crate) fn whitened(center: &[f64], metric: &[f64]) -> Self {
        let d = center.len();
        let map = match linalg::cholesky(metric, d) {
            Ok(factor) => Map::Whitened(linalg::invert_lower(&factor, d)),
            Err(_) => Map::Raw,
        };
        Self { center: center.to_vec(), map }
    }

    pub(crate) fn n_features(&self) -> usize {
        self.center.len()
    }

    /// `rows` (`[n, D]`) in these coordinates.
    pub(crate) fn apply(&self, rows: &[f64]) -> Vec<f64> {
        let d = self.center.len();
        let mut out = vec![0.0; rows.len()];
        let tasks = out.par_chunks_mut(TASK_ROWS * d).zip(rows.par_chunks(TASK_ROWS * d));
        let operations = match self.map {
            Map::Whitened(_) => d * d,
            _ => 2 * d,
        };
        let tasks = tasks.with_min_len(grain(TASK_ROWS * operations));
        tasks.for_each_init(Vec::new, |centered, (out, rows)| {
            let differences = rows.iter().zip(self.center.iter().cycle()).map(|(x, c)| x - c);
            match &self.map {
                Map::Raw => out.iter_mut().zip(differences).for_each(|(out, x)| *out = x),
                Map::Scaled(factors) => {
                    let scaled = differences.zip(factors.iter().cycle()).map(|(x, f)| x * f);
                    out.iter_mut().zip(scaled).for_each(|(out, x)| *out = x);
                }
                Map::Whitened(inverse) => {
                    centered.clear();
                    centered.extend(differences);
                    linalg::times_lower_transposed(out, centered, inverse, d);
                }
            }
        });
        out
    }
}
