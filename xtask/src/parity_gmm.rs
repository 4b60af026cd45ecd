//! `cargo xtask parity gmm`: the mixture crate beside scikit-learn, from the same start after the same iterations.
//!
//! Runs the crate's example `fit` and the recorded oracle script on each problem and prints the largest relative
//! difference of weights, means, covariances, bounds and criteria.
#![allow(clippy::print_stdout, reason = "a table is what this prints")]

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Largest difference allowed in `f64`, relative to the largest value of each array.
const TOLERANCE: f64 = 1e-9;

/// Name, components and covariance type of the problems that `gmm_problems.py` writes.
const PROBLEMS: [(&str, usize, &str); 5] =
    [("A", 16, "full"), ("B", 16, "full"), ("C", 32, "diag"), ("D", 8, "full"), ("E", 2, "diag")];

/// Compares after 1, 5 and 20 iterations; fails if any difference is above the tolerance.
///
/// `python` is an interpreter with scikit-learn, `oracle` the oracle script, `problems` the folder of problems, `fit` the
/// built example, and `only` the problems wanted (all if empty).
pub(crate) fn run(
    python: &Path,
    oracle: &Path,
    problems: &Path,
    fit: &Path,
    only: &[String],
    json_out: Option<&Path>,
) -> Result<()> {
    let mut rows = Vec::new();
    let mut worst: f64 = 0.0;
    println!(
        "problem  iterations  weights    means      covariances  bounds     bic        log likelihood"
    );
    for (name, k, covariance) in PROBLEMS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let data = problems.join(format!("{name}_X.npy"));
        let init = problems.join(format!("{name}_init.json"));
        for iterations in [1_usize, 5, 20] {
            let (k, n) = (k.to_string(), iterations.to_string());
            let theirs = answer(
                Command::new(python)
                    .arg(oracle)
                    .arg(&data)
                    .args(["--k", &k, "--cov", covariance, "--iters", &n, "--init"])
                    .arg(&init),
            )?;
            let ours = answer(
                Command::new(fit)
                    .arg(&data)
                    .args(["--components", &k, "--covariance", covariance, "--iterations", &n])
                    .args(["--json", "--init"])
                    .arg(&init),
            )?;
            let fields = ["weights", "means", "covariances", "lower_bounds", "bic"];
            let mut differences = Vec::with_capacity(fields.len());
            for field in fields {
                differences.push(relative_difference(&ours[field], &theirs[field])?);
            }
            worst = differences.iter().copied().fold(worst, f64::max);
            println!(
                "{name:7}  {iterations:10}  {:.2e}   {:.2e}   {:.2e}     {:.2e}   {:.2e}   {}",
                differences[0],
                differences[1],
                differences[2],
                differences[3],
                differences[4],
                ours["score"]
            );
            if iterations < 20 {
                let narrow = answer(
                    Command::new(fit)
                        .arg(&data)
                        .args(["--components", &k, "--covariance", covariance, "--iterations", &n])
                        .args(["--dtype", "float32", "--json", "--init"])
                        .arg(&init),
                )?;
                let peer = answer(
                    Command::new(python)
                        .arg(oracle)
                        .arg(&data)
                        .args(["--k", &k, "--cov", covariance, "--iters", &n])
                        .args(["--dtype", "float32", "--init"])
                        .arg(&init),
                )?;
                let own = relative_difference(&narrow["means"], &theirs["means"])?;
                let other = relative_difference(&peer["means"], &theirs["means"])?;
                println!(
                    "{name:7}  {iterations:10}  float32: means {own:.2e}, scikit-learn's {other:.2e}"
                );
                // Both round at random; only an order of magnitude tells.
                ensure!(own <= 10.0 * other.max(1e-6), "float32 of {name} is off by {own:e}");
            }
            rows.push(json!({
                "problem": name, "iterations": iterations, "covariance": covariance,
                "weights": differences[0], "means": differences[1], "covariances": differences[2],
                "lower_bounds": differences[3], "bic": differences[4],
                "score": ours["score"], "peer_score": theirs["score"],
            }));
        }
    }
    if let Some(path) = json_out {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    ensure!(!rows.is_empty(), "no problem was run");
    if worst > TOLERANCE {
        bail!("the largest difference is {worst:e}, above {TOLERANCE:e}");
    }
    Ok(())
}

/// Runs a command and reads the JSON object it prints.
fn answer(command: &mut Command) -> Result<Value> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// `max |a - b| / max |b|` over all numbers of two nested arrays.
fn relative_difference(a: &Value, b: &Value) -> Result<f64> {
    let (a, b) = (numbers(a), numbers(b));
    ensure!(a.len() == b.len() && !a.is_empty(), "{} numbers beside {}", a.len(), b.len());
    let scale = b.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let largest = a.iter().zip(&b).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    Ok(largest / scale)
}

/// All numbers of nested arrays, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}
