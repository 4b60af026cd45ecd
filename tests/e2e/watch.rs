//! A folder that is kept filled with takes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{TestDir, names};

/// More time than a take needs on a busy machine; the test still fails if it never appears.
const PATIENCE: Duration = Duration::from_mins(2);

fn takes(dir: &TestDir) -> Vec<String> {
    let mut names = if dir.path("takes").exists() { names(&dir.path("takes")) } else { Vec::new() };
    names.retain(|name| name.contains(".mid"));
    names
}

fn wait(dir: &TestDir, until: impl Fn(&[String]) -> bool) -> Vec<String> {
    let start = Instant::now();
    loop {
        let takes = takes(dir);
        if until(&takes) {
            return takes;
        }
        assert!(start.elapsed() < PATIENCE, "{takes:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(unix)]
#[test]
fn a_take_that_is_moved_away_is_followed_by_another_until_the_end() {
    let dir = TestDir::new();
    dir.model();
    let line =
        "watch takes --model run/model --style 0 -n 2 --interval 0.1 --seed 5 --json --quiet";
    let child = dir.command(line).stdout(Stdio::piped()).spawn().unwrap();
    let first = wait(&dir, |takes| takes.len() == 2);
    assert!(first[0].contains("-seed5-") && first[1].contains("-seed6-"), "{first:?}");
    std::fs::remove_file(dir.path("takes").join(&first[0])).unwrap();
    let second = wait(&dir, |takes| takes.len() == 2);
    assert_eq!(second[0], first[1]);
    assert!(second[1].contains("-seed7-"), "{second:?}");
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((told["n_takes"].as_u64(), told["next_seed"].as_u64()), (Some(3), Some(8)));
}
