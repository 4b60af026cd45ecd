//! Measures of music: named features of a line of notes, histograms of many lines, and harmony.
//!
//! Each measure has one definition here, which attributes, style cards, evaluation and
//! [`crate::Statistics`] share. A line is a part of a window (or of several consecutive windows) as
//! notes on the grid of sixteenths, see [`crate::window`]. A [`Feature`] is one number of a line; a
//! [`Profile`] describes many lines.

mod harmony;
mod pitch;
mod profile;
mod rhythm;

use serde::{Deserialize, Serialize};

use crate::vocabulary::STEPS_PER_QUARTER;
use crate::window::{GridNote, Line, WindowForm};

pub use harmony::{Harmony, harmony, harmony_of_windows, interval_class, is_consonant};
pub use pitch::{
    MAJOR_SCALE, entropy_bits, intervals, key, mean_interval, pitch_class_durations, pitch_classes,
    pitch_range, scale_consistency,
};
pub(crate) use profile::Moments;
pub use profile::{Profile, Summary};
pub use rhythm::{
    groove_consistency, notes_per_bar, syncopation, syncopation_in, syncopation_per_bar,
};

/// The largest step and the smallest leap, in semitones.
pub(crate) const STEP: i32 = 2;
pub(crate) const LEAP: i32 = 5;

/// A numeric property of a line of notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Notes per bar.
    NoteDensity,
    /// Mean MIDI number of the pitches.
    MeanPitch,
    /// Semitones from the lowest to the highest pitch.
    PitchRange,
    /// Mean size of the intervals from note to note, in semitones; see [`mean_interval`].
    MeanInterval,
    /// Fraction of the intervals that are steps, of one or two semitones.
    Steps,
    /// Fraction of the intervals that are leaps, of five semitones or more.
    Leaps,
    /// Fraction of the intervals that repeat the pitch.
    Repeats,
    /// Fraction of rising intervals among those that are not repeats.
    Rising,
    /// Mean length of the notes, in quarters.
    NoteLength,
    /// Fraction of the steps on which nothing sounds.
    Rests,
    /// Syncopation per bar (Longuet-Higgins and Lee 1984); see [`syncopation`].
    Syncopation,
    /// Fraction of the notes that start off the quarter beats.
    OffBeat,
    /// Entropy of the times from one onset to the next, in bits.
    RhythmEntropy,
    /// Entropy of the pitch classes, each note counted once, in bits; see [`entropy_bits`].
    PitchClassEntropy,
    /// The largest fraction of notes in one major or natural minor scale; see
    /// [`scale_consistency`].
    ScaleConsistency,
}

impl Feature {
    /// All features.
    pub const ALL: [Self; 15] = [
        Self::NoteDensity,
        Self::MeanPitch,
        Self::PitchRange,
        Self::MeanInterval,
        Self::Steps,
        Self::Leaps,
        Self::Repeats,
        Self::Rising,
        Self::NoteLength,
        Self::Rests,
        Self::Syncopation,
        Self::OffBeat,
        Self::RhythmEntropy,
        Self::PitchClassEntropy,
        Self::ScaleConsistency,
    ];

