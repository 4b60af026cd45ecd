//! Reads archives member by member; [`Sink`] decides what to do with each.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flate2::read::MultiGzDecoder;
use tar::EntryType;
use zip::ZipReadOptions;
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::manifest::Packing;
use super::meter::{Meter, Metered};
use super::names::SkipReason;
use super::unpack::{Contents, Limits, Sink};

/// Maximum length of a member's long name; operating systems allow 4,096 bytes.
const MAX_LONG_NAME: u64 = 1 << 16;

/// Unpacks an archive into one of our own folders.
///
/// # Errors
/// If the archive is damaged or exceeds a limit. Files written until then stay in the folder.
pub(crate) fn unpack(
    archive: &Path,
    packing: Packing,
    target: &Path,
    limits: Limits,
    names_are_md5: bool,
) -> Result<Contents> {
    let mut sink = Sink::new(target, limits, names_are_md5);
    let open = || File::open(archive).with_context(|| format!("can't open {}", archive.display()));
    let size = open()?.metadata()?.len();
    let meter = Meter::new(&format!("unpacking {}", file_name(archive)), 0, Some(size));
    match packing {
        Packing::TarGz => {
            let stream = Bounded {
                inner: MultiGzDecoder::new(BufReader::with_capacity(
                    1 << 18,
                    Metered::new(open()?, meter),
                )),
                left: sink.stream_limit(),
            };
            tar(stream, &mut sink)
        }
        Packing::Zip => zip(open()?, open()?, meter, &mut sink),
    }
    .with_context(|| format!("{} can't be unpacked", archive.display()))?;
    Ok(sink.finish())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn tar(stream: impl Read, sink: &mut Sink<'_>) -> Result<()> {
    let mut archive = tar::Archive::new(stream);
    let mut long_name: Option<Vec<u8>> = None;
    // `raw`, because otherwise a member's extended header is read into memory whatever its size.
    for member in archive.entries()?.raw(true) {
        let mut member = member.context("it is not a tar archive, or it is damaged")?;
        let kind = member.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                let mut name = extended_header(&mut member)?;
                while name.last() == Some(&0) {
                    name.pop();
                }
                long_name = Some(name);
                continue;
            }
            EntryType::XHeader => {
                let records = extended_header(&mut member)?;
                if let Some(path) = pax_value(&records, b"path")? {
                    long_name = Some(path.to_vec());
                }
                if pax_value(&records, b"size")?.is_some() {
                    bail!("a member's size has an unsupported format (over 8 GiB)");
                }
                continue;
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => continue,
            _ => {}
        }
        sink.count()?;
        let name = long_name.take().map_or_else(|| member.header().path_bytes(), Cow::Owned);
        let name = name.into_owned();
        match kind {
            EntryType::Directory => {}
            // Folders in old archives, which had no separate type.
            EntryType::Regular if name.ends_with(b"/") => {}
            EntryType::Regular | EntryType::Continuous => sink.file(&name, &mut member)?,
            EntryType::Link | EntryType::Symlink => sink.skip(SkipReason::Link, &name),
            _ => sink.skip(SkipReason::Special, &name),
        }
    }
    // Read to the end, where gzip has its checksum.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).context("its end is missing or damaged")?;
    Ok(())
}

fn extended_header(member: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    member
        .take(MAX_LONG_NAME + 1)
        .read_to_end(&mut bytes)
        .context("an extended header is damaged")?;
    ensure!(bytes.len() as u64 <= MAX_LONG_NAME, "a name is longer than {MAX_LONG_NAME} bytes");
    Ok(bytes)
}

/// The last value of a key among records `<length> <key>=<value>\n`, where the length is that of
/// the whole record.
fn pax_value<'a>(mut records: &'a [u8], key: &[u8]) -> Result<Option<&'a [u8]>> {
    let mut found = None;
    while !records.is_empty() {
        let space =
            records.iter().position(|&b| b == b' ').context("an extended header is damaged")?;
        let length = std::str::from_utf8(&records[..space]).ok().and_then(|n| n.parse().ok());
        let length: usize = length.context("an extended header is damaged")?;
        let is_whole = length > space + 1 && records.get(length - 1) == Some(&b'\n');
        ensure!(is_whole, "an extended header is damaged");
        let record = &records[space + 1..length - 1];
        if let Some(value) = record.strip_prefix(key).and_then(|rest| rest.strip_prefix(b"=")) {
            found = Some(value);
        }
        records = &records[length..];
    }
    Ok(found)
}

/// One reader walks the directory, the other reads members, so that the directory is not kept in
/// memory, and all members of the same name are seen.
fn zip(directory: File, members: File, mut meter: Meter, sink: &mut Sink<'_>) -> Result<()> {
    const FILE_KIND: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    let mut members = BufReader::with_capacity(1 << 16, members);
    let mut archive = ZipIterable::try_new(BufReader::new(directory), zip::read::Config::default())
        .context("it is not a zip archive, or it is damaged")?;
    let mut done: u64 = 0;
    for entry in archive.files()? {
        let entry = entry.context("its directory is damaged")?;
        sink.count()?;
        done = done.saturating_add(entry.compressed_size());
        meter.at(done);
        let name = entry.name_raw().to_vec();
        let kind = entry.unix_mode().map_or(0, |mode| mode & FILE_KIND);
        if entry.is_symlink() {
            sink.skip(SkipReason::Link, &name);
        } else if entry.is_dir() {
            // Folders are created when a file in them is written.
        } else if entry.encrypted() {
            sink.skip(SkipReason::Encrypted, &name);
        } else if kind != 0 && kind != REGULAR {
            sink.skip(SkipReason::Special, &name);
        } else {
            match entry.with_reader(&mut members, ZipReadOptions::default()) {
                Ok(mut member) => sink.file(&name, &mut member)?,
                Err(
                    ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_),
                ) => {
                    sink.skip(SkipReason::Unsupported, &name);
                }
                Err(error) => return Err(error).context("a member is damaged"),
            }
        }
    }
    Ok(())
}

/// A stream that fails after a maximum number of bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            io::Error::other("it unpacks to more bytes than this data set may have")
        })?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_records_are_read_by_their_length() {
        let records = [&b"22 path=two\nlines.mid\n"[..], b"12 size=999\n"].concat();
        assert_eq!(pax_value(&records, b"path").unwrap(), Some(&b"two\nlines.mid"[..]));
        assert_eq!(pax_value(&records, b"size").unwrap(), Some(&b"999"[..]));
        assert_eq!(pax_value(&records, b"mtime").unwrap(), None);
        for bad in [&b"999 path=x\n"[..], b"x path=x\n", b"3 p", b"2 p=x", b"nospace"] {
            assert!(pax_value(bad, b"path").is_err(), "{bad:?}");
        }
    }
}
