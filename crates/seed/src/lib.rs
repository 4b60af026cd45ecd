//! Random streams by purpose and index: the same bits for any number of threads and any order of
//! work.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator for draw number `index` of one `purpose` under one `seed`.
///
/// Streams of different purposes or indices are independent, so that work can be done in any order
/// and on any number of threads. `purpose` is a short constant name; only its first 24 bytes are
/// used.
///
/// # Examples
/// ```
/// use rand::RngExt;
/// let mut a = seed::stream(7, "epoch", 3);
/// let mut b = seed::stream(7, "epoch", 3);
/// let mut c = seed::stream(7, "transpose", 3);
/// let first: u64 = a.random();
/// assert_eq!(first, b.random::<u64>());
/// assert_ne!(first, c.random::<u64>());
/// ```
pub fn stream(seed: u64, purpose: &str, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    for (to, from) in key[8..].iter_mut().zip(purpose.as_bytes()) {
        *to = *from;
    }
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(index);
    rng
}
