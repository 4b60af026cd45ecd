//! Windows of notes from folders of MIDI files, and the outcome for every note, one table per
//! folder:
//! `cargo run --release -p note-seq --example note_lists -- [--4bar | --all | --drums] DIR…`.

#![expect(clippy::print_stdout, reason = "an example prints")]

mod folder;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use note_seq::midi::{self, ReadOptions};
use note_seq::{Assumption, NoteListConverter, SkipReason};

use folder::midi_files;

#[derive(Default)]
struct Totals {
    n_files: usize,
    n_unreadable: usize,
    n_without_notes: usize,
    n_used: usize,
    n_notes: usize,
    n_in_windows: usize,
    n_merged: usize,
    windows: BTreeMap<SkipReason, usize>,
    notes: BTreeMap<SkipReason, usize>,
    assumptions: BTreeMap<Assumption, usize>,
    /// Number of notes in every window, and in its fullest beat.
    sizes: Vec<usize>,
    cells: Vec<usize>,
}

fn main() -> std::io::Result<()> {
    let mut converter = NoteListConverter::poly_2bar();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--4bar" => converter = NoteListConverter::poly_4bar(),
            "--all" => converter = NoteListConverter::all_2bar(),
            "--drums" => converter = NoteListConverter::drums_2bar_groove(),
            folder => table(&converter, Path::new(folder))?,
        }
    }
    Ok(())
}

fn table(converter: &NoteListConverter, folder: &Path) -> std::io::Result<()> {
    let files = midi_files(folder)?;
    let began = Instant::now();
    let mut totals = Totals::default();
    for file in &files {
        count(converter, &std::fs::read(file)?, &mut totals);
    }
    let seconds = began.elapsed().as_secs_f64();
    let wanted = |reason: &SkipReason| {
        !matches!(reason, SkipReason::Drums | SkipReason::NotADrum | SkipReason::Silent)
    };
    let n_lost: usize = totals.notes.iter().filter(|(r, _)| wanted(r)).map(|(_, n)| n).sum();
    let share = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
    println!("{}", folder.display());
    println!(
        "  files {} (unreadable {}, none of these notes {}), with windows {} = {:.2} %",
        totals.n_files,
        totals.n_unreadable,
        totals.n_without_notes,
        totals.n_used,
        share(totals.n_used, totals.n_files - totals.n_unreadable - totals.n_without_notes),
    );
    println!(
        "  notes {}, in windows {} = {:.2} % (merged {:.2} %)",
        totals.n_in_windows + n_lost,
        totals.n_in_windows,
        share(totals.n_in_windows, totals.n_in_windows + n_lost),
        share(totals.n_merged, totals.n_in_windows + n_lost),
    );
    println!("  notes left out {:?}", totals.notes);
    println!(
        "  windows {}, left out {:?}; assumed, files {:?}",
        totals.sizes.len(),
        totals.windows,
        totals.assumptions
    );
    totals.sizes.sort_unstable();
    totals.cells.sort_unstable();
    let mean = totals.sizes.iter().sum::<usize>() as f64 / totals.sizes.len().max(1) as f64;
    let quantile = |sorted: &[usize], q: f64| {
        #[expect(clippy::cast_sign_loss, reason = "q and lengths are positive")]
        let place = (q * sorted.len() as f64) as usize;
        sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    println!(
        "  notes a window: mean {mean:.1}, 99 % at most {}, all {}; a beat: 99.9 % {}, all {}",
        quantile(&totals.sizes, 0.99),
        quantile(&totals.sizes, 1.0),
        quantile(&totals.cells, 0.999),
        quantile(&totals.cells, 1.0),
    );
    println!("  {seconds:.2} s, {:.2} ms a file", 1000.0 * seconds / files.len().max(1) as f64);
    Ok(())
}

fn count(converter: &NoteListConverter, bytes: &[u8], totals: &mut Totals) {
    totals.n_files += 1;
    let Ok(read) = midi::read(bytes, &ReadOptions::default()) else {
        totals.n_unreadable += 1;
        return;
    };
    let wants_drums = converter.encoding.has_drums();
    let wants_tones = converter.encoding.has_tones();
    if !read.sequence.notes.iter().any(|n| if n.is_drum { wants_drums } else { wants_tones }) {
        totals.n_without_notes += 1;
        return;
    }
    let conversion = converter.windows(&read.sequence);
    totals.n_used += usize::from(!conversion.windows.is_empty());
    totals.n_notes += conversion.n_notes;
    totals.n_in_windows += conversion.n_in_windows;
    totals.n_merged += conversion.n_merged;
    for (reason, n) in conversion.skipped_windows {
        *totals.windows.entry(reason).or_default() += n;
    }
    for (reason, n) in conversion.skipped_notes {
        *totals.notes.entry(reason).or_default() += n;
    }
    for assumption in conversion.assumptions {
        *totals.assumptions.entry(assumption).or_default() += 1;
    }
    for window in &conversion.windows {
        let list = &window.notes;
        let mut cells = vec![0; converter.encoding.max_cells()];
        for row in list.rows() {
            cells[converter.encoding.cell_of(list.meter(), row[0]).0] += 1;
        }
        totals.sizes.push(list.len());
        totals.cells.push(cells.into_iter().max().unwrap_or_default());
    }
}
