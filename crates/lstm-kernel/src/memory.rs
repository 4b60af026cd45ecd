//! Large buffers that one pass leaves for the next.
//!
//! A training step writes some hundred megabytes that nothing needs after it. An allocator hands that
//! much back to the system, which maps and clears every page anew in the next step; clearing them once
//! more as zeros comes on top. Together that was a tenth of a forward pass and more. So the passes keep their
//! buffers, and take them again as they are.

use std::fmt::{Debug, Formatter};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aligned_vec::{AVec, ConstAlign, avec};
use bytemuck::Pod;

/// Whole cache lines.
type Words = AVec<u32, ConstAlign<64>>;

/// A buffer goes when others have been taken that are so many times as long as all that are kept: more than
/// the passes of one training step take, which use most buffers anew for each layer.
const PATIENCE: u64 = 64;

static STORE: Mutex<Store> = Mutex::new(Store::new());

/// Buffers that nobody uses.
struct Store {
    /// In the order in which they came, each with the words that had been taken then.
    kept: Vec<(u64, Words)>,
    words_kept: u64,
    words_taken: u64,
}

impl Store {
    const fn new() -> Self {
        Self { kept: Vec::new(), words_kept: 0, words_taken: 0 }
    }

    /// The store. Nothing that panics runs under its lock.
    fn lock() -> MutexGuard<'static, Self> {
        STORE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&mut self, words: Words) {
        self.words_kept += words.len() as u64;
        self.kept.push((self.words_taken, words));
    }

    /// The last buffer of some length that came, and those that have waited for too long.
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

/// Gives the memory that past passes keep for later ones back to the allocator.
///
/// What they keep is about what one forward and backward pass of a whole model needs: worth calling when
/// training has ended and the process goes on.
pub fn release() {
    let kept = std::mem::replace(&mut *Store::lock(), Store::new());
    drop(kept);
}

/// Sets all bits of what is kept: no number, as `f32` or as bfloat16.
#[cfg(test)]
pub(crate) fn spoil() {
    for (_, words) in &mut Store::lock().kept {
        words.fill(u32::MAX);
    }
}

/// Values of 32 bits, of which the memory is kept for another buffer when they are dropped, or given back by
/// [`release`]. They start at the boundary of a cache line.
pub struct Buffer<T = f32> {
    words: Words,
    len: usize,
    values: PhantomData<T>,
}

/// The length of the memory that a buffer of some length takes: with lengths that change from step to step there
/// would be none of the same length to take again. At most an eighth of it is not used.
fn capacity(len: usize) -> usize {
    len.next_multiple_of((len.next_power_of_two() / 16).max(1))
}

impl<T: Pod> Buffer<T> {
    /// `len` values: those of an earlier buffer of about the same length, or zeros. Each is to be written before it
    /// is read.
    pub(crate) fn unset(len: usize) -> Self {
        const { assert!(size_of::<T>() == size_of::<u32>(), "values of 32 bits") };
        if len == 0 {
            return Self { words: AVec::new(64), len, values: PhantomData };
        }
        let whole = capacity(len);
        // What has waited for too long is freed when the lock is not held any more.
        let (words, _old) = Store::lock().take(whole);
        Self { words: words.unwrap_or_else(|| avec![[64]| 0; whole]), len, values: PhantomData }
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
        assert!(store.take(3).0.is_none(), "nothing is kept");
        store.keep(avec![[64]| 1; 3]);
        store.keep(avec![[64]| 2; 4]);
        assert!(store.take(5).0.is_none(), "no such length");
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
            assert!(store.take(1).1.is_empty(), "more is kept, so all may wait for longer");
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
