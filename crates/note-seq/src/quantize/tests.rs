//! Hand-computed rounding, and all errors of quantizing.

use super::*;
use crate::{Note, Pitch};

fn note(start_time: f64, end_time: f64) -> Note {
    Note { pitch: Pitch::new(60).unwrap(), start_time, end_time, ..Note::default() }
}

fn sequence(notes: &[Note]) -> NoteSequence {
    let mut sequence = NoteSequence::default();
    for n in notes {
        sequence.push(*n);
    }
    sequence
}

#[test]
fn halves_go_up_and_truncation_is_toward_zero() {
    // 8 steps per second: 1/16 s is half a step.
    for (seconds, step) in
        [(0.0, 0), (0.0625, 1), (0.0624, 0), (0.1875, 2), (-0.01, 0), (-0.0624, 0), (-0.2, -1)]
    {
        assert_eq!(quantize_to_step(seconds, 8.0), step, "{seconds}");
    }
}

#[test]
fn empty_notes_become_one_step_and_total_covers_them() {
    let quantized = sequence(&[note(0.5, 0.5), note(0.51, 0.53)])
        .quantize(StepsPerQuarter::SIXTEENTHS)
        .unwrap();
    assert_eq!(
        quantized.notes.iter().map(|n| (n.start_step, n.end_step)).collect::<Vec<_>>(),
        [(4, 5), (4, 5)]
    );
    assert_eq!(quantized.total_steps, 5);
    assert_eq!(quantized.steps_per_bar(), Some(16.0));
}

#[test]
fn negative_times_are_refused_from_one_step_on() {
    assert!(sequence(&[note(-0.01, 1.0)]).quantize(StepsPerQuarter::SIXTEENTHS).is_ok());
    assert_eq!(
        sequence(&[note(-0.2, 1.0)]).quantize(StepsPerQuarter::SIXTEENTHS),
        Err(QuantizeError::NegativeTime { seconds: -0.2 })
    );
}

#[test]
fn a_late_first_tempo_is_a_change_unless_it_is_the_default() {
    let mut late = sequence(&[note(0.0, 1.0)]);
    late.tempos.push(Tempo { time: 1.0, qpm: 120.0 });
    assert!(late.quantize(StepsPerQuarter::SIXTEENTHS).is_ok());
    late.tempos[0].qpm = 121.0;
    assert_eq!(
        late.quantize(StepsPerQuarter::SIXTEENTHS),
        Err(QuantizeError::MultipleTempos { first: 120.0, second: 121.0, at: 1.0 })
    );
}

#[test]
fn repeats_pass_and_changes_do_not() {
    let mut s = sequence(&[note(0.0, 1.0)]);
    let at = |time, numerator, denominator| TimeSignature { time, numerator, denominator };
    s.time_signatures = vec![at(0.0, 3, 4), at(2.0, 3, 4)];
    assert_eq!(s.quantize(StepsPerQuarter::SIXTEENTHS).unwrap().steps_per_bar(), Some(12.0));
    s.time_signatures[1] = at(2.0, 6, 8);
    assert_eq!(
        s.quantize(StepsPerQuarter::SIXTEENTHS),
        Err(QuantizeError::MultipleTimeSignatures { first: (3, 4), second: (6, 8), at: 2.0 })
    );
}

#[test]
fn bad_signatures_and_grids_are_refused() {
    let mut s = sequence(&[note(0.0, 1.0)]);
    for (numerator, denominator) in [(0, 4), (4, 3), (4, 0)] {
        s.time_signatures = vec![TimeSignature { time: 0.0, numerator, denominator }];
        assert_eq!(
            s.quantize(StepsPerQuarter::SIXTEENTHS),
            Err(QuantizeError::BadTimeSignature { numerator, denominator })
        );
    }
    for steps_per_second in [0.0, -1.0, f64::INFINITY] {
        assert_eq!(
            s.quantize_absolute(steps_per_second),
            Err(QuantizeError::BadGrid { steps_per_second })
        );
    }
    assert_eq!(s.quantize_absolute(100.0).unwrap().notes[0].end_step, 100);
}
