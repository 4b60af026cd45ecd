//! A matrix laid out once for many products with it.
//!
//! Every time step multiplies by the same recurrent weights. A general matrix product lays its
//! right side out anew at each call, which costs more than the arithmetic when the left side has
//! few rows; here that is done once a batch.
//!
//! ```text
//! block of INNER_BLOCK rows │ panel of a few registers' columns │ row │ column
//! ```
//!
//! so that the panel of one block stays in the first cache while all rows of the left side pass it,
//! and the whole matrix is read in the order of its addresses.

use aligned_vec::{AVec, ConstAlign, avec};
use half::bf16;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::tile::{tile, tile_bf16, tile_shape, with_tile_shape};

/// Rows of a block: a panel of 16 columns takes 16 KiB. Even, so that a pair of bf16 rows never
/// straddles two blocks.
pub(crate) const INNER_BLOCK: usize = 256;

/// How a packed matrix keeps its values. Sums are `f32` in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Rounded to the nearest bfloat16, and widened in registers: half the bytes are read.
    Bf16,
}

/// A `[k, n]` matrix in panels of columns, each panel row by row, padded with zeros.
pub struct PackedMatrix {
    values: Values,
    /// Columns of a panel.
    panel: usize,
    k: usize,
    n: usize,
}

enum Values {
    F32(AVec<f32, ConstAlign<64>>),
    /// Two rows in a word, the first one above.
    Bf16(AVec<u32, ConstAlign<64>>),
}

/// Columns of a panel on this machine.
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

/// A matrix before it is packed: row-major, or the transpose of one.
#[derive(Clone, Copy)]
pub(crate) struct Unpacked<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) transposed: bool,
}

impl Unpacked<'_> {
    /// Writes rows `rows` of columns `columns` to `out`, `panel` apart.
    fn write(
        &self,
        rows: std::ops::Range<usize>,
        columns: std::ops::Range<usize>,
        panel: usize,
        out: &mut [f32],
    ) {
        let (k, n) = (self.k, self.n);
        if self.transposed {
            for (at, column) in columns.enumerate() {
                let from = &self.values[column * k..][rows.clone()];
                for (to, from) in out[at..].iter_mut().step_by(panel).zip(from) {
                    *to = *from;
                }
            }
        } else {
            for (row, out) in rows.zip(out.chunks_exact_mut(panel)) {
                out[..columns.len()].copy_from_slice(&self.values[row * n..][columns.clone()]);
            }
        }
    }

    /// Packs into panels of `panel` columns, in parallel.
    pub(crate) fn pack(self, panel: usize, precision: Precision) -> PackedMatrix {
        let (k, n) = (self.k, self.n);
        let n_panels = n.div_ceil(panel);
        let columns = |p: usize| p * panel..n.min((p + 1) * panel);
        let values = match precision {
            Precision::F32 => {
                let mut values = avec![[64]| 0.0; n_panels * k * panel];
                let blocks = values.chunks_mut((INNER_BLOCK * n_panels * panel).max(1));
                for (block, values) in blocks.enumerate() {
                    let first = block * INNER_BLOCK;
                    let rows = first..k.min(first + INNER_BLOCK);
                    let panels = values.par_chunks_exact_mut(rows.len() * panel);
                    panels.enumerate().for_each(|(p, values)| {
                        self.write(rows.clone(), columns(p), panel, values);
                    });
                }
                Values::F32(values)
            }
            Precision::Bf16 => {
                let pairs = k.div_ceil(2);
                let mut words = avec![[64]| 0; n_panels * pairs * panel];
                let blocks = words.chunks_mut((INNER_BLOCK / 2 * n_panels * panel).max(1));
                for (block, words) in blocks.enumerate() {
                    let first = block * INNER_BLOCK;
                    let rows = first..k.min(first + INNER_BLOCK);
                    let pairs = rows.len().div_ceil(2);
                    let panels = words.par_chunks_exact_mut(pairs * panel);
                    panels.enumerate().for_each(|(p, words)| {
                        let mut values = vec![0.0; 2 * pairs * panel];
                        self.write(rows.clone(), columns(p), panel, &mut values);
                        let pairs = values.chunks_exact(2 * panel);
                        for (words, pair) in words.chunks_exact_mut(panel).zip(pairs) {
                            let (upper, lower) = pair.split_at(panel);
                            for (word, (upper, lower)) in
                                words.iter_mut().zip(upper.iter().zip(lower))
                            {
                                *word = bits(*upper) << 16 | bits(*lower);
                            }
                        }
                    });
                }
                Values::Bf16(words)
            }
        };
        PackedMatrix { values, panel, k, n }
    }
}

/// The nearest bfloat16.
fn bits(value: f32) -> u32 {
    u32::from(bf16::from_f32(value).to_bits())
}

impl PackedMatrix {
    /// Packs a row-major `[k, n]` matrix.
    ///
    /// # Panics
    /// If `matrix` has another length.
    pub fn new(matrix: &[f32], k: usize, n: usize) -> Self {
        Self::with_precision(matrix, k, n, Precision::F32)
    }

