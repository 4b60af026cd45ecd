//! Distances and moments for diagonal covariances, tile by tile.
//!
//! A tile of the rows stays in the L1 cache while every component processes its own rows, with its
//! parameters or its sums in registers.

use super::tiles::{Aligned, TILE_REGISTERS, Tile, TiledRows, padded};
use crate::Real;
use pulp::{Arch, Simd, WithSimd};

/// For each component, the rows of a block to process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lists<'a> {
    /// Rows of all lists.
    pub(crate) rows: &'a [u32],
    /// Start and end of each component's list in `rows`.
    pub(crate) spans: &'a [(usize, usize)],
}

impl Lists<'_> {
    /// Total number of rows in all lists.
    fn n_pairs(&self) -> usize {
        self.spans.iter().map(|(first, end)| end - first).sum()
    }
}

/// Parameters of the distances of all components: `1/σ` and `(c - μ)/σ`, `[K, padded D]`.
#[derive(Clone, Debug)]
pub(crate) struct Scales<T> {
    scales: Aligned<T>,
    shifts: Aligned<T>,
}

impl<T: Real> Scales<T> {
    /// From `[K, D]` values each.
    pub(crate) fn new(scales: &[f64], shifts: &[f64], d: usize) -> Self {
        let mut own = Self { scales: Aligned::new(), shifts: Aligned::new() };
        spread(scales, d, &mut own.scales);
        spread(shifts, d, &mut own.shifts);
        own
    }
}

/// Writes rows of `d` values as rows of [`padded`] values, rounded and padded with zeros.
pub(crate) fn spread<T: Real>(values: &[f64], d: usize, out: &mut Aligned<T>) {
    let width = padded::<T>(d);
    out.resize(values.len() / d * width);
    for (out, values) in out.as_mut_slice().chunks_mut(width).zip(values.chunks(d)) {
        let (own, rest) = out.split_at_mut(d);
        own.iter_mut().zip(values).for_each(|(out, value)| *out = T::from_f64(*value));
        rest.fill(T::from_f64(0.0));
    }
}

/// Writes `Σ_j (y_j s_j + t_j)²` for every component and each of its rows to the position of the
/// row in the lists.
///
/// With `y = x - c`, `s = 1/σ` and `t = (c - μ)/σ`, these are squared distances in standard
/// deviations. A row's result does not depend on what else is listed. `partial` is scratch space.
pub(crate) fn listed_distances<T: Real>(
    block: &TiledRows<T>,
    lists: Lists<'_>,
    own: &Scales<T>,
    partial: &mut Aligned<T>,
    out: &mut [f64],
) {
    Arch::new().dispatch(Distances { block, lists, own, partial, out });
}

struct Distances<'a, T> {
    block: &'a TiledRows<T>,
    lists: Lists<'a>,
    own: &'a Scales<T>,
    partial: &'a mut Aligned<T>,
    out: &'a mut [f64],
}

impl<T: Real> WithSimd for Distances<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { block, lists, own, partial, out } = self;
        let n_pairs = lists.n_pairs();
        if n_pairs == 0 {
            return;
        }
        partial.resize(n_pairs * T::lanes::<S>());
        let sums = T::registers_mut::<S>(partial.as_mut_slice()).0;
        let n_tiles = block.tiles::<S>().count();
        for (index, tile) in block.tiles::<S>().enumerate() {
            let mut to = Totals { sums, out, is_first: index == 0, is_last: index + 1 == n_tiles };
            match tile.values.len() / block.n_rows() {
                1 => add_distances::<T, S, 1>(simd, &tile, lists, own, &mut to),
                2 => add_distances::<T, S, 2>(simd, &tile, lists, own, &mut to),
                3 => add_distances::<T, S, 3>(simd, &tile, lists, own, &mut to),
                _ => add_distances::<T, S, TILE_REGISTERS>(simd, &tile, lists, own, &mut to),
            }
        }
    }
}

/// The sums of the distances of all pairs, accumulated over the tiles.
struct Totals<'a, V> {
    /// The sums of each pair, lane by lane; the first tile overwrites them.
    sums: &'a mut [V],
    /// The distances, completed by the last tile, at the positions of the lists.
    out: &'a mut [f64],
    is_first: bool,
    is_last: bool,
}

/// `G` registers of the component's padded values, starting at the position of the tile.
#[inline(always)]
fn at_tile<V: Copy, const G: usize>(
    values: &[V],
    width: usize,
    component: usize,
    at: usize,
) -> [V; G] {
    let own = &values[component * width + at..][..G];
    std::array::from_fn(|g| own[g])
}

