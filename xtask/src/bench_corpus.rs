//! `cargo xtask bench corpus`: speed and memory of the corpus builder, on real files and on many
//! files derived from them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use note_seq::midi::{self, ReadOptions, WriteOptions};
use note_seq::{NoteSequence, Pitch};
use serde_json::{Value, json};

use crate::files::{files_below, save};
use crate::process::{self, answer, say};

/// Number of files in the Lakh MIDI data set (`lmd_full`).
const LAKH_FILES: f64 = 176_581.0;
/// Goal: minutes for a corpus of the size of Lakh.
const GOAL_MINUTES: f64 = 10.0;
/// Goal: maximum ratio of the peak memory with the most files to that with the fewest.
const GOAL_GROWTH: f64 = 1.2;
const GOAL_PEAK_MIB: f64 = 1024.0;
/// Goal: maximum relative change in time per file.
const GOAL_TIME: f64 = 0.1;
/// Larger files are not typical music, and would have too much weight when repeated.
const MAX_BASE_BYTES: u64 = 1 << 20;
/// Files per folder of derived files.
const FILES_PER_FOLDER: usize = 1000;

/// Options of the benchmark.
#[derive(Debug, Args)]
pub(crate) struct BenchCorpus {
    /// Folders of MIDI files
    #[arg(default_value = "../shared/data", value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Numbers of files derived from them by repetition and perturbation
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    made: Vec<usize>,
    /// Files like those of Lakh, from which the time for Lakh is extrapolated
    #[arg(long, default_value = "../shared/data/lakh-like", value_name = "DIR")]
    lakh_like: PathBuf,
    /// The kind of window
    #[arg(long, default_value = "mel-2bar")]
    kind: String,
    /// Threads for the derived files
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Folder for the derived files; existing ones are reused [default: a temporary folder]
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// The release build of `controlgen` to measure [default: build it]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Also write the rows as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The results of one build.
struct Row {
    name: String,
    threads: usize,
    n_files: f64,
    n_windows: f64,
    megabytes: f64,
    seconds: f64,
    peak_mib: f64,
}

impl Row {
    fn line(&self) -> String {
        format!(
            "{:16} {:7}  {:7}  {:8}  {:7.1}  {:7.1}  {:7.0}  {:6.1}  {:8.0}",
            self.name,
            self.threads,
            self.n_files,
            self.n_windows,
            self.megabytes,
            self.seconds,
            self.n_files / self.seconds,
            self.megabytes / self.seconds,
            self.peak_mib,
        )
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "threads": self.threads, "files": self.n_files,
            "windows": self.n_windows, "megabytes": self.megabytes, "seconds": self.seconds,
            "peak_mib": self.peak_mib,
        })
    }
}

pub(crate) fn run(args: &BenchCorpus) -> Result<()> {
    let program = process::controlgen(args.program.as_deref())?;
    let temporary = tempfile::tempdir().context("can't make a temporary folder")?;
    let work = args.work.as_deref().unwrap_or(temporary.path());
    let dirs: Vec<PathBuf> = args.dirs.iter().map(|dir| process::root().join(dir)).collect();
    let build = |name: &str, dirs: &[PathBuf], threads: usize| -> Result<Row> {
        let out = temporary.path().join("corpus");
        let mut words: Vec<String> =
            ["corpus", "build", "--quiet", "--kind", &args.kind, "-o"].map(str::to_owned).to_vec();
        words.push(out.display().to_string());
        words.extend(["--threads".to_owned(), threads.to_string()]);
        words.extend(dirs.iter().map(|dir| dir.display().to_string()));
        let report = process::json(&program, &words)?;
        std::fs::remove_dir_all(&out).context("can't remove the corpus")?;
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let row = Row {
            name: name.to_owned(),
            threads,
            n_files: number(&report["n_files"]),
            n_windows: number(&report["n_train"]) + number(&report["n_heldout"]),
            megabytes: number(&report["n_bytes"]) / 1e6,
            seconds: number(&report["run"]["seconds"]),
            peak_mib: number(&report["run"]["peak_memory_bytes"]) / f64::from(1 << 20),
        };
        answer(&row.line());
        Ok(row)
    };
    answer(
        "files            threads    files   windows       MB  seconds  files/s    MB/s  peak MiB",
    );
    let mut rows = Vec::new();
    for threads in [1, 2] {
        rows.push(build("original", &dirs, threads)?);
    }
    let mut made = Vec::new();
    for n_files in &args.made {
        let folder = work.join(format!("made-{n_files}"));
        make(&dirs, *n_files, &folder)?;
        made.push(build("made", &[folder], args.threads)?);
    }
    let lakh_like = process::root().join(&args.lakh_like);
    let like = if lakh_like.exists() {
        let n_files = args.made.iter().copied().min().unwrap_or(10_000);
        let folder = work.join(format!("like-lakh-{n_files}"));
        make(&[lakh_like], n_files, &folder)?;
        Some(build("derived, like Lakh", &[folder], args.threads)?)
    } else {
        say(&format!("{} does not exist: no estimate for Lakh", lakh_like.display()));
        None
    };
    if let [first, .., last] = made.as_slice() {
        let growth = last.peak_mib / first.peak_mib;
        let (a, b) = (first.seconds / first.n_files, last.seconds / last.n_files);
        answer(&format!(
            "peak memory with {} files relative to {} files: {growth:.2} (at most {GOAL_GROWTH}; \
             {:.0} MiB, at most {GOAL_PEAK_MIB}); time per file: {:.3} and {:.3} ms, {:+.0} % \
             (at most {:.0} %)",
            last.n_files,
            first.n_files,
            last.peak_mib,
            a * 1e3,
            b * 1e3,
            (b / a - 1.0) * 100.0,
            GOAL_TIME * 100.0,
        ));
    }
    if let Some(like) = &like {
        let minutes = LAKH_FILES / like.n_files * like.seconds / 60.0;
        answer(&format!(
            "Lakh: {LAKH_FILES} files of {:.1} kB at {:.1} files/s = {LAKH_FILES} / {:.1} / 60 = \
             {minutes:.1} minutes (at most {GOAL_MINUTES})",
            like.megabytes * 1e3 / like.n_files,
            like.n_files / like.seconds,
            like.n_files / like.seconds,
        ));
    }
    rows.extend(made);
    rows.extend(like);
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    save(args.json.as_deref(), &rows)
}

