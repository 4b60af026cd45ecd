//! Lenient reading of invalid files, built here byte by byte.

use note_seq::midi::{self, MidiError, ReadLimits, ReadOptions, RepairKind};
use note_seq::{MelodyConverter, SkipReason};

use crate::smf::{
    BAR, END, QUARTER, SIXTEENTH, Timed, chunk, control, events, file, header, meta, notes, off,
    on, program, signature, tempo, track,
};

fn one_note() -> Vec<Timed> {
    notes(0, &[(60, 0, QUARTER)])
}

/// Reads leniently; returns pitches with times, and the kinds of repair.
fn lenient(bytes: &[u8]) -> (Vec<(u8, f64, f64)>, Vec<RepairKind>) {
    let read = midi::read(bytes, &ReadOptions::lenient()).unwrap();
    let spans =
        read.sequence.notes.iter().map(|n| (n.pitch.get(), n.start_time, n.end_time)).collect();
    (spans, read.report.repair_counts.keys().copied().collect())
}

const ONE: [(u8, f64, f64); 1] = [(60, 0.0, 0.5)];

#[test]
fn containers_and_chunk_lengths_are_repaired() {
    let good = track(one_note());
    let plain = file(std::slice::from_ref(&good));
    let junk = [vec![0; 128], plain.clone()].concat();
    assert_eq!(lenient(&junk), (ONE.to_vec(), vec![RepairKind::BytesBeforeHeader]));
    assert_eq!(lenient(&chunk(*b"MTrk", &good, None)).1, [RepairKind::NoHeader]);
    for length in [good.len() + 10, good.len() - 4, 0, 0x7fff_ffff] {
        let bytes = [header(1, 1, 96), chunk(*b"MTrk", &good, Some(length))].concat();
        let (spans, repairs) = lenient(&bytes);
        assert_eq!(
            (spans, repairs),
            (ONE.to_vec(), vec![RepairKind::ChunkLength]),
            "length {length}"
        );
    }
    let alien =
        [header(1, 1, 96), chunk(*b"XFIH", b"hello", None), chunk(*b"MTrk", &good, None)].concat();
    assert_eq!(lenient(&alien), (ONE.to_vec(), vec![RepairKind::UnknownChunk]));
    for n_tracks in [0, 3] {
        let bytes = [header(1, n_tracks, 96), chunk(*b"MTrk", &good, None)].concat();
        assert_eq!(lenient(&bytes), (ONE.to_vec(), vec![RepairKind::TrackCount]));
    }
}

#[test]
fn damaged_events_are_stepped_over() {
    let tail = notes(0, &[(62, QUARTER, 2 * QUARTER)]);
    let with = |damage: Timed| {
        let mut all = one_note();
        all.push(damage);
        all.extend(tail.clone());
        lenient(&file(&[track(all)]))
    };
    let both = vec![(60, 0.0, 0.5), (62, 0.5, 1.0)];
    assert_eq!(
        with(control(QUARTER, 0, 7, 168)),
        (both.clone(), vec![RepairKind::DataByteTooLarge])
    );
    assert_eq!(with((QUARTER, vec![0xf4])), (both.clone(), vec![RepairKind::UnknownStatus]));
    for bad in [
        meta(QUARTER, 0x59, &[8, 0]),
        meta(QUARTER, 0x51, &[0, 0, 0]),
        meta(QUARTER, 0x58, &[0, 2, 24, 8]),
    ] {
        assert_eq!(with(bad), (both.clone(), vec![RepairKind::BadMetaEvent]));
    }
}

#[test]
fn running_status_goes_on_after_meta_events() {
    let mut data = events(vec![on(0, 0, 60, 100), meta(0, 1, b"x")]);
    data.extend([96, 60, 0]);
    data.extend(END);
    assert_eq!(lenient(&file(&[data])), (ONE.to_vec(), vec![RepairKind::RunningStatusKept]));
}

