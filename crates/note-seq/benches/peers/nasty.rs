//! The broken files from which each reader can read notes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use note_seq::midi::{self, ReadOptions};

use crate::python::Python;

const READERS: [&str; 5] = ["ours", "mido", "mido, clip", "symusic", "midly"];

/// The folder named after the defect, or the collection that contains the file.
fn class(file: &Path) -> String {
    let folders: Vec<String> =
        file.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    let after =
        |name: &str| folders.iter().position(|f| f == name).map(|at| folders[at + 1].clone());
    after("Invalid").or_else(|| after("nasty-midi")).unwrap_or_default()
}

/// Number of notes that midly finds: note-ons in the events before the first unreadable one.
fn by_midly(bytes: &[u8]) -> i64 {
    use midly::{MidiMessage::NoteOn, TrackEventKind::Midi};
    midly::Smf::parse(bytes).map_or(-1, |smf| {
        let is_note = |e: &&midly::TrackEvent<'_>| {
            matches!(e.kind, Midi { message: NoteOn { vel, .. }, .. } if vel > 0)
        };
        i64::try_from(smf.tracks.iter().flatten().filter(is_note).count()).unwrap()
    })
}

/// Prints, for each class, the number of files that yield notes.
pub(crate) fn table(files: &[PathBuf], python: Option<Python>) {
    let counts = python.map(|mut python| python.ask("counts"));
    let mut classes: BTreeMap<String, (usize, [usize; 5])> = BTreeMap::new();
    let mut lost = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let bytes = std::fs::read(file).unwrap();
        let ours = midi::read(&bytes, &ReadOptions::lenient())
            .map_or(-1, |r| i64::try_from(r.sequence.notes.len()).unwrap());
        let peer = |j: usize| counts.as_ref().and_then(|c| c[i][j].as_i64()).unwrap_or(-1);
        let found = [ours, peer(0), peer(1), peer(2), by_midly(&bytes)];
        let (n_files, with_notes) = classes.entry(class(file)).or_default();
        *n_files += 1;
        for (n, notes) in with_notes.iter_mut().zip(found) {
            *n += usize::from(notes > 0);
        }
        if ours <= 0 && found.iter().any(|n| *n > 0) {
            lost.push((file, found));
        }
    }
    print!("{:<40}{:>6}", "files that give notes", "files");
    for reader in READERS {
        print!("{reader:>12}");
    }
    println!();
    let mut all = (0, [0; 5]);
    for (class, (n_files, with_notes)) in &classes {
        line(class, *n_files, with_notes);
        all.0 += n_files;
        for (sum, n) in all.1.iter_mut().zip(with_notes) {
            *sum += n;
        }
    }
    line("all", all.0, &all.1);
    println!("another reader gets notes, ours does not: {} files", lost.len());
    for (file, found) in lost {
        println!("  {}: {found:?}", file.display());
    }
}

fn line(class: &str, n_files: usize, with_notes: &[usize; 5]) {
    print!("{class:<40}{n_files:>6}");
    for n in with_notes {
        print!("{n:>12}");
    }
    println!();
}
