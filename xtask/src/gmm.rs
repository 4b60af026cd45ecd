//! `cargo xtask parity gmm` and `cargo xtask bench gmm`: the mixture crate compared with
//! scikit-learn and linfa.

pub(crate) mod bench;
mod default_fit;
mod growth;
pub(crate) mod optima;
pub(crate) mod parity;

use crate::process;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Inputs for comparing mixtures.
#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// Folder with the problems written by `gmm_problems.py`
    #[arg(long, value_name = "DIR")]
    problems: PathBuf,
    /// A Python interpreter with scikit-learn
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Problems to run, by letter [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Latents written by `controlgen encode`, for the default fits [default: `latents_X.npy` of
    /// the problems, or random numbers of the same shape]
    #[arg(long, value_name = "FILE.parquet")]
    latents: Option<PathBuf>,
    /// Alternations of the default fits
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// Use this build of the example `optima` [default: build it]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Also write the rows as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Peer {
    fn wants(&self, problem: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == problem)
    }

    fn data(&self, problem: &str) -> PathBuf {
        self.problems.join(format!("{problem}_X.npy"))
    }

    fn init(&self, problem: &str) -> PathBuf {
        self.problems.join(format!("{problem}_init.json"))
    }
}

/// Builds an example of `gmm`.
fn build_example(name: &str) -> Result<PathBuf> {
    process::build_example("gmm", name)
}

/// Runs a command and reads the JSON object it prints.
pub(crate) fn answer(command: &mut Command) -> Result<Value> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The example `optima`: the given program, or a new build.
fn optima_program(given: Option<&PathBuf>) -> Result<PathBuf> {
    given.map_or_else(|| build_example("optima"), |program| Ok(program.clone()))
}

/// All numbers of nested arrays, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}
