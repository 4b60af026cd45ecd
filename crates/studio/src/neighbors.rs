//! The t-SNE map (van der Maaten, "Accelerating t-SNE using tree-based algorithms", 2014) of the
//! windows, computed once, in the background.
//!
//! At most [`MAX_SAMPLE`] windows, evenly spaced over the map, are embedded; every other window is
//! placed at the mean position of the [`N_NEAREST`] embedded windows nearest to it in latent space.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bhtsne::tSNE;
use rayon::prelude::*;

use crate::map::Projection2d;

/// Maximum number of windows that are embedded.
pub(crate) const MAX_SAMPLE: usize = 4000;
/// Number of embedded windows over which the position of another window is averaged.
pub(crate) const N_NEAREST: usize = 5;
/// Number of iterations; the first quarter uses early exaggeration.
const N_ITERATIONS: usize = 600;
/// Perplexity, for samples that are large enough.
const PERPLEXITY: usize = 30;
/// Barnes-Hut parameter theta: 0 is exact; 0.5 is the default in the literature.
const THETA: f32 = 0.5;
/// Standard deviation of the initial positions: small, so that the map can unfold.
const INITIAL_SPREAD: f64 = 1e-2;
/// Progress at the start of the iterations (after the neighbor search), and at their end.
const ITERATION_PROGRESS: [f32; 2] = [0.05, 0.9];

/// The t-SNE map; positions are available once it is computed.
#[derive(Debug, Default)]
pub(crate) struct Neighbors {
    began: AtomicBool,
    /// An `f32`, stored as bits.
    progress: Arc<AtomicU32>,
    positions: Arc<OnceLock<Vec<[f32; 2]>>>,
}

impl Neighbors {
    /// Progress of the computation, 0 to 1.
    pub(crate) fn progress(&self) -> f32 {
        if self.positions().is_some() { 1.0 } else { get(&self.progress).min(0.99) }
    }

    /// The position of each window, once all are computed.
    pub(crate) fn positions(&self) -> Option<&[[f32; 2]]> {
        self.positions.get().map(Vec::as_slice)
    }

    /// Starts to embed `rows` `[n, d]`, unless this has already been started.
    pub(crate) fn begin(&self, rows: impl FnOnce() -> Vec<f32> + Send + 'static, d: usize) {
        if self.began.swap(true, Ordering::Relaxed) {
            return;
        }
        let (progress, positions) = (Arc::clone(&self.progress), Arc::clone(&self.positions));
        let work = move || {
            let rows = rows();
            let found = std::panic::catch_unwind(|| compute(&rows, d, &progress));
            // All points at the origin are better than a map that never appears.
            let found = found.unwrap_or_else(|_| vec![[0.0; 2]; rows.len() / d.max(1)]);
            let _ = positions.set(found);
        };
        // Half of the processors, because this is not interactive.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("neighbors-{number}"))
            .build();
        match pool {
            Ok(pool) => {
                let spawned = std::thread::Builder::new()
                    .name("neighbors".to_owned())
                    .spawn(move || pool.install(work));
                if let Err(error) = spawned {
                    tracing::error!("can't compute the t-SNE map: {error}");
                }
            }
            Err(error) => tracing::error!("can't compute the t-SNE map: {error}"),
        }
    }
}

fn get(progress: &AtomicU32) -> f32 {
    f32::from_bits(progress.load(Ordering::Relaxed))
}

fn set(progress: &AtomicU32, to: f32) {
    progress.store(to.to_bits(), Ordering::Relaxed);
}

/// Positions of all rows.
fn compute(rows: &[f32], d: usize, progress: &Arc<AtomicU32>) -> Vec<[f32; 2]> {
    let all: Vec<&[f32]> = rows.chunks_exact(d.max(1)).collect();
    let every = all.len().div_ceil(MAX_SAMPLE).max(1);
    let sample: Vec<&[f32]> = all.iter().step_by(every).copied().collect();
    set(progress, 0.01);
    let embedded = embed(&sample, d, progress);
    set(progress, ITERATION_PROGRESS[1]);
    let position = |(index, row): (usize, &&[f32])| {
        if index % every == 0 {
            embedded[index / every]
        } else {
            mean_of_nearest(row, &sample, &embedded)
        }
    };
    all.par_iter().enumerate().map(position).collect()
}

