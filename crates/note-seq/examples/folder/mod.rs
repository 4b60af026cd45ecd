//! The MIDI files of a folder, for the examples.

use std::path::{Path, PathBuf};

/// The MIDI files of a folder and its subfolders, in order of their paths.
pub(crate) fn midi_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect(&path, files)?;
        } else if ["mid", "midi", "kar"].iter().any(|e| extension.eq_ignore_ascii_case(e)) {
            files.push(path);
        }
    }
    Ok(())
}
