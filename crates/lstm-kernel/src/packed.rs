//! A matrix laid out once for many products with it.
//!
//! Every time step multiplies by the same recurrent weights. A general matrix product lays its
//! right side out anew at each call, which costs more than the arithmetic when the left side has
//! few rows; here that is done once a batch.

use aligned_vec::{AVec, ConstAlign, avec};
use pulp::{Arch, Simd, WithSimd};

use super::functions::{load, store};

/// A `[k, n]` matrix in panels of columns, each panel row by row, padded with zeros.
pub struct PackedMatrix {
    panels: AVec<f32, ConstAlign<64>>,
    /// Columns in a panel: two registers of this machine.
    panel: usize,
    k: usize,
    n: usize,
}

/// Columns that two registers of this machine hold.
fn panel_columns() -> usize {
    struct Columns;
    impl WithSimd for Columns {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) -> usize {
            // Four registers of four lanes, of which there are 32; the narrowest panel is 8.
            if S::F32_LANES == 4 { 16 } else { (2 * S::F32_LANES).max(8) }
        }
    }
    Arch::new().dispatch(Columns)
}

impl PackedMatrix {
    /// Packs a row-major `[k, n]` matrix.
    pub fn new(matrix: &[f32], k: usize, n: usize) -> Self {
        assert_eq!(matrix.len(), k * n, "a [{k}, {n}] matrix");
        Self::pack(k, n, |row, column| matrix[row * n + column])
    }

    /// Packs the transpose of a row-major `[n, k]` matrix.
    pub fn transposed(matrix: &[f32], n: usize, k: usize) -> Self {
        assert_eq!(matrix.len(), k * n, "a [{n}, {k}] matrix");
        Self::pack(k, n, |row, column| matrix[column * k + row])
    }

