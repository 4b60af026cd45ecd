//! Comparison with symusic (C++), `note_seq` with Magenta's encodings (Python), mido and midly.
//!
//! `NOTE_SEQ_PYTHON=…/bin/python cargo bench -p note-seq --bench peers`: files per second on one
//! thread, with bytes in memory, alternating between tools, for every data set under
//! `../shared/data` (another folder: `NOTE_SEQ_BENCH_DIR`; some of the sets:
//! `NOTE_SEQ_BENCH_SETS=a,b`; also write the rows as JSON: `NOTE_SEQ_BENCH_JSON=FILE`). With
//! `-- nasty`: for every class of defect under `nasty-midi`, the number of files that yield notes.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and may stop")]

mod nasty;
mod python;

use std::path::{Path, PathBuf};
use std::time::Instant;

use note_seq::drums::DrumConverter;
use note_seq::midi::{self, ReadOptions};
use note_seq::trio::TrioConverter;
use note_seq::{MelodyConverter, NoteSequence, StepsPerQuarter};

use python::Python;
use serde_json::{Value, json};

/// The allocator of the program `controlgen`. The system's allocator returns memory after every
/// file and requests it again page by page, which takes a third more time for small files.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Maximum number of files per data set.
const N_FILES: usize = 200;
/// Number of alternations between our reader and symusic.
const N_ROUNDS: usize = 7;
/// Number of alternations with `note_seq`, which takes a thousand times as long.
const N_SLOW_ROUNDS: usize = 2;

/// All MIDI files under a folder, sorted.
fn midi_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_midi = |e: &std::ffi::OsStr| {
            ["mid", "midi", "kar", "rmi"].iter().any(|x| e.eq_ignore_ascii_case(x))
        };
        if path.is_dir() {
            files.extend(midi_files(&path));
        } else if path.extension().is_some_and(is_midi) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Duration of one pass, in seconds.
fn seconds<T>(items: &[T], work: impl Fn(&T) -> usize) -> f64 {
    let start = Instant::now();
    let sum: usize = items.iter().map(work).sum();
    std::hint::black_box(sum);
    start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Runs our reader and a peer alternately and prints the median files per second of both, and their
/// ratio.
fn row(
    name: &str,
    n_files: usize,
    n_rounds: usize,
    ours: impl Fn() -> f64,
    peer: impl FnMut() -> Option<f64>,
) -> Value {
    let (mut our_rates, mut peer_rates, mut peer) = (Vec::new(), Vec::new(), peer);
    for _ in 0..n_rounds {
        our_rates.push(n_files as f64 / ours());
        peer_rates.extend(peer());
    }
    let ours = median(our_rates);
    if peer_rates.is_empty() {
        println!("  {name:<42}{ours:>12.1}");
        return json!({ "work": name, "ours": ours });
    }
    let peer = median(peer_rates);
    println!("  {name:<42}{ours:>12.1}{peer:>12.1}{:>10.2}", ours / peer);
    json!({ "work": name, "ours": ours, "peer": peer, "ratio": ours / peer })
}

fn lenient(bytes: &[u8]) -> Option<NoteSequence> {
    midi::read(bytes, &ReadOptions::lenient()).ok().map(|read| read.sequence)
}

/// The rows of one data set.
fn compare(data: &[Vec<u8>], mut python: Option<Python>) -> Vec<Value> {
    let n_files = data.len();
    let mut ask = |command| python.as_mut().and_then(|python| python.files_per_second(command));
    let read = || seconds(data, |b| lenient(b).map_or(0, |s| s.notes.len()));
    let symusic = row("read to seconds, compared with symusic", n_files, N_ROUNDS, read, || {
        ask("symusic_read")
    });
    let reading =
        row("read to seconds, compared with note_seq", n_files, N_SLOW_ROUNDS, read, || {
            ask("note_seq_read")
        });
    let pieces: Vec<Vec<NoteSequence>> =
        (data.iter().filter_map(|b| lenient(b))).map(|s| s.split_on_time_changes()).collect();
    let quantize = || {
        let n_notes =
            |p: &NoteSequence| p.quantize(StepsPerQuarter::SIXTEENTHS).map_or(0, |q| q.notes.len());
        seconds(&pieces, |pieces| pieces.iter().map(n_notes).sum())
    };
    let quantizing =
        row("quantize, compared with note_seq", n_files, N_SLOW_ROUNDS, quantize, || {
            ask("note_seq_quantize")
        });
    let mel2 = MelodyConverter::mel_2bar();
    let melodies = || seconds(data, |b| lenient(b).map_or(0, |s| mel2.windows(&s).windows.len()));
    let melodies = row(
        "read + 2-bar melodies, compared with note_seq",
        n_files,
        N_SLOW_ROUNDS,
        melodies,
        || ask("note_seq_melodies"),
    );
    let mel16 = MelodyConverter::mel_16bar();
    let (drums2, drums16) = (DrumConverter::drums_2bar(), DrumConverter::drums_16bar());
    let trio16 = TrioConverter::trio_16bar();
    let encodings = || {
        seconds(data, |b| {
            lenient(b).map_or(0, |s| {
                mel2.windows(&s).windows.len()
                    + mel16.windows(&s).windows.len()
                    + drums2.windows(&s).windows.len()
                    + drums16.windows(&s).windows.len()
                    + trio16.windows(&s).windows.len()
            })
        })
    };
    let encodings = row(
        "read + all five encodings, compared with note_seq",
        n_files,
        N_SLOW_ROUNDS,
        encodings,
        || ask("note_seq_encodings"),
    );
    vec![symusic, reading, quantizing, melodies, encodings]
}

fn main() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let dir =
        std::env::var_os("NOTE_SEQ_BENCH_DIR").map_or_else(|| shared.join("data"), PathBuf::from);
    let python = std::env::var_os("NOTE_SEQ_PYTHON");
    let start = |files: &[PathBuf]| {
        python.as_ref().map(|python| Python::start(python, &shared.join("oracles"), files))
    };
    if std::env::args().any(|argument| argument == "nasty") {
        let files = midi_files(&dir.join("nasty-midi"));
        let peers = start(&files);
        return nasty::table(&files, peers);
    }
    let mut sets: Vec<PathBuf> =
        std::fs::read_dir(&dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    sets.sort();
    println!("  {:<42}{:>12}{:>12}{:>10}", "files a second", "ours", "peer", "ratio");
    let wanted = std::env::var("NOTE_SEQ_BENCH_SETS").ok();
    let is_wanted =
        |set: &str| wanted.as_ref().is_none_or(|list| list.split(',').any(|w| w == set));
    let mut rows = Vec::new();
    for set in sets {
        let name = set.file_name().unwrap_or_default().display().to_string();
        if !is_wanted(&name) {
            continue;
        }
        let files = midi_files(&set);
        if files.is_empty() {
            continue;
        }
        let every = files.len().div_ceil(N_FILES);
        let files: Vec<PathBuf> = files.into_iter().step_by(every).collect();
        let data: Vec<Vec<u8>> = files.iter().map(|f| std::fs::read(f).unwrap()).collect();
        let n_bytes: usize = data.iter().map(Vec::len).sum();
        println!("{name}: {} files, {n_bytes} bytes", files.len());
        for mut row in compare(&data, start(&files)) {
            row["set"] = json!(name);
            rows.push(row);
        }
    }
    if let Some(path) = std::env::var_os("NOTE_SEQ_BENCH_JSON") {
        std::fs::write(path, serde_json::to_vec_pretty(&rows).unwrap()).unwrap();
    }
}
