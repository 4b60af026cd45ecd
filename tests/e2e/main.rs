//! End-to-end tests: the program as a user runs it.
//!
//! They train for a few steps only: what is tested is that each part hands on to the next, that the
//! same seed gives the same bytes, and what a user is told when something is wrong. How well a model
//! learns is tested in `musicvae` and measured by `cargo xtask train`.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod backends;
mod bad_input;
mod control;
mod corpus;
mod demo;
mod eval;
mod kinds;
mod machine;
mod outputs;
mod pipeline;
mod render;
mod resume;
mod studio;
mod styles;
mod support;
mod training;
mod tunes;
