//! Unique file names that are valid on all file systems.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Extensions of the files written under one name. Longer ones come first.
const ENDINGS: [&str; 6] = [".style.json", ".json", ".mid", ".wav", ".svg", ".png"];

/// Gives out file names that differ from each other, and from those in the folder, by more than
/// case.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Names in the folder without their extensions, by their form on case-insensitive file
    /// systems.
    there: BTreeMap<String, BTreeSet<String>>,
    /// Names given out, in lower case.
    given: BTreeSet<String>,
}

impl Names {
    /// Creates names for files in a folder, which need not exist.
    pub fn of_folder(folder: &Path) -> Self {
        let mut names = Self::default();
        for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
            let stem = stem.unwrap_or(&name).to_owned();
            names.there.entry(stem.to_lowercase()).or_default().insert(stem);
        }
        names
    }

    /// A free name, as close to the requested one as possible: a number is appended if it was given
    /// out before, or if it differs from a file in the folder only by case. An existing file with
    /// exactly this name makes no difference; [`corpus::overwrite::Overwrite`] decides about it.
    pub fn free(&mut self, name: &str) -> String {
        self.next(name, |names, name| {
            let there = names.there.get(&name.to_lowercase());
            there.is_none_or(|there| there.iter().all(|other| other == name))
        })
    }

    /// Like [`Self::free`], but a name that no file in the folder has, ignoring case.
    pub fn new_in_folder(&mut self, name: &str) -> String {
        self.next(name, |names, name| !names.there.contains_key(&name.to_lowercase()))
    }

    fn next(&mut self, name: &str, is_free: impl Fn(&Self, &str) -> bool) -> String {
        let name = file_name(name);
        let numbered = (2_u64..).map(|n| format!("{name}-{n}"));
        let free = std::iter::once(name.clone())
            .chain(numbered)
            .find(|name| !self.given.contains(&name.to_lowercase()) && is_free(self, name))
            .expect("numbers don't end");
        self.given.insert(free.to_lowercase());
        free
    }
}

/// Maximum length of a name in bytes: numbers and extensions are appended, and file systems allow
/// 255.
const MAX_BYTES: usize = 150;
/// Number of hexadecimal digits that distinguish truncated names.
const CUT_DIGITS: usize = 8;

/// A name, without extension, that is valid on all file systems: no control characters, none of
/// `<>:"/\|?*`, no trailing dot or space, not a Windows device name, at most 150 bytes.
///
/// # Examples
/// ```
/// use controlgen::names::file_name;
/// assert_eq!(file_name("what is it?"), "what is it_");
/// assert_eq!(file_name("con"), "_con");
/// ```
pub fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_control() || "<>:\"/\\|?*".contains(c) { '_' } else { c };
    let mapped: String = name.chars().map(plain).collect();
    let mut plain = shortened(mapped.trim_end_matches(['.', ' ']), MAX_BYTES);
    if plain.is_empty() || is_device(&plain) {
        plain.insert(0, '_');
    }
    plain
}

/// A name of at most `max_bytes`: a longer one is truncated, with digits of its hash appended.
pub fn shortened(name: &str, max_bytes: usize) -> String {
    if name.len() <= max_bytes {
        return name.to_owned();
    }
    let digest = blake3::hash(name.as_bytes()).to_hex();
    let end = name.floor_char_boundary(max_bytes.saturating_sub(CUT_DIGITS + 1));
    format!("{}-{}", &name[..end], &digest[..CUT_DIGITS])
}

/// Whether a file name denotes a device on Windows, whatever its extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let is_numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|number| {
            number.chars().count() == 1 && number.chars().all(|c| "0123456789¹²³".contains(c))
        })
    };
    let named = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    named.contains(&stem.as_str()) || is_numbered("COM") || is_numbered("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_every_file_system() {
        for (name, expected) in [
            ("calm", "calm"),
            ("späte Lieder", "späte Lieder"),
            ("a/b:c\x1b[2J", "a_b_c_[2J"),
            ("dots...", "dots"),
            ("", "_"),
            ("..", "_"),
            ("nul", "_nul"),
            ("Com1.tune", "_Com1.tune"),
            ("LPT¹", "_LPT¹"),
            ("COM10", "COM10"),
            ("console", "console"),
        ] {
            assert_eq!(file_name(name), expected, "{name:?}");
        }
        let (long, other) = ("ä".repeat(200), "ä".repeat(201));
        assert!(file_name(&long).len() <= MAX_BYTES && file_name(&long) != file_name(&other));
        assert_eq!(shortened("abcdefghijklmnop", 12).len(), 12);
    }

    #[test]
    fn no_two_files_get_one_name_whatever_the_case() {
        let mut names = Names::default();
        let given = ["a", "b", "A", "a-2", "a"].map(|name| names.free(name));
        assert_eq!(given, ["a", "b", "A-2", "a-2-2", "a-3"]);
    }

    #[test]
    fn files_of_the_folder_count_where_only_the_case_differs() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["Song.wav", "own.mid", "own.json", "x.style.json"] {
            std::fs::write(folder.path().join(file), b"").unwrap();
        }
        let mut names = Names::of_folder(folder.path());
        assert_eq!(["song", "own"].map(|name| names.free(name)), ["song-2", "own"]);
        assert_eq!(["X", "y"].map(|name| names.new_in_folder(name)), ["X-2", "y"]);
    }
}
