//! `cargo xtask check`: the gate, cheapest first.

use anyhow::Result;

use crate::process::{cargo, say};
use crate::tidy;

pub(crate) fn run() -> Result<()> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    tidy::run()?;
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"], &[])?;
    cargo(&["test", "--workspace", "--locked"], &[])?;
    let deny = [("RUSTDOCFLAGS", "-D warnings")];
    cargo(&["doc", "--workspace", "--no-deps", "--locked"], &deny)?;
    say("everything passes");
    Ok(())
}
