//! Adapts a user's music to windows: one tempo, one line, the range of the model.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use note_seq::{DEFAULT_QPM, Note, NoteSequence, Pitch, Program, Tempo};

/// Semitones of an octave.
const OCTAVE: i32 = 12;

/// The same music at its first tempo: on a grid of note values tempo changes are irrelevant, and a
/// window may then span them.
pub(crate) fn at_one_tempo(sequence: &NoteSequence) -> NoteSequence {
    let mut even = sequence.clone();
    if sequence.tempos.len() < 2 {
        return even;
    }
    let map = sequence.tempo_map();
    let qpm = first_qpm(sequence);
    let moved = |seconds: f64| map.quarters(seconds.max(0.0)) * 60.0 / qpm;
    for note in &mut even.notes {
        note.start_time = moved(note.start_time);
        note.end_time = moved(note.end_time);
    }
    for signature in &mut even.time_signatures {
        signature.time = moved(signature.time);
    }
    even.total_time = moved(sequence.total_time);
    even.tempos = vec![Tempo { time: 0.0, qpm }];
    // Other timed events are not needed for windows.
    even.text_annotations.clear();
    even.key_signatures.clear();
    even.control_changes.clear();
    even.pitch_bends.clear();
    even
}

/// The tempo at the beginning.
pub(super) fn first_qpm(sequence: &NoteSequence) -> f64 {
    let first = sequence.tempos.iter().min_by(|a, b| a.time.total_cmp(&b.time));
    first.map_or(DEFAULT_QPM, |tempo| tempo.qpm)
}

/// The upper line of several voices, the skyline: the highest note at every time (Uitdenbogerd and
/// Zobel, "Manipulation of music for melody matching", 1998). A note that begins below a higher one
/// is left out; when a higher one begins, a lower note ends.
pub(super) fn skyline(notes: &[Note]) -> Vec<Note> {
    let mut sorted: Vec<Note> = notes.to_vec();
    sorted.sort_by(|a, b| {
        a.start_time.total_cmp(&b.start_time).then(Reverse(a.pitch).cmp(&Reverse(b.pitch)))
    });
    let mut line = Vec::<Note>::with_capacity(sorted.len());
    for note in sorted {
        if let Some(last) = line.last_mut() {
            // A rounding error of the time is not an overlap.
            let overlaps = note.start_time < last.end_time - OVERLAP_SECONDS;
            if overlaps && note.pitch <= last.pitch {
                continue;
            }
            last.end_time = last.end_time.min(note.start_time);
        }
        line.push(note);
    }
    line
}

/// Notes that overlap by less than this (in seconds) are legato, not simultaneous.
pub(super) const OVERLAP_SECONDS: f64 = 0.03;

/// Octave shift, in semitones, that brings the most notes into a range; the smallest of equally
/// good ones, preferring downward.
pub(super) fn octaves_into(notes: &[Note], (lowest, highest): (Pitch, Pitch)) -> i32 {
    let n_inside = |shift: i32| {
        let inside = |note: &&Note| {
            note.pitch.transposed(shift).is_some_and(|p| (lowest..=highest).contains(&p))
        };
        notes.iter().filter(inside).count()
    };
    let shifts = (0..=10).flat_map(|n| [-n * OCTAVE, n * OCTAVE]);
    // The first of the best ones: `max_by_key` alone would take the last.
    shifts.rev().max_by_key(|shift| n_inside(*shift)).unwrap_or(0)
}

/// A line in the form the model accepts: shifted by `semitones`, without notes outside the range,
/// and with a program that every kind of window accepts. Also returns the notes left out.
pub(super) fn fitted(
    notes: &[Note],
    semitones: i32,
    (lowest, highest): (Pitch, Pitch),
) -> (Vec<Note>, Vec<Note>) {
    let (mut kept, mut dropped) = (Vec::with_capacity(notes.len()), Vec::new());
    for note in notes {
        match note.pitch.transposed(semitones).filter(|p| (lowest..=highest).contains(p)) {
            Some(pitch) => kept.push(Note { pitch, program: Program::MIN, ..*note }),
            None => dropped.push(*note),
        }
    }
    (kept, dropped)
}