    fn pack(k: usize, n: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let panel = panel_columns();
        let mut panels = avec![[64]| 0.0; n.div_ceil(panel) * k * panel];
        for (p, values) in panels.chunks_exact_mut((k * panel).max(1)).enumerate() {
            let width = panel.min(n - p * panel);
            for (row, values) in values.chunks_exact_mut(panel).enumerate() {
                for (column, value) in values[..width].iter_mut().enumerate() {
                    *value = at(row, p * panel + column);
                }
            }
        }
        Self { panels, panel, k, n }
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
#[inline(always)]
pub fn add_product<S: Simd>(simd: S, a: &[f32], b: &PackedMatrix, c: &mut [f32]) {
    debug_assert_eq!(a.len() * b.n, c.len() * b.k, "as many rows on both sides");
    // Sums fill most of the registers (32 with AVX-512 and NEON, 16 with AVX2); the rest hold a row
    // of the panel and an element of `a`. The last rows are for a build or test without SIMD.
    match (S::F32_LANES, b.panel) {
        (16, 32) => tiles::<S, 2, 8>(simd, a, b, c),
        (8, 16) => tiles::<S, 2, 6>(simd, a, b, c),
        (4, 16) => tiles::<S, 4, 6>(simd, a, b, c),
        (1, 32) => tiles::<S, 32, 1>(simd, a, b, c),
        (1, 16) => tiles::<S, 16, 1>(simd, a, b, c),
        (1, 8) => tiles::<S, 8, 1>(simd, a, b, c),
        (lanes, panel) => unreachable!("panels of {panel} columns for {lanes} lanes"),
    }
}

/// All tiles of one panel and `ROWS` rows, or fewer where the rows don't divide.
#[inline(always)]
fn tiles<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    simd: S,
    a: &[f32],
    b: &PackedMatrix,
    c: &mut [f32],
) {
    let (k, n) = (b.k, b.n);
    if k == 0 || n == 0 {
        return;
    }
    let groups = Groups::new(a.len() / k, ROWS);
    for (p, panel) in b.panels.chunks_exact(k * b.panel).enumerate() {
        let (panel, _) = S::as_simd_f32s(panel);
        let (panel, _) = panel.as_chunks::<REGISTERS>();
        let columns = p * b.panel..n.min((p + 1) * b.panel);
        let (mut a, mut c) = (a, &mut *c);
        for rows in groups.clone() {
            let (these, rest) = a.split_at(rows * k);
            let (sums, below) = c.split_at_mut(rows * n);
            (a, c) = (rest, below);
            let columns = columns.clone();
            match rows {
                8 if ROWS == 8 => tile::<S, REGISTERS, 8>(simd, these, panel, sums, columns),
                7 if ROWS == 8 => tile::<S, REGISTERS, 7>(simd, these, panel, sums, columns),
                6 if ROWS > 1 => tile::<S, REGISTERS, 6>(simd, these, panel, sums, columns),
                5 if ROWS > 1 => tile::<S, REGISTERS, 5>(simd, these, panel, sums, columns),
                4 if ROWS > 1 => tile::<S, REGISTERS, 4>(simd, these, panel, sums, columns),
                3 if ROWS > 1 => tile::<S, REGISTERS, 3>(simd, these, panel, sums, columns),
                2 if ROWS > 1 => tile::<S, REGISTERS, 2>(simd, these, panel, sums, columns),
                _ => tile::<S, REGISTERS, 1>(simd, these, panel, sums, columns),
            }
        }
    }
}

/// The rows of a product in groups of `most`. What is left over and one group more are shared out
/// evenly, because a tile of very few rows waits for its own sums.
#[derive(Clone)]
struct Groups {
    most: usize,
    left: usize,
}

impl Groups {
    fn new(rows: usize, most: usize) -> Self {
        Self { most, left: rows }
    }
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

/// Elements of a row of `a` that are taken at once.
const STRIP: usize = 8;

/// `c[rows, columns] += a · panel`, the sums held in registers.
#[inline(always)]
fn tile<S: Simd, const REGISTERS: usize, const ROWS: usize>(
    simd: S,
    a: &[f32],
    panel: &[[S::f32s; REGISTERS]],
    c: &mut [f32],
    columns: std::ops::Range<usize>,
) {
    let k = panel.len();
    let (strips, panel_rest) = panel.as_chunks::<STRIP>();
    let mut rows: [(&[[f32; STRIP]], &[f32]); ROWS] = [(&[], &[]); ROWS];
    for (row, a) in rows.iter_mut().zip(a.chunks_exact(k)) {
        *row = a.as_chunks::<STRIP>();
    }
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; ROWS];
    for (at, panel) in strips.iter().enumerate() {
        // Loops, not `map`: a call here would spill every sum.
        let mut strip = [&[0.0; STRIP]; ROWS];
        for (strip, row) in strip.iter_mut().zip(&rows) {
            *strip = &row.0[at];
        }
        for (i, b) in panel.iter().enumerate() {
            for (sums, a) in sums.iter_mut().zip(&strip) {
                let a = simd.splat_f32s(a[i]);
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = simd.mul_add_e_f32s(a, *b, *sum);
                }
            }
        }
    }
    for (i, b) in panel_rest.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let a = simd.splat_f32s(row.1[i]);
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = simd.mul_add_e_f32s(a, *b, *sum);
            }
        }
    }
    let n = c.len() / ROWS;
    for (sums, c) in sums.iter().zip(c.chunks_exact_mut(n)) {
        let c = &mut c[columns.clone()];
        for (sum, c) in sums.iter().zip(c.chunks_mut(S::F32_LANES)) {
            let old = load(simd, c);
            store(simd, c, simd.add_f32s(old, *sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::row_major;
    use proptest::prelude::*;

    struct Product<'a>(&'a [f32], &'a PackedMatrix, &'a mut [f32]);

    impl WithSimd for Product<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            add_product(simd, self.0, self.1, self.2);
        }
    }

    proptest! {
        #[test]
        fn equals_the_sum_over_k_for_any_shape(m in 0_usize..20, k in 0_usize..40, n in 0_usize..80) {
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
            for packed in [PackedMatrix::new(&b, k, n), PackedMatrix::transposed(&transposed, n, k)] {
                let mut c = vec![1.0; m * n];
                Arch::new().dispatch(Product(&a, &packed, &mut c));
                // All values are small multiples of 2^-7, so that every sum is exact.
                prop_assert_eq!(&c, &expected);
                let mut c = vec![1.0; m * n];
                Product(&a, &packed, &mut c).with_simd(pulp::Scalar);
                prop_assert_eq!(&c, &expected);
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_any_company() {
        let (m, k, n) = (21, 67, 96);
        let a: Vec<f32> = (0..m * k).map(|i| (i as f32 * 0.7).sin()).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i as f32 * 0.3).cos()).collect();
        let packed = PackedMatrix::new(&b, k, n);
        let mut all = vec![0.0; m * n];
        Arch::new().dispatch(Product(&a, &packed, &mut all));
        for row in 0..m {
            let mut alone = vec![0.0; n];
            Arch::new().dispatch(Product(&a[row * k..][..k], &packed, &mut alone));
            assert_eq!(alone, all[row * n..][..n], "row {row}");
        }
        let reference = row_major(&a, m, k) * row_major(&b, k, n);
        for (i, value) in all.iter().enumerate() {
            // 67 products of numbers up to 1: rounding stays far below 1e-4.
            assert!((value - reference[(i / n, i % n)]).abs() < 1e-4);
        }
    }
}
