//! What files are of one piece, and which side of the split a piece is on.

use serde::{Deserialize, Serialize};

use super::MidiFile;
use crate::table::Split;

/// What files belong together: they are never on both sides of the split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRule {
    /// Files of the same name in any folder, without a copy's number (`song.mid`, `song.2.mid` and
    /// `melody/song.mid`). Strangers of the same name share a side too, which does no harm.
    #[default]
    Stem,
    /// Each file on its own.
    File,
    /// All files of a folder.
    Folder,
}

impl GroupRule {
    /// The group of a file, by its name alone.
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
            Self::Folder => {
                file.name.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned())
            }
        }
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
