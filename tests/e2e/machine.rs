//! Information about the program and the machine.

use crate::support::{TestDir, names};

#[test]
fn the_version_tells_the_backends() {
    let dir = TestDir::new();
    let long = dir.ok("--version");
    let version = env!("CARGO_PKG_VERSION");
    assert!(long.starts_with(&format!("controlgen {version}\nbackends: flex")), "{long}");
    assert_eq!(dir.ok("-V"), format!("controlgen {version}\n"));
}

#[test]
fn doctor_looks_into_a_model() {
    let dir = TestDir::new();
    dir.model();
    let found = dir.json("doctor --model run/model --threads 1");
    assert_eq!(found["model"]["found"], true);
    assert_eq!(found["model"]["kind"], "mel-2bar");
    assert_eq!(found["model"]["n_styles"], 2);
    assert_eq!(found["threads"]["used"], 1);
    assert!(found["build"]["backends"].as_array().unwrap().iter().any(|name| name == "flex"));
    assert_eq!(found["problems"].as_array().unwrap().len(), 0);
    let text = dir.ok("doctor --model run/model");
    assert!(text.contains("mel-2bar") && text.contains("2 styles"), "{text}");
}

#[test]
fn doctor_says_what_is_wrong_and_fails() {
    let dir = TestDir::new();
    let run = dir.run("doctor --model nowhere --json");
    assert_eq!(run.code, Some(1));
    let found: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found["model"]["found"], false);
    assert!(run.stderr.contains("nowhere"), "{}", run.stderr);
    let run = dir.run("doctor --device abacus");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("unknown device `abacus`"), "{}", run.stderr);
    assert!(run.stdout.contains("abacus, not usable"), "{}", run.stdout);
}

#[test]
fn man_pages_and_completions_are_written() {
    let dir = TestDir::new();
    let answer = dir.json("man -o pages");
    let pages = names(&dir.path("pages"));
    assert_eq!(answer["pages"].as_array().unwrap().len(), pages.len());
    assert!(pages.contains(&"controlgen-style-list.1".to_owned()), "{pages:?}");
    // Again into the same folder: pages are replaced.
    dir.ok("man -o pages");
    assert!(dir.ok("completions bash").contains("controlgen"));
    assert_eq!(dir.run("completions abacus").code, Some(2));
}
