//! Unused entries among the MIDI files: counted by reason, with an example of each.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

/// Reason why an entry of a folder or archive is not read as a MIDI file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnusedReason {
    /// A symbolic link. Links are not followed, so no file counts twice and every walk ends.
    SymbolicLink,
    /// A member of a tar archive that refers to another one.
    HardLink,
    /// A device, pipe or socket.
    SpecialFile,
    /// A folder or file that can't be read, because of permissions or otherwise.
    Unreadable,
    /// A path longer than the operating system allows.
    PathTooLong,
    /// An archive within an archive.
    ArchiveInArchive,
    /// An archive format that is not supported: `.7z`, `.rar`, `.tar.xz`, `.tar.bz2`, `.tar.zst` …
    UnsupportedArchive,
    /// A MIDI file compressed with another program than gzip: `.mid.bz2`, `.mid.xz`, `.mid.zst` …
    UnsupportedCompression,
    /// A score that is not a MIDI file, but can be converted to one: `.musicxml`, `.mxl`, `.abc`,
    /// `.krn` …
    Score,
    /// A file with any other extension.
    NotMidi,
}

/// Extensions of archives that can't be read.
const ARCHIVES: [&str; 16] = [
    ".7z",
    ".rar",
    ".tar.xz",
    ".txz",
    ".tar.bz2",
    ".tbz",
    ".tbz2",
    ".tar.zst",
    ".tzst",
    ".tar.lz",
    ".tar.lzma",
    ".tar.z",
    ".lzh",
    ".arj",
    ".cab",
    ".sit",
];
/// Extensions that may follow that of a MIDI file.
const COMPRESSIONS: [&str; 8] = [".bz2", ".xz", ".zst", ".lzma", ".lz", ".lz4", ".br", ".z"];
const SCORES: [&str; 9] =
    [".musicxml", ".mxl", ".abc", ".krn", ".mei", ".mscz", ".mscx", ".capx", ".ly"];

impl UnusedReason {
    /// The reason for a file that, by its name, is neither MIDI nor a readable archive.
    pub(super) fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        let compressed = COMPRESSIONS.iter().find_map(|ending| name.strip_suffix(ending));
        if ends(&ARCHIVES) {
            Self::UnsupportedArchive
        } else if compressed.is_some_and(super::files::is_midi_name) {
            Self::UnsupportedCompression
        } else if ends(&SCORES) {
            Self::Score
        } else {
            Self::NotMidi
        }
    }

    pub(super) fn of_error(error: Option<&io::Error>) -> Self {
        match error.map(io::Error::kind) {
            Some(io::ErrorKind::InvalidFilename) => Self::PathTooLong,
            _ => Self::Unreadable,
        }
    }

    /// The stable name of the reason in `snake_case`, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SymbolicLink => "symbolic_link",
            Self::HardLink => "hard_link",
            Self::SpecialFile => "special_file",
            Self::Unreadable => "unreadable",
            Self::PathTooLong => "path_too_long",
            Self::ArchiveInArchive => "archive_in_archive",
            Self::UnsupportedArchive => "unsupported_archive",
            Self::UnsupportedCompression => "unsupported_compression",
            Self::Score => "score",
            Self::NotMidi => "not_midi",
        }
    }
}

/// Entries that are not used for the same reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnusedCount {
    /// Number of entries. A folder that can't be read counts once, whatever it contains.
    pub n: u64,
    /// The first of them.
    pub example: String,
}

/// All entries that are not used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unused {
    /// Counts by reason.
    pub by_reason: BTreeMap<UnusedReason, UnusedCount>,
}

impl Unused {
    pub(super) fn count(&mut self, reason: UnusedReason, example: impl FnOnce() -> String) {
        let of_reason = self
            .by_reason
            .entry(reason)
            .or_insert_with(|| UnusedCount { n: 0, example: example() });
        of_reason.n += 1;
    }

    /// Adds the entries found later.
    pub(super) fn add(&mut self, later: Self) {
        for (reason, UnusedCount { n, example }) in later.by_reason {
            let of_reason = self.by_reason.entry(reason).or_insert(UnusedCount { n: 0, example });
            of_reason.n += n;
        }
    }

    /// Total number of entries.
    pub fn n(&self) -> u64 {
        self.by_reason.values().map(|of_reason| of_reason.n).sum()
    }

    /// The reasons, most frequent first, as `12 symbolic_link (such as a/b.mid)`.
    pub fn in_words(&self) -> Vec<String> {
        let mut reasons: Vec<_> = self.by_reason.iter().collect();
        reasons.sort_by_key(|(reason, of_reason)| (std::cmp::Reverse(of_reason.n), **reason));
        let words = |(reason, of_reason): (&UnusedReason, &UnusedCount)| {
            format!("{} {} (such as {})", of_reason.n, reason.name(), of_reason.example)
        };
        reasons.into_iter().map(words).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_tell_what_a_file_would_be() {
        use UnusedReason::*;
        for (name, reason) in [
            ("a.7z", UnsupportedArchive),
            ("A.TAR.XZ", UnsupportedArchive),
            ("a.tbz2", UnsupportedArchive),
            ("a.mid.bz2", UnsupportedCompression),
            ("a.Kar.zst", UnsupportedCompression),
            ("a.txt.bz2", NotMidi),
            ("a.mxl", Score),
            ("mid.xz", NotMidi),
            ("readme", NotMidi),
        ] {
            assert_eq!(UnusedReason::of_name(name), reason, "{name}");
        }
    }

    #[test]
    fn counts_add_up_and_the_first_example_stays() {
        let mut unused = Unused::default();
        unused.count(UnusedReason::NotMidi, || "a.txt".to_owned());
        let mut later = Unused::default();
        for name in ["b.txt", "c.txt"] {
            later.count(UnusedReason::NotMidi, || name.to_owned());
        }
        later.count(UnusedReason::SymbolicLink, || "l.mid".to_owned());
        unused.add(later);
        assert_eq!(unused.n(), 4);
        assert_eq!(
            unused.in_words(),
            ["3 not_midi (such as a.txt)", "1 symbolic_link (such as l.mid)"]
        );
        let json = serde_json::to_string(&unused).unwrap();
        assert!(json.contains(r#""not_midi":{"n":3,"example":"a.txt"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Unused>(&json).unwrap(), unused);
    }
}
