//! Corpora from archives, valid and malicious.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::*;

/// A tar archive; `add` may add anything.
pub(super) fn tar(add: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    add(&mut builder);
    builder.into_inner().unwrap()
}

pub(super) fn member(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, bytes).unwrap();
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (name, data) in members {
        let file = archive.new_file(name.as_str()).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().unwrap();
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        writer.write_all(data).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

/// The same files in a folder and in archives give the same windows; names of more than 100 bytes
/// are kept, too.
#[test]
fn an_archive_is_read_as_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut members: Vec<(String, Vec<u8>)> =
        (0..300).map(|i| (format!("{}/{i:03}.mid", i % 3), piece(1, i, 0))).collect();
    members.push((format!("9/{}.kar", "long".repeat(40)), piece(1, 300, 0)));
    members.sort();
    for (name, bytes) in &members {
        write(&folder.path().join("folder").join(name), bytes);
    }
    write(&folder.path().join("music.zip"), &zip(&members));
    let tar = tar(|builder| {
        member(builder, "read me.txt", b"hello");
        for (name, bytes) in &members {
            member(builder, name, bytes);
        }
    });
    write(&folder.path().join("music.tar"), &tar);
    write(&folder.path().join("music.tar.gz"), &gzip(&tar));
    let build = |source: &str| {
        let out = folder.path().join(format!("corpus of {source}"));
        let options = options(&folder.path().join(source));
        let options = CorpusOptions { labels: Labels::FirstFolder, ..options };
        let report = build(&options, &out, &Silent).unwrap();
        assert_eq!((report.n_files, report.n_files_used), (301, 301), "{source}");
        (rows(&out), report.n_others)
    };
    let (expected, _) = build("folder");
    assert_eq!(expected.iter().map(|row| &row.label).collect::<BTreeSet<_>>().len(), 4);
    for (source, n_others) in [("music.zip", 0), ("music.tar", 1), ("music.tar.gz", 1)] {
        assert!(build(source) == (expected.clone(), n_others), "{source}");
    }
    // Below a folder an archive is a folder.
    let nested = folder.path().join("nested");
    write(&nested.join("a/music.tgz"), &gzip(&tar));
    let out = folder.path().join("corpus of nested");
    super::build(&options(&nested), &out, &Silent).unwrap();
    assert!(rows(&out).iter().all(|row| row.file.starts_with("a/music.tgz/")));
}

#[test]
fn a_wrapped_midi_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = piece(1, 0, 0);
    let mut riff = b"RIFF".to_vec();
    riff.extend((bytes.len() as u32 + 12).to_le_bytes());
    riff.extend(b"RMIDdata");
    riff.extend((bytes.len() as u32).to_le_bytes());
    riff.extend(&bytes);
    riff.resize(riff.len().next_multiple_of(2), 0);
    write(&folder.path().join("plain/a.mid"), &bytes);
    write(&folder.path().join("wrapped/a.RMI"), &riff);
    let windows = |source: &str| {
        let out = folder.path().join(format!("corpus of {source}"));
        build(&options(&folder.path().join(source)), &out, &Silent).unwrap();
        rows(&out).into_iter().map(|row| row.tokens).collect::<Vec<_>>()
    };
    assert_eq!(windows("wrapped"), windows("plain"));
}

#[test]
fn archives_that_lie_or_are_cut_short_cost_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    let good = piece(1, 0, 0);
    let whole = tar(|builder| {
        // A name that leads out of the archive, which `tar` itself would not write.
        let mut header = tar::Header::new_gnu();
        header.set_size(good.len() as u64);
        header.as_old_mut().name[..16].copy_from_slice(b"../../escape.mid");
        header.set_cksum();
        builder.append(&header, &good[..]).unwrap();
        // A link to a system file.
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "link.mid", "/etc/passwd").unwrap();
        member(builder, "zeros.mid", &vec![0; 9 << 20]);
        member(builder, "last.mid", &piece(1, 1, 0));
    });
    write(&music.join("a-whole.tar.gz"), &gzip(&whole));
    let half = gzip(&tar(|builder| {
        for i in 0..40 {
            member(builder, &format!("{i}.mid"), &piece(1, 10 + i, 0));
        }
    }));
    write(&music.join("b-half.tgz"), &half[..half.len() / 2]);
    write(&music.join("c.zip"), b"PK\x03\x04 and no more");
    // A member's name has one mebibyte.
    let long = tar(|builder| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(1 << 20);
        header.set_cksum();
        builder.append(&header, &vec![b'x'; 1 << 20][..]).unwrap();
    });
    write(&music.join("d-long.tar"), &long);
    // One bit of a member's data is wrong, which its checksum detects.
    let mut wrong = zip(&[("a.mid".to_owned(), piece(1, 60, 0))]);
    wrong[60] ^= 1;
    write(&music.join("e-wrong.zip"), &wrong);

    let out = folder.path().join("corpus");
    let report = build(&options(&music), &out, &Silent).unwrap();
    let mut refused: Vec<(&str, &str)> =
        report.skipped.iter().map(|s| (s.file.as_str(), s.reason.as_str())).collect();
    // The member that was cut off.
    refused.retain(|(file, _)| !file.starts_with("b-half.tgz/"));
    let expected = [
        ("a-whole.tar.gz/zeros.mid", "over_limit"),
        ("b-half.tgz", "damaged_archive"),
        ("c.zip", "damaged_archive"),
        ("d-long.tar", "damaged_archive"),
        ("e-wrong.zip/a.mid", "unreadable"),
    ];
    assert_eq!(refused, expected);
    let files: BTreeSet<String> = rows(&out).into_iter().map(|row| row.file).collect();
    assert!(files.contains("a-whole.tar.gz/escape.mid"), "{files:?}");
    assert!(files.contains("a-whole.tar.gz/last.mid"));
    let n_of_half = files.iter().filter(|file| file.starts_with("b-half.tgz/")).count();
    assert!((10..30).contains(&n_of_half), "{n_of_half}");
}
