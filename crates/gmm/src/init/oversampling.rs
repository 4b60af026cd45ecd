//! k-means‖: centers drawn from all rows in a few passes (Bahmani et al., *Scalable K-Means++*,
//! 2012), then Lloyd's iterations over all rows.
//!
//! Each of [`ROUNDS`] passes selects every row as a candidate with a probability proportional to
//! its squared distance from the candidates so far, [`OVERSAMPLING`] `K` of them on average.
//! Candidates are weighted by the rows nearest to them, and k-means++ selects `K` of them. A subset
//! of the rows would miss very small clusters.

use super::kmeans::{pick, squared_distance};
use crate::streams::unnamed;
use crate::{Real, Samples, linalg};
use rand::{Rng, RngExt};
use rayon::prelude::*;

/// Number of passes that draw candidates; the paper needed at most 5.
const ROUNDS: u32 = 5;
/// Average number of candidates that a pass draws, in units of `K`.
const OVERSAMPLING: f64 = 2.0;
/// Maximum number of Lloyd iterations; EM does the rest.
const MAX_ITER: usize = 10;
/// Lloyd iterations end when the inertia falls by less than this fraction.
const TOLERANCE: f64 = 1e-4;
/// Number of rows that one task whitens and compares.
const TASK_ROWS: usize = 256;

/// All samples, whitened again in every pass; the only array of this length is the nearest center
/// of each row.
struct Whitened<'a, T> {
    samples: &'a Samples<'a, T>,
    /// `L⁻¹` of the metric `L Lᵀ`, `[D, D]`.
    inverse: Vec<f64>,
}

/// A row's nearest center and the squared distance to it.
#[derive(Clone, Copy)]
struct Nearest {
    center: u32,
    distance: f64,
}

/// Sums of the rows of each cluster.
struct Clusters {
    sums: Vec<f64>,
    weights: Vec<f64>,
    inertia: f64,
}

impl<T: Real> Whitened<'_, T> {
    fn d(&self) -> usize {
        self.samples.n_features()
    }

    /// Whitens the rows `first..` of a task.
    fn task(&self, first: usize, n_rows: usize) -> Vec<f64> {
        let d = self.d();
        let rows = &self.samples.data()[first * d..(first + n_rows) * d];
        let wide: Vec<f64> = rows.iter().map(|x| x.to_f64()).collect();
        let mut whitened = vec![0.0; wide.len()];
        linalg::times_lower_transposed(&mut whitened, &wide, &self.inverse, d);
        whitened
    }

    /// Updates each row's distance if one of `centers` (`[n, D]`, numbered from `first_center`) is
    /// nearer.
    fn lower(&self, nearest: &mut [Nearest], centers: &[f64], first_center: usize) {
        let d = self.d();
        nearest.par_chunks_mut(TASK_ROWS).enumerate().for_each(|(task, nearest)| {
            let rows = self.task(task * TASK_ROWS, nearest.len());
            for (row, nearest) in rows.chunks(d).zip(nearest) {
                for (center, values) in (first_center..).zip(centers.chunks(d)) {
                    let distance = squared_distance(row, values);
                    if distance < nearest.distance {
                        *nearest = Nearest { center: center as u32, distance };
                    }
                }
            }
        });
    }

    /// Sum of the weighted distances of all rows.
    fn potential(&self, nearest: &[Nearest]) -> f64 {
        let weighted =
            nearest.iter().enumerate().map(|(row, n)| self.samples.weight(row) * n.distance);
        weighted.sum()
    }

    /// The whitened rows that one pass draws; each task draws from a separate stream.
    fn draw(&self, nearest: &[Nearest], expected: f64, seed: u64, round: u32) -> Vec<f64> {
        let d = self.d();
        let potential = self.potential(nearest);
        if potential <= 0.0 || !potential.is_finite() {
            return Vec::new();
        }
        let tasks = nearest.par_chunks(TASK_ROWS).enumerate().map(|(task, nearest)| {
            let mut rng = unnamed(seed, round, task as u64);
            let first = task * TASK_ROWS;
            let mut drawn = Vec::new();
            let mut rows = None;
            for (i, near) in nearest.iter().enumerate() {
                let share = self.samples.weight(first + i) * near.distance / potential;
                if rng.random::<f64>() < expected * share {
                    let rows = rows.get_or_insert_with(|| self.task(first, nearest.len()));
                    drawn.extend_from_slice(&rows[i * d..(i + 1) * d]);
                }
            }
            drawn
        });
        // Task by task, in order.
        tasks.collect::<Vec<_>>().concat()
    }

    /// Assigns every row to the nearest center and sums the rows of each cluster, tasks in order.
    fn assign(&self, centers: &[f64]) -> Clusters {
        let d = self.d();
        let k = centers.len() / d;
        let n = self.samples.n_samples();
        let group = TASK_ROWS * 64;
        let groups = (0..n.div_ceil(group)).into_par_iter().map(|at| {
            let mut clusters =
                Clusters { sums: vec![0.0; k * d], weights: vec![0.0; k], inertia: 0.0 };
            let end = ((at + 1) * group).min(n);
            for first in (at * group..end).step_by(TASK_ROWS) {
                let n_rows = TASK_ROWS.min(end - first);
                for (i, row) in self.task(first, n_rows).chunks(d).enumerate() {
                    let weight = self.samples.weight(first + i);
                    let mut best = (0, f64::INFINITY);
                    for (center, values) in centers.chunks(d).enumerate() {
                        let distance = squared_distance(row, values);
                        if distance < best.1 {
                            best = (center, distance);
                        }
                    }
                    clusters.inertia += weight * best.1;
                    clusters.weights[best.0] += weight;
                    let sums = &mut clusters.sums[best.0 * d..(best.0 + 1) * d];
                    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
                }
            }
            clusters
        });
        let parts: Vec<Clusters> = groups.collect();
        let zero = Clusters { sums: vec![0.0; k * d], weights: vec![0.0; k], inertia: 0.0 };
        parts.into_iter().fold(zero, |mut total, part| {
            total.sums.iter_mut().zip(part.sums).for_each(|(a, b)| *a += b);
            total.weights.iter_mut().zip(part.weights).for_each(|(a, b)| *a += b);
            total.inertia += part.inertia;
            total
        })
    }
}

