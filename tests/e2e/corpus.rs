//! Building a corpus: killed and restarted, read from archives, inspected.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{TestDir, names};

/// All files of a corpus folder.
fn content(dir: &TestDir, corpus: &str) -> Vec<(String, Vec<u8>)> {
    let names = names(&dir.path(corpus)).into_iter();
    names.map(|name| (name.clone(), dir.read(&format!("{corpus}/{name}")))).collect()
}

/// Kills the build at moments spread over its whole duration, several times in a row;
/// `CONTROLGEN_KILLS` sets how often.
#[test]
fn a_killed_build_goes_on_to_the_same_bytes() {
    let n_kills = std::env::var("CONTROLGEN_KILLS").map_or(6, |n| n.parse::<u32>().unwrap());
    let dir = TestDir::new();
    dir.ok("corpus synthesize -o midi --pieces 400 --seed 1");
    let build = "corpus build midi --label-folders --max-windows-per-file 9 --quiet -o";
    let start = Instant::now();
    dir.ok(&format!("{build} unbroken"));
    let whole = start.elapsed();
    let unbroken = content(&dir, "unbroken");

    let (mut n_killed, mut n_went_on) = (0, 0);
    for kill in 0.. {
        let mut command = dir.command(&format!("{build} killed"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Moments by the golden ratio: evenly spaced, and never the same twice.
        let share = (f64::from(kill) * 0.618_033_988_749_895).fract();
        std::thread::sleep(whole.mul_f64(share * 0.9));
        let is_over = child.try_wait().unwrap().is_some();
        // SIGKILL on Unix: no chance to clean up.
        child.kill().unwrap();
        child.wait().unwrap();
        n_killed += u32::from(!is_over);
        if dir.path("killed").exists() {
            assert!(content(&dir, "killed") == unbroken, "after {n_killed} kills");
            std::fs::remove_dir_all(dir.path("killed")).unwrap();
        } else {
            n_went_on += u32::from(dir.path(".unfinished-killed/parts").exists());
        }
        if n_killed == n_kills {
            break;
        }
        assert!(start.elapsed() < Duration::from_mins(5), "only {n_killed} kills");
    }
    dir.ok(&format!("{build} killed"));
    assert_eq!(content(&dir, "killed"), unbroken);
    assert!(n_went_on > 0, "no kill left parts");
    assert_eq!(names(&dir.path("")), ["killed", "midi", "unbroken"]);
}

#[test]
fn a_report_says_what_is_there_and_what_is_not() {
    let dir = TestDir::new();
    dir.ok("corpus synthesize -o midi --pieces 3 --seed 1");
    dir.write("midi/page.mid", b"<html>");
    dir.write(
        "styles.csv",
        b"Path,Style\nhymn-000.mid,solemn\nhymn-001,solemn\nreel/reel-000.mid,quick\n",
    );
    dir.ok("corpus build midi -o corpus --labels styles.csv --label-column style");
    let report = dir.ok("corpus report corpus");
    for part in [
        "28 MIDI files, 27 with windows",
        "3 of 28 files have a label, of 2 labels",
        "1                       not_midi  page.mid",
        "solemn  2",
        "notes by octave",
        "windows by notes per bar",
        "files by quarter notes per minute",
        "4/4  27",
    ] {
        assert!(report.contains(part), "no `{part}` in\n{report}");
    }
    dir.fails("corpus build midi -o x --labels none.csv", &["can't read none.csv"]);
    dir.fails(
        "corpus build midi -o x --labels styles.csv",
        &["no column `label`, but `Path`, `Style`"],
    );
    dir.fails("corpus build midi -o x --label-pattern abc", &["the pattern `abc`", "no group"]);
    assert_eq!(names(&dir.path("")), ["corpus", "midi", "styles.csv"]);
}

#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn nasty() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/nasty-midi");
    if !path.is_dir() {
        println!("skipped: {} is not available", path.display());
        return None;
    }
    Some(path)
}

/// Real files with every known defect: each is read or counted by reason, and none takes long.
#[test]
fn files_that_break_programs_are_counted() {
    let Some(nasty) = nasty() else { return };
    let dir = TestDir::new();
    for kind in ["mel-2bar", "drums-2bar", "trio-16bar"] {
        let start = Instant::now();
        let report = dir.json(&format!("corpus build {} -o {kind} --kind {kind}", nasty.display()));
        let number = |key: &str| report[key].as_u64().unwrap();
        let skipped = report["files_skipped"].as_object().unwrap();
        let n_skipped: u64 = skipped.values().map(|n| n.as_u64().unwrap()).sum();
        assert!(number("n_files") > 100);
        assert_eq!(number("n_files_used") + n_skipped, number("n_files"));
        assert!(skipped.contains_key("not_midi"), "{skipped:?}");
        let peak = report["run"]["peak_memory_bytes"].as_u64().unwrap_or(0);
        assert!(peak < 1 << 30, "{peak} bytes");
        assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
    }
}
