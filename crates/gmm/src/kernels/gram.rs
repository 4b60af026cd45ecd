//! Weighted outer products `Σ r (x - c)(x - c)ᵀ` of few features, and the gathering of rows for
//! them.

use super::panel::add_lanes;
use crate::{Real, linalg};
use pulp::{Arch, Simd, WithSimd};

/// Maximum number of features for which the product is computed here; above it the general matrix
/// product is faster.
const MAX_FEATURES: usize = 64;
/// Number of rows of the product computed together: with two registers of columns each, there are
/// enough sums to hide the latency of multiply-adds, and registers left for the factors. With more
/// sums, the compiler spilled to the stack.
const TILE: usize = 4;

/// Appends `√r (x - c)` of the listed rows to `gathered`, with each row padded with zeros to
/// `padded` values.
pub(crate) fn gather<T: Real>(
    rows: &[T],
    center: &[T],
    listed: &[(u32, T)],
    gathered: &mut [T],
    padded: usize,
) {
    Arch::new().dispatch(Gather { rows, center, listed, gathered, padded });
}

struct Gather<'a, T> {
    rows: &'a [T],
    center: &'a [T],
    listed: &'a [(u32, T)],
    gathered: &'a mut [T],
    padded: usize,
}

impl<T: Real> WithSimd for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let d = self.center.len();
        for ((row, root), out) in
            self.listed.iter().zip(self.gathered.chunks_exact_mut(self.padded))
        {
            let row = &self.rows[*row as usize * d..][..d];
            for ((out, x), c) in out.iter_mut().zip(row).zip(self.center) {
                *out = (*x - *c) * *root;
            }
        }
    }
}

/// Number of features rounded up so that rows of the product consist of whole registers of any
/// size.
pub(crate) fn padded(d: usize) -> usize {
    if d <= MAX_FEATURES { d.next_multiple_of(16) } else { d }
}

/// Adds `Σ √r z` over the gathered rows to `totals` (`[D]`).
pub(crate) fn add_first<T: Real>(z: &[T], listed: &[(u32, T)], totals: &mut [f64]) {
    Arch::new().dispatch(First { z, width: z.len() / listed.len(), listed, totals });
}

struct First<'a, T> {
    z: &'a [T],
    width: usize,
    listed: &'a [(u32, T)],
    totals: &'a mut [f64],
}

impl<T: Real> WithSimd for First<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (d, lanes) = (self.totals.len(), T::lanes::<S>());
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
            let terms =
                self.z.chunks_exact(self.width).zip(self.listed).map(|(z, (_, root))| z[j] * *root);
            self.totals[j] += terms.fold(T::from_f64(0.0), |sum, term| sum + term).to_f64();
        }
    }
}

impl<T: Real> First<'_, T> {
    /// Sums of `N` registers of features, starting at feature `at`.
    #[inline(always)]
    fn strip<S: Simd, const N: usize>(&mut self, simd: S, at: usize) {
        let columns = N * T::lanes::<S>();
        let mut sums = [T::splat(simd, T::from_f64(0.0)); N];
        for (row, (_, root)) in self.z.chunks_exact(self.width).zip(self.listed) {
            let z = T::registers::<S>(&row[at..at + columns]).0;
            let root = T::splat(simd, *root);
            for n in 0..N {
                sums[n] = T::mul_add(simd, z[n], root, sums[n]);
            }
        }
        add_lanes::<T, S>(&sums, &mut self.totals[at..at + columns]);
    }
}

/// Adds the lower triangle of `zᵀ z` to `totals` (`[D, D]`), where `z` is `[n, padded(D)]`; `block`
/// is scratch space of `padded(D)²` values.
pub(crate) fn add_gram<T: Real>(z: &[T], d: usize, block: &mut [T], totals: &mut [f64]) {
    let width = padded(d);
    block.fill(T::from_f64(0.0));
    if d <= MAX_FEATURES {
        Arch::new().dispatch(Gram { z, width, block });
    } else {
        linalg::add_gram_lower(block, z, d);
    }
    for i in 0..d {
        for (total, value) in totals[i * d..=i * d + i].iter_mut().zip(&block[i * width..]) {
            *total += value.to_f64();
        }
    }
}

struct Gram<'a, T> {
    z: &'a [T],
    width: usize,
    block: &'a mut [T],
}

impl<T: Real> WithSimd for Gram<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = T::lanes::<S>();
        for i in (0..self.width).step_by(TILE) {
            // Registers of columns up to the tile's last row.
            let n_registers = (i + TILE).div_ceil(lanes);
            let mut j = 0;
            while j + 2 <= n_registers {
                self.tile::<S, 2>(simd, i, j * lanes);
                j += 2;
            }
            if j < n_registers {
                self.tile::<S, 1>(simd, i, j * lanes);
            }
        }
    }
}

impl<T: Real> Gram<'_, T> {
    /// Rows `i..i + TILE` and `N` registers of columns from `j` of the product.
    #[inline(always)]
    fn tile<S: Simd, const N: usize>(&mut self, simd: S, i: usize, j: usize) {
        let columns = N * T::lanes::<S>();
        let mut sums = [[T::splat(simd, T::from_f64(0.0)); N]; TILE];
        for row in self.z.chunks_exact(self.width) {
            let right = T::registers::<S>(&row[j..j + columns]).0;
            for (sums, left) in sums.iter_mut().zip(&row[i..i + TILE]) {
                let left = T::splat(simd, *left);
                for n in 0..N {
                    sums[n] = T::mul_add(simd, left, right[n], sums[n]);
                }
            }
        }
        for (t, sums) in sums.iter().enumerate() {
            let out = &mut self.block[(i + t) * self.width + j..][..columns];
            T::registers_mut::<S>(out).0[..N].copy_from_slice(sums);
        }
    }
}
