//! Sufficient statistics of the M step, taken around a centre per component so that nothing cancels.

use crate::kernels::diagonal::{self, MomentSums};
use crate::kernels::gram;
use crate::linalg::mirror_lower;
use crate::{CovarianceType, Real};
use serde::{Deserialize, Serialize};

/// Responsibilities at or below this are left out of the sums: 2⁻⁵³, half a unit in the last place of 1.
///
/// Leaving one out changes `p(x)` by no more than rounding does. What is left out of `N_k` is at most `n · 1.1e-16`, and
/// of the second moments that times the squared spread of the rows concerned.
pub(crate) const NEGLIGIBLE: f64 = f64::EPSILON / 2.0;

/// Rows gathered before a product over them is formed: enough to fill the product's inner dimension.
const GATHER_ROWS: usize = 512;

/// Weighted moments of one component around `center`: `Σ r`, `Σ r (x - c)`, `Σ r (x - c)(x - c)ᵀ`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) center: Vec<f64>,
    pub(crate) first: Vec<f64>,
    /// Full: `[D, D]`, lower triangle; other shapes: its diagonal, `[D]`.
    pub(crate) second: Vec<f64>,
}

impl Moments {
    /// No rows, around zero.
    pub(crate) fn new(covariance_type: CovarianceType, d: usize) -> Self {
        let full = covariance_type == CovarianceType::Full;
        Self {
            count: 0.0,
            center: vec![0.0; d],
            first: vec![0.0; d],
            second: vec![0.0; if full { d * d } else { d }],
        }
    }

    /// Multiplies all sums by `factor`.
    pub(crate) fn scale(&mut self, factor: f64) {
        self.count *= factor;
        let sums = self.first.iter_mut().chain(&mut self.second);
        sums.for_each(|sum| *sum *= factor);
    }

    /// Adds other moments, shifted to this centre: with `s` from this centre to the other, `Σ r (x - c) ` gains `N s`,
    /// and the second moments gain `s fᵀ + f sᵀ + N s sᵀ`.
    pub(crate) fn merge(&mut self, other: &Self) {
        let d = self.center.len();
        let shift: Vec<f64> = other.center.iter().zip(&self.center).map(|(o, c)| o - c).collect();
        let full = self.second.len() == d * d && d > 1;
        for (at, (sum, value)) in self.second.iter_mut().zip(&other.second).enumerate() {
            let (i, j) = if full { (at / d, at % d) } else { (at, at) };
            if i >= j {
                let moved = shift[i] * other.first[j] + other.first[i] * shift[j];
                *sum += value + moved + other.count * shift[i] * shift[j];
            }
        }
        for ((sum, value), s) in self.first.iter_mut().zip(&other.first).zip(&shift) {
            *sum += value + other.count * s;
        }
        self.count += other.count;
    }

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
    /// `center` in the samples' type; `moments.center` is this value, so that centring is exact.
    center: Vec<T>,
    /// Row and responsibility (diagonal shapes) or its root (full) of what is to be added next.
    listed: Vec<(u32, T)>,
    outer: Option<OuterProducts<T>>,
    /// Working space of the diagonal shapes.
    sums: MomentSums<T>,
    /// Rows that `sums` holds.
    n_summed: usize,
}

/// What sums of outer products need besides: gathered rows and the total of one batch of them.
#[derive(Debug)]
struct OuterProducts<T> {
    gathered: Vec<T>,
    roots: Vec<(u32, T)>,
    block: Vec<T>,
}

