//! Makes many MIDI files from a few, by transposing them and dropping some notes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use note_seq::Pitch;
use note_seq::midi::{self, ReadOptions, WriteOptions};

use crate::output::status;

/// Size limit of a source file: larger ones are rarely music, and repeating them would dominate the
/// corpus.
const MAX_BYTES: u64 = 1 << 20;
const FILES_PER_FOLDER: usize = 1000;
/// Of every hundred files, one is damaged and one is a copy of its predecessor.
const ODD: usize = 100;

/// Makes `n_files` files from those in `dirs`, unless they already exist.
pub(super) fn make(dirs: &[PathBuf], n_files: usize, folder: &Path) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let mut bases = Vec::new();
    for dir in dirs {
        find(dir, &mut bases)?;
    }
    ensure!(!bases.is_empty(), "no MIDI files in {dirs:?}");
    // Shuffled, so that a smaller corpus has the same mix of files as a larger one.
    bases.sort_by_key(|path| {
        let name = path.to_string_lossy().into_owned();
        (name.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte))), name)
    });
    status(&format!("making {n_files} files from {}", bases.len()));
    let unfinished = folder.with_extension("unfinished");
    let mut before = b"not music".to_vec();
    for index in 0..n_files {
        let path = &bases[index % bases.len()];
        let bytes = match index % ODD {
            7 => before[..before.len() / 2].to_vec(),
            8 => before.clone(),
            _ => perturbed(path, index as u64).unwrap_or(std::fs::read(path)?),
        };
        let inside = unfinished.join(format!("{:04}", index / FILES_PER_FOLDER));
        std::fs::create_dir_all(&inside)?;
        std::fs::write(inside.join(format!("{index}.mid")), &bytes)?;
        before = bytes;
    }
    std::fs::rename(&unfinished, folder).context("can't rename the folder of generated files")
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mid"))
            && entry.metadata()?.len() <= MAX_BYTES
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Transposes a file by up to five semitones and drops every fiftieth note. Returns `None` if the
/// file can't be read.
fn perturbed(path: &Path, index: u64) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    let mut sequence = midi::read(&bytes, &ReadOptions::default()).ok()?.sequence;
    let semitones = i16::try_from(mix(index) % 11).ok()? - 5;
    let mut number = 0;
    sequence.notes.retain_mut(|note| {
        number += 1;
        if !note.is_drum {
            let pitch = u8::try_from(i16::from(note.pitch.get()) + semitones).ok();
            note.pitch = pitch.and_then(|pitch| Pitch::new(pitch).ok()).unwrap_or(note.pitch);
        }
        !mix(index << 20 ^ number).is_multiple_of(50)
    });
    midi::write(&sequence, &WriteOptions::default()).ok()
}

/// Mixes all bits: the finalizer of `SplitMix64`.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
