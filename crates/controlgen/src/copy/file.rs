//! Binary format of `copy.index`.
//!
//! All numbers are 32-bit little-endian unless stated otherwise.
//!
//! | part | contents |
//! |---|---|
//! | header | `CGCOPYIX`, version |
//! | kind | length, UTF-8 |
//! | files | count; for each: length, UTF-8 |
//! | lines | count; for each: start, file, first bar, first step, steps per bar, part |
//! | step | distance between the positions in the order, in symbols |
//! | alphabet | count; the distinct symbols, ascending |
//! | symbols | count; number of bytes; index of each symbol in the alphabet, 16 bits (32 if the alphabet is larger), DEFLATE |
//! | order | count; positions, 24 bits (32 if there are more symbols) |
//! | checksum | BLAKE3 of everything before, 32 bytes |
//!
//! Versions 1 and 2 have no step and no alphabet; their symbols and positions are plain numbers.

use std::io::{Read as _, Write as _};
use std::path::Path;

use corpus::artifact::{read, write_atomic};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rayon::prelude::*;

use super::index::{CopyIndex, LineRow};
use super::suffixes::END;
use super::{CopyError, FILE};
use crate::model::Model;

const MAGIC: &[u8; 8] = b"CGCOPYIX";
/// The version written; earlier ones are read, too.
const VERSION: u32 = 3;
/// Number of values of 16 bits.
const SHORT: usize = 1 << 16;
/// Number of values of 24 bits.
const MEDIUM: usize = 1 << 24;
/// Length of the checksum at the end, in bytes.
const CHECK: usize = 32;

impl CopyIndex {
    /// Builds the index of a corpus, together with the music in an older index, and writes it into
    /// a model folder.
    ///
    /// # Errors
    /// Same as [`CopyIndex::build`]; an existing file is then unchanged.
    pub fn make(corpus: &Path, model: &Model, older: Option<Self>) -> Result<Self, CopyError> {
        let mut index = Self::build(corpus, model.kind().name, model.form())?;
        if let Some(older) = older {
            index = index.join(older)?;
        }
        index.save(&model.folder().join(FILE))?;
        Ok(index)
    }

    /// Reads a model folder's index; `None` if there is none.
    ///
    /// # Errors
    /// Returns a [`CopyError`] if it is damaged, or of another version or kind.
    pub fn of_model(model: &Model) -> Result<Option<Self>, CopyError> {
        Self::of_folder(model.folder(), model.kind().name)
    }

    /// Like [`CopyIndex::of_model`], for a model folder and its kind.
    ///
    /// # Errors
    /// Same as [`CopyIndex::of_model`].
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

    /// Writes the file completely or not at all.
    ///
    /// # Errors
    /// Returns [`CopyError::Artifact`] if writing fails.
    pub fn save(&self, path: &Path) -> Result<(), CopyError> {
        Ok(write_atomic(path, &self.to_bytes())?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Returns a [`CopyError`] if it is missing, damaged, not a copy index, or of another version.
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
            return Err(damaged("its checksum is wrong"));
        }
        reader.rest = reader
            .rest
            .get(..reader.rest.len().saturating_sub(CHECK))
            .ok_or_else(|| damaged("cut short"))?;
        let index = reader.index(found).ok_or_else(|| damaged("its parts have wrong lengths"))?;
        if index.is_sound() { Ok(index) } else { Err(damaged("its numbers are out of range")) }
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
        bytes.extend(small(self.step));
        let mut alphabet = self.symbols.clone();
        alphabet.par_sort_unstable();
        alphabet.dedup();
        bytes.extend(small(alphabet.len()));
        bytes.extend(alphabet.iter().flat_map(|symbol| symbol.to_le_bytes()));
        bytes.extend(small(self.symbols.len()));
        let packed = compressed(&self.symbols, &alphabet);
        bytes.extend(small(packed.len()));
        bytes.extend(packed);
        bytes.extend(small(self.order.len()));
        let width = position_width(self.symbols.len());
        bytes.extend(self.order.iter().flat_map(|at| at.to_le_bytes().into_iter().take(width)));
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        bytes
    }