impl<T: Real> Accumulator<T> {
    pub(crate) fn new(covariance_type: CovarianceType, d: usize) -> Self {
        let zero = T::from_f64(0.0);
        let width = gram::padded(d);
        let outer = (covariance_type == CovarianceType::Full).then(|| OuterProducts {
            gathered: vec![zero; GATHER_ROWS * width],
            roots: Vec::with_capacity(GATHER_ROWS),
            block: vec![zero; width * width],
        });
        Self {
            moments: Moments::new(covariance_type, d),
            center: vec![zero; d],
            listed: Vec::with_capacity(GATHER_ROWS),
            sums: MomentSums::new(if outer.is_some() { 0 } else { d }),
            outer,
            n_summed: 0,
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
        if let Some(outer) = &mut self.outer {
            outer.roots.clear();
        }
        debug_assert_eq!(self.n_summed, 0, "moments are finished before they are taken anew");
    }

    /// Adds the listed rows of `rows`, each with its responsibility.
    pub(crate) fn add(&mut self, rows: &[T], listed: &[u32], responsibilities: &[f64]) {
        for (listed, responsibilities) in
            listed.chunks(GATHER_ROWS).zip(responsibilities.chunks(GATHER_ROWS))
        {
            self.listed.clear();
            for (row, r) in listed.iter().zip(responsibilities) {
                self.moments.count += *r;
                let value = if self.outer.is_some() { r.sqrt() } else { *r };
                self.listed.push((*row, T::from_f64(value)));
            }
            if self.outer.is_some() {
                self.gather(rows);
            } else {
                diagonal::add_moments(rows, &self.center, &self.listed, &mut self.sums);
                self.n_summed += self.listed.len();
                if self.n_summed >= GATHER_ROWS {
                    self.flush_sums();
                }
            }
        }
    }

    /// Adds all of `rows`, each with its weight.
    pub(crate) fn add_all(&mut self, rows: &[T], weight: impl Fn(usize) -> f64) {
        let d = self.center.len();
        for (index, rows) in rows.chunks(GATHER_ROWS * d).enumerate() {
            let first = index * GATHER_ROWS;
            let n_rows = rows.len() / d;
            let listed: Vec<u32> = (0_u32..).take(n_rows).collect();
            let weights: Vec<f64> = (first..first + n_rows).map(&weight).collect();
            self.add(rows, &listed, &weights);
        }
    }

    /// Gathers the listed rows, and adds the gathered whenever there are [`GATHER_ROWS`] of them.
    fn gather(&mut self, rows: &[T]) {
        let width = gram::padded(self.center.len());
        let mut left: &[(u32, T)] = &self.listed;
        while let Some(outer) = &mut self.outer
            && !left.is_empty()
        {
            let n_gathered = outer.roots.len();
            let (now, later) = left.split_at(left.len().min(GATHER_ROWS - n_gathered));
            let out = &mut outer.gathered[n_gathered * width..(n_gathered + now.len()) * width];
            gram::gather(rows, &self.center, now, out, width);
            outer.roots.extend_from_slice(now);
            left = later;
            if outer.roots.len() == GATHER_ROWS {
                outer.flush(&mut self.moments);
            }
        }
    }

    /// Adds the finished moments of another accumulator with the same centre.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.moments.count += other.moments.count;
        for (total, value) in self.moments.first.iter_mut().zip(&other.moments.first) {
            *total += value;
        }
        for (total, value) in self.moments.second.iter_mut().zip(&other.moments.second) {
            *total += value;
        }
    }

    /// Adds what is still gathered, and tells the moments of all rows since the last reset.
    pub(crate) fn finish(&mut self) -> &Moments {
        if let Some(outer) = &mut self.outer
            && !outer.roots.is_empty()
        {
            outer.flush(&mut self.moments);
        }
        self.flush_sums();
        &self.moments
    }

    fn flush_sums(&mut self) {
        if self.n_summed > 0 {
            self.sums.flush(&mut self.moments.first, &mut self.moments.second);
            self.n_summed = 0;
        }
    }
}

impl<T: Real> OuterProducts<T> {
    fn flush(&mut self, moments: &mut Moments) {
        let d = moments.center.len();
        let gathered = &self.gathered[..self.roots.len() * gram::padded(d)];
        gram::add_first(gathered, &self.roots, &mut moments.first);
        gram::add_gram(gathered, d, &mut self.block, &mut moments.second);
        self.roots.clear();
    }
}
