//! Plans in one process: they give the same results as one machine without plans, and interrupted
//! runs resume.

use crate::support::Dir;

#[test]
fn plans_give_what_one_machine_gives_and_resume() {
    let dir = Dir::new(24);
    let answer = dir.run(&["baseline", &dir.plan("one", None)]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let plan = dir.plan("plans", None);
    let answer = dir.run(&["run", &plan, "--local"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stdout.contains("without windows: 1 not_midi"), "{}", answer.stdout);
    let (one, plans) = (dir.results("one"), dir.results("plans"));
    one.assert_same(&plans);
    assert!(plans.report.n_repeated > 0 && plans.report.labels.len() == 3);
    assert!(!dir.path("plans/work").exists());

    // The same files, read from an object store.
    let store = dir.plan("store", None);
    let text = std::fs::read_to_string(&store).unwrap();
    let roots = format!("roots = [{:?}]", dir.path("midi"));
    let stores = format!("stores = [\"file://{}\"]", dir.path("midi").display());
    assert!(text.contains(&roots));
    std::fs::write(&store, text.replace(&roots, &stores)).unwrap();
    let answer = dir.run(&["run", &store, "--local"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let from_store = dir.results("store");
    assert_eq!(from_store.windows, plans.windows);
    assert_eq!(from_store.report.files_skipped, plans.report.files_skipped);

    // Everything is already done.
    let answer = dir.run(&["run", &plan, "--local", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    let resumed = |report: &serde_json::Value, stage: &str| {
        let stages = report["stages"].as_array().unwrap();
        stages.iter().find(|s| s["stage"] == stage).unwrap()["resumed"].as_bool().unwrap()
    };
    assert!(["read", "deduplicate", "encode", "fit"].iter().all(|stage| resumed(&report, stage)));

    // The last stages run again, the fit from the fourth pass on.
    std::fs::remove_file(dir.path("plans/mixture.json")).unwrap();
    std::fs::remove_dir_all(dir.path("plans/latents")).unwrap();
    for pass in 4..=6 {
        std::fs::remove_file(dir.path(&format!("plans/fit/step-{pass:05}.json"))).unwrap();
    }
    let answer = dir.run(&["run", &plan, "--local", "--json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let report: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert!(resumed(&report, "read") && !resumed(&report, "encode") && !resumed(&report, "fit"));
    assert!(!answer.stderr.contains("pass 3,") && answer.stderr.contains("pass 4,"));
    one.assert_same(&dir.results("plans"));

    // Another plan can't use the same folder.
    let other = std::fs::read_to_string(&plan).unwrap().replace("heldout = 0.2", "heldout = 0.3");
    std::fs::write(&plan, other).unwrap();
    let answer = dir.run(&["run", &plan, "--local"]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("holds the results of another plan"), "{}", answer.stderr);
}