#[test]
fn tempo_and_metre_count_on_any_track() {
    let bytes = file(&[
        track(vec![]),
        track([vec![tempo(0, 1_000_000), signature(0, 3, 2)], one_note()].concat()),
        track([vec![signature(0, 3, 2)], notes(1, &[(40, 0, QUARTER)])].concat()),
    ]);
    let sequence = midi::read(&bytes, &ReadOptions::lenient()).unwrap().sequence;
    assert!((sequence.total_time - 1.0).abs() < 1e-12);
    assert_eq!(sequence.time_signatures.len(), 1);
    let parity = midi::read(&bytes, &ReadOptions::parity()).unwrap().sequence;
    assert!((parity.total_time - 0.5).abs() < 1e-12 && parity.time_signatures.is_empty());
}

#[test]
fn smpte_time_needs_no_tempo() {
    // 25 frames of 40 ticks: 1000 ticks per second.
    let bytes = [header(1, 1, 0xe728), chunk(*b"MTrk", &track(notes(0, &[(60, 500, 1500)])), None)]
        .concat();
    assert_eq!(lenient(&bytes), (vec![(60, 0.5, 1.5)], vec![]));
    assert!(midi::read(&bytes, &ReadOptions::parity()).is_err());
}

#[test]
fn hanging_notes_end_with_their_track_and_drums_of_no_length_stay() {
    let bytes = file(&[track(vec![
        on(0, 0, 60, 90),
        on(0, 9, 36, 70),
        off(0, 9, 36),
        control(BAR, 0, 7, 1),
    ])]);
    let read = midi::read(&bytes, &ReadOptions::lenient()).unwrap();
    let spans: Vec<_> =
        read.sequence.notes.iter().map(|n| (n.pitch.get(), n.end_time, n.velocity.get())).collect();
    assert_eq!(spans, [(36, 0.5 / 96.0, 70), (60, 2.0, 90)]);
    assert_eq!((read.report.notes.unended, read.report.notes.empty_drums_kept), (1, 1));
    assert_eq!(
        midi::read(&bytes, &ReadOptions::parity()).unwrap().sequence.notes,
        [] as [note_seq::Note; 0]
    );
}

#[test]
fn limits_hold_in_every_mode() {
    let bytes = file(&[track(notes(0, &[(60, 0, 1), (61, 5, 100_000)])), track(one_note())]);
    let cases = [
        ("bytes", ReadLimits { max_bytes: 10, ..ReadLimits::default() }),
        ("events", ReadLimits { max_events: 2, ..ReadLimits::default() }),
        ("notes", ReadLimits { max_notes: 1, ..ReadLimits::default() }),
        ("tracks", ReadLimits { max_tracks: 1, ..ReadLimits::default() }),
    ];
    for (what, limits) in cases {
        for options in [ReadOptions::lenient(), ReadOptions::parity(), ReadOptions::strict()] {
            let error = midi::read(&bytes, &ReadOptions { limits, ..options }).unwrap_err();
            assert!(
                matches!(error, MidiError::LimitExceeded { what: w, .. } if w == what),
                "{what}: {error}"
            );
        }
    }
}

#[test]
fn beyond_the_last_tick_the_track_is_dropped_or_the_file_refused() {
    let bytes = file(&[track(notes(0, &[(60, 0, 96), (61, 5000, 100_000)]))]);
    let limits = ReadLimits { max_ticks: 1000, ..ReadLimits::default() };
    let read = |options: ReadOptions| midi::read(&bytes, &ReadOptions { limits, ..options });
    let lenient = read(ReadOptions::lenient()).unwrap();
    assert_eq!(lenient.sequence.notes.len(), 1);
    assert_eq!(lenient.report.repair_counts[&RepairKind::AbsurdTime], 1);
    assert!(matches!(
        read(ReadOptions::parity()),
        Err(MidiError::LimitExceeded { what: "ticks", found: 5000, .. })
    ));
    assert!(
        matches!(read(ReadOptions::strict()), Err(MidiError::NeedsRepair(r)) if r.kind == RepairKind::AbsurdTime)
    );
}

