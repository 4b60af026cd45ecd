//! `cargo xtask parity notes DIR…`: every MIDI file under the folders, against Python's `note_seq`.
//!
//! Each file goes through the oracle (`../shared/oracles/noteseq_oracle.py` beside the repository) and through
//! [`note_seq::summary`] in parity mode. Compared, all of it exactly: whether the file is read at all; notes in
//! seconds to the last bit, tempos, signatures, names; quantized steps; and for each stretch of constant tempo
//! and metre the melody, drum and trio windows.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use note_seq::midi::{self, ReadOptions};
use serde_json::Value;

/// Runs the oracle on each file named on standard input, one JSON line a file, with numbers to the last digit.
/// The bound on memory makes a file with an absurd tick a refusal, not the end of the machine.
const DRIVER: &str = r"
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
sys.path.insert(0, sys.argv[1])
import noteseq_oracle as oracle
oracle.r = float
for line in sys.stdin:
    path = line.rstrip('\n')
    try:
        answer = oracle.oracle(path, set(oracle.ALL))
    except Exception as error:
        answer = {'file': path, 'crash': f'{type(error).__name__}: {error}'[:200]}
    print(json.dumps(answer, separators=(',', ':')), flush=True)
";

/// How many mismatches are printed one by one.
const MAX_PRINTED: usize = 20;

/// What comparing one file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Both read it, and agree.
    Equal,
    /// Both refuse it.
    BothRefuse,
    /// Python ran out of memory on a file that we read: nothing to compare.
    PythonOutOfMemory,
    /// They differ; here is what differs first.
    Mismatch(String),
}

/// Compares every MIDI file under `dirs`; `python` is an interpreter with `note-seq` (default `python3`).
///
/// # Errors
/// If no file is found, if the oracle cannot be run, and if any file differs.
#[expect(clippy::print_stdout, reason = "this is a command's output")]
pub(crate) fn run(dirs: &[PathBuf], python: Option<PathBuf>) -> anyhow::Result<()> {
    let python = python.unwrap_or_else(|| PathBuf::from("python3"));
    let oracles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles");
    ensure!(
        oracles.join("noteseq_oracle.py").exists(),
        "there is no oracle at {}",
        oracles.display()
    );
    let mut total = Tally::default();
    for dir in dirs {
        let mut files = Vec::new();
        midi_files(dir, &mut files).with_context(|| format!("cannot list {}", dir.display()))?;
        files.sort();
        ensure!(!files.is_empty(), "there is no MIDI file under {}", dir.display());
        let mut tally = Tally::default();
        for answer in answers(&python, &oracles, &files)? {
            let (file, outcome) = compare_line(&answer?)?;
            tally.count(&file, outcome);
        }
        ensure!(
            tally.n_files == files.len(),
            "the oracle answered {} of {} files",
            tally.n_files,
            files.len()
        );
        println!("{:<50} {tally}", dir.display());
        total.add(tally);
    }
    println!("{:<50} {total}", "all");
    for (file, what) in total.mismatches.iter().take(MAX_PRINTED) {
        println!("  {file}: {what}");
    }
    if total.mismatches.is_empty() {
        Ok(())
    } else {
        bail!("{} of {} files differ from Python", total.mismatches.len(), total.n_files)
    }
}

/// Counts of outcomes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Files compared.
    pub(crate) n_files: usize,
    n_equal: usize,
    n_refused: usize,
    n_out_of_memory: usize,
    /// Files that differ, with what differs first.
    pub(crate) mismatches: BTreeMap<String, String>,
}

