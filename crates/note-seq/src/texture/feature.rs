//! The numbers that describe a window of many voices.

use serde::{Deserialize, Serialize};

use super::Passage;
use super::{drums, figure, harmony, rhythm};

/// An enum with a name, a unit and a sentence per variant; the sentence is also its documentation.
macro_rules! texture_features {
    ($($(#[doc = $sentence:literal])+ $feature:ident: $name:literal, $unit:literal,
        $of:expr;)+) => {
        /// A number that describes a window of many voices.
        ///
        /// Features of tones are `None` for drums alone, those of drums (their names begin with
        /// `drum-`) without drums. *Moments* are the ticks at which tones start. A pitch that two
        /// instruments play at once counts once.
        ///
        /// The *top line* consists of the highest tones that start at a moment, if nothing higher
        /// still sounds, except those more than an octave below the previous one (an accompaniment
        /// under a rest). The *bass line* consists of the lowest tones that start at a moment, if
        /// nothing lower still sounds, except after-beats. An *after-beat* is a close chord (tones
        /// below the top line, the two lowest at most a fifth apart) a minor third or more above
        /// the bass note before it in the same bar, in a register in which nothing sounded when
        /// that was struck. A note still sounds for three quarters of its length: lists round
        /// lengths, and players overlap notes.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum TextureFeature {
            $($(#[doc = $sentence])+ $feature,)+
        }

        impl TextureFeature {
            /// All features.
            pub const ALL: [Self; Self::N] = [$(Self::$feature),+];
            /// The number of features.
            pub const N: usize = [$($name),+].len();

            /// The name, as in files and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$feature => $name,)+ }
            }

            /// The unit of the values.
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$feature => $unit,)+ }
            }

            /// A sentence or two that describe the feature.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$feature => concat!($($sentence),+).trim_ascii(),)+ }
            }

            /// The value for a window; `None` if it is undefined for the window.
            pub fn of(self, passage: &Passage) -> Option<f64> {
                match self { $(Self::$feature => $of(passage),)+ }
            }
        }
    };
}

