//! The program `controlgen-cluster`, run as users run it.
//!
//! `CONTROLGEN_TEST_MOUNT=1` also fills a small disk, which needs the right to mount one.

mod errors;
mod loopback;
mod one_process;
mod support;
