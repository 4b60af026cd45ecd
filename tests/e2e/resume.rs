//! A training run that is killed and resumed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{TestDir, names};

/// The loss of each step, as the text in the metrics file: every digit counts.
fn losses(dir: &TestDir, run: &str) -> Vec<String> {
    let metrics = String::from_utf8(dir.read(&format!("{run}/metrics.jsonl"))).unwrap();
    let without_time = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        for time in ["elapsed_secs", "step_secs", "wait_share"] {
            value.as_object_mut().unwrap().remove(time);
        }
        value.to_string()
    };
    metrics.lines().map(without_time).collect()
}

/// Waits until a run has written something.
fn wait_for(path: &Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_mins(2), "no {} in two minutes", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_digits() {
    let dir = TestDir::new();
    dir.corpus();
    // Two batches per update, and different schedules for evaluations and checkpoints.
    let options = "--corpus corpus --checkpoint-every 2 --evaluate-every 3 --keep-last 3 \
                   --batch-size 24 --accumulate 2 --seed 4";
    // More steps than it can make before it is killed.
    let mut killed = dir.command(&format!("train {options} --steps 100000 -o killed"));
    let mut child = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(&dir.path("killed/checkpoints/step-00000002"));
    // SIGKILL on Unix: no chance to clean up.
    child.kill().unwrap();
    child.wait().unwrap();

    // As if it had been killed between saving a checkpoint and marking it as the best.
    let _ = std::fs::remove_file(dir.path("killed/checkpoints/best"));

    let checkpoints = names(&dir.path("killed/checkpoints"));
    let last =
        checkpoints.iter().filter_map(|name| name.strip_prefix("step-")?.parse::<u64>().ok());
    let n_steps = last.max().unwrap() + 3;
    let options = format!("{options} --steps {n_steps}");
    dir.fails(&format!("train {options} -o killed"), &["continue it with `--resume`"]);
    dir.ok(&format!("train {options} -o killed --resume"));
    dir.ok(&format!("train {options} -o unbroken"));
    assert_eq!(losses(&dir, "killed"), losses(&dir, "unbroken"));
    for file in ["weights.safetensors", "config.json"] {
        let model = |run: &str| dir.read(&format!("{run}/model/{file}"));
        assert!(model("killed") == model("unbroken"), "{file} differs");
    }
    let steps = |run: &str| names(&dir.path(&format!("{run}/checkpoints")));
    assert_eq!(steps("killed"), steps("unbroken"));
    // The picture shows the same metrics, and there is a single event file with all of them.
    let curves = |run: &str| dir.read(&format!("{run}/curves.svg"));
    assert!(curves("killed") == curves("unbroken"), "the curves differ");
    let events = |run: &str| -> Vec<usize> {
        let files = names(&dir.path(run)).into_iter().filter(|name| name.contains("tfevents"));
        files.map(|name| dir.read(&format!("{run}/{name}")).len()).collect()
    };
    assert_eq!(events("killed").len(), 1);
    assert_eq!(events("killed"), events("unbroken"));
    // Each start is recorded with its command line.
    let config = dir.json_file("killed/config.json");
    let goes = config["goes"].as_array().unwrap();
    assert_eq!(goes.len(), 2);
    assert_eq!(goes[0]["n_steps"], 0);
    assert!(goes[1]["n_steps"].as_u64().unwrap() >= 2);
    let typed = goes[1]["command_line"].as_array().unwrap();
    assert!(typed.iter().any(|word| word == "--resume"), "{typed:?}");
    assert!(goes[1]["machine"]["n_cores"].as_u64().unwrap() >= 1);
}

/// Ctrl-C, a service manager and a terminal that closes end a run in good order: a model of the
/// steps so far, and a checkpoint to resume from.
#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_a_model_and_goes_on() {
    for signal in ["-INT", "-TERM"] {
        interrupt(signal);
    }
    // Under `nohup` a process inherits that SIGHUP is ignored, and the program respects it.
    if is_hangup_ignored() {
        eprintln!("skipped SIGHUP: this process ignores it, and its children inherit that");
    } else {
        interrupt("-HUP");
    }
}

/// Whether SIGHUP, signal 1, is ignored: the lowest bit of the mask.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

/// Under `nohup` a run outlives its terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_run_under_nohup_goes_on_when_its_terminal_closes() {
    let dir = TestDir::new();
    dir.corpus();
    let line = "train --corpus corpus --checkpoint-every 2 --seed 4 -o run --steps 8";
    let mut command = Command::new("nohup");
    command.arg(env!("CARGO_BIN_EXE_controlgen")).args(line.split_whitespace());
    command.current_dir(dir.path("")).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for(&dir.path("run/checkpoints/step-00000002"));
    Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(dir.path("run/checkpoints/step-00000008").exists());
}

#[cfg(unix)]
fn interrupt(signal: &str) {
    let dir = TestDir::new();
    dir.corpus();
    let options = "--corpus corpus --checkpoint-every 2 --seed 4 -o run";
    let mut interrupted = dir.command(&format!("train {options} --minutes 60"));
    interrupted.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = interrupted.spawn().unwrap();
    wait_for(&dir.path("run/checkpoints/step-00000002"));
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{signal}: {stderr}");
    assert!(stderr.contains("continue with `--resume`"), "{stderr}");
    assert!(dir.path("run/model/weights.safetensors").exists());
    let n_steps = || losses(&dir, "run").iter().filter(|line| line.contains("beta")).count();
    let done = n_steps();
    dir.ok(&format!("train {options} --steps {} --resume", done + 1));
    assert_eq!(n_steps(), done + 1);
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
