//! Training beyond a single run: starting from another model, early stopping, diverging losses.

use serde_json::Value;

use crate::support::{TestDir, names};

/// The lines of an event in a run's metrics.
fn metrics(dir: &TestDir, run: &str, event: &str) -> Vec<Value> {
    let text = String::from_utf8(dir.read(&format!("{run}/metrics.jsonl"))).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == event).collect()
}

#[test]
fn a_model_goes_on_with_other_music() {
    let dir = TestDir::new();
    dir.model();
    dir.ok("corpus synthesize -o midi2 --pieces 4 --seed 9");
    dir.ok("corpus build midi2 -o corpus2 --heldout 0.2");
    let source = dir.json_file("run/model/config.json");
    let trained = source["training"]["n_steps"].as_u64().unwrap();

    let outcome = dir
        .json("train --corpus corpus2 --from run/model -o tuned --steps 5 --seed 3 --keep-last 1");
    assert_eq!(outcome["stopped"], "steps");
    assert!((0.0..=1.0).contains(&outcome["wait_share"].as_f64().unwrap()), "{outcome}");
    // The tuned model already knows what a new one has to learn.
    dir.ok("train --corpus corpus2 -o fresh --steps 5 --seed 3");
    let loss = |run| metrics(&dir, run, "step")[0]["reconstruction_nats"].as_f64().unwrap();
    assert!(loss("tuned") < 0.8 * loss("fresh"), "{} {}", loss("tuned"), loss("fresh"));

    // The source is recorded in the model's and in the run's configuration, and on the card.
    let tuned = dir.json_file("tuned/model/config.json");
    let from = &tuned["training"]["from"];
    assert_eq!(from["folder"], "run/model");
    assert_eq!(from["n_steps"], trained);
    assert_eq!(from["corpus_hash"], source["training"]["corpus_hash"]);
    assert_eq!(&dir.json_file("tuned/config.json")["from"], from);
    assert_eq!(tuned["musicvae"], source["musicvae"]);
    assert_eq!(tuned["training"]["config"]["schedule_start"], trained);
    let card = String::from_utf8(dir.read("tuned/model/README.md")).unwrap();
    let hash = from["hash"].as_str().unwrap();
    assert!(card.contains(&format!("Training started from the weights of model {hash}")), "{card}");
    assert!(source["training"]["from"].is_null());
    assert_eq!(names(&dir.path("tuned/checkpoints")), ["best", "step-00000005"]);

    // The learning rate starts where the other model's ended: min + (initial - min) · decay^n.
    let rate = &source["training"]["config"]["learning_rate"];
    let [initial, min, decay] = ["initial", "min", "decay"].map(|key| rate[key].as_f64().unwrap());
    let expected = min + (initial - min) * decay.powf(trained as f64);
    let first = metrics(&dir, "tuned", "step")[0]["learning_rate"].as_f64().unwrap();
    assert!((first / expected - 1.0).abs() < 1e-12, "{first} {expected}");

    // It can be resumed only with the same initial model.
    dir.fails(
        "train --corpus corpus2 -o tuned --steps 7 --seed 3 --resume",
        &["the run in tuned started from the model run/model", "not from fresh weights"],
    );
    dir.ok("train --corpus corpus2 --from run/model -o tuned --steps 7 --seed 3 --resume");
    assert_eq!(metrics(&dir, "tuned", "step").len(), 7);
}

#[test]
fn a_model_goes_on_only_where_it_fits() {
    let dir = TestDir::new();
    dir.model();
    dir.fails(
        "train --corpus corpus --from run/model --preset poly_2bar_compact -o new --steps 1",
        &["run/model can't be trained with preset `poly_2bar_compact`", "its `encoder_size` is"],
    );
    dir.fails(
        "train --corpus corpus --from run/model --preset cat-drums_2bar_tiny -o new --steps 1",
        &["its kind is `poly-2bar`, that of the preset `drums-2bar`"],
    );
    dir.fails(
        "train --corpus corpus --from run -o new --steps 1",
        &["holds `controlgen.run`", "reads `controlgen.model`"],
    );
    dir.fails("train --corpus corpus --from no -o new --steps 1", &["there is no model no"]);
    dir.write("alone/model/config.json", &dir.read("run/model/config.json"));
    dir.write("alone/model/weights.safetensors", &dir.read("run/model/weights.safetensors"));
    dir.fails(
        "train --corpus corpus --from alone/model -o alone --steps 1",
        &["this run would overwrite alone/model, the model it starts from; give another run folder"],
    );
    dir.write("alone/model/weights.safetensors", b"no weights");
    dir.fails("train --corpus corpus --from alone/model -o new --steps 1", &["can't be used"]);
    assert!(!dir.path("new").exists(), "a run that could not begin left something behind");
}

