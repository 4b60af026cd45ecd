//! A scheduler and two executors: the same results, also when one executor dies.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Cluster, Dir};

/// Waits until tasks have begun on `n` parts, or until a timeout.
fn wait_for_parts(staged: &Path, n: usize) {
    let start = Instant::now();
    let begun = || std::fs::read_dir(staged).map_or(0, Iterator::count);
    while begun() < n && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_cluster_gives_what_one_machine_gives_also_when_an_executor_dies() {
    let dir = Dir::new(24);
    let answer = dir.run(&["baseline", &dir.plan("one", None)]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let one = dir.results("one");

    let mut cluster = Cluster::start(&dir, &["", ""]);
    let plan = dir.plan("cluster", None);
    let answer = dir.run(&["run", &plan, "--scheduler", &cluster.url]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    one.assert_same(&dir.results("cluster"));

    let plan = dir.plan("killed", None);
    let running = dir.start(&["run", &plan, "--scheduler", &cluster.url]);
    let mut dying = Some(cluster.executors.remove(0));
    let answer = running.finish(|line| {
        if line.starts_with("encode:")
            && let Some(mut executor) = dying.take()
        {
            // Once the fourth of five parts has begun, each executor has almost surely finished
            // one.
            wait_for_parts(&dir.path("killed/work/latents"), 4);
            executor.kill();
        }
    });
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(dying.is_none());
    // Only the work of the dead executor was repeated, not the whole plan.
    assert!(!answer.stderr.contains("running the plan again"), "{}", answer.stderr);
    one.assert_same(&dir.results("killed"));
}
