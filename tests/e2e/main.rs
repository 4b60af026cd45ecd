//! End-to-end tests: the program as a user runs it.
//!
//! They train for only a few steps. They check that the parts fit together, that the same seed
//! gives the same bytes, and what the error messages are. How well a model learns is tested in
//! `musicvae` and measured by `cargo xtask train`.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod adapt;
mod backends;
mod bad_input;
mod control;
mod corpus;
mod demo;
mod eval;
mod kinds;
mod machine;
mod outputs;
mod pieces;
mod pipeline;
mod render;
mod resume;
mod studio;
mod styles;
mod support;
mod training;
mod tunes;
mod voices;
mod watch;
