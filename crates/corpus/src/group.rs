//! Grouping of files into pieces, and assignment of pieces to a side of the split.

use serde::{Deserialize, Serialize};

use super::MidiFile;
use crate::table::Split;

/// Rule for which files belong to the same piece. A piece is never on both sides of the split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRule {
    /// Files with related names, if their music or folders confirm it (`song.mid`, `song.2.mid` and
    /// `melody/song.mid`, but not `K.331.mid` and `K.545.mid`, nor the `01.mid` of two albums). A
    /// group is named after its file, including folders if several groups would otherwise have the
    /// same name.
    #[default]
    Stem,
    /// Each file separately.
    File,
    /// All files of a folder.
    Folder,
}

impl GroupRule {
    /// The name of the group that a file would form alone. With [`GroupRule::File`] and
    /// [`GroupRule::Folder`], files with equal names belong together; [`GroupRule::Stem`] has
    /// further conditions.
    pub fn of(self, file: &MidiFile) -> String {
        match self {
            Self::Stem => {
                let stem = file.stem().to_lowercase();
                match stem.rsplit_once('.') {
                    Some((name, copy))
                        if !name.is_empty() && copy.bytes().all(|b| b.is_ascii_digit()) =>
                    {
                        name.to_owned()
                    }
                    _ => stem,
                }
            }
            Self::File => file.name.clone(),
            Self::Folder => file.folder().to_owned(),
        }
    }

    /// The group of a file, if its name alone determines it.
    pub(super) fn given(self, file: &MidiFile) -> Option<String> {
        (self != Self::Stem).then(|| self.of(file))
    }

    /// A longer name for a file's group that no other group has: with folders and the complete stem
    /// of the file. It always contains a `/`, which short names never do.
    pub(super) fn with_folders(file: &MidiFile) -> String {
        let folder = if file.folder().is_empty() { "." } else { file.folder() };
        format!("{folder}/{}", file.stem())
    }
}

/// The side of the split that a group is on: held out if the hash of its name, as a fraction, is
/// below `heldout`.
pub fn split_of(group: &str, heldout: f64) -> Split {
    let fraction = hash_of(group.as_bytes()) as f64 / (u64::MAX as f64);
    if fraction < heldout { Split::Heldout } else { Split::Train }
}

/// First 8 bytes (little-endian) of the BLAKE3 hash.
pub(super) fn hash_of(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
}
