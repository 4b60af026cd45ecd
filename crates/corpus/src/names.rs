//! Groups files of one piece by their names, if their music confirms it.
//!
//! A name alone proves little: thirty folders may each have a `midi_score.mid`, several albums a
//! `01.mid`, and `K.331.mid` is not a copy of `K.545.mid`. So a name alone counts only in cases
//! where it can hardly mean anything else:
//!
//! - files in one folder that differ in the extension or a version mark (`song.mid`,
//!   `song.kar`, `song_v2.mid`, `song copy.mid`);
//! - a numbered copy next to the original (`song.mid`, `song.2.mid`, `song (2).mid`);
//! - a name in folders with the same name, if its parts are unlikely to coincide by chance
//!   (`drummer1/eval/3_soul-groove3_86.mid` and `drummer2/eval/3_soul-groove3_86.mid`).
//!
//! In all other cases of equal names, or names that differ only in a number, the music decides
//! ([`near::shared`]): that of the two files or, if they are too short to tell, that of the other
//! pairs from the same two folders. In `tunes/`, `tunes/melody/` and `tunes/chords/` nearly all
//! pairs share music, so all of them are of one piece; of two albums hardly any pair does.

use std::collections::BTreeMap;

use super::MidiFile;
use super::group::hash_of;
use super::near::{self, Sets, Shared, Signatures};
use crate::artifact::ArtifactResult;

/// Number of later files of the same name that each file is compared with.
const N_COMPARED: usize = 8;
/// A name that occurs in more folders than this is a generic pattern without information.
const MAX_FOLDERS: usize = 64;
/// Minimum number of pairs that confirm that two folders contain the same pieces.
const MIN_CONFIRMED: u32 = 3;
/// A name in more folders than this never counts without music.
const MAX_FOLDERS_BY_NAME: usize = 8;
/// Maximum expected number of files with such a name by chance, for a name that counts without
/// music.
const MAX_BY_CHANCE: f64 = 0.05;

/// The names of a corpus's files, as hashes.
#[derive(Default)]
pub(super) struct Names {
    entries: Vec<Entry>,
    /// Number of files that have each part of a name.
    parts: BTreeMap<u64, u32>,
}

#[derive(Clone)]
struct Entry {
    file: u32,
    /// The folder with its path.
    folder: u64,
    /// The last component of the folder's path.
    folder_name: u64,
    /// The name without extension and version mark.
    name: u64,
    /// The name without the copy number, too, if it has one.
    base: Option<u64>,
    /// Hashes of the distinct parts of the name.
    parts: Box<[u64]>,
}

/// Two files that may be of one piece.
struct Pair {
    files: (u32, u32),
    folders: (u64, u64),
    shared: Shared,
}

impl Names {
    /// Adds a file.
    pub(super) fn push(&mut self, index: u32, file: &MidiFile) {
        let (name, base) = name_and_base(file.stem());
        let hash = |text: &str| hash_of(text.as_bytes());
        let mut parts: Vec<u64> = name
            .split(|c: char| !c.is_alphanumeric())
            .filter(|part| !part.is_empty())
            .map(hash)
            .collect();
        parts.sort_unstable();
        parts.dedup();
        for part in &parts {
            *self.parts.entry(*part).or_default() += 1;
        }
        let folder = file.folder();
        self.entries.push(Entry {
            file: index,
            folder: hash(folder),
            folder_name: hash(folder.rsplit('/').next().unwrap_or_default()),
            name: hash(&name),
            base: base.map(|base| hash(&base)),
            parts: parts.into(),
        });
    }

    /// Joins in `sets` the files that belong to one piece according to names and music.
    pub(super) fn join(
        mut self,
        sets: &mut Sets,
        signatures: &mut Signatures,
    ) -> ArtifactResult<()> {
        self.entries.sort_by_key(|entry| (entry.folder, entry.name, entry.file));
        let mut pairs = Vec::new();
        self.join_in_folders(sets, &mut pairs);
        self.across_folders(sets, &mut pairs);
        let mut of_folders = BTreeMap::<(u64, u64), (u32, u32)>::new();
        for pair in &mut pairs {
            pair.shared =
                near::shared(&signatures.of(pair.files.0)?, &signatures.of(pair.files.1)?);
            let (n_same, n_other) = of_folders.entry(pair.folders).or_default();
            match pair.shared {
                Shared::Much => *n_same += 1,
                Shared::Little => *n_other += 1,
                Shared::Unknown => {}
            }
        }
        for pair in pairs {
            let (n_same, n_other) = of_folders[&pair.folders];
            let is_confirmed = n_same >= MIN_CONFIRMED && n_same >= n_other;
            if pair.shared == Shared::Much || is_confirmed {
                sets.join(pair.files.0, pair.files.1);
            }
        }
        Ok(())
    }

