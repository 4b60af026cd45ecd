//! `cargo xtask bench gmm`: seconds per EM iteration of the mixture crate compared with
//! scikit-learn, from the same start, and with linfa.
//!
//! They run alternately, so that other work on the machine affects all equally; medians over all
//! iterations. Our iterations skip components without any part of a row, so later iterations are
//! faster: [`ITERATIONS`] is a typical number for a fit.
#![allow(clippy::print_stdout, reason = "a table is what this prints")]

use super::{Peer, answer, build_example, default_fit, growth};
use crate::files::{median, save};
use crate::process;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A problem of `gmm_problems.py`.
struct Problem {
    name: &'static str,
    n_components: usize,
    covariance: &'static str,
    /// Goal: time relative to scikit-learn's best in `f64`.
    goal: f64,
}

const PROBLEMS: [Problem; 4] = [
    Problem { name: "A", n_components: 16, covariance: "full", goal: 12.0 },
    Problem { name: "B", n_components: 16, covariance: "full", goal: 10.0 },
    Problem { name: "C", n_components: 32, covariance: "diag", goal: 5.0 },
    Problem { name: "D", n_components: 8, covariance: "full", goal: 8.0 },
];
const THREADS: [&str; 2] = ["1", "2"];
/// Number of alternations of the programs.
const TURNS: usize = 3;
/// Number of our iterations per run.
const ITERATIONS: &str = "20";
/// Number of iterations of scikit-learn per run, the first of which is a warm-up: all take the same
/// time.
const PEER_ITERATIONS: &str = "5";

/// Results of all runs for one problem, type and number of threads.
struct Measured {
    ours: f64,
    /// Mean over all iterations, including the first ones, which are dense.
    mean: f64,
    peer: f64,
    /// Operations per second of a large matrix product.
    product_rate: f64,
    peak_mib: f64,
    peer_peak_mib: f64,
    /// Number of operations of an iteration that skips nothing.
    n_operations: f64,
}

/// Prints a table and, if requested, writes its rows as JSON.
pub(crate) fn run(peer: &Peer, with_growth: bool) -> Result<()> {
    let mut rows = iterations(peer)?;
    rows.extend(default_fit::run(peer)?);
    if with_growth {
        rows.extend(growth::run(peer, &build_example("fit")?)?);
    }
    save(peer.json.as_deref(), &rows)
}

/// Seconds per iteration for all requested problems.
fn iterations(peer: &Peer) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    if !PROBLEMS.iter().any(|problem| peer.wants(problem.name)) {
        return Ok(rows);
    }
    let fit = build_example("fit")?;
    let linfa = build_linfa()?;
    println!(
        "problem  type     threads  ours (s)  mean (s)  scikit-learn (s)  ratio to its best  goal  of the product rate  peak, its peak (MiB)"
    );
    for problem in PROBLEMS.iter().filter(|problem| peer.wants(problem.name)) {
        for dtype in ["float64", "float32"] {
            let mut measured = Vec::new();
            for threads in THREADS {
                measured.push(by_turns(peer, &fit, problem, dtype, threads)?);
            }
            let best = measured.iter().map(|m| m.peer).fold(f64::INFINITY, f64::min);
            for (threads, m) in THREADS.iter().zip(&measured) {
                let share = m.n_operations / m.ours / m.product_rate;
                let goal =
                    if dtype == "float64" { problem.goal.to_string() } else { String::new() };
                println!(
                    "{:7}  {dtype}  {threads:>7}  {:<8.4}  {:<8.4}  {:<16.4}  {:<17.1}  {goal:<4}  {share:<19.2}  {:.0}, {:.0}",
                    problem.name,
                    m.ours,
                    m.mean,
                    m.peer,
                    best / m.ours,
                    m.peak_mib,
                    m.peer_peak_mib
                );
                rows.push(json!({
                    "problem": problem.name, "dtype": dtype, "threads": threads, "peer_name": "scikit-learn",
                    "ours": m.ours, "mean": m.mean, "peer": m.peer, "peer_best": best,
                    "ratio": best / m.ours, "goal": problem.goal, "product_rate": m.product_rate,
                    "product_share": share, "peak_mib": m.peak_mib, "peer_peak_mib": m.peer_peak_mib,
                }));
            }
            // The mean: the work of an iteration is the same on one thread and on two, bit for bit.
            let scaling = measured[0].mean / measured[1].mean;
            let product = measured[1].product_rate / measured[0].product_rate;
            println!(
                "{:7}  {dtype}  two threads: {scaling:.2} times one; matrix products {product:.2} times; share {:.2}",
                problem.name,
                scaling / product
            );
            match (dtype, problem.covariance) {
                ("float64", "full") => {
                    match compare_with_linfa(peer, &linfa, problem, measured[0].ours) {
                        Ok(row) => rows.push(row),
                        // The other figures are valid without it.
                        Err(error) => println!("{:7}  linfa skipped: {error:#}", problem.name),
                    }
                }
                ("float64", shape) => {
                    println!("{:7}  linfa skipped: it has no {shape} covariances", problem.name);
                }
                _ => println!("{:7}  linfa skipped in f32: it is timed in f64", problem.name),
            }
        }
    }
    Ok(rows)
}

