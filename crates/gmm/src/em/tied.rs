//! The scatter within components that share one covariance, computed without cancellation.
//!
//! Computing it as the scatter of all rows minus the scatter between the means would lose all
//! digits for components far apart. Instead, each row is centered on its own mixture of centers
//! `m = Σ_k r_k c_k`, and
//!
//! `Σ_k r_k (x - c_k)(x - c_k)ᵀ = (x - m)(x - m)ᵀ + Σ_{k<l} r_k r_l (c_k - c_l)(c_k - c_l)ᵀ`,
//!
//! so one matrix product over all rows is enough, and only nonnegative terms are added.

use super::sparse::SparseResponsibilities;
use crate::Real;
use crate::density::BLOCK_ROWS;
use crate::linalg::mirror_lower;
use crate::stats::{Accumulator, Moments};

/// Scatter of the rows of one chunk within all components.
pub(super) struct WithinSums<T> {
    /// `Σ_n v_n (x - m)(x - m)ᵀ` with `v_n = Σ_k r_nk`.
    rows: Accumulator<T>,
    /// `Σ_n r_nk r_nl / v_n` for `k < l`, `[K, K]`.
    overlap: Vec<f64>,
    /// Rows of a block minus their own mixture of centers.
    differences: Vec<T>,
    /// For each row of a block: the component with the largest responsibility, that responsibility,
    /// and the sum of all responsibilities.
    held: Vec<(usize, f64, f64)>,
    /// For rows with several components: these and their responsibilities.
    shared: Vec<Vec<(usize, f64)>>,
}

impl<T: Real> WithinSums<T> {
    pub(super) fn new(n_components: usize, d: usize) -> Self {
        let mut rows = Accumulator::new(d);
        rows.reset(&vec![0.0; d]);
        Self {
            rows,
            overlap: vec![0.0; n_components * n_components],
            differences: vec![T::from_f64(0.0); BLOCK_ROWS * d],
            held: vec![(0, 0.0, 0.0); BLOCK_ROWS],
            shared: vec![Vec::new(); BLOCK_ROWS],
        }
    }

    /// Size in bytes.
    pub(super) fn bytes(n_components: usize, d: usize) -> usize {
        let block = BLOCK_ROWS * d * size_of::<T>();
        Accumulator::<T>::bytes(d) + block + n_components * n_components * size_of::<f64>()
    }

    /// Removes all rows.
    pub(super) fn clear(&mut self) {
        let d = self.differences.len() / BLOCK_ROWS;
        self.rows.reset(&vec![0.0; d]);
        self.overlap.fill(0.0);
    }

    /// Adds a block of rows with responsibilities `shares`, around `centers` (`[K, D]`).
    pub(super) fn add(&mut self, rows: &[T], shares: &SparseResponsibilities, centers: &[f64]) {
        let d = self.differences.len() / BLOCK_ROWS;
        let n_rows = rows.len() / d;
        let n_components = shares.n_components();
        for (held, shared) in self.held.iter_mut().zip(&mut self.shared).take(n_rows) {
            *held = (0, 0.0, 0.0);
            shared.clear();
        }
        for k in 0..n_components {
            let (listed, values) = shares.of(k);
            for (row, value) in listed.iter().zip(values) {
                let row = *row as usize;
                let (best, most, total) = &mut self.held[row];
                *total += value;
                if value > most {
                    (*best, *most) = (k, *value);
                }
                self.shared[row].push((k, *value));
            }
        }
        let out = self.differences.chunks_exact_mut(d);
        let known = self.held.iter().zip(&self.shared);
        for ((row, out), ((best, _, total), shared)) in rows.chunks_exact(d).zip(out).zip(known) {
            let nearest = &centers[best * d..(best + 1) * d];
            for ((out, x), c) in out.iter_mut().zip(row).zip(nearest) {
                *out = T::from_f64(x.to_f64() - c);
            }
            if shared.len() < 2 || *total <= 0.0 {
                continue;
            }
            for (at, (k, value)) in shared.iter().enumerate() {
                let share = value / total;
                let center = &centers[k * d..(k + 1) * d];
                for ((out, c), n) in out.iter_mut().zip(center).zip(nearest) {
                    *out = T::from_f64(out.to_f64() - share * (c - n));
                }
                for (l, other) in &shared[at + 1..] {
                    self.overlap[k * n_components + l] += share * other;
                }
            }
        }
        let held = &self.held;
        self.rows.add_all(&self.differences[..n_rows * d], |row| held[row].2);
    }

    /// Ends a chunk by adding everything pending to the sums.
    pub(super) fn finish(&mut self) {
        self.rows.finish();
    }
}

/// Scatter of all rows of a pass within all components.
pub(super) struct Within {
    /// `[D, D]`, lower triangle.
    scatter: Vec<f64>,
    overlap: Vec<f64>,
    n_features: usize,
}

impl Within {
    pub(super) fn new(n_components: usize, d: usize) -> Self {
        Self {
            scatter: vec![0.0; d * d],
            overlap: vec![0.0; n_components * n_components],
            n_features: d,
        }
    }

    /// Removes all rows.
    pub(super) fn clear(&mut self) {
        self.scatter.fill(0.0);
        self.overlap.fill(0.0);
    }

    /// Adds the sums of one chunk.
    pub(super) fn add<T: Real>(&mut self, chunk: &WithinSums<T>) {
        let second = &chunk.rows.moments().second;
        self.scatter.iter_mut().zip(second).for_each(|(total, value)| *total += value);
        self.overlap.iter_mut().zip(&chunk.overlap).for_each(|(total, value)| *total += value);
    }

    /// The covariance within components, `[D, D]`: that around their centers, minus the scatter
    /// between these and their means.
    pub(super) fn covariance(&self, moments: &[Moments]) -> Vec<f64> {
        let (d, n_components) = (self.n_features, moments.len());
        let mut within = self.scatter.clone();
        let mut add = |factor: f64, shift: &[f64]| {
            for i in 0..d {
                for j in 0..=i {
                    within[i * d + j] += factor * shift[i] * shift[j];
                }
            }
        };
        for k in 0..n_components {
            for l in k + 1..n_components {
                let overlap = self.overlap[k * n_components + l];
                if overlap > 0.0 {
                    let pair = moments[k].center.iter().zip(&moments[l].center);
                    let apart: Vec<f64> = pair.map(|(a, b)| a - b).collect();
                    add(overlap, &apart);
                }
            }
        }
        for component in moments.iter().filter(|m| m.count > 0.0) {
            let shift: Vec<f64> = component.first.iter().map(|s| s / component.count).collect();
            add(-component.count, &shift);
        }
        let total: f64 = moments.iter().map(|m| m.count).sum();
        for value in &mut within {
            *value /= total.max(f64::MIN_POSITIVE);
        }
        mirror_lower(&mut within, d);
        within
    }
}
