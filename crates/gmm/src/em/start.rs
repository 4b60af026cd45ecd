//! [`Start`]: the inputs of one start of a fit, and what it shares with others.

use super::background::Background;
use crate::values::Values;
use crate::{Real, Samples};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of rows for k-means and the background covariance (or 512 per component, rounded
/// up to a power of two, if that is more).
const SUBSET_ROWS: usize = 16_384;

type Shared<K, V> = Mutex<BTreeMap<K, Arc<V>>>;

/// Values shared by fits to the same samples with the same seed.
#[derive(Default)]
pub(crate) struct SharedStarts {
    /// By number of rows used.
    backgrounds: Shared<usize, Background>,
    /// Centers of k-means, by number of components and start.
    pub(super) centers: Shared<(usize, usize), Vec<f64>>,
}

impl SharedStarts {
    pub(super) fn background<T: Real>(
        &self,
        values: &Values,
        samples: &Samples<'_, T>,
        seed: u64,
    ) -> Arc<Background> {
        // Powers of two, so that a sweep keeps few subsets instead of one for each number of
        // components.
        let wanted = SUBSET_ROWS.max(512 * values.n_components).next_power_of_two();
        let n_rows = samples.n_samples().min(wanted);
        let made = || Ok(Background::new(n_rows, samples, seed));
        let Ok(background) = look_up::<_, _, Infallible>(&self.backgrounds, n_rows, made);
        background
    }
}

/// Returns the cached value or computes it. Concurrent callers may both compute it; the results are
/// identical.
pub(super) fn look_up<K: Ord, V, E>(
    map: &Shared<K, V>,
    key: K,
    make: impl FnOnce() -> Result<V, E>,
) -> Result<Arc<V>, E> {
    let lock = || map.lock().unwrap_or_else(PoisonError::into_inner);
    let known = lock().get(&key).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    // The lock is released meanwhile: the computation runs on the pool, which may call this again.
    let made = Arc::new(make()?);
    lock().insert(key, Arc::clone(&made));
    Ok(made)
}

/// One start of a fit.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) values: &'a Values,
    pub(super) seed: u64,
    /// Counted from 0.
    pub(super) index: usize,
    pub(super) background: &'a Background,
    pub(super) shared: &'a SharedStarts,
}

impl Start<'_> {
    /// The covariance under which k-means measures distances.
    pub(super) fn metric(&self) -> Vec<f64> {
        let d = self.background.mean.len();
        if !self.values.whiten {
            return identity(d);
        }
        let share = (d as f64 + 1.0) / (self.background.rows.len() / d) as f64;
        self.background.covariance.shrunk(share.min(1.0))
    }
}

fn identity(d: usize) -> Vec<f64> {
    let mut matrix = vec![0.0; d * d];
    for j in 0..d {
        matrix[j * d + j] = 1.0;
    }
    matrix
}
