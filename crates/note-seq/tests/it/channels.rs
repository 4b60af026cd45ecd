//! Messages of a channel act on all its notes, regardless of their track; lines over several
//! channels are one instrument; drums are determined by the file.

use note_seq::midi::{self, NoteCounts, ReadOptions, RepairKind};
use note_seq::{MelodyConverter, NoteSequence};

use crate::smf::{
    BAR, END, QUARTER, SIXTEENTH, Timed, chunk, control, events, file, header, meta, notes, off,
    on, program, track,
};

fn read(bytes: &[u8]) -> (NoteSequence, NoteCounts) {
    let read = midi::read(bytes, &ReadOptions::lenient()).unwrap();
    assert_eq!(read.report.n_repairs(), 0);
    assert_eq!(midi::read(bytes, &ReadOptions::strict()).unwrap().sequence, read.sequence);
    (read.sequence, read.report.notes)
}

/// Pitch, end in quarter notes (half a second each), program.
fn ends(sequence: &NoteSequence) -> Vec<(u8, f64, u8)> {
    let of = |n: &note_seq::Note| (n.pitch.get(), n.end_time * 2.0, n.program.get());
    sequence.notes.iter().map(of).collect()
}

fn port(number: u8) -> Timed {
    meta(0, 0x21, &[number])
}

fn system_exclusive(tick: u32, data: &[u8]) -> Timed {
    let length = u8::try_from(data.len()).unwrap();
    (tick, [&[0xf0, length], data].concat())
}

fn middle_c(channel: u8) -> Vec<Timed> {
    notes(channel, &[(60, 0, QUARTER)])
}

#[test]
fn a_track_ends_where_it_says_so() {
    let mut data = events(middle_c(0));
    data.extend(END);
    let n_right = data.len();
    data.extend(events(notes(0, &[(62, 0, QUARTER), (64, QUARTER, BAR)])));
    data.extend(END);
    // The tail within the chunk, and after a chunk of the correct length.
    for length in [data.len(), n_right] {
        let bytes = [header(1, 1, 96), chunk(*b"MTrk", &data, Some(length))].concat();
        let read = midi::read(&bytes, &ReadOptions::lenient()).unwrap();
        assert_eq!(ends(&read.sequence), [(60, 1.0, 0)]);
        let kinds = &read.report.repair_counts;
        assert!(kinds.contains_key(&RepairKind::EventsAfterEndOfTrack), "{kinds:?}");
        assert_eq!(read.report.bytes_after_end, (data.len() - n_right) as u64);
        assert!(midi::read(&bytes, &ReadOptions::strict()).is_err());
    }
}

#[test]
fn a_pedal_on_another_track_holds_the_notes_of_its_channel_and_port() {
    let pedal = |number| {
        let mut events = vec![control(0, 0, 64, 127), control(2 * BAR, 0, 64, 0)];
        events.insert(0, port(number));
        track(events)
    };
    let tracks = [track(middle_c(0)), track(notes(0, &[(48, 0, QUARTER)])), track(middle_c(1))];
    let sustained = |number: u8| {
        let (mut sequence, _) = read(&file(&[&tracks[..], &[pedal(number)]].concat()));
        sequence.apply_sustain();
        ends(&sequence)
    };
    assert_eq!(sustained(0), [(60, 8.0, 0), (48, 8.0, 0), (60, 1.0, 0)]);
    assert_eq!(sustained(1), [(60, 1.0, 0), (48, 1.0, 0), (60, 1.0, 0)]);
}

/// The same channel on two ports, by port events and by device names; songs of format 2 share
/// nothing either.
#[test]
fn ports_have_programs_of_their_own() {
    let bass = |select: Timed| track([vec![select], notes(0, &[(40, 0, QUARTER)])].concat());
    let piano = track([vec![program(0, 0, 5)], middle_c(0)].concat());
    for (select, expected) in [(port(0), 5), (port(1), 0), (meta(0, 9, b"Synth B"), 0)] {
        let (sequence, _) = read(&file(&[piano.clone(), bass(select)]));
        assert_eq!(ends(&sequence), [(60, 1.0, 5), (40, 1.0, expected)]);
    }
    let songs = [piano, bass(port(0))].map(|t| chunk(*b"MTrk", &t, None)).concat();
    let (sequence, _) = read(&[header(2, 2, 96), songs].concat());
    assert_eq!(ends(&sequence), [(60, 1.0, 5), (40, 1.0, 0)]);
}

#[test]
fn a_note_keeps_its_program_and_later_ones_take_the_new_one() {
    let change = program(SIXTEENTH, 0, 40);
    let tune = notes(0, &[(60, 0, QUARTER), (62, QUARTER, 2 * QUARTER)]);
    let same = [vec![program(0, 0, 5)], tune.clone(), vec![change.clone()]].concat();
    let (sequence, _) = read(&file(&[track(same)]));
    assert_eq!(ends(&sequence), [(60, 1.0, 5), (62, 2.0, 40)]);
    // By a track that comes first or last.
    let notes = track([vec![program(0, 0, 5)], tune].concat());
    let other = track(vec![change]);
    for tracks in [[notes.clone(), other.clone()], [other, notes]] {
        assert_eq!(ends(&read(&file(&tracks)).0), [(60, 1.0, 5), (62, 2.0, 40)]);
    }
}

