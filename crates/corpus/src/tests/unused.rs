//! Unused files and names of any bytes are all reported.

use flate2::Compression;
use flate2::write::GzEncoder;

use super::archives::{gzip, member, tar, zip};
use super::*;

fn counts(report: &CorpusReport) -> Vec<(UnusedReason, u64, &str)> {
    let by_reason = report.unused.by_reason.iter();
    by_reason.map(|(reason, of)| (*reason, of.n, of.example.as_str())).collect()
}

#[test]
fn every_entry_that_is_not_used_is_counted_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    write(&music.join("a.mid"), &piece(1, 0, 0));
    for name in ["b.7z", "b.tar.xz", "c.mid.bz2", "d.musicxml", "e.txt", "f.txt"] {
        write(&music.join(name), b"x");
    }
    let inner = zip(&[("x.mid".to_owned(), piece(1, 1, 0))]);
    let bytes = tar(|builder| {
        member(builder, "inner.zip", &inner);
        member(builder, "y.mid", &piece(1, 2, 0));
        for (kind, name) in
            [(tar::EntryType::Link, "hard.mid"), (tar::EntryType::Symlink, "soft.mid")]
        {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            builder.append_link(&mut header, name, "y.mid").unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Fifo);
        header.set_size(0);
        builder.append_data(&mut header, "pipe.mid", &b""[..]).unwrap();
    });
    write(&music.join("m.tar.gz"), &gzip(&bytes));
    write(&music.join("n.zip"), &zip(&[("deeper.tgz".to_owned(), b"x".to_vec())]));
    let out = folder.path().join("corpus");
    let report = build(&options(&music), &out, &Silent).unwrap();
    assert_eq!((report.n_files, report.n_files_used), (2, 2));
    let expected = [
        (UnusedReason::SymbolicLink, 1, "m.tar.gz/soft.mid"),
        (UnusedReason::HardLink, 1, "m.tar.gz/hard.mid"),
        (UnusedReason::SpecialFile, 1, "m.tar.gz/pipe.mid"),
        (UnusedReason::ArchiveInArchive, 2, "m.tar.gz/inner.zip"),
        (UnusedReason::UnsupportedArchive, 2, "b.7z"),
        (UnusedReason::UnsupportedCompression, 1, "c.mid.bz2"),
        (UnusedReason::Score, 1, "d.musicxml"),
        (UnusedReason::NotMidi, 2, "e.txt"),
    ];
    assert_eq!(counts(&report), expected);
    assert_eq!(report.n_others, 11);
    assert_eq!(CorpusReport::of(&out).unwrap(), report);
}

