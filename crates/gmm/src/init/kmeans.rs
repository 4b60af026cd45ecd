//! k-means with k-means++ centres, on data whitened by a metric (Arthur & Vassilvitskii 2007; Lloyd 1982).

use crate::linalg;
use rand::{Rng, RngExt};
use rayon::prelude::*;

/// Lloyd iterations at most; EM refines what is left.
pub(crate) const MAX_ITER: usize = 50;

/// Runs from different centres, of which the tightest is kept: cheap beside EM, and EM rarely leaves a bad start.
const N_RUNS: usize = 3;

/// Rows that one task handles.
const TASK_ROWS: usize = 256;

/// Means, `[K, D]` in the data's own coordinates, of `k` clusters of `rows` under the Mahalanobis distance of `metric`.
///
/// With `max_iter` 0 these are the k-means++ centres themselves, which are rows.
pub(crate) fn centers<R: Rng + ?Sized>(
    rows: &[f64],
    metric: &[f64],
    d: usize,
    k: usize,
    max_iter: usize,
    rng: &mut R,
) -> Vec<f64> {
    let whitened = whiten(rows, metric, d);
    let n_runs = if max_iter == 0 { 1 } else { N_RUNS };
    let runs = (0..n_runs).map(|_| run(rows, &whitened, d, k, max_iter, rng));
    let best = runs.reduce(|best, run| if run.inertia < best.inertia { run } else { best });
    best.map_or_else(Vec::new, |best| best.centers)
}

/// Centres in the data's own coordinates and the sum of squared distances to them.
struct Run {
    centers: Vec<f64>,
    inertia: f64,
}

/// One k-means, from new k-means++ centres.
fn run<R: Rng + ?Sized>(
    rows: &[f64],
    whitened: &[f64],
    d: usize,
    k: usize,
    max_iter: usize,
    rng: &mut R,
) -> Run {
    let seeds = plus_plus(whitened, d, k, rng);
    if max_iter == 0 {
        let centers = seeds.iter().flat_map(|row| &rows[row * d..(row + 1) * d]).copied().collect();
        return Run { centers, inertia: 0.0 };
    }
    let mut centers: Vec<f64> =
        seeds.iter().flat_map(|row| &whitened[row * d..(row + 1) * d]).copied().collect();
    let mut labels = vec![0; rows.len() / d];
    let mut inertia = f64::INFINITY;
    for iteration in 0..max_iter {
        let nearest = assign(whitened, &centers, d);
        let changed = nearest.iter().zip(&labels).any(|((label, _), before)| label != before);
        for (label, (nearest, _)) in labels.iter_mut().zip(&nearest) {
            *label = *nearest;
        }
        inertia = nearest.iter().map(|(_, distance)| distance).sum();
        refill_empty(&mut labels, &nearest, k);
        if iteration > 0 && !changed {
            break;
        }
        centers = cluster_means(whitened, &labels, &centers, d);
    }
    // The mean of a cluster's rows is its centre, taken back to the data's own coordinates.
    let fallback: Vec<f64> =
        seeds.iter().flat_map(|row| &rows[row * d..(row + 1) * d]).copied().collect();
    Run { centers: cluster_means(rows, &labels, &fallback, d), inertia }
}

/// `L⁻¹ x` of every row for `metric = L Lᵀ`: Euclidean distances of these are Mahalanobis distances of those.
fn whiten(rows: &[f64], metric: &[f64], d: usize) -> Vec<f64> {
    let Ok(factor) = linalg::cholesky(metric, d) else {
        return rows.to_vec();
    };
    let inverse = linalg::invert_lower(&factor, d);
    let mut whitened = vec![0.0; rows.len()];
    whitened
        .par_chunks_mut(TASK_ROWS * d)
        .zip(rows.par_chunks(TASK_ROWS * d))
        .for_each(|(out, rows)| linalg::times_lower_transposed(out, rows, &inverse, d));
    whitened
}

