//! Files a second, side by side with symusic (C++) and `note_seq` (Python), one thread, bytes in memory.
//!
//! `NOTE_SEQ_PYTHON=…/bin/python cargo bench -p note-seq --bench peers`; folders other than `../shared/data` by
//! `NOTE_SEQ_BENCH_DIR`. Ours is timed before and after the peers, so that a busy machine shows.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and may stop")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use note_seq::drums::DrumConverter;
use note_seq::midi::{self, ReadOptions};
use note_seq::trio::TrioConverter;
use note_seq::{MelodyConverter, StepsPerQuarter};

const N_FILES: usize = 300;
const N_PASSES: usize = 7;
/// `note_seq` gets every 10th file.
const PYTHON_EVERY: usize = 10;

fn midi_files(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            midi_files(&path, files);
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mid")) {
            files.push(path);
        }
    }
}

/// Files a second, median of the passes.
fn files_per_second(data: &[Vec<u8>], work: impl Fn(&[u8]) -> usize) -> f64 {
    let mut seconds: Vec<f64> = (0..N_PASSES)
        .map(|_| {
            let start = Instant::now();
            let sum: usize = data.iter().map(|b| work(b)).sum();
            std::hint::black_box(sum);
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    data.len() as f64 / seconds[N_PASSES / 2]
}

fn ours(data: &[Vec<u8>]) {
    let read = |b: &[u8]| midi::read(b, &ReadOptions::default()).ok().map(|r| r.sequence);
    let row = |name: &str, rate: f64| println!("{name:<44}{rate:>12.1} files/s");
    row("ours, read to seconds", files_per_second(data, |b| read(b).map_or(0, |s| s.notes.len())));
    let parity =
        |b: &[u8]| midi::read(b, &ReadOptions::parity()).map_or(0, |r| r.sequence.notes.len());
    row("ours, read to seconds (parity)", files_per_second(data, parity));
    let melodies = MelodyConverter::mel_2bar();
    row(
        "ours, read + 2-bar melodies",
        files_per_second(data, |b| read(b).map_or(0, |s| melodies.windows(&s).windows.len())),
    );
    let sequences: Vec<_> = data.iter().filter_map(|b| read(b)).collect();
    let pieces: Vec<_> =
        sequences.iter().flat_map(note_seq::NoteSequence::split_on_time_changes).collect();
    let start = Instant::now();
    let n_notes: usize = pieces
        .iter()
        .map(|p| p.quantize(StepsPerQuarter::SIXTEENTHS).map_or(0, |q| q.notes.len()))
        .sum();
    println!(
        "{:<44}{:>12.1} million notes/s",
        "ours, quantize",
        n_notes as f64 / start.elapsed().as_secs_f64() / 1e6
    );
    let (mel16, drums2) = (MelodyConverter::mel_16bar(), DrumConverter::drums_2bar());
    let (drums16, trio) = (DrumConverter::drums_16bar(), TrioConverter::trio_16bar());
    row(
        "ours, read + all five encodings",
        files_per_second(data, |b| {
            read(b).map_or(0, |s| {
                melodies.windows(&s).windows.len()
                    + mel16.windows(&s).windows.len()
                    + drums2.windows(&s).windows.len()
                    + drums16.windows(&s).windows.len()
                    + trio.windows(&s).windows.len()
            })
        }),
    );
}

fn main() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let dir =
        std::env::var_os("NOTE_SEQ_BENCH_DIR").map_or_else(|| shared.join("data"), PathBuf::from);
    let mut files = Vec::new();
    midi_files(&dir, &mut files);
    files.sort();
    if files.is_empty() {
        println!("skipped: no MIDI file under {}", dir.display());
        return;
    }
    let every = files.len().div_ceil(N_FILES);
    let files: Vec<PathBuf> = files.into_iter().step_by(every).collect();
    let data: Vec<Vec<u8>> = files.iter().map(|f| std::fs::read(f).unwrap()).collect();
    println!("{} files, {} bytes", data.len(), data.iter().map(Vec::len).sum::<usize>());
    ours(&data);
    if let Some(python) = std::env::var_os("NOTE_SEQ_PYTHON") {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([N_PASSES.to_string(), PYTHON_EVERY.to_string()])
            .arg(shared.join("oracles"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for file in &files {
            writeln!(stdin, "{}", file.display()).unwrap();
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let rates: std::collections::BTreeMap<String, f64> =
            serde_json::from_slice(&output.stdout).unwrap();
        for (name, rate) in rates {
            println!("{name:<44}{rate:>12.1} files/s");
        }
        ours(&data);
    }
}
