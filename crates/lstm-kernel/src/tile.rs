//! The innermost loop of every product: a tile of the result, held in registers.
//!
//! A tile spans a few rows and a few registers of columns; its shape depends on the instruction set
//! ([`with_tile_shape`]). For any shape, an element of the result is one chain of fused
//! multiply-adds over the inner index, in order and starting from its previous value, so that it
//! does not depend on the other rows and columns of the tile.

use std::ops::Range;

use pulp::Simd;

use super::functions::{load, store};
use super::prefetch::{PART, Prefetch};

/// Calls a function that is generic over `(S, REGISTERS, ROWS)` with the tile's shape on this
/// instruction set: sums fill most of the registers (32 with AVX-512 and NEON, 16 with AVX2), the
/// rest hold a row of the panel and an element of the left side. The last shape is the one without
/// SIMD.
macro_rules! with_tile_shape {
    ($simd:ty, $function:ident $arguments:tt) => {
        match <$simd as pulp::Simd>::F32_LANES {
            16 => $function::<$simd, 2, 8> $arguments,
            8 => $function::<$simd, 2, 6> $arguments,
            4 => $function::<$simd, 4, 6> $arguments,
            _ => $function::<$simd, 8, 1> $arguments,
        }
    };
}
pub(crate) use with_tile_shape;

/// Number of columns in a panel, and of rows in a tile.
#[inline(always)]
pub(crate) fn tile_shape<S: Simd>() -> (usize, usize) {
    #[inline(always)]
    fn shape<S: Simd, const REGISTERS: usize, const ROWS: usize>() -> (usize, usize) {
        (REGISTERS * S::F32_LANES, ROWS)
    }
    with_tile_shape!(S, shape())
}

/// The position of a tile in the matrix of sums.
#[derive(Clone, Copy)]
pub(crate) struct TileAt {
    /// Number of columns of the matrix.
    pub(crate) n: usize,
    /// First column of the tile.
    pub(crate) column: usize,
}

/// The left side of a tile: `ROWS` values (or words with two values each) at each inner index.
pub(crate) trait Left<T, const ROWS: usize>: Copy {
    /// The value of a row at an inner index.
    fn value(&self, inner: usize, row: usize) -> T;
}

/// A left side with any number of inner indices.
pub(crate) trait LeftSlice<T, const ROWS: usize>: Left<T, ROWS> {
    /// The same with the number of inner indices in the type, so that no index needs a bounds
    /// check.
    type Array<const N: usize>: Left<T, ROWS>;

    /// A range of inner indices.
    fn range(self, inner: Range<usize>) -> Self;

    /// As an array, if it has `N` inner indices.
    fn as_array<const N: usize>(self) -> Option<Self::Array<N>>;
}

/// Rows of a row-major matrix.
impl<'a, T: Copy, const ROWS: usize> LeftSlice<T, ROWS> for [&'a [T]; ROWS] {
    type Array<const N: usize> = [&'a [T; N]; ROWS];

    #[inline(always)]
    fn range(mut self, inner: Range<usize>) -> Self {
        for row in &mut self {
            *row = &row[inner.clone()];
        }
        self
    }

    #[inline(always)]
    fn as_array<const N: usize>(self) -> Option<Self::Array<N>> {
        let mut rows = [self[0].as_array()?; ROWS];
        for (array, row) in rows.iter_mut().zip(self) {
            *array = row.as_array()?;
        }
        Some(rows)
    }
}

impl<T: Copy, const ROWS: usize> Left<T, ROWS> for [&[T]; ROWS] {
    #[inline(always)]
    fn value(&self, inner: usize, row: usize) -> T {
        self[row][inner]
    }
}

impl<T: Copy, const N: usize, const ROWS: usize> Left<T, ROWS> for [&[T; N]; ROWS] {
    #[inline(always)]
    fn value(&self, inner: usize, row: usize) -> T {
        self[row][inner]
    }
}

/// A strip of columns, one inner index after the other.
impl<'a, T: Copy, const ROWS: usize> LeftSlice<T, ROWS> for &'a [[T; ROWS]] {
    type Array<const N: usize> = &'a [[T; ROWS]; N];

    #[inline(always)]
    fn range(self, inner: Range<usize>) -> Self {
        &self[inner]
    }

