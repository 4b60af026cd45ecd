//! Writing unusual sequences: more parts than channels, long gaps, notes without velocity, anything
//! that was read.

use note_seq::midi::{self, ReadOptions, WriteError, WriteOptions};
use note_seq::{ControlChange, Note, NoteSequence, Pitch, Program, Velocity};
use proptest::prelude::*;

use crate::smf::{QUARTER, events, file, off, on, tempo, track};

fn note(instrument: u32, program: u8, is_drum: bool) -> Note {
    Note {
        pitch: Pitch::new(60).unwrap(),
        velocity: Velocity::new(90).unwrap(),
        end_time: 0.5,
        instrument,
        program: Program::new(program).unwrap(),
        is_drum,
        ..Note::default()
    }
}

fn write(sequence: &NoteSequence) -> Vec<u8> {
    midi::write(sequence, &WriteOptions::default()).unwrap()
}

/// Port and channel of every note-on, and the programs set for each of these.
fn places(bytes: &[u8]) -> Vec<(String, u8, u8)> {
    let smf = midly::Smf::parse(bytes).unwrap();
    let mut places = Vec::new();
    for track in &smf.tracks {
        let mut port = String::new();
        for event in track {
            match event.kind {
                midly::TrackEventKind::Meta(midly::MetaMessage::MidiPort(number)) => {
                    port = number.to_string();
                }
                midly::TrackEventKind::Meta(midly::MetaMessage::DeviceName(name)) => {
                    port = String::from_utf8_lossy(name).into_owned();
                }
                midly::TrackEventKind::Midi {
                    channel,
                    message: midly::MidiMessage::ProgramChange { program },
                } => places.push((port.clone(), channel.as_int(), program.as_int())),
                _ => {}
            }
        }
    }
    places
}

/// 2,000 parts with one program each, some of them drums: no channel of a port gets two programs,
/// and all are read back.
#[test]
fn no_two_programs_share_a_channel() {
    for n_parts in [15_u32, 16, 40, 2000] {
        let mut sequence = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
        for i in 0..n_parts {
            sequence.push(note(i, u8::try_from(i % 128).unwrap(), i % 20 == 19));
        }
        let bytes = write(&sequence);
        let mut places = places(&bytes);
        assert_eq!(places.len(), n_parts as usize);
        places.sort();
        places.dedup();
        let before = places.len();
        places.dedup_by_key(|p| (p.0.clone(), p.1));
        assert_eq!(places.len(), before, "{n_parts} parts");
        assert_eq!(places[0].0.is_empty(), n_parts == 15, "ports only where they are needed");
        for options in [ReadOptions::lenient(), ReadOptions::strict(), ReadOptions::parity()] {
            assert_eq!(midi::read(&bytes, &options).unwrap().sequence.notes, sequence.notes);
        }
    }
}

/// Two kits with separate controllers are kept apart; kits without controllers share the tenth
/// channel.
#[test]
fn kits_share_a_channel_unless_controllers_tell_them_apart() {
    let mut sequence = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
    (0..3).for_each(|i| sequence.push(note(i, 0, true)));
    assert!(places(&write(&sequence)).iter().all(|p| p.0.is_empty() && p.1 == 9));
    for (instrument, control_value) in [(1, 20), (2, 100)] {
        sequence.control_changes.push(ControlChange {
            control_number: 7,
            control_value,
            instrument,
            is_drum: true,
            ..ControlChange::default()
        });
    }
    let read = midi::read(&write(&sequence), &ReadOptions::strict()).unwrap().sequence;
    assert_eq!(read.control_changes, sequence.control_changes);
}

#[test]
fn a_gap_of_any_length_is_bridged() {
    // Reading allows 10^10 ticks, an event 2^28 − 1.
    let gaps = vec![on(0, 0, 60, 90), off(QUARTER, 0, 60)];
    let mut data = events(gaps);
    for _ in 0..30 {
        data.extend([0xff, 0xff, 0xff, 0x7f, 0xff, 0x7f, 0]);
    }
    data.extend([0, 0x90, 62, 90, 96, 0x80, 62, 64]);
    let bytes = file(&[[data, crate::smf::END.to_vec()].concat()]);
    let read = midi::read(&bytes, &ReadOptions::strict()).unwrap().sequence;
    assert!(read.notes[1].start_time > 1e7);
    let again = midi::read(&write(&read), &ReadOptions::strict()).unwrap().sequence;
    assert_eq!(again, read);
    // Times beyond the limit of reading are rejected by writing.
    let far = Note { start_time: 1e9, end_time: 1e9 + 1.0, ..note(0, 0, false) };
    for time in [far.start_time, f64::INFINITY, f64::NAN] {
        let notes = vec![Note { start_time: time, ..far }];
        let sequence = NoteSequence { notes, ticks_per_quarter: 480, ..NoteSequence::default() };
        let error = midi::write(&sequence, &WriteOptions::default()).unwrap_err();
        assert!(
            matches!(error, WriteError::BadTime { seconds } if seconds.to_bits() == time.to_bits())
        );
    }
}

#[test]
fn notes_without_velocity_are_written_aloud() {
    let silent = |velocities: [u8; 2]| {
        let mut sequence = NoteSequence::default();
        for (i, velocity) in (0..).zip(velocities) {
            let velocity = Velocity::new(velocity).unwrap();
            sequence.push(Note { velocity, ..note(i, 0, false) });
        }
        let read = midi::read(&write(&sequence), &ReadOptions::strict()).unwrap().sequence;
        read.notes.iter().map(|n| n.velocity.get()).collect::<Vec<_>>()
    };
    assert_eq!(silent([0, 0]), [80, 80]);
    // A loud one shows that the other is intended to be silent.
    assert_eq!(silent([0, 7]), [7]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Damaged files: the result of lenient reading can be written, and from then on does not
    /// change.
    #[test]
    fn what_was_read_can_be_written(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        division in prop::sample::select(vec![1_u16, 96, 480, 0x7fff, 0xe728, 0xe301, 0xff01]),
    ) {
        let tune: Vec<_> = (0..12_u8)
            .flat_map(|k| {
                let tick = u32::from(k) * QUARTER;
                [on(tick, k % 3, 60 + k, 90), off(tick + QUARTER, k % 3, 60 + k)]
            })
            .collect();
        let mut bytes = file(&[track(vec![tempo(0, 500_000), tempo(300, 1_000_000)]), track(tune)]);
        bytes[12..14].copy_from_slice(&division.to_be_bytes());
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for options in [ReadOptions::lenient(), ReadOptions::parity()] {
            let Ok(first) = midi::read(&bytes, &options) else { continue };
            let second = midi::read(&write(&first.sequence), &ReadOptions::strict()).unwrap();
            let third = midi::read(&write(&second.sequence), &ReadOptions::strict()).unwrap();
            prop_assert_eq!(second.sequence.notes.len(), third.sequence.notes.len());
            prop_assert!(second.sequence.notes.len() <= first.sequence.notes.len());
        }
    }
}
