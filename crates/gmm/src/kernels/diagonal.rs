//! Distances and moments for diagonal covariances.

use super::panel::{self, add_lanes};
use super::triangular::PanelScratch;
use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// Components evaluated together.
const TILE: usize = 4;

/// `1/σ` and `μ/σ` of all components, in tiles of [`TILE`]: `[tile][feature][component in tile]`.
#[derive(Clone, Debug)]
pub(crate) struct TiledScales<T> {
    values: Vec<[[T; 2]; TILE]>,
    n_components: usize,
    d: usize,
}

impl<T: Real> TiledScales<T> {
    /// Tiles `means` and `inverse` (`1/σ`), both `[K, D]`.
    pub(crate) fn new(means: &[f64], inverse: &[f64], d: usize) -> Self {
        let n_components = means.len() / d;
        let mut values = Vec::with_capacity(n_components.div_ceil(TILE) * d);
        for first in (0..n_components).step_by(TILE) {
            for j in 0..d {
                values.push(std::array::from_fn(|i| {
                    let at = (first + i) * d + j;
                    match (means.get(at), inverse.get(at)) {
                        (Some(m), Some(s)) => [T::from_f64(*s), T::from_f64(-m * s)],
                        _ => [T::from_f64(0.0); 2],
                    }
                }));
            }
        }
        Self { values, n_components, d }
    }
}

/// Writes `Σ_j ((x_j - c_j - μ_kj) / σ_kj)²` of every row and component to `out[k * stride + row]`.
pub(crate) fn distances<T: Real>(
    rows: &[T],
    center: &[T],
    scales: &TiledScales<T>,
    out: &mut [f64],
    stride: usize,
    scratch: &mut PanelScratch<T>,
) {
    Arch::new().dispatch(Distances { rows, center, scales, out, stride, scratch });
}

struct Distances<'a, T> {
    rows: &'a [T],
    center: &'a [T],
    scales: &'a TiledScales<T>,
    out: &'a mut [f64],
    stride: usize,
    scratch: &'a mut PanelScratch<T>,
}

impl<T: Real> WithSimd for Distances<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sums, rows and two broadcast values must fit the register file together.
        if S::REGISTER_COUNT >= 32 { self.run::<S, 4>(simd) } else { self.run::<S, 2>(simd) }
    }
}

impl<T: Real> Distances<'_, T> {
    /// All rows against all components, in panels of `GROUPS` registers.
    #[inline(always)]
    fn run<S: Simd, const GROUPS: usize>(self, simd: S) {
        let d = self.scales.d;
        let width = GROUPS * T::lanes::<S>();
        let n_rows = self.rows.len() / d;
        let panel = &mut self.scratch.panels_mut()[..width * d];
        for (first, rows) in (0..n_rows).step_by(width).zip(self.rows.chunks(width * d)) {
            panel::pack(rows, self.center, width, panel);
            let (columns, _) = T::registers::<S>(panel);
            let (columns, _) = columns.as_chunks::<GROUPS>();
            let n = rows.len() / d;
            for (tile, scales) in self.scales.values.chunks_exact(d).enumerate() {
                let sums = tile_distances::<T, S, GROUPS>(simd, columns, scales);
                for (i, sums) in sums.into_iter().enumerate() {
                    let k = tile * TILE + i;
                    if k < self.scales.n_components {
                        let out = &mut self.out[k * self.stride + first..][..n];
                        panel::unload::<T, S, GROUPS>(simd, sums, out);
                    }
                }
            }
        }
    }
}

/// Distances of one panel to the components of one tile.
#[inline(always)]
fn tile_distances<T: Real, S: Simd, const GROUPS: usize>(
    simd: S,
    columns: &[[T::Vector<S>; GROUPS]],
    scales: &[[[T; 2]; TILE]],
) -> [[T::Vector<S>; GROUPS]; TILE] {
    let mut sums = [[T::splat(simd, T::from_f64(0.0)); GROUPS]; TILE];
    for (x, scales) in columns.iter().zip(scales) {
        for (sums, [scale, shift]) in sums.iter_mut().zip(scales) {
            let (scale, shift) = (T::splat(simd, *scale), T::splat(simd, *shift));
            for g in 0..GROUPS {
                let z = T::mul_add(simd, x[g], scale, shift);
                sums[g] = T::mul_add(simd, z, z, sums[g]);
            }
        }
    }
    sums
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
