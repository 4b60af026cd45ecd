//! The large products at the end of a backward pass, by `faer`'s kernels.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows of a result that one task computes; fixed, so that the split never depends on threads.
const ROWS_PER_BLOCK: usize = 64;

/// A row-major slice as a `[rows, columns]` matrix.
pub fn row_major(values: &[f32], rows: usize, columns: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(values, rows, columns)
}

/// `out += aᵀ · b` with `a` of `[m, k]`, `b` of `[m, n]` and `out` of `[k, n]`: a weight gradient.
pub fn add_transposed_product(a: &[f32], b: &[f32], m: usize, out: &mut [f32]) {
    if m == 0 || out.is_empty() {
        return;
    }
    let (k, n) = (a.len() / m, b.len() / m);
    let (a, b) = (row_major(a, m, k).transpose(), row_major(b, m, n));
    out.par_chunks_mut(ROWS_PER_BLOCK * n).enumerate().for_each(|(block, out)| {
        let rows = out.len() / n;
        let a = a.subrows(block * ROWS_PER_BLOCK, rows);
        let out = MatMut::from_row_major_slice_mut(out, rows, n);
        matmul(out, Accum::Add, a, b, 1.0, Par::Seq);
    });
}

/// `out += a · b` with `a` of `[m, k]`, `b` of `[k, n]` and `out` of `[m, n]`.
pub fn add_product(a: &[f32], b: MatRef<'_, f32>, out: &mut [f32]) {
    let (k, n) = (b.nrows(), b.ncols());
    if k == 0 || n == 0 {
        return;
    }
    out.par_chunks_mut(ROWS_PER_BLOCK * n).zip(a.par_chunks(ROWS_PER_BLOCK * k)).for_each(
        |(out, a)| {
            let rows = out.len() / n;
            let out = MatMut::from_row_major_slice_mut(out, rows, n);
            matmul(out, Accum::Add, row_major(a, rows, k), b, 1.0, Par::Seq);
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_products_equal_the_sum_over_the_inner_index() {
        let (m, k, n) = (150, 70, 9);
        // Multiples of 1/4 up to 2: every sum is exact in f32.
        let a: Vec<f32> = (0..m * k).map(|i| (i * 7 % 17) as f32 / 4.0 - 2.0).collect();
        let b: Vec<f32> = (0..m * n).map(|i| (i * 5 % 13) as f32 / 4.0 - 1.5).collect();
        let mut gradient = vec![1.0; k * n];
        add_transposed_product(&a, &b, m, &mut gradient);
        for i in 0..k {
            for j in 0..n {
                let sum: f32 = (0..m).map(|r| a[r * k + i] * b[r * n + j]).sum();
                assert_eq!(gradient[i * n + j].to_bits(), (sum + 1.0).to_bits());
            }
        }
        let weights = &b[..k * n];
        let mut product = vec![0.0; m * n];
        add_product(&a, row_major(weights, k, n), &mut product);
        for i in 0..m {
            for j in 0..n {
                let sum: f32 = (0..k).map(|p| a[i * k + p] * weights[p * n + j]).sum();
                assert!((product[i * n + j] - sum).abs() < 1e-6);
            }
        }
    }
}
