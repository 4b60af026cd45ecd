//! What files are of one piece, and which side of the split a piece is on.

use serde::{Deserialize, Serialize};

use super::MidiFile;
use crate::table::Split;

/// What files belong together: they are never on both sides of the split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRule {
    /// Files whose names say so, where their music or their folders bear it out (`song.mid`,
    /// `song.2.mid` and `melody/song.mid`, but not `K.331.mid` and `K.545.mid`, nor the `01.mid` of
    /// two albums). A group goes by its file's name, with folders where several groups would have
    /// the same.
    #[default]
    Stem,
    /// Each file on its own.
    File,
    /// All files of a folder.
    Folder,
}

impl GroupRule {
    /// The name of the group that a file would make by itself. For [`GroupRule::File`] and
    /// [`GroupRule::Folder`] files belong together if it is the same; for [`GroupRule::Stem`] there
    /// is more to it.
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

    /// The group of a file, if that is known of its name alone.
    pub(super) fn given(self, file: &MidiFile) -> Option<String> {
        (self != Self::Stem).then(|| self.of(file))
    }

    /// A longer name of a file's group, that no other group has: with folders, and with all of the
    /// file's stem. There is always a `/` in it, which no short name has.
    pub(super) fn with_folders(file: &MidiFile) -> String {
        let folder = if file.folder().is_empty() { "." } else { file.folder() };
        format!("{folder}/{}", file.stem())
    }
}

/// The side of the split that a group is on: held out where the hash of its name, as a fraction, is
/// below `heldout`.
pub fn split_of(group: &str, heldout: f64) -> Split {
    let fraction = hash_of(group.as_bytes()) as f64 / (u64::MAX as f64);
    if fraction < heldout { Split::Heldout } else { Split::Train }
}

/// First 8 bytes (little endian) of the BLAKE3 hash.
pub(super) fn hash_of(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
}
