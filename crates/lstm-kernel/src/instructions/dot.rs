//! Products of pairs of bfloat16 with AVX-512-BF16 (`vdpbf16ps`).
//!
//! This is sound because:
//! 1. a [`Dot`] exists only if [`Dot::new`] found the instructions on this processor, and every
//!    function compiled for them is called through one;
//! 2. registers are loaded from and stored to references to arrays of exactly their size,
//!    unaligned;
//! 3. the three types of 512-bit registers that are transmuted into each other are valid for any
//!    bits.
//!
//! A word is a pair of bfloat16, with the value of the smaller index in its lower half. The
//! instruction adds both products of a word to an `f32` sum; subnormal numbers count as zero.
#![expect(unsafe_code, reason = "this instruction has no safe wrapper")]

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_dpbf16_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_permutexvar_epi16, _mm512_set1_epi32, _mm512_setzero_ps,
    _mm512_storeu_ps, _mm512_storeu_si512,
};
use std::mem::transmute;

use crate::prefetch::Prefetch;
use crate::tile::{LeftSlice, TileAt, columns, columns_mut};

/// Number of columns of a panel for tiles of pairs: two registers.
pub(crate) const COLUMNS: usize = 2 * LANES;
const LANES: usize = 16;

/// Permutation that interleaves the two halves of a register of 32 bfloat16.
const ALTERNATE: [u16; 2 * LANES] = {
    let mut places = [0; 2 * LANES];
    let mut i = 0;
    while i < LANES {
        // Both are below 32, so the casts are exact.
        places[2 * i] = i as u16;
        places[2 * i + 1] = (LANES + i) as u16;
        i += 1;
    }
    places
};

/// Proof that this processor has AVX-512-BF16.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dot(());

