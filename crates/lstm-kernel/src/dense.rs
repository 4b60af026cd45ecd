//! Products over all rows of a batch at once, for layers next to an LSTM.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::ROWS_PER_TASK;
use crate::packed::{Arithmetic, INNER_BLOCK, PackedMatrix, add_product};
use crate::stacked::{StackShape, Stacked, add_weight_gradients, stack_gates, stack_input};

/// Computes `c += a · b` on all threads, where `a` is `[m, k]` and `c` is `[m, n]`. The result has
/// the same bits with any number of threads.
///
/// # Panics
/// If the lengths don't fit.
pub fn add_large_product(a: &[f32], b: &PackedMatrix, c: &mut [f32]) {
    struct Product<'a>(&'a [f32], &'a PackedMatrix, &'a mut [f32]);
    impl WithSimd for Product<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(a, b, c) = self;
            let rows = a.par_chunks(ROWS_PER_TASK * b.k());
            rows.zip(c.par_chunks_mut(ROWS_PER_TASK * b.n()))
                .for_each(|(a, c)| add_product(simd, a, b, c));
        }
    }
    assert_eq!(a.len() * b.n(), c.len() * b.k(), "both sides must have the same number of rows");
    if b.k() > 0 && b.n() > 0 {
        Arch::new().dispatch(Product(a, b, c));
    }
}

/// Computes `aᵀ · b`, `[k, n]`, for `a` `[m, k]` and `b` `[m, n]` on all threads. If `b` is the
/// gradient of the products of `a` and a weight matrix, this is the gradient of the weights. The
/// result has the same bits with any number of threads.
///
/// # Panics
/// If the lengths don't fit.
pub fn transposed_product(a: &[f32], b: &[f32], [k, n]: [usize; 2]) -> Vec<f32> {
    struct Product<'a>(&'a [f32], &'a [f32], [usize; 2]);
    impl WithSimd for Product<'_> {
        type Output = Vec<f32>;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let Self(a, b, [k, n]) = self;
            let blocks = a.par_chunks(INNER_BLOCK * k).zip(b.par_chunks(INNER_BLOCK * n));
            let stacks: Vec<Stacked> =
                blocks.map(|(a, b)| simd.vectorize(Pack { a, b, k, n })).collect();
            let mut sum = vec![0.0; k * n];
            add_weight_gradients(simd, &stacks, n, [&mut sum, &mut []]);
            sum
        }
    }
    assert_eq!(a.len() * n, b.len() * k, "both sides must have the same number of rows");
    if k == 0 || n == 0 || a.is_empty() {
        return vec![0.0; k * n];
    }
    Arch::new().dispatch(Product(a, b, [k, n]))
}

/// Packs a block of rows of both sides.
struct Pack<'a> {
    a: &'a [f32],
    b: &'a [f32],
    k: usize,
    n: usize,
}

impl WithSimd for Pack<'_> {
    type Output = Stacked;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Stacked {
        let Self { a, b, k, n } = self;
        let shape =
            StackShape { rows_per_step: vec![a.len() / k], n_gates: n, input_widths: [k, 0] };
        let mut stacked = Stacked::new::<S>(Arithmetic::F32, shape);
        stack_gates::<S>(&mut stacked, 0, b, n);
        stack_input::<S>(&mut stacked, 0, 0, a, k);
        stacked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0).collect()
    }

    /// Rows of more than one block and task, and widths that are not multiples of any register.
    #[test]
    fn both_products_are_the_sums_of_their_definition() {
        for [m, k, n] in [[1, 1, 1], [7, 5, 3], [600, 70, 19], [33, 3, 130]] {
            let (a, b, y) = (noise(m * k), noise(k * n), noise(m * n));
            let mut c = y.clone();
            add_large_product(&a, &PackedMatrix::new(&b, k, n), &mut c);
            for (at, found) in c.iter().enumerate() {
                let (row, column) = (at / n, at % n);
                let term = |i: usize| f64::from(a[row * k + i]) * f64::from(b[i * n + column]);
                let expected = f64::from(y[at]) + (0..k).map(term).sum::<f64>();
                // At most 71 terms of at most 1.
                assert!((f64::from(*found) - expected).abs() < 1e-5, "[{m}, {k}, {n}] {at}");
            }
            let sums = transposed_product(&a, &y, [k, n]);
            for (at, found) in sums.iter().enumerate() {
                let (i, column) = (at / n, at % n);
                let term = |row: usize| f64::from(a[row * k + i]) * f64::from(y[row * n + column]);
                let expected: f64 = (0..m).map(term).sum();
                // At most 600 terms of at most 1.
                assert!((f64::from(*found) - expected).abs() < 1e-4, "[{m}, {k}, {n}] {at}");
            }
        }
    }

    #[test]
    fn products_have_the_same_bits_on_any_number_of_threads() {
        let [m, k, n] = [1000, 50, 40];
        let (a, b, y) = (noise(m * k), noise(k * n), noise(m * n));
        let run = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| {
                let mut c = y.clone();
                add_large_product(&a, &PackedMatrix::new(&b, k, n), &mut c);
                (c, transposed_product(&a, &y, [k, n]))
            })
        };
        assert_eq!(run(1), run(5));
    }

    #[test]
    fn products_without_rows_are_zero() {
        assert_eq!(transposed_product(&[], &[], [2, 1]), [0.0, 0.0]);
        let mut c = [1.0];
        add_large_product(&[], &PackedMatrix::new(&[], 0, 1), &mut c);
        assert_eq!(c, [1.0]);
    }
}
