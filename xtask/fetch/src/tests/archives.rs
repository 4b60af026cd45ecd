//! Hostile and unusual archives.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};
use zip::write::SimpleFileOptions;

use crate::archive::unpack;
use crate::hashes::hex;
use crate::manifest::Packing;
use crate::names::SkipReason;
use crate::unpack::{Contents, Limits};

const LIMITS: Limits = Limits { entries: 100, bytes: 1 << 20 };

/// A gzipped tar archive with members of any kind and name.
pub(super) struct TarGz(Vec<u8>);

impl TarGz {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn file(self, name: &[u8], body: &[u8]) -> Self {
        self.member(EntryType::Regular, name, body)
    }

    /// Writes the header by hand, because the library rejects most of what is tested here.
    pub(super) fn member(mut self, kind: EntryType, name: &[u8], body: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len().min(100)]
            .copy_from_slice(&name[..name.len().min(100)]);
        header.set_entry_type(kind);
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
        }
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn bytes(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&self.0).unwrap();
        gzip.finish().unwrap()
    }
}

/// A zip archive.
pub(super) fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, body) in members {
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(body).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Replaces a name by another of the same length everywhere, for names that the writer rejects.
fn renamed(mut archive: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut n = 0;
    for at in 0..=archive.len() - from.len() {
        if archive[at..].starts_with(from) {
            archive[at..at + to.len()].copy_from_slice(to);
            n += 1;
        }
    }
    assert!(n >= 2, "the name occurs before the member and in the directory");
    archive
}

struct Unpacked {
    folder: tempfile::TempDir,
    result: anyhow::Result<Contents>,
}

fn unpacked(archive: &[u8], packing: Packing, limits: Limits) -> Unpacked {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("archive"), folder.path().join("target"));
    std::fs::write(&path, archive).unwrap();
    std::fs::create_dir(&target).unwrap();
    let result = unpack(&path, packing, &target, limits, true);
    Unpacked { folder, result }
}

impl Unpacked {
    fn contents(&self) -> &Contents {
        self.result.as_ref().unwrap()
    }

    fn error(&self) -> String {
        format!("{:#}", self.result.as_ref().unwrap_err())
    }

    /// Number of members left out for each reason.
    fn left_out(&self) -> BTreeMap<SkipReason, u64> {
        self.contents().left_out.iter().map(|(&why, omitted)| (why, omitted.n)).collect()
    }

    /// All files below the target, as paths and contents. Nothing may be written outside it.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let target = self.folder.path().join("target");
        let mut all = files_below(self.folder.path());
        all.retain(|path| path != &self.folder.path().join("archive"));
        all.iter()
            .map(|path| {
                let inside = path.strip_prefix(&target).expect("nothing is outside the target");
                assert!(!path.is_symlink());
                (inside.to_str().unwrap().replace('\\', "/"), std::fs::read(path).unwrap())
            })
            .collect()
    }

    fn names(&self) -> Vec<String> {
        self.files().into_iter().map(|(name, _)| name).collect()
    }
}

pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

#[test]
fn nothing_is_written_outside_the_target() {
    let tar = TarGz::new()
        .file(b"../evil.mid", b"1")
        .file(b"a/../../evil.mid", b"2")
        .file(b"/tmp/controlgen-evil.mid", b"3")
        .file(b"..\\evil.mid", b"4")
        .file(b"C:\\evil.mid", b"5")
        .file(b"good/song.mid", b"6");
    let result = unpacked(&tar.bytes(), Packing::TarGz, LIMITS);
    assert_eq!(result.files(), [("good/song.mid".to_owned(), b"6".to_vec())]);
    assert_eq!(result.left_out(), BTreeMap::from([(SkipReason::Outside, 5)]));
    assert_eq!(result.contents().left_out[&SkipReason::Outside].examples.len(), 3);
    assert!(!Path::new("/tmp/controlgen-evil.mid").exists());

    let zip = zip_of(&[("xx/evil1.mid", b"1"), ("ab/evil2.mid", b"2"), ("good.mid", b"3")]);
    let zip = renamed(renamed(zip, b"xx/evil1", b"../evil1"), b"ab/evil2", b"/tmp/evl");
    let result = unpacked(&zip, Packing::Zip, LIMITS);
    assert_eq!(result.names(), ["good.mid"]);
    assert_eq!(result.left_out(), BTreeMap::from([(SkipReason::Outside, 2)]));
}

