//! Panels: a few registers of rows, transposed so that rows are across lanes.

use crate::Real;
use pulp::Simd;

/// Maximum number of rows in a panel: four registers of sixteen lanes.
pub(crate) const MAX_PANEL_ROWS: usize = 64;

/// Number of rows transposed together: as many values as fill half a cache line of `f64`.
const GROUP: usize = 4;

/// Transposes the rows listed in `ids` into `panel` (`[d][width]`), minus `center`. If there are
/// fewer than `width`, the last one is repeated; these lanes are never read.
#[inline(always)]
pub(super) fn pack<T: Real>(rows: &[T], center: &[T], ids: &[u32], width: usize, panel: &mut [T]) {
    let d = center.len();
    let row = |i: usize| {
        let id = ids[i.min(ids.len() - 1)] as usize;
        &rows[id * d..][..d]
    };
    // A few rows at a time, so that a part of the panel is filled while it is in the cache.
    let whole = width - width % GROUP;
    for i in whole..width {
        for ((column, x), m) in panel.chunks_exact_mut(width).zip(row(i)).zip(center) {
            column[i] = *x - *m;
        }
    }
    for group in (0..whole).step_by(GROUP) {
        let (a, b, c, e) = (row(group), row(group + 1), row(group + 2), row(group + 3));
        for (j, (column, m)) in panel.chunks_exact_mut(width).zip(center).enumerate() {
            let column = &mut column[group..group + GROUP];
            column[0] = a[j] - *m;
            column[1] = b[j] - *m;
            column[2] = c[j] - *m;
            column[3] = e[j] - *m;
        }
    }
}

/// Subtracts a mean from every row of a panel of `G` registers.
#[inline(always)]
pub(super) fn center<T: Real, S: Simd, const G: usize>(
    simd: S,
    panel: &[[T::Vector<S>; G]],
    mean: &[T],
    centered: &mut [[T::Vector<S>; G]],
) {
    for ((x, m), z) in panel.iter().zip(mean).zip(centered) {
        let m = T::splat(simd, *m);
        for g in 0..G {
            z[g] = T::sub_each(simd, x[g], m);
        }
    }
}

/// Writes the lanes of `sums` to `out`, widened; `out` may be shorter.
#[inline(always)]
pub(super) fn unload<T: Real, S: Simd, const G: usize>(sums: [T::Vector<S>; G], out: &mut [f64]) {
    let mut lanes = [T::from_f64(0.0); MAX_PANEL_ROWS];
    let (registers, _) = T::registers_mut::<S>(&mut lanes);
    registers[..G].copy_from_slice(&sums);
    for (out, lane) in out.iter_mut().zip(&lanes) {
        *out = lane.to_f64();
    }
}

/// Adds the lanes of registers to totals.
#[inline(always)]
pub(super) fn add_lanes<T: Real, S: Simd>(registers: &[T::Vector<S>], totals: &mut [f64]) {
    let mut lanes = [T::from_f64(0.0); MAX_PANEL_ROWS];
    T::registers_mut::<S>(&mut lanes).0[..registers.len()].copy_from_slice(registers);
    for (total, lane) in totals.iter_mut().zip(&lanes) {
        *total += lane.to_f64();
    }
}
