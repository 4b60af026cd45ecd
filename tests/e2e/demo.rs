//! The model embedded in the program, and its behavior without arguments.

use serde_json::Value;

use crate::support::{Run, TestDir, names};

/// Runs the program with separate caches and data.
fn run(dir: &TestDir, line: &str) -> Run {
    let mut command = dir.command(line);
    command.env("XDG_CACHE_HOME", dir.path("cache")).env("XDG_DATA_HOME", dir.path("data"));
    command.output().unwrap().into()
}

fn json(dir: &TestDir, line: &str) -> Value {
    let run = run(dir, &format!("{line} --json"));
    assert_eq!(run.code, Some(0), "{line}\n{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn the_demo_needs_no_argument_and_writes_a_page_of_music() {
    let dir = TestDir::new();
    let demo = json(&dir, "demo");
    assert_eq!(demo["folder"], "controlgen-demo");
    let styles = demo["styles"].as_array().unwrap();
    assert_eq!(styles.last().unwrap()["style"], "three-tunes");
    for style in styles {
        assert!((0.0..=1.0).contains(&style["membership"].as_f64().unwrap()));
    }
    assert!(styles.iter().any(|style| !style["words"].as_array().unwrap().is_empty()));
    let files = names(&dir.path("controlgen-demo"));
    let count = |ending: &str| files.iter().filter(|name| name.contains(ending)).count();
    let n_pieces = usize::try_from(demo["n_files"].as_u64().unwrap()).unwrap();
    assert_eq!((count(".mid"), count(".wav")), (n_pieces, n_pieces));
    let page = String::from_utf8(dir.read("controlgen-demo/index.html")).unwrap();
    assert!(page.contains("three-tunes") && page.contains("data:audio/midi"));
    // Existing files are kept.
    assert_eq!(json(&dir, "demo --seed 1")["folder"], "controlgen-demo-2");
}

#[test]
fn styles_of_the_model_in_the_program_are_kept_with_the_users_data() {
    let dir = TestDir::new();
    dir.ok("corpus synthesize -o midi --pieces 2 --styles reel");
    let added = json(&dir, "style add mine midi/reel/reel-000.mid midi/reel/reel-001.mid");
    let path = added["path"].as_str().unwrap();
    assert!(path.contains("/data/") && path.ends_with("mine.style.json"), "{path}");
    let written = json(&dir, "generate --style mine -n 2 -o out");
    assert_eq!(written["pieces"].as_array().unwrap().len(), 2);
    assert_eq!(run(&dir, "style rename mine reels").code, Some(0));
    // A cleared cache is rebuilt, and none of the user's data is lost.
    std::fs::remove_dir_all(dir.path("cache")).unwrap();
    let list = json(&dir, "style list");
    let listed = list["styles"].as_array().unwrap();
    assert_eq!(listed.last().unwrap()["name"], "reels");
    assert!(run(&dir, "doctor").stdout.contains("styles"));
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let dir = TestDir::new();
    dir.write("file", b"in the way");
    let mut command = dir.command("style list --quiet");
    command.env("XDG_CACHE_HOME", dir.path("file")).env("XDG_DATA_HOME", dir.path("data"));
    let run = Run::from(command.output().unwrap());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("XDG_CACHE_HOME") && run.stderr.contains("--model"),
        "{}",
        run.stderr
    );
}