#[test]
fn controllers_end_notes_and_a_reset_lifts_the_pedal() {
    for number in [120, 123, 124, 125, 126, 127] {
        let ending = track(vec![control(QUARTER, 0, number, 0)]);
        let hanging = track(vec![on(0, 0, 60, 100), on(0, 1, 72, 100), control(BAR, 0, 7, 1)]);
        let (sequence, counts) = read(&file(&[hanging, ending]));
        assert_eq!(ends(&sequence), [(60, 1.0, 0), (72, 4.0, 0)]);
        assert_eq!((counts.ended_by_controller, counts.unended), (1, 1));
    }
    let (mut sequence, _) = read(&file(&[track(
        [vec![control(0, 0, 64, 127), control(BAR, 0, 121, 0)], middle_c(0)].concat(),
    )]));
    sequence.apply_sustain();
    assert_eq!(ends(&sequence), [(60, 4.0, 0)]);
}

#[test]
fn notes_of_no_length_are_struck_and_counted() {
    let grace = vec![on(0, 0, 61, 90), off(0, 0, 61)];
    let bytes = file(&[track([grace, middle_c(0)].concat())]);
    let (sequence, counts) = read(&bytes);
    assert_eq!(ends(&sequence), [(61, 1.0 / 96.0, 0), (60, 1.0, 0)]);
    assert_eq!((counts.empty_kept, counts.empty_dropped), (1, 0));
    let parity = midi::read(&bytes, &ReadOptions::parity()).unwrap();
    assert_eq!((parity.sequence.notes.len(), parity.report.notes.empty_dropped), (1, 1));
}

/// 32 eighths, on the channels given by `channel`.
fn line(channel: impl Fn(u32) -> u8) -> Vec<Timed> {
    let eighth = QUARTER / 2;
    let note = |k: u32| {
        let pitch = 60 + u8::try_from(k * 7 % 12).unwrap();
        notes(channel(k), &[(pitch, k * eighth, (k + 1) * eighth)])
    };
    (0..32).flat_map(note).collect()
}

fn parts(sequence: &NoteSequence) -> Vec<usize> {
    let count = |i| sequence.notes.iter().filter(|n| n.instrument == i).count();
    sequence.instruments().into_iter().map(count).collect()
}

#[test]
fn an_mpe_zone_is_one_instrument() {
    let configure = |manager| [(101, 0), (100, 6), (6, 15)].map(|(n, v)| control(0, manager, n, v));
    for manager in [0, 15] {
        let member = |k| u8::try_from(1 + k % 14).unwrap();
        let mut events = configure(manager).to_vec();
        events.push(program(0, manager, 30));
        events.extend(line(member));
        let (sequence, counts) = read(&file(&[track(events)]));
        assert_eq!((parts(&sequence), counts.channels_joined), (vec![32], 15));
        assert!(sequence.notes.iter().all(|n| n.program.get() == 30 && !n.is_drum));
        let windows = MelodyConverter::mel_2bar().windows(&sequence).windows;
        assert_eq!(windows[0].tokens.iter().filter(|t| **t >= 2).count(), 16);
    }
    // Chords, too, and a separate track for each channel.
    let chord = |k: u8| notes(k, &[(60 + k, 0, BAR)]);
    let mut tracks = vec![track(configure(0).to_vec())];
    tracks.extend((1..4).map(|k| track(chord(k))));
    assert_eq!(parts(&read(&file(&tracks)).0), [3]);
    let together = (1..4).flat_map(chord).collect();
    assert_eq!(parts(&read(&file(&[tracks[0].clone(), track(together)])).0), [3]);
}

/// The bend of a member covers 48 semitones, that of the joined line two: 24 times as far.
#[test]
fn bends_of_members_sound_alike_on_the_line() {
    let mut events = [(101, 0), (100, 6), (6, 15)].map(|(n, v)| control(0, 0, n, v)).to_vec();
    let bend = |tick, channel: u8, up: u8| (tick, vec![0xe0 | channel, up, 64]);
    events.extend([bend(0, 1, 100), bend(0, 2, 0)]);
    events.extend(line(|k| u8::try_from(1 + k % 2).unwrap()));
    let (sequence, _) = read(&file(&[track(events)]));
    let bends: Vec<(f64, i16)> =
        sequence.pitch_bends.iter().take(3).map(|b| (b.time, b.bend)).collect();
    assert_eq!(bends, [(0.0, 2400), (0.25, 0), (0.5, 2400)]);
}