/// One gzip file is read normally; another unpacks to more than the size limit.
#[test]
fn compressed_files_are_read_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    write(&music.join("a.mid"), &piece(1, 0, 0));
    write(&music.join("b.mid.gz"), &gzip(&piece(1, 1, 0)));
    let mut large = GzEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut large, &vec![0; 9 << 20]).unwrap();
    write(&music.join("large.mid.gz"), &large.finish().unwrap());
    write(&music.join("torn.kar.gz"), &gzip(&piece(1, 1, 0))[..50]);
    let out = folder.path().join("corpus");
    let options = options(&music);
    let report = build(&options, &out, &Silent).unwrap();
    assert_eq!((report.n_files, report.n_files_used, report.n_others), (4, 2, 0));
    let reasons: Vec<_> =
        report.skipped.iter().map(|s| (s.file.as_str(), s.reason.as_str())).collect();
    assert_eq!(reasons, [("large.mid.gz", "over_limit"), ("torn.kar.gz", "unreadable")]);
    let groups: BTreeSet<String> = rows(&out).into_iter().map(|row| row.group).collect();
    assert_eq!(groups.into_iter().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn labels_that_no_file_has_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    write(&music.join("a.mid"), &piece(1, 0, 0));
    let archive = folder.path().join("music.zip");
    write(&archive, &zip(&[("a.mid".to_owned(), piece(1, 0, 0))]));
    let path = folder.path().join("labels.csv");
    write(&path, b"file,label,piece\nother.mid,x,\n");
    let table = |group_column: Option<&str>| {
        Labels::Table(LabelTable {
            path: path.clone(),
            file_column: None,
            label_column: "label".to_owned(),
            group_column: group_column.map(str::to_owned),
        })
    };
    let out = folder.path().join("corpus");
    let build =
        |root: &Path, labels| build(&CorpusOptions { labels, ..options(root) }, &out, &Silent);
    for root in [&music, &archive] {
        let error = build(root, table(None)).unwrap_err().to_string();
        assert!(error.contains("such as `other.mid`") && error.contains("`a.mid`"), "{error}");
        let error = build(root, Labels::FirstFolder).unwrap_err().to_string();
        assert!(error.contains("not in a folder below"), "{error}");
        let error = build(root, Labels::Pattern("(x)/".to_owned())).unwrap_err().to_string();
        assert!(error.contains("matches no file"), "{error}");
    }
    assert!(!out.exists());
    // A table may give only groups.
    write(&path, b"file,label,piece\na.mid,,p\n");
    let report = build(&music, table(Some("piece"))).unwrap();
    assert_eq!((report.n_files_labeled, report.n_files_listed), (0, 1));
    assert_eq!(report.largest_group.unwrap().group, "p");
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::stages::BuildStages;

    fn name(bytes: &[u8]) -> &OsStr {
        OsStr::from_bytes(bytes)
    }

    #[test]
    fn links_sockets_and_long_paths_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let music = folder.path().join("music");
        write(&music.join("a.mid"), &piece(1, 0, 0));
        std::os::unix::fs::symlink("a.mid", music.join("link.mid")).unwrap();
        std::os::unix::fs::symlink(".", music.join("loop")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(music.join("s.mid")).unwrap();
        // Two halves, each short enough for a folder to be created.
        let half = vec!["x".repeat(250); 9].join("/");
        write(&folder.path().join("long").join(&half).join("z.mid"), &piece(1, 1, 0));
        let deep = music.join("deep").join(&half);
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::rename(folder.path().join("long"), deep.join("long")).unwrap();
        let out = folder.path().join("corpus");
        let options = options(&music);
        let report = build(&options, &out, &Silent).unwrap();
        assert_eq!(report.n_files, 1);
        let found: Vec<_> = counts(&report).into_iter().map(|(why, n, _)| (why, n)).collect();
        let expected = [
            (UnusedReason::SymbolicLink, 2),
            (UnusedReason::SpecialFile, 1),
            (UnusedReason::PathTooLong, 1),
        ];
        assert_eq!(found, expected);
        assert_eq!(report.unused.by_reason[&UnusedReason::SymbolicLink].example, "link.mid");
    }

    #[test]
    fn names_of_any_bytes_are_read_and_stay_apart() {
        let folder = tempfile::tempdir().unwrap();
        let music = folder.path().join(name(b"m\xfcsic"));
        write(&music.join(name(b"caf\xe9.mid")), &piece(1, 0, 0));
        write(&music.join(name(b"caf\xe8.mid")), &piece(1, 1, 0));
        let bytes = tar(|builder| {
            for (i, bytes) in (2..).zip([b"\xff.mid", b"\xfe.mid"]) {
                let data = piece(1, i, 0);
                let mut header = tar::Header::new_gnu();
                header.set_size(data.len() as u64);
                header.as_old_mut().name[..5].copy_from_slice(bytes);
                header.set_cksum();
                builder.append(&header, &data[..]).unwrap();
            }
        });
        write(&music.join("z.tar"), &bytes);
        let table = folder.path().join(name(b"l\xe4bels.csv"));
        write(&table, b"file,label\ncaf\xe9.mid,x\n");
        let labels = Labels::Table(LabelTable {
            path: table,
            file_column: None,
            label_column: "label".to_owned(),
            group_column: None,
        });
        let out = folder.path().join(name(b"\xe7orpus"));
        let options = CorpusOptions { labels, ..options(&music) };
        let report = build(&options, &out, &Silent).unwrap();
        assert_eq!((report.n_files_used, report.n_groups, report.n_files_labeled), (4, 4, 1));
        let files: BTreeSet<String> = rows(&out).into_iter().map(|row| row.file).collect();
        let expected = [r"caf\xe8.mid", r"caf\xe9.mid", r"z.tar/\xfe.mid", r"z.tar/\xff.mid"];
        assert!(files.iter().eq(expected.iter()), "{files:?}");
        let loaded = CorpusReport::of(&out).unwrap();
        assert_eq!(loaded.roots, [music]);
        assert_eq!(loaded, report);

        // The same with separate stages, whose file lists are passed between machines.
        let steps = BuildStages::new(options, &folder.path().join(name(b"p\xe4rts"))).unwrap();
        let listing = steps.list(Vec::new(), &Silent).unwrap();
        steps.read(&[0], "one", &|_| Vec::new()).unwrap();
        assert_eq!(steps.group(&listing, &Silent).unwrap().n_files_used, 4);
    }
}
