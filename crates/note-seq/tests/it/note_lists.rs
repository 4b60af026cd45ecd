//! Lists of notes: bars, upbeats, changes of meter, keys, bad input.

use std::collections::BTreeSet;

use note_seq::midi::{self, ReadOptions, WriteOptions};
use note_seq::{
    Assumption, ControlChange, Dedupe, Family, Field, FieldSpec, KeySignature, Meter, Mode, Note,
    NoteList, NoteListConversion, NoteListConverter, NoteListEncoding, NoteListError,
    NoteListPlayback, NoteSequence, Pitch, Program, SUSTAIN_PEDAL, SkipReason, TimeSignature,
    Velocity,
};

/// A sequence at 120 quarter notes per minute (a quarter is half a second) of
/// `(pitch, start in quarters, length in quarters)`, with signatures at the given quarters.
fn sequence(notes: &[(u8, f64, f64)], signatures: &[(f64, u32, u32)]) -> NoteSequence {
    let mut sequence = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
    for (pitch, start, length) in notes {
        sequence.push(Note {
            pitch: Pitch::new(*pitch).unwrap(),
            velocity: Velocity::saturating(64),
            start_time: start / 2.0,
            end_time: (start + length) / 2.0,
            ..Note::default()
        });
    }
    sequence.time_signatures = signatures
        .iter()
        .map(|(quarters, numerator, denominator)| TimeSignature {
            time: quarters / 2.0,
            numerator: *numerator,
            denominator: *denominator,
        })
        .collect();
    sequence
}

/// A quarter note on every quarter.
fn quarters(n: u8) -> Vec<(u8, f64, f64)> {
    (0..n).map(|i| (48 + i % 60, f64::from(i), 1.0)).collect()
}

fn poly() -> NoteListConverter {
    NoteListConverter { key: None, dedupe: Dedupe::Off, ..NoteListConverter::poly_2bar() }
}

/// Start and length in ticks, written bar, and number of notes of each window.
fn windows(conversion: &NoteListConversion) -> Vec<(i64, u16, u32, usize)> {
    let windows = conversion.windows.iter();
    let ticks = |list: &NoteList| list.encoding().n_ticks(list.meter());
    windows.map(|w| (w.start_tick, ticks(&w.notes), w.start_bar, w.notes.len())).collect()
}

#[test]
fn bars_follow_changes_of_meter() {
    // Three bars of 3/4, then 4/4.
    let conversion = poly().windows(&sequence(&quarters(17), &[(0.0, 3, 4), (9.0, 4, 4)]));
    let expected = [(0, 72, 0, 6), (36, 72, 1, 6), (108, 96, 3, 8)];
    assert_eq!(windows(&conversion), expected);
    assert_eq!((conversion.n_in_windows, conversion.skipped_notes.len()), (17, 0));
    assert!(conversion.assumptions.is_empty());
}

#[test]
fn an_upbeat_is_the_end_of_a_bar() {
    let conversion = poly().windows(&sequence(&quarters(9), &[(0.0, 1, 4), (1.0, 4, 4)]));
    assert_eq!(windows(&conversion), [(-36, 96, 0, 5), (12, 96, 1, 8)]);
    let onsets: Vec<u16> = conversion.windows[0].notes.rows().map(|row| row[0]).collect();
    assert_eq!(onsets, [36, 48, 60, 72, 84]);
}

#[test]
fn a_lone_bar_is_divided_and_a_repeated_signature_changes_nothing() {
    // 4/4 twice, repeated on the bar line, one bar of 3/4, two of 4/4.
    let signatures = [(0.0, 4, 4), (4.0, 4, 4), (8.0, 3, 4), (11.0, 4, 4)];
    let conversion = poly().windows(&sequence(&quarters(19), &signatures));
    assert_eq!(windows(&conversion), [(0, 96, 0, 8), (96, 36, 2, 3), (132, 96, 3, 8)]);
    assert_eq!(conversion.windows[1].notes.meter(), Meter::from_signature(3, 8).unwrap());
    assert_eq!(conversion.n_in_windows, 19);
    // A change two quarters after a bar line: these two quarters are a separate section.
    let conversion = poly().windows(&sequence(&quarters(18), &[(0.0, 4, 4), (10.0, 4, 4)]));
    assert_eq!(windows(&conversion), [(0, 96, 0, 8), (96, 24, 2, 2), (120, 96, 3, 8)]);
}

