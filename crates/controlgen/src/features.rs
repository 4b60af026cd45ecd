//! What music is like, in numbers: named features of a line of notes, and histograms of many lines.
//!
//! A line is a part of a window (or of several in a row) as notes on the grid of sixteenths, see
//! [`crate::line`]. A [`Feature`] is one number of it; a [`Profile`] gathers many lines.

mod profile;
mod rhythm;

use musicvae::WindowLayout;
use serde::{Deserialize, Serialize};

use crate::line::{GridNote, Line, lines};

pub use profile::{Profile, Summary};
pub use rhythm::syncopation;

/// Steps of a bar of 4/4, and of a quarter note.
pub const STEPS_PER_BAR: usize = 16;
/// Steps of a quarter note.
pub const STEPS_PER_QUARTER: usize = 4;

/// Semitones of a major scale; natural minor is the major scale of another tonic.
const MAJOR_SCALE: [usize; 7] = [0, 2, 4, 5, 7, 9, 11];
/// Intervals up to this many semitones are steps, from `LEAP` on they are leaps.
const STEP: i32 = 2;
const LEAP: i32 = 5;

/// A number that a line of notes has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Notes that begin, a bar.
    NoteDensity,
    /// Mean MIDI number of the pitches.
    MeanPitch,
    /// Semitones from the lowest to the highest pitch.
    PitchRange,
    /// Mean size of the intervals from note to note, in semitones.
    MeanInterval,
    /// Share of the intervals that are steps, of one or two semitones.
    Steps,
    /// Share of the intervals that are leaps, of five semitones or more.
    Leaps,
    /// Share of the intervals that repeat the pitch.
    Repeats,
    /// Share of rising intervals among those that move.
    Rising,
    /// Mean length of the notes, in quarters.
    NoteLength,
    /// Share of the steps on which nothing sounds.
    Rests,
    /// Syncopation after Longuet-Higgins and Lee (1984), a bar; see [`syncopation`].
    Syncopation,
    /// Share of the notes that begin off the quarter beats.
    OffBeat,
    /// Entropy of the times from one beginning to the next, in bits.
    RhythmEntropy,
    /// Entropy of the pitch classes, in bits.
    PitchClassEntropy,
    /// The largest share of notes in one major scale (or its natural minor): `MusPy`'s scale consistency.
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

    /// Its name, as in files and on the command line.
    pub fn name(self) -> &'static str {
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

    /// The feature of a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// What its numbers count.
    pub fn unit(self) -> &'static str {
        match self {
            Self::NoteDensity => "notes a bar",
            Self::MeanPitch => "MIDI pitch",
            Self::PitchRange | Self::MeanInterval => "semitones",
            Self::Steps | Self::Leaps | Self::Repeats => "of intervals",
            Self::Rising => "of moves",
            Self::NoteLength => "quarters",
            Self::Rests => "of the time",
            Self::Syncopation => "a bar",
            Self::OffBeat | Self::ScaleConsistency => "of notes",
            Self::RhythmEntropy | Self::PitchClassEntropy => "bits",
        }
    }

    /// What music with much and with little of it is called.
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

    /// Its value for notes on `n_steps` steps, in order and one at a time; none where there are too few
    /// notes to say.
    pub fn of(self, notes: &[GridNote], n_steps: usize) -> Option<f64> {
        let n_bars = n_steps as f64 / STEPS_PER_BAR as f64;
        if n_steps == 0 {
            return None;
        }
        let n = notes.len() as f64;
        let some = !notes.is_empty();
        let pitches = || notes.iter().map(|note| note.pitch);
        let sounding = || notes.iter().map(|note| note.end - note.start).sum::<usize>() as f64;
        let share_of_notes = |holds: &dyn Fn(&GridNote) -> bool| {
            notes.iter().filter(|n| holds(n)).count() as f64 / n
        };
        match self {
            Self::NoteDensity => Some(n / n_bars),
            Self::MeanPitch => some.then(|| pitches().map(f64::from).sum::<f64>() / n),
            Self::PitchRange => {
                pitches().max().zip(pitches().min()).map(|(high, low)| f64::from(high - low))
            }
            Self::MeanInterval => mean(intervals(notes).map(|i| f64::from(i.abs()))),
            Self::Steps => share(intervals(notes), |i| (1..=STEP).contains(&i.abs())),
            Self::Leaps => share(intervals(notes), |i| i.abs() >= LEAP),
            Self::Repeats => share(intervals(notes), |i| i == 0),
            Self::Rising => share(intervals(notes).filter(|i| *i != 0), |i| i > 0),
            Self::NoteLength => some.then(|| sounding() / n / STEPS_PER_QUARTER as f64),
            Self::Rests => Some(1.0 - (sounding() / n_steps as f64).min(1.0)),
            Self::Syncopation => Some(f64::from(syncopation(notes, n_steps)) / n_bars),
            Self::OffBeat => {
                some.then(|| share_of_notes(&|note| note.start % STEPS_PER_QUARTER != 0))
            }
            Self::RhythmEntropy => rhythm::inter_onset_entropy(notes),
            Self::PitchClassEntropy => some.then(|| entropy(&pitch_classes(notes, |_| 1.0))),
            Self::ScaleConsistency => some.then(|| {
                let classes = pitch_classes(notes, |_| 1.0);
                let in_scale =
                    |tonic: usize| MAJOR_SCALE.iter().map(|s| classes[(tonic + s) % 12]).sum();
                (0..12).map(in_scale).fold(0.0, f64::max) / n
            }),
        }
    }
}