#[test]
fn programs_set_on_another_track_reach_the_channel() {
    let bytes = file(&[
        track(vec![program(0, 0, 40), program(0, 1, 41)]),
        track(notes(0, &[(60, 0, QUARTER)])),
        track([vec![program(0, 1, 7)], notes(1, &[(62, 0, QUARTER)])].concat()),
    ]);
    let programs = |options| -> Vec<u8> {
        let sequence = midi::read(&bytes, &options).unwrap().sequence;
        sequence.notes.iter().map(|n| n.program.get()).collect()
    };
    assert_eq!(programs(ReadOptions::lenient()), [40, 7]);
    assert_eq!(programs(ReadOptions::parity()), [0, 7]);
}

#[test]
fn what_is_no_midi_file_says_so() {
    let error = midi::read(b"<html>", &ReadOptions::lenient()).unwrap_err();
    assert_eq!(error.to_string(), "this is not a MIDI file: it has 6 bytes and no `MThd` header");
    let error = midi::read(&header(1, 1, 96), &ReadOptions::lenient()).unwrap_err();
    assert_eq!(error, MidiError::NotMidi { n_bytes: 14, has_header: true });
}

#[test]
fn every_empty_conversion_says_why() {
    let convert = |tracks: &[Vec<u8>]| {
        let sequence = midi::read(&file(tracks), &ReadOptions::lenient()).unwrap().sequence;
        let conversion = MelodyConverter::mel_2bar().windows(&sequence);
        assert_eq!(conversion.windows, [] as [note_seq::MelodyWindow; 0]);
        conversion.why_empty()
    };
    let line: Vec<(u8, u32, u32)> = (0..16).map(|k| (60, k * QUARTER, k * QUARTER + 60)).collect();
    assert_eq!(convert(&[track(vec![])]), Some(SkipReason::NoNotes));
    assert_eq!(
        convert(&[track([vec![signature(0, 3, 2)], notes(0, &line)].concat())]),
        Some(SkipReason::WrongBarLength)
    );
    assert_eq!(convert(&[track(notes(9, &line))]), Some(SkipReason::Drums));
    assert_eq!(
        convert(&[track([vec![program(0, 0, 32)], notes(0, &line)].concat())]),
        Some(SkipReason::ProgramNotAllowed)
    );
    assert_eq!(
        convert(&[track(notes(0, &[(20, 0, BAR), (109, BAR, 2 * BAR)]))]),
        Some(SkipReason::PitchOutOfRange)
    );
    assert_eq!(convert(&[track(notes(0, &[(60, 0, SIXTEENTH)]))]), Some(SkipReason::TooShort));
}

#[test]
fn bars_are_counted_through_changes_of_metre() {
    // Two bars of 4/4, one of 3/4, then four bars of 4/4.
    let line: Vec<(u8, u32, u32)> =
        (60..).zip(0..27).map(|(pitch, k)| (pitch, k * QUARTER, (k + 1) * QUARTER)).collect();
    let head =
        vec![signature(0, 4, 2), signature(2 * BAR, 3, 2), signature(2 * BAR + 3 * QUARTER, 4, 2)];
    let sequence =
        midi::read(&file(&[track([head, notes(0, &line)].concat())]), &ReadOptions::lenient())
            .unwrap()
            .sequence;
    let conversion = MelodyConverter::mel_2bar().windows(&sequence);
    assert_eq!(conversion.windows.iter().map(|w| w.start_bar).collect::<Vec<_>>(), [0, 3, 4, 5]);
    assert_eq!(
        conversion.skipped.into_iter().collect::<Vec<_>>(),
        [(SkipReason::WrongBarLength, 1)]
    );
}
