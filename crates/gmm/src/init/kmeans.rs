//! k-means with k-means++ centers (Arthur & Vassilvitskii 2007; Lloyd 1982) on weighted points.

use super::view::View;
use crate::parallel::grain;
use crate::{Real, Samples, linalg};
use rand::{Rng, RngExt};
use rayon::prelude::*;

/// Maximum number of Lloyd iterations; EM does the rest.
pub(crate) const MAX_ITER: usize = 50;
/// Lloyd iterations end when the inertia falls by less than this fraction.
const TOLERANCE: f64 = 1e-4;
/// Number of rows per task.
const TASK_ROWS: usize = 256;
/// Number of rows that one task of a pass over all samples sums.
const GROUP_ROWS: usize = 64 * TASK_ROWS;
/// From this number of features, distances come from a matrix product, which is then faster than
/// differences.
const PRODUCT_FEATURES: usize = 6;
/// Maximum number of rows from which k-means++ selects centers, or this many per center if that is
/// more.
const SEED_ROWS: usize = 4096;
const SEED_ROWS_PER_CENTER: usize = 64;

/// Weighted rows in the coordinates of a [`View`], centered on zero.
#[derive(Debug)]
pub(crate) struct Points {
    rows: Vec<f64>,
    weights: Vec<f64>,
    d: usize,
}

/// The result of one k-means.
#[derive(Debug)]
pub(crate) struct Clusters {
    /// Cluster of each row.
    pub(crate) labels: Vec<u32>,
    /// Their centers, `[K, D]`, in the coordinates of the points.
    pub(crate) centers: Vec<f64>,
    /// Weighted sum of squared distances.
    pub(crate) inertia: f64,
}

/// A row's nearest center and the squared distance to it.
type Nearest = (u32, f64);

impl Points {
    /// `rows` (`[n, D]`) in the coordinates of `view`.
    pub(crate) fn new(rows: &[f64], weights: &[f64], view: &View) -> Self {
        let d = view.n_features();
        Self { rows: view.apply(rows), weights: weights.to_vec(), d }
    }

    /// Some of the rows.
    pub(crate) fn subset(&self, rows: &[usize]) -> Self {
        Self {
            rows: rows.iter().flat_map(|row| self.row(*row)).copied().collect(),
            weights: rows.iter().map(|row| self.weights[*row]).collect(),
            d: self.d,
        }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.weights.len()
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.rows[row * self.d..(row + 1) * self.d]
    }

    /// Rows selected as centers: each with probability proportional to its weighted squared
    /// distance from the nearest center so far, taking the best of a few candidates each time.
    pub(crate) fn plus_plus<R: Rng + ?Sized>(&self, k: usize, rng: &mut R) -> Vec<usize> {
        // Rows are in random order, so the first ones are a sample.
        let n_pool = self.n_rows().min(SEED_ROWS.max(SEED_ROWS_PER_CENTER * k));
        let weights = &self.weights[..n_pool];
        let norms: Vec<f64> = self.rows.chunks(self.d).take(n_pool).map(squared_norm).collect();
        let n_candidates = 2 + k.ilog2() as usize;
        let first = pick(weights, rng.random::<f64>() * weights.iter().sum::<f64>());
        let mut chosen = vec![first];
        let mut nearest = vec![0.0; n_pool];
        self.distances_from(&chosen, &norms, &mut nearest);
        let mut distances = vec![0.0; n_candidates * n_pool];
        while chosen.len() < k {
            let potentials: Vec<f64> = nearest.iter().zip(weights).map(|(d, w)| d * w).collect();
            let total: f64 = potentials.iter().sum();
            let candidates: Vec<usize> = (0..n_candidates)
                .map(|_| {
                    if total > 0.0 && total.is_finite() {
                        pick(&potentials, rng.random::<f64>() * total)
                    } else {
                        rng.random_range(0..n_pool)
                    }
                })
                .collect();
            self.distances_from(&candidates, &norms, &mut distances);
            let left = |own: &[f64]| -> f64 {
                let pairs = own.iter().zip(&nearest).zip(weights);
                pairs.map(|((own, nearest), w)| own.min(*nearest) * w).sum()
            };
            let tried = distances.chunks(n_pool).zip(candidates).map(|own| (left(own.0), own));
            let best = tried.reduce(|best, tried| if tried.0 < best.0 { tried } else { best });
            if let Some((_, (own, candidate))) = best {
                chosen.push(candidate);
                for (nearest, own) in nearest.iter_mut().zip(own) {
                    *nearest = nearest.min(*own);
                }
            }
        }
        chosen
    }