#[test]
fn patience_ends_a_run() {
    let dir = TestDir::new();
    dir.corpus();
    // At such a learning rate the score stops improving after the first few steps, or gets worse.
    let run = dir.run(
        "train --corpus corpus -o run --patience 2 --evaluate-every 2 --checkpoint-every 100 \
         --batch-size 8 --learning-rate 0.05 --steps 200 --seed 1",
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("no better held-out score than that of step"), "{}", run.stderr);
    let evaluations = metrics(&dir, "run", "evaluation");
    let nats = |line: &Value| {
        line["reconstruction_nats"].as_f64().unwrap()
            + line["kl_bits"].as_f64().unwrap() * std::f64::consts::LN_2
    };
    let scores: Vec<f64> = evaluations.iter().map(nats).collect();
    let best = scores.iter().copied().fold(f64::INFINITY, f64::min);
    // The best, and two after it.
    assert_eq!(scores.iter().position(|score| *score == best), Some(scores.len() - 3));
    let config = dir.json_file("run/model/config.json");
    assert_eq!(config["training"]["n_steps"], evaluations[scores.len() - 3]["step"]);
}

#[test]
fn a_loss_that_runs_away_leaves_the_last_good_checkpoint() {
    let dir = TestDir::new();
    dir.corpus();
    let options = "--corpus corpus --batch-size 8";
    let high = "--checkpoint-every 1 --learning-rate 100 --steps 300";
    // There is no good checkpoint from the start.
    dir.fails(&format!("train {options} {high} -o bad"), &["the learning rate is too high"]);
    assert!(!dir.path("bad/model").exists() && !dir.path("bad/checkpoints").exists());

    // Two good steps, after which the learning rate is changed.
    dir.ok(&format!("train {options} -o run --learning-rate 0.01 --steps 2"));
    let state = "run/checkpoints/step-00000002/state.json";
    let text = String::from_utf8(dir.read(state)).unwrap();
    assert!(text.contains("\"initial\": 0.01"), "{text}");
    dir.write(state, text.replace("\"initial\": 0.01", "\"initial\": 100.0").as_bytes());
    std::fs::remove_dir_all(dir.path("run/model")).unwrap();
    dir.fails(
        &format!("train {options} {high} -o run --resume"),
        &["after step 2, is now the model in run/model", "--from run/model", "`--learning-rate`"],
    );
    assert_eq!(names(&dir.path("run/checkpoints")), ["best", "step-00000002"]);
    // The curves show the divergence, and the remaining model can be trained further.
    assert!(dir.path("run/curves.svg").exists());
    dir.ok(&format!("train {options} --from run/model --learning-rate 1e-4 -o again --steps 2"));
}

/// Invalid settings are rejected before anything is written.
#[test]
fn bad_settings_are_named() {
    let dir = TestDir::new();
    dir.corpus();
    let train = |options: &str| format!("train --corpus corpus -o run {options}");
    dir.fails(&train("--steps 1 --batch-size 0"), &["`batch_size` is 0; 1 to 16384 is allowed"]);
    dir.fails(&train("--steps 1 --accumulate 0"), &["`accumulation` is 0; 1 to 16384 is allowed"]);
    dir.fails(&train("--steps 1 --learning-rate 0"), &["`learning_rate.initial` is 0; above 0"]);
    dir.fails(&train(""), &["`--minutes M` or `--steps N`, or `--patience N`"]);
    assert!(!dir.path("run").exists());
}
