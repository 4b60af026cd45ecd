//! A matrix packed once for many products.
//!
//! Every time step multiplies by the same recurrent weights. A general matrix product packs its
//! right side again at each call, which costs more than the arithmetic if the left side has few
//! rows; here it is packed once per batch, in the order
//!
//! ```text
//! block of INNER_BLOCK rows │ panel of a few registers' columns │ row │ column
//! ```
//!
//! so that the panel of one block stays in the first-level cache while all rows of the left side
//! are multiplied by it, and the whole matrix is read in address order.

mod unpacked;

use bytemuck::Pod;
use pulp::{Arch, Simd, WithSimd};

use super::instructions::dot::{self, Dot};
use super::memory::Buffer;
use super::prefetch::Prefetch;
use super::tile::{LeftSlice, TileAt, tile, tile_shape, with_tile_shape};
pub(crate) use unpacked::Unpacked;

/// Number of rows in a block: a panel of 16 columns takes 16 KiB. The number is even, so a pair of
/// bf16 rows never straddles two blocks.
pub(crate) const INNER_BLOCK: usize = 256;

/// The precision in which a packed matrix stores its values. Sums are always `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Unchanged.
    #[default]
    F32,
    /// Rounded to the nearest bfloat16. On a processor with AVX-512-BF16 the left side of each
    /// product is rounded, too, at twice the rate; on others the arithmetic stays `f32`, at the
    /// same speed.
    Bf16,
}

/// Arithmetic used for products.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arithmetic {
    /// In `f32`.
    F32,
    /// In `f32`, with the values of the matrix rounded to bfloat16 beforehand.
    Rounded,
    /// In pairs of bfloat16 on both sides; requires panels of [`dot::COLUMNS`] columns.
    Pairs(Dot),
}

impl Arithmetic {
    /// The fastest arithmetic for a precision on this processor.
    pub(crate) fn quickest(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Dot::new().map_or(Self::Rounded, Self::Pairs),
        }
    }

    /// The arithmetic for panels of `columns` columns: pairs fall back to rounding if the panels do
    /// not fit.
    pub(crate) fn with_panels_of(self, columns: usize) -> Self {
        match self {
            Self::Pairs(_) if columns != dot::COLUMNS => Self::Rounded,
            own => own,
        }
    }
}

/// A `[k, n]` matrix in panels of columns, each stored row by row. Columns of the last panel beyond
/// `n` are unspecified; tiles ignore them. Its memory is kept when it is dropped, see
/// [`crate::memory`].
pub struct PackedMatrix {
    values: Values,
    /// Number of columns in a panel.
    panel: usize,
    k: usize,
    n: usize,
}

enum Values {
    F32(Buffer<f32>),
    /// Two rows per word, the first in the lower half.
    Pairs(Buffer<u32>, Dot),
}

/// Number of columns in a panel on this machine.
fn panel_columns() -> usize {
    struct Columns;
    impl WithSimd for Columns {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            tile_shape::<S>().0
        }
    }
    Arch::new().dispatch(Columns)
}

impl PackedMatrix {
    /// Packs a row-major `[k, n]` matrix.
    ///
    /// # Panics
    /// If `matrix` has another length.
    pub fn new(matrix: &[f32], k: usize, n: usize) -> Self {
        Self::with_precision(matrix, k, n, Precision::F32)
    }

    /// Packs a row-major `[k, n]` matrix, rounded to `precision`.
    ///
    /// # Panics
    /// If `matrix` has another length.
    pub fn with_precision(matrix: &[f32], k: usize, n: usize, precision: Precision) -> Self {
        assert_eq!(matrix.len(), k * n, "a [{k}, {n}] matrix");
        let arithmetic = Arithmetic::quickest(precision);
        Unpacked { values: matrix, k, n, transposed: false }.pack(panel_columns(), arithmetic)
    }

    /// Packs the transpose of a row-major `[n, k]` matrix.
    ///
    /// # Panics
    /// If `matrix` has another length.
    pub fn transposed(matrix: &[f32], n: usize, k: usize) -> Self {
        assert_eq!(matrix.len(), k * n, "a [{n}, {k}] matrix");
        Unpacked { values: matrix, k, n, transposed: true }.pack(panel_columns(), Arithmetic::F32)
    }

    /// Number of rows of the matrix.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of columns of the matrix.
    pub fn n(&self) -> usize {
        self.n
    }
}