    /// Packs a row-major `[k, n]` matrix, rounded as `precision` says.
    ///
    /// # Panics
    /// If `matrix` has another length.
    pub fn with_precision(matrix: &[f32], k: usize, n: usize, precision: Precision) -> Self {
        assert_eq!(matrix.len(), k * n, "a [{k}, {n}] matrix");
        Unpacked { values: matrix, k, n, transposed: false }.pack(panel_columns(), precision)
    }

    /// Packs the transpose of a row-major `[n, k]` matrix.
    ///
    /// # Panics
    /// If `matrix` has another length.
    pub fn transposed(matrix: &[f32], n: usize, k: usize) -> Self {
        assert_eq!(matrix.len(), k * n, "a [{n}, {k}] matrix");
        Unpacked { values: matrix, k, n, transposed: true }.pack(panel_columns(), Precision::F32)
    }

    /// Rows of the matrix.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Columns of the matrix.
    pub fn n(&self) -> usize {
        self.n
    }
}

/// `c += a · b` with `a` of `[m, k]` and `c` of `[m, n]`, row-major and contiguous.
///
/// Each element of `c` is one chain of fused multiply-adds over `k` in order, whatever `m` is, so
/// that a row's result does not depend on the rows it is computed with.
///
/// # Panics
/// If the matrix was packed for another instruction set than `S`.
#[inline(always)]
pub fn add_product<S: Simd>(simd: S, a: &[f32], b: &PackedMatrix, c: &mut [f32]) {
    debug_assert_eq!(a.len() * b.n, c.len() * b.k, "as many rows on both sides");
    assert_eq!(b.panel, tile_shape::<S>().0, "packed for this instruction set");
    // A function of its own: its many tiles are compiled once and not in each caller.
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

/// All tiles of `ROWS` rows, or fewer where the rows don't divide.
#[inline(always)]
fn tiles<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    simd: S,
    a: &[f32],
    b: &PackedMatrix,
    c: &mut [f32],
) {
    let panels = b.n.div_ceil(b.panel);
    match &b.values {
        Values::F32(values) => {
            for (block, values) in values.chunks(INNER_BLOCK * panels * b.panel).enumerate() {
                let (values, _) = S::as_simd_f32s(values).0.as_chunks::<REGISTERS>();
                for (p, panel) in values.chunks_exact(values.len() / panels).enumerate() {
                    let strip = Strip { b, block, panel: p };
                    let multiply = F32Panel::<S, REGISTERS>(panel);
                    strip.rows::<S, _, ROWS>(simd, a, c, multiply);
                }
            }
        }
        Values::Bf16(words) => {
            for (block, words) in words.chunks(INNER_BLOCK / 2 * panels * b.panel).enumerate() {
                let (words, _) = S::as_simd_u32s(words).0.as_chunks::<REGISTERS>();
                for (p, panel) in words.chunks_exact(words.len() / panels).enumerate() {
                    let strip = Strip { b, block, panel: p };
                    let multiply = Bf16Panel::<S, REGISTERS>(panel);
                    strip.rows::<S, _, ROWS>(simd, a, c, multiply);
                }
            }
        }
    }
}

/// A panel that a few rows are multiplied by.
trait Panel<S: Simd>: Copy {
    /// `c[.., column..] += a · panel` for the first `k` rows of the panel.
    fn multiply<const ROWS: usize>(
        self,
        simd: S,
        a: [&[f32]; ROWS],
        c: &mut [f32],
        n: usize,
        column: usize,
    );
}

#[derive(Clone, Copy)]
struct F32Panel<'a, S: Simd, const REGISTERS: usize>(&'a [[S::f32s; REGISTERS]]);

impl<S: Simd, const REGISTERS: usize> Panel<S> for F32Panel<'_, S, REGISTERS> {
    #[inline(always)]
    fn multiply<const ROWS: usize>(
        self,
        simd: S,
        a: [&[f32]; ROWS],
        c: &mut [f32],
        n: usize,
        column: usize,
    ) {
        tile::<S, REGISTERS, ROWS>(simd, a, self.0, c, n, column);
    }
}

#[derive(Clone, Copy)]
struct Bf16Panel<'a, S: Simd, const REGISTERS: usize>(&'a [[S::u32s; REGISTERS]]);

impl<S: Simd, const REGISTERS: usize> Panel<S> for Bf16Panel<'_, S, REGISTERS> {
    #[inline(always)]
    fn multiply<const ROWS: usize>(
        self,
        simd: S,
        a: [&[f32]; ROWS],
        c: &mut [f32],
        n: usize,
        column: usize,
    ) {
        let k = a.first().map_or(0, |row| row.len());
        tile_bf16::<S, REGISTERS, ROWS>(simd, a, k, self.0, c, n, column);
    }
}

/// Where a panel of a block stands in its matrix.
#[derive(Clone, Copy)]
struct Strip<'a> {
    b: &'a PackedMatrix,
    block: usize,
    panel: usize,
}

