//! Updates of lower bounds of distances, and comparisons with them, for many rows at once.

use pulp::{Arch, Simd, WithSimd};

/// A stored bound is smaller than the distance by this fraction, which exceeds the rounding error
/// of `f32`.
pub(crate) const ROUNDING: f64 = 1e-6;

/// Replaces every bound `b` by `scale b - shift`, or by 0 if that is negative or NaN.
pub(crate) fn weaken(bounds: &mut [f32], scale: f32, shift: f32) {
    Arch::new().dispatch(Weaken { bounds, scale, shift });
}

struct Weaken<'a> {
    bounds: &'a mut [f32],
    scale: f32,
    shift: f32,
}

impl WithSimd for Weaken<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for bound in self.bounds {
            *bound = (*bound * self.scale - self.shift).max(0.0);
        }
    }
}

/// Writes for each row whether `norm - b²/2` is at least its `reach`.
pub(crate) fn within(bounds: &[f32], reach: &[f64], norm: f64, wanted: &mut [bool]) {
    Arch::new().dispatch(Within { bounds, reach, norm, wanted });
}

struct Within<'a> {
    bounds: &'a [f32],
    reach: &'a [f64],
    norm: f64,
    wanted: &'a mut [bool],
}

impl WithSimd for Within<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let known = self.bounds.iter().zip(self.reach);
        for (wanted, (bound, reach)) in self.wanted.iter_mut().zip(known) {
            let bound = f64::from(*bound);
            *wanted = self.norm - 0.5 * bound * bound >= *reach;
        }
    }
}

/// Replaces every squared distance `m²` by `norm - m²/2`, and writes bounds of `m` to `bounds`.
pub(crate) fn log_joints(values: &mut [f64], norm: f64, bounds: &mut [f32]) {
    Arch::new().dispatch(LogJoints { values, norm, bounds });
}

struct LogJoints<'a> {
    values: &'a mut [f64],
    norm: f64,
    bounds: &'a mut [f32],
}

impl WithSimd for LogJoints<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (value, bound) in self.values.iter_mut().zip(self.bounds) {
            *bound = ((value.sqrt() * (1.0 - ROUNDING)) as f32).min(f32::MAX);
            *value = self.norm - 0.5 * *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_stay_below_and_reach_is_inclusive() {
        let mut bounds = [4.0, 1.0, f32::INFINITY, f32::MAX];
        weaken(&mut bounds, 0.5, 1.0);
        assert!(bounds[0] == 1.0 && bounds[1] == 0.0 && bounds[2] == f32::INFINITY, "{bounds:?}");
        // No information: infinity minus infinity.
        weaken(&mut bounds, 0.0, f32::MAX);
        assert!(bounds.iter().all(|bound| *bound == 0.0), "{bounds:?}");

        // norm - b²/2 is 1, -1 and -7.
        let mut wanted = [false; 3];
        within(&[0.0, 2.0, 4.0], &[1.0, -0.5, f64::NEG_INFINITY], 1.0, &mut wanted);
        assert_eq!(wanted, [true, false, true]);

        let squares: Vec<f64> = (0..40).map(|i| 1.7_f64.powi(i)).chain([f64::MAX]).collect();
        let (mut values, mut lows) = (squares.clone(), vec![0.0; squares.len()]);
        log_joints(&mut values, 3.0, &mut lows);
        for ((square, value), low) in squares.iter().zip(values).zip(lows) {
            assert!((value - (3.0 - 0.5 * square)).abs() <= f64::EPSILON * square);
            let ratio = f64::from(low) / square.sqrt();
            assert!(ratio < 1.0 && (ratio > 1.0 - 2.0 * ROUNDING || low == f32::MAX), "{square:e}");
        }
    }
}