/// Computes `c += a · b`, with `a` of shape `[m, k]` and `c` of shape `[m, n]`, row-major and
/// contiguous.
///
/// Each element of `c` is one chain of fused multiply-adds over `k` in order, for any `m`, so a
/// row's result does not depend on the other rows of the product.
///
/// # Panics
/// If the matrix was packed for an instruction set other than `S`.
#[inline(always)]
pub fn add_product<S: Simd>(simd: S, a: &[f32], b: &PackedMatrix, c: &mut [f32]) {
    debug_assert_eq!(a.len() * b.n, c.len() * b.k, "both sides must have the same number of rows");
    assert_eq!(b.panel, tile_shape::<S>().0, "the matrix must be packed for this instruction set");
    // A separate function, so that its many tiles are compiled once and not in each caller.
    simd.vectorize(AddProduct { a, b, c });
}

struct AddProduct<'a> {
    a: &'a [f32],
    b: &'a PackedMatrix,
    c: &'a mut [f32],
}

impl WithSimd for AddProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, b, c } = self;
        if b.k > 0 && b.n > 0 {
            with_tile_shape!(S, tiles(simd, a, b, c));
        }
    }
}

/// Computes all tiles of `ROWS` rows, or fewer if the number of rows is not a multiple.
#[inline(always)]
fn tiles<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    simd: S,
    a: &[f32],
    b: &PackedMatrix,
    c: &mut [f32],
) {
    match &b.values {
        Values::F32(values) => {
            let panel = |values| F32Panel::<S, REGISTERS>::new(values);
            all_panels::<S, _, _, ROWS>(simd, a, b, c, (values, 1), panel);
        }
        Values::Pairs(words, dot) => {
            let a = dot.pair_columns(a, b.k);
            let panel = |words| PairsPanel::new(words, *dot);
            all_panels::<S, _, _, ROWS>(simd, &a, b, c, (words, 2), panel);
        }
    }
}

/// Multiplies by every panel of a matrix. `panel` builds a panel from its values; each stored value
/// holds `rows_per_value` rows.
#[inline(always)]
fn all_panels<'b, S: Simd, T: Pod, P: Panel<S>, const ROWS: usize>(
    simd: S,
    a: &[P::Left],
    b: &PackedMatrix,
    c: &mut [f32],
    (values, rows_per_value): (&'b [T], usize),
    panel: impl Fn(&'b [T]) -> P,
) {
    let n_panels = b.n.div_ceil(b.panel);
    let mut rest = values;
    for (block, values) in
        values.chunks(INNER_BLOCK / rows_per_value * n_panels * b.panel).enumerate()
    {
        for (p, values) in values.chunks_exact(values.len() / n_panels).enumerate() {
            rest = &rest[values.len()..];
            let prefetch = Prefetch::next(rest, values.len());
            let strip = Strip { b, block, panel: p };
            strip.rows::<S, P, ROWS>(simd, a, c, panel(values), prefetch);
        }
    }
}

/// A panel by which a few rows are multiplied.
pub(crate) trait Panel<S: Simd>: Copy {
    /// Element type of the rows.
    type Left: Copy;
    /// Number of inner indices per element.
    const IN_LEFT: usize;

    /// Computes `c[.., column..] += a · panel`.
    fn multiply<const ROWS: usize>(
        self,
        simd: S,
        a: impl LeftSlice<Self::Left, ROWS>,
        c: &mut [f32],
        at: TileAt,
        prefetch: Prefetch<'_>,
    );
}

#[derive(Clone, Copy)]
pub(crate) struct F32Panel<'a, S: Simd, const REGISTERS: usize>(&'a [[S::f32s; REGISTERS]]);

impl<'a, S: Simd, const REGISTERS: usize> F32Panel<'a, S, REGISTERS> {
    #[inline(always)]
    pub(crate) fn new(values: &'a [f32]) -> Self {
        Self(S::as_simd_f32s(values).0.as_chunks().0)
    }
}

impl<S: Simd, const REGISTERS: usize> Panel<S> for F32Panel<'_, S, REGISTERS> {
    type Left = f32;
    const IN_LEFT: usize = 1;

    #[inline(always)]
    fn multiply<const ROWS: usize>(
        self,
        simd: S,
        a: impl LeftSlice<f32, ROWS>,
        c: &mut [f32],
        at: TileAt,
        prefetch: Prefetch<'_>,
    ) {
        tile::<S, REGISTERS, ROWS>(simd, a, self.0, c, at, prefetch);
    }
}

