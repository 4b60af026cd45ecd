//! Squared lengths of `L⁻¹ (x - μ)` for many rows: the E step of full covariances.

use super::panel;
use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// Columns of `L⁻ᵀ` in one tile.
const TILE: usize = 4;

/// A lower triangular matrix cut into tiles of [`TILE`] rows: for each tile and each column up to its diagonal, the
/// tile's values side by side; zeros above the diagonal and below the last row.
#[derive(Clone, Debug)]
pub(crate) struct TiledLower<T> {
    values: Vec<T>,
    d: usize,
}

impl<T: Real> TiledLower<T> {
    /// Cuts the row-major matrix `lower` into tiles.
    pub(crate) fn new(lower: &[f64], d: usize) -> Self {
        let mut values = Vec::with_capacity(Self::len(d));
        for first in (0..d).step_by(TILE) {
            for j in 0..(first + TILE).min(d) {
                values.extend((first..first + TILE).map(|i| {
                    let inside = i < d && j <= i;
                    T::from_f64(if inside { lower[i * d + j] } else { 0.0 })
                }));
            }
        }
        Self { values, d }
    }

    /// Values in all tiles.
    fn len(d: usize) -> usize {
        (0..d).step_by(TILE).map(|first| TILE * (first + TILE).min(d)).sum()
    }
}

/// Working space of [`distances`].
#[derive(Debug)]
pub(crate) struct PanelScratch<T> {
    panels: Vec<T>,
    centered: Vec<T>,
}

impl<T: Real> PanelScratch<T> {
    /// Space for `n_rows` rows of `d` values.
    pub(crate) fn new(n_rows: usize, d: usize) -> Self {
        let zero = T::from_f64(0.0);
        Self {
            panels: vec![zero; n_rows.next_multiple_of(panel::MAX_PANEL_ROWS) * d],
            centered: vec![zero; panel::MAX_PANEL_ROWS * d],
        }
    }
}

impl<T> PanelScratch<T> {
    /// Space for packed panels.
    pub(super) fn panels_mut(&mut self) -> &mut [T] {
        &mut self.panels
    }
}

/// One factor per component, or one for all.
pub(crate) enum Lowers<'a, T> {
    /// A factor for each component.
    Each(&'a [TiledLower<T>]),
    /// The same factor for all components.
    Shared(&'a TiledLower<T>),
}

/// Writes `|L_k⁻¹ (x - c - μ_k)|²` of every row of `rows` and component `k` to `out[k * stride + row]`.
///
/// # Shapes
/// - `rows`: `[n, D]`; `center`: `[D]`, taken off all rows; `means`: `[K, D]`, relative to `center`
pub(crate) fn distances<T: Real>(
    rows: &[T],
    center: &[T],
    means: &[T],
    lowers: &Lowers<'_, T>,
    out: &mut [f64],
    stride: usize,
    scratch: &mut PanelScratch<T>,
) {
    Arch::new().dispatch(Distances { rows, center, means, lowers, out, stride, scratch });
}

struct Distances<'a, T> {
    rows: &'a [T],
    center: &'a [T],
    means: &'a [T],
    lowers: &'a Lowers<'a, T>,
    out: &'a mut [f64],
    stride: usize,
    scratch: &'a mut PanelScratch<T>,
}

impl<T: Real> WithSimd for Distances<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sums, rows and one broadcast value must fit the register file together.
        if S::REGISTER_COUNT >= 32 { self.run::<S, 4>(simd) } else { self.run::<S, 2>(simd) }
    }
}

impl<T: Real> Distances<'_, T> {
    /// All rows against all components, in panels of `GROUPS` registers.
    #[inline(always)]
    fn run<S: Simd, const GROUPS: usize>(self, simd: S) {
        let d = self.center.len();
        let width = GROUPS * T::lanes::<S>();
        let n_rows = self.rows.len() / d;
        for (rows, panel) in
            self.rows.chunks(width * d).zip(self.scratch.panels.chunks_exact_mut(width * d))
        {
            panel::pack(rows, self.center, width, panel);
        }
        let centered = &mut self.scratch.centered[..width * d];
        let (centered, _) = T::registers_mut::<S>(centered);
        let (centered, _) = centered.as_chunks_mut::<GROUPS>();
        for (k, (mean, out)) in
            self.means.chunks_exact(d).zip(self.out.chunks_mut(self.stride)).enumerate()
        {
            let lower = match self.lowers {
                Lowers::Each(lowers) => &lowers[k],
                Lowers::Shared(lower) => lower,
            };
            let panels = self.scratch.panels.chunks_exact(width * d);
            for (panel, out) in panels.zip(out[..n_rows].chunks_mut(width)) {
                let (panel, _) = T::registers::<S>(panel);
                let (panel, _) = panel.as_chunks::<GROUPS>();
                panel::center(simd, panel, mean, centered);
                let sums = squared_lengths(simd, centered, lower);
                panel::unload::<T, S, GROUPS>(simd, sums, out);
            }
        }
    }
}

/// `|L⁻¹ z|²` for the rows of one panel: tile by tile, [`TILE`] × `GROUPS` sums in registers.
#[inline(always)]
fn squared_lengths<T: Real, S: Simd, const GROUPS: usize>(
    simd: S,
    centered: &[[T::Vector<S>; GROUPS]],
    lower: &TiledLower<T>,
) -> [T::Vector<S>; GROUPS] {
    let zero = T::splat(simd, T::from_f64(0.0));
    let mut sums = [zero; GROUPS];
    let (mut tiles, _) = lower.values.as_chunks::<TILE>();
    for first in (0..lower.d).step_by(TILE) {
        let (tile, rest) = tiles.split_at((first + TILE).min(lower.d));
        tiles = rest;
        let mut products = [[zero; GROUPS]; TILE];
        for (z, l) in centered.iter().zip(tile) {
            for (products, l) in products.iter_mut().zip(l) {
                let l = T::splat(simd, *l);
                for g in 0..GROUPS {
                    products[g] = T::mul_add(simd, l, z[g], products[g]);
                }
            }
        }
        for products in products {
            for g in 0..GROUPS {
                sums[g] = T::mul_add(simd, products[g], products[g], sums[g]);
            }
        }
    }
    sums
}
