//! Tunes from typical user files.

use corpus::synthetic;
use note_seq::{Note, NoteSequence, Pitch, Program, Tempo, TimeSignature, Velocity};

use super::*;

fn note(pitch: u8, start_time: f64, end_time: f64) -> Note {
    let pitch = Pitch::new(pitch).unwrap();
    Note { pitch, velocity: Velocity::saturating(80), start_time, end_time, ..Note::default() }
}

/// A line of quarter notes at 120 per minute.
fn quarters(n: u32) -> NoteSequence {
    let mut sequence = NoteSequence::default();
    for i in 0..n {
        let start = f64::from(i) * 0.5;
        sequence.push(note(60 + (i % 5) as u8, start, start + 0.5));
    }
    sequence
}

fn tune(sequence: &NoteSequence) -> Result<Tune, NoTune> {
    Tune::of_sequence(sequence, &Kind::mel_2bar(), "x")
}

#[test]
fn the_tune_of_a_piece_is_its_melody_without_overlap() {
    let piece = synthetic::piece(1, 3, 0);
    let tune = tune(&piece).unwrap();
    assert_eq!((tune.instruments, tune.windows.len()), (vec![0], 8));
    assert_eq!(tune.instrument_names, ["melody"]);
    let bars: Vec<u32> = tune.windows.iter().map(|w| w.start_bar).collect();
    assert_eq!(bars, [0, 2, 4, 6, 8, 10, 12, 14]);
    let choice = tune.choice.unwrap();
    assert!(choice.in_words().starts_with("instrument 0 (melody), the most melodic track"));
    assert_eq!(choice.candidates[1].instrument, 1);
}

#[test]
fn another_track_can_be_asked_for_and_must_be_there() {
    let piece = synthetic::piece(1, 3, 0);
    let of = |track| {
        let options = TuneOptions { track: Some(track) };
        Tune::of_sequence_with(&piece, &Kind::mel_2bar(), "x", options)
    };
    assert_eq!(of(1).unwrap().instruments, [1]);
    let error = of(42).unwrap_err().to_string();
    assert!(
        error.starts_with("it has no instrument 42; there are instrument 0 (melody)"),
        "{error}"
    );
}

#[test]
fn what_has_no_tune_says_why_for_each_track() {
    let drums = synthetic::piece(2, 3, 0).with_notes(|note| note.is_drum);
    let NoTune::Refused(refused) = tune(&drums).unwrap_err() else { panic!("another error") };
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].reason, SkipReason::Drums);
    let mut silent = drums.clone();
    silent.push(Note { velocity: Velocity::MIN, instrument: 30, ..note(60, 0.0, 1.0) });
    let text = tune(&silent).unwrap_err().to_string();
    assert!(
        text.contains("it plays drums; instrument 30 (program 0): its notes are silent"),
        "{text}"
    );
    let nothing = tune(&NoteSequence::default()).unwrap_err().to_string();
    assert_eq!(nothing, "the file: it has no notes");
}

