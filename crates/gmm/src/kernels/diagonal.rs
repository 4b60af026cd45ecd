//! Distances and moments for diagonal covariances.

use super::panel::add_lanes;
use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// Rows evaluated together.
const ROWS: usize = 4;

/// Writes `Σ_j ((x_j - c_j) s_j + t_j)²` of the listed rows to `out`, one after the other.
///
/// With `s = 1/σ` and `t = (c - μ)/σ` these are squared distances in standard deviations. A register holds neighbouring
/// features, so rows need no transposing; a row's result does not depend on its neighbours.
///
/// # Shapes
/// - `rows`: `[n, D]`; `center`, `scale`, `shift`: `[D]`
pub(crate) fn listed_distances<T: Real>(
    rows: &[T],
    listed: &[u32],
    center: &[T],
    scale: &[T],
    shift: &[T],
    out: &mut [f64],
) {
    Arch::new().dispatch(Distances { rows, listed, center, scale, shift, out });
}

struct Distances<'a, T> {
    rows: &'a [T],
    listed: &'a [u32],
    center: &'a [T],
    scale: &'a [T],
    shift: &'a [T],
    out: &'a mut [f64],
}

impl<T: Real> WithSimd for Distances<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let d = self.center.len();
        for (ids, out) in self.listed.chunks(ROWS).zip(self.out.chunks_mut(ROWS)) {
            let rows = std::array::from_fn(|i| {
                let id = ids[i.min(ids.len() - 1)] as usize;
                &self.rows[id * d..][..d]
            });
            let sums = four_distances(simd, rows, self.center, self.scale, self.shift);
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = sum.to_f64();
            }
        }
    }
}

/// Distances of [`ROWS`] rows, with two sums a row so that additions need not wait for each other.
#[inline(always)]
fn four_distances<T: Real, S: Simd>(
    simd: S,
    rows: [&[T]; ROWS],
    center: &[T],
    scale: &[T],
    shift: &[T],
) -> [T; ROWS] {
    let d = center.len();
    let zero = T::from_f64(0.0);
    let mut sums = [[T::splat(simd, zero); 2]; ROWS];
    let lanes = T::lanes::<S>();
    let mut at = 0;
    while at + 2 * lanes <= d {
        let pair = at..at + 2 * lanes;
        let c = T::registers::<S>(&center[pair.clone()]).0;
        let s = T::registers::<S>(&scale[pair.clone()]).0;
        let t = T::registers::<S>(&shift[pair.clone()]).0;
        for (row, sums) in rows.iter().zip(&mut sums) {
            let x = T::registers::<S>(&row[pair.clone()]).0;
            for p in 0..2 {
                let z = T::mul_add(simd, T::sub_each(simd, x[p], c[p]), s[p], t[p]);
                sums[p] = T::mul_add(simd, z, z, sums[p]);
            }
        }
        at += 2 * lanes;
    }
    let mut totals = [zero; ROWS];
    for ((total, sums), row) in totals.iter_mut().zip(sums).zip(rows) {
        *total = T::sum_lanes(simd, T::add_each(simd, sums[0], sums[1]));
        for j in at..d {
            let z = (row[j] - center[j]) * scale[j] + shift[j];
            *total += z * z;
        }
    }
    totals
}

/// Adds `Σ r (x - c)` and `Σ r (x - c)²` over the listed rows to `first` and `second`, feature by feature.
///
/// A register holds neighbouring features; rows are added in the order of the list.
///
/// # Shapes
/// - `rows`: `[n, D]`; `center`, `first`, `second`: `[D]`; `listed`: row and responsibility
pub(crate) fn add_moments<T: Real>(
    rows: &[T],
    center: &[T],
    listed: &[(u32, T)],
    first: &mut [f64],
    second: &mut [f64],
) {
    Arch::new().dispatch(Moments { rows, center, listed, first, second });
}

struct Moments<'a, T> {
    rows: &'a [T],
    center: &'a [T],
    listed: &'a [(u32, T)],
    first: &'a mut [f64],
    second: &'a mut [f64],
}

impl<T: Real> WithSimd for Moments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (d, lanes) = (self.center.len(), T::lanes::<S>());
        let mut at = 0;
        while at + 4 * lanes <= d {
            self.strip::<S, 4>(simd, at);
            at += 4 * lanes;
        }
        while at + lanes <= d {
            self.strip::<S, 1>(simd, at);
            at += lanes;
        }
        for j in at..d {
            let zero = T::from_f64(0.0);
            let (mut first, mut second) = (zero, zero);
            for (row, r) in self.listed {
                let z = self.rows[*row as usize * d + j] - self.center[j];
                let rz = *r * z;
                first += rz;
                second += rz * z;
            }
            self.first[j] += first.to_f64();
            self.second[j] += second.to_f64();
        }
    }
}

impl<T: Real> Moments<'_, T> {
    /// Sums of `N` registers of features, starting with feature `at`.
    #[inline(always)]
    fn strip<S: Simd, const N: usize>(&mut self, simd: S, at: usize) {
        let (d, width) = (self.center.len(), N * T::lanes::<S>());
        let zero = T::splat(simd, T::from_f64(0.0));
        let (mut first, mut second) = ([zero; N], [zero; N]);
        let center = T::registers::<S>(&self.center[at..at + width]).0;
        for (row, r) in self.listed {
            let start = *row as usize * d + at;
            let x = T::registers::<S>(&self.rows[start..start + width]).0;
            let r = T::splat(simd, *r);
            for i in 0..N {
                let z = T::sub_each(simd, x[i], center[i]);
                let rz = T::mul_each(simd, r, z);
                first[i] = T::add_each(simd, first[i], rz);
                second[i] = T::mul_add(simd, rz, z, second[i]);
            }
        }
        add_lanes::<T, S>(&first, &mut self.first[at..at + width]);
        add_lanes::<T, S>(&second, &mut self.second[at..at + width]);
    }
}
