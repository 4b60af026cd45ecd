//! Squared lengths of `L⁻¹ (x - μ)` for many rows: the E step of full covariances.

use super::panel;
use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// Number of columns of `L⁻ᵀ` in one tile.
const TILE: usize = 4;

/// A lower triangular matrix cut into tiles of [`TILE`] rows: for each tile and each column up to
/// its diagonal, the adjacent values of the tile; zeros above the diagonal and below the last row.
#[derive(Clone, Debug)]
pub(crate) struct TiledLower<T> {
    values: Vec<T>,
    d: usize,
}

impl<T: Real> TiledLower<T> {
    /// No matrix yet.
    pub(crate) fn empty() -> Self {
        Self { values: Vec::new(), d: 0 }
    }

    /// Cuts the row-major matrix `lower` into tiles, reusing the memory of the previous matrix.
    pub(crate) fn set(&mut self, lower: &[f64], d: usize) {
        let Self { values, d: own } = self;
        *own = d;
        values.clear();
        values.reserve(Self::len(d));
        for first in (0..d).step_by(TILE) {
            for j in 0..(first + TILE).min(d) {
                values.extend((first..first + TILE).map(|i| {
                    let inside = i < d && j <= i;
                    T::from_f64(if inside { lower[i * d + j] } else { 0.0 })
                }));
            }
        }
    }

    /// Number of values in all tiles.
    fn len(d: usize) -> usize {
        (0..d).step_by(TILE).map(|first| TILE * (first + TILE).min(d)).sum()
    }
}

/// Scratch space for the panels of one block of rows.
#[derive(Debug)]
pub(crate) struct PanelScratch<T> {
    panels: Vec<T>,
    centered: Vec<T>,
    /// `0..n`, used when all rows are listed.
    all: Vec<u32>,
}

impl<T: Real> PanelScratch<T> {
    /// Creates space for `n_rows` rows of `d` values.
    pub(crate) fn new(n_rows: usize, d: usize) -> Self {
        let zero = T::from_f64(0.0);
        Self {
            // The widest panel may extend beyond the last row.
            panels: vec![zero; (n_rows + panel::MAX_PANEL_ROWS) * d],
            centered: vec![zero; panel::MAX_PANEL_ROWS * d],
            all: (0_u32..).take(n_rows).collect(),
        }
    }
}

/// Transposes all rows of a block, minus `center`, for any number of calls of [`packed_distances`].
pub(crate) fn pack_block<T: Real>(rows: &[T], center: &[T], scratch: &mut PanelScratch<T>) {
    Arch::new().dispatch(PackBlock { rows, center, scratch });
}

/// Writes `|L⁻¹ (x - c - μ)|²` of every row of the packed block to `out`; `mean` is relative to the
/// center `c`.
pub(crate) fn packed_distances<T: Real>(
    mean: &[T],
    lower: &TiledLower<T>,
    out: &mut [f64],
    scratch: &mut PanelScratch<T>,
) {
    Arch::new().dispatch(Packed { mean, lower, out, scratch });
}

/// Writes `|L⁻¹ (x - c - μ)|²` of the listed rows of a block to `out`, in list order.
///
/// A row's result has the same bits as from [`packed_distances`].
pub(crate) fn listed_distances<T: Real>(
    rows: &[T],
    listed: &[u32],
    center: &[T],
    mean: &[T],
    lower: &TiledLower<T>,
    out: &mut [f64],
    scratch: &mut PanelScratch<T>,
) {
    Arch::new().dispatch(Listed { rows, ids: listed, center, mean, lower, out, scratch });
}

