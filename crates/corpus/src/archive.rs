//! MIDI files in archives, read in place one member at a time, without unpacking to disk.
//!
//! Nothing that an archive says about itself is trusted. A member is read only up to the file size
//! limit, names longer than [`MAX_NAME`] are refused, and links, devices and nested archives are
//! skipped and counted.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::DeflateDecoder;
use flate2::read::MultiGzDecoder;
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive};
use tar::{EntryType, PaxExtensions};

use super::content::Content;
use super::files::FileKind;
use super::unused::{Unused, UnusedReason};
use crate::path_text;

/// Maximum length of a tar member's name or extended header, in bytes.
const MAX_NAME: u64 = 1 << 16;
/// Maximum unpacked size of a tar archive, in bytes: a small file can unpack to this many zeros.
const MAX_UNPACKED: u64 = 1 << 40;

/// A member that looks like MIDI.
pub(super) struct Member<'a> {
    /// Path in the archive, separated by `/`; never leads out of the archive.
    pub(super) name: String,
    /// Size according to the archive.
    pub(super) n_bytes: u64,
    /// Number of bytes of the archive read so far.
    pub(super) consumed: u64,
    reader: &'a mut dyn FnMut(u64) -> Content,
}

impl Member<'_> {
    /// The bytes of the member, or the reason why they can't be read.
    pub(super) fn content(&mut self, max_bytes: u64) -> Content {
        (self.reader)(max_bytes)
    }
}