impl std::fmt::Display for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The features of a window's leading part, in the order of [`Feature::ALL`]: the first pitched one, or,
/// where there is none, the drums, of which pitches mean nothing.
pub fn of_window(layout: &WindowLayout, window: &[u16]) -> Vec<Option<f64>> {
    let line = leading(lines(layout, [window]));
    of_line(&line, layout.n_steps)
}

/// The features of a line over `n_steps`, in the order of [`Feature::ALL`].
pub fn of_line(line: &Line, n_steps: usize) -> Vec<Option<f64>> {
    Feature::ALL
        .into_iter()
        .map(|feature| {
            let has = !(line.is_drums && feature.is_of_pitch());
            if has { feature.of(&line.notes, n_steps) } else { None }
        })
        .collect()
}

/// The first pitched line, or else the first.
pub fn leading(mut lines: Vec<Line>) -> Line {
    let at = lines.iter().position(|line| !line.is_drums).unwrap_or(0);
    if lines.is_empty() {
        return Line { part: 0, is_drums: false, notes: Vec::new() };
    }
    lines.swap_remove(at)
}

impl Feature {
    /// Whether it is of pitches, which drums don't have.
    fn is_of_pitch(self) -> bool {
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

/// Semitones from each note to the next.
pub fn intervals(notes: &[GridNote]) -> impl Iterator<Item = i32> {
    notes.windows(2).map(|pair| pair[1].pitch - pair[0].pitch)
}

/// How much each pitch class has of a weight of the notes, C first.
pub fn pitch_classes(notes: &[GridNote], weight: impl Fn(&GridNote) -> f64) -> [f64; 12] {
    let mut classes = [0.0; 12];
    for note in notes {
        classes[usize::try_from(note.pitch.rem_euclid(12)).expect("0 to 11")] += weight(note);
    }
    classes
}

/// Entropy of shares that need not sum to 1, in bits.
fn entropy(counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    // `+ 0.0` turns the −0 of one class into 0.
    -counts.iter().filter(|c| **c > 0.0).map(|c| c / total * (c / total).log2()).sum::<f64>() + 0.0
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

fn share<T>(values: impl Iterator<Item = T>, holds: impl Fn(T) -> bool) -> Option<f64> {
    mean(values.map(|value| f64::from(u8::from(holds(value)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use musicvae::{Content, Track};

    fn notes(spans: &[(usize, usize, i32)]) -> Vec<GridNote> {
        spans
            .iter()
            .map(|(start, end, pitch)| GridNote { start: *start, end: *end, pitch: *pitch })
            .collect()
    }

    #[test]
    fn features_of_a_bar_by_hand() {
        // C4 a quarter, D4 an eighth, D4 an eighth, a quarter's rest, A4 (seven semitones up) a quarter.
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
        // Classes C, D, D, A: shares 1/4, 1/2, 1/4.
        close(Feature::PitchClassEntropy, 1.5);
        close(Feature::ScaleConsistency, 1.0);
        // Onset to onset: 4, 2, 6: three different ones.
        close(Feature::RhythmEntropy, 3_f64.log2());
    }

    #[test]
    fn chromatic_notes_are_not_of_one_scale() {
        let bar = notes(&[(0, 1, 60), (1, 2, 61), (2, 3, 62), (3, 4, 63), (4, 5, 64)]);
        // A major scale holds three of C, C#, D, D#, E: G's neighbours C, D, E, for example.
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
        let track = |n_classes, content| Track { n_classes, content };
        let (melody, drums) = (track(90, Content::Pitches), track(512, Content::Drums));
        let layout = WindowLayout { n_steps: 16, tracks: vec![drums, melody] };
        let mut window = vec![0; 32];
        (window[0], window[4], window[16]) = (1, 2, 41);
        let of_melody = of_window(&layout, &window);
        assert_eq!(of_melody[Feature::MeanPitch as usize], Some(60.0));
        assert_eq!(of_melody[Feature::NoteDensity as usize], Some(1.0));
        let layout = WindowLayout { n_steps: 16, tracks: vec![drums] };
        let of_drums = of_window(&layout, &window[..16]);
        assert_eq!(of_drums[Feature::MeanPitch as usize], None);
        assert_eq!(of_drums[Feature::NoteDensity as usize], Some(2.0));
    }
}
