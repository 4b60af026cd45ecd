//! The cost of a small file: copies for instruments, tracks or sections are always limited.

use note_seq::midi::{self, MidiError, ReadOptions, RepairKind, WriteOptions};
use note_seq::{
    ControlChange, InstrumentInfo, MelodyConverter, Note, NoteSequence, Pitch, SkipReason, Tempo,
    Velocity,
};

use crate::smf::{QUARTER, Timed, control, file, meta, off, on, program, track};

/// One track of notes on all channels except the tenth with 120 programs each: 1,800 instruments.
fn crowd(before: Vec<Timed>) -> Vec<u8> {
    let mut events = before;
    for k in 0..120_u8 {
        for channel in (0..16).filter(|c| *c != 9) {
            let tick = u32::from(k) * QUARTER;
            events.push(program(tick, channel, k));
            events.extend([on(tick, channel, 60, 90), off(tick + QUARTER, channel, 60)]);
        }
    }
    file(&[track(events)])
}

#[test]
fn a_long_name_is_cut_once_and_the_cut_is_told() {
    let name = "é".repeat(50_000);
    let bytes = crowd(vec![meta(0, 3, name.as_bytes())]);
    let read = midi::read(&bytes, &ReadOptions::lenient()).unwrap();
    assert_eq!(read.sequence.instrument_infos.len(), 1800);
    assert_eq!(read.sequence.instrument_name(1799), Some(&"é".repeat(100)[..]));
    assert_eq!(read.report.repair_counts[&RepairKind::LongName], 1);
    // Python would copy it 1,800 times.
    let parity = midi::read(&bytes, &ReadOptions::parity());
    assert!(matches!(parity, Err(MidiError::LimitExceeded { .. })), "{parity:?}");
    let short = crowd(vec![meta(0, 3, b"Strings")]);
    assert!(midi::read(&short, &ReadOptions::parity()).is_ok());
}

/// Latin-1 takes twice the space when it is read: a truncated name must not be too long when it is
/// written.
#[test]
fn a_cut_name_is_written_within_the_limit() {
    let bytes = crowd(vec![meta(0, 3, &[0xe9; 150])]);
    let read = midi::read(&bytes, &ReadOptions::lenient()).unwrap().sequence;
    assert_eq!(read.instrument_name(0), Some(&"é".repeat(100)[..]));
    let written = midi::write(&read, &WriteOptions::default()).unwrap();
    assert_eq!(midi::read(&written, &ReadOptions::strict()).unwrap().sequence.notes, read.notes);
}

/// 120 instruments per channel, and 30,000 controllers: 3.6 million copies.
#[test]
fn controllers_of_a_crowded_channel_are_not_copied_without_end() {
    let volumes = (0..30_000_u32).map(|k| control(k, 0, 7, u8::try_from(k % 128).unwrap()));
    let bytes = crowd(volumes.collect());
    let read = midi::read(&bytes, &ReadOptions::lenient()).unwrap();
    let n_kept = read.sequence.control_changes.len();
    assert!(n_kept <= 2 * 30_000 + (3 << 17), "{n_kept}");
    assert_eq!(n_kept as u64 + read.report.notes.controls_not_shared, 120 * 30_000);
    assert_eq!(read.report.repair_counts[&RepairKind::SharedControls], 1);
    assert!(midi::read(&bytes, &ReadOptions::strict()).is_err());
}

/// A thousand sections over a thousand named instruments with pedals, each of which plays in only
/// one section.
#[test]
fn pieces_have_only_the_names_and_pedals_of_those_who_play() {
    let mut sequence = NoteSequence::default();
    for instrument in 0..1000_u32 {
        let time = f64::from(instrument);
        let qpm = if instrument % 2 == 0 { 90.0 } else { 120.0 };
        sequence.tempos.push(Tempo { time, qpm });
        sequence.instrument_infos.push(InstrumentInfo { instrument, name: "Flute".to_owned() });
        sequence.control_changes.push(ControlChange {
            control_number: 64,
            control_value: 127,
            instrument,
            ..ControlChange::default()
        });
        sequence.push(Note {
            start_time: time,
            end_time: time + 1.0,
            instrument,
            ..Note::default()
        });
    }
    let pieces = sequence.split_on_time_changes();
    assert_eq!(pieces.len(), 1000);
    for (piece, instrument) in pieces.iter().zip(0..) {
        assert_eq!(piece.instrument_infos.len(), 1);
        assert_eq!(piece.instrument_name(instrument), Some("Flute"));
        assert_eq!(piece.control_changes.len(), 1);
        assert_eq!(piece.control_changes[0].instrument, instrument);
    }
}

/// 1,200 lines with one note and, fifteen bars later, two more: of sixteen windows per line, all
/// different, only some are within the limit.
#[test]
fn windows_are_bounded_by_the_notes() {
    let mut sequence = NoteSequence::default();
    for instrument in 0..1200_u32 {
        let pitch = |n: u32| Pitch::new(u8::try_from(30 + n % 60).unwrap()).unwrap();
        let notes = [(0.0, 15.0, 0), (15.0, 15.5, instrument), (15.5, 31.0, instrument / 60)];
        for (start_bar, end_bar, n) in notes {
            sequence.push(Note {
                pitch: pitch(n),
                velocity: Velocity::new(80).unwrap(),
                start_time: start_bar * 2.0,
                end_time: end_bar * 2.0,
                instrument,
                ..Note::default()
            });
        }
    }
    let conversion = MelodyConverter::mel_16bar().windows(&sequence);
    assert!(conversion.windows.len() <= ((1 << 22) + 32 * 3600) / 256);
    assert!(conversion.skipped[&SkipReason::OverCap] > 0);
    let few = sequence.with_notes(|n| n.instrument < 100);
    assert!(!MelodyConverter::mel_16bar().windows(&few).skipped.contains_key(&SkipReason::OverCap));
}

#[test]
fn cuts_in_notes_are_found_by_one_sweep() {
    let mut sequence = NoteSequence::default();
    for (start_time, end_time) in [(0.0, 2.5), (1.0, 1.5), (3.5, 4.0), (4.0, 6.0)] {
        sequence.push(Note { start_time, end_time, ..Note::default() });
    }
    let starts = |pieces: Vec<NoteSequence>| -> Vec<f64> {
        pieces.iter().map(|p| p.subsequence_info.unwrap().start_time_offset).collect()
    };
    assert_eq!(starts(sequence.split_every(1.0, true).unwrap()), [0.0, 3.0, 4.0]);
    assert_eq!(starts(sequence.split_every(1.0, false).unwrap()), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}
