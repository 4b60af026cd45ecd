//! Hand-computed cuts: the contents of each piece.

use super::*;
use crate::{Note, Tempo, TimeSignature};

fn sequence() -> NoteSequence {
    let mut s = NoteSequence::default();
    for (start_time, end_time) in [(0.0, 1.0), (0.5, 3.0), (2.0, 2.5), (4.0, 6.0)] {
        s.push(Note { start_time, end_time, ..Note::default() });
    }
    s
}

#[test]
fn notes_go_where_they_start_and_are_cut_at_the_end() {
    let pieces = sequence().split_at(&[0.0, 2.0, 5.0]).unwrap();
    let times =
        |i: usize| pieces[i].notes.iter().map(|n| (n.start_time, n.end_time)).collect::<Vec<_>>();
    assert_eq!(times(0), [(0.0, 1.0), (0.5, 2.0)]);
    assert_eq!(times(1), [(0.0, 0.5), (2.0, 3.0)]);
    assert_eq!(
        pieces[1].subsequence_info.unwrap(),
        SubsequenceInfo { start_time_offset: 2.0, end_time_offset: 1.0 }
    );
}

#[test]
fn states_are_carried_over_and_a_change_on_the_cut_belongs_to_the_next_piece() {
    let mut s = sequence();
    s.tempos = vec![
        Tempo { time: 0.0, qpm: 100.0 },
        Tempo { time: 2.0, qpm: 90.0 },
        Tempo { time: 3.0, qpm: 80.0 },
    ];
    let pieces = s.split_at(&[0.0, 2.0, 4.0, 6.0]).unwrap();
    let tempos = |i: usize| pieces[i].tempos.iter().map(|t| (t.time, t.qpm)).collect::<Vec<_>>();
    assert_eq!(tempos(0), [(0.0, 100.0)]);
    assert_eq!(tempos(1), [(0.0, 90.0), (1.0, 80.0)]);
    assert_eq!(tempos(2), [(0.0, 80.0)]);
}

#[test]
fn pedal_state_is_carried_and_other_controllers_are_dropped() {
    let mut s = sequence();
    let at = |time, control_number, control_value| ControlChange {
        time,
        control_number,
        control_value,
        ..ControlChange::default()
    };
    s.control_changes = vec![at(1.0, 64, 127), at(1.0, 7, 90), at(4.5, 64, 0)];
    let pieces = s.split_at(&[0.0, 2.0, 4.0, 6.0]).unwrap();
    let pedals = |i: usize| {
        pieces[i].control_changes.iter().map(|c| (c.time, c.control_value)).collect::<Vec<_>>()
    };
    assert_eq!(pedals(0), [(1.0, 127)]);
    assert_eq!(pedals(1), [(0.0, 127)]);
    assert_eq!(pedals(2), [(0.0, 127), (0.5, 0)]);
}

#[test]
fn time_changes_cut_once_and_repeats_do_not() {
    let mut s = sequence();
    s.tempos = vec![
        Tempo { time: 0.0, qpm: 120.0 },
        Tempo { time: 1.0, qpm: 120.0 },
        Tempo { time: 2.0, qpm: 60.0 },
    ];
    s.time_signatures = vec![
        TimeSignature { time: 2.0, numerator: 3, denominator: 4 },
        TimeSignature { time: 7.0, numerator: 2, denominator: 4 },
    ];
    assert_eq!(s.time_change_cuts(), [0.0, 2.0, 6.0]);
    assert_eq!(NoteSequence::default().split_on_time_changes().len(), 0);
}

#[test]
fn bad_times_are_refused() {
    let s = sequence();
    assert_eq!(s.split_at(&[1.0]), Err(SplitError::TooFewTimes { n_times: 1 }));
    assert_eq!(s.split_at(&[1.0, 0.5]), Err(SplitError::Unsorted { earlier: 1.0, later: 0.5 }));
    assert_eq!(s.split_at(&[6.0, 7.0]), Err(SplitError::PastEnd { start: 6.0, total_time: 6.0 }));
}
