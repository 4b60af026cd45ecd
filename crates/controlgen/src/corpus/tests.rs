//! Corpora of files that the tests write.

use std::collections::BTreeMap;

use super::*;
use crate::progress::Silent;
use crate::synthetic;
use crate::table::read_windows;

fn rows(folder: &Path) -> Vec<WindowRow> {
    let mut rows = Vec::new();
    read_windows(folder, |row| rows.push(row)).unwrap();
    rows
}

fn options(root: &Path) -> CorpusOptions {
    CorpusOptions {
        heldout: 0.3,
        label_folders: true,
        ..CorpusOptions::new(vec![root.to_owned()], Kind::mel_2bar())
    }
}

#[test]
fn a_corpus_holds_each_window_once_with_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    synthetic::write_corpus(&music, &[0, 1, 2, 3], 6, 5).unwrap();
    let report = build(&options(&music), &folder.path().join("corpus"), &Silent).unwrap();
    assert_eq!((report.n_files, report.n_files_used), (24, 24));
    let rows = rows(&folder.path().join("corpus"));
    assert_eq!(rows.len(), report.n_windows());
    let loaded = CorpusReport::load(&folder.path().join("corpus/report.json")).unwrap();
    assert_eq!(loaded, report);

    let kind = Kind::mel_2bar();
    let mut sides: BTreeMap<&str, Split> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for row in &rows {
        assert_eq!(row.window_id, kind.window_id(&row.tokens));
        assert!(ids.insert((row.split, row.window_id)), "a window twice");
        assert_eq!(*sides.entry(&row.group).or_insert(row.split), row.split);
        assert_eq!(row.label.as_deref(), row.file.split('/').next());
        let bytes = std::fs::read(music.join(&row.file)).unwrap();
        assert_eq!(row.file_hash, blake3::hash(&bytes).as_bytes()[..16]);
    }
    let train: BTreeSet<u64> =
        rows.iter().filter(|r| r.split == Split::Train).map(|r| r.window_id).collect();
    for row in rows.iter().filter(|row| row.split == Split::Heldout) {
        assert_eq!(row.seen, train.contains(&row.window_id));
    }
    assert!(report.n_train > 0 && report.n_heldout > 0);
}

#[test]
fn several_files_of_a_piece_stay_on_one_side() {
    let folder = tempfile::tempdir().unwrap();
    let numbered = (0..2000).map(|i| format!("many/{i}.mid"));
    let named = ["jigs107.mid", "melody/Jigs107.MID", "jigs107.2.mid", "jigs108.mid", "a/b/x.mid"];
    for name in numbered.chain(named.map(ToOwned::to_owned)) {
        crate::artifact::write_atomic(&folder.path().join(name), b"").unwrap();
    }
    let files = find_midi_files(&[folder.path().to_owned()]).unwrap().files;
    let file = |name: &str| files.iter().find(|file| file.name == name).unwrap();
    let rule = GroupRule::Stem;
    let group = rule.of(file("jigs107.mid"));
    assert_eq!(rule.of(file("melody/Jigs107.MID")), group);
    assert_eq!(rule.of(file("jigs107.2.mid")), group);
    assert_ne!(rule.of(file("jigs108.mid")), group);
    assert_eq!(GroupRule::Folder.of(file("a/b/x.mid")), "a/b");
    // Over many groups the held-out share is what was asked for.
    let many = files.iter().filter(|file| file.name.starts_with("many/"));
    let heldout = many.filter(|file| rule.split(file, 0.1) == Split::Heldout).count();
    // Five standard deviations of a binomial with n = 2000, p = 0.1.
    assert!((133..=267).contains(&heldout), "{heldout}");
}

#[test]
fn bad_files_are_counted_and_do_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    synthetic::write_corpus(&music, &[0, 1, 2, 3], 1, 5).unwrap();
    std::fs::write(music.join("text.mid"), b"<html>not found</html>").unwrap();
    std::fs::write(music.join("empty.mid"), b"").unwrap();
    std::fs::write(music.join("notes.txt"), b"x").unwrap();
    let whole = std::fs::read(music.join("reel/reel-000.mid")).unwrap();
    std::fs::write(music.join("cut.mid"), &whole[..whole.len() / 2]).unwrap();
    let report = build(&options(&music), &folder.path().join("corpus"), &Silent).unwrap();
    assert_eq!((report.n_files, report.n_files_used), (7, 5));
    assert_eq!(report.files_skipped, BTreeMap::from([("not_midi".to_owned(), 2)]));
    assert!(report.n_files_repaired >= 1);
    let names: Vec<&str> = report.skipped.iter().map(|s| s.file.as_str()).collect();
    assert_eq!(names, ["empty.mid", "text.mid"]);
}

#[test]
fn no_files_no_windows_and_no_folder_are_told_apart_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("corpus");
    let message = |root: &Path| build(&options(root), &out, &Silent).unwrap_err().to_string();

    let missing = folder.path().join("missing");
    assert!(message(&missing).starts_with("can't search"));
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    std::fs::write(empty.join("a.txt"), b"x").unwrap();
    assert!(message(&empty).contains("1 other files there, but none ends in .mid"));

    let drums = folder.path().join("drums");
    let piece = synthetic::piece(2, 1, 0).with_notes(|note| note.is_drum);
    let bytes = midi::write(&piece, &midi::WriteOptions::default()).unwrap();
    crate::artifact::write_atomic(&drums.join("drums.mid"), &bytes).unwrap();
    assert!(message(&drums).contains("no window of `mel-2bar` in 1 MIDI files: 1 drums"));
    assert!(!out.exists());
}
