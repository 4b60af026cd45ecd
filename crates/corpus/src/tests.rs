//! Corpora of files written by the tests.

mod archives;
mod names;
mod unused;

use std::collections::{BTreeMap, BTreeSet};

use note_seq::midi::{self, WriteOptions};

use super::*;
use crate::progress::Silent;
use crate::synthetic;
use crate::table::{Split, WindowRow, read_windows};

fn rows(folder: &Path) -> Vec<WindowRow> {
    let mut rows = Vec::new();
    read_windows(folder, |row| rows.push(row)).unwrap();
    rows
}

fn options(root: &Path) -> CorpusOptions {
    CorpusOptions { heldout: 0.3, ..CorpusOptions::new(vec![root.to_owned()], Kind::mel_2bar()) }
}

fn write(path: &Path, bytes: &[u8]) {
    artifact::write_atomic(path, bytes).unwrap();
}

/// A generated piece as a MIDI file, transposed by some semitones.
fn piece(style: usize, index: u64, semitones: i8) -> Vec<u8> {
    let mut moved = synthetic::piece(style, index, 0);
    for note in moved.notes.iter_mut().filter(|note| !note.is_drum) {
        note.pitch = note_seq::Pitch::new(note.pitch.get().wrapping_add_signed(semitones)).unwrap();
    }
    midi::write(&moved, &WriteOptions::default()).unwrap()
}

#[test]
fn a_corpus_holds_each_window_once_with_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    synthetic::write_corpus(&music, &[0, 1, 2, 3], 6, 5).unwrap();
    let options = CorpusOptions { labels: Labels::FirstFolder, ..options(&music) };
    let report = build(&options, &folder.path().join("corpus"), &Silent).unwrap();
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
        assert_eq!(row.split, split_of(&row.group, 0.3));
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
    // The files gave the windows in the table and those that were repeated.
    let n_windows: usize = report.labels.values().map(|label| label.n_windows).sum();
    assert_eq!((n_windows, report.labels.len()), (rows.len(), 4));
    assert_eq!(report.n_files_labeled, 24);
    assert_eq!(report.histograms.density.values().sum::<u64>(), rows.len() as u64);
    assert_eq!(report.histograms.metre, BTreeMap::from([("4/4".to_owned(), 24)]));
    assert_eq!(report.histograms.tempo.values().sum::<u64>(), 24);
    // The work folder is gone.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn several_files_of_a_piece_stay_on_one_side() {
    let file = |name: &str| MidiFile::new(None, name);
    let rule = GroupRule::Stem;
    let group = rule.of(&file("jigs107.mid"));
    assert_eq!(rule.of(&file("melody/Jigs107.MID")), group);
    assert_eq!(rule.of(&file("jigs107.2.mid")), group);
    assert_ne!(rule.of(&file("jigs108.mid")), group);
    assert_eq!(GroupRule::Folder.of(&file("a/b/x.mid")), "a/b");
    // Over many groups, the held-out fraction is as requested.
    let heldout = (0..2000).filter(|i| split_of(&i.to_string(), 0.1) == Split::Heldout).count();
    // Five standard deviations of a binomial with n = 2000, p = 0.1.
    assert!((133..=267).contains(&heldout), "{heldout}");
}