    /// Whether all numbers are in range, which searching relies on.
    fn is_sound(&self) -> bool {
        let ends = |at: &u32| self.symbols.get(*at as usize).is_none_or(|symbol| *symbol == END);
        let lines_ascend = self.lines.windows(2).all(|pair| pair[0].start < pair[1].start);
        let first = self.lines.first().map_or(self.symbols.is_empty(), |line| line.start == 0);
        // Every sampled position occurs in the order exactly once; the checksum guarantees that.
        let sampled = self.symbols.iter().step_by(self.step);
        let n_sampled = sampled.filter(|symbol| **symbol != END).count();
        let is_sampled = |at: &u32| (*at as usize).is_multiple_of(self.step);
        let of_files = self.lines.iter().all(|line| (line.file as usize) < self.files.len());
        // Bars and steps far below values whose sums could overflow.
        let bounded = |line: &LineRow| line.start_bar < 1 << 30 && line.first_step < 1 << 24;
        lines_ascend
            && first
            && of_files
            && self.lines.iter().all(bounded)
            && self.order.len() == n_sampled
            && self.order.iter().all(is_sampled)
            && !self.order.iter().any(ends)
    }
}

/// Reads numbers from bytes; `None` at the end.
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
        Some(bytes.as_chunks::<4>().0.iter().map(|bytes| number(bytes)).collect())
    }

    fn index(&mut self, version: u32) -> Option<CopyIndex> {
        let kind = self.text()?;
        let n_files = self.count()?;
        // No memory is reserved, because the count may be wrong.
        let mut files = Vec::new();
        for _ in 0..n_files {
            files.push(self.text()?);
        }
        let n_lines = self.count()?;
        // Version 1 supported only bars of 16 steps, without a field for it.
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
        let (step, symbols, order) = if version < 3 {
            let n_symbols = self.count()?;
            let symbols = self.numbers(n_symbols)?;
            let n_order = self.count()?;
            (1, symbols, self.numbers(n_order)?)
        } else {
            let step = self.count().filter(|step| (1..=2).contains(step))?;
            let n_alphabet = self.count()?;
            let alphabet = self.numbers(n_alphabet)?;
            let n_symbols = self.count()?;
            let n_bytes = self.count()?;
            let symbols = decompressed(self.bytes(n_bytes)?, n_symbols, &alphabet)?;
            let n_order = self.count()?;
            (step, symbols, self.positions(n_order, position_width(n_symbols))?)
        };
        self.rest.is_empty().then_some(CopyIndex { kind, files, lines, symbols, order, step })
    }

    fn positions(&mut self, n: usize, width: usize) -> Option<Vec<u32>> {
        let bytes = self.bytes(n.checked_mul(width)?)?;
        Some(bytes.chunks_exact(width).map(number).collect())
    }
}

/// A number of up to 4 bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Bytes per position among `n_symbols`.
fn position_width(n_symbols: usize) -> usize {
    if n_symbols <= MEDIUM { 3 } else { 4 }
}

/// Bytes per index into an alphabet.
fn symbol_width(alphabet: &[u32]) -> usize {
    if alphabet.len() <= SHORT { 2 } else { 4 }
}

/// Symbols as indices into the alphabet, compressed.
fn compressed(symbols: &[u32], alphabet: &[u32]) -> Vec<u8> {
    let width = symbol_width(alphabet);
    let mut bytes = Vec::with_capacity(width * symbols.len());
    for symbol in symbols {
        let place = alphabet.binary_search(symbol).expect("the alphabet has every symbol");
        bytes.extend_from_slice(&place.to_le_bytes()[..width]);
    }
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bytes).and_then(|()| encoder.finish()).expect("writing to memory")
}

/// The `n` symbols of compressed indices; `None` if they are invalid or of another number.
fn decompressed(bytes: &[u8], n: usize, alphabet: &[u32]) -> Option<Vec<u32>> {
    let width = symbol_width(alphabet);
    let mut places = Vec::new();
    // One extra byte, to detect that there are too many.
    let most = u64::try_from(n.checked_mul(width)?).ok()?.checked_add(1)?;
    DeflateDecoder::new(bytes).take(most).read_to_end(&mut places).ok()?;
    if places.len() != n * width {
        return None;
    }
    places.chunks_exact(width).map(|place| alphabet.get(number(place) as usize).copied()).collect()
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
            step: 1,
        }
    }

    #[test]
    fn an_index_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        index().save(&path).unwrap();
        assert_eq!(CopyIndex::load(&path).unwrap(), index());
        let sparse = CopyIndex { step: 2, order: vec![0], ..index() };
        sparse.save(&path).unwrap();
        assert_eq!(CopyIndex::load(&path).unwrap(), sparse);
        let empty = CopyIndex::empty("mel-2bar");
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
        assert!(error.contains("copy index of version 9; this program reads version 3"), "{error}");
        // A valid checksum over numbers that are out of range.
        let mut hostile = index();
        hostile.order[1] = 2;
        assert!(matches!(load(&hostile.to_bytes()), Err(CopyError::Damaged { .. })));
        let mut hostile = index();
        hostile.lines[1].file = 7;
        assert!(matches!(load(&hostile.to_bytes()), Err(CopyError::Damaged { .. })));
    }
}
