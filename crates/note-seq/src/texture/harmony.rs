//! Measures of simultaneous tones.

use super::Passage;
use super::sounding::Slice;
use crate::features::{is_consonant, scale_consistency};
use crate::key::KeyProfile;

/// Minimum fraction of the sounding time in which a number of tones sounds that counts as voices.
const VOICES_SHARE: f64 = 0.1;

fn total(passage: &Passage, of: impl Fn(&Slice) -> f64) -> f64 {
    passage.slices().iter().map(|slice| slice.ticks() * of(slice)).sum()
}

/// The mean over the sounding time.
fn mean(passage: &Passage, of: impl Fn(&Slice) -> f64) -> Option<f64> {
    let time = total(passage, |_| 1.0);
    (time > 0.0).then(|| total(passage, of) / time)
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn n_sounding(slice: &Slice) -> f64 {
    f64::from(slice.pitches.len())
}

pub(super) fn sounding(passage: &Passage) -> Option<f64> {
    if passage.tones().is_empty() {
        return None;
    }
    ratio(total(passage, |_| 1.0), f64::from(passage.n_ticks()))
}

pub(super) fn polyphony(passage: &Passage) -> Option<f64> {
    mean(passage, n_sounding)
}

pub(super) fn voices(passage: &Passage) -> Option<f64> {
    let least = VOICES_SHARE * total(passage, |_| 1.0);
    let most = passage.slices().iter().map(|slice| slice.pitches.len()).max()?;
    let time = |n: u32| total(passage, |slice| f64::from(u8::from(slice.pitches.len() >= n)));
    (1..=most).rev().find(|n| time(*n) >= least).map(f64::from)
}

pub(super) fn spread(passage: &Passage) -> Option<f64> {
    let spread = |slice: &Slice| {
        let (low, high) = slice.pitches.lowest().zip(slice.pitches.highest())?;
        (high > low).then(|| f64::from(high - low))
    };
    let time = total(passage, |slice| f64::from(u8::from(slice.pitches.len() > 1)));
    ratio(total(passage, |slice| spread(slice).unwrap_or_default()), time)
}

pub(super) fn mean_pitch(passage: &Passage) -> Option<f64> {
    let sum = |slice: &Slice| slice.pitches.iter().map(f64::from).sum();
    ratio(total(passage, sum), total(passage, n_sounding))
}

pub(super) fn range(passage: &Passage) -> Option<f64> {
    let pitches = || passage.tones().iter().map(|note| note.pitch.get());
    pitches().max().zip(pitches().min()).map(|(high, low)| f64::from(high - low))
}

pub(super) fn pitch_classes(passage: &Passage) -> Option<f64> {
    let durations = passage.pitch_class_durations();
    let n = durations.iter().filter(|ticks| **ticks > 0.0).count();
    (n > 0).then_some(n as f64)
}

pub(super) fn scale(passage: &Passage) -> Option<f64> {
    scale_consistency(&passage.pitch_class_durations())
}

pub(super) fn consonance(passage: &Passage) -> Option<f64> {
    let n_pairs = |slice: &Slice| f64::from(slice.pitches.len() * (slice.pitches.len() - 1) / 2);
    let n_consonant = |slice: &Slice| {
        let classes = (0..12).zip(slice.pitches.classes());
        let mut n = 0;
        for (i, (low, of_low)) in classes.clone().enumerate().filter(|(_, (_, n))| *n > 0) {
            n += of_low * (of_low - 1) / 2;
            let higher = classes.clone().skip(i + 1).filter(|(high, _)| is_consonant(low, *high));
            n += of_low * higher.map(|(_, of_high)| of_high).sum::<u32>();
        }
        f64::from(n)
    };
    ratio(total(passage, n_consonant), total(passage, n_pairs))
}

/// Beats with their chords, for those that have one.
fn with_chords(passage: &Passage) -> impl Iterator<Item = (&[f64; 12], crate::chords::Chord)> {
    passage.beats().iter().zip(passage.chords()).filter_map(|(beat, chord)| Some((beat, (*chord)?)))
}

pub(super) fn chord_tones(passage: &Passage) -> Option<f64> {
    let (mut inside, mut all) = (0.0, 0.0);
    for (beat, chord) in with_chords(passage) {
        inside += chord.pitch_classes().map(|class| beat[usize::from(class)]).sum::<f64>();
        all += beat.iter().sum::<f64>();
    }
    ratio(inside, all)
}

pub(super) fn chord_changes(passage: &Passage) -> Option<f64> {
    let mut last = None;
    let mut n_changes = 0_u32;
    for (_, chord) in with_chords(passage) {
        n_changes += u32::from(last.is_some_and(|last| last != chord));
        last = Some(chord);
    }
    last.map(|_| f64::from(n_changes) / f64::from(passage.n_bars()))
}

pub(super) fn seventh_chords(passage: &Passage) -> Option<f64> {
    crate::features::fraction(with_chords(passage), |(_, c)| c.kind().intervals().len() > 3)
}

pub(super) fn minor(passage: &Passage) -> Option<f64> {
    passage.key().map(|key| f64::from(u8::from(key.is_minor())))
}

pub(super) fn key_clarity(passage: &Passage) -> Option<f64> {
    let fits = KeyProfile::KRUMHANSL_KESSLER.correlations(&passage.pitch_class_durations())?;
    Some(fits.into_iter().fold(f64::NEG_INFINITY, f64::max))
}

pub(super) fn pedal(passage: &Passage) -> Option<f64> {
    let mut ticks = [0.0; 128];
    for slice in passage.slices() {
        ticks[usize::from(slice.pitches.lowest()?)] += slice.ticks();
    }
    ratio(ticks.iter().copied().fold(0.0, f64::max), ticks.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::super::sounding::tests::tone;
    use super::super::{PassageNote, TextureFeature as F};
    use super::*;
    use crate::note_list::Meter;

    fn value(feature: F, notes: &[PassageNote]) -> Option<f64> {
        feature.of(&Passage::new(Meter::COMMON, 1, notes.iter().copied()))
    }

    #[test]
    fn what_sounds_together_by_hand() {
        // C4 for seven eighths of the bar, E4 for a half, B4 for the second quarter; the last
        // eighth is silent.
        let notes = [tone(0, 42, 60), tone(0, 24, 64), tone(12, 12, 71)];
        assert_eq!(value(F::Sounding, &notes), Some(42.0 / 48.0));
        // 12 ticks of two, 12 of three, 18 of one.
        assert_eq!(value(F::Polyphony, &notes), Some((24.0 + 36.0 + 18.0) / 42.0));
        assert_eq!(value(F::Voices, &notes), Some(3.0));
        assert_eq!(value(F::Spread, &notes), Some((12.0 * 4.0 + 12.0 * 11.0) / 24.0));
        assert_eq!(value(F::Range, &notes), Some(11.0));
        assert_eq!(value(F::PitchClasses, &notes), Some(3.0));
        // C–E for 24, E–B for 12 are consonant, C–B for 12 is not.
        assert_eq!(value(F::Consonance, &notes), Some(36.0 / 48.0));
        let pitch_ticks = 42.0 * 60.0 + 24.0 * 64.0 + 12.0 * 71.0;
        assert_eq!(value(F::MeanPitch, &notes), Some(pitch_ticks / 78.0));
        assert_eq!(value(F::Pedal, &notes), Some(1.0));
        assert_eq!(value(F::Scale, &notes), Some(1.0));
        assert_eq!(value(F::Minor, &notes), Some(0.0));
    }

    #[test]
    fn a_unison_is_one_tone_and_an_octave_is_consonant() {
        let strings = PassageNote { family: crate::Family::Strings, ..tone(0, 48, 60) };
        assert_eq!(value(F::Polyphony, &[tone(0, 48, 60), strings]), Some(1.0));
        assert_eq!(value(F::Consonance, &[tone(0, 48, 60), strings]), None);
        let octaves = [tone(0, 48, 48), strings, tone(0, 48, 72), tone(0, 48, 73)];
        // Three octaves, and three dissonances with C sharp.
        assert_eq!(value(F::Consonance, &octaves), Some(0.5));
        assert_eq!(value(F::Voices, &octaves), Some(4.0));
    }

    #[test]
    fn a_short_overlap_is_no_voice() {
        // Two tones overlap for 2 of 48 ticks.
        let notes = [tone(0, 26, 60), tone(24, 24, 62)];
        assert_eq!(value(F::Voices, &notes), Some(1.0));
        assert_eq!(value(F::Spread, &notes), Some(2.0));
        assert_eq!(value(F::Polyphony, &notes), Some(50.0 / 48.0));
    }

    #[test]
    fn chords_change_once_a_bar() {
        let triad = |onset, pitches: [u8; 3]| pitches.map(|pitch| tone(onset, 24, pitch));
        let notes = [triad(0, [60, 64, 67]), triad(24, [62, 67, 71])].concat();
        assert_eq!(value(F::ChordChanges, &notes), Some(1.0));
        assert_eq!(value(F::ChordTones, &notes), Some(1.0));
        assert_eq!(value(F::SeventhChords, &notes), Some(0.0));
        // A ninth above C for one of four beats: 12 of 96 + 12 + … ticks are not in the chord.
        let with_ninth = [&notes[..], &[tone(0, 12, 74)]].concat();
        assert_eq!(value(F::ChordTones, &with_ninth), Some(144.0 / 156.0));
        assert_eq!(value(F::ChordChanges, &[tone(0, 48, 60)]), None);
    }

    #[test]
    fn silence_has_no_values() {
        for feature in F::ALL {
            let expected = match feature {
                F::Notes | F::Onsets | F::NotesPerBeat | F::OnsetsPerBeat => Some(0.0),
                _ => None,
            };
            assert_eq!(value(feature, &[]), expected, "{feature}");
        }
    }
}
