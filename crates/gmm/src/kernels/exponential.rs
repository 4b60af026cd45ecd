//! Normalization of log joint densities, with an exponential that the compiler can vectorize.

use pulp::{Arch, Simd, WithSimd};

/// Below this the exponential is 0; `e^-708` is the smallest result that is not subnormal.
const LOWEST: f64 = -708.0;
/// `2^52 + 2^51`: adding it leaves the nearest integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// `ln 2` truncated to 32 bits, so that its product with an integer below 2^20 is exact, and the
/// remainder.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// `1 / i!` from 13 down to 0; for |r| ≤ ½ ln 2 the first omitted term is below 2e-18.
const COEFFICIENTS: [f64; 14] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// `e^x` for `x ≤ 0`, to about one unit in the last place; 0 below -708.
#[inline(always)]
fn exp(x: f64) -> f64 {
    let clamped = if x > LOWEST { x } else { LOWEST };
    let shifted = clamped.mul_add(std::f64::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let r = whole.mul_add(-LN_2_LOW, whole.mul_add(-LN_2_HIGH, clamped));
    let mut series = COEFFICIENTS[0];
    for c in &COEFFICIENTS[1..] {
        series = series.mul_add(r, *c);
    }
    // The integer is in the low bits of `shifted`; moved to the exponent, it multiplies by
    // 2^integer.
    let scaled = f64::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 52));
    if x > LOWEST { scaled } else { 0.0 }
}

/// Replaces every value, none of which may be positive, by `e^x`.
pub(crate) fn exponentials(values: &mut [f64]) {
    Arch::new().dispatch(Exponentials { values });
}

struct Exponentials<'a> {
    values: &'a mut [f64],
}

impl WithSimd for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for value in self.values {
            *value = exp(*value);
        }
    }
}

/// Converts log joint densities to responsibilities, in place, and writes `ln Σ_k` for each row to
/// `log_sums`.
///
/// `block` has `stride` values per component, the first `log_sums.len()` of which are rows.
/// Subtracts the row's largest value before exponentiating, so nothing overflows and one term is
/// exactly 1. A row without any density gets responsibilities 0 and `-∞`.
pub(crate) fn normalize(
    block: &mut [f64],
    stride: usize,
    log_sums: &mut [f64],
    max: &mut [f64],
    sum: &mut [f64],
) {
    Arch::new().dispatch(Normalize { block, stride, log_sums, max, sum });
}

/// A struct instead of a closure, because only this form is certain to be compiled for the detected
/// instruction set.
struct Normalize<'a> {
    block: &'a mut [f64],
    stride: usize,
    log_sums: &'a mut [f64],
    max: &'a mut [f64],
    sum: &'a mut [f64],
}

impl WithSimd for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { block, stride, log_sums, max, sum } = self;
        let n_rows = log_sums.len();
        let (max, sum) = (&mut max[..n_rows], &mut sum[..n_rows]);
        max.fill(f64::NEG_INFINITY);
        for values in block.chunks_exact(stride) {
            for (max, value) in max.iter_mut().zip(&values[..n_rows]) {
                *max = if *value > *max { *value } else { *max };
            }
        }
        for max in max.iter_mut() {
            *max = if *max == f64::NEG_INFINITY { 0.0 } else { *max };
        }
        sum.fill(0.0);
        for values in block.chunks_exact_mut(stride) {
            let values = &mut values[..n_rows];
            for ((value, max), sum) in values.iter_mut().zip(max.iter()).zip(sum.iter_mut()) {
                *value = exp(*value - *max);
                *sum += *value;
            }
        }
        for ((out, max), sum) in log_sums.iter_mut().zip(max.iter()).zip(sum.iter_mut()) {
            *out = *max + sum.ln();
            *sum = if *sum > 0.0 { 1.0 / *sum } else { 0.0 };
        }
        for values in block.chunks_exact_mut(stride) {
            for (value, inverse) in values[..n_rows].iter_mut().zip(sum.iter()) {
                *value *= *inverse;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_the_last_places() {
        let mut worst = 0.0_f64;
        for i in 0..=70_000 {
            let x = -0.01 * f64::from(i) - 1e-3 * f64::from(i % 7);
            let wanted = x.exp();
            worst = worst.max(((exp(x) - wanted) / wanted).abs());
        }
        // One unit in the last place is at most 2.2e-16; the reduction and the last addition each
        // add half of one.
        assert!(worst < 5e-16, "{worst:e}");
        assert!((exp(0.0) - 1.0).abs() < f64::EPSILON);
        assert!(
            exp(-709.0).abs() < f64::MIN_POSITIVE
                && exp(f64::NEG_INFINITY).abs() < f64::MIN_POSITIVE
        );
    }

    #[test]
    fn normalizing_survives_extremes() {
        // Two components, three rows: equal huge values, one component with zero density, both with
        // zero density.
        let none = f64::NEG_INFINITY;
        let mut block = [-1e6, -3.0, none, -1e6, none, none];
        let mut log_sums = [0.0; 3];
        normalize(&mut block, 3, &mut log_sums, &mut [0.0; 3], &mut [0.0; 3]);
        for (found, wanted) in block.iter().zip([0.5, 1.0, 0.0, 0.5, 0.0, 0.0]) {
            assert!((found - wanted).abs() < 1e-15, "{block:?}");
        }
        assert!((log_sums[0] - (2.0_f64.ln() - 1e6)).abs() < 1e-9);
        assert!((log_sums[1] + 3.0).abs() < 1e-15);
        assert!(log_sums[2].is_infinite() && log_sums[2] < 0.0);
    }
}
