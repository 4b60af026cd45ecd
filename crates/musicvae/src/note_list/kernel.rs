//! What is done with each note, as operations over host memory.

mod heads;
mod sets;

pub(super) use heads::{HeadSizes, Heads};
pub(super) use sets::NoteSets;

use lstm_kernel::functions::{load, sigmoid, store};
use pulp::Simd;

/// `x · sigmoid(x)` of each value.
#[inline(always)]
pub(super) fn silu<S: Simd>(simd: S, values: &mut [f32]) {
    for values in values.chunks_mut(S::F32_LANES) {
        let x = load(simd, values);
        store(simd, values, simd.mul_f32s(x, sigmoid(simd, x)));
    }
}

/// Multiplies `gradient` with the slope of [`silu`] at `x`: `s (1 + x (1 - s))` with `s =
/// sigmoid(x)`.
#[inline(always)]
fn silu_back<S: Simd>(simd: S, x: &[f32], gradient: &mut [f32]) {
    let one = simd.splat_f32s(1.0);
    for (x, gradient) in x.chunks(S::F32_LANES).zip(gradient.chunks_mut(S::F32_LANES)) {
        let x = load(simd, x);
        let s = sigmoid(simd, x);
        let slope = simd.mul_f32s(s, simd.mul_add_f32s(x, simd.sub_f32s(one, s), one));
        store(simd, gradient, simd.mul_f32s(load(simd, gradient), slope));
    }
}
