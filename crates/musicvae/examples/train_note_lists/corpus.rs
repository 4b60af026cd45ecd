//! Reads folders of MIDI files into windows.

use std::path::{Path, PathBuf};

use anyhow::Context;
use note_seq::midi::{self, ReadOptions};
use note_seq::{NoteList, NoteListConverter, NoteListEncoding};
use rayon::prelude::*;

/// Number of files held out of each 256.
const HELD_OUT: u32 = 20;

/// The windows of a folder.
pub(crate) struct Corpus {
    pub(crate) name: String,
    pub(crate) train: Vec<NoteList>,
    pub(crate) heldout: Vec<NoteList>,
}

/// The windows of each folder, one every `stride` bars. Whole files are held out, chosen by their
/// names.
pub(crate) fn read(
    folders: &[PathBuf],
    encoding: NoteListEncoding,
    stride: usize,
    key: bool,
) -> anyhow::Result<Vec<Corpus>> {
    let of_drums = NoteListConverter::drums_2bar_groove();
    let defaults = if encoding == of_drums.encoding {
        of_drums
    } else {
        NoteListConverter { encoding, ..NoteListConverter::poly_2bar() }
    };
    let tracker = defaults.key.filter(|_| key);
    let hop_bars = u32::try_from(stride)?;
    let converter = NoteListConverter { hop_bars, key: tracker, ..defaults };
    folders.iter().map(|folder| of_folder(folder, &converter)).collect()
}

fn of_folder(folder: &Path, converter: &NoteListConverter) -> anyhow::Result<Corpus> {
    let mut files = Vec::new();
    midi_files(folder, &mut files).with_context(|| format!("can't read {}", folder.display()))?;
    files.sort();
    let of_file = |file: &PathBuf| -> (bool, Vec<NoteList>) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_held = crc32c::crc32c(name.as_bytes()) % 256 < HELD_OUT;
        // A damaged file does not stop the run.
        let Ok(bytes) = std::fs::read(file) else { return (is_held, Vec::new()) };
        let Ok(read) = midi::read(&bytes, &ReadOptions::default()) else {
            return (is_held, Vec::new());
        };
        let windows = converter.windows(&read.sequence).windows;
        (is_held, windows.into_iter().map(|window| window.notes).collect())
    };
    let windows: Vec<(bool, Vec<NoteList>)> = files.par_iter().map(of_file).collect();
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut corpus = Corpus { name, train: Vec::new(), heldout: Vec::new() };
    for (is_held, lists) in windows {
        if is_held { corpus.heldout.extend(lists) } else { corpus.train.extend(lists) }
    }
    Ok(corpus)
}

fn midi_files(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_dir() {
            midi_files(&path, files)?;
        } else if ["mid", "midi"].contains(&extension.as_str()) {
            files.push(path);
        }
    }
    Ok(())
}
