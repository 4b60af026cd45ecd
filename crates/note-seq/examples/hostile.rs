//! Memory and time needed for files, each in a separate process: reading in every mode and typical
//! use of the result.
//!
//! `cargo run --release -p note-seq --example hostile -- PATH…` (folders are searched; Linux only).
//! Fails if a file takes more than 100 times its size plus 50 MB, or more than 2 s of processor
//! time per megabyte plus 0.1 s.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use note_seq::drums::DrumConverter;
use note_seq::groove::GrooveConverter;
use note_seq::midi::{self, ReadOptions, WriteOptions};
use note_seq::trio::TrioConverter;
use note_seq::{MelodyConverter, NoteSequence, StepsPerQuarter};

const ONE: &str = "--one";
const MB: f64 = 1e6;
/// Number of worst files to print.
const N_SHOWN: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, path] = args.as_slice()
        && flag == ONE
    {
        return one(Path::new(path));
    }
    let mut files = Vec::new();
    for path in &args {
        collect(Path::new(path), &mut files)?;
    }
    files.sort();
    let mut rows = Vec::new();
    for file in &files {
        rows.push(row(file)?);
    }
    let share = |r: &Row| (r.peak_mb / r.peak_limit()).max(r.seconds / r.seconds_limit());
    rows.sort_by(|a, b| share(b).total_cmp(&share(a)));
    println!(
        "file                                       MB    peak MB  allowed   seconds  allowed"
    );
    for r in rows.iter().take(N_SHOWN) {
        let name = r.path.file_name().unwrap_or_default().to_string_lossy();
        println!(
            "{:36.36} {:8.4} {:10.1} {:8.1} {:9.3} {:8.3}",
            name,
            r.file_mb,
            r.peak_mb,
            r.peak_limit(),
            r.seconds,
            r.seconds_limit()
        );
    }
    let n_over = rows.iter().filter(|r| share(r) > 1.0).count();
    println!(
        "{} files, {n_over} over their limits; the {N_SHOWN} nearest to them are shown",
        rows.len()
    );
    if n_over > 0 { Err("files over their limits".into()) } else { Ok(()) }
}

struct Row {
    path: PathBuf,
    file_mb: f64,
    peak_mb: f64,
    seconds: f64,
}

impl Row {
    fn peak_limit(&self) -> f64 {
        100.0 * self.file_mb + 50.0
    }

    fn seconds_limit(&self) -> f64 {
        2.0 * self.file_mb + 0.1
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

/// Measures a file in a new process.
fn row(path: &Path) -> Result<Row, Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?).arg(ONE).arg(path).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [peak_mb, seconds] = numbers.as_slice() else {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}: {told}", path.display(), output.status).into());
    };
    let file_mb = std::fs::metadata(path)?.len() as f64 / MB;
    Ok(Row { path: path.to_owned(), file_mb, peak_mb: *peak_mb, seconds: *seconds })
}

fn one(path: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    for options in [ReadOptions::strict(), ReadOptions::parity(), ReadOptions::lenient()] {
        if let Ok(read) = midi::read(&bytes, &options) {
            use_sequence(&read.sequence);
        }
    }
    // Processor time, which does not depend on other programs; nothing here waits.
    let on_processor = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds =
        on_processor.split_whitespace().next().ok_or("no time in /proc/self/schedstat")?;
    let seconds = nanoseconds.parse::<f64>()? / 1e9;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib =
        peak.and_then(|p| p.split_whitespace().next()).ok_or("no VmHWM in /proc/self/status")?;
    println!("{:.3} {seconds:.6}", kib.parse::<f64>()? * 1024.0 / MB);
    Ok(())
}

/// Typical use of a sequence that was read.
fn use_sequence(sequence: &NoteSequence) {
    let grid = StepsPerQuarter::SIXTEENTHS;
    std::hint::black_box(sequence.statistics());
    std::hint::black_box(sequence.beats());
    let quantized = sequence.quantize(grid).or_else(|_| sequence.quantize_absolute(100.0));
    if let Ok(quantized) = quantized {
        std::hint::black_box((quantized.groove_consistency(), quantized.to_sequence()));
    }
    let _ = std::hint::black_box(sequence.quantize_ticks(grid));
    {
        let pieces = sequence.split_on_time_changes();
        std::hint::black_box(NoteSequence::concatenate(&pieces));
    }
    let _ = std::hint::black_box(sequence.split_every(2.0, true));
    std::hint::black_box(sequence.split_on_silence(3.0));
    std::hint::black_box(MelodyConverter::mel_2bar().windows(sequence));
    std::hint::black_box(MelodyConverter::mel_16bar().windows(sequence));
    std::hint::black_box(DrumConverter::drums_2bar().windows(sequence));
    std::hint::black_box(DrumConverter::drums_16bar().windows(sequence));
    std::hint::black_box(TrioConverter::trio_16bar().windows(sequence));
    std::hint::black_box(GrooveConverter::groovae_2bar().windows(sequence));
    let mut sustained = sequence.clone();
    sustained.apply_sustain();
    sustained.dedupe_notes();
    drop(sustained);
    if let Ok(written) = midi::write(sequence, &WriteOptions::default()) {
        let _ = std::hint::black_box(midi::read(&written, &ReadOptions::lenient()));
    }
}
