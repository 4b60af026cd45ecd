//! Names of the files of a corpus.

use serde::{Deserialize, Serialize};

/// A MIDI file of a corpus: on disk, or a member of an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MidiFile {
    /// Name in tables: the path relative to the root, separated by `/`. With several roots, the
    /// name of the root comes first. An archive counts as a folder.
    pub name: String,
    /// Length of the root's part of `name`, in bytes.
    root_bytes: u32,
}

impl MidiFile {
    /// A file, from its path below a root. `root` is given only if there are several roots.
    pub(super) fn new(root: Option<&str>, relative: &str) -> Self {
        let root = root.map_or_else(String::new, |root| format!("{root}/"));
        let root_bytes = u32::try_from(root.len()).unwrap_or(0);
        Self { name: root + relative, root_bytes }
    }

    /// The path below the root.
    pub fn relative(&self) -> &str {
        self.name.get(self.root_bytes as usize..).unwrap_or(&self.name)
    }

    /// The first folder below the root, if the file is not directly in the root.
    pub fn first_folder(&self) -> Option<&str> {
        self.relative().split_once('/').map(|(first, _)| first)
    }

    /// The name without folders.
    pub fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// The name without folders and extension; for `song.mid.gz`, both extensions are removed.
    pub fn stem(&self) -> &str {
        let name = self.file_name();
        let name = match name.len().checked_sub(GZIP.len()).map(|at| name.split_at_checked(at)) {
            Some(Some((inner, end))) if end.eq_ignore_ascii_case(GZIP) && is_midi_name(inner) => {
                inner
            }
            _ => name,
        };
        match name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => name,
        }
    }

    /// The folders that contain the file, starting at the corpus root.
    pub(super) fn folder(&self) -> &str {
        self.name.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Extension of files compressed by gzip.
const GZIP: &str = ".gz";

/// Whether a name ends like that of a MIDI file. A name that is only an extension is a hidden file.
pub(super) fn is_midi_name(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let mut endings = [".mid", ".midi", ".kar", ".rmi"].iter();
    endings.any(|end| name.strip_suffix(end).is_some_and(|stem| !stem.is_empty()))
}

/// The kind of a file, by its extension (case-insensitive).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FileKind {
    Midi,
    Zip,
    Tar,
    TarGz,
    Other,
}

impl FileKind {
    /// By extension: `.mid`, `.midi`, `.kar` and `.rmi` are MIDI, also when followed by `.gz`;
    /// `.zip`, `.tar`, `.tar.gz` and `.tgz` are archives.
    pub(super) fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| {
            // A name that is only an extension is a hidden file.
            endings.iter().any(|end| name.strip_suffix(end).is_some_and(|stem| !stem.is_empty()))
        };
        if is_midi_name(name.strip_suffix(GZIP).unwrap_or(&name)) {
            Self::Midi
        } else if ends(&[".zip"]) {
            Self::Zip
        } else if ends(&[".tar.gz", ".tgz"]) {
            Self::TarGz
        } else if ends(&[".tar"]) {
            Self::Tar
        } else {
            Self::Other
        }
    }

    pub(super) fn is_archive(self) -> bool {
        matches!(self, Self::Zip | Self::Tar | Self::TarGz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_their_endings() {
        for name in ["a.mid", "A.MIDI", "x.y.Kar", "b.rmi", "c.mid.GZ", "d/e.rmi"] {
            assert_eq!(FileKind::of(name), FileKind::Midi, "{name}");
        }
        for (name, kind) in
            [("a.zip", FileKind::Zip), ("a.tar", FileKind::Tar), ("a.TAR.GZ", FileKind::TarGz)]
        {
            assert_eq!(FileKind::of(name), kind);
        }
        assert_eq!(FileKind::of("a.tgz"), FileKind::TarGz);
        for name in ["a.mid.txt", ".mid", "midi", "a.gz", "", ".mid.gz", "d/.mid"] {
            assert_eq!(FileKind::of(name), FileKind::Other, "{name}");
        }
    }

    #[test]
    fn folders_count_from_the_root() {
        let file = MidiFile::new(Some("lakh"), "0/a.b.mid");
        assert_eq!((file.name.as_str(), file.relative()), ("lakh/0/a.b.mid", "0/a.b.mid"));
        assert_eq!((file.first_folder(), file.stem()), (Some("0"), "a.b"));
        let file = MidiFile::new(Some("lakh"), "c.mid");
        assert_eq!((file.first_folder(), file.stem()), (None, "c"));
        assert_eq!(MidiFile::new(None, "0/c.mid").first_folder(), Some("0"));
        let file = MidiFile::new(None, "0/ü.b.mid.GZ");
        assert_eq!((file.folder(), file.stem()), ("0", "ü.b"));
        assert_eq!(MidiFile::new(None, "ü").stem(), "ü");
    }
}