    /// The name, as in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoteDensity => "note-density",
            Self::MeanPitch => "mean-pitch",
            Self::PitchRange => "pitch-range",
            Self::MeanInterval => "mean-interval",
            Self::Steps => "steps",
            Self::Leaps => "leaps",
            Self::Repeats => "repeats",
            Self::Rising => "rising",
            Self::NoteLength => "note-length",
            Self::Rests => "rests",
            Self::Syncopation => "syncopation",
            Self::OffBeat => "off-beat",
            Self::RhythmEntropy => "rhythm-entropy",
            Self::PitchClassEntropy => "pitch-class-entropy",
            Self::ScaleConsistency => "scale-consistency",
        }
    }

    /// The feature with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// The unit of the values.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::NoteDensity => "notes per bar",
            Self::MeanPitch => "MIDI pitch",
            Self::PitchRange | Self::MeanInterval => "semitones",
            Self::Steps | Self::Leaps | Self::Repeats => "of intervals",
            Self::Rising => "of moves",
            Self::NoteLength => "quarters",
            Self::Rests => "of the time",
            Self::Syncopation => "per bar",
            Self::OffBeat | Self::ScaleConsistency => "of notes",
            Self::RhythmEntropy | Self::PitchClassEntropy => "bits",
        }
    }

    /// Words for music with a high and with a low value.
    pub fn words(self) -> [&'static str; 2] {
        match self {
            Self::NoteDensity => ["busy", "sparse"],
            Self::MeanPitch => ["high", "low"],
            Self::PitchRange => ["wide in range", "narrow in range"],
            Self::MeanInterval => ["wide intervals", "narrow intervals"],
            Self::Steps => ["stepwise", "few steps"],
            Self::Leaps => ["leaping", "few leaps"],
            Self::Repeats => ["repeated notes", "few repeated notes"],
            Self::Rising => ["rising", "falling"],
            Self::NoteLength => ["long notes", "short notes"],
            Self::Rests => ["many rests", "few rests"],
            Self::Syncopation => ["syncopated", "unsyncopated"],
            Self::OffBeat => ["much off the beat", "on the beat"],
            Self::RhythmEntropy => ["varied rhythm", "even rhythm"],
            Self::PitchClassEntropy => ["many pitch classes", "few pitch classes"],
            Self::ScaleConsistency => ["diatonic", "chromatic"],
        }
    }

    /// The value for notes on `n_steps` steps, in order and without overlaps. Returns `None` if
    /// there are too few notes.
    pub fn of(self, notes: &[GridNote], n_steps: usize) -> Option<f64> {
        if n_steps == 0 {
            return None;
        }
        let n = notes.len() as f64;
        let some = !notes.is_empty();
        let pitches = || notes.iter().map(|note| f64::from(note.pitch));
        let sounding = || notes.iter().map(|note| note.n_steps()).sum::<usize>() as f64;
        let note_counts = || pitch_classes(notes, |_| 1.0);
        match self {
            Self::NoteDensity => Some(notes_per_bar(notes.len(), n_steps)),
            Self::MeanPitch => some.then(|| pitches().sum::<f64>() / n),
            Self::PitchRange => pitch_range(notes).map(f64::from),
            Self::MeanInterval => mean_interval(notes),
            Self::Steps => fraction(intervals(notes), |i| (1..=STEP).contains(&i.abs())),
            Self::Leaps => fraction(intervals(notes), |i| i.abs() >= LEAP),
            Self::Repeats => fraction(intervals(notes), |i| i == 0),
            Self::Rising => fraction(intervals(notes).filter(|i| *i != 0), |i| i > 0),
            Self::NoteLength => some.then(|| sounding() / n / STEPS_PER_QUARTER as f64),
            Self::Rests => Some(1.0 - (sounding() / n_steps as f64).min(1.0)),
            Self::Syncopation => Some(syncopation_per_bar(notes, n_steps)),
            Self::OffBeat => fraction(notes.iter(), |n| n.start % STEPS_PER_QUARTER != 0),
            Self::RhythmEntropy => rhythm::inter_onset_entropy(notes),
            Self::PitchClassEntropy => some.then(|| entropy_bits(&note_counts())),
            Self::ScaleConsistency => scale_consistency(&note_counts()),
        }
    }
}

impl std::fmt::Display for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The features of a window's leading part ([`crate::window::leading`]), in the order of
/// [`Feature::ALL`].
///
/// # Panics
/// If the tokens are not a window of the form.
pub fn of_window(form: &WindowForm, window: &[u16]) -> Vec<Option<f64>> {
    of_line(&form.lead(window), form.n_sixteenths(window))
}

/// The features of a line of `n_steps`, in the order of [`Feature::ALL`]; drums have none that
/// depend on pitch.
pub fn of_line(line: &Line, n_steps: usize) -> Vec<Option<f64>> {
    Feature::ALL
        .into_iter()
        .map(|feature| {
            let has = !(line.is_drums && feature.needs_pitch());
            if has { feature.of(&line.notes, n_steps) } else { None }
        })
        .collect()
}

impl Feature {
    /// Whether the feature depends on pitches, which drums don't have.
    fn needs_pitch(self) -> bool {
        !matches!(
            self,
            Self::NoteDensity
                | Self::NoteLength
                | Self::Rests
                | Self::Syncopation
                | Self::OffBeat
                | Self::RhythmEntropy
        )
    }
}

pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

pub(crate) fn fraction<T>(
    values: impl Iterator<Item = T>,
    holds: impl Fn(T) -> bool,
) -> Option<f64> {
    mean(values.map(|value| f64::from(u8::from(holds(value)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::{Track, WindowLayout};

    fn notes(spans: &[(usize, usize, i32)]) -> Vec<GridNote> {
        spans
            .iter()
            .map(|(start, end, pitch)| GridNote { start: *start, end: *end, pitch: *pitch })
            .collect()
    }

    #[test]
    fn features_of_a_bar_by_hand() {
        // C4 a quarter, D4 an eighth, D4 an eighth, a quarter's rest, A4 (seven semitones up) a
        // quarter.
        let bar = notes(&[(0, 4, 60), (4, 6, 62), (6, 8, 62), (12, 16, 69)]);
        let close = |feature: Feature, expected: f64| {
            let found = feature.of(&bar, 16).unwrap();
            assert!((found - expected).abs() < 1e-12, "{feature}: {found}, not {expected}");
        };
        close(Feature::NoteDensity, 4.0);
        close(Feature::MeanPitch, 253.0 / 4.0);
        close(Feature::PitchRange, 9.0);
        close(Feature::MeanInterval, 3.0);
        for feature in [Feature::Steps, Feature::Leaps, Feature::Repeats] {
            close(feature, 1.0 / 3.0);
        }
        close(Feature::Rising, 1.0);
        close(Feature::NoteLength, 0.75);
        close(Feature::Rests, 0.25);
        close(Feature::OffBeat, 0.25);
        // Classes C, D, D, A: proportions 1/4, 1/2, 1/4.
        close(Feature::PitchClassEntropy, 1.5);
        close(Feature::ScaleConsistency, 1.0);
        // Onset to onset: 4, 2, 6: three different values.
        close(Feature::RhythmEntropy, 3_f64.log2());
    }

    #[test]
    fn chromatic_notes_are_not_of_one_scale() {
        let bar = notes(&[(0, 1, 60), (1, 2, 61), (2, 3, 62), (3, 4, 63), (4, 5, 64)]);
        // A major scale contains three of C, C#, D, D#, E: for example G major contains C, D, E.
        assert_eq!(Feature::ScaleConsistency.of(&bar, 16), Some(0.6));
    }

    #[test]
    fn silence_has_no_pitch_but_a_density() {
        assert_eq!(Feature::NoteDensity.of(&[], 32), Some(0.0));
        assert_eq!(Feature::Rests.of(&[], 32), Some(1.0));
        for feature in [Feature::MeanPitch, Feature::Steps, Feature::RhythmEntropy, Feature::Rising]
        {
            assert_eq!(feature.of(&[], 32), None, "{feature}");
        }
        assert!(Feature::ALL.iter().all(|feature| feature.of(&[], 0).is_none()));
    }

    #[test]
    fn every_feature_is_found_by_its_name_which_is_that_in_files() {
        for (at, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(Feature::find(feature.name()), Some(feature));
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.name());
            assert_eq!(feature as usize, at);
        }
        assert_eq!(Feature::find("loudness"), None);
    }

    #[test]
    fn of_a_trio_the_melody_counts_and_drums_have_no_pitch() {
        let (melody, drums) = (Track::pitches(90), Track::DRUMS);
        let form = WindowForm::Steps(WindowLayout { n_steps: 16, tracks: vec![drums, melody] });
        let mut window = vec![0; 32];
        (window[0], window[4], window[16]) = (1, 2, 41);
        let of_melody = of_window(&form, &window);
        assert_eq!(of_melody[Feature::MeanPitch as usize], Some(60.0));
        assert_eq!(of_melody[Feature::NoteDensity as usize], Some(1.0));
        let form = WindowForm::Steps(WindowLayout { n_steps: 16, tracks: vec![drums] });
        let of_drums = of_window(&form, &window[..16]);
        assert_eq!(of_drums[Feature::MeanPitch as usize], None);
        assert_eq!(of_drums[Feature::NoteDensity as usize], Some(2.0));
    }
}