/// Means, `[K, D]` in the data's own coordinates, of `k` clusters of all samples with the
/// Mahalanobis distance of `metric`; `None` if it is not positive definite.
pub(crate) fn centers<T: Real, R: Rng + ?Sized>(
    samples: &Samples<'_, T>,
    metric: &[f64],
    k: usize,
    rng: &mut R,
) -> Option<Vec<f64>> {
    let (n, d) = (samples.n_samples(), samples.n_features());
    let factor = linalg::cholesky(metric, d).ok()?;
    let whitened = Whitened { samples, inverse: linalg::invert_lower(&factor, d) };
    let (candidates, weights) = candidates(&whitened, k, rng);
    let mut centers = choose(&candidates, &weights, d, k, rng);
    // Fewer distinct rows than centers: fill up with arbitrary rows.
    while centers.len() < k * d {
        centers.extend(whitened.task(rng.random_range(0..n), 1));
    }
    let mut inertia = f64::INFINITY;
    for _ in 0..MAX_ITER {
        let clusters = whitened.assign(&centers);
        let means = clusters.sums.chunks(d).zip(&clusters.weights);
        for (center, (sum, weight)) in centers.chunks_mut(d).zip(means) {
            // An empty cluster keeps its center.
            if *weight > 0.0 {
                center.iter_mut().zip(sum).for_each(|(center, sum)| *center = sum / weight);
            }
        }
        if clusters.inertia >= inertia * (1.0 - TOLERANCE) {
            break;
        }
        inertia = clusters.inertia;
    }
    // x = L z.
    let mut own = vec![0.0; centers.len()];
    for (own, center) in own.chunks_mut(d).zip(centers.chunks(d)) {
        for (i, own) in own.iter_mut().enumerate() {
            *own = factor[i * d..=i * d + i].iter().zip(center).map(|(l, z)| l * z).sum();
        }
    }
    Some(own)
}

/// Candidates (`[m, D]`, whitened) with the total weight of the rows nearest to each.
fn candidates<T: Real, R: Rng + ?Sized>(
    whitened: &Whitened<'_, T>,
    k: usize,
    rng: &mut R,
) -> (Vec<f64>, Vec<f64>) {
    let (n, d) = (whitened.samples.n_samples(), whitened.d());
    let seed = rng.random();
    let all: Vec<f64> = (0..n).map(|row| whitened.samples.weight(row)).collect();
    let first = pick(&all, rng.random::<f64>() * whitened.samples.total_weight());
    let mut candidates = whitened.task(first, 1);
    let mut nearest = vec![Nearest { center: 0, distance: f64::INFINITY }; n];
    whitened.lower(&mut nearest, &candidates, 0);
    for round in 0..ROUNDS {
        let drawn = whitened.draw(&nearest, OVERSAMPLING * k as f64, seed, round);
        whitened.lower(&mut nearest, &drawn, candidates.len() / d);
        candidates.extend(drawn);
    }
    let mut weights = vec![0.0; candidates.len() / d];
    for (row, nearest) in nearest.iter().enumerate() {
        weights[nearest.center as usize] += whitened.samples.weight(row);
    }
    (candidates, weights)
}

/// k-means++ on weighted points, with the best of a few draws each time: at most `k` of them, fewer
/// if all others coincide with these.
fn choose<R: Rng + ?Sized>(
    points: &[f64],
    weights: &[f64],
    d: usize,
    k: usize,
    rng: &mut R,
) -> Vec<f64> {
    let n_draws = 2 + k.ilog2() as usize;
    // Weighted squared distances from the nearest point selected so far; the weights before the
    // first.
    let mut potentials = weights.to_vec();
    let mut distances = vec![f64::INFINITY; weights.len()];
    let mut chosen = Vec::with_capacity(k * d);
    while chosen.len() < k * d {
        let total: f64 = potentials.iter().sum();
        if total <= 0.0 || !total.is_finite() {
            break;
        }
        let draws = (0..n_draws).map(|_| {
            let center = pick(&potentials, rng.random::<f64>() * total);
            let center = &points[center * d..(center + 1) * d];
            let nearest = points.chunks(d).zip(&distances);
            let lowered: Vec<f64> =
                nearest.map(|(point, now)| squared_distance(point, center).min(*now)).collect();
            let left: f64 = lowered.iter().zip(weights).map(|(near, weight)| near * weight).sum();
            (left, center, lowered)
        });
        let best = draws.reduce(|best, draw| if draw.0 < best.0 { draw } else { best });
        let Some((_, center, lowered)) = best else { break };
        chosen.extend_from_slice(center);
        distances = lowered;
        for ((potential, distance), weight) in potentials.iter_mut().zip(&distances).zip(weights) {
            *potential = distance * weight;
        }
    }
    chosen
}