impl Tally {
    /// Counts one file.
    pub(crate) fn count(&mut self, file: &str, outcome: Outcome) {
        self.n_files += 1;
        match outcome {
            Outcome::Equal => self.n_equal += 1,
            Outcome::BothRefuse => self.n_refused += 1,
            Outcome::PythonOutOfMemory => self.n_out_of_memory += 1,
            Outcome::Mismatch(what) => {
                self.mismatches.insert(file.to_owned(), what);
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.n_files += other.n_files;
        self.n_equal += other.n_equal;
        self.n_refused += other.n_refused;
        self.n_out_of_memory += other.n_out_of_memory;
        self.mismatches.extend(other.mismatches);
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} files, {} equal, {} refused by both, {} where Python ran out of memory, {} mismatches",
            self.n_files,
            self.n_equal,
            self.n_refused,
            self.n_out_of_memory,
            self.mismatches.len()
        )
    }
}

fn midi_files(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        if path.is_dir() {
            midi_files(&path, files)?;
        } else if extension
            .is_some_and(|e| ["mid", "midi", "rmi", "kar", "smf"].iter().any(|x| e == *x))
        {
            files.push(path);
        }
    }
    Ok(())
}

/// The oracle's answers, line by line.
fn answers(
    python: &Path,
    oracles: &Path,
    files: &[PathBuf],
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>>> {
    let mut child = Command::new(python)
        .args(["-c", DRIVER])
        .arg(oracles)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", python.display()))?;
    let mut names = child.stdin.take().context("the oracle has no standard input")?;
    let list: Vec<u8> =
        files.iter().flat_map(|f| [f.as_os_str().as_encoded_bytes(), b"\n"].concat()).collect();
    // A thread of its own: the oracle answers before it has read all names, and a full pipe would stop both.
    std::thread::spawn(move || names.write_all(&list));
    let lines =
        BufReader::new(child.stdout.take().context("the oracle has no standard output")?).lines();
    let mut child = Some(child);
    Ok(lines.map(|line| line.context("cannot read the oracle's answer")).chain(std::iter::from_fn(
        move || {
            // Wait for the child once its output has ended.
            match child.take()?.wait() {
                Ok(status) if status.success() => None,
                Ok(status) => Some(Err(anyhow::anyhow!(
                    "the oracle stopped with {status}; is `note-seq` installed?"
                ))),
                Err(error) => Some(Err(error.into())),
            }
        },
    )))
}

/// Reads the file that an answer speaks of and compares.
///
/// # Errors
/// If the answer is no JSON or names no file that can be read.
pub(crate) fn compare_line(line: &str) -> anyhow::Result<(String, Outcome)> {
    let expected: Value = serde_json::from_str(line).context("the oracle's answer is no JSON")?;
    let file = expected["file"].as_str().context("the oracle's answer names no file")?.to_owned();
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {file}"))?;
    let outcome = match (
        midi::read(&bytes, &ReadOptions::parity()),
        expected.get("error").and_then(Value::as_str),
    ) {
        (Err(_), Some(_)) => Outcome::BothRefuse,
        (Ok(_), Some(error)) if error.contains("MemoryError") => Outcome::PythonOutOfMemory,
        (Ok(_), Some(error)) => Outcome::Mismatch(format!("only Python refuses it: {error}")),
        (Err(error), None) => Outcome::Mismatch(format!("only we refuse it: {error}")),
        (Ok(read), None) => {
            let found = serde_json::to_value(note_seq::summary(&read))?;
            difference(&found, &expected, "").map_or(Outcome::Equal, Outcome::Mismatch)
        }
    };
    Ok((file, outcome))
}

/// The first place where two values differ. Keys that only the oracle has (file, hash, times) are passed over.
fn difference(found: &Value, expected: &Value, path: &str) -> Option<String> {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter().find_map(|(key, value)| match b.get(key) {
                Some(other) => difference(value, other, &format!("{path}/{key}")),
                None => Some(format!("{path}/{key} is missing in Python: {}", short(value))),
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(i, (a, b))| difference(a, b, &format!("{path}/{i}"))),
        (Value::Array(a), Value::Array(b)) => {
            Some(format!("{path} has {} entries, {} in Python", a.len(), b.len()))
        }
        (a, b) if a == b => None,
        (a, b) => Some(format!("{path} is {}, {} in Python", short(a), short(b))),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}