#[test]
fn long_bars_are_cut_and_short_ones_joined() {
    let conversion = poly().windows(&sequence(&quarters(14), &[(0.0, 7, 4)]));
    let expected = [(0, 84, 0, 7), (42, 84, 0, 7), (84, 84, 1, 7)];
    assert_eq!(windows(&conversion), expected);
    let conversion = poly().windows(&sequence(&quarters(100), &[(0.0, 100, 4)]));
    assert_eq!(conversion.windows.len(), 19);
    assert!(conversion.windows.iter().all(|w| w.start_bar == 0 && w.notes.len() == 10));
    // Bars of 1/64 are joined into sixteenths: two of them make a window.
    let notes: Vec<_> = (0..8).map(|i| (60, f64::from(i) / 4.0, 0.25)).collect();
    let conversion = poly().windows(&sequence(&notes, &[(0.0, 1, 64)]));
    assert_eq!((conversion.windows.len(), conversion.n_in_windows), (7, 8));
    assert_eq!(windows(&conversion)[1], (3, 6, 4, 2));
}

#[test]
fn bars_that_are_no_whole_sixteenths_are_counted_with_their_notes() {
    // Bars of 1/4095 (which no file has).
    let conversion = poly().windows(&sequence(&quarters(12), &[(4.0, 1, 4095), (8.0, 4, 4)]));
    assert_eq!(conversion.skipped_notes.get(&SkipReason::WrongBarLength), Some(&4));
    assert_eq!(conversion.n_in_windows, 8);
}

#[test]
fn three_four_and_six_eight_are_told_apart() {
    for (signature, beat) in [((3, 4), 12), ((6, 8), 18)] {
        let conversion =
            poly().windows(&sequence(&quarters(6), &[(0.0, signature.0, signature.1)]));
        let meter = conversion.windows[0].notes.meter();
        assert_eq!((meter.bar(), meter.beat()), (36, beat));
        let written = conversion.windows[0].notes.to_sequence(&NoteListPlayback::default());
        let expected =
            TimeSignature { time: 0.0, numerator: signature.0, denominator: signature.1 };
        assert_eq!(written.time_signatures, [expected]);
    }
}

#[test]
fn sixteenths_and_triplets_are_exact_and_the_rest_rounds_to_the_nearest_tick() {
    let starts = [0.0, 0.25, 1.0 / 3.0, 0.5, 2.0 / 3.0, 0.75, 1.05, 1.041_666_7, 0.99];
    let notes: Vec<_> = (60..).zip(starts).map(|(pitch, start)| (pitch, start, 0.5)).collect();
    let conversion = poly().windows(&sequence(&notes, &[]));
    let onsets: Vec<u16> = conversion.windows[0].notes.rows().map(|row| row[0]).collect();
    // 1.05 quarters are 12.6 ticks, 1.0417 are 12.5: halves are rounded up.
    assert_eq!(onsets, [0, 3, 4, 6, 8, 9, 12, 13, 13]);
    assert!(conversion.assumptions.contains(&Assumption::CommonTime));
}

#[test]
fn a_note_just_before_a_bar_line_is_in_the_next_bar() {
    // At the boundary of two meters, too.
    let mut notes = quarters(6);
    notes.push((90, 5.99, 1.0));
    notes.extend((7..14).map(|i| (60, f64::from(i), 1.0)));
    let conversion = poly().windows(&sequence(&notes, &[(0.0, 3, 4), (6.0, 4, 4)]));
    assert_eq!(windows(&conversion), [(0, 72, 0, 6), (72, 96, 2, 8)]);
    let first = conversion.windows[1].notes.notes().next().unwrap();
    assert_eq!((first.onset, first.pitch.get()), (0, 90));
}

