//! `copy.index`: an index as bytes.
//!
//! All numbers are 32 bits, little endian:
//!
//! | part | holds |
//! |---|---|
//! | head | `CGCOPYIX`, version |
//! | kind | length, UTF-8 |
//! | files | count; of each length, UTF-8 |
//! | lines | count; of each start, file, first bar, first step, steps a bar, part |
//! | symbols | count, symbols |
//! | order | count, positions |
//! | check | BLAKE3 of all before, 32 bytes |

use std::path::Path;

use super::index::{CopyIndex, END, LineRow};
use super::{CopyError, FILE};
use crate::model::Model;
use corpus::artifact::{read, write_atomic};

const MAGIC: &[u8; 8] = b"CGCOPYIX";
/// The version written; version 1 is read, too.
const VERSION: u32 = 2;
/// Bytes of the check at the end.
const CHECK: usize = 32;

impl CopyIndex {
    /// Builds the index of a corpus, and of the music in an older index, and writes it into a model
    /// folder.
    ///
    /// # Errors
    /// See [`CopyIndex::build`]; what stood there stays then.
    pub fn make(corpus: &Path, model: &Model, older: Option<Self>) -> Result<Self, CopyError> {
        let mut index = Self::build(corpus, model.kind().name, model.form())?;
        if let Some(older) = older {
            index = index.join(older)?;
        }
        index.save(&model.folder().join(FILE))?;
        Ok(index)
    }

    /// Reads a model folder's index; none if it has none.
    ///
    /// # Errors
    /// [`CopyError`], where it is damaged, or of another version or kind.
    pub fn of_model(model: &Model) -> Result<Option<Self>, CopyError> {
        Self::of_folder(model.folder(), model.kind().name)
    }

    /// Like [`CopyIndex::of_model`], for the folder of a model of a kind.
    ///
    /// # Errors
    /// See [`CopyIndex::of_model`].
    pub fn of_folder(folder: &Path, kind: &str) -> Result<Option<Self>, CopyError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let index = Self::load(&path)?;
        let (found, expected) = (index.kind.clone(), kind.to_owned());
        if found == expected {
            Ok(Some(index))
        } else {
            Err(CopyError::Kind { path, found, expected })
        }
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// [`CopyError::Artifact`].
    pub fn save(&self, path: &Path) -> Result<(), CopyError> {
        Ok(write_atomic(path, &self.to_bytes())?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`CopyError`]: where it is missing, damaged, something else, or of another version.
    pub fn load(path: &Path) -> Result<Self, CopyError> {
        let bytes = read(path)?;
        let owned = || path.to_owned();
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err(CopyError::Foreign { path: owned() });
        };
        let damaged = |what| CopyError::Damaged { path: path.to_owned(), what };
        let mut reader = Reader { rest };
        let found = reader.number().ok_or_else(|| damaged("cut short"))?;
        if !(1..=VERSION).contains(&found) {
            return Err(CopyError::Version { path: owned(), found, expected: VERSION });
        }
        let n = bytes.len().checked_sub(CHECK).ok_or_else(|| damaged("cut short"))?;
        if blake3::hash(&bytes[..n]).as_bytes()[..] != bytes[n..] {
            return Err(damaged("its checksum is another"));
        }
        reader.rest = reader
            .rest
            .get(..reader.rest.len().saturating_sub(CHECK))
            .ok_or_else(|| damaged("cut short"))?;
        let index = reader.index(found).ok_or_else(|| damaged("its parts have other lengths"))?;
        if index.is_sound() { Ok(index) } else { Err(damaged("its numbers point nowhere")) }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.n_bytes() + 1024);
        bytes.extend_from_slice(MAGIC);
        let small = |n: usize| u32::try_from(n).expect("checked when it was built").to_le_bytes();
        bytes.extend(VERSION.to_le_bytes());
        let text = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend(small(text.len()));
            bytes.extend_from_slice(text.as_bytes());
        };
        text(&mut bytes, &self.kind);
        bytes.extend(small(self.files.len()));
        for file in &self.files {
            text(&mut bytes, file);
        }
        bytes.extend(small(self.lines.len()));
        for line in &self.lines {
            let LineRow { start, file, start_bar, first_step, steps_per_bar, part } = *line;
            let numbers = [start, file, start_bar, first_step, steps_per_bar, part];
            bytes.extend(numbers.map(u32::to_le_bytes).concat());
        }
        for numbers in [&self.symbols, &self.order] {
            bytes.extend(small(numbers.len()));
            bytes.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
        }
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        bytes
    }

    /// Whether every number points at something: what searching relies on.
    fn is_sound(&self) -> bool {
        let ends = |at: &u32| self.symbols.get(*at as usize).is_none_or(|symbol| *symbol == END);
        let n_ends = self.symbols.iter().filter(|symbol| **symbol == END).count();
        let lines_ascend = self.lines.windows(2).all(|pair| pair[0].start < pair[1].start);
        let first = self.lines.first().map_or(self.symbols.is_empty(), |line| line.start == 0);
        let of_files = self.lines.iter().all(|line| (line.file as usize) < self.files.len());
        // Bars and steps far below what their sums could overflow.
        let bounded = |line: &LineRow| line.start_bar < 1 << 30 && line.first_step < 1 << 24;
        lines_ascend
            && first
            && of_files
            && self.lines.iter().all(bounded)
            && self.order.len() + n_ends == self.symbols.len()
            && !self.order.iter().any(ends)
    }
}