/// Clips that Magenta's own converter refuses: shifted, short, with any program, too high.
#[test]
fn clips_need_not_be_whole_windows_at_the_beginning() {
    let mut late = quarters(8);
    late.shift(5.0);
    let found = tune(&late).unwrap();
    // Five seconds are two and a half bars: the tune begins on beat 3 of bar 3.
    assert_eq!((found.windows.len(), found.windows[0].start_bar), (2, 2));
    assert_eq!(&found.windows[0].tokens[..10], [0, 0, 0, 0, 0, 0, 0, 0, 41, 0]);

    let short = tune(&quarters(3)).unwrap();
    assert_eq!(short.windows.len(), 1);
    assert_eq!(&short.windows[0].tokens[..16], [41, 0, 0, 0, 42, 0, 0, 0, 43, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(short.windows[0].tokens[16..], [0; 16]);

    let mut flute = quarters(8);
    for note in &mut flute.notes {
        note.program = Program::saturating(73);
        note.pitch = note.pitch.transposed(60).unwrap();
    }
    let found = tune(&flute).unwrap();
    assert_eq!((found.transposed, found.windows[0].tokens[0]), (-24, 41 + 36));
    assert!(found.warnings[0].contains("-24 semitones"), "{:?}", found.warnings);
}

#[test]
fn tempo_changes_do_not_cut_a_tune() {
    let mut sequence = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
    let mut time = 0.0;
    // Every quarter has a different tempo.
    for i in 0..16_u8 {
        let qpm = 100.0 + f64::from(i);
        sequence.tempos.push(Tempo { time, qpm });
        sequence.push(note(60 + i % 7, time, time + 60.0 / qpm));
        time += 60.0 / qpm;
    }
    let found = tune(&sequence).unwrap();
    assert_eq!(found.windows.len(), 2);
    let starts = |w: &Window| w.tokens.iter().step_by(4).all(|token| *token > 1);
    assert!(found.windows.iter().all(starts), "{:?}", found.windows);
}

#[test]
fn another_metre_is_cut_in_quarters_with_a_warning() {
    let mut waltz = quarters(24);
    waltz.time_signatures.push(TimeSignature { time: 0.0, numerator: 3, denominator: 4 });
    let found = tune(&waltz).unwrap();
    assert_eq!(found.windows.len(), 3);
    assert!(found.warnings[0].starts_with("its meter is 3/4; it was cut every four"));
    assert_eq!((found.usage.n_used, found.usage.n_notes), (24, 24));
    // Bars of the file: a window of eight quarters begins on quarter 8, which is in the third bar.
    assert_eq!(found.windows.iter().map(|w| w.start_bar).collect::<Vec<_>>(), [0, 2, 5]);
    // An upbeat written in 4/4 makes no difference.
    let mut waltz = quarters(25);
    let metre = |time, numerator| TimeSignature { time, numerator, denominator: 4 };
    waltz.time_signatures = vec![metre(0.0, 4), metre(0.5, 3)];
    assert_eq!(tune(&waltz).unwrap().usage.n_used, 25);
    // If most of the file is in 4/4, that is taken, and the rest is reported.
    let mut mixed = quarters(32);
    mixed.time_signatures.push(TimeSignature { time: 0.0, numerator: 3, denominator: 4 });
    mixed.time_signatures.push(TimeSignature { time: 6.0, numerator: 4, denominator: 4 });
    let found = tune(&mixed).unwrap();
    assert_eq!((found.windows.len(), found.usage.n_used), (3, 20));
    let left = "12 notes in bars 1 to 4 left out: windows have bars of four quarters, and these \
                are in 3/4";
    assert_eq!(found.warnings, [left]);
}

/// Upbeats written as separate bars, bars of other meters, and tempo changes: every note is used or
/// reported.
#[test]
fn every_note_is_used_or_named() {
    let metre = |quarter: f64, numerator, denominator| TimeSignature {
        time: 0.5 * quarter,
        numerator,
        denominator,
    };
    // An upbeat of one quarter, four bars, a bar of 2/4, four bars, two bars of 5/4.
    let mut song = quarters(1 + 16 + 2 + 16 + 10);
    let metres = [
        metre(0.0, 1, 4),
        metre(1.0, 4, 4),
        metre(17.0, 2, 4),
        metre(19.0, 4, 4),
        metre(35.0, 5, 4),
    ];
    song.time_signatures.extend(metres);
    let found = tune(&song).unwrap();
    assert_eq!((found.usage.n_used, found.usage.n_notes), (35, 45));
    let left = LeftOut { reason: LeftOutReason::Metre(5, 4), n_notes: 10, bars: vec![[10, 11]] };
    assert_eq!(found.usage.left_out, [left]);
    assert_eq!(found.usage.in_words(), "35 of 45 notes are used");
    assert_eq!(
        found.warnings[..2],
        [
            "bar 1 is an upbeat of 1 quarter note: a rest was added before it",
            "bar 6 is in 2/4: a rest was added to make four quarters"
        ]
    );
    assert!(found.warnings[2].starts_with("10 notes in bars 11 to 12 left out"));
    // The upbeat is on the fourth quarter, before the first bar line.
    let onsets: Vec<usize> = (0..32).filter(|i| found.windows[0].tokens[*i] > 1).collect();
    assert_eq!(onsets, [12, 16, 20, 24, 28]);
    let bars: Vec<u32> = found.windows.iter().map(|w| w.start_bar).collect();
    assert_eq!(bars, [0, 2, 4, 6, 8]);

    // A tempo change on every quarter makes no difference.
    let map = song.clone();
    let mut rubato = song.clone();
    rubato.ticks_per_quarter = 480;
    let mut times = vec![0.0];
    for quarter in 0..46_u8 {
        let qpm = 90.0 + f64::from(quarter % 7) * 10.0;
        let time = times[usize::from(quarter)];
        rubato.tempos.push(Tempo { time, qpm });
        times.push(time + 60.0 / qpm);
    }
    let at = |seconds: f64| {
        let quarter = (0..46_u8).find(|quarter| (f64::from(*quarter) - seconds * 2.0).abs() < 0.5);
        times[usize::from(quarter.unwrap())]
    };
    for (note, plain) in rubato.notes.iter_mut().zip(&map.notes) {
        (note.start_time, note.end_time) = (at(plain.start_time), at(plain.end_time));
    }
    for (signature, plain) in rubato.time_signatures.iter_mut().zip(&map.time_signatures) {
        signature.time = at(plain.time);
    }
    rubato.total_time = at(map.total_time);
    let moved = tune(&rubato).unwrap();
    assert_eq!((moved.windows, moved.usage), (found.windows, found.usage));
}

#[test]
fn notes_lost_to_the_grid_and_rests_are_named() {
    let mut song = quarters(8);
    // A grace note on the same sixteenth, and another window after a rest of four bars.
    song.push(note(74, 1.0, 1.03));
    song.push(note(60, 16.0, 17.0));
    let found = tune(&song).unwrap();
    assert_eq!((found.usage.n_used, found.usage.n_notes), (9, 10));
    let reasons: Vec<_> = found.usage.left_out.iter().map(|l| (&l.reason, l.n_notes)).collect();
    assert_eq!(reasons, [(&LeftOutReason::SameStep, 1), (&LeftOutReason::Rest, 0)]);
    assert_eq!(found.usage.left_out[1].bars, [[2, 7]]);
    let drums = synthetic::piece(2, 3, 0).with_notes(|note| note.is_drum);
    let found = Tune::of_sequence(&drums, &Kind::find("drums-2bar").unwrap(), "x").unwrap();
    assert_eq!((found.usage.n_used, found.usage.n_notes), (drums.notes.len(), drums.notes.len()));
}

/// Real tunes that lost their upbeats.
#[test]
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn upbeats_of_files_are_used() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases"));
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    for name in ["pickup.mid", "pickup38.mid"] {
        let found = Tune::read(&folder.join(name), &Kind::mel_2bar()).unwrap();
        assert_eq!(found.usage.n_used, found.usage.n_notes, "{name}");
        assert!(found.warnings[0].contains("upbeat"), "{name}: {:?}", found.warnings);
    }
}

#[test]
fn of_chords_the_upper_line_is_taken() {
    let mut piano = quarters(8);
    for bar in 0..2_u32 {
        let start = f64::from(bar) * 2.0;
        piano.push(note(48, start, start + 2.0));
        // Begins later than the melody note above it, which it would cut off.
        piano.push(note(52, start + 0.25, start + 2.0));
    }
    let found = tune(&piano).unwrap();
    assert_eq!(found.windows[0].tokens, tune(&quarters(8)).unwrap().windows[0].tokens);
    assert!(found.warnings[0].contains("8 of 12 notes"), "{:?}", found.warnings);
}

#[test]
fn kinds_of_several_tracks_take_what_they_find() {
    let piece = synthetic::piece(2, 3, 0);
    let trio = Kind::find("trio-16bar").unwrap();
    assert_eq!(Tune::of_sequence(&piece, &trio, "x").unwrap().instruments.len(), 3);
    let asked = TuneOptions { track: Some(0) };
    let refused = Tune::of_sequence_with(&piece, &trio, "x", asked).unwrap_err();
    assert_eq!(refused, NoTune::AllTracks);
}

/// Real pop songs whose melody track is known, with its name hidden: of MELODY, BRIDGE and PIANO.
/// BRIDGE is a second melody, so only the accompaniment must not be chosen.
#[test]
#[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
fn the_accompaniment_of_real_songs_is_not_taken_for_the_tune() {
    let folder =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/pop909-aligned"));
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("skipped: {} is not available", folder.display());
        return;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "mid"));
    paths.sort();
    let (mut n, mut n_melody, mut n_piano) = (0, 0, 0);
    for path in paths.iter().step_by(20) {
        let bytes = std::fs::read(path).unwrap();
        let mut sequence = midi::read(&bytes, &ReadOptions::default()).unwrap().sequence;
        let names = std::mem::take(&mut sequence.instrument_infos);
        let Ok(found) = tune(&sequence) else { continue };
        let name = names.iter().find(|info| info.instrument == found.instruments[0]);
        n += 1;
        n_melody += usize::from(name.is_some_and(|info| info.name == "MELODY"));
        n_piano += usize::from(name.is_some_and(|info| info.name == "PIANO"));
    }
    println!("of {n} songs: MELODY in {n_melody}, PIANO in {n_piano}");
    assert!(n > 20 && n_piano * 20 <= n && n_melody * 10 >= 7 * n, "{n_melody} {n_piano} of {n}");
}

#[test]
fn a_file_that_was_cut_off_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.mid");
    let whole = midi::write(&quarters(16), &midi::WriteOptions::default()).unwrap();
    // Truncated in the first track, before any note.
    std::fs::write(&path, &whole[..whole.len().min(40)]).unwrap();
    let error = Tune::read(&path, &Kind::mel_2bar()).unwrap_err();
    assert!(matches!(&error, TuneError::Damaged { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("cut.mid is damaged or was cut off (") && text.contains("intact copy"));
    // An intact file without a tune is not called damaged.
    let drums = synthetic::piece(2, 3, 0).with_notes(|note| note.is_drum);
    std::fs::write(&path, midi::write(&drums, &midi::WriteOptions::default()).unwrap()).unwrap();
    let error = Tune::read(&path, &Kind::mel_2bar()).unwrap_err();
    assert!(matches!(error, TuneError::NoWindow { .. }), "{error}");
}