/// Derives `n_files` files from those in `dirs`, each transposed and without some of its notes.
fn make(dirs: &[PathBuf], n_files: usize, folder: &Path) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let mut bases: Vec<PathBuf> = Vec::new();
    for dir in dirs {
        bases.extend(files_below(dir, &["mid", "midi"])?);
    }
    bases.retain(|path| path.metadata().is_ok_and(|file| file.len() <= MAX_BASE_BYTES));
    ensure!(!bases.is_empty(), "there is no MIDI file in {dirs:?}");
    bases.sort();
    // Shuffled, so that small numbers of files have the same mix of kinds as large ones.
    bases.sort_by_key(|path| hash(path));
    say(&format!("deriving {n_files} files from {}", bases.len()));
    let unfinished = folder.with_extension("unfinished");
    for index in (0..n_files).step_by(FILES_PER_FOLDER) {
        std::fs::create_dir_all(unfinished.join(format!("{:04}", index / FILES_PER_FOLDER)))?;
    }
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..n_threads)
            .map(|thread| {
                let (bases, unfinished) = (&bases, &unfinished);
                scope.spawn(move || -> Result<()> {
                    for (at, path) in bases.iter().enumerate().skip(thread).step_by(n_threads) {
                        let Some(sequence) = read(path) else { continue };
                        for index in (at..n_files).step_by(bases.len()) {
                            let Some(bytes) = perturbed(&sequence, index as u64) else { continue };
                            let name = format!("{:04}/{index}.mid", index / FILES_PER_FOLDER);
                            std::fs::write(unfinished.join(name), bytes)?;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        tasks.into_iter().try_for_each(|task| match task.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    std::fs::rename(&unfinished, folder).context("can't rename the folder of derived files")
}

fn read(path: &Path) -> Option<NoteSequence> {
    let bytes = std::fs::read(path).ok()?;
    midi::read(&bytes, &ReadOptions::default()).ok().map(|read| read.sequence)
}

/// Transposes by up to five semitones and drops every fiftieth note. Returns `None` if a damaged
/// file has times that no file can represent.
fn perturbed(sequence: &NoteSequence, index: u64) -> Option<Vec<u8>> {
    let mut changed = sequence.clone();
    let semitones = (0..).zip(-5..=5_i16).find(|(i, _)| *i == mix(index) % 11);
    let semitones = semitones.map_or(0, |(_, semitones)| semitones);
    let mut number = 0;
    changed.notes.retain_mut(|note| {
        number += 1;
        if !note.is_drum {
            let pitch = u8::try_from(i16::from(note.pitch.get()) + semitones).ok();
            note.pitch = pitch.and_then(|pitch| Pitch::new(pitch).ok()).unwrap_or(note.pitch);
        }
        !mix(index << 20 ^ number).is_multiple_of(50)
    });
    midi::write(&changed, &WriteOptions::default()).ok()
}

fn hash(path: &Path) -> u64 {
    path.to_string_lossy().bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// Mixes all bits: the finalizer of `SplitMix64`.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
