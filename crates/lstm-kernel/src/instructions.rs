//! Instructions that `pulp` does not know: the crate's only unsafe code.
//!
//! What makes it sound is written down with each: here a prefetch, in [`dot`] products of bfloat16.

#[cfg(target_arch = "x86_64")]
pub(crate) mod dot;
#[cfg(not(target_arch = "x86_64"))]
#[path = "instructions/dot/absent.rs"]
pub(crate) mod dot;

/// Asks for a cache line, into the second cache; does nothing where Rust has no such instruction.
#[inline(always)]
pub(crate) fn prefetch(line: &[u8; 64]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "an instruction that no safe wrapper has")]
    // SAFETY: every x86-64 processor has it, and it changes nothing that a program sees.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