/// Adds the contributions of the `G` registers of a tile to each pair's distance, lane by lane.
#[inline(always)]
fn add_distances<T: Real, S: Simd, const G: usize>(
    simd: S,
    tile: &Tile<'_, T::Vector<S>>,
    lists: Lists<'_>,
    own: &Scales<T>,
    to: &mut Totals<'_, T::Vector<S>>,
) {
    let (rows, _) = tile.values.as_chunks::<G>();
    let scales = T::registers::<S>(own.scales.as_slice()).0;
    let shifts = T::registers::<S>(own.shifts.as_slice()).0;
    let width = scales.len() / lists.spans.len();
    let zero = T::splat(simd, T::from_f64(0.0));
    let (is_first, is_last) = (to.is_first, to.is_last);
    let mut sums = to.sums.iter_mut();
    for (k, (first, end)) in lists.spans.iter().enumerate() {
        let s: [_; G] = at_tile(scales, width, k, tile.first);
        let t: [_; G] = at_tile(shifts, width, k, tile.first);
        let pairs = lists.rows[*first..*end].iter().zip(&mut to.out[*first..*end]);
        for ((row, out), sum) in pairs.zip(&mut sums) {
            let y = &rows[*row as usize];
            let mut total = if is_first { zero } else { *sum };
            for g in 0..G {
                let z = T::mul_add(simd, y[g], s[g], t[g]);
                total = T::mul_add(simd, z, z, total);
            }
            if is_last {
                *out = T::sum_lanes(simd, total).to_f64();
            } else {
                *sum = total;
            }
        }
    }
}

/// Sums of moments of all components in the samples' type, before they are widened;
/// `[K, padded D]`.
#[derive(Debug)]
pub(crate) struct MomentSums<T> {
    first: Aligned<T>,
    second: Aligned<T>,
    d: usize,
}

impl<T: Real> MomentSums<T> {
    pub(crate) fn new(n_components: usize, d: usize) -> Self {
        let mut own = Self { first: Aligned::new(), second: Aligned::new(), d };
        own.first.resize(n_components * padded::<T>(d));
        own.second.resize(n_components * padded::<T>(d));
        own.clear();
        own
    }

    pub(crate) fn clear(&mut self) {
        for sums in [&mut self.first, &mut self.second] {
            sums.as_mut_slice().fill(T::from_f64(0.0));
        }
    }

    /// Adds the sums of one component to totals.
    pub(crate) fn add_to(&self, component: usize, first: &mut [f64], second: &mut [f64]) {
        let at = component * padded::<T>(self.d);
        for (totals, sums) in [(first, &self.first), (second, &self.second)] {
            for (total, sum) in totals.iter_mut().zip(&sums.as_slice()[at..at + self.d]) {
                *total += sum.to_f64();
            }
        }
    }
}

/// Adds `Σ r (y - m)` and `Σ r (y - m)²` over each component's rows to `sums`, feature by feature.
///
/// `responsibilities` are at the positions of their rows in the lists; `centers` are `m`,
/// `[K, padded D]`.
pub(crate) fn add_moments<T: Real>(
    block: &TiledRows<T>,
    lists: Lists<'_>,
    responsibilities: &[T],
    centers: &Aligned<T>,
    sums: &mut MomentSums<T>,
) {
    Arch::new().dispatch(AddMoments { block, lists, responsibilities, centers, sums });
}

struct AddMoments<'a, T> {
    block: &'a TiledRows<T>,
    lists: Lists<'a>,
    responsibilities: &'a [T],
    centers: &'a Aligned<T>,
    sums: &'a mut MomentSums<T>,
}

impl<T: Real> WithSimd for AddMoments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for tile in self.block.tiles::<S>() {
            match tile.values.len() / self.block.n_rows() {
                1 => self.add_tile::<S, 1>(simd, &tile),
                2 => self.add_tile::<S, 2>(simd, &tile),
                3 => self.add_tile::<S, 3>(simd, &tile),
                _ => self.add_tile::<S, TILE_REGISTERS>(simd, &tile),
            }
        }
    }
}