/// Number of registers of rows in a panel: as few as hold the rows, because the others would be
/// computed for nothing, and at most four. Sums, rows and broadcast values together must fit in the
/// register file: with three of them and sixteen registers, the compiler spills a sum, which costs
/// more than the third gains.
macro_rules! with_groups {
    ($simd:ident: $S:ident, $self:ident.$run:ident, $n_rows:expr) => {{
        let n_rows = $n_rows;
        if n_rows <= T::lanes::<$S>() {
            $self.$run::<$S, 1>($simd)
        } else if $S::REGISTER_COUNT < 32 || n_rows <= 2 * T::lanes::<$S>() {
            $self.$run::<$S, 2>($simd)
        } else {
            $self.$run::<$S, 4>($simd)
        }
    }};
}

struct PackBlock<'a, T> {
    rows: &'a [T],
    center: &'a [T],
    scratch: &'a mut PanelScratch<T>,
}

impl<T: Real> WithSimd for PackBlock<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_groups!(simd: S, self.run, self.rows.len() / self.center.len());
    }
}

impl<T: Real> PackBlock<'_, T> {
    #[inline(always)]
    fn run<S: Simd, const GROUPS: usize>(self, _: S) {
        let d = self.center.len();
        let width = GROUPS * T::lanes::<S>();
        let PanelScratch { panels, all, .. } = self.scratch;
        let ids = all[..self.rows.len() / d].chunks(width);
        for (ids, panel) in ids.zip(panels.chunks_exact_mut(width * d)) {
            panel::pack(self.rows, self.center, ids, width, panel);
        }
    }
}

struct Packed<'a, T> {
    mean: &'a [T],
    lower: &'a TiledLower<T>,
    out: &'a mut [f64],
    scratch: &'a mut PanelScratch<T>,
}

impl<T: Real> WithSimd for Packed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_groups!(simd: S, self.run, self.out.len());
    }
}

impl<T: Real> Packed<'_, T> {
    #[inline(always)]
    fn run<S: Simd, const GROUPS: usize>(self, simd: S) {
        let width = GROUPS * T::lanes::<S>();
        let PanelScratch { panels, centered, .. } = self.scratch;
        let panels = panels.chunks_exact(width * self.lower.d);
        for (panel, out) in panels.zip(self.out.chunks_mut(width)) {
            panel_distances::<T, S, GROUPS>(simd, panel, centered, self.mean, self.lower, out);
        }
    }
}

struct Listed<'a, T> {
    rows: &'a [T],
    ids: &'a [u32],
    center: &'a [T],
    mean: &'a [T],
    lower: &'a TiledLower<T>,
    out: &'a mut [f64],
    scratch: &'a mut PanelScratch<T>,
}

impl<T: Real> WithSimd for Listed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_groups!(simd: S, self.run, self.ids.len());
    }
}

impl<T: Real> Listed<'_, T> {
    #[inline(always)]
    fn run<S: Simd, const GROUPS: usize>(self, simd: S) {
        let width = GROUPS * T::lanes::<S>();
        let Self { rows, ids, center, mean, lower, out, scratch } = self;
        // The packed block is not changed; one panel after it is free.
        let at = scratch.panels.len() - width * lower.d;
        let (_, panel) = scratch.panels.split_at_mut(at);
        for (ids, out) in ids.chunks(width).zip(out.chunks_mut(width)) {
            panel::pack(rows, center, ids, width, panel);
            panel_distances::<T, S, GROUPS>(simd, panel, &mut scratch.centered, mean, lower, out);
        }
    }
}

/// Distances of the rows of one panel from one component.
#[inline(always)]
fn panel_distances<T: Real, S: Simd, const GROUPS: usize>(
    simd: S,
    panel: &[T],
    centered: &mut [T],
    mean: &[T],
    lower: &TiledLower<T>,
    out: &mut [f64],
) {
    let (panel, _) = T::registers::<S>(panel);
    let (panel, _) = panel.as_chunks::<GROUPS>();
    let (centered, _) = T::registers_mut::<S>(centered);
    let (centered, _) = centered.as_chunks_mut::<GROUPS>();
    let centered = &mut centered[..lower.d];
    panel::center(simd, panel, mean, centered);
    let sums = squared_lengths(simd, centered, lower);
    panel::unload::<T, S, GROUPS>(sums, out);
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