#[test]
fn a_link_is_never_made_so_nothing_is_written_through_one() {
    let tar = TarGz::new()
        .member(EntryType::Symlink, b"out", b"")
        .file(b"out/passwd", b"x")
        .member(EntryType::Link, b"hard", b"")
        .member(EntryType::Fifo, b"pipe", b"")
        .member(EntryType::Char, b"null", b"");
    let result = unpacked(&tar.bytes(), Packing::TarGz, LIMITS);
    assert_eq!(result.files(), [("out/passwd".to_owned(), b"x".to_vec())]);
    assert_eq!(
        result.left_out(),
        BTreeMap::from([(SkipReason::Link, 2), (SkipReason::Special, 2)])
    );

    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("out", "/etc", SimpleFileOptions::default()).unwrap();
    zip.start_file("out/passwd", SimpleFileOptions::default()).unwrap();
    zip.write_all(b"x").unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let result = unpacked(&zip, Packing::Zip, LIMITS);
    assert_eq!(result.names(), ["out/passwd"]);
    assert_eq!(result.left_out(), BTreeMap::from([(SkipReason::Link, 1)]));
}

#[test]
fn too_many_members_and_too_many_bytes_are_refused() {
    let many = (0..101).fold(TarGz::new(), |tar, n| tar.file(format!("{n}").as_bytes(), b""));
    let error = unpacked(&many.bytes(), Packing::TarGz, LIMITS).error();
    assert!(error.ends_with("it has more than 100 members, the limit of this data set"), "{error}");

    // 1 MiB and one byte of zeros: a kilobyte when packed.
    let bomb = vec![0; (1 << 20) + 1];
    let packed = TarGz::new().file(b"bomb.mid", &bomb).bytes();
    assert!(packed.len() < 20_000);
    let error = unpacked(&packed, Packing::TarGz, LIMITS).error();
    assert!(error.contains("unpacks to more than 1048576 bytes"), "{error}");
    let error = unpacked(&zip_of(&[("bomb.mid", &bomb)]), Packing::Zip, LIMITS).error();
    assert!(error.contains("unpacks to more than 1048576 bytes"), "{error}");

    // Skipped bytes must be unpacked, too, so the stream has its own limit.
    let hidden = vec![0; 4 << 20];
    let packed = TarGz::new().file(b"../bomb.mid", &hidden).file(b"ok", b"").bytes();
    let error = unpacked(&packed, Packing::TarGz, LIMITS).error();
    assert!(error.contains("more bytes than this data set may have"), "{error}");

    let members: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|n| (n.as_str(), &b""[..])).collect();
    let error = unpacked(&zip_of(&members), Packing::Zip, LIMITS).error();
    assert!(error.contains("more than 100 members"), "{error}");
}

#[test]
fn a_name_of_any_length_and_bytes_becomes_a_file() {
    let long = [&b"folder/"[..], &b"x".repeat(300), b".mid"].concat();
    let pax = [&b"27 path="[..], b"two\nlines/caf\xe9.mid\n"].concat();
    assert_eq!(pax.len(), 27);
    let tar = TarGz::new()
        .member(EntryType::GNULongName, b"././@LongLink", &[&long[..], b"\0"].concat())
        .file(b"cut short", b"1")
        .member(EntryType::XGlobalHeader, b"pax_global_header", b"52 comment=0123\n")
        .member(EntryType::XHeader, b"PaxHeaders/x", &pax)
        .file(b"other", b"2")
        .file(b"plain/caf\xc3\xa9.mid", b"3");
    let result = unpacked(&tar.bytes(), Packing::TarGz, LIMITS);
    let files = result.files();
    let (_, first) = files.iter().find(|(name, _)| name.starts_with("folder/xxx")).unwrap();
    assert_eq!(first, b"1");
    assert!(files.contains(&("two%0Alines/caf%E9.mid".to_owned(), b"2".to_vec())));
    assert!(files.contains(&("plain/café.mid".to_owned(), b"3".to_vec())));

    let huge = vec![b'x'; 100_000];
    let tar = TarGz::new().member(EntryType::GNULongName, b"././@LongLink", &huge).file(b"a", b"");
    let error = unpacked(&tar.bytes(), Packing::TarGz, LIMITS).error();
    assert!(error.contains("longer than 65536 bytes"), "{error}");

    let zip = renamed(zip_of(&[("caf_.mid", b"4")]), b"caf_.mid", b"caf\xe9.mid");
    assert_eq!(unpacked(&zip, Packing::Zip, LIMITS).names(), ["caf%E9.mid"]);
}

