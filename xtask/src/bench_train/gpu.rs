//! The same comparison on a GPU, with Magenta's large model of two bars.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{BenchTrain, median};
use crate::process::{self, answer};

/// `cat-mel_2bar_big` with Magenta's batch size; many runs, because a step takes milliseconds.
const SIZES: [&str; 14] = [
    "--enc",
    "2048",
    "--dec",
    "2048",
    "--dec-layers",
    "3",
    "--z",
    "512",
    "--batch",
    "512",
    "--runs",
    "25",
    "--warmup",
    "5",
];

/// The tasks: name, key, goal.
const WORKS: [(&str, &str, f64); 2] = [
    ("train in bf16, sequences/s", "train_seq_per_s", 1.0),
    ("encode, sequences/s", "encode_seq_per_s", 1.0),
];

const DEVICE: &str = "tch:cuda:0";

/// The rows of the comparison.
pub(super) fn run(args: &BenchTrain, script: &Path) -> Result<Vec<Value>> {
    let ours = match &args.program {
        Some(program) => program.clone(),
        None => process::build_example_with("musicvae", "speed", &["tch"])?,
    };
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.turns.max(1) {
        let mut command = Command::new(&ours);
        command.args(SIZES).args(["--device", DEVICE, "--bf16", "--no-sampling"]);
        own.push(measured(&mut command)?);
        let mut command = Command::new(&args.python);
        command.arg(script).args(SIZES).args(["--device", "cuda", "--bf16"]);
        theirs.push(measured(&mut command)?);
    }
    answer("cat-mel_2bar_big, batch 512      ours   PyTorch   ratio  goal");
    let mut rows = Vec::new();
    for (name, key, goal) in WORKS {
        let (a, b) = (median(&own, key), median(&theirs, key));
        answer(&format!("{name:27}  {a:8.0}  {b:8.0}  {:5.2}  {goal}", a / b));
        rows.push(json!({
            "work": name, "device": DEVICE, "ours": a, "peer": b, "ratio": a / b, "goal": goal
        }));
    }
    let (a, b) = (median(&own, "gpu_mib"), median(&theirs, "gpu_mib"));
    let name = "memory of the GPU, MiB";
    answer(&format!("{name:27}  {a:8.0}  {b:8.0}  {:5.2}", b / a));
    rows.push(json!({ "work": name, "device": DEVICE, "ours": a, "peer": b, "ratio": b / a }));
    Ok(rows)
}

/// A program's JSON line, with the peak GPU memory in use while it ran.
fn measured(command: &mut Command) -> Result<Value> {
    let mut child: Child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("can't run {}", command.get_program().display()))?;
    let mut most = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        most = most.max(used_mib().unwrap_or(0));
        thread::sleep(Duration::from_millis(100));
    };
    let output = child.wait_with_output()?;
    if !status.success() {
        bail!("{} failed", command.get_program().display());
    }
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().context("it printed nothing")?;
    let mut found: Value = serde_json::from_str(line).context("its last line is not JSON")?;
    found["gpu_mib"] = most.into();
    Ok(found)
}

/// Memory in use on the first GPU, according to its driver's tool.
fn used_mib() -> Option<u64> {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=memory.used", "--format=csv,noheader,nounits"])
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.lines().next()?.trim().parse().ok()
}
