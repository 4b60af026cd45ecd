//! Measures of lines: motion of bass and melody, and structure of accompaniments.

use super::Passage;
use super::line::{LineNote, Moment};
use crate::features::{LEAP, STEP, fraction, interval_class, mean};

/// Minimum and maximum leap of a broken chord.
const BROKEN: std::ops::RangeInclusive<i32> = 3..=19;

fn intervals(line: &[LineNote]) -> impl Iterator<Item = i32> {
    line.windows(2).map(|pair| i32::from(pair[1].pitch) - i32::from(pair[0].pitch))
}

fn rate(passage: &Passage, line: &[LineNote]) -> Option<f64> {
    (!line.is_empty()).then(|| line.len() as f64 / passage.n_beats())
}

fn steps(line: &[LineNote]) -> Option<f64> {
    fraction(intervals(line), |i| (1..=STEP).contains(&i.abs()))
}

fn leaps(line: &[LineNote]) -> Option<f64> {
    fraction(intervals(line), |i| i.abs() >= LEAP)
}

fn repeats(line: &[LineNote]) -> Option<f64> {
    fraction(intervals(line), |i| i == 0)
}

pub(super) fn bass_pitch(passage: &Passage) -> Option<f64> {
    mean(passage.lines().bass.iter().map(|note| f64::from(note.pitch)))
}

pub(super) fn bass_rate(passage: &Passage) -> Option<f64> {
    rate(passage, &passage.lines().bass)
}

pub(super) fn bass_on_beat(passage: &Passage) -> Option<f64> {
    fraction(passage.lines().bass.iter(), |note| passage.is_on_beat(note.tick))
}

pub(super) fn bass_steps(passage: &Passage) -> Option<f64> {
    steps(&passage.lines().bass)
}

pub(super) fn bass_leaps(passage: &Passage) -> Option<f64> {
    leaps(&passage.lines().bass)
}

pub(super) fn bass_repeats(passage: &Passage) -> Option<f64> {
    repeats(&passage.lines().bass)
}

pub(super) fn top_rate(passage: &Passage) -> Option<f64> {
    rate(passage, &passage.lines().top)
}

pub(super) fn top_steps(passage: &Passage) -> Option<f64> {
    steps(&passage.lines().top)
}

pub(super) fn top_leaps(passage: &Passage) -> Option<f64> {
    leaps(&passage.lines().top)
}

pub(super) fn top_repeats(passage: &Passage) -> Option<f64> {
    repeats(&passage.lines().top)
}

pub(super) fn together(passage: &Passage) -> Option<f64> {
    fraction(passage.moments().iter(), |moment| moment.starting.len() > 1)
}

pub(super) fn homophony(passage: &Passage) -> Option<f64> {
    let many = passage.moments().iter().filter(|moment| moment.sounding.len() > 1);
    mean(many.map(|m| f64::from(m.starting.len()) / f64::from(m.sounding.len())))
}

pub(super) fn melody_apart(passage: &Passage) -> Option<f64> {
    let below = &passage.lines().below;
    let many: Vec<bool> = passage
        .moments()
        .iter()
        .zip(below)
        .filter(|(moment, below)| moment.sounding.len() > 1 || !below.is_empty())
        // Apart if all starting tones are on one side.
        .map(|(m, below)| below.is_empty() || below.len() == m.starting.len())
        .collect();
    let has_both = !passage.lines().top.is_empty() && below.iter().any(|b| !b.is_empty());
    if has_both { fraction(many.into_iter(), |apart| apart) } else { None }
}

pub(super) fn block_chords(passage: &Passage) -> Option<f64> {
    let with_below = passage.lines().below.iter().filter(|below| !below.is_empty());
    fraction(with_below, |below| below.len() > 1)
}