    #[inline(always)]
    fn as_array<const N: usize>(self) -> Option<Self::Array<N>> {
        self.as_array()
    }
}

impl<T: Copy, const ROWS: usize> Left<T, ROWS> for &[[T; ROWS]] {
    #[inline(always)]
    fn value(&self, inner: usize, row: usize) -> T {
        self[inner][row]
    }
}

impl<T: Copy, const N: usize, const ROWS: usize> Left<T, ROWS> for &[[T; ROWS]; N] {
    #[inline(always)]
    fn value(&self, inner: usize, row: usize) -> T {
        self[inner][row]
    }
}

/// Number of inner indices per unrolled iteration. The overhead compared with the multiply-adds
/// matters if another program runs on the core's second hardware thread: unrolling four is a tenth
/// faster then.
const UNROLLED: usize = 4;

/// The sums of a tile.
type Sums<S, const REGISTERS: usize, const ROWS: usize> = [[<S as Simd>::f32s; REGISTERS]; ROWS];

/// Computes `c[.., column..] += a · panel`, where `c` has up to `ROWS` rows of `n` columns; columns
/// of the panel beyond `n` are ignored. Executes `prefetch` along the way.
#[inline(always)]
pub(crate) fn tile<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    simd: S,
    a: impl LeftSlice<f32, ROWS>,
    panel: &[[S::f32s; REGISTERS]],
    c: &mut [f32],
    TileAt { n, column }: TileAt,
    prefetch: Prefetch<'_>,
) {
    let mut sums = load_sums::<S, REGISTERS, ROWS>(simd, c, n, column);
    for part in prefetch.parts(panel.len()) {
        let (a, panel) = (a.range(part.clone()), &panel[part]);
        if let (Some(a), Some(panel)) = (a.as_array::<PART>(), panel.as_array::<PART>()) {
            for first in (0..PART).step_by(UNROLLED) {
                for next in 0..UNROLLED {
                    add_inner(simd, &mut sums, a, first + next, &panel[first + next]);
                }
            }
        } else {
            for (inner, b) in panel.iter().enumerate() {
                add_inner(simd, &mut sums, a, inner, b);
            }
        }
    }
    store_sums(simd, sums, c, n, column);
}

/// Adds the products of one inner index to the sums.
#[inline(always)]
fn add_inner<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    simd: S,
    sums: &mut Sums<S, REGISTERS, ROWS>,
    a: impl Left<f32, ROWS>,
    inner: usize,
    b: &[S::f32s; REGISTERS],
) {
    // Loops, not `map`: a call here would spill every sum.
    for (row, sums) in sums.iter_mut().enumerate() {
        let a = simd.splat_f32s(a.value(inner, row));
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = simd.mul_add_e_f32s(a, *b, *sum);
        }
    }
}

/// Loads the tile's part of `c`. All loops over sums have a fixed length; otherwise the compiler
/// would keep the sums in memory instead of registers.
#[inline(always)]
fn load_sums<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    simd: S,
    c: &[f32],
    n: usize,
    column: usize,
) -> Sums<S, REGISTERS, ROWS> {
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; ROWS];
    for (row, sums) in sums.iter_mut().enumerate() {
        let row = columns(c, n, row, column);
        if let Some(row) = registers::<S, REGISTERS>(row) {
            *sums = *row;
        } else {
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = load(simd, part::<S>(row, r));
            }
        }
    }
    sums
}

/// Stores a tile's sums.
#[inline(always)]
fn store_sums<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    simd: S,
    sums: Sums<S, REGISTERS, ROWS>,
    c: &mut [f32],
    n: usize,
    column: usize,
) {
    for (row, sums) in sums.into_iter().enumerate() {
        let row = columns_mut(c, n, row, column);
        let at = row.len();
        if let Some(row) = registers_mut::<S, REGISTERS>(row) {
            *row = sums;
        } else {
            for (r, sum) in sums.into_iter().enumerate() {
                let part = (r * S::F32_LANES).min(at)..((r + 1) * S::F32_LANES).min(at);
                store(simd, &mut row[part], sum);
            }
        }
    }
}

/// A row of `c` from `column` on; empty after the last row.
#[inline(always)]
pub(crate) fn columns(c: &[f32], n: usize, row: usize, column: usize) -> &[f32] {
    let end = ((row + 1) * n).min(c.len());
    &c[(row * n + column).min(end)..end]
}

/// See [`columns`].
#[inline(always)]
pub(crate) fn columns_mut(c: &mut [f32], n: usize, row: usize, column: usize) -> &mut [f32] {
    let end = ((row + 1) * n).min(c.len());
    &mut c[(row * n + column).min(end)..end]
}

/// The part of a row for one register.
#[inline(always)]
fn part<S: Simd>(row: &[f32], register: usize) -> &[f32] {
    let at = |register: usize| (register * S::F32_LANES).min(row.len());
    &row[at(register)..at(register + 1)]
}

/// The first registers of a row, or `None` if the row is shorter.
#[inline(always)]
pub(crate) fn registers<S: Simd, const REGISTERS: usize>(
    row: &[f32],
) -> Option<&[S::f32s; REGISTERS]> {
    S::as_simd_f32s(row).0.first_chunk()
}

/// See [`registers`].
#[inline(always)]
pub(crate) fn registers_mut<S: Simd, const REGISTERS: usize>(
    row: &mut [f32],
) -> Option<&mut [S::f32s; REGISTERS]> {
    S::as_mut_simd_f32s(row).0.first_chunk_mut()
}
