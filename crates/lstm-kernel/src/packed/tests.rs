//! Products in every arithmetic, compared with plain sums.

use super::*;
use proptest::prelude::*;

/// A product with a matrix packed for the current instruction set.
struct Product<'a>(&'a [f32], Unpacked<'a>, Arithmetic, &'a mut [f32]);

impl WithSimd for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(a, b, arithmetic, c) = self;
        add_product(simd, a, &b.pack(tile_shape::<S>().0, arithmetic), c);
    }
}

proptest! {
    #[test]
    fn equals_the_sum_over_k_for_any_shape(
        m in 0_usize..20,
        k in prop_oneof![0_usize..40, 250_usize..270, 510_usize..515],
        n in 0_usize..80,
    ) {
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
            let quickest = Arithmetic::quickest(Precision::Bf16);
            for arithmetic in [Arithmetic::F32, Arithmetic::Rounded, quickest] {
                let b = Unpacked { values, k, n, transposed };
                // All values are exact in bf16 and all products are small multiples of 2^-7, so
                // every sum is exact.
                let mut c = vec![1.0; m * n];
                Arch::new().dispatch(Product(&a, b, arithmetic, &mut c));
                prop_assert_eq!(&c, &expected);
                let mut c = vec![1.0; m * n];
                Product(&a, b, arithmetic, &mut c).with_simd(pulp::Scalar);
                prop_assert_eq!(&c, &expected);
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_whatever_the_other_rows_are() {
    let (m, k, n) = (21, 67, 96);
    let a: Vec<f32> = (0..m * k).map(|i| (i as f32 * 0.7).sin()).collect();
    let b: Vec<f32> = (0..k * n).map(|i| (i as f32 * 0.3).cos()).collect();
    let packed = Unpacked { values: &b, k, n, transposed: false };
    let sets = [
        // 67 products of numbers up to 1: the rounding errors of the sums are far below 1e-4;
        // rounding a factor to bf16 changes it by up to 2^-9 of its value.
        (Arithmetic::F32, 1e-4),
        (Arithmetic::Rounded, 67.0 / 512.0),
        (Arithmetic::quickest(Precision::Bf16), 2.0 * 67.0 / 512.0),
    ];
    for (arithmetic, bound) in sets {
        let product = |a: &[f32], c: &mut [f32]| {
            Arch::new().dispatch(Product(a, packed, arithmetic, c));
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
            let error = (f64::from(*value) - products.sum::<f64>()).abs();
            assert!(error < bound, "{arithmetic:?}: off by {error}");
        }
    }
}
