//! `cargo xtask eval`: the program's own `eval`, built first.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::process;

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// The `controlgen` program to run [default: build its release]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Arguments of `controlgen eval`: `--model M --corpus C -o FOLDER`, `control …`, `diff A B`;
    /// see `controlgen eval --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

pub(crate) fn run(args: &EvalArgs) -> Result<()> {
    let program = process::controlgen(args.program.as_deref())?;
    let eval = std::iter::once(OsString::from("eval"));
    process::run(&program, eval.chain(args.arguments.iter().cloned()))
}