/// Rows chosen as centres: each with probability proportional to its squared distance from the nearest chosen so far,
/// the best of a few candidates each time.
fn plus_plus<R: Rng + ?Sized>(rows: &[f64], d: usize, k: usize, rng: &mut R) -> Vec<usize> {
    let n = rows.len() / d;
    let n_candidates = 2 + k.ilog2() as usize;
    let mut chosen = vec![rng.random_range(0..n)];
    let mut nearest = vec![f64::INFINITY; n];
    lower_to(&mut nearest, rows, chosen[0], d);
    while chosen.len() < k {
        let total: f64 = nearest.iter().sum();
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..n_candidates {
            let row = if total > 0.0 && total.is_finite() {
                pick(&nearest, rng.random::<f64>() * total)
            } else {
                rng.random_range(0..n)
            };
            let mut lowered = nearest.clone();
            lower_to(&mut lowered, rows, row, d);
            let potential: f64 = lowered.iter().sum();
            if best.as_ref().is_none_or(|(lowest, ..)| potential < *lowest) {
                best = Some((potential, row, lowered));
            }
        }
        if let Some((_, row, lowered)) = best {
            chosen.push(row);
            nearest = lowered;
        }
    }
    chosen
}

/// Index at which the running sum of `weights` passes `target`.
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

/// Lowers each row's distance to that from row `center`, where this is nearer.
fn lower_to(nearest: &mut [f64], rows: &[f64], center: usize, d: usize) {
    let center = &rows[center * d..(center + 1) * d];
    nearest.par_chunks_mut(TASK_ROWS).zip(rows.par_chunks(TASK_ROWS * d)).for_each(
        |(nearest, rows)| {
            for (nearest, row) in nearest.iter_mut().zip(rows.chunks(d)) {
                *nearest = nearest.min(squared_distance(row, center));
            }
        },
    );
}

/// Nearest centre of each row and the squared distance to it.
fn assign(rows: &[f64], centers: &[f64], d: usize) -> Vec<(usize, f64)> {
    rows.par_chunks(d)
        .with_min_len(TASK_ROWS)
        .map(|row| {
            let distances = centers.chunks(d).map(|center| squared_distance(row, center));
            distances.enumerate().fold((0, f64::INFINITY), |best, (label, distance)| {
                if distance < best.1 { (label, distance) } else { best }
            })
        })
        .collect()
}

/// Gives each empty cluster the row that lies farthest from its own centre.
fn refill_empty(labels: &mut [usize], nearest: &[(usize, f64)], k: usize) {
    let mut sizes = vec![0_usize; k];
    for label in labels.iter() {
        sizes[*label] += 1;
    }
    if sizes.iter().all(|size| *size > 0) {
        return;
    }
    let mut by_distance: Vec<usize> = (0..labels.len()).collect();
    by_distance.sort_by(|a, b| nearest[*b].1.total_cmp(&nearest[*a].1));
    let mut farthest = by_distance.into_iter();
    for empty in 0..k {
        if sizes[empty] == 0
            && let Some(row) = farthest.find(|row| sizes[labels[*row]] > 1)
        {
            sizes[labels[row]] -= 1;
            sizes[empty] = 1;
            labels[row] = empty;
        }
    }
}

/// Mean of each cluster's rows, added up in order; an empty cluster keeps its centre.
fn cluster_means(rows: &[f64], labels: &[usize], before: &[f64], d: usize) -> Vec<f64> {
    let mut means = vec![0.0; before.len()];
    means.par_chunks_mut(d).enumerate().for_each(|(cluster, mean)| {
        let mut size = 0_usize;
        for (row, _) in rows.chunks(d).zip(labels).filter(|(_, label)| **label == cluster) {
            size += 1;
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        if size == 0 {
            mean.copy_from_slice(&before[cluster * d..(cluster + 1) * d]);
        } else {
            for sum in mean {
                *sum /= size as f64;
            }
        }
    });
    means
}

pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}