#[derive(Clone, Copy)]
pub(crate) struct PairsPanel<'a>(&'a [[u32; dot::COLUMNS]], Dot);

impl<'a> PairsPanel<'a> {
    #[inline(always)]
    pub(crate) fn new(words: &'a [u32], dot: Dot) -> Self {
        Self(words.as_chunks().0, dot)
    }
}

impl<S: Simd> Panel<S> for PairsPanel<'_> {
    type Left = u32;
    const IN_LEFT: usize = 2;

    #[inline(always)]
    fn multiply<const ROWS: usize>(
        self,
        _simd: S,
        a: impl LeftSlice<u32, ROWS>,
        c: &mut [f32],
        at: TileAt,
        prefetch: Prefetch<'_>,
    ) {
        let Self(panel, dot) = self;
        dot.tile(a, panel, c, at, prefetch);
    }
}

/// The position of a panel in its matrix.
#[derive(Clone, Copy)]
struct Strip<'a> {
    b: &'a PackedMatrix,
    block: usize,
    panel: usize,
}

impl Strip<'_> {
    /// Multiplies all rows of `a` by the panel.
    #[inline(always)]
    fn rows<S: Simd, P: Panel<S>, const ROWS: usize>(
        self,
        simd: S,
        mut a: &[P::Left],
        mut c: &mut [f32],
        panel: P,
        prefetch: Prefetch<'_>,
    ) {
        let (k, n) = (self.b.k.div_ceil(P::IN_LEFT), self.b.n);
        // A single group reads the panels in sequence, which the hardware prefetcher handles.
        let n_groups = (a.len() / k).div_ceil(ROWS);
        let prefetch = if n_groups > 1 { prefetch } else { Prefetch::default() };
        let mut parts = prefetch.split(n_groups);
        for rows in (Groups { most: ROWS, left: a.len() / k }) {
            let (these, a_rest) = a.split_at(rows * k);
            let (sums, c_rest) = c.split_at_mut(rows * n);
            (a, c) = (a_rest, c_rest);
            let prefetch = parts.next().unwrap_or_default();
            match rows {
                8 if ROWS == 8 => self.group::<S, P, 8>(simd, these, sums, panel, prefetch),
                7 if ROWS == 8 => self.group::<S, P, 7>(simd, these, sums, panel, prefetch),
                6 if ROWS >= 6 => self.group::<S, P, 6>(simd, these, sums, panel, prefetch),
                5 if ROWS >= 6 => self.group::<S, P, 5>(simd, these, sums, panel, prefetch),
                4 if ROWS >= 4 => self.group::<S, P, 4>(simd, these, sums, panel, prefetch),
                3 if ROWS >= 4 => self.group::<S, P, 3>(simd, these, sums, panel, prefetch),
                2 if ROWS >= 4 => self.group::<S, P, 2>(simd, these, sums, panel, prefetch),
                _ => self.group::<S, P, 1>(simd, these, sums, panel, prefetch),
            }
        }
    }

    #[inline(always)]
    fn group<S: Simd, P: Panel<S>, const ROWS: usize>(
        self,
        simd: S,
        a: &[P::Left],
        c: &mut [f32],
        panel: P,
        prefetch: Prefetch<'_>,
    ) {
        let Self { b, block, panel: p } = self;
        let (k, in_block) = (b.k.div_ceil(P::IN_LEFT), INNER_BLOCK / P::IN_LEFT);
        let inner = block * in_block..k.min((block + 1) * in_block);
        let mut rows = [&a[..0]; ROWS];
        for (row, a) in rows.iter_mut().zip(a.chunks_exact(k)) {
            *row = &a[inner.clone()];
        }
        panel.multiply(simd, rows, c, TileAt { n: b.n, column: p * b.panel }, prefetch);
    }
}

/// Splits the rows of a product into groups of `most`. The remainder and one more group are split
/// evenly, because a tile of very few rows waits for its own sums.
#[derive(Clone)]
struct Groups {
    most: usize,
    left: usize,
}

impl Iterator for Groups {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let group = match self.left {
            0 => return None,
            left if left <= self.most => left,
            left if left < 2 * self.most => left.div_ceil(2),
            _ => self.most,
        };
        self.left -= group;
        Some(group)
    }
}

#[cfg(test)]
mod tests;
