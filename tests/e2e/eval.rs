//! Models are evaluated, and two evaluations are compared.

use serde_json::Value;

use crate::support::{TestDir, names};

/// A quick evaluation of the shared model.
const EVAL: &str = "eval --model run/model --corpus corpus --latents run/latents --windows 200 --resamples 2 -k 2 -o";

fn figure<'a>(report: &'a Value, key: &str) -> &'a Value {
    let sections = report["sections"].as_array().unwrap().iter();
    let mut figures = sections.flat_map(|section| section["figures"].as_array().unwrap());
    figures.find(|figure| figure["key"] == key).unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn a_model_is_measured_beside_its_baselines() {
    let dir = TestDir::new();
    dir.melody_model();
    let report = dir.json(&format!("{EVAL} eval"));
    assert_eq!(names(&dir.path("eval")), ["eval.html", "eval.json", "eval.md"]);
    let accuracy = figure(&report, "reconstruction.forced.accuracy");
    let [low, high] = [0, 1].map(|end| accuracy["interval"][end].as_f64().unwrap());
    let value = accuracy["value"].as_f64().unwrap();
    assert!(low <= value && value <= high && high < 1.0, "{accuracy}");
    let beside: Vec<&str> = accuracy["baselines"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|b| b["name"].as_str())
        .collect();
    assert_eq!(beside, ["z from the prior", "most frequent token", "bigram"]);
    for key in [
        "reconstruction.midi.pitch",
        "likelihood.elbo_bits_per_step",
        "control.reencode.accuracy",
        "control.judge.ratio",
        "control.few_shot.n90",
        "labels.ami",
        "labels.nmi",
        "generation.overlap.wins",
        "generation.fd_latent",
        "interpolation.spearman",
        "control.copies.share_whole",
        "control.speed.generate_ms",
    ] {
        assert!(figure(&report, key)["value"].is_f64(), "{key}");
    }
    // No interval excludes its own value.
    for section in report["sections"].as_array().unwrap() {
        for figure in section["figures"].as_array().unwrap() {
            let ends = [0, 1].map(|end| figure["interval"][end].as_f64());
            let ([Some(low), Some(high)], value) = (ends, figure["value"].as_f64().unwrap()) else {
                continue;
            };
            assert!(low <= value && value <= high, "{figure}");
        }
    }
    // The page is self-contained.
    let page = String::from_utf8(dir.read("eval/eval.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("prefers-color-scheme: dark"));
    for outside in ["<script src", "<link", "url(", "@import", "<img"] {
        assert!(!page.contains(outside), "{outside}");
    }
    // Repeated, and compared with itself.
    let again = dir.json(&format!("{EVAL} again"));
    let difference = dir.json("eval diff eval again");
    assert_eq!((&difference["n_better"], &difference["n_worse"]), (&0.into(), &0.into()));
    for change in difference["differences"].as_array().unwrap() {
        assert_eq!(change["change"], "same", "{change}");
    }
    assert_eq!(report["corpus_hash"], again["corpus_hash"]);
    dir.ok("eval diff eval/eval.json again --check");
}

#[test]
fn made_up_music_is_judged_by_its_rules() {
    let dir = TestDir::new();
    dir.ok("corpus synthesize -o midi --styles reel,skank --pieces 2 --seed 5");
    let found = dir.json("eval rules midi/skank");
    assert_eq!(found["n_skipped"], 0);
    assert_eq!(found["by_style"]["skank"], found["n_windows"]);
    let both = dir.json("eval rules midi");
    assert!(both["by_style"]["reel"].as_u64().unwrap() > 0);
}

#[test]
fn what_cannot_be_scored_says_why() {
    let dir = TestDir::new();
    dir.model();
    dir.ok("corpus build midi -o all --heldout 0");
    dir.fails("eval --model run/model --corpus all -o x", &["no held-out window", "--heldout"]);
    dir.fails("eval --model run/model --corpus corpus --latents nowhere -o x", &["nowhere"]);
    assert_eq!(dir.run("eval").code, Some(2));
    dir.fails("eval diff nowhere elsewhere", &["nowhere"]);
    assert!(!dir.path("x").exists());
}
