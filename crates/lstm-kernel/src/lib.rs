//! An LSTM over a whole sequence on the CPU, forward and backward: plain slices in, plain slices
//! out.
//!
//! Nothing here knows tensors, autodiff or a model; `musicvae` brings those. The parts are
//! - [`functions`]: the gate functions on SIMD registers, with their stated error;
//! - [`packed`]: a matrix laid out once for many products with it;
//! - [`dense`]: products over all rows of a batch, for layers next to an LSTM;
//! - [`memory`]: the buffers that passes leave each other;
//! - [`lstm`]: the forward and the backward pass over a whole sequence.
//!
//! The same inputs give the same bits at any number of threads: work is split at fixed
//! boundaries ([`ROWS_PER_TASK`]), and no sum is split by thread.
//!
//! All code is safe but for one private module, `instructions`, which calls instructions that `pulp`
//! does not know; its invariants are written down there.

mod ahead;
pub mod dense;
pub mod functions;
mod instructions;
pub mod lstm;
pub mod memory;
pub mod packed;
mod stacked;
mod tile;

/// Sequences that one task carries through all time steps.
///
/// A fixed number, so that the split does not depend on the number of threads. 32 rows keep a
/// core's arithmetic busy while it streams the recurrent weights, and leave two tasks in the
/// smallest batch anyone trains with (64).
pub const ROWS_PER_TASK: usize = 32;

/// The README's example, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