    /// Squared distances of the first rows, whose squared lengths are `norms`, from each of some of
    /// these rows, `[chosen, rows]`.
    fn distances_from(&self, chosen: &[usize], norms: &[f64], out: &mut [f64]) {
        let (n, d) = (norms.len(), self.d);
        let rows = &self.rows[..n * d];
        if d >= PRODUCT_FEATURES {
            let centers: Vec<f64> = chosen.iter().flat_map(|row| self.row(*row)).copied().collect();
            linalg::times_transposed(out, &centers, rows, d);
        }
        for (own, center) in out.chunks_mut(n).zip(chosen) {
            if d >= PRODUCT_FEATURES {
                for (own, norm) in own.iter_mut().zip(norms) {
                    *own = (norm + norms[*center] - 2.0 * *own).max(0.0);
                }
                own[*center] = 0.0;
            } else {
                for (own, row) in own.iter_mut().zip(rows.chunks(d)) {
                    *own = squared_distance(row, self.row(*center));
                }
            }
        }
    }

    /// Lloyd iterations with rows as initial centers; assigns at least once.
    pub(crate) fn lloyd(&self, seeds: &[usize], max_iter: usize) -> Clusters {
        let (k, d) = (seeds.len(), self.d);
        let mut centers: Vec<f64> = seeds.iter().flat_map(|row| self.row(*row)).copied().collect();
        let mut labels = vec![u32::MAX; self.n_rows()];
        let mut inertia = f64::INFINITY;
        for iteration in 0..=max_iter {
            let nearest = self.assign(&centers);
            let changed = nearest.iter().zip(&labels).any(|((label, _), before)| label != before);
            for (label, (nearest, _)) in labels.iter_mut().zip(&nearest) {
                *label = *nearest;
            }
            let before = inertia;
            inertia = nearest.iter().zip(&self.weights).map(|((_, d), w)| d * w).sum();
            self.refill_empty(&mut labels, &nearest, k);
            if iteration == max_iter || !changed || inertia >= before * (1.0 - TOLERANCE) {
                break;
            }
            centers = cluster_means(&self.rows, &self.weights, &labels, &centers, d);
        }
        Clusters { labels, centers, inertia }
    }

    /// Nearest center of each row and the squared distance to it.
    fn assign(&self, centers: &[f64]) -> Vec<Nearest> {
        let centers = Centers::new(centers, self.d);
        let mut all = vec![(0, f64::INFINITY); self.n_rows()];
        let tasks = all.par_chunks_mut(TASK_ROWS).zip(self.rows.par_chunks(TASK_ROWS * self.d));
        let tasks = tasks.with_min_len(grain(2 * TASK_ROWS * centers.values.len()));
        tasks.for_each_init(Vec::new, |products, (nearest, rows)| {
            centers.nearest(rows, nearest, products);
        });
        all
    }

