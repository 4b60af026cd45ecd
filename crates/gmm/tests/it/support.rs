//! Helpers shared by the integration tests: seeded data and comparisons.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// `n` rows of `d` standard normal values around `k` means whose coordinates are `spread` times
/// standard normal.
pub(crate) fn clusters(n: usize, d: usize, k: usize, spread: f64, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = |scale: f64, n: usize| -> Vec<f64> {
        (0..n)
            .map(|_| {
                scale * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut rng)
            })
            .collect()
    };
    let means = normal(spread, k * d);
    let mut data = normal(1.0, n * d);
    let mut rng = ChaCha8Rng::seed_from_u64(seed + 1);
    for row in data.chunks_mut(d) {
        let component = rng.random_range(0..k);
        row.iter_mut().zip(&means[component * d..]).for_each(|(x, m)| *x += m);
    }
    data
}

/// Largest difference relative to the norm of `wanted`: `max |a - b| / max |b|`.
pub(crate) fn relative_difference(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len(), "lengths");
    let scale = wanted.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    found.iter().zip(wanted).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / scale
}

/// Runs `work` on a separate pool with `n_threads`.
pub(crate) fn with_threads<R: Send>(n_threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(work)
}
