//! Grouping of files into pieces by name, as far as music and folders confirm it.

use super::*;

/// The number of groups, and the group of each file with windows.
fn groups(music: &Path, options: &CorpusOptions) -> (CorpusReport, BTreeMap<String, String>) {
    let out = music.with_extension("corpus");
    let report = build(options, &out, &Silent).unwrap();
    let groups = rows(&out).into_iter().map(|row| (row.file, row.group)).collect();
    std::fs::remove_dir_all(&out).unwrap();
    (report, groups)
}

fn n_different(groups: &BTreeMap<String, String>) -> usize {
    groups.values().collect::<BTreeSet<_>>().len()
}

/// A name in many folders proves nothing, nor do the numbers of a catalog or album.
#[test]
fn strangers_of_one_name_are_not_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let scores = folder.path().join("scores");
    for i in 0..30 {
        write(&scores.join(format!("piece {i}/midi_score.mid")), &piece(1, i, 0));
    }
    let (report, found) = groups(&scores, &options(&scores));
    assert_eq!((report.n_groups, found.len(), n_different(&found)), (30, 30, 30));
    assert_eq!(found["piece 7/midi_score.mid"], "piece 7/midi_score");
    assert!(report.n_train > 0 && report.n_heldout > 0);
    assert!(report.warnings().is_empty(), "{:?}", report.warnings());

    let sonatas = folder.path().join("sonatas");
    for (i, name) in ["K.331", "K.545", "K.310", "sonata (1)", "sonata (2)"].iter().enumerate() {
        write(&sonatas.join(format!("{name}.mid")), &piece(1, 100 + i as u64, 0));
    }
    for i in 0..12 {
        for (j, album) in ["first album", "second album"].iter().enumerate() {
            let path = sonatas.join(format!("{album}/track {:02}.mid", i + 1));
            write(&path, &piece(1, 200 + 2 * i + j as u64, 0));
        }
    }
    let (report, found) = groups(&sonatas, &options(&sonatas));
    assert_eq!((report.n_groups, n_different(&found)), (29, 29), "{found:?}");
    assert_eq!(found["K.331.mid"], "./K.331");
}

/// The files in a folder for one song are one piece, whatever they contain.
#[test]
fn versions_of_a_song_in_its_folder_are_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    let versions = ["Song.mid", "song.1.mid", "song.12.mid", "song_v2.mid", "song (3).mid"];
    for (i, name) in versions.iter().chain(&["song.kar", "SONG - Copy.midi"]).enumerate() {
        write(&music.join("artist").join(name), &piece(1, i as u64, 0));
    }
    write(&music.join("artist/other.mid"), &piece(1, 50, 0));
    // A song of the same name by another artist.
    write(&music.join("another/song.mid"), &piece(1, 51, 0));
    let (report, found) = groups(&music, &options(&music));
    assert_eq!(report.n_groups, 3, "{found:?}");
    assert_eq!(found["artist/song_v2.mid"], found["artist/song.12.mid"]);
    assert_eq!(found["artist/other.mid"], "other");
    assert_ne!(found["another/song.mid"], found["artist/Song.mid"]);
}

/// Folders for the melody and for the rest of each tune, some of them too short to compare: if most
/// pairs of two folders match, all of them do.
#[test]
fn parallel_folders_of_the_same_tunes_are_found_by_their_music() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    let save = |path: &str, sequence: &note_seq::NoteSequence| {
        write(&music.join(path), &midi::write(sequence, &WriteOptions::default()).unwrap());
    };
    for i in 0..6 {
        let whole = synthetic::piece(1, i, 0).with_notes(|note| !note.is_drum);
        let first = whole.notes.iter().map(|n| n.instrument).min().unwrap();
        save(&format!("tune{i}.mid"), &whole);
        save(&format!("melody/tune{i}.mid"), &whole.with_notes(|n| n.instrument == first));
        // Hardly any notes are left of the last tune.
        let until = if i == 5 { 2.0 } else { f64::INFINITY };
        let rest = whole.with_notes(|n| n.instrument != first && n.start_time < until);
        save(&format!("rest/tune{i}.mid"), &rest);
    }
    for near_duplicates in [false, true] {
        let options = CorpusOptions { near_duplicates, ..options(&music) };
        let (report, found) = groups(&music, &options);
        assert_eq!((report.n_files, report.n_groups), (18, 6), "{found:?}");
        assert_eq!(found["melody/tune3.mid"], "tune3");
    }
}

/// The same session by several drummers, whose playing shares no long run of hits: here the names
/// decide, because no other files have similar names.
#[test]
fn telling_names_in_folders_of_one_name_are_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    let mut index = 0;
    for drummer in 1..=4 {
        for (i, style) in ["funk", "soul", "rock", "jazz", "latin"].iter().enumerate() {
            let name = format!("drummer{drummer}/eval/{i}_{style}-groove{i}_{}.mid", 80 + 7 * i);
            write(&music.join(name), &piece(1, index, 0));
            index += 1;
        }
        for i in 0..30 {
            let name = format!("drummer{drummer}/session/{i}_rock_{}.mid", 100 + drummer);
            write(&music.join(name), &piece(1, index, 0));
            index += 1;
        }
    }
    let (report, found) = groups(&music, &options(&music));
    assert_eq!(report.n_groups, 5 + 4 * 30, "{found:?}");
    assert_eq!(found["drummer1/eval/1_soul-groove1_87.mid"], "1_soul-groove1_87");
}

#[test]
fn files_that_can_not_be_read_are_no_pieces_and_large_groups_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let music = folder.path().join("music");
    for i in 0..12 {
        write(&music.join(format!("{i}/a{i}.mid")), &piece(1, 0, i));
        write(&music.join(format!("{i}/broken{i}.mid")), b"<html>");
    }
    write(&music.join("other.mid"), &piece(1, 9, 0));
    let (report, found) = groups(&music, &options(&music));
    assert_eq!((report.n_files, report.n_groups, n_different(&found)), (25, 2, 2));
    let largest = report.largest_group.clone().unwrap();
    assert_eq!((largest.group.as_str(), largest.n_files), ("a0", 12));
    let warnings = report.warnings();
    assert!(warnings[0].contains("12 of 25 files count as one piece, `a0`"), "{warnings:?}");

    // All files on one side is reported, too.
    let one = CorpusOptions { heldout: 0.0, group: GroupRule::File, ..options(&music) };
    assert_eq!(groups(&music, &one).0.warnings().len(), 1);
    let none_heldout = CorpusReport { heldout: 0.1, n_heldout: 0, n_train: 5, ..report.clone() };
    assert!(none_heldout.warnings()[1].contains("none of 2 pieces is held out"));
    let none_left = CorpusReport { n_heldout: 5, n_train: 0, ..report };
    assert!(none_left.warnings()[1].contains("none is left to learn from"));
}

/// Two roots with the same name are two folders.
#[test]
fn roots_of_one_name_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let roots = ["a/midi", "b/midi"].map(|name| folder.path().join(name));
    for (i, root) in (0..).zip(&roots) {
        write(&root.join("01.mid"), &piece(1, i, 0));
    }
    let options = CorpusOptions::new(roots.to_vec(), Kind::mel_2bar());
    let (report, found) = groups(&folder.path().join("both"), &options);
    assert_eq!(report.n_groups, 2);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["midi (2)/01.mid", "midi/01.mid"]);
}