    /// Gives each empty cluster the row farthest from its own center.
    fn refill_empty(&self, labels: &mut [u32], nearest: &[Nearest], k: usize) {
        let mut sizes = vec![0_usize; k];
        for (label, weight) in labels.iter().zip(&self.weights) {
            sizes[*label as usize] += usize::from(*weight > 0.0);
        }
        if sizes.iter().all(|size| *size > 0) {
            return;
        }
        let mut by_distance: Vec<usize> =
            (0..labels.len()).filter(|row| self.weights[*row] > 0.0).collect();
        by_distance.sort_by(|a, b| nearest[*b].1.total_cmp(&nearest[*a].1));
        let mut farthest = by_distance.into_iter();
        for (empty, label) in (0..k).zip(0_u32..) {
            if sizes[empty] == 0
                && let Some(row) = farthest.find(|row| sizes[labels[*row] as usize] > 1)
            {
                sizes[labels[row] as usize] -= 1;
                sizes[empty] = 1;
                labels[row] = label;
            }
        }
    }
}

/// Centers, with precomputed values for distances from many rows.
struct Centers<'a> {
    values: &'a [f64],
    half_norms: Vec<f64>,
    d: usize,
}

impl<'a> Centers<'a> {
    fn new(values: &'a [f64], d: usize) -> Self {
        let half_norm = |c: &[f64]| 0.5 * squared_norm(c);
        Self { values, half_norms: values.chunks(d).map(half_norm).collect(), d }
    }

    /// The nearest center of each row, and the squared distance to it.
    fn nearest(&self, rows: &[f64], nearest: &mut [Nearest], products: &mut Vec<f64>) {
        let (d, k) = (self.d, self.half_norms.len());
        if d < PRODUCT_FEATURES {
            for (nearest, row) in nearest.iter_mut().zip(rows.chunks(d)) {
                *nearest = (0, f64::INFINITY);
                for (label, center) in (0_u32..).zip(self.values.chunks(d)) {
                    let distance = squared_distance(row, center);
                    if distance < nearest.1 {
                        *nearest = (label, distance);
                    }
                }
            }
            return;
        }
        products.resize(nearest.len() * k, 0.0);
        linalg::times_transposed(products, rows, self.values, d);
        let rows = rows.chunks(d).zip(products.chunks(k));
        for (nearest, (row, products)) in nearest.iter_mut().zip(rows) {
            let mut least = (0, f64::INFINITY);
            for (label, (product, half)) in (0_u32..).zip(products.iter().zip(&self.half_norms)) {
                let value = half - product;
                if value < least.1 {
                    least = (label, value);
                }
            }
            // |x - c|² = |x|² + 2 (½ |c|² - x · c).
            let norm = squared_norm(row);
            *nearest = (least.0, (norm + 2.0 * least.1).max(0.0));
        }
    }
}

/// Sums over the rows of some tasks.
struct Sums {
    rows: Vec<f64>,
    weights: Vec<f64>,
    inertia: f64,
}