#[test]
fn members_of_one_name_are_all_kept_unless_they_are_the_same() {
    let tar = TarGz::new()
        .file(b"a/song.mid", b"one")
        .file(b"a/song.mid", b"two")
        .file(b"./a//song.mid", b"one")
        .file(b"a/song.mid", b"three")
        .file(b"a/song.mid/inside.mid", b"no place")
        .file(b"a", b"no place");
    let result = unpacked(&tar.bytes(), Packing::TarGz, LIMITS);
    let expected = [("a/song.mid", "one"), ("a/song~2.mid", "two"), ("a/song~4.mid", "three")];
    assert_eq!(
        result.files(),
        expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
    );
    let left_out = BTreeMap::from([(SkipReason::Repeated, 1), (SkipReason::Conflict, 2)]);
    assert_eq!(result.left_out(), left_out);

    let zip = renamed(zip_of(&[("s1.mid", b"one"), ("s2.mid", b"two")]), b"s2.mid", b"s1.mid");
    let result = unpacked(&zip, Packing::Zip, LIMITS);
    assert_eq!(result.names(), ["s1.mid", "s1~2.mid"]);
}

#[test]
fn members_are_checked_against_the_md5_in_their_names() {
    // `printf 'hello\n' | md5sum`
    let good = b"lmd_full/b/b1946ac92492d2347c6235b4d2611184.mid";
    let tar = TarGz::new()
        .file(good, b"hello\n")
        .file(b"lmd_full/0/00000000000000000000000000000000.mid", b"hello\n")
        .file(b"lmd_full/readme.mid", b"has no md5 to check");
    let result = unpacked(&tar.bytes(), Packing::TarGz, LIMITS);
    assert_eq!(result.names(), [std::str::from_utf8(good).unwrap(), "lmd_full/readme.mid"]);
    assert_eq!(result.left_out(), BTreeMap::from([(SkipReason::WrongMd5, 1)]));
}

#[test]
fn damaged_archives_are_refused() {
    let tar = TarGz::new().file(b"a.mid", &super::faults::content()).bytes();
    for (archive, what) in [
        (tar[..tar.len() / 2].to_vec(), "truncated"),
        (tar[..tar.len() - 4].to_vec(), "without its checksum"),
        (b"<html>not found</html>".to_vec(), "a web page"),
        (Vec::new(), "empty"),
    ] {
        assert!(unpacked(&archive, Packing::TarGz, LIMITS).result.is_err(), "tar.gz {what}");
    }
    let mut flipped = tar;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    assert!(unpacked(&flipped, Packing::TarGz, LIMITS).result.is_err());

    let zip = zip_of(&[("a.mid", &super::faults::content())]);
    for (archive, what) in [
        (zip[..zip.len() / 2].to_vec(), "truncated"),
        (b"<html>not found</html>".to_vec(), "a web page"),
        (Vec::new(), "empty"),
    ] {
        assert!(unpacked(&archive, Packing::Zip, LIMITS).result.is_err(), "zip {what}");
    }
    let mut flipped = zip;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    assert!(unpacked(&flipped, Packing::Zip, LIMITS).result.is_err(), "its CRC is wrong");
}

#[test]
fn contents_have_the_hash_of_a_list_of_their_hashes() {
    let sum = |text: &str| hex(&Sha256::digest(text.as_bytes()));
    let list = format!("{}  a.mid\n{}  b/c.mid\n", sum("one"), sum("two"));
    let one = unpacked(&zip_of(&[("b/c.mid", b"two"), ("a.mid", b"one")]), Packing::Zip, LIMITS);
    assert_eq!(one.contents().sha256, sum(&list));
    assert_eq!((one.contents().n_files, one.contents().bytes), (2, 6));
    // Packed differently and in another order, the contents are the same.
    let tar = TarGz::new().file(b"./a.mid", b"one").file(b"b/c.mid", b"two").bytes();
    let two = unpacked(&tar, Packing::TarGz, LIMITS);
    assert_eq!(two.contents().sha256, one.contents().sha256);
}