/// Takes numbers off bytes; `None` at their end.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        let bytes = self.bytes(4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn text(&mut self) -> Option<String> {
        let n = self.count()?;
        String::from_utf8(self.bytes(n)?.to_vec()).ok()
    }

    fn numbers(&mut self, n: usize) -> Option<Vec<u32>> {
        let bytes = self.bytes(n.checked_mul(4)?)?;
        let number = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        Some(bytes.chunks_exact(4).map(number).collect())
    }

    fn index(&mut self, version: u32) -> Option<CopyIndex> {
        let kind = self.text()?;
        let n_files = self.count()?;
        // No memory is reserved for what a count only promises.
        let mut files = Vec::new();
        for _ in 0..n_files {
            files.push(self.text()?);
        }
        let n_lines = self.count()?;
        // Version 1 knew bars of 16 steps only, and did not say so.
        let n_numbers = if version == 1 { 5 } else { 6 };
        let lines = self.numbers(n_lines.checked_mul(n_numbers)?)?;
        let line = |n: &[u32]| LineRow {
            start: n[0],
            file: n[1],
            start_bar: n[2],
            first_step: n[3],
            steps_per_bar: if version == 1 { 16 } else { n[4] },
            part: n[n_numbers - 1],
        };
        let lines = lines.chunks_exact(n_numbers).map(line).collect();
        let n_symbols = self.count()?;
        let symbols = self.numbers(n_symbols)?;
        let n_order = self.count()?;
        let order = self.numbers(n_order)?;
        self.rest.is_empty().then_some(CopyIndex { kind, files, lines, symbols, order })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> CopyIndex {
        let row = |start, file| LineRow {
            start,
            file,
            start_bar: 2,
            first_step: 1,
            steps_per_bar: 16,
            part: 0,
        };
        CopyIndex {
            kind: "mel-2bar".to_owned(),
            files: vec!["a.mid".to_owned(), "ö/b.mid".to_owned()],
            lines: vec![row(0, 0), row(3, 1)],
            symbols: vec![5, 6, END, 5, END],
            order: vec![3, 0, 1],
        }
    }

    #[test]
    fn an_index_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        index().save(&path).unwrap();
        assert_eq!(CopyIndex::load(&path).unwrap(), index());
        let empty = CopyIndex::default();
        empty.save(&path).unwrap();
        assert_eq!(CopyIndex::load(&path).unwrap(), empty);
    }

    #[test]
    fn every_damage_is_named_and_none_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let whole = index().to_bytes();
        let load = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            CopyIndex::load(&path)
        };
        assert!(load(&whole).is_ok());
        for n in 0..whole.len() {
            assert!(load(&whole[..n]).is_err(), "cut to {n} bytes");
            let mut changed = whole.clone();
            changed[n] ^= 0x40;
            assert!(load(&changed).is_err(), "byte {n} changed");
        }
        assert!(matches!(load(b"PAR1"), Err(CopyError::Foreign { .. })));
        let mut newer = whole.clone();
        newer[8] = 9;
        let error = load(&newer).unwrap_err().to_string();
        assert!(error.contains("copy index of version 9; this program reads version 2"), "{error}");
        // A right checksum over numbers that point nowhere.
        let mut hostile = index();
        hostile.order[1] = 2;
        assert!(matches!(load(&hostile.to_bytes()), Err(CopyError::Damaged { .. })));
        let mut hostile = index();
        hostile.lines[1].file = 7;
        assert!(matches!(load(&hostile.to_bytes()), Err(CopyError::Damaged { .. })));
    }
}
