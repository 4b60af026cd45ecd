//! Integration tests of `gmm` through its public interface, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "helpers of tests may panic, print why they skip, and round to f32 on purpose"
)]

#[cfg(feature = "ndarray")]
mod arrays;
mod bad_input;
mod bayesian;
mod determinism;
mod extremes;
mod few_samples;
mod form;
mod geometry;
mod hand_computed;
mod low_rank;
mod properties;
mod recovery;
mod selection;
mod sklearn_parity;
mod streaming;
mod support;
mod weights;