#[test]
fn windows_hop_and_the_last_ends_with_the_last_bar() {
    let sequence = sequence(&quarters(20), &[]);
    let hop = |hop_bars| {
        let conversion = NoteListConverter { hop_bars, ..poly() }.windows(&sequence);
        let starts: Vec<i64> = conversion.windows.iter().map(|w| w.start_tick / 48).collect();
        (starts, conversion.skipped_notes)
    };
    assert_eq!(hop(1).0, [0, 1, 2, 3]);
    assert_eq!(hop(2).0, [0, 2, 3]);
    assert_eq!(hop(4), (vec![0, 3], [(SkipReason::BetweenWindows, 4)].into()));
}

#[test]
fn families_parts_and_doubled_notes() {
    let mut sequence =
        sequence(&[(60, 0.0, 1.0), (60, 0.0, 2.0), (60, 0.0, 1.0), (36, 0.0, 1.0)], &[]);
    for (note, (program, instrument)) in
        sequence.notes.iter_mut().zip([(0, 0), (6, 1), (40, 2), (0, 9)])
    {
        (note.program, note.instrument) = (Program::saturating(program), instrument);
    }
    sequence.notes[3].is_drum = true;
    let conversion = poly().windows(&sequence);
    let notes: Vec<_> =
        conversion.windows[0].notes.notes().map(|n| (n.family, n.duration)).collect();
    // Piano and harpsichord are one family: one note, the longer.
    assert_eq!(notes, [(Family::Keys, 24), (Family::Strings, 12)]);
    assert_eq!((conversion.n_merged, conversion.n_in_windows), (1, 3));
    assert_eq!(conversion.skipped_notes, [(SkipReason::Drums, 1)].into());
    assert_eq!(conversion.playback.program(Family::Keys).get(), 6);
    assert_eq!(conversion.playback.program(Family::Strings).get(), 40);

    let chosen = NoteListConverter { instruments: Some(BTreeSet::from([2])), ..poly() };
    let conversion = chosen.windows(&sequence);
    assert_eq!(conversion.skipped_notes, [(SkipReason::InstrumentNotAllowed, 3)].into());
    let programs = Some(Program::MIN..=Program::saturating(31));
    let conversion = NoteListConverter { programs, ..poly() }.windows(&sequence);
    let expected = [(SkipReason::Drums, 1), (SkipReason::ProgramNotAllowed, 1)];
    assert_eq!(conversion.skipped_notes, expected.into());

    let conversion =
        NoteListConverter { encoding: NoteListEncoding::ALL_2BAR, ..poly() }.windows(&sequence);
    let families: Vec<_> = conversion.windows[0].notes.notes().map(|n| n.family).collect();
    assert_eq!(families, [Family::Drums, Family::Keys, Family::Strings]);
}

#[test]
fn dynamics_are_marked_where_velocities_differ() {
    let mut sequence = sequence(&[(60, 0.0, 1.0), (62, 1.0, 1.0)], &[]);
    let velocities = |sequence: &NoteSequence| -> Vec<Option<u8>> {
        let window = poly().windows(sequence).windows.remove(0);
        window.notes.notes().map(|n| n.velocity.map(Velocity::get)).collect()
    };
    assert_eq!(velocities(&sequence), [None, None]);
    sequence.notes[1].velocity = Velocity::saturating(100);
    // 64 is in the fifth eighth (64 to 79), 100 in the seventh (96 to 111).
    assert_eq!(velocities(&sequence), [Some(72), Some(104)]);
}