#[test]
fn bad_files_are_counted_and_do_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    synthetic::write_corpus(&music, &[0, 1, 2, 3], 1, 5).unwrap();
    write(&music.join("text.mid"), b"<html>not found</html>");
    write(&music.join("empty.mid"), b"");
    write(&music.join("notes.txt"), b"x");
    let whole = std::fs::read(music.join("reel/reel-000.mid")).unwrap();
    write(&music.join("cut.mid"), &whole[..whole.len() / 2]);
    // A megabyte of two-byte events, and a file one kilobyte above the limit.
    let mut many = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\x0f\x42\x40".to_vec();
    many.extend([0, 0x90, 60, 1]);
    many.resize(1_000_022, 0);
    write(&music.join("many.mid"), &many);
    write(&music.join("large.mid"), &vec![0; 3 << 20]);
    let mut options = options(&music);
    options.read.limits.max_bytes = (3 << 20) - 1;
    options.read.limits.max_events = 100_000;
    let report = build(&options, &folder.path().join("corpus"), &Silent).unwrap();
    assert_eq!((report.n_files, report.n_files_used, report.n_others), (9, 5, 1));
    let reasons = [("not_midi".to_owned(), 2), ("over_limit".to_owned(), 2)];
    assert_eq!(report.files_skipped, BTreeMap::from(reasons));
    assert!(report.n_files_repaired >= 1);
    let names: Vec<&str> = report.skipped.iter().map(|s| s.file.as_str()).collect();
    assert_eq!(names, ["empty.mid", "large.mid", "many.mid", "text.mid"]);
    let details: Vec<&str> = report.skipped.iter().filter_map(|s| s.detail.as_deref()).collect();
    assert!(details[1].contains("3145728 bytes"), "{details:?}");
    assert!(details[2].contains("100001 events"), "{details:?}");
}

#[test]
fn no_files_no_windows_and_no_folder_are_told_apart_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("corpus");
    let message = |root: &Path| build(&options(root), &out, &Silent).unwrap_err().to_string();

    let missing = folder.path().join("missing");
    assert!(message(&missing).starts_with("can't search"));
    let empty = folder.path().join("empty");
    write(&empty.join("a.txt"), b"x");
    assert!(message(&empty).contains("1 not_midi (such as a.txt); supported are .mid"));
    assert!(message(&empty).contains(&empty.display().to_string()));

    let drums = folder.path().join("drums");
    let piece = synthetic::piece(2, 1, 0).with_notes(|note| note.is_drum);
    let bytes = midi::write(&piece, &WriteOptions::default()).unwrap();
    write(&drums.join("drums.mid"), &bytes);
    assert!(message(&drums).contains("no window of `mel-2bar` in 1 MIDI files: 1 drums"));
    let names: BTreeSet<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["drums", "empty"].map(Into::into).into());
}

#[test]
fn transpositions_count_as_one_window_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    write(&music.join("a.mid"), &piece(1, 0, 0));
    write(&music.join("b.mid"), &piece(1, 0, 2));
    let build = |name: &str, same_window| {
        let options = CorpusOptions { same_window, heldout: 0.0, ..options(&music) };
        build(&options, &folder.path().join(name), &Silent).unwrap()
    };
    let exact = build("exact", SameWindow::Exact);
    let transposed = build("transposed", SameWindow::Transposed);
    // The second piece is the first one, a whole tone higher: nothing in it is new.
    assert!(rows(&folder.path().join("exact")).iter().any(|row| row.file == "b.mid"));
    assert!(rows(&folder.path().join("transposed")).iter().all(|row| row.file == "a.mid"));
    assert!(transposed.n_windows() <= exact.n_windows() / 2);
}

#[test]
fn near_duplicates_are_one_group_whatever_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    write(&music.join("a.mid"), &piece(1, 0, 0));
    write(&music.join("other name.mid"), &piece(1, 0, 2));
    write(&music.join("third.mid"), &piece(1, 9, 0));
    let groups = |near_duplicates| {
        let out = folder.path().join(format!("corpus {near_duplicates}"));
        let options = CorpusOptions { near_duplicates, ..options(&music) };
        let report = build(&options, &out, &Silent).unwrap();
        let groups: BTreeMap<String, String> =
            rows(&out).into_iter().map(|row| (row.file, row.group)).collect();
        (report.n_near_duplicates, report.n_groups, groups.into_values().collect::<Vec<_>>())
    };
    assert_eq!(groups(true), (2, 2, ["a", "a", "third"].map(str::to_owned).to_vec()));
    assert_eq!(groups(false), (0, 3, ["a", "other name", "third"].map(str::to_owned).to_vec()));
}

