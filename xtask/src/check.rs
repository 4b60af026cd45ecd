//! `cargo xtask check`: the gate, cheapest checks first; `cargo xtask check-cluster`: that of the
//! cluster runner.

use anyhow::Result;

use crate::process::{WORKSPACE, cargo, say};
use crate::tidy;

pub(crate) fn run() -> Result<()> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    tidy::run()?;
    steps(&WORKSPACE)
}

/// Only the crate `cluster`: the engine that it depends on takes longer to build than everything
/// else.
pub(crate) fn cluster() -> Result<()> {
    steps(&["--package", "cluster"])
}

fn steps(packages: &[&str]) -> Result<()> {
    let run = |command: &str, rest: &[&str], environment: &[(&str, &str)]| {
        let words: Vec<&str> =
            [command].into_iter().chain(packages.iter().chain(rest).copied()).collect();
        cargo(&words, environment)
    };
    run("clippy", &["--all-targets", "--locked", "--", "-D", "warnings"], &[])?;
    run("test", &["--locked"], &[])?;
    run("doc", &["--no-deps", "--locked"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    say("everything passes");
    Ok(())
}