#[test]
fn grooves_keep_timing_and_velocity() {
    // Kick, 1/24 of a quarter early, and a softer one on the same step; snare late by a sixth of a
    // sixteenth.
    let mut sequence = sequence(
        &[(36, 4.0 - 1.0 / 24.0, 0.1), (35, 4.0, 0.1), (38, 5.0 + 1.0 / 24.0, 0.1), (24, 6.0, 0.1)],
        &[],
    );
    for (note, velocity) in sequence.notes.iter_mut().zip([100, 90, 20, 50]) {
        (note.is_drum, note.velocity) = (true, Velocity::saturating(velocity));
    }
    let conversion = NoteListConverter::drums_2bar_groove().windows(&sequence);
    let notes: Vec<_> = conversion.windows[0].notes.notes().collect();
    let played: Vec<_> = notes
        .iter()
        .map(|n| (n.onset, n.offset, n.pitch.get(), n.velocity.unwrap().get()))
        .collect();
    assert_eq!(played, [(16, -1.0 / 6.0, 36, 100), (20, 1.0 / 6.0, 38, 20)]);
    assert_eq!((conversion.n_merged, conversion.n_in_windows), (1, 3));
    assert_eq!(conversion.skipped_notes, [(SkipReason::UnknownDrum, 1)].into());
}

#[test]
fn the_same_music_in_twelve_keys_is_the_same_windows() {
    // A cadence with its melody: I IV V I.
    let mut notes = Vec::new();
    for (i, chord) in [[60, 64, 67], [60, 65, 69], [59, 62, 67], [60, 64, 67]].iter().enumerate() {
        notes.extend(chord.map(|pitch| (pitch, 4.0 * i as f64, 4.0)));
        notes.push((72 + i as u8 % 2 * 2, 4.0 * i as f64, 2.0));
    }
    let original = sequence(&notes, &[]);
    let converter = NoteListConverter { dedupe: Dedupe::Off, ..NoteListConverter::poly_2bar() };
    let expected = converter.windows(&original).windows;
    assert_eq!(expected[0].transposed, 0);
    for semitones in -6..=5_i8 {
        let mut moved = original.clone();
        moved.transpose(semitones.into());
        let windows = converter.windows(&moved).windows;
        for (window, expected) in windows.iter().zip(&expected) {
            assert_eq!(
                i16::from(window.transposed).rem_euclid(12),
                i16::from(-semitones).rem_euclid(12)
            );
            let octave = i32::from(window.transposed) + i32::from(semitones);
            assert_eq!(window.notes.transposed(-octave).as_ref(), Some(&expected.notes));
            // Back to the original key.
            let playback =
                NoteListPlayback { transpose: -window.transposed, ..NoteListPlayback::default() };
            let heard = window.notes.to_sequence(&playback);
            assert!(heard.notes.iter().all(|n| moved.notes.iter().any(|m| m.pitch == n.pitch)));
        }
    }
}

#[test]
fn a_key_signature_is_a_hint_and_not_the_truth() {
    let triads = [60, 64, 67, 65, 69, 72, 67, 71, 74, 60, 64, 67];
    let notes: Vec<_> = (0..).zip(triads).map(|(i, p)| (p, f64::from(i), 1.0)).collect();
    let mut sequence = sequence(&notes, &[]);
    let key = KeySignature { time: 0.0, key: 6, mode: Mode::Major };
    sequence.key_signatures.push(key);
    let window = NoteListConverter::poly_2bar().windows(&sequence).windows.remove(0);
    assert_eq!((window.transposed, window.key.unwrap().to_string()), (0, "C major".to_owned()));
}

#[test]
fn the_pedal_lengthens_notes_if_asked() {
    let mut sequence = sequence(&[(60, 0.0, 0.5), (64, 2.0, 0.5)], &[]);
    for (time, control_value) in [(0.0, 127), (2.0, 0)] {
        let control_number = SUSTAIN_PEDAL;
        let change =
            ControlChange { time, control_number, control_value, ..ControlChange::default() };
        sequence.control_changes.push(change);
    }
    let durations = |apply_sustain| -> Vec<u16> {
        let converter = NoteListConverter { apply_sustain, ..poly() };
        converter.windows(&sequence).windows[0].notes.notes().map(|n| n.duration).collect()
    };
    assert_eq!(durations(false), [6, 6]);
    assert_eq!(durations(true), [48, 24]);
}

