//! Measures how often the key found for a window agrees with the key signature, per folder:
//! `cargo run --release -p note-seq --example keys -- [--in KEY] DIR…`, where `--in KEY` states
//! that the music of the following folders is in this key, regardless of its key signatures.
//!
//! A major key and its relative minor count as equal: both are transposed alike.

#![expect(clippy::print_stdout, reason = "an example prints")]

mod folder;

use std::error::Error;
use std::path::Path;

use note_seq::midi::{self, ReadOptions};
use note_seq::{Key, KeyTracker, NoteListConverter, NoteListWindow, NoteSequence};

use folder::midi_files;

/// Windows by distance on the circle of fifths from the key that they should have.
#[derive(Default)]
struct Agreement([usize; 7]);

impl Agreement {
    fn add(&mut self, found: Option<Key>, expected: Key) {
        if let Some(key) = found {
            self.0[usize::from(key.distance(expected))] += 1;
        }
    }

    fn print(&self, name: &str) {
        let n: usize = self.0.iter().sum();
        let percent = |n_some: usize| 100.0 * n_some as f64 / n.max(1) as f64;
        let far: usize = self.0[2..].iter().sum();
        println!(
            "  {name}: {n} windows, same {:.1} %, a fifth apart {:.1} %, further {:.1} %",
            percent(self.0[0]),
            percent(self.0[1]),
            percent(far)
        );
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut expected = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--in" {
            expected = Some(arguments.next().unwrap_or_default().parse()?);
        } else {
            table(Path::new(&argument), expected)?;
        }
    }
    Ok(())
}

fn table(folder: &Path, expected: Option<Key>) -> Result<(), Box<dyn Error>> {
    let converter = |signature_bonus| NoteListConverter {
        key: Some(KeyTracker { signature_bonus, ..KeyTracker::default() }),
        dedupe: note_seq::Dedupe::Off,
        ..NoteListConverter::poly_2bar()
    };
    let with_signature = converter(KeyTracker::default().signature_bonus);
    let without_signature = converter(0.0);
    let (mut alone, mut around, mut hinted) =
        (Agreement::default(), Agreement::default(), Agreement::default());
    let (mut n_changes, mut n_neighbors) = (0_usize, 0_usize);
    let files = midi_files(folder)?;
    for file in &files {
        let Ok(read) = midi::read(&std::fs::read(file)?, &ReadOptions::default()) else { continue };
        let windows = without_signature.windows(&read.sequence).windows;
        let others = with_signature.windows(&read.sequence).windows;
        for (window, other) in windows.iter().zip(&others) {
            let signature = signature_at(&read.sequence, window.start_tick);
            let Some(expected) = expected.or(signature) else { continue };
            alone.add(own_key(window), expected);
            around.add(window.key, expected);
            hinted.add(other.key, expected);
        }
        for pair in windows.windows(2) {
            n_neighbors += 1;
            n_changes += usize::from(pair[0].transposed != pair[1].transposed);
        }
    }
    println!("{}", folder.display());
    alone.print("window alone");
    around.print("surroundings");
    hinted.print("and signature");
    let share = 100.0 * n_changes as f64 / n_neighbors.max(1) as f64;
    println!("  windows in another key than the one before (surroundings): {share:.1} %");
    Ok(())
}

fn own_key(window: &NoteListWindow) -> Option<Key> {
    let mut durations = [0.0; 12];
    for note in window.notes.notes() {
        durations[usize::from(note.pitch.class())] += f64::from(note.duration);
    }
    Key::find(&durations).map(|key| key.transposed(-i32::from(window.transposed)))
}

fn signature_at(sequence: &NoteSequence, tick: i64) -> Option<Key> {
    let tempos = sequence.tempo_map();
    let quarters = tick as f64 / f64::from(note_seq::TICKS_PER_QUARTER);
    let in_force = sequence
        .key_signatures
        .iter()
        .filter(|s| tempos.quarters(s.time) <= quarters.max(0.0) + 1e-6)
        .max_by(|a, b| a.time.total_cmp(&b.time));
    in_force.map(Key::from_signature)
}
