//! Sufficient statistics of the M step, relative to a center per component to avoid cancellation.

use crate::kernels::gram;
use crate::linalg::mirror_lower;
use crate::{CovarianceType, Real, Samples};
use serde::{Deserialize, Serialize};

/// Responsibilities at or below this are left out of the sums: 2⁻⁵³, half a unit in the last place
/// of 1.
///
/// Leaving one out changes `p(x)` by no more than rounding does. The total left out of `N_k` is at
/// most `n · 1.1e-16`, and that of the second moments is this times the squared spread of these
/// rows.
pub(crate) const NEGLIGIBLE: f64 = f64::EPSILON / 2.0;

/// Number of rows gathered before their product is computed: enough to fill the product's inner
/// dimension.
const GATHER_ROWS: usize = 512;

/// Weighted moments of one component around `center`: `Σ r`, `Σ r (x - c)`, `Σ r (x - c)(x - c)ᵀ`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) center: Vec<f64>,
    pub(crate) first: Vec<f64>,
    /// Full: `[D, D]`, lower triangle; other types: its diagonal, `[D]`.
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

    /// Removes all rows, but keeps the center.
    pub(crate) fn clear(&mut self) {
        self.count = 0.0;
        self.first.fill(0.0);
        self.second.fill(0.0);
    }

    /// Adds other moments around the same center.
    pub(crate) fn add_same_center(&mut self, other: &Self) {
        self.count += other.count;
        self.first.iter_mut().zip(&other.first).for_each(|(total, value)| *total += value);
        self.second.iter_mut().zip(&other.second).for_each(|(total, value)| *total += value);
    }

    /// Adds other moments, shifted to this center: with the shift `s` from this center to the
    /// other, `Σ r (x - c)` gains `N s`, and the second moments gain `s fᵀ + f sᵀ + N s sᵀ`.
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
        let mut covariance = vec![0.0; self.second.len()];
        self.write_covariance(&mut covariance);
        covariance
    }

    /// Variances `S/N - δ²`, `[D]`.
    pub(crate) fn variances(&self) -> Vec<f64> {
        let mut variances = vec![0.0; self.center.len()];
        self.write_covariance(&mut variances);
        variances
    }

    /// Writes the covariance to a dense matrix (`[D, D]`), or only the variances (`[D]`) if there
    /// is no space for more; zeros if there are no rows. A variance that is negative because of
    /// rounding becomes zero.
    pub(crate) fn write_covariance(&self, out: &mut [f64]) {
        let d = self.center.len();
        if self.count <= 0.0 {
            out.fill(0.0);
            return;
        }
        let shift: Vec<f64> = self.first.iter().map(|s| s / self.count).collect();
        if out.len() == d {
            let stride = if self.second.len() == d { 1 } else { d + 1 };
            let sums = self.second.iter().step_by(stride).zip(&shift);
            for (out, (sum, m)) in out.iter_mut().zip(sums) {
                *out = (sum / self.count - m * m).max(0.0);
            }
            return;
        }
        for i in 0..d {
            for j in 0..=i {
                out[i * d + j] = self.second[i * d + j] / self.count - shift[i] * shift[j];
            }
        }
        mirror_lower(out, d);
    }
}

/// Adds rows to the [`Moments`] of one component with a full covariance; rows are gathered and
/// added a few hundred at a time.
#[derive(Debug)]
pub(crate) struct Accumulator<T> {
    moments: Moments,
    /// `center` in the samples' type; `moments.center` has the same value, so that centering is
    /// exact.
    center: Vec<T>,
    /// Rows to add next, each with the root of its responsibility.
    listed: Vec<(u32, T)>,
    gathered: Vec<T>,
    /// Number of rows in `gathered`.
    roots: Vec<(u32, T)>,
    /// The total of one batch of gathered rows.
    block: Vec<T>,
}

impl<T: Real> Accumulator<T> {
    pub(crate) fn new(d: usize) -> Self {
        let zero = T::from_f64(0.0);
        let width = gram::padded(d);
        Self {
            moments: Moments::new(CovarianceType::Full, d),
            center: vec![zero; d],
            listed: Vec::with_capacity(GATHER_ROWS),
            gathered: vec![zero; GATHER_ROWS * width],
            roots: Vec::with_capacity(GATHER_ROWS),
            block: vec![zero; width * width],
        }
    }

    /// Size in bytes for `d` features.
    pub(crate) fn bytes(d: usize) -> usize {
        let width = gram::padded(d);
        (GATHER_ROWS + width) * width * size_of::<T>() + d * d * size_of::<f64>()
    }

    /// Removes all rows, and uses `center` (rounded to the samples' type) from now on.
    pub(crate) fn reset(&mut self, center: &[f64]) {
        for ((wide, narrow), value) in
            self.moments.center.iter_mut().zip(&mut self.center).zip(center)
        {
            *narrow = T::from_f64(*value);
            *wide = narrow.to_f64();
        }
        self.moments.clear();
        self.roots.clear();
    }

    /// Adds the listed rows of `rows`, each with its responsibility.
    pub(crate) fn add(&mut self, rows: &[T], listed: &[u32], responsibilities: &[f64]) {
        for (listed, responsibilities) in
            listed.chunks(GATHER_ROWS).zip(responsibilities.chunks(GATHER_ROWS))
        {
            self.listed.clear();
            for (row, r) in listed.iter().zip(responsibilities) {
                self.moments.count += *r;
                self.listed.push((*row, T::from_f64(r.sqrt())));
            }
            self.gather(rows);
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

    /// Gathers the listed rows, and adds the gathered ones whenever there are [`GATHER_ROWS`] of
    /// them.
    fn gather(&mut self, rows: &[T]) {
        let width = gram::padded(self.center.len());
        let mut at = 0;
        while at < self.listed.len() {
            let n_gathered = self.roots.len();
            let end = self.listed.len().min(at + GATHER_ROWS - n_gathered);
            let now = &self.listed[at..end];
            let out = &mut self.gathered[n_gathered * width..(n_gathered + now.len()) * width];
            gram::gather(rows, &self.center, now, out, width);
            self.roots.extend_from_slice(now);
            at = end;
            if self.roots.len() == GATHER_ROWS {
                self.flush();
            }
        }
    }

    /// Adds the remaining gathered rows, and returns the moments of all rows since the last reset.
    pub(crate) fn finish(&mut self) -> &mut Moments {
        if !self.roots.is_empty() {
            self.flush();
        }
        &mut self.moments
    }

    /// The moments of the rows added so far, without pending ones.
    pub(crate) fn moments(&self) -> &Moments {
        &self.moments
    }

    /// Full moments of all `samples` around `center`.
    pub(crate) fn of_all(samples: &Samples<'_, T>, center: &[f64]) -> Moments {
        let mut all = Self::new(samples.n_features());
        all.reset(center);
        all.add_all(samples.data(), |row| samples.weight(row));
        all.finish().clone()
    }

    fn flush(&mut self) {
        let d = self.center.len();
        let gathered = &self.gathered[..self.roots.len() * gram::padded(d)];
        gram::add_first(gathered, &self.roots, &mut self.moments.first);
        gram::add_gram(gathered, d, &mut self.block, &mut self.moments.second);
        self.roots.clear();
    }
}