#[test]
fn a_performance_without_a_beat_is_taken_as_written_and_said_to_be() {
    // Onsets from a linear congruential generator: no beat.
    let mut state = 1_u32;
    let mut time = 0.0;
    let notes: Vec<_> = (0..500)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            time += f64::from(state >> 16) / 65_536.0;
            (60, time, 0.2)
        })
        .collect();
    let conversion = poly().windows(&sequence(&notes, &[(0.0, 4, 4)]));
    assert_eq!(conversion.assumptions, [Assumption::WrittenTempo].into());
    assert_eq!(conversion.n_in_windows, 500);
    // A performance within 20 ms of the beat follows it.
    let notes: Vec<_> =
        (0..500).map(|i| (60, f64::from(i) / 2.0 + f64::from(i * 7 % 9) / 100.0, 0.2)).collect();
    let conversion = poly().windows(&sequence(&notes, &[(0.0, 4, 4)]));
    assert!(conversion.assumptions.is_empty());
}

#[test]
fn crowded_windows_are_counted_in_windows_and_notes() {
    // Two bars with 3,000 notes, then two bars with one each.
    let mut notes: Vec<_> =
        (0..3000_u16).map(|i| ((i % 125) as u8, f64::from(i / 125) / 3.0, 0.3)).collect();
    notes.extend([(60, 8.0, 1.0), (60, 12.0, 1.0)]);
    let conversion = poly().windows(&sequence(&notes, &[]));
    assert_eq!(conversion.n_notes, 3002);
    assert_eq!(conversion.skipped_windows, [(SkipReason::TooManyNotes, 2)].into());
    assert_eq!(conversion.skipped_notes, [(SkipReason::TooManyNotes, 3000)].into());
    assert_eq!(windows(&conversion), [(96, 96, 2, 2)]);
    // One chord of 100 notes.
    let notes: Vec<_> = (0..100).map(|pitch| (pitch, 0.0, 1.0)).collect();
    let conversion = poly().windows(&sequence(&notes, &[]));
    assert_eq!(conversion.why_empty(), Some(SkipReason::TooManyNotesInBeat));
}

#[test]
fn many_tracks_drums_only_one_note_and_none() {
    let mut many = sequence(&[], &[]);
    for instrument in 0..64 {
        many.push(Note {
            pitch: Pitch::saturating(30 + instrument),
            velocity: Velocity::MAX,
            instrument: instrument.into(),
            program: Program::saturating(2 * instrument),
            start_time: f64::from(instrument) / 16.0,
            end_time: 4.0,
            ..Note::default()
        });
    }
    let conversion = poly().windows(&many);
    assert_eq!((conversion.windows.len(), conversion.n_in_windows), (1, 64));

    let mut drums = sequence(&[(36, 0.0, 1.0)], &[]);
    drums.notes[0].is_drum = true;
    let conversion = poly().windows(&drums);
    assert_eq!(conversion.why_empty(), Some(SkipReason::Drums));
    let conversion = NoteListConverter::drums_2bar_groove().windows(&drums);
    assert_eq!(windows(&conversion), [(0, 96, 0, 1)]);

    let one = sequence(&[(60, 2.0, 1.0)], &[]);
    assert_eq!(windows(&poly().windows(&one)), [(0, 96, 0, 1)]);
    let conversion = NoteListConverter { min_notes: 2, ..poly() }.windows(&one);
    assert_eq!(conversion.why_empty(), Some(SkipReason::TooFewNotes));
    let conversion = poly().windows(&sequence(&[], &[]));
    assert_eq!(conversion.why_empty(), Some(SkipReason::NoNotes));
}

#[test]
fn repetitions_and_caps() {
    let notes: Vec<_> = (0..24).map(|i| (60 + i % 4, f64::from(i), 1.0)).collect();
    let sequence = sequence(&notes, &[]);
    let once = NoteListConverter { dedupe: Dedupe::PerSequence, ..poly() }.windows(&sequence);
    assert_eq!((once.windows.len(), once.n_in_windows), (1, 24));
    assert_eq!(once.skipped_windows, [(SkipReason::Duplicate, 4)].into());
    let capped = NoteListConverter { max_windows: Some(2), ..poly() }.windows(&sequence);
    assert_eq!((capped.windows.len(), capped.n_in_windows), (2, 12));
    assert_eq!(capped.skipped_windows, [(SkipReason::OverCap, 3)].into());
}

