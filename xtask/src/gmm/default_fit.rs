//! Seconds of default fits, their starts included, next to scikit-learn's, by turns.
#![allow(clippy::print_stdout, reason = "a table is what this prints")]

use super::{Peer, answer, build_example, median};
use crate::process;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// File of the problem, its components and shape. `overlapping` has 200,000 rows of 32 columns, in which nothing can be
/// skipped; `latents` are 20,300 rows of 96 columns.
const PROBLEMS: [(&str, usize, &str); 4] = [
    ("latents", 32, "diag"),
    ("latents", 16, "full"),
    ("overlapping", 64, "diag"),
    ("overlapping", 64, "full"),
];
/// Wanted: times scikit-learn's speed.
const GOAL: f64 = 4.0;
/// Turns of each program.
const TURNS: usize = 3;
const THREADS: [&str; 2] = ["1", "2"];

/// Prints a row for each problem and returns them as JSON.
pub(super) fn run(peer: &Peer) -> Result<Vec<Value>> {
    let fit = build_example("optima")?;
    let script = process::root().join("xtask/peers/gmm_default.py");
    let scratch = tempfile::tempdir()?;
    let mut rows = Vec::new();
    println!(
        "default fit, start included    threads  ours (s)  of it start  scikit-learn (s)  ratio to its best  goal  nats, its"
    );
    for (name, k, shape) in PROBLEMS.into_iter().filter(|(name, ..)| peer.wants(name)) {
        let data = data(peer, name, scratch.path(), &script)?;
        let mut measured = Vec::new();
        for threads in THREADS {
            let (mut ours, mut starts, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
            let (mut score, mut peer_score) = (Vec::new(), Vec::new());
            for turn in 0..TURNS {
                let mut own = Command::new(&fit);
                own.arg(&data).args(["--components", &k.to_string(), "--covariance", shape]);
                own.args(["--seeds", "1", "--first-seed", &turn.to_string()]);
                let own = answer(own.args(["--threads", threads]))?;
                ours.extend(super::numbers(&own["seconds"]));
                starts.extend(super::numbers(&own["start_seconds"]));
                score.extend(super::numbers(&own["scores"]));
                let mut other = Command::new(&peer.python);
                other.arg(&script).arg(&data).args([&k.to_string(), shape, &turn.to_string()]);
                other.env("OPENBLAS_NUM_THREADS", threads).env("OMP_NUM_THREADS", threads);
                let other = answer(&mut other)?;
                theirs.push(other["wall"].as_f64().context("scikit-learn told no time")?);
                peer_score.extend(other["score"].as_f64());
            }
            let times = [median(&mut ours), median(&mut starts), median(&mut theirs)];
            measured.push((threads, times, median(&mut score), median(&mut peer_score)));
        }
        let best = measured.iter().map(|(_, times, ..)| times[2]).fold(f64::INFINITY, f64::min);
        for (threads, [ours, start, theirs], score, peer_score) in measured {
            let what = format!("{name} {k} {shape}");
            println!(
                "{what:29}  {threads:>7}  {ours:<8.3}  {start:<11.3}  {theirs:<16.3}  {:<17.1}  {GOAL:<4}  {score:.4}, {peer_score:.4}",
                best / ours
            );
            rows.push(json!({
                "problem": what, "threads": threads, "peer_name": "scikit-learn, default fit",
                "ours": ours, "start": start, "peer": theirs, "peer_best": best,
                "ratio": best / ours, "goal": GOAL, "score": score, "peer_score": peer_score,
            }));
        }
    }
    Ok(rows)
}

/// `NAME_X.npy` of the problems' folder; one is made where there is none.
fn data(
    peer: &Peer,
    name: &str,
    scratch: &std::path::Path,
    script: &std::path::Path,
) -> Result<PathBuf> {
    let given = peer.data(name);
    if given.exists() {
        return Ok(given);
    }
    let made = scratch.join(format!("{name}_X.npy"));
    if !made.exists() {
        let mut python = Command::new(&peer.python);
        answer(python.arg(script).args(["make", name]).arg(&made))?;
        println!("{name}: {} is not there; one of its size is made up", given.display());
    }
    Ok(made)
}
