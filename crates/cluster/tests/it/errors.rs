//! Failures are reported by name, nothing hangs, and no output is left incomplete.

use std::path::Path;

use crate::support::{Answer, Cluster, Dir};

/// Files and folders that should not be in a results folder after a failed run.
fn leftovers(out: &Path) -> Vec<String> {
    let finished = ["job.json", "work", "fit", "corpus", "report.json"];
    std::fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !finished.contains(&name.as_str()))
        .collect()
}

#[test]
fn a_model_that_one_executor_does_not_have_is_named() {
    let dir = Dir::new(12);
    std::fs::create_dir_all(dir.path("with")).unwrap();
    std::fs::create_dir_all(dir.path("without")).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/model/melody");
    for folder in ["model", "with/model"] {
        std::fs::create_dir_all(dir.path(folder)).unwrap();
        for name in ["config.json", "weights.safetensors"] {
            std::fs::copy(model.join(name), dir.path(folder).join(name)).unwrap();
        }
    }
    let cluster = Cluster::start(&dir, &["with", "without"]);
    let plan = dir.plan("out", Some("model"));
    let answer = dir.run(&["run", &plan, "--scheduler", &cluster.url]);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert!(answer.stderr.contains("the stage `encode` failed"), "{}", answer.stderr);
    assert!(answer.stderr.contains("model has no `config.json`"), "{}", answer.stderr);
    assert_eq!(leftovers(&dir.path("out")), Vec::<String>::new());

    // Once the model exists, the same run continues.
    std::fs::create_dir_all(dir.path("without/model")).unwrap();
    for name in ["config.json", "weights.safetensors"] {
        std::fs::copy(model.join(name), dir.path("without/model").join(name)).unwrap();
    }
    let answer = dir.run(&["run", &plan, "--scheduler", &cluster.url]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stderr.contains("deduplicate: done earlier"), "{}", answer.stderr);
}

#[test]
fn folders_and_schedulers_that_are_not_there_are_named() {
    let dir = Dir::new(1);
    let answer = dir.run(&[
        "run",
        &dir.plan("out", None),
        "--scheduler",
        "http://127.0.0.1:1",
        "--wait",
        "1",
    ]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("no scheduler answers at http://127.0.0.1:1"));

    let plan = dir.plan("out", None);
    std::fs::rename(dir.path("midi"), dir.path("elsewhere")).unwrap();
    let answer = dir.run(&["run", &plan, "--local"]);
    assert_eq!(answer.code, Some(1));
    let expected = format!("can't search {}", dir.path("midi").display());
    assert!(answer.stderr.contains(&expected), "{}", answer.stderr);
}

#[test]
fn a_scheduler_without_executors_is_named() {
    let dir = Dir::new(1);
    let cluster = Cluster::start(&dir, &[]);
    let words = ["run", &dir.plan("out", None), "--scheduler", &cluster.url, "--wait", "1"];
    let answer = dir.run(&words);
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("no executor has registered at"), "{}", answer.stderr);
}

/// Fails with `expected`, leaves no incomplete output, and resumes once the cause is removed.
fn fails_and_goes_on(dir: &Dir, out: &str, fail: impl FnOnce(&str) -> Answer, expected: &str) {
    let plan = dir.plan(out, None);
    let answer = fail(&plan);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert!(answer.stderr.contains(expected), "{}", answer.stderr);
    assert_eq!(leftovers(&dir.path(out)), Vec::<String>::new());
    let answer = dir.run(&["run", &plan, "--local"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
}

/// Simulates a full disk with a file size limit, which needs no privileges.
#[test]
fn a_file_that_can_t_be_written_is_named_and_leaves_nothing_half_written() {
    let dir = Dir::new(24);
    let limited = |plan: &str| dir.run_limited(&["run", plan, "--local"]);
    fails_and_goes_on(&dir, "limited", limited, "File too large");
}

/// A real full disk; needs the right to mount one.
#[test]
fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    if std::env::var_os("CONTROLGEN_TEST_MOUNT").is_none() {
        return;
    }
    let dir = Dir::new(24);
    let out = dir.path("small");
    std::fs::create_dir_all(&out).unwrap();
    let mount = |words: &[&str]| {
        let (program, words) = words.split_first().unwrap();
        let status = std::process::Command::new(program).args(words).arg(&out).status();
        assert!(status.unwrap().success());
    };
    mount(&["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs"]);
    let fail = |plan: &str| {
        let answer = dir.run(&["run", plan, "--local"]);
        // Make room.
        mount(&["mount", "-o", "remount,size=64m"]);
        answer
    };
    fails_and_goes_on(&dir, "small", fail, "No space left on device");
    mount(&["umount"]);
}
