//! Measures of drums.

use super::rhythm::swing_ratio;
use super::{Passage, PassageNote};
use crate::drums::DrumMap;
use crate::features::{fraction, mean, syncopation_in};
use crate::note_list::TICKS_PER_QUARTER;

/// Classes of [`DrumMap::MAGENTA`].
const KICK: u8 = 0;
const SNARE: u8 = 1;

fn has_drums(passage: &Passage) -> bool {
    passage.drums().next().is_some()
}

fn class(note: &PassageNote) -> Option<u8> {
    DrumMap::MAGENTA.class(note.pitch)
}

/// Number of hits of some classes per bar.
fn per_bar(passage: &Passage, classes: std::ops::RangeInclusive<u8>) -> Option<f64> {
    let hits = passage.drums().filter(|note| class(note).is_some_and(|c| classes.contains(&c)));
    has_drums(passage).then(|| hits.count() as f64 / f64::from(passage.n_bars()))
}

pub(super) fn hits(passage: &Passage) -> Option<f64> {
    has_drums(passage).then(|| passage.drums().count() as f64 / passage.n_beats())
}

pub(super) fn kicks(passage: &Passage) -> Option<f64> {
    per_bar(passage, KICK..=KICK)
}

pub(super) fn snares(passage: &Passage) -> Option<f64> {
    per_bar(passage, SNARE..=SNARE)
}

pub(super) fn hats(passage: &Passage) -> Option<f64> {
    per_bar(passage, 2..=3)
}

pub(super) fn toms(passage: &Passage) -> Option<f64> {
    per_bar(passage, 4..=6)
}

pub(super) fn cymbals(passage: &Passage) -> Option<f64> {
    per_bar(passage, 7..=8)
}

pub(super) fn backbeat(passage: &Passage) -> Option<f64> {
    let (bar, beat) = (u32::from(passage.meter().bar()), u32::from(passage.meter().beat()));
    let snares = passage.drums().filter(|note| class(note) == Some(SNARE));
    fraction(snares, |note| {
        let in_bar = note.onset % bar;
        in_bar.is_multiple_of(beat) && (in_bar / beat) % 2 == 1
    })
}

pub(super) fn syncopation_per_bar(passage: &Passage) -> Option<f64> {
    let of_class = |wanted: u8| {
        let mut onsets: Vec<u32> = passage
            .drums()
            .filter(|note| class(note) == Some(wanted))
            .map(|note| note.onset)
            .collect();
        onsets.dedup();
        syncopation_in(passage.meter(), onsets, passage.n_ticks())
    };
    let sum = || f64::from(of_class(KICK) + of_class(SNARE));
    has_drums(passage).then(|| sum() / f64::from(passage.n_bars()))
}

pub(super) fn swing(passage: &Passage) -> Option<f64> {
    let played = |note: &PassageNote| (note.onset, f64::from(note.onset) + f64::from(note.offset));
    swing_ratio(passage.meter(), passage.drums().map(played))
}

fn velocities(passage: &Passage) -> impl Iterator<Item = f64> {
    passage.drums().filter_map(|note| note.velocity).map(|velocity| f64::from(velocity.get()))
}

pub(super) fn velocity(passage: &Passage) -> Option<f64> {
    mean(velocities(passage))
}

pub(super) fn velocity_spread(passage: &Passage) -> Option<f64> {
    deviation(|| velocities(passage))
}

/// Times of hits relative to their tick of the grid, in milliseconds.
fn timings(passage: &Passage) -> impl Iterator<Item = f64> {
    let ms_per_tick = 60_000.0 / passage.qpm() / f64::from(TICKS_PER_QUARTER);
    passage.drums().map(move |note| f64::from(note.offset) * ms_per_tick)
}

pub(super) fn timing(passage: &Passage) -> Option<f64> {
    mean(timings(passage))
}

pub(super) fn timing_spread(passage: &Passage) -> Option<f64> {
    deviation(|| timings(passage))
}

/// The standard deviation of some values.
fn deviation<I: Iterator<Item = f64>>(values: impl Fn() -> I) -> Option<f64> {
    let center = mean(values())?;
    mean(values().map(|value| (value - center).powi(2))).map(f64::sqrt)
}

#[cfg(test)]
mod tests {
    use super::super::TextureFeature as F;
    use super::*;
    use crate::note_list::{Family, Meter};
    use crate::pitch::{Pitch, Velocity};

    fn hit(onset: u32, offset: f32, key: u8, velocity: u8) -> PassageNote {
        PassageNote {
            onset,
            offset,
            duration: 1,
            pitch: Pitch::saturating(key),
            family: Family::Drums,
            velocity: Some(Velocity::saturating(velocity)),
        }
    }

    /// Kick on 1 and 3, snare on 2 (a tick late) and 4, hi-hat on eighths.
    fn rock() -> Passage {
        let hats = (0..8).map(|i| hit(6 * i, 0.0, 42, 60));
        let others = [
            hit(0, 0.0, 36, 100),
            hit(24, 0.0, 36, 100),
            hit(12, 1.0, 38, 100),
            hit(36, 0.0, 38, 100),
        ];
        Passage::new(Meter::COMMON, 1, hats.chain(others))
    }

    #[test]
    fn a_rock_beat_by_hand() {
        let value = |feature: F| feature.of(&rock());
        assert_eq!(value(F::DrumHits), Some(3.0));
        assert_eq!(
            [F::DrumKicks, F::DrumSnares, F::DrumHats].map(value),
            [2.0, 2.0, 8.0].map(Some)
        );
        assert_eq!([F::DrumToms, F::DrumCymbals].map(value), [Some(0.0); 2]);
        assert_eq!(value(F::DrumBackbeat), Some(1.0));
        // The snare on 2 skips the third beat, −1 − (−2); nothing else skips a stronger tick.
        assert_eq!(value(F::DrumSyncopation), Some(1.0));
        assert_eq!(value(F::DrumVelocity), Some((8.0 * 60.0 + 4.0 * 100.0) / 12.0));
        // 8 at −40/3 and 4 at 80/3 from the mean of 220/3.
        let variance: f64 = (8.0 * 1600.0 + 4.0 * 6400.0) / 9.0 / 12.0;
        assert!((value(F::DrumVelocitySpread).unwrap() - variance.sqrt()).abs() < 1e-9);
        // One of twelve hits is a tick late: 500 / 12 ms at 120 quarter notes per minute.
        let tick = 500.0 / 12.0;
        assert!((value(F::DrumTiming).unwrap() - tick / 12.0).abs() < 1e-9);
        let spread = tick * (11.0_f64 / 144.0).sqrt();
        assert!((value(F::DrumTimingSpread).unwrap() - spread).abs() < 1e-9);
        let slow = F::DrumTiming.of(&rock().at_tempo(60.0)).unwrap();
        assert!((slow - tick / 6.0).abs() < 1e-9);
        assert_eq!(value(F::Notes), None);
        assert_eq!(value(F::Polyphony), None);
    }

    #[test]
    fn swing_is_heard_where_hits_are_played() {
        let straight = F::DrumSwing.of(&rock()).unwrap();
        assert!((straight - 1.0).abs() < 1e-12);
        // Off-beats on the fourth sixteenth, one tick early: 8 of 12 ticks.
        let hats =
            [0, 12, 24, 36].map(|beat| [hit(beat, 0.0, 51, 80), hit(beat + 9, -1.0, 51, 60)]);
        let shuffle = Passage::new(Meter::COMMON, 1, hats.concat());
        assert_eq!(F::DrumSwing.of(&shuffle), Some(2.0));
    }
}
