//! Properties for all inputs.

use std::panic::{RefUnwindSafe, UnwindSafe};

use note_seq::midi::{self, ReadMode, ReadOptions, WriteOptions};
use note_seq::{
    ControlChange, InstrumentInfo, KeySignature, MelodyEncoding, Mode, Note, NoteSequence, Pitch,
    PitchBend, Playback, Program, StepsPerQuarter, Tempo, TempoMap, TextAnnotation, TextKind,
    TimeSignature, Velocity,
};
use proptest::prelude::*;

/// A sequence whose times are on the ticks of its tempo map, as in a file: instruments are numbered
/// in track order, and no two notes of one pitch overlap.
fn file_sequence() -> impl Strategy<Value = NoteSequence> {
    let tempos = prop::collection::vec((0_u64..20_000, 100_000_u32..2_000_000), 0..4);
    let parts = prop::collection::vec(
        (
            0_u8..128,
            any::<bool>(),
            prop::collection::vec((0_u8..128, 1_u8..128, 0_u64..200, 1_u64..300), 1..12),
            prop::option::of("[a-zA-Zé ]{1,12}"),
            // From 120 on, controllers are modes, which end notes.
            prop::collection::vec((0_u64..9000, 0_u8..120, 0_u8..128, -8192_i16..8192), 0..4),
        ),
        1..40,
    );
    let texts = prop::collection::vec((0_u64..9000, "[a-zß]{0,6}", any::<bool>()), 0..3);
    (
        prop::sample::select(vec![96_u16, 220, 480, 32_767]),
        tempos,
        parts,
        texts,
        0_u8..12,
        any::<bool>(),
    )
        .prop_map(|(resolution, mut tempos, parts, texts, key, is_minor)| {
            tempos.push((0, 500_000));
            tempos.sort_by_key(|t| t.0);
            tempos.dedup_by_key(|t| t.0);
            let mut map = TempoMap::new(resolution);
            for (tick, microseconds) in &tempos {
                map.push(*tick, *microseconds);
            }
            let mut sequence = NoteSequence {
                ticks_per_quarter: i32::from(resolution),
                ..NoteSequence::default()
            };
            sequence.tempos =
                map.pieces().iter().map(|p| Tempo { time: p.seconds, qpm: map.qpm(p) }).collect();
            sequence.time_signatures.push(TimeSignature {
                time: map.seconds(384),
                numerator: 7,
                denominator: 8,
            });
            let mode = if is_minor { Mode::Minor } else { Mode::Major };
            sequence.key_signatures.push(KeySignature { time: 0.0, key, mode });
            for (instrument, (program, is_drum, notes, name, controls)) in (0..).zip(parts) {
                let program = Program::new(program).unwrap();
                let mut tick = 0;
                for (pitch, velocity, gap, length) in notes {
                    let (pitch, velocity) =
                        (Pitch::new(pitch).unwrap(), Velocity::new(velocity).unwrap());
                    let (start_time, end_time) =
                        (map.seconds(tick + gap), map.seconds(tick + gap + length));
                    sequence.push(Note {
                        pitch,
                        velocity,
                        start_time,
                        end_time,
                        instrument,
                        program,
                        is_drum,
                    });
                    tick += gap + length;
                }
                sequence
                    .instrument_infos
                    .extend(name.map(|name| InstrumentInfo { instrument, name }));
                let mut controls = controls;
                controls.sort_unstable();
                for (tick, control_number, control_value, bend) in controls {
                    let time = map.seconds(tick);
                    sequence.control_changes.push(ControlChange {
                        time,
                        control_number,
                        control_value,
                        instrument,
                        program,
                        is_drum,
                    });
                    sequence.pitch_bends.push(PitchBend {
                        time,
                        bend,
                        instrument,
                        program,
                        is_drum,
                    });
                }
            }
            let mut texts: Vec<_> = texts;
            texts.sort_by_key(|t| t.0);
            sequence.text_annotations = (texts.into_iter())
                .map(|(tick, text, is_lyric)| TextAnnotation {
                    time: map.seconds(tick),
                    text,
                    kind: if is_lyric { TextKind::Lyric } else { TextKind::Marker },
                })
                .collect();
            sequence
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// UTF-8 names are read back in lenient and strict mode; everything else in parity mode, too.
    #[test]
    fn writing_and_reading_is_the_identity(sequence in file_sequence()) {
        let bytes = midi::write(&sequence, &WriteOptions::default()).unwrap();
        for options in [ReadOptions::lenient(), ReadOptions::strict()] {
            let read = midi::read(&bytes, &options).unwrap();
            prop_assert_eq!(&read.sequence, &sequence);
            prop_assert_eq!(read.report.n_repairs(), 0);
        }
        let parity = midi::read(&bytes, &ReadOptions::parity()).unwrap().sequence;
        prop_assert_eq!(parity.notes, sequence.notes);
        prop_assert_eq!(parity.tempos, sequence.tempos);
        prop_assert_eq!(parity.control_changes, sequence.control_changes);
        prop_assert_eq!(parity.pitch_bends, sequence.pitch_bends);
        prop_assert_eq!(parity.key_signatures, sequence.key_signatures);
    }

    /// An independent parser finds the same number of notes in the files we write.
    #[test]
    fn midly_reads_what_we_write(sequence in file_sequence()) {
        let bytes = midi::write(&sequence, &WriteOptions::default()).unwrap();
        let smf = midly::Smf::parse(&bytes).unwrap();
        let ons = smf.tracks.iter().flatten().filter(|e| matches!(e.kind,
            midly::TrackEventKind::Midi { message: midly::MidiMessage::NoteOn { .. }, .. }));
        prop_assert_eq!(ons.count(), sequence.notes.len());
    }

    #[test]
    fn json_is_the_identity_but_for_kinds_of_text(sequence in file_sequence()) {
        let json = serde_json::to_string(&sequence).unwrap();
        let mut expected = sequence;
        expected.text_annotations.iter_mut().for_each(|t| t.kind = TextKind::Unknown);
        prop_assert_eq!(serde_json::from_str::<NoteSequence>(&json).unwrap(), expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..400), has_header: bool) {
        if has_header {
            let mut with = b"MThd\0\0\0\x06\0\x01\0\x01\0\x60MTrk\0\0\x01\0".to_vec();
            with.append(&mut bytes);
            bytes = with;
        }
        for mode in [ReadMode::Lenient, ReadMode::Parity, ReadMode::Strict] {
            let options = ReadOptions { mode, ..ReadOptions::default() };
            if let Ok(read) = midi::read(&bytes, &options) {
                prop_assert!(read.sequence.notes.iter().all(|n| n.start_time < n.end_time));
                prop_assert!(mode == ReadMode::Lenient || read.report.n_repairs() == 0);
                let _ = crate::oracle::summary(&read);
            }
        }
    }

    /// Files accepted by strict reading are read by lenient reading without repairs and with the
    /// same result.
    #[test]
    fn strict_is_lenient_without_repairs(sequence in file_sequence(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = midi::write(&sequence, &WriteOptions::default()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let lenient = midi::read(&bytes, &ReadOptions::lenient());
        match midi::read(&bytes, &ReadOptions::strict()) {
            Ok(strict) => {
                let lenient = lenient.unwrap();
                prop_assert_eq!(lenient.sequence, strict.sequence);
                prop_assert_eq!(lenient.report.n_repairs(), 0);
            }
            Err(_) => if let Ok(lenient) = lenient {
                prop_assert!(lenient.report.n_repairs() > 0);
            }
        }
    }

    /// Exact quantizing compared with integer arithmetic on the ticks from which the times were
    /// computed; Python's rounding differs by at most one step, and only if a time is halfway.
    #[test]
    fn exact_steps_are_those_of_the_ticks(
        resolution in prop::sample::select(vec![96_u16, 120, 220, 480, 960]),
        microseconds in 100_000_u32..2_000_000,
        spans in prop::collection::vec((0_u64..40_000, 1_u64..4000), 1..20),
        steps in prop::sample::select(vec![3_u16, 4, 12, 24]),
        steps_per_second in prop::sample::select(vec![1_u32, 31, 100]),
    ) {
        let mut map = TempoMap::new(resolution);
        map.push(0, microseconds);
        let mut sequence = NoteSequence { ticks_per_quarter: resolution.into(), ..NoteSequence::default() };
        sequence.tempos.push(Tempo { time: 0.0, qpm: map.qpm(&map.pieces()[0]) });
        for (start, length) in &spans {
            let (start_time, end_time) = (map.seconds(*start), map.seconds(start + length));
            sequence.push(Note { start_time, end_time, ..Note::default() });
        }
        let grid = StepsPerQuarter::new(steps).unwrap();
        let exact = sequence.quantize_ticks(grid).unwrap();
        let parity = sequence.quantize(grid).unwrap();
        let absolute = sequence.quantize_absolute_ticks(steps_per_second.try_into().unwrap()).unwrap();
        let half_up = |numerator: u64, denominator: u64| {
            let (quotient, rest) = (numerator / denominator, numerator % denominator);
            i64::try_from(quotient + u64::from(2 * rest >= denominator)).unwrap()
        };
        for (i, (start, length)) in spans.iter().enumerate() {
            let step = |tick: u64| half_up(tick * u64::from(steps), resolution.into());
            let second_step = |tick: u64| {
                let per_second = u64::from(microseconds) * u64::from(steps_per_second);
                half_up(tick * per_second, u64::from(resolution) * 1_000_000)
            };
            let expected = |step: &dyn Fn(u64) -> i64| (step(*start), step(start + length).max(step(*start) + 1));
            prop_assert_eq!((exact.notes[i].start_step, exact.notes[i].end_step), expected(&step));
            prop_assert_eq!((absolute.notes[i].start_step, absolute.notes[i].end_step), expected(&second_step));
            let is_half = 2 * (start * u64::from(steps) % u64::from(resolution)) == u64::from(resolution);
            let difference = exact.notes[i].start_step - parity.notes[i].start_step;
            prop_assert!(difference == 0 || (is_half && difference == 1), "{}", difference);
        }
    }

    /// Windows are cut from the notes alone; the pieces from splitting give the same ones.
    #[test]
    fn windows_are_those_of_the_pieces(sequence in file_sequence()) {
        let tokens = |s: &NoteSequence| -> Vec<Vec<u16>> {
            let converter = note_seq::MelodyConverter::mel_2bar();
            let drums = note_seq::drums::DrumConverter::drums_2bar().windows(s).windows;
            let melodies = converter.windows(s).windows.into_iter().map(|w| w.tokens);
            melodies.chain(drums.into_iter().map(|w| w.tokens)).collect()
        };
        let mut sequence = sequence;
        sequence.time_signatures.clear();
        let mut whole = tokens(&sequence);
        let mut parts: Vec<_> = sequence.split_on_time_changes().iter().flat_map(tokens).collect();
        whole.sort();
        parts.sort();
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn labels_decode_and_encode_to_themselves(labels in prop::collection::vec(0_u16..90, 0..300)) {
        let melody = MelodyEncoding::PIANO.decode(&labels).unwrap();
        let clean = MelodyEncoding::PIANO.encode(&melody).unwrap();
        let first_note = labels.iter().position(|l| *l >= 2).unwrap_or(labels.len());
        prop_assert!(clean[..first_note].iter().all(|l| *l == 0));
        prop_assert_eq!(&clean[first_note..], &labels[first_note..]);
    }

    /// Notes created from labels are found again: labels to notes to steps to labels, from the
    /// first bar with a note.
    #[test]
    fn labels_survive_the_way_over_seconds(
        labels in prop::collection::vec(prop_oneof![3 => Just(0_u16), 1 => Just(1), 3 => 2_u16..90], 32),
        microseconds in 200_000_u32..2_000_000,
    ) {
        let melody = MelodyEncoding::PIANO.decode(&labels).unwrap();
        let playback = Playback { qpm: 6e7 / f64::from(microseconds), ..Playback::default() };
        let quantized = melody.to_sequence(&playback).quantize(StepsPerQuarter::SIXTEENTHS).unwrap();
        let again = note_seq::melody::extract(&quantized, &note_seq::melody::ExtractOptions {
            gap_bars: None, ..Default::default()
        }).unwrap();
        let mut expected = melody;
        // A second consecutive off has no meaning.
        let mut sounds = false;
        for event in &mut expected.events {
            match event {
                note_seq::MelodyEvent::NoteOn(_) => sounds = true,
                note_seq::MelodyEvent::NoteOff if !std::mem::take(&mut sounds) => *event = note_seq::MelodyEvent::NoEvent,
                _ => {}
            }
        }
        let found = again.first().map(|m| (m.start_step, m.events.clone())).unwrap_or_default();
        let start = usize::try_from(found.0).unwrap();
        prop_assert!(expected.events[..start].iter().all(|e| *e == note_seq::MelodyEvent::NoEvent));
        prop_assert_eq!(&found.1[..], &expected.events[start..start + found.1.len()]);
        prop_assert!(expected.events[start + found.1.len()..].iter().all(|e| *e == note_seq::MelodyEvent::NoEvent));
    }
}

/// The output of Python's `MessageToJson` for such a message.
#[test]
fn pythons_json_is_read_and_written() {
    let json = concat!(
        r#"{"ticksPerQuarter":220,"notes":[{"pitch":60,"velocity":80,"endTime":0.5,"isDrum":true}],"totalTime":0.5,"#,
        r#""keySignatures":[{"key":"C_SHARP","mode":"MINOR"}],"#,
        r#""textAnnotations":[{"text":"C","annotationType":"CHORD_SYMBOL"}]}"#
    );
    let sequence: NoteSequence = serde_json::from_str(json).unwrap();
    assert_eq!((sequence.key_signatures[0].key, sequence.key_signatures[0].mode), (1, Mode::Minor));
    assert_eq!(serde_json::to_string(&sequence).unwrap(), json);
    let other = r#"{"id":"x","key_signatures":[{"key":"B_FLAT","mode":"DORIAN"}],"sourceInfo":{"parser":"PRETTY_MIDI"}}"#;
    let sequence: NoteSequence = serde_json::from_str(other).unwrap();
    assert_eq!(
        (sequence.key_signatures[0].key, sequence.key_signatures[0].mode),
        (10, Mode::NotSpecified)
    );
}

/// Values can be sent between threads, and held across a caught panic.
#[test]
fn types_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() -> usize {
        size_of::<T>()
    }
    let sizes = [
        check::<NoteSequence>(),
        check::<midi::ReadFile>(),
        check::<midi::MidiError>(),
        check::<midi::WriteError>(),
        check::<note_seq::QuantizedSequence>(),
        check::<note_seq::QuantizeError>(),
        check::<note_seq::SplitError>(),
        check::<TempoMap>(),
        check::<note_seq::BarMap>(),
        check::<note_seq::MelodyConverter>(),
        check::<note_seq::Conversion<note_seq::MelodyWindow>>(),
        check::<note_seq::drums::DrumConverter>(),
        check::<note_seq::trio::TrioConverter>(),
        check::<note_seq::chords::ChordInference>(),
        check::<note_seq::groove::GrooveConverter>(),
        check::<note_seq::PianoRoll>(),
        check::<note_seq::Statistics>(),
    ];
    assert!(sizes.iter().all(|size| *size > 0));
}
