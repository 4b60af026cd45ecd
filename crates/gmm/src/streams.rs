//! Random streams derived from one seed by purpose and index, so that no draw depends on a thread.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream is for; each purpose has its own family of streams.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Purpose {
    /// Starting values of restart `index`.
    Start = 1,
    /// The subset of rows that starts look at.
    Subset = 2,
    /// Halves of the samples for stability.
    Resample = 3,
}

/// The generator of `purpose` number `index` under `seed`.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((u64::from(purpose as u32) << 32) | u64::from(index));
    rng
}