    /// Joins the files within a folder whose names show that they are one piece; pairs that differ
    /// only in a number are added to `pairs`.
    fn join_in_folders(&self, sets: &mut Sets, pairs: &mut Vec<Pair>) {
        for same in self.entries.chunk_by(|a, b| (a.folder, a.name) == (b.folder, b.name)) {
            same.iter().for_each(|entry| sets.join(same[0].file, entry.file));
        }
        let mut numbered: Vec<(u64, u64, u32)> = Vec::new();
        for entry in &self.entries {
            let Some(base) = entry.base else { continue };
            let original = self
                .entries
                .binary_search_by_key(&(entry.folder, base), |other| (other.folder, other.name));
            match original {
                Ok(at) => sets.join(self.entries[at].file, entry.file),
                Err(_) => numbered.push((entry.folder, base, entry.file)),
            }
        }
        numbered.sort_unstable();
        for same in numbered.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            for (i, (folder, _, file)) in same.iter().enumerate() {
                for (.., other) in same.iter().skip(i + 1).take(N_COMPARED) {
                    let folders = (*folder, *folder);
                    pairs.push(Pair { files: (*file, *other), folders, shared: Shared::Unknown });
                }
            }
        }
    }

    /// Finds pairs with equal names in different folders; joins those whose name is distinctive
    /// enough.
    fn across_folders(&self, sets: &mut Sets, pairs: &mut Vec<Pair>) {
        // One file per folder: the others have been joined to it.
        let mut of_names: Vec<&Entry> = self
            .entries
            .chunk_by(|a, b| (a.folder, a.name) == (b.folder, b.name))
            .map(|same| &same[0])
            .collect();
        of_names.sort_by_key(|entry| (entry.name, entry.file));
        for same in of_names.chunk_by(|a, b| a.name == b.name) {
            if same.len() < 2 || same.len() > MAX_FOLDERS {
                continue;
            }
            let is_telling = same.len() <= MAX_FOLDERS_BY_NAME
                && self.n_by_chance(&same[0].parts) <= MAX_BY_CHANCE;
            for (i, entry) in same.iter().enumerate() {
                for other in same.iter().skip(i + 1).take(N_COMPARED) {
                    if is_telling && entry.folder_name == other.folder_name {
                        sets.join(entry.file, other.file);
                    }
                    let folders = (entry.folder.min(other.folder), entry.folder.max(other.folder));
                    let files = (entry.file, other.file);
                    pairs.push(Pair { files, folders, shared: Shared::Unknown });
                }
            }
        }
    }

    /// Expected number of files with all these parts in their names, if parts were drawn
    /// independently with their frequencies: `n · Π (n_i / n)`.
    fn n_by_chance(&self, parts: &[u64]) -> f64 {
        let n_files = self.entries.len() as f64;
        let shares =
            parts.iter().map(|part| self.parts.get(part).map_or(1.0, |n| f64::from(*n) / n_files));
        n_files * shares.product::<f64>()
    }
}

/// A stem in lower case without a version mark, and the same without a copy number, if it has one.
fn name_and_base(stem: &str) -> (String, Option<String>) {
    let lower = stem.to_lowercase();
    let name = without_version(&lower).unwrap_or(&lower);
    let base = without_number(name).map(str::to_owned);
    (name.to_owned(), base)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `song` of `song_v2`, `song-ver.3`, `song version 2`, `song copy` and `song - Copy`.
fn without_version(stem: &str) -> Option<&str> {
    let is_separator = |c: char| matches!(c, ' ' | '_' | '-' | '.');
    let trimmed = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let marks: &[&str] =
        if trimmed.len() < stem.len() { &["v", "ver", "version", "copy"] } else { &["copy"] };
    let word = trimmed.trim_end_matches(is_separator);
    let rest = marks.iter().find_map(|mark| word.strip_suffix(mark)?.strip_suffix(is_separator))?;
    Some(rest.trim_end_matches(is_separator)).filter(|rest| !rest.is_empty())
}

/// `song` of `song.2` and `song (2)`.
fn without_number(name: &str) -> Option<&str> {
    let in_brackets = || {
        let (rest, number) = name.strip_suffix(')')?.rsplit_once('(')?;
        is_number(number).then(|| rest.trim_end_matches([' ', '_']))
    };
    let after_dot = || name.rsplit_once('.').filter(|(_, n)| is_number(n)).map(|(rest, _)| rest);
    after_dot().or_else(in_brackets).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_numbers_are_told_from_names() {
        let of = |stem: &str| {
            let (name, base) = name_and_base(stem);
            (name, base.unwrap_or_default())
        };
        let expected = [
            ("Song_v2", "song", ""),
            ("song-ver.3", "song", ""),
            ("song version 12", "song", ""),
            ("song - Copy", "song", ""),
            ("song copy 2", "song", ""),
            ("song.2", "song.2", "song"),
            ("song (3)", "song (3)", "song"),
            ("K.331", "k.331", "k"),
            ("jigs107", "jigs107", ""),
            ("rev2", "rev2", ""),
            ("v2", "v2", ""),
            (".5", ".5", ""),
            ("(2)", "(2)", ""),
            ("photocopy", "photocopy", ""),
        ];
        for (stem, name, base) in expected {
            assert_eq!(of(stem), (name.to_owned(), base.to_owned()), "{stem}");
        }
    }

    #[test]
    fn a_name_tells_by_how_rarely_its_parts_come_together() {
        let mut names = Names::default();
        for i in 0..100 {
            let file = format!("a/{i}_{}_take.mid", ["funk", "rock"][i as usize % 2]);
            names.push(i, &MidiFile::new(None, &file));
        }
        // 100 · 1/100 · 1/2 · 1
        let found = names.n_by_chance(&names.entries[0].parts);
        assert!((found - 0.5).abs() < 1e-12, "{found}");
    }
}
