//! Distances for low-rank covariances: a diagonal distance minus the part explained by the factors.

use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// One component: `Ψ^-½`, its shift `(c - μ) Ψ^-½`, and the projection `L⁻¹ Bᵀ` (`[R, D]`).
pub(crate) struct Component<'a, T> {
    pub(crate) scale: &'a [T],
    pub(crate) shift: &'a [T],
    pub(crate) projection: &'a [T],
}

/// Writes `|z|² - |P z|²` of the listed rows to `out`, where `z = (x - c) s + t` is a row in
/// standard deviations of the noise; `whitened` is scratch space of `[D]`.
pub(crate) fn listed_distances<T: Real>(
    rows: &[T],
    listed: &[u32],
    center: &[T],
    component: &Component<'_, T>,
    out: &mut [f64],
    whitened: &mut [T],
) {
    Arch::new().dispatch(Distances { rows, listed, center, component, out, whitened });
}

struct Distances<'a, T> {
    rows: &'a [T],
    listed: &'a [u32],
    center: &'a [T],
    component: &'a Component<'a, T>,
    out: &'a mut [f64],
    whitened: &'a mut [T],
}

impl<T: Real> WithSimd for Distances<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let d = self.center.len();
        let Component { scale, shift, projection } = self.component;
        for (row, out) in self.listed.iter().zip(self.out) {
            let row = &self.rows[*row as usize * d..][..d];
            for j in 0..d {
                self.whitened[j] = (row[j] - self.center[j]) * scale[j] + shift[j];
            }
            let mut distance = dot(simd, self.whitened, self.whitened).to_f64();
            for axis in projection.chunks_exact(d) {
                distance -= dot(simd, axis, self.whitened).to_f64().powi(2);
            }
            // Rounding may make the distance of a row at the mean negative.
            *out = distance.max(0.0);
        }
    }
}

/// `Σ a b`, in four register sums.
#[inline(always)]
fn dot<T: Real, S: Simd>(simd: S, a: &[T], b: &[T]) -> T {
    let ((a, a_tail), (b, b_tail)) = (T::registers::<S>(a), T::registers::<S>(b));
    let mut sums = [T::splat(simd, T::from_f64(0.0)); 4];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..4 {
            sums[i] = T::mul_add(simd, a[i], b[i], sums[i]);
        }
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        sums[0] = T::mul_add(simd, *a, *b, sums[0]);
    }
    let low = T::add_each(simd, sums[0], sums[1]);
    let high = T::add_each(simd, sums[2], sums[3]);
    let mut total = T::sum_lanes(simd, T::add_each(simd, low, high));
    for (a, b) in a_tail.iter().zip(b_tail) {
        total += *a * *b;
    }
    total
}
