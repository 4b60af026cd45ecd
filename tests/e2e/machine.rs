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
    assert_eq!(found["model"]["kind"], "poly-2bar");
    assert_eq!(found["model"]["n_styles"], 2);
    assert_eq!(found["threads"]["used"], 1);
    assert!(found["build"]["backends"].as_array().unwrap().iter().any(|name| name == "flex"));
    assert_eq!(found["problems"].as_array().unwrap().len(), 0);
    let text = dir.ok("doctor --model run/model");
    assert!(text.contains("poly-2bar") && text.contains("2 styles"), "{text}");
}

#[test]
fn doctor_says_what_is_wrong_and_fails() {
    let dir = TestDir::new();
    let run = dir.run("doctor --model nowhere --json");
    assert_eq!(run.code, Some(1));
    let found: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found["model"], serde_json::Value::Null);
    assert!(found["problems"][0].as_str().unwrap().contains("there is no model nowhere"));
    assert!(run.stderr.contains("nowhere"), "{}", run.stderr);
    let run = dir.run("doctor --device abacus");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("unknown device `abacus`"), "{}", run.stderr);
    assert!(run.stdout.contains("abacus, not usable"), "{}", run.stdout);
}

/// Names of tracks and files come from others, and a terminal would execute control characters in
/// them.
#[test]
fn control_characters_of_files_are_escaped() {
    let dir = TestDir::new();
    dir.model();
    let mut music = corpus::synthetic::piece(0, 3, 0);
    music.instrument_infos[0].name =
        "Lead\u{1b}[2J\u{1b}]52;c;eA==\u{7}\u{9b}31m\nerror".to_owned();
    let bytes = note_seq::midi::write(&music, &note_seq::midi::WriteOptions::default()).unwrap();
    dir.write("evil\u{1b}[31m.mid", &bytes);
    let obeyed = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
    for line in
        ["inspect", "reconstruct", "style add mine", "render --svg -o out", "inspect --json"]
    {
        let mut command = dir.command(line);
        command.arg("evil\u{1b}[31m.mid");
        if line.starts_with("reconstruct") || line.starts_with("style") {
            command.args(["--model", "run/model"]);
        }
        if line == "reconstruct" {
            command.args(["-o", "out"]);
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{said:?}");
        assert!(!obeyed(&said[0]) && !obeyed(&said[1]), "{line}: {said:?}");
        // Names of new files contain no control characters.
        let is_told = line.starts_with("render") || said.concat().contains("1b");
        assert!(is_told, "{line}: {said:?}");
    }
    // Nor do error messages.
    let output = dir.command("inspekt\u{1b}[31m").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!obeyed(&String::from_utf8(output.stderr).unwrap()));
    let output = dir.command("inspect").arg("no\u{1b}[31m\n.mid").output().unwrap();
    assert!(!obeyed(&String::from_utf8(output.stdout).unwrap()));
}

#[test]
fn numbers_that_make_no_sense_are_told_by_what_is_allowed() {
    let dir = TestDir::new();
    dir.model();
    for (line, allowed) in [
        ("presets --threads 65535", "1..=1024"),
        ("presets --threads -1", "1..=1024"),
        ("generate --style 0 -o x --seed -1", "0 to 18446744073709551615"),
        ("generate --style 0 -o x -n -3", "1..=100000"),
        ("generate --style 0 -o x --qpm -90", "4 to 1000"),
    ] {
        let run = dir.run(line);
        assert_eq!(run.code, Some(2), "{line}");
        assert!(run.stderr.contains(allowed), "{line}: {}", run.stderr);
        assert!(!run.stderr.contains("tip:"), "{line}: {}", run.stderr);
    }
    let model = "--model run/model -o x";
    dir.fails(&format!("generate --style 0 --temperature -1 {model}"), &["temperature is -1"]);
    let tune = "midi/reel/reel-000.mid";
    dir.fails(&format!("similar {tune} --distance -0.5 {model}"), &["distance is -0.5; 0 to 10"]);
    dir.fails(&format!("mix {tune} --style 0 --strength -0.001 {model}"), &["strength is -0.001"]);
    dir.fails("corpus build midi -o y --heldout -0.1", &["-0.1"]);
    // A negative shift is a valid value.
    dir.ok(&format!("attribute apply {tune} --attribute pitch:-1 {model}"));
}

#[test]
fn man_pages_and_completions_are_written() {
    let dir = TestDir::new();
    let answer = dir.json("man -o pages");
    let pages = names(&dir.path("pages"));
    assert_eq!(answer["pages"].as_array().unwrap().len(), pages.len());
    assert!(pages.contains(&"controlgen-style-list.1".to_owned()), "{pages:?}");
    // Pages in an existing folder are replaced.
    dir.ok("man -o pages");
    assert!(dir.ok("completions bash").contains("controlgen"));
    assert_eq!(dir.run("completions abacus").code, Some(2));
}
