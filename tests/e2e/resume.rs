//! A training run that is killed and goes on.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{TestDir, names};

/// The loss of each step, as the text of the metrics file: every digit counts.
fn losses(dir: &TestDir, run: &str) -> Vec<String> {
    let metrics = String::from_utf8(dir.read(&format!("{run}/metrics.jsonl"))).unwrap();
    let without_time = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().remove("elapsed_secs");
        value.to_string()
    };
    metrics.lines().map(without_time).collect()
}

#[test]
fn a_killed_run_goes_on_to_the_same_digits() {
    let dir = TestDir::new();
    dir.corpus();
    let options = "--corpus corpus --steps 8 --checkpoint-every 2 --seed 4";
    dir.ok(&format!("train {options} -o unbroken"));

    let mut killed = dir.command(&format!("train {options} -o killed"));
    let mut child = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let checkpoint = dir.path("killed/checkpoints/step-00000002");
    let start = Instant::now();
    while !checkpoint.exists() {
        assert!(start.elapsed() < Duration::from_mins(2), "no checkpoint in two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL on Unix: no chance to tidy up.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!dir.path("killed/model").exists(), "it should not have been done yet");

    dir.fails(&format!("train {options} -o killed"), &["go on with `--resume`"]);
    dir.ok(&format!("train {options} -o killed --resume"));
    assert_eq!(losses(&dir, "killed"), losses(&dir, "unbroken"));
    for file in ["weights.safetensors", "config.json"] {
        let model = |run: &str| dir.read(&format!("{run}/model/{file}"));
        assert!(model("killed") == model("unbroken"), "{file} differs");
    }
    let steps = |run: &str| names(&dir.path(&format!("{run}/checkpoints")));
    assert_eq!(steps("killed"), steps("unbroken"));
}

#[test]
fn another_seed_is_another_run() {
    let dir = TestDir::new();
    dir.corpus();
    dir.ok("train --corpus corpus -o run --steps 1 --seed 4");
    dir.fails(
        "train --corpus corpus -o run --steps 2 --seed 5 --resume",
        &["can't resume from run/checkpoints/step-00000001", "another seed"],
    );
    dir.fails("train --corpus corpus -o new --steps 1 --resume", &["no checkpoint to resume from"]);
}
