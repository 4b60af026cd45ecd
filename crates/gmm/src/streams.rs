//! Random streams derived from one seed by purpose and index, so that no draw depends on a thread.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Purpose of a stream; each has a separate family of streams.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Purpose {
    /// Starting values of restart `index`.
    Start = 1,
    /// The subset of rows that starts use.
    Subset = 2,
    /// Halves of the samples for stability.
    Resample = 3,
    /// Short runs of EM in the default start, numbered over all starts.
    ShortRun = 4,
    /// The order in which rows are assigned to folds.
    Folds = 5,
    /// Splits of components in the default start, numbered by start, round and component.
    Split = 6,
    /// Starts of the public k-means.
    KMeans = 7,
}

/// The generator number `index` for `purpose` under `seed`.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((u64::from(purpose as u32) << 32) | u64::from(index));
    rng
}

/// The generator of part `index` of step `round`, for a seed that is itself drawn from a stream.
pub(crate) fn unnamed(seed: u64, round: u32, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Parts are blocks of rows: 2^40 of them exceed any memory.
    rng.set_stream((u64::from(round) << 40) | index);
    rng
}