/// Runs t-SNE, initialized with the principal components: deterministic, and large distances remain
/// meaningful.
fn embed(sample: &[&[f32]], d: usize, progress: &Arc<AtomicU32>) -> Vec<[f32; 2]> {
    let rows: Vec<f64> = sample.iter().flat_map(|row| row.iter().copied().map(f64::from)).collect();
    let plane = Projection2d::principal(&rows, d);
    let start: Vec<[f64; 2]> =
        rows.chunks_exact(d.max(1)).map(|row| plane.project(row.iter().copied())).collect();
    let perplexity = PERPLEXITY.min(sample.len().saturating_sub(1) / 3);
    if perplexity < 2 {
        return start.iter().map(|[x, y]| [*x as f32, *y as f32]).collect();
    }
    let squares = start.iter().map(|[x, _]| x * x).sum::<f64>() / start.len().max(1) as f64;
    let scale = INITIAL_SPREAD / squares.sqrt().max(f64::MIN_POSITIVE);
    let start: Vec<f32> = start.iter().flatten().map(|v| (v * scale) as f32).collect();
    let reported = Arc::clone(progress);
    let mut tsne: tSNE<'_, f32, &[f32]> = tSNE::new(sample);
    tsne.perplexity(perplexity as f32)
        .epochs(N_ITERATIONS)
        .stop_lying_epoch(N_ITERATIONS / 4)
        .momentum_switch_epoch(N_ITERATIONS / 4)
        .initial_embedding(start)
        .epoch_callback(move |epoch, _| {
            let fraction = (epoch + 1) as f32 / N_ITERATIONS as f32;
            set(
                &reported,
                ITERATION_PROGRESS[0] + (ITERATION_PROGRESS[1] - ITERATION_PROGRESS[0]) * fraction,
            );
        });
    let distance = |a: &&[f32], b: &&[f32]| squared_distance(a, b).sqrt();
    let positions = tsne.barnes_hut(THETA, distance).embedding();
    positions.as_chunks::<2>().0.iter().map(|p| [p[0], p[1]]).collect()
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn mean_of_nearest(row: &[f32], sample: &[&[f32]], positions: &[[f32; 2]]) -> [f32; 2] {
    let mut nearest: Vec<(f32, usize)> = Vec::with_capacity(N_NEAREST + 1);
    for (index, other) in sample.iter().enumerate() {
        let distance = squared_distance(row, other);
        if nearest.len() < N_NEAREST || nearest.last().is_some_and(|last| distance < last.0) {
            let at = nearest.partition_point(|near| near.0 <= distance);
            nearest.insert(at, (distance, index));
            nearest.truncate(N_NEAREST);
        }
    }
    let n = nearest.len().max(1) as f32;
    [0, 1].map(|axis| nearest.iter().map(|(_, index)| positions[*index][axis]).sum::<f32>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use musicvae::seed;
    use rand::RngExt;
    use std::time::{Duration, Instant};

    #[test]
    fn clusters_stay_apart_and_all_windows_have_a_position() {
        let d = 6;
        let n = MAX_SAMPLE / 8 * 2;
        let mut rng = seed::stream(1, "test", 0);
        // Two distant clusters.
        let rows: Vec<f32> = (0..n)
            .flat_map(|i| {
                let middle = if i % 2 == 0 { -20.0 } else { 20.0 };
                (0..d).map(|_| middle + rng.random::<f32>()).collect::<Vec<f32>>()
            })
            .collect();
        let view = Neighbors::default();
        assert_eq!(view.progress(), 0.0);
        view.begin(move || rows, d);
        let began = Instant::now();
        while view.progress() < 1.0 && began.elapsed() < Duration::from_mins(2) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let positions = view.positions().unwrap();
        assert_eq!(positions.len(), n);
        let middle = |odd: usize| {
            let members = || positions.iter().skip(odd).step_by(2);
            [0, 1].map(|axis| members().map(|p| p[axis]).sum::<f32>() / members().count() as f32)
        };
        let (a, b) = (middle(0), middle(1));
        let nearer = |p: &[f32; 2], own: &[f32; 2], other: &[f32; 2]| {
            squared_distance(p, own) < squared_distance(p, other)
        };
        let wrong = positions
            .iter()
            .enumerate()
            .filter(|(i, p)| if i % 2 == 0 { !nearer(p, &a, &b) } else { !nearer(p, &b, &a) });
        assert_eq!(wrong.count(), 0, "{a:?} {b:?}");
    }

    #[test]
    fn windows_outside_the_sample_are_near_their_neighbors() {
        let rows: Vec<[f32; 1]> = (0..20_u8).map(|i| [f32::from(i)]).collect();
        let sample: Vec<&[f32]> = rows.iter().map(<[f32; 1]>::as_slice).collect();
        let positions: Vec<[f32; 2]> = rows.iter().map(|row| [10.0 * row[0], 1.0]).collect();
        // The nearest are 5, 6, 7, 8 and 9.
        assert_eq!(mean_of_nearest(&[7.1], &sample, &positions), [70.0, 1.0]);
    }

    #[test]
    fn few_windows_have_positions_too() {
        let progress = Arc::new(AtomicU32::new(0));
        for n in [0_u8, 1, 3, 8] {
            let rows: Vec<f32> = (0..2 * n).map(f32::from).collect();
            assert_eq!(compute(&rows, 2, &progress).len(), usize::from(n));
        }
    }
}
