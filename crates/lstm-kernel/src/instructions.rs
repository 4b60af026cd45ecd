//! Instructions that `pulp` does not provide: the crate's only unsafe code.
//!
//! Each one documents why it is sound. Here that is a prefetch; in [`dot`], products of bfloat16.

#[cfg(target_arch = "x86_64")]
pub(crate) mod dot;
#[cfg(not(target_arch = "x86_64"))]
#[path = "instructions/dot/absent.rs"]
pub(crate) mod dot;

/// Prefetches a cache line into the second-level cache; does nothing on processors for which Rust
/// has no such instruction.
#[inline(always)]
pub(crate) fn prefetch(line: &[u8; 64]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "this instruction has no safe wrapper")]
    // SAFETY: every x86-64 processor has this instruction, and it has no effect visible to a
    // program.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
