//! `cargo xtask parity notes PATH…`: compares every MIDI file under the folders with Python's
//! `note_seq`.
//!
//! Each file is read by the oracle (`../shared/oracles/noteseq_oracle.py` next to the repository)
//! and by `oracle::summary` in parity mode. The comparison is exact: whether the file is readable;
//! bit-exact notes in seconds, tempos, signatures, names; quantized steps; and, for each section of
//! constant tempo and meter, the melody, drum and trio windows. Then `xtask/peers/chords_groove.py`
//! computes chords and grooves.
//!
//! The oracle takes most of an hour for ten thousand files. A PATH that is a file contains its
//! saved answers, one JSON line per file, gzipped or not; they are compared without running it
//! again.

#[path = "../../crates/note-seq/tests/oracle/mod.rs"]
mod oracle;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use note_seq::chords::ChordInference;
use note_seq::drums::N_DRUM_CLASSES;
use note_seq::groove::GrooveConverter;
use note_seq::midi::{self, ReadOptions};
use note_seq::{NoteSequence, StepsPerQuarter};
use serde_json::{Value, json};

use crate::files::files_below;

/// Runs the oracle on each file named on standard input, and prints one JSON line per file, with
/// numbers to the last digit. With the memory limit, a file with an absurd tick is refused instead
/// of exhausting the machine's memory.
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

/// Maximum number of mismatches that are printed individually.
const MAX_PRINTED: usize = 20;

/// Chords are inferred for every file whose index is a multiple of this, because Python takes
/// seconds per file.
const CHORDS_EVERY: usize = 80;

/// The result of comparing one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Both read it and agree.
    Equal,
    /// Both reject it.
    BothRefuse,
    /// Python ran out of memory on a file that we read: nothing to compare.
    PythonOutOfMemory,
    /// They differ: the first difference in each part (notes, `mel2`, chords, …).
    Mismatch(BTreeMap<String, String>),
}

/// Compares every MIDI file under `paths`; `python` is an interpreter with `note-seq` (default
/// `python3`). With `oracle_only`, chords and grooves, which take by far the longest, are omitted.
///
/// # Errors
/// If no file is found, if the oracle cannot be run, or if any file differs.
#[expect(clippy::print_stdout, reason = "this is a command's output")]
pub(crate) fn run(
    paths: &[PathBuf],
    python: Option<PathBuf>,
    oracle_only: bool,
) -> anyhow::Result<()> {
    let python = python.unwrap_or_else(|| PathBuf::from("python3"));
    let oracles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracles");
    ensure!(
        oracles.join("noteseq_oracle.py").exists(),
        "there is no oracle at {}",
        oracles.display()
    );
    let mut total = Tally::default();
    let mut all_files = Vec::new();
    for path in paths {
        let mut tally = Tally::default();
        let lines: Box<dyn Iterator<Item = anyhow::Result<String>>> = if path.is_file() {
            Box::new(saved_answers(path)?)
        } else {
            let files = files_below(path, &["mid", "midi", "rmi", "kar", "smf"])?;
            ensure!(!files.is_empty(), "there is no MIDI file under {}", path.display());
            let mut command = Command::new(&python);
            command.args(["-c", DRIVER]).arg(&oracles);
            Box::new(answers(command, &files)?)
        };
        for line in lines {
            let (file, outcome) = compare_line(&line?)?;
            all_files.push(PathBuf::from(&file));
            tally.count(&file, outcome);
        }
        println!("{:<50} {tally}", path.display());
        total.add(tally);
    }
    if oracle_only {
        all_files.clear();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/chords_groove.py");
    let mut command = Command::new(&python);
    command.arg(script).arg(CHORDS_EVERY.to_string());
    let mut peers = Peers::default();
    for line in answers(command, &all_files)? {
        let (file, differing) = peers.compare(&line?)?;
        total.add_parts(&file, differing);
    }
    println!("{:<50} {total}", "all");
    println!("{peers}");
    for (part, n) in &total.parts {
        println!("  {part}: {n} files differ");
    }
    for (file, what) in total.mismatches.iter().take(MAX_PRINTED) {
        println!("  {file}: {what:?}");
    }
    if total.mismatches.is_empty() {
        Ok(())
    } else {
        bail!("{} of {} files differ from Python", total.mismatches.len(), total.n_files)
    }
}

/// Comparison of chords and grooves, which the oracle does not compute.
#[derive(Default)]
struct Peers {
    inference: ChordInference,
    n_progressions: usize,
    n_grooves: usize,
}

impl std::fmt::Display for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "chords of {} stretches and {} grooves compared",
            self.n_progressions, self.n_grooves
        )
    }
}