impl Strip<'_> {
    /// All rows of `a` times the panel.
    #[inline(always)]
    fn rows<S: Simd, P: Panel<S>, const ROWS: usize>(
        self,
        simd: S,
        mut a: &[f32],
        mut c: &mut [f32],
        panel: P,
    ) {
        let (k, n) = (self.b.k, self.b.n);
        for rows in (Groups { most: ROWS, left: a.len() / k }) {
            let (these, a_rest) = a.split_at(rows * k);
            let (sums, c_rest) = c.split_at_mut(rows * n);
            (a, c) = (a_rest, c_rest);
            match rows {
                8 if ROWS == 8 => self.group::<S, P, 8>(simd, these, sums, panel),
                7 if ROWS == 8 => self.group::<S, P, 7>(simd, these, sums, panel),
                6 if ROWS >= 6 => self.group::<S, P, 6>(simd, these, sums, panel),
                5 if ROWS >= 6 => self.group::<S, P, 5>(simd, these, sums, panel),
                4 if ROWS >= 4 => self.group::<S, P, 4>(simd, these, sums, panel),
                3 if ROWS >= 4 => self.group::<S, P, 3>(simd, these, sums, panel),
                2 if ROWS >= 4 => self.group::<S, P, 2>(simd, these, sums, panel),
                _ => self.group::<S, P, 1>(simd, these, sums, panel),
            }
        }
    }

    #[inline(always)]
    fn group<S: Simd, P: Panel<S>, const ROWS: usize>(
        self,
        simd: S,
        a: &[f32],
        c: &mut [f32],
        panel: P,
    ) {
        let Self { b, block, panel: p } = self;
        let inner = block * INNER_BLOCK..b.k.min((block + 1) * INNER_BLOCK);
        let mut rows = [&a[..0]; ROWS];
        for (row, a) in rows.iter_mut().zip(a.chunks_exact(b.k)) {
            *row = &a[inner.clone()];
        }
        panel.multiply(simd, rows, c, b.n, p * b.panel);
    }
}

/// The rows of a product in groups of `most`. What is left over and one group more are shared out
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A product with a matrix packed for the instruction set it is computed on.
    struct Product<'a>(&'a [f32], Unpacked<'a>, Precision, &'a mut [f32]);

    impl WithSimd for Product<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(a, b, precision, c) = self;
            add_product(simd, a, &b.pack(tile_shape::<S>().0, precision), c);
        }
    }

    proptest! {
        #[test]
        fn equals_the_sum_over_k_for_any_shape(m in 0_usize..20, k in prop_oneof![0_usize..40, 250_usize..270, 510_usize..515],
            n in 0_usize..80) {
            let a: Vec<f32> = (0..m * k).map(|i| ((i * 37 % 19) as f32 - 9.0) / 8.0).collect();
            let b: Vec<f32> = (0..k * n).map(|i| ((i * 53 % 23) as f32 - 11.0) / 16.0).collect();
            let mut transposed = vec![0.0; k * n];
            for (i, value) in b.iter().enumerate() {
                transposed[i % n * k + i / n] = *value;
            }
            let mut expected = vec![1.0; m * n];
            for i in 0..m {
                for j in 0..n {
                    expected[i * n + j] += (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum::<f32>();
                }
            }
            for (values, transposed) in [(&b, false), (&transposed, true)] {
                for precision in [Precision::F32, Precision::Bf16] {
                    let b = Unpacked { values, k, n, transposed };
                    // All values are small multiples of 2^-7, so that every sum is exact, and those
                    // of `b` are bf16 numbers.
                    let mut c = vec![1.0; m * n];
                    Arch::new().dispatch(Product(&a, b, precision, &mut c));
                    prop_assert_eq!(&c, &expected);
                    let mut c = vec![1.0; m * n];
                    Product(&a, b, precision, &mut c).with_simd(pulp::Scalar);
                    prop_assert_eq!(&c, &expected);
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_any_company() {
        let (m, k, n) = (21, 67, 96);
        let a: Vec<f32> = (0..m * k).map(|i| (i as f32 * 0.7).sin()).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i as f32 * 0.3).cos()).collect();
        let packed = Unpacked { values: &b, k, n, transposed: false };
        let product = |a: &[f32], c: &mut [f32]| {
            Arch::new().dispatch(Product(a, packed, Precision::F32, c));
        };
        let mut all = vec![0.0; m * n];
        product(&a, &mut all);
        for row in 0..m {
            let mut alone = vec![0.0; n];
            product(&a[row * k..][..k], &mut alone);
            assert_eq!(alone, all[row * n..][..n], "row {row}");
        }
        for (i, value) in all.iter().enumerate() {
            let products =
                (0..k).map(|p| f64::from(a[i / n * k + p]) * f64::from(b[p * n + i % n]));
            // 67 products of numbers up to 1: rounding stays far below 1e-4.
            assert!((f64::from(*value) - products.sum::<f64>()).abs() < 1e-4);
        }
    }
}
