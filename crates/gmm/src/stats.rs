//! Sufficient statistics of the M step, taken around a centre per component so that nothing cancels.

use crate::linalg::{add_gram_lower, mirror_lower};
use crate::{CovarianceType, Real};

/// Responsibilities at or below this are left out of the sums.
///
/// What is left out of `N_k` is at most `n · 1e-20`, and of the second moments at most that times the squared spread of
/// the data: below rounding (2⁻⁵³ ≈ 1.1e-16) for every component that holds more than 1e-4 · n · 1e-16 of a row.
pub(crate) const NEGLIGIBLE: f64 = 1e-20;

/// Rows gathered before a product over them is formed: enough to fill the product's inner dimension.
const GATHER_ROWS: usize = 512;

/// Weighted moments of one component around `center`: `Σ r`, `Σ r (x - c)`, `Σ r (x - c)(x - c)ᵀ`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) center: Vec<f64>,
    pub(crate) first: Vec<f64>,
    /// Full: `[D, D]`, lower triangle; diagonal shapes: `[D]`; tied: empty.
    pub(crate) second: Vec<f64>,
}

impl Moments {
    /// Mean of the component.
    pub(crate) fn mean(&self) -> Vec<f64> {
        self.center.iter().zip(&self.first).map(|(c, s)| c + s / self.count).collect()
    }

    /// Covariance `S/N - δ δᵀ` with `δ = Σ r (x - c) / N`, dense `[D, D]`.
    pub(crate) fn covariance(&self) -> Vec<f64> {
        let d = self.center.len();
        let shift: Vec<f64> = self.first.iter().map(|s| s / self.count).collect();
        let mut covariance = self.second.clone();
        for i in 0..d {
            for j in 0..=i {
                covariance[i * d + j] = covariance[i * d + j] / self.count - shift[i] * shift[j];
            }
        }
        mirror_lower(&mut covariance, d);
        covariance
    }

    /// Variances `S/N - δ²`, `[D]`; rounding below zero is cut off.
    pub(crate) fn variances(&self) -> Vec<f64> {
        let shifts = self.first.iter().map(|s| s / self.count);
        self.second.iter().zip(shifts).map(|(s, m)| (s / self.count - m * m).max(0.0)).collect()
    }
}

/// Adds rows to the [`Moments`] of one component; rows are gathered and added a few hundred at a time.
#[derive(Debug)]
pub(crate) struct Accumulator<T> {
    moments: Moments,
    covariance_type: CovarianceType,
    /// `center` in the samples' type; `moments.center` is this value, so that centring is exact.
    center: Vec<T>,
    gathered: Vec<T>,
    roots: Vec<T>,
    /// Block total in the samples' type.
    block: Vec<T>,
}

impl<T: Real> Accumulator<T> {
    pub(crate) fn new(covariance_type: CovarianceType, d: usize) -> Self {
        let zero = T::from_f64(0.0);
        let second = match covariance_type {
            CovarianceType::Full => d * d,
            CovarianceType::Diag | CovarianceType::Spherical => d,
            CovarianceType::Tied => 0,
        };
        let block = if covariance_type == CovarianceType::Full { d * d } else { 2 * d };
        Self {
            moments: Moments {
                count: 0.0,
                center: vec![0.0; d],
                first: vec![0.0; d],
                second: vec![0.0; second],
            },
            covariance_type,
            center: vec![zero; d],
            gathered: Vec::with_capacity(GATHER_ROWS * d),
            roots: Vec::with_capacity(GATHER_ROWS),
            block: vec![zero; block],
        }
    }

    /// Forgets all rows and takes moments around `center` (rounded to the samples' type) from now on.
    pub(crate) fn reset(&mut self, center: &[f64]) {
        for ((wide, narrow), value) in
            self.moments.center.iter_mut().zip(&mut self.center).zip(center)
        {
            *narrow = T::from_f64(*value);
            *wide = narrow.to_f64();
        }
        self.moments.count = 0.0;
        self.moments.first.fill(0.0);
        self.moments.second.fill(0.0);
        self.gathered.clear();
        self.roots.clear();
    }

    /// Adds `rows`, each with its responsibility.
    pub(crate) fn add(&mut self, rows: &[T], responsibilities: &[f64]) {
        let d = self.center.len();
        for (row, r) in rows.chunks(d).zip(responsibilities) {
            if *r > NEGLIGIBLE {
                self.moments.count += *r;
                let root = T::from_f64(r.sqrt());
                self.roots.push(root);
                self.gathered.extend(row.iter().zip(&self.center).map(|(x, c)| (*x - *c) * root));
                if self.roots.len() == GATHER_ROWS {
                    self.flush();
                }
            }
        }
    }

    /// Adds what is still gathered; call before reading [`moments`](Self::moments).
    pub(crate) fn finish(&mut self) -> &Moments {
        self.flush();
        &self.moments
    }

    fn flush(&mut self) {
        if self.roots.is_empty() {
            return;
        }
        let d = self.center.len();
        let zero = T::from_f64(0.0);
        let (first, squares) = self.block.split_at_mut(d);
        first.fill(zero);
        squares.fill(zero);
        let diagonal =
            matches!(self.covariance_type, CovarianceType::Diag | CovarianceType::Spherical);
        for (row, root) in self.gathered.chunks(d).zip(&self.roots) {
            for (sum, z) in first.iter_mut().zip(row) {
                *sum += *z * *root;
            }
            if diagonal {
                for (sum, z) in squares.iter_mut().zip(row) {
                    *sum += *z * *z;
                }
            }
        }
        add_widened(&mut self.moments.first, first);
        if diagonal {
            add_widened(&mut self.moments.second, squares);
        } else if self.covariance_type == CovarianceType::Full {
            self.block.fill(zero);
            add_gram_lower(&mut self.block, &self.gathered, d);
            add_widened(&mut self.moments.second, &self.block);
        }
        self.gathered.clear();
        self.roots.clear();
    }
}

/// Adds block totals to the `f64` totals.
fn add_widened<T: Real>(totals: &mut [f64], block: &[T]) {
    for (total, value) in totals.iter_mut().zip(block) {
        *total += value.to_f64();
    }
}