impl Peers {
    /// Compares a line of `chords_groove.py`; returns the file and its differences.
    fn compare(&mut self, line: &str) -> anyhow::Result<(String, BTreeMap<String, String>)> {
        let expected: Value =
            serde_json::from_str(line).context("the script's answer is not JSON")?;
        let file =
            expected["file"].as_str().context("the script's answer names no file")?.to_owned();
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read {file}"))?;
        let mut differing = BTreeMap::new();
        let Ok(read) = midi::read(&bytes, &ReadOptions::parity()) else {
            // Already counted with the oracle's answers.
            return Ok((file, differing));
        };
        let groove = groove(&read.sequence);
        self.n_grooves += usize::from(groove.is_object());
        // The reason for a missing groove is worded differently.
        if groove.is_object() || expected["groove"].is_object() {
            let difference = difference(&groove, &expected["groove"], "");
            differing.extend(difference.map(|what| ("groove".to_owned(), what)));
        }
        if let Some(pieces) = expected.get("chords").and_then(Value::as_array) {
            let ours = read.sequence.split_on_time_changes();
            self.n_progressions += pieces.len();
            let found: Vec<Value> =
                ours.iter().take(pieces.len()).map(|p| self.chords(p)).collect();
            let difference = difference(&Value::from(found), &expected["chords"], "");
            differing.extend(difference.map(|what| ("chords".to_owned(), what)));
        }
        Ok((file, differing))
    }

    /// The chord changes as time, step, symbol; null if no chords can be inferred.
    fn chords(&self, piece: &NoteSequence) -> Value {
        let Ok(found) = self.inference.infer(piece, StepsPerQuarter::SIXTEENTHS, None) else {
            return Value::Null;
        };
        let changes = found.chords.iter().zip(found.to_annotations());
        changes.map(|(at, symbol)| json!([at.time, at.step, symbol.text])).collect()
    }
}

/// The length and hits of the whole groove, or null.
fn groove(sequence: &NoteSequence) -> Value {
    let converter = GrooveConverter { split_bars: None, ..GrooveConverter::groovae_2bar() };
    let conversion = converter.windows(sequence);
    let Some(window) = conversion.windows.first() else { return Value::Null };
    let mut hits = Vec::new();
    for (number, step) in window.output.iter().enumerate() {
        let (struck, rest) = step.split_at(N_DRUM_CLASSES);
        let (velocities, offsets) = rest.split_at(N_DRUM_CLASSES);
        for drum in (0..N_DRUM_CLASSES).filter(|drum| struck[*drum] > 0.0) {
            let exact = |x: f32| f64::from(x);
            hits.push(json!([number, drum, exact(velocities[drum]), exact(offsets[drum])]));
        }
    }
    json!({ "n_steps": window.output.len(), "hits": hits })
}

/// Counts of outcomes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Number of files compared.
    pub(crate) n_files: usize,
    n_equal: usize,
    n_refused: usize,
    n_out_of_memory: usize,
    /// Files that differ, with the first difference in each part.
    pub(crate) mismatches: BTreeMap<String, BTreeMap<String, String>>,
    /// Number of files that differ in each part.
    parts: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts one file.
    pub(crate) fn count(&mut self, file: &str, outcome: Outcome) {
        self.n_files += 1;
        match outcome {
            Outcome::Equal => self.n_equal += 1,
            Outcome::BothRefuse => self.n_refused += 1,
            Outcome::PythonOutOfMemory => self.n_out_of_memory += 1,
            Outcome::Mismatch(parts) => self.add_parts(file, parts),
        }
    }

    /// Records the differences of one file.
    fn add_parts(&mut self, file: &str, differing: BTreeMap<String, String>) {
        if differing.is_empty() {
            return;
        }
        for part in differing.keys() {
            *self.parts.entry(part.clone()).or_default() += 1;
        }
        self.mismatches.entry(file.to_owned()).or_default().extend(differing);
    }

    fn add(&mut self, other: Self) {
        self.n_files += other.n_files;
        self.n_equal += other.n_equal;
        self.n_refused += other.n_refused;
        self.n_out_of_memory += other.n_out_of_memory;
        for (file, parts) in other.mismatches {
            self.add_parts(&file, parts);
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} files, {} equal, {} rejected by both, {} where Python ran out of memory, \
             {} mismatches",
            self.n_files,
            self.n_equal,
            self.n_refused,
            self.n_out_of_memory,
            self.mismatches.len()
        )
    }
}

