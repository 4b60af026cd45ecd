//! Measures of the number, onsets, lengths and loudness of notes.

use super::Passage;
use crate::features::{fraction, mean, syncopation_in};
use crate::note_list::{Family, Meter, TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH};

/// Ticks within a beat for the second of two uneven eighths.
const SWUNG: std::ops::RangeInclusive<f64> = 5.0..=10.0;

pub(super) fn n_notes(passage: &Passage) -> Option<f64> {
    has_tones_or_nothing(passage).then_some(passage.tones().len() as f64)
}

pub(super) fn n_onsets(passage: &Passage) -> Option<f64> {
    has_tones_or_nothing(passage).then_some(passage.moments().len() as f64)
}

/// Drums alone have no tones to count; silence has 0 tones.
fn has_tones_or_nothing(passage: &Passage) -> bool {
    !passage.tones().is_empty() || passage.notes().is_empty()
}

fn per_beat(passage: &Passage, n: Option<f64>) -> Option<f64> {
    n.filter(|_| passage.n_ticks() > 0).map(|n| n / passage.n_beats())
}

pub(super) fn notes_per_beat(passage: &Passage) -> Option<f64> {
    per_beat(passage, n_notes(passage))
}

pub(super) fn onsets_per_beat(passage: &Passage) -> Option<f64> {
    per_beat(passage, n_onsets(passage))
}

pub(super) fn note_length(passage: &Passage) -> Option<f64> {
    let beat = f64::from(passage.meter().beat());
    mean(passage.tones().iter().map(|note| f64::from(note.duration) / beat))
}

pub(super) fn off_beat(passage: &Passage) -> Option<f64> {
    fraction(passage.moments().iter(), |moment| !passage.is_on_beat(moment.tick))
}

pub(super) fn syncopation_per_bar(passage: &Passage) -> Option<f64> {
    let top = &passage.lines().top;
    let onsets = top.iter().map(|note| note.tick);
    let sum = syncopation_in(passage.meter(), onsets, passage.n_ticks());
    (!top.is_empty()).then(|| f64::from(sum) / f64::from(passage.n_bars()))
}

pub(super) fn triplets(passage: &Passage) -> Option<f64> {
    fraction(passage.moments().iter(), |moment| {
        let tick = moment.tick % u32::from(passage.meter().bar());
        tick.is_multiple_of(2) && !tick.is_multiple_of(TICKS_PER_SIXTEENTH.into())
    })
}

pub(super) fn swing(passage: &Passage) -> Option<f64> {
    let moments = passage.moments().iter();
    swing_ratio(passage.meter(), moments.map(|moment| (moment.tick, f64::from(moment.tick))))
}

/// Unevenness of eighths: over the beats of a simple meter in which notes start at two ticks of the
/// grid, the first on the beat, the mean position `p` of the second as the ratio `p / (12 − p)`.
/// Notes are given as ticks of the grid, ascending, with the times at which they are played.
pub(super) fn swing_ratio(meter: Meter, notes: impl Iterator<Item = (u32, f64)>) -> Option<f64> {
    if meter.is_compound() {
        return None;
    }
    let (bar, beat) = (u32::from(meter.bar()), u32::from(meter.beat()));
    let beat_start = |tick: u32| tick - tick % bar % beat;
    let notes: Vec<(u32, f64)> = notes.collect();
    let second = |notes: &[(u32, f64)]| {
        let start = beat_start(notes[0].0);
        let mut grid: Vec<u32> = notes.iter().map(|note| note.0).collect();
        grid.dedup();
        let is_pair = grid.len() == 2 && grid[0] == start;
        let seconds = notes.iter().filter(|note| note.0 != start);
        let position = mean(seconds.map(|note| note.1 - f64::from(start)))?;
        (is_pair && SWUNG.contains(&position)).then_some(position)
    };
    let beats = notes.chunk_by(|a, b| beat_start(a.0) == beat_start(b.0));
    let position = mean(beats.filter_map(second))?;
    Some(position / (f64::from(TICKS_PER_QUARTER) - position))
}

pub(super) fn articulation(passage: &Passage) -> Option<f64> {
    let beat = u32::from(passage.meter().beat());
    let held = |pair: &[super::line::LineNote]| {
        let until_next = pair[1].tick - pair[0].tick;
        let duration = pair[0].duration;
        let is_phrase_end = until_next.saturating_sub(duration) > beat;
        (!is_phrase_end).then(|| (f64::from(duration) / f64::from(until_next)).min(1.0))
    };
    mean(passage.lines().top.windows(2).filter_map(held))
}

fn velocities(passage: &Passage) -> impl Iterator<Item = f64> {
    passage.tones().iter().filter_map(|note| note.velocity).map(|v| f64::from(v.get()))
}