/// Passes each member that looks like MIDI to `each` until it returns `false`, and counts the
/// others in `unused` by their names in the archive.
///
/// # Errors
/// Returns an error if the archive is damaged; the members before the damage have been passed to
/// `each`.
pub(super) fn read(
    path: &Path,
    kind: FileKind,
    unused: &mut Unused,
    each: &mut dyn FnMut(Member<'_>) -> bool,
) -> io::Result<()> {
    let file = File::open(path)?;
    match kind {
        FileKind::Zip => read_zip(file, unused, each),
        FileKind::TarGz => {
            let (file, position) = Counted::new(file);
            read_tar(MultiGzDecoder::new(BufReader::new(file)), &position, unused, each)
        }
        _ => {
            let (file, position) = Counted::new(file);
            read_tar(BufReader::new(file), &position, unused, each)
        }
    }
}

/// The reason why a member with this name is not read; `None` if it is read.
fn why_unused(name: &str) -> Option<UnusedReason> {
    match FileKind::of(name) {
        FileKind::Midi => None,
        FileKind::Other => Some(UnusedReason::of_name(name)),
        _ => Some(UnusedReason::ArchiveInArchive),
    }
}

fn read_zip(
    file: File,
    unused: &mut Unused,
    each: &mut dyn FnMut(Member<'_>) -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let archive = ZipArchive::from_file(file, &mut buffer).map_err(io::Error::other)?;
    let mut consumed = 0_u64;
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(io::Error::other)? {
        consumed = consumed.saturating_add(entry.compressed_size_hint());
        if entry.is_dir() {
            continue;
        }
        let name = safe_name(entry.file_path().as_bytes());
        let link = entry.mode().is_symlink().then_some(UnusedReason::SymbolicLink);
        if let Some(reason) = link.or_else(|| why_unused(&name)) {
            unused.count(reason, || name);
            continue;
        }
        let (n_bytes, method, place) =
            (entry.uncompressed_size_hint(), entry.compression_method(), entry.wayfinder());
        let is_encrypted = entry.flags().is_encrypted();
        let mut reader = |max_bytes| {
            let member = match archive.get_entry(place) {
                _ if is_encrypted => return Content::refused("unreadable", "it is encrypted"),
                Ok(member) => member,
                Err(error) => return Content::refused("unreadable", error),
            };
            let data = BufReader::new(member.reader());
            match method {
                CompressionMethod::STORE => {
                    limited(member.verifying_reader(data), n_bytes, max_bytes)
                }
                CompressionMethod::DEFLATE => {
                    let data = member.verifying_reader(DeflateDecoder::new(data));
                    limited(data, n_bytes, max_bytes)
                }
                method => Content::refused(
                    "unreadable",
                    format!(
                        "it is compressed with method {method}; only stored and deflated members can be read"
                    ),
                ),
            }
        };
        if !each(Member { name, n_bytes, consumed, reader: &mut reader }) {
            break;
        }
    }
    Ok(())
}

fn read_tar(
    reader: impl Read,
    position: &Cell<u64>,
    unused: &mut Unused,
    each: &mut dyn FnMut(Member<'_>) -> bool,
) -> io::Result<()> {
    let mut archive = tar::Archive::new(reader.take(MAX_UNPACKED));
    // Name from a separate entry that precedes the member.
    let mut long_name: Option<Vec<u8>> = None;
    // Raw, because otherwise names of any length are read into memory.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                let mut name = header_text(&mut entry)?;
                name.truncate(name.iter().position(|b| *b == 0).unwrap_or(name.len()));
                long_name = Some(name);
                continue;
            }
            EntryType::XHeader => {
                let text = header_text(&mut entry)?;
                for extension in PaxExtensions::new(&text).flatten() {
                    if extension.key_bytes() == b"path" {
                        long_name = Some(extension.value_bytes().to_vec());
                    }
                }
                continue;
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => continue,
            _ => {}
        }
        let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = safe_name(&name);
        let reason = match kind {
            EntryType::Directory => continue,
            EntryType::Regular | EntryType::Continuous => why_unused(&name),
            EntryType::Symlink => Some(UnusedReason::SymbolicLink),
            EntryType::Link => Some(UnusedReason::HardLink),
            _ => Some(UnusedReason::SpecialFile),
        };
        if let Some(reason) = reason {
            unused.count(reason, || name);
            continue;
        }
        let (n_bytes, consumed) = (entry.header().entry_size()?, position.get());
        let mut reader = |max_bytes| limited(&mut entry, n_bytes, max_bytes);
        if !each(Member { name, n_bytes, consumed, reader: &mut reader }) {
            break;
        }
    }
    Ok(())
}

/// The content of an entry that is a header for the next one.
fn header_text(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    entry.take(MAX_NAME + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_NAME {
        let why = format!("a member's name is longer than {MAX_NAME} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(text)
}

/// Reads a whole file, but at most `max_bytes`, whatever size it claims to have.
pub(super) fn limited(reader: impl Read, n_bytes: u64, max_bytes: u64) -> Content {
    if n_bytes > max_bytes {
        return Content::over_limit(n_bytes, max_bytes);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(n_bytes).unwrap_or(0));
    match reader.take(max_bytes + 1).read_to_end(&mut bytes) {
        Err(error) => Content::refused("unreadable", error),
        Ok(_) if bytes.len() as u64 > max_bytes => {
            Content::over_limit(bytes.len() as u64, max_bytes)
        }
        Ok(_) => Content::Bytes(bytes),
    }
}

/// The path without components that lead out of the archive.
fn safe_name(name: &[u8]) -> String {
    let parts = name.split(|byte| matches!(byte, b'/' | b'\\'));
    let parts = parts.filter(|part| !matches!(*part, b"" | b"." | b".."));
    parts.map(path_text::of_bytes).collect::<Vec<_>>().join("/")
}

/// Counts the bytes read.
struct Counted {
    file: File,
    position: Rc<Cell<u64>>,
}

impl Counted {
    fn new(file: File) -> (Self, Rc<Cell<u64>>) {
        let position = Rc::new(Cell::new(0));
        (Self { file, position: Rc::clone(&position) }, position)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.position.set(self.position.get() + n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        assert_eq!(safe_name(b"./a/b.mid"), "a/b.mid");
        assert_eq!(safe_name(b"/etc/../../x.mid"), "etc/x.mid");
        assert_eq!(safe_name(b"a\\b\\c.mid"), "a/b/c.mid");
        assert_eq!(safe_name(b"../.."), "");
        assert_eq!(safe_name(b"a\\\xe9/\xff.mid"), r"a/\xe9/\xff.mid");
    }

    #[test]
    fn nothing_is_read_beyond_the_limit() {
        let endless = io::repeat(7);
        assert!(matches!(limited(endless, 10, 100), Content::Refused { reason: "over_limit", .. }));
        let none = io::empty();
        assert!(matches!(limited(none, 101, 100), Content::Refused { reason: "over_limit", .. }));
        assert!(matches!(limited(&[1, 2][..], 2, 2), Content::Bytes(b) if b == [1, 2]));
    }
}
