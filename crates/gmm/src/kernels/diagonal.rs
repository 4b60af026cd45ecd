//! Distances and moments for diagonal covariances.

use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// Rows evaluated together.
const ROWS: usize = 4;

/// Takes `center` off every row of a block.
pub(crate) fn center_block<T: Real>(rows: &[T], center: &[T], out: &mut [T]) {
    Arch::new().dispatch(Center { rows, point: center, out });
}

struct Center<'a, T> {
    rows: &'a [T],
    point: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> WithSimd for Center<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let d = self.point.len();
        for (row, out) in self.rows.chunks_exact(d).zip(self.out.chunks_exact_mut(d)) {
            for ((out, x), c) in out.iter_mut().zip(row).zip(self.point) {
                *out = *x - *c;
            }
        }
    }
}

/// Writes `Σ_j (y_j s_j + t_j)²` of the listed rows of a centred block to `out`, one after the other.
///
/// With `y = x - c`, `s = 1/σ` and `t = (c - μ)/σ` these are squared distances in standard deviations. A register holds
/// neighbouring features, so rows need no transposing; a row's result does not depend on its neighbours.
///
/// # Shapes
/// - `centered`: `[n, D]`; `scale`, `shift`: `[D]`
pub(crate) fn listed_distances<T: Real>(
    centered: &[T],
    listed: &[u32],
    scale: &[T],
    shift: &[T],
    out: &mut [f64],
) {
    Arch::new().dispatch(Distances { centered, listed, scale, shift, out });
}

struct Distances<'a, T> {
    centered: &'a [T],
    listed: &'a [u32],
    scale: &'a [T],
    shift: &'a [T],
    out: &'a mut [f64],
}

impl<T: Real> WithSimd for Distances<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let d = self.scale.len();
        for (ids, out) in self.listed.chunks(ROWS).zip(self.out.chunks_mut(ROWS)) {
            let rows = std::array::from_fn(|i| {
                let id = ids[i.min(ids.len() - 1)] as usize;
                &self.centered[id * d..][..d]
            });
            let sums = four_distances(simd, rows, self.scale, self.shift);
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
    scale: &[T],
    shift: &[T],
) -> [T; ROWS] {
    let d = scale.len();
    let zero = T::from_f64(0.0);
    let mut sums = [[T::splat(simd, zero); 2]; ROWS];
    let lanes = T::lanes::<S>();
    let mut at = 0;
    while at + 2 * lanes <= d {
        let pair = at..at + 2 * lanes;
        let s = T::registers::<S>(&scale[pair.clone()]).0;
        let t = T::registers::<S>(&shift[pair.clone()]).0;
        for (row, sums) in rows.iter().zip(&mut sums) {
            let y = T::registers::<S>(&row[pair.clone()]).0;
            for p in 0..2 {
                let z = T::mul_add(simd, y[p], s[p], t[p]);
                sums[p] = T::mul_add(simd, z, z, sums[p]);
            }
        }
        at += 2 * lanes;
    }
    let mut totals = [zero; ROWS];
    for ((total, sums), row) in totals.iter_mut().zip(sums).zip(rows) {
        *total = T::sum_lanes(simd, T::add_each(simd, sums[0], sums[1]));
        for j in at..d {
            let z = row[j] * scale[j] + shift[j];
            *total += z * z;
        }
    }
    totals
}

/// Sums of moments in the samples' type, before they are widened.
#[derive(Debug)]
pub(crate) struct MomentSums<T> {
    first: Vec<T>,
    second: Vec<T>,
}

impl<T: Real> MomentSums<T> {
    pub(crate) fn new(d: usize) -> Self {
        Self { first: vec![T::from_f64(0.0); d], second: vec![T::from_f64(0.0); d] }
    }

    /// Moves the sums to totals.
    pub(crate) fn flush(&mut self, first: &mut [f64], second: &mut [f64]) {
        for (totals, sums) in [(first, &mut self.first), (second, &mut self.second)] {
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += sum.to_f64();
                *sum = T::from_f64(0.0);
            }
        }
    }
}

/// Adds `Σ r (x - c)` and `Σ r (x - c)²` over the listed rows to `sums`, feature by feature.
///
/// [`ROWS`] rows are gone through together from front to back, so that they stream in from the cache.
///
/// # Shapes
/// - `rows`: `[n, D]`; `center`: `[D]`; `listed`: row and responsibility
pub(crate) fn add_moments<T: Real>(
    rows: &[T],
    center: &[T],
    listed: &[(u32, T)],
    sums: &mut MomentSums<T>,
) {
    Arch::new().dispatch(Moments { rows, center, listed, sums });
}

struct Moments<'a, T> {
    rows: &'a [T],
    center: &'a [T],
    listed: &'a [(u32, T)],
    sums: &'a mut MomentSums<T>,
}

impl<T: Real> WithSimd for Moments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let d = self.center.len();
        let MomentSums { first, second } = self.sums;
        for listed in self.listed.chunks(ROWS) {
            // Where fewer are left, the last one is repeated with no weight: it adds zeros.
            let entry = |i: usize| listed[i.min(listed.len() - 1)];
            let rows: [&[T]; ROWS] =
                std::array::from_fn(|i| &self.rows[entry(i).0 as usize * d..][..d]);
            let weights: [T; ROWS] =
                std::array::from_fn(
                    |i| {
                        if i < listed.len() { entry(i).1 } else { T::from_f64(0.0) }
                    },
                );
            add_four(simd, rows, weights, self.center, first, second);
        }
    }
}

/// Adds the moments of [`ROWS`] rows.
#[inline(always)]
fn add_four<T: Real, S: Simd>(
    simd: S,
    rows: [&[T]; ROWS],
    weights: [T; ROWS],
    center: &[T],
    first: &mut [T],
    second: &mut [T],
) {
    let (centers, tail) = T::registers::<S>(center);
    let whole = center.len() - tail.len();
    let [a, b, c, e] = rows.map(|row| T::registers::<S>(row).0);
    let [wa, wb, wc, we] = weights.map(|weight| T::splat(simd, weight));
    let firsts = T::registers_mut::<S>(first).0;
    let seconds = T::registers_mut::<S>(second).0;
    let sums = firsts.iter_mut().zip(seconds);
    let values = a.iter().zip(b).zip(c.iter().zip(e)).zip(centers);
    for ((first, second), (((a, b), (c, e)), center)) in sums.zip(values) {
        // Two short chains of additions instead of one long one.
        let (za, zb) = (T::sub_each(simd, *a, *center), T::sub_each(simd, *b, *center));
        let (zc, ze) = (T::sub_each(simd, *c, *center), T::sub_each(simd, *e, *center));
        let (ya, yb) = (T::mul_each(simd, wa, za), T::mul_each(simd, wb, zb));
        let (yc, ye) = (T::mul_each(simd, wc, zc), T::mul_each(simd, we, ze));
        let ab = T::mul_add(simd, yb, zb, T::mul_add(simd, ya, za, *second));
        let ce = T::mul_add(simd, ye, ze, T::mul_each(simd, yc, zc));
        let one = T::add_each(simd, T::add_each(simd, ya, yb), T::add_each(simd, yc, ye));
        *first = T::add_each(simd, *first, one);
        *second = T::add_each(simd, ab, ce);
    }
    for (row, weight) in rows.iter().zip(weights) {
        for j in whole..center.len() {
            let z = row[j] - center[j];
            first[j] += weight * z;
            second[j] += weight * z * z;
        }
    }
}