/// The notes of `all` that are not in `kept`, compared by start and pitch.
pub(super) fn without(all: &[Note], kept: &[Note]) -> Vec<Note> {
    let key = |note: &Note| (note.start_time.to_bits(), note.pitch);
    let mut n_kept = BTreeMap::<_, usize>::new();
    for note in kept {
        *n_kept.entry(key(note)).or_default() += 1;
    }
    let mut is_gone = |note: &&Note| match n_kept.get_mut(&key(note)) {
        Some(n) if *n > 0 => {
            *n -= 1;
            false
        }
        _ => true,
    };
    all.iter().filter(|note| is_gone(note)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn note(pitch: u8, start_time: f64, end_time: f64) -> Note {
        Note { pitch: Pitch::new(pitch).unwrap(), start_time, end_time, ..Note::default() }
    }

    #[test]
    fn the_skyline_is_the_upper_voice() {
        // A melody over held chords; the second chord begins under a held melody note.
        let notes = [
            note(72, 0.0, 1.0),
            note(48, 0.0, 4.0),
            note(74, 1.0, 3.0),
            note(52, 2.0, 4.0),
            note(76, 3.0, 4.0),
        ];
        let line: Vec<_> =
            skyline(&notes).iter().map(|n| (n.pitch.get(), n.start_time, n.end_time)).collect();
        assert_eq!(line, [(72, 0.0, 1.0), (74, 1.0, 3.0), (76, 3.0, 4.0)]);
        // A higher note ends a lower held one; afterwards the lower voice continues.
        let notes = [note(60, 0.0, 4.0), note(67, 1.0, 2.0), note(62, 3.0, 4.0)];
        let line: Vec<_> = skyline(&notes).iter().map(|n| (n.pitch.get(), n.end_time)).collect();
        assert_eq!(line, [(60, 1.0), (67, 2.0), (62, 4.0)]);
    }

    #[test]
    fn tempo_changes_do_not_move_notes_on_the_grid() {
        let mut sequence = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
        sequence.tempos = vec![Tempo { time: 0.0, qpm: 120.0 }, Tempo { time: 1.0, qpm: 60.0 }];
        // The third quarter begins at 1 s, the fourth at 2 s.
        for (start, end) in [(0.0, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 3.0)] {
            sequence.push(note(60, start, end));
        }
        let even = at_one_tempo(&sequence);
        let spans: Vec<_> = even.notes.iter().map(|n| (n.start_time, n.end_time)).collect();
        assert_eq!(spans, [(0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0)]);
        assert_eq!((even.tempos.len(), even.total_time), (1, 2.0));
    }

    #[test]
    fn octaves_bring_lines_into_range_and_what_can_not_fit_is_counted() {
        let range = (Pitch::new(21).unwrap(), Pitch::new(108).unwrap());
        let low = [note(10, 0.0, 1.0), note(14, 1.0, 2.0)];
        assert_eq!(octaves_into(&low, range), 12);
        assert_eq!(octaves_into(&[note(120, 0.0, 1.0)], range), -12);
        assert_eq!(octaves_into(&[note(60, 0.0, 1.0)], range), 0);
        let wide = [note(0, 0.0, 1.0), note(100, 1.0, 2.0), note(101, 2.0, 3.0)];
        let shift = octaves_into(&wide, range);
        assert_eq!(shift, 0);
        assert_eq!(fitted(&wide, shift, range).1, [wide[0]]);
        assert_eq!(without(&wide, &wide[1..]), [wide[0]]);
    }

    proptest! {
        #[test]
        fn a_skyline_has_one_note_at_a_time_and_the_highest_of_all_is_in_it(
            notes in proptest::collection::vec((0_u8..128, 0_u32..64, 1_u32..16), 1..40),
        ) {
            let notes: Vec<Note> = notes
                .iter()
                .map(|(p, s, n)| note(*p, f64::from(*s) / 4.0, f64::from(s + n) / 4.0))
                .collect();
            let line = skyline(&notes);
            for pair in line.windows(2) {
                prop_assert!(pair[0].end_time <= pair[1].start_time);
            }
            let highest = notes.iter().map(|n| n.pitch).max();
            prop_assert_eq!(line.iter().map(|n| n.pitch).max(), highest);
            // A single line is its own skyline.
            prop_assert_eq!(skyline(&line), line);
        }
    }
}
