//! Softmax of a row of logits, with the cross-entropy of its target.

use std::ops::Range;

use lstm_kernel::functions::{exp, load, store};
use pulp::Simd;

/// Replaces a row of logits by its `softmax` over the possible classes; returns the cross-entropy
/// of the target.
#[inline(always)]
pub(crate) fn softmax<S: Simd>(
    simd: S,
    row: &mut [f32],
    allowed: &Range<usize>,
    has_end: bool,
    target: usize,
) -> f64 {
    let end = if has_end { row.len() - 1 } else { row.len() };
    let (classes, ends) = row.split_at_mut(end);
    classes[..allowed.start].fill(0.0);
    classes[allowed.end..].fill(0.0);
    let possible = &mut classes[allowed.clone()];
    let max = possible.iter().chain(ends.iter()).copied().fold(f32::NEG_INFINITY, f32::max);
    let logit = if target < end { possible[target - allowed.start] } else { ends[0] };
    let top = simd.splat_f32s(max);
    for part in possible.chunks_mut(S::F32_LANES).chain(ends.chunks_mut(S::F32_LANES)) {
        let x = simd.sub_f32s(load(simd, part), top);
        store(simd, part, exp(simd, x));
    }
    let total: f32 = possible.iter().chain(ends.iter()).sum();
    for p in possible.iter_mut().chain(ends) {
        *p /= total;
    }
    f64::from(total).ln() - f64::from(logit - max)
}
