//! Seconds of default fits, including their starts, compared with scikit-learn's.
#![allow(clippy::print_stdout, reason = "a table is what this prints")]

use super::{Peer, answer, numbers, optima_program};
use crate::files::median;
use crate::process;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Name of the problem's file, number of components, and covariance type. `overlapping` has 200,000
/// rows of 32 columns, in which nothing can be skipped; `latents` are 20,300 rows of 96 columns.
const PROBLEMS: [(&str, usize, &str); 4] = [
    ("latents", 32, "diag"),
    ("latents", 16, "full"),
    ("overlapping", 64, "diag"),
    ("overlapping", 64, "full"),
];
/// Required speed, as a multiple of scikit-learn's.
const GOAL: f64 = 4.0;
const THREADS: [&str; 2] = ["1", "2"];

/// Medians over the fits of one program with one number of threads.
struct Measured {
    wall: f64,
    /// Processor time, which other programs on the machine hardly affect.
    cpu: f64,
    /// The part of the wall time used by the start; NaN if unknown.
    start: f64,
    /// Mean log likelihood per row.
    score: f64,
}

/// Prints a row for each problem and returns them as JSON.
pub(super) fn run(peer: &Peer) -> Result<Vec<Value>> {
    let fit = optima_program(peer.program.as_ref())?;
    let script = process::root().join("xtask/peers/gmm_default.py");
    let scratch = tempfile::tempdir()?;
    let mut rows = Vec::new();
    println!(
        "default fit, start included  threads  ours: wall (of it start), cpu (s)  scikit-learn: wall, \
         cpu (s)  ratio: wall, cpu  goal  nats per row, scikit-learn's"
    );
    for (name, k, shape) in PROBLEMS.into_iter().filter(|(name, ..)| peer.wants(name)) {
        let data = data(peer, name, scratch.path(), &script)?;
        for threads in THREADS {
            let mut fits = [Vec::new(), Vec::new()];
            for turn in 0..peer.turns {
                let mut own = Command::new(&fit);
                own.arg(&data).args(["--components", &k.to_string(), "--covariance", shape]);
                own.args(["--seeds", "1", "--first-seed", &turn.to_string()]);
                let own = answer(own.args(["--threads", threads]))?;
                fits[0].push(
                    ["seconds", "cpu_seconds", "start_seconds", "scores"]
                        .map(|field| numbers(&own[field]).first().copied().unwrap_or(f64::NAN)),
                );
                let mut other = Command::new(&peer.python);
                other.arg(&script).arg(&data).args([&k.to_string(), shape, &turn.to_string()]);
                other.env("OPENBLAS_NUM_THREADS", threads).env("OMP_NUM_THREADS", threads);
                let other = answer(&mut other)?;
                let wall = other["wall"].as_f64().context("scikit-learn reported no time")?;
                let field = |name: &str| other[name].as_f64().unwrap_or(f64::NAN);
                fits[1].push([wall, field("cpu"), f64::NAN, field("score")]);
            }
            let [ours, theirs] = fits.map(|fits| Measured::medians(&fits));
            let what = format!("{name} {k} {shape}");
            let ratios = [theirs.wall / ours.wall, theirs.cpu / ours.cpu];
            println!(
                "{what:27}  {threads:>7}  {:>9.3} ({:>6.3}), {:>9.3}         {:>9.3}, {:>9.3}           \
                 {:>5.1}, {:>5.1}      {GOAL:<4}  {:.4}, {:.4}",
                ours.wall,
                ours.start,
                ours.cpu,
                theirs.wall,
                theirs.cpu,
                ratios[0],
                ratios[1],
                ours.score,
                theirs.score,
            );
            rows.push(json!({
                "problem": what, "threads": threads, "peer_name": "scikit-learn, default fit",
                "ours": ours.wall, "ours_cpu": ours.cpu, "start": ours.start,
                "peer": theirs.wall, "peer_cpu": theirs.cpu,
                "ratio": ratios[0], "cpu_ratio": ratios[1], "goal": GOAL,
                "score": ours.score, "peer_score": theirs.score,
            }));
        }
    }
    Ok(rows)
}

impl Measured {
    /// Medians of wall time, processor time, time of the start, and score.
    fn medians(fits: &[[f64; 4]]) -> Self {
        let [wall, cpu, start, score] =
            std::array::from_fn(|i| median(fits.iter().map(|fit| fit[i]).collect()));
        Self { wall, cpu, start, score }
    }
}

/// The problem's `NAME_X.npy`, or the given latents; generated if there are none.
fn data(peer: &Peer, name: &str, scratch: &Path, script: &Path) -> Result<PathBuf> {
    let made = scratch.join(format!("{name}_X.npy"));
    let mut python = Command::new(&peer.python);
    python.arg(script);
    if name == "latents"
        && let Some(latents) = &peer.latents
    {
        answer(python.arg("take").arg(latents).arg(&made))?;
        return Ok(made);
    }
    let given = peer.data(name);
    if given.exists() {
        return Ok(given);
    }
    answer(python.args(["make", name]).arg(&made))?;
    println!("{name}: {} doesn't exist; random numbers of the same shape instead", given.display());
    Ok(made)
}
