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
    println!(
        "problem  threads  ours (s)   mean (s)   CPU (s)    scikit-learn (s)  its best (s)  ratio  goal   peak (MiB)"
    );
    for (name, k, covariance, goal) in PROBLEMS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        let data = problems.join(format!("{name}_X.npy"));
        let init = problems.join(format!("{name}_init.json"));
        let n = iterations.to_string();
        let mut measured = Vec::new();
        for threads in ["1", "2"] {
            let (mut ours, mut theirs, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
            let mut peak = 0.0_f64;
            for _ in 0..TURNS {
                let own = answer(
                    Command::new(fit)
                        .arg(&data)
                        .args(["--components", &k.to_string(), "--covariance", covariance])
                        .args(["--iterations", &n, "--threads", threads, "--json", "--no-params"])
                        .arg("--init")
                        .arg(&init),
                )?;
                ours.extend(times(&own, "seconds")?);
                cpu.extend(times(&own, "cpu_seconds")?);
                peak = peak.max(own["peak_kib"].as_f64().unwrap_or(f64::NAN) / 1024.0);
                let other = answer(
                    Command::new(python)
                        .arg(peer)
                        .arg(&data)
                        .arg(&init)
                        .args([covariance, &n])
                        .env("OPENBLAS_NUM_THREADS", threads),
                )?;
                theirs.extend(times(&other, "wall")?.skip(1));
            }
            let mean = ours.iter().sum::<f64>() / ours.len() as f64;
            let used = median(&mut cpu);
            measured.push((threads, median(&mut ours), mean, used, median(&mut theirs), peak));
        }
        let best = measured.iter().map(|row| row.4).fold(f64::INFINITY, f64::min);
        for (threads, ours, mean, used, theirs, peak) in measured {
            let ratio = best / ours;
            println!(
                "{name:7}  {threads:>7}  {ours:<9.4}  {mean:<9.4}  {used:<9.4}  {theirs:<16.4}  {best:<12.4}  {ratio:<5.1}  {goal:<5}  {peak:.0}"
            );
            rows.push(json!({
                "problem": name, "threads": threads, "ours": ours, "peer": theirs, "peer_best": best,
                "ratio": ratio, "goal": goal, "mean": mean, "cpu": used, "peak_mib": peak,
            }));
        }
    }
    if let Some(path) = json_out {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The numbers of one field.
fn times<'a>(answer: &'a Value, field: &'a str) -> Result<impl Iterator<Item = f64> + 'a> {
    let values = answer[field].as_array().with_context(|| format!("there are no {field}"))?;
    Ok(values.iter().filter_map(Value::as_f64))
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
