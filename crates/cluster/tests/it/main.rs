//! The program `controlgen-cluster`, run as users run it.
//!
//! `CONTROLGEN_TEST_MOUNT=1` also fills a small disk, which needs the right to mount one.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod errors;
mod loopback;
mod one_process;
mod support;
