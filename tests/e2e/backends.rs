//! Every backend in this build runs the whole pipeline, and two of them give nearly the same model.

use serde_json::Value;

use crate::support::TestDir;

/// The devices of this build that need no GPU, as listed by the program itself.
fn devices(dir: &TestDir) -> Vec<String> {
    let run = dir.run("style list --device none");
    let (_, listed) =
        run.stderr.split_once("this program was built with ").expect("a list of devices");
    let cpu = |name: &&str| matches!(*name, "flex" | "ndarray" | "tch");
    listed.trim().split(", ").filter(cpu).map(str::to_owned).collect()
}

#[test]
fn all_backends_train_alike() {
    let dir = TestDir::new();
    dir.corpus();
    let devices = devices(&dir);
    assert!(devices.contains(&"flex".to_owned()), "the default: {devices:?}");
    let losses: Vec<Vec<f64>> = devices
        .iter()
        .map(|device| {
            dir.ok(&format!("train --corpus corpus -o {device} --steps 3 --seed 4 --device {device}"));
            dir.ok(&format!(
                "encode --model {device}/model --corpus corpus -o {device}/latents --device {device}"
            ));
            let metrics = String::from_utf8(dir.read(&format!("{device}/metrics.jsonl"))).unwrap();
            metrics
                .lines()
                // Lines of evaluations have no `loss`.
                .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64())
                .collect()
        })
        .collect();
    for (device, losses_here) in devices.iter().zip(&losses) {
        assert_eq!(losses_here.len(), 3, "{device}: a loss for each step");
        for (loss, expected) in losses_here.iter().zip(&losses[0]) {
            // Sums in a different order differ by a few times 1e-6; Adam's first updates move each
            // weight by the learning rate in the direction of its gradient's sign, however small
            // the gradient is.
            assert!((loss - expected).abs() < 1e-3 * expected, "{device}: {loss} and {expected}");
        }
    }
}