/// Saved answers, line by line.
fn saved_answers(path: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>>> {
    let mut command = Command::new("gzip");
    // With `-f`, uncompressed files are passed through.
    command.args(["-dcf"]).arg(path);
    answers(command, &[])
}

/// The lines that a program prints for the file names on its standard input.
fn answers(
    mut command: Command,
    files: &[PathBuf],
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>> + use<>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let mut names = child.stdin.take().context("the program has no standard input")?;
    let list: Vec<u8> =
        files.iter().flat_map(|f| [f.as_os_str().as_encoded_bytes(), b"\n"].concat()).collect();
    // On a separate thread: the program answers before it has read all names, and a full pipe would
    // block both.
    std::thread::spawn(move || names.write_all(&list));
    let lines =
        BufReader::new(child.stdout.take().context("the program has no standard output")?).lines();
    let mut child = Some(child);
    Ok(lines.map(|line| line.context("cannot read an answer")).chain(std::iter::from_fn(
        move || {
            // Wait for the child process once its output has ended.
            match child.take()?.wait() {
                Ok(status) if status.success() => None,
                Ok(status) => Some(Err(anyhow::anyhow!(
                    "{name} stopped with {status}; is `note-seq` installed?"
                ))),
                Err(error) => Some(Err(error.into())),
            }
        },
    )))
}

/// Reads the file that an answer is about and compares.
///
/// # Errors
/// If the answer is not JSON or names no file that can be read.
pub(crate) fn compare_line(line: &str) -> anyhow::Result<(String, Outcome)> {
    let expected: Value = serde_json::from_str(line).context("the oracle's answer is not JSON")?;
    let file = expected["file"].as_str().context("the oracle's answer names no file")?.to_owned();
    let bytes = std::fs::read(&file).with_context(|| format!("cannot read {file}"))?;
    let one = |what: String| Outcome::Mismatch([("read".to_owned(), what)].into());
    let refusal = ["error", "crash"].into_iter().find_map(|key| expected.get(key)?.as_str());
    let outcome = match (midi::read(&bytes, &ReadOptions::parity()), refusal) {
        (Err(_), Some(_)) => Outcome::BothRefuse,
        (Ok(_), Some(error)) if error.contains("MemoryError") => Outcome::PythonOutOfMemory,
        (Ok(_), Some(error)) => one(format!("only Python rejects it: {error}")),
        (Err(error), None) => one(format!("only we reject it: {error}")),
        (Ok(read), None) => {
            let found = serde_json::to_value(oracle::summary(&read))?;
            let differing = differences(&found, &expected);
            if differing.is_empty() { Outcome::Equal } else { Outcome::Mismatch(differing) }
        }
    };
    Ok((file, outcome))
}

/// The first difference in each part of two summaries.
fn differences(found: &Value, expected: &Value) -> BTreeMap<String, String> {
    let mut differing = BTreeMap::new();
    let mut compare = |found: &Value, expected: &Value, at: &str| {
        for (part, value) in found.as_object().into_iter().flatten() {
            let other = expected.get(part).unwrap_or(&Value::Null);
            if part != "segments"
                && let Some(what) = difference(value, other, &format!("{at}/{part}"))
            {
                differing.entry(part.clone()).or_insert(what);
            }
        }
    };
    compare(found, expected, "");
    let list = |value: &Value| value["segments"].as_array().cloned().unwrap_or_default();
    let (ours, theirs) = (list(found), list(expected));
    for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        compare(ours, theirs, &format!("/segments/{i}"));
    }
    if ours.len() != theirs.len() {
        let what = format!("{} stretches, {} in Python", ours.len(), theirs.len());
        differing.insert("segments".to_owned(), what);
    }
    differing
}

/// The first difference between two values. Keys that only the oracle has (file, hash, times) are
/// ignored.
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
