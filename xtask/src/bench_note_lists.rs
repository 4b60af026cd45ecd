//! `cargo xtask bench note-lists`: training of a model over note lists compared with its
//! counterpart in PyTorch, on the windows of one corpus: windows per second in alternating runs,
//! then reconstruction after the same time.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::files::{median, save};
use crate::gmm::answer as json_line;
use crate::process::{self, answer, args};

/// Windows in a batch, in both programs.
const BATCH_SIZE: f64 = 128.0;
/// Goal: our windows per second relative to the counterpart's.
const GOAL_SPEED: f64 = 1.3;

/// Options of the comparison.
#[derive(Debug, Args)]
pub(crate) struct BenchNoteLists {
    /// A corpus folder of kind poly-2bar
    #[arg(long, value_name = "FOLDER")]
    corpus: PathBuf,
    /// The PyTorch counterpart: a script that defines `NoteListVae`, `batch` and `f1`
    #[arg(long, value_name = "FILE", default_value = "../shared/peers/note_list_vae.py")]
    script: PathBuf,
    /// A Python interpreter with torch, pyarrow and symusic
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// The program to measure [default: build its release]
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
    /// The preset to train
    #[arg(long, default_value = "poly_2bar_compact")]
    preset: String,
    /// Number of threads of each program
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Number of alternating runs of each program for the speed
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// Steps of each of these runs
    #[arg(long, default_value_t = 60)]
    steps: u64,
    /// Then train each for this long, at the measured speed; 0 measures only the speed
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Weight of the KL term, in both programs
    #[arg(long, default_value_t = 0.3)]
    beta: f64,
    /// Also write the rows as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The result of training.
struct Trained {
    windows_per_s: f64,
    /// Note F1 of the best reconstruction, and of sampled ones.
    f1: [f64; 2],
}

pub(crate) fn run(args: &BenchNoteLists) -> Result<()> {
    let script = process::counterpart(&args.script)?;
    let program = process::controlgen(args.program.as_deref())?;
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.turns.max(1) {
        own.push(ours(args, &program, args.steps)?.windows_per_s);
        theirs.push(peer(args, &script, args.steps, false)?.windows_per_s);
    }
    let ratio = median(own.iter().zip(&theirs).map(|(own, theirs)| own / theirs).collect());
    let (own, theirs) = (median(own), median(theirs));
    answer("what                           ours   PyTorch   ratio  goal");
    answer(&format!(
        "windows per second         {own:8.1}  {theirs:8.1}  {ratio:6.2}  {GOAL_SPEED}"
    ));
    let mut rows = vec![json!({
        "what": "windows per second", "threads": args.threads, "ours": own, "peer": theirs,
        "ratio": ratio, "goal": GOAL_SPEED,
    })];
    if args.minutes > 0.0 {
        let steps = |rate: f64| steps_in(args.minutes, rate);
        let a = ours(args, &program, steps(own))?;
        let b = peer(args, &script, steps(theirs), true)?;
        let names = ["note F1, posterior mean", "note F1, sampled"];
        for (name, (a, b)) in names.into_iter().zip(a.f1.into_iter().zip(b.f1)) {
            answer(&format!("{name:25}  {a:8.3}  {b:8.3}  {:6.2}  1", a / b));
            rows.push(json!({
                "what": name, "minutes": args.minutes, "ours": a, "peer": b, "ratio": a / b,
                "goal": 1.0,
            }));
        }
        answer(&format!(
            "after {} minutes: {} and {} steps of {BATCH_SIZE} windows, weight of the KL term {}",
            args.minutes,
            steps(own),
            steps(theirs),
            args.beta
        ));
    }
    save(args.json.as_deref(), &rows)
}

/// Number of steps in `minutes` at a rate in windows per second, at least 1.
#[expect(clippy::cast_sign_loss, reason = "it is at least 1")]
fn steps_in(minutes: f64, rate: f64) -> u64 {
    (minutes * 60.0 * rate / BATCH_SIZE).ceil().max(1.0) as u64
}

/// Trains our model for a number of steps.
fn ours(args: &BenchNoteLists, program: &Path, steps: u64) -> Result<Trained> {
    let folder = tempfile::tempdir()?;
    let run = folder.path().join("run");
    let steps = steps.to_string();
    let result = process::json(
        program,
        args![
            "train",
            "--corpus",
            &args.corpus,
            "--preset",
            &args.preset,
            "--out",
            &run,
            "--threads",
            args.threads.to_string(),
            "--beta",
            args.beta.to_string(),
            "--steps",
            &steps,
            "--decay-steps",
            &steps,
            "--evaluate-every",
            &steps,
            "--checkpoint-every",
            &steps,
        ],
    )?;
    let metrics = run.join("metrics.jsonl");
    let metrics = std::fs::read_to_string(&metrics)
        .with_context(|| format!("can't read {}", metrics.display()))?;
    Ok(Trained {
        windows_per_s: rate(&metrics).context("the run has fewer than two steps")?,
        f1: ["best", "sampled"].map(|which| number(&result["heldout"][which]["note_f1"])),
    })
}

/// Windows per second between the first and the last step of a run's metrics.
fn rate(metrics: &str) -> Option<f64> {
    let events = metrics.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let steps: Vec<Value> = events.filter(|event| event["event"] == "step").collect();
    let [first, .., last] = &steps[..] else { return None };
    let difference = |key: &str| Some(last[key].as_f64()? - first[key].as_f64()?);
    Some(BATCH_SIZE * difference("step")? / difference("elapsed_secs")?)
}

/// Trains the counterpart for a number of steps; with `score` it also reconstructs held-out
/// windows.
fn peer(args: &BenchNoteLists, script: &Path, steps: u64, score: bool) -> Result<Trained> {
    let mut command = Command::new(&args.python);
    command.arg(process::root().join("xtask/peers/note_lists.py")).arg(script).arg(&args.corpus);
    command.args(["--steps", &steps.to_string(), "--threads", &args.threads.to_string()]);
    command.args(["--beta", &args.beta.to_string()]);
    if score {
        command.arg("--score");
    }
    let result = json_line(&mut command)?;
    Ok(Trained {
        windows_per_s: number(&result["windows_per_s"]),
        f1: ["best", "sampled"].map(|which| number(&result[which])),
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_the_steps_after_the_first() {
        let line = |step: u32, secs: f64| {
            format!("{{\"event\":\"step\",\"step\":{step},\"elapsed_secs\":{secs}}}\n")
        };
        // Four steps in two seconds, whatever happened before the first.
        let metrics = line(1, 9.0) + "{\"event\":\"evaluation\"}\n" + &line(5, 11.0);
        assert_eq!(rate(&metrics), Some(256.0));
        assert_eq!(rate(&line(1, 9.0)), None);
    }
}
