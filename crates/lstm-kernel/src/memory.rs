//! Large buffers that are reused from one pass to the next.
//!
//! A training step writes several hundred megabytes that are not needed after it. An allocator
//! returns that much memory to the system, which has to map and clear every page again in the next
//! step; zeroing the buffers comes on top of that. Together this took a tenth of a forward pass or
//! more. So the passes keep their buffers and reuse them without clearing them.

use std::fmt::{Debug, Formatter};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aligned_vec::{AVec, ConstAlign, avec};
use bytemuck::Pod;

/// Whole cache lines.
type Words = AVec<u32, ConstAlign<64>>;

/// A kept buffer is freed once the buffers taken since then are this many times as long as all kept
/// buffers together. This exceeds the amount taken by the passes of one training step, which reuse
/// most buffers for each layer.
const PATIENCE: u64 = 64;

static STORE: Mutex<Store> = Mutex::new(Store::new());

/// Buffers that are not in use.
struct Store {
    /// In the order in which they were returned, each with the number of words that had been taken
    /// by then.
    kept: Vec<(u64, Words)>,
    words_kept: u64,
    words_taken: u64,
}

impl Store {
    const fn new() -> Self {
        Self { kept: Vec::new(), words_kept: 0, words_taken: 0 }
    }

    /// Locks the store. Nothing that can panic runs under this lock.
    fn lock() -> MutexGuard<'static, Self> {
        STORE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&mut self, words: Words) {
        self.words_kept += words.len() as u64;
        self.kept.push((self.words_taken, words));
    }

    /// Takes the most recently returned buffer of this length, along with all that have waited too
    /// long.
    fn take(&mut self, len: usize) -> (Option<Words>, Vec<(u64, Words)>) {
        self.words_taken += len as u64;
        let at = self.kept.iter().rposition(|(_, words)| words.len() == len);
        let words = at.map(|at| self.kept.remove(at).1);
        let oldest = self.words_taken.saturating_sub(PATIENCE * self.words_kept);
        let n_old = self.kept.partition_point(|(came, _)| *came < oldest);
        let old: Vec<_> = self.kept.drain(..n_old).collect();
        let gone = old.iter().map(|(_, words)| words).chain(&words).map(|words| words.len() as u64);
        self.words_kept -= gone.sum::<u64>();
        (words, old)
    }
}

/// Returns the memory that past passes keep for later ones to the allocator.
///
/// They keep about as much as one forward and backward pass of a whole model needs. Call this when
/// training has ended and the process keeps running.
pub fn release() {
    let kept = std::mem::replace(&mut *Store::lock(), Store::new());
    drop(kept);
}

/// Sets all bits of the kept buffers, which is NaN both as `f32` and as bfloat16.
#[cfg(test)]
pub(crate) fn spoil() {
    for (_, words) in &mut Store::lock().kept {
        words.fill(u32::MAX);
    }
}

/// An array of 32-bit values. When it is dropped, its memory is kept for another buffer until
/// [`release`] is called. It starts at a cache line boundary.
pub struct Buffer<T = f32> {
    words: Words,
    len: usize,
    values: PhantomData<T>,
}

/// The length of the memory of a buffer of `len` values. It is rounded up, because lengths that
/// change from step to step would rarely find a kept buffer of exactly the same length. At most an
/// eighth of the memory is unused.
fn capacity(len: usize) -> usize {
    len.next_multiple_of((len.next_power_of_two() / 16).max(1))
}

impl<T: Pod> Buffer<T> {
    /// A buffer of `len` values: those of an earlier buffer of a similar length, or zeros. Each
    /// value must be written before it is read.
    pub(crate) fn unset(len: usize) -> Self {
        const { assert!(size_of::<T>() == size_of::<u32>(), "values must be 32 bits wide") };
        if len == 0 {
            return Self { words: AVec::new(64), len, values: PhantomData };
        }
        let capacity = capacity(len);
        // Buffers that have waited too long are freed after the lock is released.
        let (words, _old) = Store::lock().take(capacity);
        let words = words.unwrap_or_else(|| avec![[64]| 0; capacity]);
        Self { words, len, values: PhantomData }
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        bytemuck::cast_slice(&self.words[..self.len])
    }
}

impl<T: Pod> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.words[..self.len])
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        let words = std::mem::replace(&mut self.words, AVec::new(64));
        if !words.is_empty() {
            Store::lock().keep(words);
        }
    }
}

impl<T> Debug for Buffer<T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Buffer of {}", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_taken_again_by_one_of_its_length() {
        let mut store = Store::new();
        assert!(store.take(3).0.is_none(), "nothing is kept yet");
        store.keep(avec![[64]| 1; 3]);
        store.keep(avec![[64]| 2; 4]);
        assert!(store.take(5).0.is_none(), "no buffer of this length is kept");
        assert_eq!(store.take(4).0.as_deref(), Some(&[2; 4][..]));
        assert!(store.take(4).0.is_none(), "taken already");
        assert_eq!(store.take(3).0.as_deref(), Some(&[1; 3][..]));
    }

    #[test]
    fn what_nobody_takes_for_long_goes() {
        let mut store = Store::new();
        store.keep(avec![[64]| 0; 3]);
        for taken in 1..=3 * PATIENCE {
            assert!(store.take(1).1.is_empty(), "{taken} taken");
        }
        store.keep(avec![[64]| 0; 4]);
        for _ in 0..4 * PATIENCE {
            assert!(store.take(1).1.is_empty(), "more is kept, so every buffer may wait longer");
        }
        let (_, old) = store.take(1);
        assert_eq!(old.iter().map(|(_, words)| words.len()).collect::<Vec<_>>(), [3]);
        assert_eq!(store.words_kept, 4);
    }

    #[test]
    fn values_start_at_cache_lines() {
        assert_eq!(Buffer::<f32>::unset(1234).as_ptr() as usize % 64, 0);
        assert!(Buffer::<f32>::unset(0).is_empty());
    }
}
