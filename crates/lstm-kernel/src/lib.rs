//! An LSTM over a whole sequence on the CPU, forward and backward: plain slices in, plain slices
//! out.
//!
//! This crate has no tensors, no autodiff and no model; `musicvae` provides those. Its modules are
//! - [`functions`]: the gate functions on SIMD registers, with their documented error;
//! - [`packed`]: a matrix packed once for many products;
//! - [`dense`]: products over all rows of a batch, for layers next to an LSTM;
//! - [`memory`]: buffers that are reused from one pass to the next;
//! - [`lstm`]: the forward and backward passes over a whole sequence.
//!
//! The same inputs give the same bits with any number of threads: work is split at fixed boundaries
//! ([`ROWS_PER_TASK`]), and no sum is split across threads.
//!
//! All code is safe except for one private module, `instructions`, which calls instructions that
//! `pulp` does not provide and documents the invariants they rely on.

pub mod dense;
pub mod functions;
mod instructions;
pub mod lstm;
pub mod memory;
pub mod packed;
mod prefetch;
mod stacked;
mod tile;

/// Number of sequences that one task carries through all time steps.
///
/// It is fixed so that the split does not depend on the number of threads. 32 rows keep a core's
/// arithmetic busy while it streams the recurrent weights, and leave two tasks in the smallest
/// batch used for training (64).
pub const ROWS_PER_TASK: usize = 32;

/// The README's example, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