/// The fraction of the moments in a broken triple of successive ones; with `changes`, only triples
/// that change direction count.
fn broken(passage: &Passage, changes: bool) -> Option<f64> {
    let moments = passage.moments();
    let beat = u32::from(passage.meter().beat());
    let pitch = |moment: &Moment| i32::from(moment.lowest());
    let is_chord = |a: i32, b: i32| matches!(interval_class(a, b), 0 | 3..=6);
    let mut is_broken = vec![false; moments.len()];
    for (i, triple) in moments.windows(3).enumerate() {
        let [a, b, c] = [&triple[0], &triple[1], &triple[2]].map(pitch);
        let (first, second) = (b - a, c - b);
        let is_near = triple.windows(2).all(|pair| pair[1].tick - pair[0].tick <= beat);
        if is_near
            && triple.iter().all(|moment| moment.starting.len() <= 2)
            && [first, second].iter().all(|leap| BROKEN.contains(&leap.abs()))
            && is_chord(a, b)
            && is_chord(b, c)
            && is_chord(a, c)
            && (!changes || first.signum() != second.signum())
        {
            is_broken[i..i + 3].fill(true);
        }
    }
    fraction(is_broken.into_iter(), |is_broken| is_broken)
}

pub(super) fn broken_chords(passage: &Passage) -> Option<f64> {
    broken(passage, false)
}

pub(super) fn alberti(passage: &Passage) -> Option<f64> {
    broken(passage, true)
}

pub(super) fn bass_then_chords(passage: &Passage) -> Option<f64> {
    let lines = passage.lines();
    (lines.n_bars > 0).then(|| lines.n_bars_with_after_beats as f64 / lines.n_bars as f64)
}

pub(super) fn after_beats(passage: &Passage) -> Option<f64> {
    let lines = passage.lines();
    (lines.n_followed > 0).then(|| lines.after_beats.len() as f64 / lines.n_followed as f64)
}

#[cfg(test)]
mod tests {
    use super::super::TextureFeature as F;
    use super::super::sounding::tests::tone;
    use super::*;
    use crate::note_list::Meter;

    fn passage(meter: (u32, u32), n_bars: u16, notes: &[(u32, u32, u8)]) -> Passage {
        let notes = notes.iter().map(|(onset, duration, pitch)| tone(*onset, *duration, *pitch));
        Passage::new(Meter::from_signature(meter.0, meter.1).unwrap(), n_bars, notes)
    }

    fn check(passage: &Passage, expected: &[(F, f64)]) {
        for (feature, expected) in expected {
            let found = feature.of(passage).unwrap_or(f64::NAN);
            assert!((found - expected).abs() < 1e-12, "{feature}: {found}, not {expected}");
        }
    }

    /// E5 over C3 with E4 and G4, then D5 over G2 with F4 and B4.
    const WALTZ: [(u32, u32, u8); 12] = [
        (0, 36, 76),
        (0, 12, 48),
        (12, 12, 64),
        (12, 12, 67),
        (24, 12, 64),
        (24, 12, 67),
        (36, 36, 74),
        (36, 12, 43),
        (48, 12, 65),
        (48, 12, 71),
        (60, 12, 65),
        (60, 12, 71),
    ];

    #[test]
    fn a_waltz_has_a_bass_of_two_notes_and_after_beats() {
        let expected = [
            (F::BassRate, 2.0 / 6.0),
            (F::BassPitch, 45.5),
            (F::BassOnBeat, 1.0),
            (F::BassLeaps, 1.0),
            (F::BassSteps, 0.0),
            (F::BassThenChords, 1.0),
            (F::AfterBeats, 2.0),
            (F::TopRate, 2.0 / 6.0),
            (F::TopSteps, 1.0),
            (F::Together, 1.0),
            // Melody and accompaniment start together only on the first beats.
            (F::MelodyApart, 4.0 / 6.0),
            (F::BlockChords, 4.0 / 6.0),
            // Both tones on first beats, two of three on the others.
            (F::Homophony, (1.0 + 2.0 / 3.0 + 2.0 / 3.0) / 3.0),
            (F::BrokenChords, 0.0),
        ];
        check(&passage((3, 4), 2, &WALTZ), &expected);
        // The accompaniment alone, and with the bass held below the chords.
        check(&passage((3, 4), 1, &WALTZ[1..6]), &[(F::BassThenChords, 1.0), (F::AfterBeats, 2.0)]);
        let held = [&[(0, 36, 48)], &WALTZ[2..6]].concat();
        check(&passage((3, 4), 1, &held), &[(F::BassThenChords, 1.0), (F::AfterBeats, 2.0)]);
    }

