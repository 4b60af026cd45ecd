//! [`TiledRows`]: a block of rows minus a point, cut into tiles of neighboring features.
//!
//! A tile consists of [`TILE_REGISTERS`] registers of every row, row after row, so it stays in the
//! L1 cache while all components process it, each with its own rows.

use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// Number of registers of a row in one tile: together with the same number for one component's
/// parameters and for its sums, they fit the sixteen registers of AVX2.
pub(crate) const TILE_REGISTERS: usize = 4;
/// Size in bytes of the widest register, and of a cache line.
const LINE: usize = 64;

/// Number of values of a row of `d`, padded to a whole number of registers of any width.
pub(crate) fn padded<T>(d: usize) -> usize {
    d.next_multiple_of(LINE / size_of::<T>())
}

/// Values aligned to a cache line, so that no register crosses two.
#[derive(Clone, Debug)]
pub(crate) struct Aligned<T> {
    values: Vec<T>,
    first: usize,
    len: usize,
}

impl<T: Real> Aligned<T> {
    pub(crate) fn new() -> Self {
        Self { values: Vec::new(), first: 0, len: 0 }
    }

    /// Makes room for `len` values, which are unspecified.
    pub(crate) fn resize(&mut self, len: usize) {
        if self.values.len() < self.first + len {
            self.values.resize(len + LINE / size_of::<T>(), T::from_f64(0.0));
            // If the alignment is unknown, it doesn't matter: it only saves time.
            let first = self.values.as_ptr().align_offset(LINE);
            self.first = if first < LINE / size_of::<T>() { first } else { 0 };
        }
        self.len = len;
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        &self.values[self.first..self.first + self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.values[self.first..self.first + self.len]
    }
}

/// A block of rows minus a point.
#[derive(Debug)]
pub(crate) struct TiledRows<T> {
    /// Tile after tile; within a tile, row after row. The last register of a row is padded with
    /// zeros.
    values: Aligned<T>,
    n_rows: usize,
}

impl<T: Real> TiledRows<T> {
    /// No rows.
    pub(crate) fn new() -> Self {
        Self { values: Aligned::new(), n_rows: 0 }
    }

    /// Subtracts `point` from every row of `rows` and stores the differences.
    pub(crate) fn pack(&mut self, rows: &[T], point: &[T]) {
        self.n_rows = rows.len() / point.len();
        Arch::new().dispatch(Pack { rows, point, tiled: self });
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The tiles in order.
    #[inline(always)]
    pub(super) fn tiles<S: Simd>(&self) -> impl Iterator<Item = Tile<'_, T::Vector<S>>> {
        let tiles =
            T::registers::<S>(self.values.as_slice()).0.chunks(TILE_REGISTERS * self.n_rows);
        tiles.enumerate().map(|(i, values)| Tile { values, first: i * TILE_REGISTERS })
    }
}

/// Registers of neighboring features of all rows, row after row.
pub(super) struct Tile<'a, V> {
    pub(super) values: &'a [V],
    /// Index of the first of these among a row's registers.
    pub(super) first: usize,
}

struct Pack<'a, T> {
    rows: &'a [T],
    point: &'a [T],
    tiled: &'a mut TiledRows<T>,
}

impl<T: Real> WithSimd for Pack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (d, lanes, n_rows) = (self.point.len(), T::lanes::<S>(), self.tiled.n_rows);
        let n_registers = d.div_ceil(lanes);
        self.tiled.values.resize(n_rows * n_registers * lanes);
        let (points, tail) = T::registers::<S>(self.point);
        let out = T::registers_mut::<S>(self.tiled.values.as_mut_slice()).0;
        for (i, row) in self.rows.chunks_exact(d).enumerate() {
            let row = T::registers::<S>(row).0;
            let tiles = row.chunks(TILE_REGISTERS).zip(points.chunks(TILE_REGISTERS));
            for (tile, (row, point)) in tiles.enumerate() {
                let first = tile * TILE_REGISTERS;
                let width = TILE_REGISTERS.min(n_registers - first);
                let out = &mut out[first * n_rows + i * width..][..row.len()];
                for ((out, x), c) in out.iter_mut().zip(row).zip(point) {
                    *out = T::sub_each(simd, *x, *c);
                }
            }
        }
        if tail.is_empty() {
            return;
        }
        let last = n_registers - 1;
        let tile = last - last % TILE_REGISTERS;
        let (width, within) = (n_registers - tile, last - tile);
        let out = &mut self.tiled.values.as_mut_slice()[tile * n_rows * lanes..];
        let rows = self.rows.chunks_exact(d);
        for (row, out) in rows.zip(out.chunks_exact_mut(width * lanes)) {
            let out = &mut out[within * lanes..];
            out.fill(T::from_f64(0.0));
            for ((out, x), c) in out.iter_mut().zip(&row[d - tail.len()..]).zip(tail) {
                *out = *x - *c;
            }
        }
    }
}