pub(super) fn velocity(passage: &Passage) -> Option<f64> {
    mean(velocities(passage))
}

pub(super) fn velocity_range(passage: &Passage) -> Option<f64> {
    let loudest = velocities(passage).reduce(f64::max);
    loudest.zip(velocities(passage).reduce(f64::min)).map(|(high, low)| high - low)
}

pub(super) fn families(passage: &Passage) -> Option<f64> {
    let plays = |family: &Family| passage.tones().iter().any(|note| note.family == *family);
    let n = Family::TONAL.iter().filter(|family| plays(family)).count();
    (n > 0).then_some(n as f64)
}

#[cfg(test)]
mod tests {
    use super::super::sounding::tests::tone;
    use super::super::{PassageNote, TextureFeature as F};
    use super::*;
    use crate::pitch::Velocity;

    fn passage(meter: Meter, notes: &[(u32, u32)]) -> Passage {
        Passage::new(meter, 1, notes.iter().map(|(onset, duration)| tone(*onset, *duration, 60)))
    }

    #[test]
    fn swung_eighths_are_two_to_one_and_triplets() {
        let swung = passage(Meter::COMMON, &[(0, 8), (8, 4), (12, 8), (20, 4), (24, 12)]);
        assert_eq!(F::Swing.of(&swung), Some(2.0));
        assert_eq!(F::Triplets.of(&swung), Some(0.4));
        assert_eq!(F::OffBeat.of(&swung), Some(0.4));
        let straight = passage(Meter::COMMON, &[(0, 6), (6, 6), (12, 3), (15, 3), (18, 6)]);
        // The second beat has three notes and does not count.
        assert_eq!(F::Swing.of(&straight), Some(1.0));
        let jig = Meter::from_signature(6, 8).unwrap();
        assert_eq!(F::Swing.of(&passage(jig, &[(0, 6), (6, 6)])), None);
        assert_eq!(F::Triplets.of(&passage(jig, &[(0, 6), (6, 6), (12, 6)])), Some(0.0));
    }

    #[test]
    fn counts_are_per_window_and_per_beat_of_the_meter() {
        let jig = Meter::from_signature(6, 8).unwrap();
        let notes = [tone(0, 18, 60), tone(0, 18, 64), tone(18, 9, 62)];
        let passage = Passage::new(jig, 1, notes);
        let values = [F::Notes, F::Onsets, F::NotesPerBeat, F::OnsetsPerBeat, F::NoteLength];
        let expected = [3.0, 2.0, 1.5, 1.0, 2.5 / 3.0];
        assert_eq!(values.map(|feature| feature.of(&passage).unwrap()), expected);
        assert_eq!(F::OffBeat.of(&passage), Some(0.0));
        assert_eq!(F::Families.of(&passage), Some(1.0));
    }

    #[test]
    fn short_notes_are_staccato_and_ends_of_phrases_do_not_count() {
        let staccato = passage(Meter::COMMON, &[(0, 6), (12, 3), (24, 24)]);
        assert_eq!(F::Articulation.of(&staccato), Some(0.375));
        // The second note is followed by more than a beat of rest.
        let phrases = passage(Meter::COMMON, &[(0, 12), (12, 6), (36, 12)]);
        assert_eq!(F::Articulation.of(&phrases), Some(1.0));
        assert_eq!(F::Articulation.of(&passage(Meter::COMMON, &[(0, 6)])), None);
    }

    #[test]
    fn dynamics_are_of_marked_notes() {
        let note = |velocity| PassageNote {
            velocity: Some(Velocity::saturating(velocity)),
            ..tone(0, 12, velocity)
        };
        let marked = Passage::new(Meter::COMMON, 1, [note(40), note(70), note(100)]);
        assert_eq!(F::Velocity.of(&marked), Some(70.0));
        assert_eq!(F::VelocityRange.of(&marked), Some(60.0));
        assert_eq!(F::Velocity.of(&passage(Meter::COMMON, &[(0, 12)])), None);
    }

    #[test]
    fn the_top_line_is_syncopated_in_its_meter() {
        // Over a steady bass, the melody skips the second beat and the bar line.
        let waltz = Meter::from_signature(3, 4).unwrap();
        let notes = [tone(0, 6, 72), tone(6, 24, 74), tone(30, 12, 76), tone(36, 36, 48)];
        let passage = Passage::new(waltz, 2, notes.into_iter().chain([tone(0, 36, 48)]));
        // −1 − (−2), and 0 − (−2), over two bars.
        assert_eq!(F::Syncopation.of(&passage), Some(1.5));
    }
}
