//! The view of neighbours: t-SNE (van der Maaten, "Accelerating t-SNE using tree-based algorithms", 2014) of the map's
//! windows, computed once, in the background.
//!
//! At most [`MAX_SAMPLE`] windows, spread evenly over the map, are laid out; each other one stands at the mean of
//! the places of the [`N_NEAREST`] of them that are nearest to it in latent space.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bhtsne::tSNE;
use rayon::prelude::*;

use crate::map::Plane;

/// The most windows that are laid out.
pub(crate) const MAX_SAMPLE: usize = 4000;
/// Windows whose mean place a window takes that was not laid out.
pub(crate) const N_NEAREST: usize = 5;
/// Rounds of the layout; the first quarter exaggerates clusters.
const EPOCHS: usize = 600;
/// Neighbours that count, for samples that have as many.
const PERPLEXITY: usize = 30;
/// How much places may be summed up: 0 not at all. The usual.
const THETA: f32 = 0.5;
/// The spread of the places that the layout begins with: small, so that it unfolds.
const INITIAL_SPREAD: f64 = 1e-2;
/// Progress at the beginning of the layout (its neighbours are found by then), and at its end.
const LAYOUT: [f32; 2] = [0.05, 0.9];

/// The view: where each window is, once that is known.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    began: AtomicBool,
    /// An `f32`, as bits.
    progress: Arc<AtomicU32>,
    places: Arc<OnceLock<Vec<[f32; 2]>>>,
}

impl Neighbours {
    /// How far the layout is, 0 to 1.
    pub(crate) fn progress(&self) -> f32 {
        if self.places().is_some() { 1.0 } else { get(&self.progress).min(0.99) }
    }

    /// Where each window is, once all are laid out.
    pub(crate) fn places(&self) -> Option<&[[f32; 2]]> {
        self.places.get().map(Vec::as_slice)
    }

    /// Begins to lay out `rows` `[n, d]`, unless that was begun.
    pub(crate) fn begin(&self, rows: impl FnOnce() -> Vec<f32> + Send + 'static, d: usize) {
        if self.began.swap(true, Ordering::Relaxed) {
            return;
        }
        let (progress, places) = (Arc::clone(&self.progress), Arc::clone(&self.places));
        let work = move || {
            let rows = rows();
            let found = std::panic::catch_unwind(|| lay_out(&rows, d, &progress));
            // Rather a heap in the middle than a map that never comes.
            let found = found.unwrap_or_else(|_| vec![[0.0; 2]; rows.len() / d.max(1)]);
            let _ = places.set(found);
        };
        // Half of the processors: nobody waits for this with a hand on the map.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("neighbours-{number}"))
            .build();
        match pool {
            Ok(pool) => {
                let spawned = std::thread::Builder::new()
                    .name("neighbours".to_owned())
                    .spawn(move || pool.install(work));
                if let Err(error) = spawned {
                    tracing::error!("no view of neighbours: {error}");
                }
            }
            Err(error) => tracing::error!("no view of neighbours: {error}"),
        }
    }
}

fn get(progress: &AtomicU32) -> f32 {
    f32::from_bits(progress.load(Ordering::Relaxed))
}

fn set(progress: &AtomicU32, to: f32) {
    progress.store(to.to_bits(), Ordering::Relaxed);
}

/// Places of all rows.
fn lay_out(rows: &[f32], d: usize, progress: &Arc<AtomicU32>) -> Vec<[f32; 2]> {
    let all: Vec<&[f32]> = rows.chunks_exact(d.max(1)).collect();
    let every = all.len().div_ceil(MAX_SAMPLE).max(1);
    let sample: Vec<&[f32]> = all.iter().step_by(every).copied().collect();
    set(progress, 0.01);
    let laid_out = sample_places(&sample, d, progress);
    set(progress, LAYOUT[1]);
    let place = |(index, row): (usize, &&[f32])| {
        if index % every == 0 {
            laid_out[index / every]
        } else {
            mean_of_nearest(row, &sample, &laid_out)
        }
    };
    all.par_iter().enumerate().map(place).collect()
}