#[test]
fn a_guitar_with_a_channel_for_each_string_is_one_instrument() {
    let programs = |n: u8| (0..n).map(|c| program(0, c, 27)).collect::<Vec<_>>();
    // The strings in between are set, but silent.
    let string = |k: u32| if k.is_multiple_of(3) { 1 } else { 4 };
    let (sequence, counts) = read(&file(&[track([programs(6), line(string)].concat())]));
    assert_eq!((parts(&sequence), counts.channels_joined), (vec![32], 2));
    // Chords on strings: recognized by mono mode (controller 126).
    let mono = (0..3).map(|c| control(0, c, 126, 1));
    let chords: Vec<Timed> = (0..3).flat_map(|c| notes(c, &[(60 + c, 0, BAR)])).collect();
    let (sequence, _) = read(&file(&[track(mono.chain(chords).collect())]));
    assert_eq!(parts(&sequence), [3]);
}

#[test]
fn voices_stay_apart() {
    let voice = |c: u8| -> Vec<Timed> {
        let pitch = 48 + 5 * c;
        let spans: Vec<_> = (0..16).map(|k| (pitch, k * QUARTER, (k + 1) * QUARTER)).collect();
        notes(c, &spans)
    };
    // Four voices of one piano; voices that alternate in phrases; a line over distant channels,
    // over two programs, over two tracks.
    let quartet = track((0..4).flat_map(voice).collect());
    let phrases = track(line(|k| u8::try_from(k / 8 % 2).unwrap()));
    let far = track(line(|k| if k.is_multiple_of(2) { 1 } else { 4 }));
    let programs = track([vec![program(0, 1, 9)], line(|k| u8::try_from(k % 2).unwrap())].concat());
    assert_eq!(parts(&read(&file(&[quartet])).0), [16; 4]);
    for tracks in [[phrases], [far], [programs]] {
        assert_eq!(parts(&read(&file(&tracks)).0), [16, 16]);
    }
    let half = |odd| {
        let taken = line(|k| u8::try_from(k % 2).unwrap());
        track(taken.into_iter().filter(|e| e.1[0] & 1 == odd).collect())
    };
    assert_eq!(parts(&read(&file(&[half(0), half(1)])).0), [16, 16]);
}

#[test]
fn drums_are_where_banks_and_messages_put_them() {
    const XG: [u8; 8] = [0x43, 0x10, 0x4c, 0, 0, 0x7e, 0, 0xf7];
    const GS: [u8; 10] = [0x41, 0x10, 0x42, 0x12, 0x40, 0, 0x7f, 0, 0x41, 0xf7];
    const GM2: [u8; 5] = [0x7e, 0x7f, 9, 3, 0xf7];
    let gs_part = |part: u8, value| {
        system_exclusive(0, &[0x41, 0x10, 0x42, 0x12, 0x40, 0x10 | part, 0x15, value, 0, 0xf7])
    };
    let drums = |setup: Vec<Timed>, channel: u8| {
        // The setup is on a separate track.
        let (sequence, counts) = read(&file(&[track(setup), track(middle_c(channel))]));
        let is_drum = sequence.notes[0].is_drum;
        assert_eq!(counts.drums_by_bank, u64::from(is_drum != (channel == 9)));
        is_drum
    };
    let bank = |system: &[u8], channel, bank| {
        vec![
            system_exclusive(0, system),
            control(0, channel, 0, bank),
            control(0, channel, 32, 0),
            program(0, channel, 0),
        ]
    };
    assert!(drums(bank(&XG, 10, 127), 10) && drums(bank(&XG, 10, 126), 10));
    assert!(drums(bank(&GM2, 10, 120), 10) && !drums(bank(&GM2, 9, 121), 9));
    assert!(drums(vec![system_exclusive(0, &GS), gs_part(10, 1)], 10));
    assert!(!drums(vec![system_exclusive(0, &GS), gs_part(0, 0)], 9));
    // In GS, a bank is a variation; a bank counts only with a program; and by default channel 10
    // has drums.
    assert!(!drums(bank(&GS, 10, 127), 10) && !drums(vec![control(0, 10, 0, 127)], 10));
    assert!(drums(bank(&XG, 9, 0), 9) && !drums(bank(&XG, 10, 0), 10));
    let bytes = file(&[track([bank(&XG, 10, 127), middle_c(10)].concat())]);
    assert!(!midi::read(&bytes, &ReadOptions::parity()).unwrap().sequence.notes[0].is_drum);
}

#[test]
fn a_misnamed_track_is_read() {
    for id in [*b"mTrk", *b"Trak"] {
        let bytes = [header(1, 1, 96), chunk(id, &track(middle_c(0)), None)].concat();
        let read = midi::read(&bytes, &ReadOptions::lenient()).unwrap();
        assert_eq!(ends(&read.sequence), [(60, 1.0, 0)]);
        assert_eq!(
            read.report.repair_counts.into_iter().collect::<Vec<_>>(),
            [(RepairKind::TrackId, 1)]
        );
    }
}