#[test]
fn windows_survive_a_file() {
    // Onset, family, pitch, duration, dynamics: a waltz bar of left hand and melody, twice.
    let tokens = [
        [0, 0, 48, 7, 3],
        [0, 4, 72, 10, 5],
        [12, 0, 64, 7, 2],
        [12, 0, 67, 7, 2],
        [24, 0, 64, 7, 2],
        [36, 0, 43, 7, 3],
        [36, 4, 74, 12, 6],
        [48, 0, 62, 7, 2],
        [60, 0, 62, 7, 2],
    ];
    let meter = Meter::from_signature(3, 4).unwrap();
    let list = NoteList::new(NoteListEncoding::POLY_2BAR, meter, tokens.concat()).unwrap();
    let sequence = list.to_sequence(&NoteListPlayback::default());
    let bytes = midi::write(&sequence, &WriteOptions::default()).unwrap();
    let read = midi::read(&bytes, &ReadOptions::default()).unwrap().sequence;
    let windows = poly().windows(&read).windows;
    assert_eq!(windows.iter().map(|w| &w.notes).collect::<Vec<_>>(), [&list]);
}

#[test]
fn errors_say_what_is_allowed() {
    let encoding = NoteListEncoding::POLY_2BAR;
    let jig = Meter::from_signature(6, 8).unwrap();
    let error = |tokens: &[u16]| NoteList::new(encoding, jig, tokens.to_vec()).unwrap_err();
    assert_eq!(error(&[0; 7]), NoteListError::Length { found: 7, n_fields: 5 });
    let text = error(&[72, 0, 60, 7, 0]).to_string();
    assert_eq!(text, "note 0 has class 72 in field onset (allowed: 0 to 71)");
    let text = error(&[0, 0, 60, 7, 0, 0, 0, 61, 18, 0]).to_string();
    assert_eq!(text, "note 1 has class 18 in field duration (allowed: 0 to 17)");
    assert_eq!(error(&[0, 0, 61, 7, 0, 0, 0, 60, 7, 0]), NoteListError::NotSorted { note: 1 });
    assert_eq!(error(&[0, 0, 60, 7, 0, 0, 0, 60, 8, 0]), NoteListError::NotSorted { note: 1 });
}

#[test]
fn encodings_are_configuration() {
    for encoding in [NoteListEncoding::POLY_2BAR, NoteListEncoding::DRUMS_2BAR_GROOVE] {
        let fields = encoding.fields();
        let again =
            NoteListEncoding::new(encoding.n_bars(), encoding.ticks_per_step(), fields).unwrap();
        assert_eq!(again, encoding);
        let json = serde_json::to_string(&encoding).unwrap();
        assert_eq!(serde_json::from_str::<NoteListEncoding>(&json).unwrap(), encoding);
    }
    let spec = |field, n_classes| FieldSpec { field, n_classes };
    let onset = spec(Field::Onset, 72);
    for (n_bars, step, fields) in [
        (0, 1, vec![onset, spec(Field::Pitch, 128)]),
        (1, 2, vec![onset, spec(Field::Pitch, 128)]),
        (1, 1, vec![]),
        (1, 1, vec![onset]),
        (1, 1, vec![spec(Field::Pitch, 128), onset]),
        (1, 1, vec![onset, spec(Field::Pitch, 88)]),
        (1, 1, vec![onset, spec(Field::Pitch, 128), spec(Field::Drum, 9)]),
        (1, 1, vec![onset, spec(Field::Pitch, 128), onset]),
        (1, 1, vec![onset, spec(Field::Pitch, 128), spec(Field::Offset, 0)]),
        (2, 1, vec![onset, spec(Field::Pitch, 128)]),
    ] {
        assert!(NoteListEncoding::new(n_bars, step, &fields).is_err(), "{fields:?}");
    }
    assert!(NoteListEncoding::new(1, 1, &[onset, spec(Field::Pitch, 128)]).is_ok());
    assert!(
        serde_json::from_str::<NoteListEncoding>(r#"{"n_bars":2,"ticks_per_step":1,"fields":[]}"#)
            .is_err()
    );
}
