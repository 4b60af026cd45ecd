//! The inner loops: distances, exponentials and weighted sums over blocks of rows, in vector
//! registers.
//!
//! If the result for a row is one number, rows are placed across the lanes of a register, so no sum
//! runs across lanes and a row's result does not depend on its neighbors. The instruction set is
//! detected at run time; all register sizes add in the same order, unless a comment says otherwise.
#![allow(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function is not compiled for its instruction set"
)]

pub(crate) mod diagonal;
pub(crate) mod exponential;
pub(crate) mod gram;
pub(crate) mod low_rank;
pub(crate) mod panel;
pub(crate) mod reach;
pub(crate) mod tiles;
pub(crate) mod triangular;
