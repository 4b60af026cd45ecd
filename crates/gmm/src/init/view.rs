//! [`View`]: the coordinates in which a start measures distances.

use crate::linalg;
use crate::parallel::grain;
use rayon::prelude::*;

/// Number of rows per task.
const TASK_ROWS: usize = 256;

/// An affine map of the samples; distances are Euclidean after it.
///
/// No view is always best. Raw units reflect what the caller considers distant; a scale for each
/// feature removes the dependence on units; whitening makes all directions equal, which reveals
/// clusters hidden by a wide nuisance axis, but flattens those that themselves cause an axis's
/// variance.
#[derive(Debug)]
pub(crate) struct View {
    center: Vec<f64>,
    map: Map,
}

#[derive(Debug)]
enum Map {
    /// Only subtracts the center.
    Raw,
    /// Multiplies each feature by a factor.
    Scaled(Vec<f64>),
    /// `L⁻¹` of a covariance `L Lᵀ`, `[D, D]`.
    Whitened(Vec<f64>),
}

impl View {
    /// The samples' own coordinates, around `center`.
    pub(crate) fn raw(center: &[f64]) -> Self {
        Self { center: center.to_vec(), map: Map::Raw }
    }

    /// Every feature in units of its standard deviation; constant features are unchanged.
    pub(crate) fn standardized(center: &[f64], variances: &[f64]) -> Self {
        let factor = |v: &f64| if *v > 0.0 { v.sqrt().recip() } else { 1.0 };
        Self { center: center.to_vec(), map: Map::Scaled(variances.iter().map(factor).collect()) }
    }

    /// With the Mahalanobis distance of `metric` (`[D, D]`); raw if that is not positive definite.
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