#[test]
fn a_cap_draws_windows_by_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    synthetic::write_corpus(&music, &[0, 1, 2, 3], 2, 5).unwrap();
    let build = |name: &str, max, seed| {
        let options =
            CorpusOptions { max_windows_per_file: max, seed, heldout: 0.0, ..options(&music) };
        let report = build(&options, &folder.path().join(name), &Silent).unwrap();
        (report, rows(&folder.path().join(name)))
    };
    let (_, all) = build("all", None, 0);
    let (report, few) = build("few", Some(3), 0);
    assert_eq!(few, build("again", Some(3), 0).1);
    assert_ne!(few, build("other seed", Some(3), 1).1);
    let n_of = |rows: &[WindowRow]| {
        let mut n = BTreeMap::new();
        for row in rows {
            *n.entry(row.file.clone()).or_insert(0) += 1;
        }
        n
    };
    assert!(n_of(&few).values().all(|n| *n <= 3));
    assert!(n_of(&all).values().any(|n| *n > 3));
    assert!(report.parts_skipped[&note_seq::SkipReason::OverCap] > 0);
    let ids: BTreeSet<u64> = all.iter().map(|row| row.window_id).collect();
    assert!(few.iter().all(|row| ids.contains(&row.window_id)));
}

/// The same bytes with one thread and with several, with enough chunks for both.
#[test]
fn threads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    for i in 0..600_u64 {
        write(&music.join(format!("{}/{i}.mid", i % 7)), &piece(1, i % 50, (i % 3) as i8));
    }
    let build = |name: &str, n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let out = folder.path().join(name);
        pool.install(|| build(&options(&music), &out, &Silent)).unwrap();
        ["windows-00000.parquet", "report.json"].map(|file| std::fs::read(out.join(file)).unwrap())
    };
    assert_eq!(build("one", 1), build("three", 3));
}

/// The remains of a killed build: some parts, one half written, and files of the second step.
#[test]
fn a_build_goes_on_from_the_parts_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    for i in 0..600_u64 {
        write(&music.join(format!("{i}.mid")), &piece(1, i, 0));
    }
    let options = options(&music);
    let out = folder.path().join("corpus");
    build(&options, &out, &Silent).unwrap();
    let files = || {
        ["windows-00000.parquet", "report.json"].map(|file| std::fs::read(out.join(file)).unwrap())
    };
    let unbroken = files();
    std::fs::remove_dir_all(&out).unwrap();

    let labeler = Labeler::new(&options.labels).unwrap();
    let sources = Sources::find(&options.roots).unwrap();
    let plan = options.plan(&sources, &labeler);
    let work = Work::open(&out, &plan).unwrap();
    let busy = build(&options, &out, &Silent).unwrap_err();
    assert!(matches!(busy, CorpusError::Busy { .. }), "{busy}");
    let reader = FileReader { options: &options, labeler: &labeler };
    read_files(&reader, &sources, &work, &Silent).unwrap();
    let work_folder = folder.path().join(".unfinished-corpus");
    let part = |name: &str| work_folder.join("parts").join(name);
    // The second of three parts is lost, and the third has no facts yet.
    std::fs::remove_file(part("000001.facts")).unwrap();
    std::fs::write(part("000001.windows"), b"half").unwrap();
    std::fs::remove_file(part("000002.facts")).unwrap();
    std::fs::write(part("000002.new"), b"half").unwrap();
    std::fs::write(work_folder.join("corpus/windows-00000.parquet"), b"half").unwrap();
    let kept = std::fs::metadata(part("000000.facts")).unwrap().modified().unwrap();
    drop(work);
    let work = Work::open(&out, &plan).unwrap();
    read_files(&reader, &sources, &work, &Silent).unwrap();
    // The existing part was not written again.
    assert_eq!(std::fs::metadata(part("000000.facts")).unwrap().modified().unwrap(), kept);
    drop(work);
    build(&options, &out, &Silent).unwrap();
    assert_eq!(files(), unbroken);
    assert!(!work_folder.exists());

    // Parts of other options or files are not used.
    std::fs::remove_dir_all(&out).unwrap();
    drop(Work::open(&out, &plan).unwrap());
    std::fs::write(part("000000.facts"), b"of another build").unwrap();
    write(&music.join("601.mid"), &piece(1, 601, 0));
    let report = build(&options, &out, &Silent).unwrap();
    assert_eq!(report.n_files, 601);
}
