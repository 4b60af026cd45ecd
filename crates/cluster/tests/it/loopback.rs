//! A scheduler and two executors: the same results, also when one executor dies.

use crate::support::{Cluster, Dir};

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
            executor.kill();
        }
    });
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(dying.is_none());
    one.assert_same(&dir.results("killed"));
}
