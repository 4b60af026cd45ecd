//! Panels: a few registers of rows, transposed so that rows lie across lanes.

use crate::Real;
use pulp::Simd;

/// Most rows that a panel may have: four registers of sixteen lanes.
pub(crate) const MAX_PANEL_ROWS: usize = 64;

/// Transposes up to `width` rows of `d` values into `panel` (`[d][width]`), less `center`; absent rows become zeros.
#[inline(always)]
pub(super) fn pack<T: Real>(rows: &[T], center: &[T], width: usize, panel: &mut [T]) {
    let d = center.len();
    let n_rows = rows.len() / d;
    if n_rows < width {
        panel[..d * width].fill(T::from_f64(0.0));
    }
    // Eight rows at a time, so that a cache line of the panel is filled while it is at hand.
    for (group, rows) in rows.chunks(8 * d).enumerate() {
        if rows.len() == 8 * d {
            let (r0, rest) = rows.split_at(d);
            let (r1, rest) = rest.split_at(d);
            let (r2, rest) = rest.split_at(d);
            let (r3, rest) = rest.split_at(d);
            let (r4, rest) = rest.split_at(d);
            let (r5, rest) = rest.split_at(d);
            let (r6, r7) = rest.split_at(d);
            for (j, (column, c)) in panel.chunks_exact_mut(width).zip(center).enumerate() {
                let column = &mut column[group * 8..group * 8 + 8];
                let values = [r0[j], r1[j], r2[j], r3[j], r4[j], r5[j], r6[j], r7[j]];
                for (out, value) in column.iter_mut().zip(values) {
                    *out = value - *c;
                }
            }
        } else {
            for (i, row) in rows.chunks_exact(d).enumerate() {
                for ((column, x), c) in panel.chunks_exact_mut(width).zip(row).zip(center) {
                    column[group * 8 + i] = *x - *c;
                }
            }
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
pub(super) fn unload<T: Real, S: Simd, const G: usize>(
    simd: S,
    sums: [T::Vector<S>; G],
    out: &mut [f64],
) {
    let mut lanes = [T::from_f64(0.0); MAX_PANEL_ROWS];
    let (registers, _) = T::registers_mut::<S>(&mut lanes);
    registers[..G].copy_from_slice(&sums);
    let _ = simd;
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