impl<T: Real> AddMoments<'_, T> {
    /// Adds the moments of the `G` features' registers of a tile.
    #[inline(always)]
    fn add_tile<S: Simd, const G: usize>(&mut self, simd: S, tile: &Tile<'_, T::Vector<S>>) {
        let (rows, _) = tile.values.as_chunks::<G>();
        let centers = T::registers::<S>(self.centers.as_slice()).0;
        let firsts = T::registers_mut::<S>(self.sums.first.as_mut_slice()).0;
        let seconds = T::registers_mut::<S>(self.sums.second.as_mut_slice()).0;
        let width = centers.len() / self.lists.spans.len();
        for (k, (start, end)) in self.lists.spans.iter().enumerate() {
            if start == end {
                continue;
            }
            let m: [_; G] = at_tile(centers, width, k, tile.first);
            let mut first = [T::splat(simd, T::from_f64(0.0)); G];
            let mut second = first;
            let listed = self.lists.rows[*start..*end].iter();
            for (row, r) in listed.zip(&self.responsibilities[*start..*end]) {
                let (y, r) = (&rows[*row as usize], T::splat(simd, *r));
                for g in 0..G {
                    let z = T::sub_each(simd, y[g], m[g]);
                    let rz = T::mul_each(simd, r, z);
                    first[g] = T::add_each(simd, first[g], rz);
                    second[g] = T::mul_add(simd, rz, z, second[g]);
                }
            }
            let at = k * width + tile.first;
            for g in 0..G {
                firsts[at + g] = T::add_each(simd, firsts[at + g], first[g]);
                seconds[at + g] = T::add_each(simd, seconds[at + g], second[g]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number between -1 and 1 that depends on the position.
    fn value(at: usize) -> f64 {
        (at as f64 * 12.9898).sin()
    }

    /// Whether two numbers agree to a few rounding errors of `T` for terms of magnitude 1.
    fn close<T>(found: f64, wanted: f64) -> bool {
        let rounding = if size_of::<T>() == 4 { 1e-5 } else { 1e-13 };
        (found - wanted).abs() <= rounding * (1.0 + wanted.abs())
    }

    /// Distances and moments compared with plain sums, for `n` rows of `d` features and three
    /// components with different rows.
    fn agrees<T: Real>(n: usize, d: usize) {
        let rows: Vec<T> = (0..n * d).map(|at| T::from_f64(value(at))).collect();
        let point: Vec<T> = (0..d).map(|j| T::from_f64(value(j + 7))).collect();
        let mut block = TiledRows::new();
        block.pack(&vec![T::from_f64(9.0); (n + 3) * d], &point);
        block.pack(&rows, &point);
        let (scales, shifts): (Vec<f64>, Vec<f64>) =
            (0..3 * d).map(|at| (1.0 + 0.5 * value(at + 3), value(at + 5))).unzip();
        let all: Vec<u32> = (0_u32..).take(n).collect();
        let listed = [&all[..], &[], &all[n / 2..]].concat();
        let spans = [(0, n), (n, n), (n, listed.len())];
        let lists = Lists { rows: &listed, spans: &spans };
        let mut out = vec![0.0; listed.len()];
        let own = Scales::new(&scales, &shifts, d);
        listed_distances(&block, lists, &own, &mut Aligned::new(), &mut out);
        let weights: Vec<T> = (0..listed.len()).map(|i| T::from_f64(value(i).abs())).collect();
        let mut centers = Aligned::new();
        spread(&shifts, d, &mut centers);
        let mut sums = MomentSums::new(3, d);
        add_moments(&block, lists, &weights, &centers, &mut sums);
        for (k, (start, end)) in spans.iter().enumerate() {
            let (mut first, mut second) = (vec![0.0; d], vec![0.0; d]);
            let (mut found_first, mut found_second) = (first.clone(), first.clone());
            for at in *start..*end {
                let mut distance = 0.0;
                for j in 0..d {
                    let y = rows[listed[at] as usize * d + j].to_f64() - point[j].to_f64();
                    distance += (y * scales[k * d + j] + shifts[k * d + j]).powi(2);
                    let (z, r) = (y - shifts[k * d + j], weights[at].to_f64());
                    first[j] += r * z;
                    second[j] += r * z * z;
                }
                assert!(close::<T>(out[at], distance), "{} {distance}, {n} x {d}", out[at]);
            }
            sums.add_to(k, &mut found_first, &mut found_second);
            for (found, wanted) in
                found_first.iter().chain(&found_second).zip(first.iter().chain(&second))
            {
                assert!(close::<T>(*found, *wanted), "{found} {wanted}, {n} x {d}");
            }
        }
    }

    #[test]
    fn tiles_of_every_width_give_the_plain_sums() {
        for d in [1, 2, 4, 5, 8, 11, 15, 16, 17, 29, 32, 37, 64, 70] {
            for n in [1, 2, 9, 64] {
                agrees::<f64>(n, d);
                agrees::<f32>(n, d);
            }
        }
    }
}
