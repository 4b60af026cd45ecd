//! The MIDI files below some folders, in the order of their names.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::CorpusError;

/// A MIDI file of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MidiFile {
    /// Its name in tables: the path relative to its root, with `/` between folders; the root's own
    /// name comes first if there are several roots.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Folders between root and file.
    folders: Vec<String>,
}

impl MidiFile {
    /// The first folder below the root, if the file does not lie in the root itself.
    pub fn first_folder(&self) -> Option<String> {
        self.folders.first().cloned()
    }

    /// The file's name without folders and ending.
    pub fn stem(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// What a search found.
#[derive(Debug, Default)]
pub struct FoundFiles {
    /// MIDI files, sorted by name.
    pub files: Vec<MidiFile>,
    /// Files of other kinds.
    pub n_others: usize,
}

/// Files that look like MIDI by their ending (`.mid`, `.midi`, `.kar`, in any case), below folders
/// or named themselves. Links are not followed.
///
/// # Errors
/// [`CorpusError::Root`] where a root is not there. A folder further down that can't be read is
/// passed over like a file of another kind.
pub fn find_midi_files(roots: &[PathBuf]) -> Result<FoundFiles, CorpusError> {
    let mut found = FoundFiles::default();
    for root in roots {
        std::fs::metadata(root)
            .map_err(|source| CorpusError::Root { path: root.clone(), source })?;
        for entry in WalkDir::new(root).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    if is_midi(entry.path()) {
                        found.files.push(midi_file(root, entry.path(), roots.len() > 1));
                    } else {
                        found.n_others += 1;
                    }
                }
                Ok(_) => {}
                Err(_) => found.n_others += 1,
            }
        }
    }
    found.files.sort();
    found.files.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

fn is_midi(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    ending == "mid" || ending == "midi" || ending == "kar"
}

fn midi_file(root: &Path, path: &Path, several_roots: bool) -> MidiFile {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let mut parts: Vec<String> =
        relative.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    if parts.is_empty() {
        // The root is the file.
        parts = path.file_name().map(|n| n.to_string_lossy().into_owned()).into_iter().collect();
    }
    let folders = parts[..parts.len().saturating_sub(1)].to_vec();
    if several_roots && relative != Path::new("") {
        let name = root.file_name().map(|n| n.to_string_lossy().into_owned());
        parts.splice(0..0, name);
    }
    MidiFile { name: parts.join("/"), path: path.to_owned(), folders }
}