texture_features! {
    /// Number of tones that start in the window.
    Notes: "notes", "per window", rhythm::n_notes;
    /// Number of moments at which tones start.
    Onsets: "onsets", "per window", rhythm::n_onsets;
    /// Tones per beat of the meter.
    NotesPerBeat: "notes-per-beat", "per beat", rhythm::notes_per_beat;
    /// Moments per beat of the meter.
    OnsetsPerBeat: "onsets-per-beat", "per beat", rhythm::onsets_per_beat;
    /// Mean length of the tones, in beats.
    NoteLength: "note-length", "beats", rhythm::note_length;
    /// Fraction of the moments that are off the beat.
    OffBeat: "off-beat", "of moments", rhythm::off_beat;
    /// Syncopation of the top line per bar, after Longuet-Higgins and Lee (1984), with the weights
    /// of the meter.
    Syncopation: "syncopation", "per bar", rhythm::syncopation_per_bar;
    /// Fraction of the moments that are on triplets: on even ticks that are not sixteenths.
    Triplets: "triplets", "of moments", rhythm::triplets;
    /// Unevenness of eighths, as the ratio of long to short: 1 straight, 2 triplets, 3 dotted.
    /// Measured in beats of a simple meter with two moments, the second on the fifth to tenth of
    /// twelve ticks.
    Swing: "swing", "ratio", rhythm::swing;
    /// Mean fraction of the time to the next note of the top line for which a note is held: 0.5 is
    /// staccato, 1 legato. Notes before more than a beat of rest do not count.
    Articulation: "articulation", "of the time", rhythm::articulation;

    /// Fraction of the time in which anything sounds.
    Sounding: "sounding", "of the time", harmony::sounding;
    /// Mean number of sounding tones, while anything sounds.
    Polyphony: "polyphony", "tones", harmony::polyphony;
    /// Estimated number of voices: the largest number of tones that sound together for at least a
    /// tenth of the sounding time.
    Voices: "voices", "voices", harmony::voices;
    /// Mean distance from the lowest to the highest sounding tone, while two or more sound.
    Spread: "spread", "semitones", harmony::spread;
    /// Mean MIDI number of the sounding tones, weighted by time.
    MeanPitch: "mean-pitch", "MIDI pitch", harmony::mean_pitch;
    /// Distance from the lowest to the highest tone of the window.
    Range: "range", "semitones", harmony::range;
    /// Number of different pitch classes.
    PitchClasses: "pitch-classes", "pitch classes", harmony::pitch_classes;
    /// Fraction of the sounding time in the best-fitting major scale (the natural minor scales are
    /// the same sets).
    Scale: "scale", "of the time", harmony::scale;
    /// Fraction of the simultaneous pairs of tones that is consonant, weighted by time: intervals
    /// of 0, 3, 4, 5, 7, 8 or 9 semitones and their octaves.
    Consonance: "consonance", "of pairs", harmony::consonance;
    /// Fraction of the sounding time that belongs to the chord of its beat, for beats with one.
    ChordTones: "chord-tones", "of the time", harmony::chord_tones;
    /// Number of changes between recognized chords, per bar.
    ChordChanges: "chord-changes", "per bar", harmony::chord_changes;
    /// Fraction of the recognized chords that are seventh chords.
    SeventhChords: "seventh-chords", "of chords", harmony::seventh_chords;
    /// 1 if the estimated key of the window is minor, 0 if it is major.
    Minor: "minor", "of windows", harmony::minor;
    /// Correlation of the sounding time of the pitch classes with the profile of the best key
    /// (Krumhansl and Kessler 1982).
    KeyClarity: "key-clarity", "correlation", harmony::key_clarity;

    /// Mean MIDI number of the bass line's notes.
    BassPitch: "bass-pitch", "MIDI pitch", figure::bass_pitch;
    /// Notes of the bass line per beat.
    BassRate: "bass-rate", "per beat", figure::bass_rate;
    /// Fraction of the bass line's notes that start on a beat.
    BassOnBeat: "bass-on-beat", "of bass notes", figure::bass_on_beat;
    /// Fraction of the bass line's intervals that are steps of one or two semitones.
    BassSteps: "bass-steps", "of intervals", figure::bass_steps;
    /// Fraction of the bass line's intervals that are leaps of five semitones or more.
    BassLeaps: "bass-leaps", "of intervals", figure::bass_leaps;
    /// Fraction of the bass line's intervals that repeat the pitch.
    BassRepeats: "bass-repeats", "of intervals", figure::bass_repeats;
    /// Fraction of the sounding time in which the most frequent lowest tone is the lowest: 1 is a
    /// drone.
    Pedal: "pedal", "of the time", harmony::pedal;
    /// Notes of the top line per beat.
    TopRate: "top-rate", "per beat", figure::top_rate;
    /// Fraction of the top line's intervals that are steps of one or two semitones.
    TopSteps: "top-steps", "of intervals", figure::top_steps;
    /// Fraction of the top line's intervals that are leaps of five semitones or more.
    TopLeaps: "top-leaps", "of intervals", figure::top_leaps;
    /// Fraction of the top line's intervals that repeat the pitch.
    TopRepeats: "top-repeats", "of intervals", figure::top_repeats;

    /// Fraction of the moments at which two or more tones start together.
    Together: "together", "of moments", figure::together;
    /// Mean fraction of the sounding tones that start at a moment, over moments at which two or
    /// more sound: 1 if all voices move together.
    Homophony: "homophony", "of tones", figure::homophony;
    /// Fraction of the moments with an accompaniment at which the top line and the tones below it
    /// do not start together, for windows with both.
    MelodyApart: "melody-apart", "of moments", figure::melody_apart;
    /// Fraction of the moments at which tones below the top line start that have two or more of
    /// them: 1 if the accompaniment is block chords.
    BlockChords: "block-chords", "of moments", figure::block_chords;
    /// Fraction of the moments that belong to a broken chord: three successive moments, at most a
    /// beat apart, at which one or two tones start, the lowest of which leap by 3 to 19 semitones
    /// and are pairwise a third, fourth, tritone, fifth, sixth or octave apart.
    BrokenChords: "broken-chords", "of moments", figure::broken_chords;
    /// Fraction of the moments that belong to a broken chord that changes direction: low, high,
    /// middle, high, as in an Alberti bass.
    Alberti: "alberti", "of moments", figure::alberti;
    /// Fraction of the bars with tones that begin with a bass note and have after-beats: waltz,
    /// march, polka.
    BassThenChords: "bass-then-chords", "of bars", figure::bass_then_chords;
    /// Number of after-beats per bass note that is followed by any: 2 in a waltz, 1 in a march.
    AfterBeats: "after-beats", "per bass note", figure::after_beats;

    /// Mean velocity of the tones; `None` for music without dynamics.
    Velocity: "velocity", "MIDI velocity", rhythm::velocity;
    /// Difference between the loudest and the softest tone's velocity.
    VelocityRange: "velocity-range", "MIDI velocity", rhythm::velocity_range;
    /// Number of pitched families of instruments.
    Families: "families", "families", rhythm::families;

    /// Drum hits per beat.
    DrumHits: "drum-hits", "per beat", drums::hits;
    /// Kicks per bar.
    DrumKicks: "drum-kicks", "per bar", drums::kicks;
    /// Snare hits per bar.
    DrumSnares: "drum-snares", "per bar", drums::snares;
    /// Closed and open hi-hat hits per bar.
    DrumHats: "drum-hats", "per bar", drums::hats;
    /// Tom hits per bar.
    DrumToms: "drum-toms", "per bar", drums::toms;
    /// Crash and ride cymbal hits per bar.
    DrumCymbals: "drum-cymbals", "per bar", drums::cymbals;
    /// Fraction of the snare hits that are on even beats of the bar.
    DrumBackbeat: "drum-backbeat", "of snare hits", drums::backbeat;
    /// Syncopation of kick and snare, each as a line, per bar, after Longuet-Higgins and Lee
    /// (1984).
    DrumSyncopation: "drum-syncopation", "per bar", drums::syncopation_per_bar;
    /// Unevenness of eighths, as the ratio of long to short, like that of tones, by the times at
    /// which hits are played.
    DrumSwing: "drum-swing", "ratio", drums::swing;
    /// Mean velocity of the hits.
    DrumVelocity: "drum-velocity", "MIDI velocity", drums::velocity;
    /// Standard deviation of the velocities of the hits.
    DrumVelocitySpread: "drum-velocity-spread", "MIDI velocity", drums::velocity_spread;
    /// Mean delay of hits relative to their step of the grid: positive is laid back, negative is
    /// pushed. At the passage's tempo.
    DrumTiming: "drum-timing", "ms", drums::timing;
    /// Standard deviation of the delays of hits relative to the grid. At the passage's tempo.
    DrumTimingSpread: "drum-timing-spread", "ms", drums::timing_spread;
}

impl TextureFeature {
    /// The feature with a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// Whether it describes drums rather than tones.
    pub fn is_of_drums(self) -> bool {
        self >= Self::DrumHits
    }
}

impl std::fmt::Display for TextureFeature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_feature_is_found_by_its_name_which_is_that_in_files() {
        for (at, feature) in TextureFeature::ALL.into_iter().enumerate() {
            assert_eq!(TextureFeature::find(feature.name()), Some(feature));
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.name());
            assert_eq!(feature as usize, at);
            assert_eq!(feature.is_of_drums(), feature.name().starts_with("drum-"));
        }
        let names: BTreeSet<&str> = TextureFeature::ALL.map(TextureFeature::name).into();
        assert_eq!(names.len(), TextureFeature::N);
        assert_eq!(TextureFeature::find("loudness"), None);
        let sentence = TextureFeature::Scale.sentence();
        assert!(
            sentence.starts_with("Fraction of the sounding time in the best-fitting major scale")
        );
        assert!(sentence.ends_with("are the same sets)."));
    }
}
