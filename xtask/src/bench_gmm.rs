//! `cargo xtask bench gmm`: seconds per EM iteration of the mixture crate beside scikit-learn, from the same start.
//!
//! The two are run by turns, so that other work on the machine falls on both alike; medians over all iterations.
#![allow(clippy::print_stdout, reason = "a table is what this prints")]

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Name, components, covariance type and goal (times scikit-learn's best) of the problems.
const PROBLEMS: [(&str, usize, &str, f64); 4] = [
    ("A", 16, "full", 12.0),
    ("B", 16, "full", 10.0),
    ("C", 32, "diag", 5.0),
    ("D", 8, "full", 8.0),
];
/// Turns of each program.
const TURNS: usize = 3;

/// Prints a table and, if asked, writes its rows (`problem, threads, ours, peer, ratio`) as JSON.
///
/// `python` is an interpreter with scikit-learn, `peer` the script `xtask/peers/gmm_sklearn.py`, `problems` the folder of
/// problems, `fit` the built example, `iterations` how many each turn runs, and `only` the problems wanted (all if empty).
pub(crate) fn run(
    python: &Path,
    peer: &Path,
    problems: &Path,
    fit: &Path,
    iterations: usize,
    only: &[String],
    json_out: Option<&Path>,
) -> Result<()> {
    ensure!(iterations >= 3, "at least 3 iterations are needed, {iterations} were asked for");
    let mut rows = Vec::new();
    println!("problem  threads  ours (s)   scikit-learn (s)  its best (s)  ratio  goal");
    for (name, k, covariance, goal) in PROBLEMS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let data = problems.join(format!("{name}_X.npy"));
        let init = problems.join(format!("{name}_init.json"));
        let n = iterations.to_string();
        let mut measured = Vec::new();
        for threads in ["1", "2"] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..TURNS {
                let own = answer(
                    Command::new(fit)
                        .arg(&data)
                        .args(["--components", &k.to_string(), "--covariance", covariance])
                        .args(["--iterations", &n, "--threads", threads, "--json", "--no-params"])
                        .arg("--init")
                        .arg(&init),
                )?;
                ours.extend(own["seconds_per_iteration"].as_f64());
                let other = answer(
                    Command::new(python)
                        .arg(peer)
                        .arg(&data)
                        .arg(&init)
                        .args([covariance, &n])
                        .env("OPENBLAS_NUM_THREADS", threads),
                )?;
                let walls = other["wall"].as_array().context("the peer printed no times")?;
                theirs.extend(walls.iter().skip(1).filter_map(Value::as_f64));
            }
            measured.push((threads, median(&mut ours), median(&mut theirs)));
        }
        let best = measured.iter().map(|(_, _, theirs)| *theirs).fold(f64::INFINITY, f64::min);
        for (threads, ours, theirs) in measured {
            let ratio = best / ours;
            println!(
                "{name:7}  {threads:>7}  {ours:<9.4}  {theirs:<16.4}  {best:<12.4}  {ratio:<5.1}  {goal}"
            );
            rows.push(json!({
                "problem": name, "threads": threads, "ours": ours, "peer": theirs, "peer_best": best,
                "ratio": ratio, "goal": goal,
            }));
        }
    }
    if let Some(path) = json_out {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
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

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