/// Runs our program and scikit-learn alternately.
fn by_turns(
    peer: &Peer,
    fit: &Path,
    problem: &Problem,
    dtype: &str,
    threads: &str,
) -> Result<Measured> {
    let (data, init) = (peer.data(problem.name), peer.init(problem.name));
    let script = process::root().join("xtask/peers/gmm_sklearn.py");
    let (mut ours, mut theirs, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut peak, mut peer_peak, mut size) = (0.0_f64, 0.0_f64, 0.0);
    for _ in 0..TURNS {
        let mut own = Command::new(fit);
        own.arg(&data).args(["--components", &problem.n_components.to_string()]);
        own.args(["--covariance", problem.covariance, "--iterations", ITERATIONS]);
        own.args(["--threads", threads, "--dtype", dtype, "--json", "--no-params", "--init"]);
        let own = answer(own.arg(&init))?;
        ours.extend(times(&own, "seconds")?);
        peak = peak.max(own["peak_kib"].as_f64().unwrap_or(f64::NAN) / 1024.0);
        let mut other = Command::new(&peer.python);
        other.arg(&script).arg(&data).arg(&init).args([problem.covariance, PEER_ITERATIONS, dtype]);
        let other = answer(other.env("OPENBLAS_NUM_THREADS", threads))?;
        theirs.extend(times(&other, "wall")?.skip(1));
        rates.extend(other["product_rate"].as_f64());
        peer_peak = peer_peak.max(other["peak_kib"].as_f64().unwrap_or(f64::NAN) / 1024.0);
        let (n, d) = (other["n"].as_f64(), other["d"].as_f64());
        let (n, d) = (n.context("there is no n")?, d.context("there is no d")?);
        // A triangular product and half an outer product each, or four operations forward and four
        // backward.
        let each = if problem.covariance == "full" { 2.0 * d * d } else { 8.0 * d };
        size = n * problem.n_components as f64 * each;
    }
    let mean = ours.iter().sum::<f64>() / ours.len() as f64;
    Ok(Measured {
        ours: median(ours),
        mean,
        peer: median(theirs),
        product_rate: median(rates),
        peak_mib: peak,
        peer_peak_mib: peer_peak,
        n_operations: size,
    })
}

/// linfa's seconds per iteration, on one thread.
fn compare_with_linfa(peer: &Peer, linfa: &Path, problem: &Problem, ours: f64) -> Result<Value> {
    let k = problem.n_components.to_string();
    let theirs = answer(Command::new(linfa).arg(peer.data(problem.name)).arg(k))?;
    let theirs = theirs["seconds_per_iteration"].as_f64().context("linfa reported no time")?;
    println!(
        "{:7}  float64        1  {ours:<8.4}  linfa {theirs:.4}, ratio {:.1}",
        problem.name,
        theirs / ours
    );
    Ok(json!({
        "problem": problem.name, "dtype": "float64", "threads": "1", "peer_name": "linfa",
        "ours": ours, "peer": theirs, "ratio": theirs / ours,
    }))
}

/// Builds the program for linfa, which is a separate workspace.
fn build_linfa() -> Result<PathBuf> {
    let root = process::root();
    let target = root.join("target/peers");
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--target-dir"])
        .arg(&target)
        .current_dir(root.join("xtask/peers/gmm-linfa"))
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "xtask/peers/gmm-linfa could not be built");
    Ok(target.join(format!("release/gmm-linfa{}", std::env::consts::EXE_SUFFIX)))
}

/// The numbers of one field.
fn times<'a>(answer: &'a Value, field: &'a str) -> Result<impl Iterator<Item = f64> + 'a> {
    let values = answer[field].as_array().with_context(|| format!("there are no {field}"))?;
    Ok(values.iter().filter_map(Value::as_f64))
}