/// Lloyd iterations over all samples in the coordinates of `view`, from `centers`; returns the
/// cluster of each row.
///
/// Rows are mapped again in each pass, so that of the arrays as long as the samples only the labels
/// are kept.
pub(crate) fn lloyd_over_all<T: Real>(
    samples: &Samples<'_, T>,
    view: &View,
    mut centers: Vec<f64>,
    max_iter: usize,
) -> Vec<u32> {
    let d = samples.n_features();
    let mut labels = vec![0_u32; samples.n_samples()];
    let mut before = f64::INFINITY;
    for iteration in 0..=max_iter {
        let own = Centers::new(&centers, d);
        let groups = labels.par_chunks_mut(GROUP_ROWS);
        let groups = groups.zip(samples.data().par_chunks(GROUP_ROWS * d)).enumerate();
        let sums = groups.map(|(group, (labels, rows))| {
            let mut sums = Sums {
                rows: vec![0.0; own.values.len()],
                weights: vec![0.0; own.half_norms.len()],
                inertia: 0.0,
            };
            let mut nearest = vec![(0, f64::INFINITY); TASK_ROWS];
            let (mut products, mut wide) = (Vec::new(), Vec::new());
            let mut at = group * GROUP_ROWS;
            for (labels, rows) in labels.chunks_mut(TASK_ROWS).zip(rows.chunks(TASK_ROWS * d)) {
                wide.clear();
                wide.extend(rows.iter().map(|x| x.to_f64()));
                let rows = view.apply(&wide);
                let nearest = &mut nearest[..labels.len()];
                own.nearest(&rows, nearest, &mut products);
                for ((label, (own, distance)), row) in
                    labels.iter_mut().zip(nearest.iter()).zip(rows.chunks(d))
                {
                    *label = *own;
                    let (weight, k) = (samples.weight(at), *own as usize);
                    sums.inertia += weight * distance;
                    sums.weights[k] += weight;
                    let total = &mut sums.rows[k * d..(k + 1) * d];
                    total.iter_mut().zip(row).for_each(|(total, x)| *total += weight * x);
                    at += 1;
                }
            }
            sums
        });
        // Group by group, in order.
        let sums: Vec<Sums> = sums.collect();
        let inertia: f64 = sums.iter().map(|s| s.inertia).sum();
        if iteration == max_iter || inertia >= before * (1.0 - TOLERANCE) {
            break;
        }
        before = inertia;
        for (k, center) in centers.chunks_mut(d).enumerate() {
            let weight: f64 = sums.iter().map(|s| s.weights[k]).sum();
            // An empty cluster keeps its center.
            if weight > 0.0 {
                for (j, center) in center.iter_mut().enumerate() {
                    *center = sums.iter().map(|s| s.rows[k * d + j]).sum::<f64>() / weight;
                }
            }
        }
    }
    labels
}

/// Index at which the running sum of `weights` exceeds `target`.
pub(super) fn pick(weights: &[f64], target: f64) -> usize {
    let mut left = target;
    for (index, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    weights.iter().rposition(|w| *w > 0.0).unwrap_or(0)
}

/// Weighted mean of each cluster's rows, summed in order; an empty cluster keeps its center.
pub(crate) fn cluster_means(
    rows: &[f64],
    weights: &[f64],
    labels: &[u32],
    before: &[f64],
    d: usize,
) -> Vec<f64> {
    // A fixed number of parts, so that the sums do not depend on the number of threads.
    let part = (rows.len() / d).div_ceil(16).max(TASK_ROWS);
    let parts =
        rows.par_chunks(part * d).zip(labels.par_chunks(part)).zip(weights.par_chunks(part));
    let parts = parts.with_min_len(grain(2 * part * d));
    let parts: Vec<(Vec<f64>, Vec<f64>)> = parts
        .map(|((rows, labels), weights)| {
            let mut sums = vec![0.0; before.len()];
            let mut sizes = vec![0.0; before.len() / d];
            for ((row, label), weight) in rows.chunks(d).zip(labels).zip(weights) {
                let label = *label as usize;
                sizes[label] += weight;
                let sums = &mut sums[label * d..(label + 1) * d];
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
            }
            (sums, sizes)
        })
        .collect();
    let zero = (vec![0.0; before.len()], vec![0.0; before.len() / d]);
    let (mut means, sizes) = parts.into_iter().fold(zero, |mut total, part| {
        total.0.iter_mut().zip(part.0).for_each(|(total, sum)| *total += sum);
        total.1.iter_mut().zip(part.1).for_each(|(total, size)| *total += size);
        total
    });
    for ((mean, before), size) in means.chunks_mut(d).zip(before.chunks(d)).zip(sizes) {
        if size > 0.0 {
            mean.iter_mut().for_each(|sum| *sum /= size);
        } else {
            mean.copy_from_slice(before);
        }
    }
    means
}

/// `|a - b|²`, in eight independent sums that the compiler can vectorize.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - b) * (a - b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f64>() + rest
}

/// `|a|²`, in the same way.
fn squared_norm(a: &[f64]) -> f64 {
    let (a, rest) = a.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for a in a {
        for (sum, a) in sums.iter_mut().zip(a) {
            *sum += a * a;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|a| a * a).sum::<f64>()
}
