//! A folder for a test, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use note_seq::NoteSequence;
use note_seq::midi::{ReadOptions, read};
use serde_json::Value;

/// Number of training steps after which the latents carry enough information to fit styles on.
pub(crate) const STEPS: u32 = 60;

/// A temporary folder for a test's files.
pub(crate) struct TestDir {
    folder: tempfile::TempDir,
}

/// The result of a run of the program.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl TestDir {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn json_file(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    /// The music of a MIDI file that needs no repair.
    pub(crate) fn music(&self, name: &str) -> NoteSequence {
        read(&self.read(name), &ReadOptions::strict()).unwrap().sequence
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The program, to be run in this folder with the line split at spaces.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_controlgen"));
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Run {
        self.command(line).output().unwrap().into()
    }

    /// Runs the program, which must succeed.
    pub(crate) fn ok(&self, line: &str) -> String {
        let run = self.run(line);
        assert_eq!(run.code, Some(0), "{line}\n{}", run.stderr);
        run.stdout
    }

    /// Runs the program, which must succeed and print one JSON object.
    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{line} --json"))).unwrap()
    }

    /// Runs the program, which must fail with a single line that contains each of `parts`.
    pub(crate) fn fails(&self, line: &str, parts: &[&str]) {
        let run = self.run(&format!("{line} --quiet"));
        assert_eq!(run.code, Some(1), "{line}\n{}{}", run.stdout, run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{line}: one line, not\n{}", run.stderr);
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
        for part in parts {
            assert!(run.stderr.contains(part), "{line}: no `{part}` in\n{}", run.stderr);
        }
    }

    /// Builds a corpus of synthetic music in `corpus`.
    pub(crate) fn corpus(&self) {
        self.corpus_of("poly-2bar");
    }

    fn corpus_of(&self, kind: &str) {
        self.ok("corpus synthesize -o midi --styles hymn,reel,blues,toccata --pieces 6 --seed 1");
        self.ok(&format!(
            "corpus build midi -o corpus --kind {kind} --heldout 0.2 --label-folders"
        ));
    }

    /// A corpus and a model of a few steps with two styles, in `run`: built once, and copied for
    /// each test.
    pub(crate) fn model(&self) {
        static MADE: OnceLock<TestDir> = OnceLock::new();
        let made = MADE.get_or_init(|| Self::with_model("poly-2bar", "poly_2bar_tiny"));
        copy(made.folder.path(), self.folder.path());
    }

    /// The same with a model of melodies.
    pub(crate) fn melody_model(&self) {
        static MADE: OnceLock<TestDir> = OnceLock::new();
        let made = MADE.get_or_init(|| Self::with_model("mel-2bar", "cat-mel_2bar_tiny"));
        copy(made.folder.path(), self.folder.path());
    }

    fn with_model(kind: &str, preset: &str) -> Self {
        let made = Self::new();
        made.corpus_of(kind);
        let train = format!("train --corpus corpus --preset {preset} -o run --steps {STEPS}");
        made.ok(&format!("{train} --seed 2"));
        made.ok("encode --model run/model --corpus corpus -o run/latents");
        made.ok(
            "fit --model run/model --corpus corpus --latents run/latents -k 2 --covariance diag",
        );
        made
    }
}

/// Copies a folder's content.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

/// Names of the files in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
