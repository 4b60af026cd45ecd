//! Extraction compared with hand-made results: gaps, chords, late starts, cuts.

use super::*;
use crate::StepsPerQuarter;
use crate::{Grid, Melody, MelodyEncoding, Pitch, Program, TimeSignature, Velocity};

fn sequence(notes: &[(u8, Step, Step)]) -> QuantizedSequence {
    let notes = notes.iter().map(|(pitch, start_step, end_step)| QuantizedNote {
        pitch: Pitch::new(*pitch).unwrap(),
        velocity: Velocity::new(100).unwrap(),
        start_step: *start_step,
        end_step: *end_step,
        instrument: 0,
        program: Program::MIN,
        is_drum: false,
    });
    let grid = Grid::Relative {
        steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
        qpm: 120.0,
        time_signature: TimeSignature::default(),
    };
    QuantizedSequence { grid, notes: notes.collect(), total_steps: 0 }
}

fn melodies(notes: &[(u8, Step, Step)]) -> Vec<Melody> {
    extract(&sequence(notes), &ExtractOptions::default()).unwrap()
}

fn labels(melody: &Melody) -> Vec<u16> {
    MelodyEncoding::PIANO.encode(melody).unwrap()
}

/// Labels by runs: `(label, count)`.
fn runs(runs: &[(u16, usize)]) -> Vec<u16> {
    runs.iter().flat_map(|(label, count)| std::iter::repeat_n(*label, *count)).collect()
}

#[test]
fn the_top_of_a_chord_stays_and_later_notes_cut_earlier_ones() {
    // 67 above 64 and 60 for one step; 62 ends no note that was kept.
    let found =
        melodies(&[(60, 0, 4), (64, 0, 8), (67, 0, 1), (62, 4, 8), (72, 16, 32), (60, 20, 24)]);
    assert_eq!(found.len(), 1);
    let expected = [
        (48, 1),
        (1, 1),
        (0, 2),
        (43, 1),
        (0, 3),
        (1, 1),
        (0, 7),
        (53, 1),
        (0, 3),
        (41, 1),
        (0, 3),
        (1, 1),
        (0, 7),
    ];
    assert_eq!(labels(&found[0]), runs(&expected));
}

#[test]
fn a_gap_of_one_bar_splits_and_one_step_less_does_not() {
    let split = melodies(&[(60, 0, 16), (62, 32, 48)]);
    assert_eq!(
        split.iter().map(|m| (m.start_step, m.end_step())).collect::<Vec<_>>(),
        [(0, 16), (32, 48)]
    );
    let whole = melodies(&[(60, 0, 16), (62, 31, 48)]);
    assert_eq!(whole.iter().map(|m| (m.start_step, m.end_step())).collect::<Vec<_>>(), [(0, 48)]);
}

#[test]
fn leading_bars_are_left_out_and_the_end_is_padded_with_its_off() {
    let found = melodies(&[(60, 37, 39)]);
    assert_eq!(
        (found[0].start_step, labels(&found[0])),
        (32, runs(&[(0, 5), (41, 1), (0, 1), (1, 1), (0, 8)]))
    );
    let bare = ExtractOptions { pad_end: false, ..ExtractOptions::default() };
    let found = extract(&sequence(&[(60, 37, 39)]), &bare).unwrap();
    assert_eq!(labels(&found[0]), runs(&[(0, 5), (41, 1), (0, 1)]));
}

#[test]
fn the_end_can_be_padded_to_whole_windows() {
    let options = ExtractOptions { pad_bars: 2, ..ExtractOptions::default() };
    let padded =
        |notes: &[(u8, Step, Step)]| labels(&extract(&sequence(notes), &options).unwrap()[0]);
    assert_eq!(padded(&[(60, 0, 16)]), runs(&[(41, 1), (0, 15), (1, 1), (0, 15)]));
    // Two bars need no padding.
    assert_eq!(padded(&[(60, 0, 32)]), runs(&[(41, 1), (0, 31)]));
    assert_eq!(padded(&[(60, 0, 33)]).len(), 64);
}

#[test]
fn a_cut_melody_is_not_searched_again() {
    let notes: Vec<(u8, Step, Step)> = (0..120).map(|bar| (60, bar * 16, bar * 16 + 16)).collect();
    let found = melodies(&notes);
    assert_eq!(found.iter().map(|m| m.events.len()).collect::<Vec<_>>(), [1600]);
}

#[test]
fn a_held_note_of_any_length_costs_no_memory_when_capped_and_is_refused_when_not() {
    let far = 40_000_000_000;
    assert_eq!(melodies(&[(60, 0, far)])[0].events.len(), 1600);
    let unbounded = ExtractOptions { max_bars: None, ..ExtractOptions::default() };
    assert_eq!(
        extract(&sequence(&[(60, 0, far)]), &unbounded),
        Err(ExtractError::TooLong { instrument: 0, n_steps: far })
    );
}

#[test]
fn chords_are_refused_where_asked() {
    let strict = ExtractOptions { ignore_polyphonic: false, ..ExtractOptions::default() };
    assert_eq!(
        extract(&sequence(&[(60, 4, 8), (64, 4, 8)]), &strict),
        Err(ExtractError::Polyphonic { instrument: 0, step: 4 })
    );
}

#[test]
fn odd_bars_and_absolute_grids_are_refused() {
    let mut odd = sequence(&[(60, 0, 4)]);
    odd.grid = Grid::Absolute { steps_per_second: 100.0 };
    assert_eq!(extract(&odd, &ExtractOptions::default()), Err(ExtractError::AbsoluteGrid));
    odd.grid = Grid::Relative {
        steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
        qpm: 120.0,
        time_signature: TimeSignature { time: 0.0, numerator: 7, denominator: 32 },
    };
    assert_eq!(
        extract(&odd, &ExtractOptions::default()),
        Err(ExtractError::NonIntegerStepsPerBar { steps_per_bar: 3.5 })
    );
}