    #[test]
    fn inner_voices_that_move_together_are_no_after_beats() {
        // Four voices; tenor and alto move on the second beat.
        let chorale = [
            (0, 24, 48),
            (0, 12, 60),
            (0, 12, 64),
            (0, 24, 72),
            (12, 12, 62),
            (12, 12, 65),
            (24, 24, 43),
            (24, 24, 59),
            (24, 24, 62),
            (24, 24, 67),
        ];
        let expected =
            [(F::BassThenChords, 0.0), (F::BassRate, 0.5), (F::Homophony, (1.0 + 0.5 + 1.0) / 3.0)];
        check(&passage((4, 4), 1, &chorale), &expected);
        assert_eq!(F::AfterBeats.of(&passage((4, 4), 1, &chorale)), None);
    }

    #[test]
    fn broken_chords_and_scales_are_told_apart() {
        let eighths = |pitches: [u8; 8]| -> Vec<(u32, u32, u8)> {
            (0..).step_by(6).zip(pitches).map(|(onset, pitch)| (onset, 6, pitch)).collect()
        };
        let shares = |pitches| {
            let passage = passage((4, 4), 1, &eighths(pitches));
            [F::BrokenChords, F::Alberti].map(|feature| feature.of(&passage).unwrap())
        };
        assert_eq!(shares([48, 55, 52, 55, 48, 55, 52, 55]), [1.0, 1.0]);
        assert_eq!(shares([48, 52, 55, 60, 64, 67, 72, 76]), [1.0, 0.0]);
        assert_eq!(shares([48, 50, 52, 53, 55, 57, 59, 60]), [0.0, 0.0]);
        // Half a bar of a broken chord: its four notes; the following step is not part of one.
        assert_eq!(shares([48, 52, 55, 60, 59, 57, 55, 53]), [0.5, 0.0]);
    }

    #[test]
    fn a_line_passes_over_what_is_left_of_the_note_before() {
        // A falling line whose first note is a tick too long: both notes are in the top line.
        let overlap = [(0, 13, 67), (12, 12, 65), (0, 24, 48)];
        check(&passage((2, 4), 1, &overlap), &[(F::TopSteps, 1.0), (F::TopRate, 1.0)]);
        // A note below a held one is not.
        let held = [(0, 24, 67), (12, 12, 65), (0, 24, 48)];
        check(&passage((2, 4), 1, &held), &[(F::TopRate, 0.5), (F::MelodyApart, 0.5)]);
        // An accompaniment below a rest of the melody is not.
        let rest = [(0, 12, 79), (12, 12, 55), (24, 12, 77), (0, 36, 48)];
        check(&passage((3, 4), 1, &rest), &[(F::TopRate, 2.0 / 3.0), (F::TopSteps, 1.0)]);
    }

    #[test]
    fn intervals_of_lines_are_counted() {
        let line = [(0, 12, 60), (12, 12, 60), (24, 12, 62), (36, 12, 69)];
        let third = 1.0 / 3.0;
        let expected = [
            (F::TopRepeats, third),
            (F::TopSteps, third),
            (F::TopLeaps, third),
            (F::BassRepeats, third),
        ];
        check(&passage((4, 4), 1, &line), &expected);
        assert_eq!(F::MelodyApart.of(&passage((4, 4), 1, &line)), None);
        assert_eq!(F::BlockChords.of(&passage((4, 4), 1, &line)), None);
    }
}