/// t-SNE, from the plane of the principal components: the same each time, and large distances keep their meaning.
fn sample_places(sample: &[&[f32]], d: usize, progress: &Arc<AtomicU32>) -> Vec<[f32; 2]> {
    let rows: Vec<f64> = sample.iter().flat_map(|row| row.iter().copied().map(f64::from)).collect();
    let plane = Plane::principal(&rows, d);
    let start: Vec<[f64; 2]> =
        rows.chunks_exact(d.max(1)).map(|row| plane.place(row.iter().copied())).collect();
    let perplexity = PERPLEXITY.min(sample.len().saturating_sub(1) / 3);
    if perplexity < 2 {
        return start.iter().map(|[x, y]| [*x as f32, *y as f32]).collect();
    }
    let squares = start.iter().map(|[x, _]| x * x).sum::<f64>() / start.len().max(1) as f64;
    let scale = INITIAL_SPREAD / squares.sqrt().max(f64::MIN_POSITIVE);
    let start: Vec<f32> = start.iter().flatten().map(|v| (v * scale) as f32).collect();
    let told = Arc::clone(progress);
    let mut layout: tSNE<'_, f32, &[f32]> = tSNE::new(sample);
    layout
        .perplexity(perplexity as f32)
        .epochs(EPOCHS)
        .stop_lying_epoch(EPOCHS / 4)
        .momentum_switch_epoch(EPOCHS / 4)
        .initial_embedding(start)
        .epoch_callback(move |epoch, _| {
            let share = (epoch + 1) as f32 / EPOCHS as f32;
            set(&told, LAYOUT[0] + (LAYOUT[1] - LAYOUT[0]) * share);
        });
    let distance = |a: &&[f32], b: &&[f32]| squared_distance(a, b).sqrt();
    let places = layout.barnes_hut(THETA, distance).embedding();
    places.chunks_exact(2).map(|place| [place[0], place[1]]).collect()
}

fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn mean_of_nearest(row: &[f32], sample: &[&[f32]], places: &[[f32; 2]]) -> [f32; 2] {
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
    [0, 1].map(|axis| nearest.iter().map(|(_, index)| places[*index][axis]).sum::<f32>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use musicvae::seed;
    use rand::RngExt;
    use std::time::{Duration, Instant};

    #[test]
    fn clusters_stay_apart_and_all_windows_have_a_place() {
        let d = 6;
        let n = MAX_SAMPLE / 8 * 2;
        let mut rng = seed::stream(1, "test", 0);
        // Two clusters, far apart.
        let rows: Vec<f32> = (0..n)
            .flat_map(|i| {
                let middle = if i % 2 == 0 { -20.0 } else { 20.0 };
                (0..d).map(|_| middle + rng.random::<f32>()).collect::<Vec<f32>>()
            })
            .collect();
        let view = Neighbours::default();
        assert_eq!(view.progress(), 0.0);
        view.begin(move || rows, d);
        let began = Instant::now();
        while view.progress() < 1.0 && began.elapsed() < Duration::from_mins(2) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let places = view.places().unwrap();
        assert_eq!(places.len(), n);
        let middle = |odd: usize| {
            let own = || places.iter().skip(odd).step_by(2);
            [0, 1].map(|axis| own().map(|p| p[axis]).sum::<f32>() / own().count() as f32)
        };
        let (a, b) = (middle(0), middle(1));
        let nearer = |p: &[f32; 2], own: &[f32; 2], other: &[f32; 2]| {
            squared_distance(p, own) < squared_distance(p, other)
        };
        let wrong = places
            .iter()
            .enumerate()
            .filter(|(i, p)| if i % 2 == 0 { !nearer(p, &a, &b) } else { !nearer(p, &b, &a) });
        assert_eq!(wrong.count(), 0, "{a:?} {b:?}");
    }

    #[test]
    fn a_window_beyond_the_sample_stands_among_its_nearest() {
        let rows: Vec<[f32; 1]> = (0..20_u8).map(|i| [f32::from(i)]).collect();
        let sample: Vec<&[f32]> = rows.iter().map(<[f32; 1]>::as_slice).collect();
        let places: Vec<[f32; 2]> = rows.iter().map(|row| [10.0 * row[0], 1.0]).collect();
        // 5, 6, 7, 8 and 9 are nearest.
        assert_eq!(mean_of_nearest(&[7.1], &sample, &places), [70.0, 1.0]);
    }

    #[test]
    fn few_windows_have_places_too() {
        let progress = Arc::new(AtomicU32::new(0));
        for n in [0_u8, 1, 3, 8] {
            let rows: Vec<f32> = (0..2 * n).map(f32::from).collect();
            assert_eq!(lay_out(&rows, 2, &progress).len(), usize::from(n));
        }
    }
}