#[expect(clippy::unused_self, reason = "`self` is the proof that makes the calls sound")]
impl Dot {
    /// Returns `None` if this processor lacks the instructions.
    pub(crate) fn new() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512bf16");
        found.then_some(Self(()))
    }

    /// Rounds rows of `k` values to bfloat16; each becomes a row of words, padded with a zero if
    /// `k` is odd.
    pub(crate) fn pair_columns(self, values: &[f32], k: usize) -> Vec<u32> {
        let mut words = vec![0; values.len() / k.max(1) * k.div_ceil(2)];
        // SAFETY: `self` proves that the processor has the instructions (1).
        unsafe { pair_columns(values, k.max(1), &mut words) };
        words
    }

    /// Rounds two rows to bfloat16; `words[i]` holds `first[i]` and `second[i]`.
    pub(crate) fn pair_rows(self, first: &[f32], second: &[f32], words: &mut [u32]) {
        // SAFETY: `self` proves that the processor has the instructions (1).
        unsafe { pair_rows(first, second, words) }
    }

    /// Computes `c[.., column..] += a · panel`, where `c` has up to `ROWS` rows of `n` columns;
    /// columns of the panel beyond `n` are ignored. Executes `prefetch` along the way. Each element
    /// is one chain of additions over the words in order.
    pub(crate) fn tile<const ROWS: usize>(
        self,
        a: impl LeftSlice<u32, ROWS>,
        panel: &[[u32; COLUMNS]],
        c: &mut [f32],
        at: TileAt,
        prefetch: Prefetch<'_>,
    ) {
        // SAFETY: `self` proves that the processor has the instructions (1).
        unsafe { tile(a, panel, c, at, prefetch) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pair_columns(values: &[f32], k: usize, words: &mut [u32]) {
    for (values, words) in values.chunks_exact(k).zip(words.chunks_exact_mut(k.div_ceil(2))) {
        for (values, words) in values.chunks(2 * LANES).zip(words.chunks_mut(LANES)) {
            let rounded = match values.first_chunk() {
                Some(values) => round(load(values)),
                None => round(load(&padded(values))),
            };
            put(rounded, words);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn pair_rows(first: &[f32], second: &[f32], words: &mut [u32]) {
    // SAFETY: an array of exactly the register's size (2).
    let alternate = unsafe { _mm512_loadu_si512(ALTERNATE.as_ptr().cast()) };
    let rows = first.chunks(LANES).zip(second.chunks(LANES));
    for ((first, second), words) in rows.zip(words.chunks_mut(LANES)) {
        let rounded = match (first.first_chunk(), second.first_chunk()) {
            (Some(first), Some(second)) => round([load_one(first), load_one(second)]),
            _ => round([load_one(&padded(first)), load_one(&padded(second))]),
        };
        put(_mm512_permutexvar_epi16(alternate, rounded), words);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn tile<const ROWS: usize>(
    a: impl LeftSlice<u32, ROWS>,
    panel: &[[u32; COLUMNS]],
    c: &mut [f32],
    TileAt { n, column }: TileAt,
    prefetch: Prefetch<'_>,
) {
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    for (row, sums) in sums.iter_mut().enumerate() {
        let row = columns(c, n, row, column);
        *sums = match row.first_chunk() {
            Some(row) => load(row),
            None => load(&padded(row)),
        };
    }
    for part in prefetch.parts(panel.len()) {
        let (a, panel) = (a.range(part.clone()), &panel[part]);
        for (pair, b) in panel.iter().enumerate() {
            let b = load_words(b);
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = words_as_pairs(_mm512_set1_epi32(a.value(pair, row).cast_signed()));
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = _mm512_dpbf16_ps(*sum, a, b);
                }
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        let row = columns_mut(c, n, row, column);
        if let Some(row) = row.first_chunk_mut() {
            store(sums, row);
        } else {
            let mut whole = [0.0; COLUMNS];
            store(sums, &mut whole);
            row.copy_from_slice(&whole[..row.len()]);
        }
    }
}

/// Rounds two registers to bfloat16; those of the first go into the lower half.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn round([below, above]: [__m512; 2]) -> __m512i {
    // SAFETY: both types are 512 bits, valid for any value (3).
    unsafe { transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(above, below)) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn words_as_pairs(words: __m512i) -> __m512bh {
    // SAFETY: both types are 512 bits, valid for any value (3).
    unsafe { transmute::<__m512i, __m512bh>(words) }
}

/// The values, padded with zeros.
fn padded<const N: usize>(values: &[f32]) -> [f32; N] {
    let mut whole = [0.0; N];
    let n = values.len().min(N);
    whole[..n].copy_from_slice(&values[..n]);
    whole
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn load_one(values: &[f32; LANES]) -> __m512 {
    // SAFETY: an array of exactly the register's size (2).
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn load(values: &[f32; COLUMNS]) -> [__m512; 2] {
    // SAFETY: an array of exactly two registers' size (2).
    unsafe { [_mm512_loadu_ps(values.as_ptr()), _mm512_loadu_ps(values.as_ptr().add(LANES))] }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn load_words(words: &[u32; COLUMNS]) -> [__m512bh; 2] {
    // SAFETY: an array of exactly two registers' size (2).
    let (below, above) = unsafe {
        let at = words.as_ptr();
        (_mm512_loadu_si512(at.cast()), _mm512_loadu_si512(at.add(LANES).cast()))
    };
    [words_as_pairs(below), words_as_pairs(above)]
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn store([below, above]: [__m512; 2], values: &mut [f32; COLUMNS]) {
    let at = values.as_mut_ptr();
    // SAFETY: an array of exactly two registers' size (2).
    unsafe {
        _mm512_storeu_ps(at, below);
        _mm512_storeu_ps(at.add(LANES), above);
    }
}

/// Stores a register into a slice of at most one register's length.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn put(register: __m512i, words: &mut [u32]) {
    let store = |to: &mut [u32; LANES]| {
        // SAFETY: an array of exactly the register's size (2).
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), register) }
    };
    if let Some(words) = words.first_chunk_mut() {
        store(words);
    } else {
        let mut whole = [0; LANES];
        store(&mut whole);
        words.copy_from_slice(&whole[..words.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::bf16;

    fn halves(word: u32) -> [f32; 2] {
        [f32::from_bits(word << 16), f32::from_bits(word & 0xffff_0000)]
    }

    #[test]
    fn words_hold_the_nearest_bfloat16_of_any_number_of_values() {
        let Some(dot) = Dot::new() else {
            eprintln!("AVX-512-BF16: skipped, this processor does not have it");
            return;
        };
        for k in [1, 2, 15, 16, 31, 32, 33, 70] {
            let values: Vec<f32> = (0..2 * k).map(|i| (i as f32 * 0.7).sin() * 100.0).collect();
            let near = |value: f32| bf16::from_f32(value).to_f32();
            let columns = dot.pair_columns(&values, k);
            for (row, words) in values.chunks(k).zip(columns.chunks(k.div_ceil(2))) {
                let found: Vec<f32> = words.iter().flat_map(|word| halves(*word)).collect();
                for (i, found) in found.iter().enumerate() {
                    assert_eq!(*found, row.get(i).map_or(0.0, |value| near(*value)), "{i} of {k}");
                }
            }
            let mut rows = vec![0; k];
            dot.pair_rows(&values[..k], &values[k..], &mut rows);
            for (i, word) in rows.iter().enumerate() {
                assert_eq!(halves(*word), [near(values[i]), near(values[k + i])], "{i} of {k}");
            }
        }
    }
}
