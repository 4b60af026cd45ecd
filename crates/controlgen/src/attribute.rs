//! Attributes of music that can be shifted: density, pitch, range, syncopation and more.
//!
//! An attribute is measured on the notes ([`Attribute::measure`]). A direction in latent space that
//! changes it is learned from the model's reference windows ([`AttributeVectors::learn`]) and added
//! to latents ([`AttributeVectors::shift`]), like the attribute vectors of MusicVAE (Roberts et al.
//! 2018, section 4.4). Of several samples, the one nearest to the target is kept ([`Aim`]).

mod aim;
mod asked;
mod report;
mod turn;
mod vectors;

use std::path::PathBuf;
use std::str::FromStr;

use corpus::artifact::ArtifactError;
use note_seq::features::Feature;
use note_seq::texture::{Passage, TextureFeature};
use note_seq::window::WindowForm;
use note_seq::{NoteList, NoteListEncoding};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::generate::GenerateError;

pub use aim::Aim;
pub(crate) use aim::usual;
pub use asked::{AskedReport, AskedRequest, LowestAsked, asked_report};
pub use report::{DIALS, DialReport, DialRequest, OtherAttribute, dial_report};
pub use turn::{TurnRequest, Turned, turn};
pub use vectors::{AttributeMethod, AttributeVector, AttributeVectors, Unlearnt};

/// A measurable property of music: the features that latents can be shifted along.
///
/// The form of the windows decides which feature measures it: that of a melody
/// ([`Attribute::feature`]), or that of all voices or of drums ([`Attribute::texture`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// Number of notes.
    Density,
    /// Height of the notes.
    Pitch,
    /// Interval from the lowest to the highest note.
    Range,
    /// Syncopation of the rhythm.
    Syncopation,
    /// Size of the intervals of a melody.
    Interval,
    /// Amount of the music in one scale.
    Scale,
    /// Number of tones that sound together.
    Polyphony,
    /// Distance between them.
    Spread,
    /// Consonance between them.
    Consonance,
    /// Frequency of chord changes.
    Chords,
    /// Length of notes.
    Length,
    /// Loudness of notes.
    Loudness,
    /// Unevenness of eighth notes.
    Swing,
    /// Lateness of drum hits.
    Timing,
}

/// An attribute shifted by the user, in standard deviations of the training music.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dial {
    /// The attribute.
    pub attribute: Attribute,
    /// The offset: `1.5` is one and a half standard deviations up.
    pub by: f64,
}

/// The reason why attributes can't be learned or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// No attribute has this name.
    #[error("unknown attribute `{found}`; known are {}", Attribute::ALL.map(Attribute::name).join(", "))]
    Unknown {
        /// The name found.
        found: String,
    },
    /// A dial that can't be parsed.
    #[error(
        "`{found}` is not an attribute with an offset, for example `density:+1.5` (-10 to 10 standard \
         deviations are allowed)"
    )]
    Dial {
        /// The text found.
        found: String,
    },
    /// The model's windows have no melody.
    #[error("attributes need a melody, and windows of `{kind}` have none")]
    NoMelody {
        /// The model's kind.
        kind: &'static str,
    },
    /// Too few windows to learn from.
    #[error(
        "the model's reference has {found} windows of two notes or more; attributes need at least \
         {needed}"
    )]
    TooFew {
        /// Number of windows found.
        found: usize,
        /// Number of windows needed.
        needed: usize,
    },
    /// The model folder has no attributes.
    #[error(
        "{} has no `attributes.json`; learn them with `controlgen attribute learn`", folder.display()
    )]
    Missing {
        /// The model folder.
        folder: PathBuf,
    },
    /// The attributes belong to another model.
    #[error(
        "{} belongs to another model (hash {found}); learn it again with `controlgen attribute learn`",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The other model's hash.
        found: String,
    },
    /// The attribute could not be learned from this model's music.
    #[error("`{}` could not be learned from this model's music: {why}", attribute.name())]
    Unlearnt {
        /// The attribute.
        attribute: Attribute,
        /// The reason.
        why: String,
    },
    /// The covariance of the latents can't be used.
    #[error("attributes can't be learned: {0}")]
    Model(#[from] gmm::ModelError),
    /// A setting is out of range.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl Attribute {
    /// All attributes.
    pub const ALL: [Self; 14] = [
        Self::Density,
        Self::Pitch,
        Self::Range,
        Self::Syncopation,
        Self::Interval,
        Self::Scale,
        Self::Polyphony,
        Self::Spread,
        Self::Consonance,
        Self::Chords,
        Self::Length,
        Self::Loudness,
        Self::Swing,
        Self::Timing,
    ];

    /// The name, as users type it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Density => "density",
            Self::Pitch => "pitch",
            Self::Range => "range",
            Self::Syncopation => "syncopation",
            Self::Interval => "interval",
            Self::Scale => "scale",
            Self::Polyphony => "polyphony",
            Self::Spread => "spread",
            Self::Consonance => "consonance",
            Self::Chords => "chords",
            Self::Length => "length",
            Self::Loudness => "loudness",
            Self::Swing => "swing",
            Self::Timing => "timing",
        }
    }

    /// The feature of a melody that measures it; `None` if a melody has no such property.
    pub const fn feature(self) -> Option<Feature> {
        Some(match self {
            Self::Density => Feature::NoteDensity,
            Self::Pitch => Feature::MeanPitch,
            Self::Range => Feature::PitchRange,
            Self::Syncopation => Feature::Syncopation,
            Self::Interval => Feature::MeanInterval,
            Self::Scale => Feature::ScaleConsistency,
            _ => return None,
        })
    }

    /// The feature that measures it in lists of notes with an encoding; `None` if such lists have
    /// no such property.
    pub fn texture(self, encoding: NoteListEncoding) -> Option<TextureFeature> {
        let feature = match (encoding.has_tones(), self) {
            (true, Self::Density) => TextureFeature::NotesPerBeat,
            (true, Self::Pitch) => TextureFeature::MeanPitch,
            (true, Self::Range) => TextureFeature::Range,
            (true, Self::Syncopation) => TextureFeature::Syncopation,
            (true, Self::Scale) => TextureFeature::Scale,
            (true, Self::Polyphony) => TextureFeature::Polyphony,
            (true, Self::Spread) => TextureFeature::Spread,
            (true, Self::Consonance) => TextureFeature::Consonance,
            (true, Self::Chords) => TextureFeature::ChordChanges,
            (true, Self::Length) => TextureFeature::NoteLength,
            (true, Self::Loudness) => TextureFeature::Velocity,
            (false, Self::Density) => TextureFeature::DrumHits,
            (false, Self::Syncopation) => TextureFeature::DrumSyncopation,
            (false, Self::Loudness) => TextureFeature::DrumVelocity,
            (false, Self::Swing) => TextureFeature::DrumSwing,
            (false, Self::Timing) => TextureFeature::DrumTiming,
            _ => return None,
        };
        Some(feature)
    }

    /// The attributes that windows of a form have.
    pub fn of_form(form: &WindowForm) -> Vec<Self> {
        let has = |attribute: &Self| match form {
            WindowForm::Steps(_) => attribute.feature().is_some(),
            WindowForm::Notes(encoding) => attribute.texture(*encoding).is_some(),
        };
        Self::ALL.into_iter().filter(has).collect()
    }

    /// The unit of its values in windows of a form.
    pub fn unit(self, form: &WindowForm) -> &'static str {
        match form {
            WindowForm::Steps(_) => self.feature().map_or("", Feature::unit),
            WindowForm::Notes(encoding) => self.texture(*encoding).map_or("", TextureFeature::unit),
        }
    }

    /// Measures it in a window. Returns `None` if the window lacks it, and for melodies of fewer
    /// than two notes: all their attributes are learned from the same windows, and a single note
    /// has no interval.
    ///
    /// # Panics
    /// If the tokens are not a window of the form.
    pub fn measure(self, form: &WindowForm, window: &[u16]) -> Option<f64> {
        measure_all(&[self], form, window)[0]
    }
}

/// Measures some attributes in a window, see [`Attribute::measure`].
///
/// # Panics
/// If the tokens are not a window of the form.
pub fn measure_all(
    attributes: &[Attribute],
    form: &WindowForm,
    window: &[u16],
) -> Vec<Option<f64>> {
    match form {
        WindowForm::Steps(layout) => {
            let notes = form.lead(window).notes;
            let of = |attribute: &Attribute| attribute.feature()?.of(&notes, layout.n_steps);
            let is_enough = notes.len() >= 2;
            attributes.iter().map(|a| if is_enough { of(a) } else { None }).collect()
        }
        WindowForm::Notes(encoding) => {
            let list = NoteList::from_row(*encoding, window).expect("a window of the form");
            let passage = Passage::from(&list);
            let of = |attribute: &Attribute| attribute.texture(*encoding)?.of(&passage);
            attributes.iter().map(of).collect()
        }
    }
}

impl FromStr for Attribute {
    type Err = AttributeError;

    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let found = Self::ALL.into_iter().find(|attribute| attribute.name() == text);
        found.ok_or_else(|| AttributeError::Unknown { found: text.to_owned() })
    }
}

impl FromStr for Dial {
    type Err = AttributeError;

    /// `density:+1.5`
    fn from_str(text: &str) -> Result<Self, AttributeError> {
        let wrong = || AttributeError::Dial { found: text.to_owned() };
        let (name, by) = text.split_once(':').ok_or_else(wrong)?;
        let attribute = name.trim().parse()?;
        let by: f64 = by.trim().parse().map_err(|_| wrong())?;
        if by.abs() <= 10.0 { Ok(Self { attribute, by }) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use note_seq::window::WindowLayout;

    fn measure(attribute: Attribute, tokens: &[u16]) -> Option<f64> {
        let form = WindowForm::Steps(WindowLayout::melody(tokens.len(), 90));
        attribute.measure(&form, tokens)
    }

    #[test]
    fn lists_of_notes_have_attributes_of_their_texture() {
        let form = WindowForm::Notes(NoteListEncoding::POLY_2BAR);
        // In 4/4: C4 E4 G4 C5 together for a quarter (class 7), then D4 alone on beat 3.
        let row =
            [15, 0, 0, 60, 7, 0, 0, 0, 64, 7, 0, 0, 0, 67, 7, 0, 0, 0, 72, 7, 0, 24, 0, 62, 7, 0];
        let of = |attribute: Attribute| attribute.measure(&form, &row);
        assert_eq!(of(Attribute::Density), Some(5.0 / 8.0));
        assert_eq!(of(Attribute::Polyphony), Some(2.5));
        assert_eq!(of(Attribute::Range), Some(12.0));
        // All six pairs are consonant; there is no information about loudness.
        assert_eq!(of(Attribute::Consonance), Some(1.0));
        assert_eq!((of(Attribute::Loudness), of(Attribute::Timing)), (None, None));
        let drums = WindowForm::Notes(NoteListEncoding::DRUMS_2BAR_GROOVE);
        let names: Vec<&str> =
            Attribute::of_form(&drums).into_iter().map(Attribute::name).collect();
        assert_eq!(names, ["density", "syncopation", "loudness", "swing", "timing"]);
    }

    #[test]
    fn attributes_of_a_bar_by_hand() {
        // Quarters C4 E4 G4 C#5.
        let mut tokens = [0_u16; 16];
        for (step, pitch) in [(0, 60), (4, 64), (8, 67), (12, 73)] {
            tokens[step] = pitch - 19;
        }
        assert_eq!(measure(Attribute::Density, &tokens), Some(4.0));
        assert_eq!(measure(Attribute::Pitch, &tokens), Some(66.0));
        assert_eq!(measure(Attribute::Range, &tokens), Some(13.0));
        assert_eq!(measure(Attribute::Interval, &tokens), Some(13.0 / 3.0));
        // C, E, G and C# are not all in one major scale; three of them are.
        assert_eq!(measure(Attribute::Scale, &tokens), Some(0.75));
        assert_eq!(measure(Attribute::Syncopation, &tokens), Some(0.0));
        assert_eq!(measure(Attribute::Density, &[41, 0, 0, 0]), None);
    }

    #[test]
    fn notes_held_over_a_stronger_beat_are_syncopated() {
        let bars = |starts: &[usize]| {
            let mut tokens = [0_u16; 32];
            starts.iter().for_each(|step| tokens[*step] = 41);
            measure(Attribute::Syncopation, &tokens).unwrap()
        };
        // The second eighth held over beat 2 (-3 to -2) and beat 3 (-1): 2 levels.
        assert_eq!(bars(&[0, 2, 10, 12, 16]), f64::midpoint(2.0, 0.0));
        // The last sixteenth of a bar held over the next bar's first: 4 levels.
        assert_eq!(bars(&[0, 15]), 4.0 / 2.0);
        assert_eq!(bars(&[0, 8, 16, 24]), 0.0);
    }

    #[test]
    fn dials_are_a_name_and_a_number() {
        let dial: Dial = "density:+1.5".parse().unwrap();
        assert_eq!(dial, Dial { attribute: Attribute::Density, by: 1.5 });
        let error = "sadness:1".parse::<Dial>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown attribute `sadness`; known are density, pitch, range, syncopation, interval, scale, \
             polyphony, spread, consonance, chords, length, loudness, swing, timing"
        );
        for bad in ["density", "density:much", "density:nan", "density:99"] {
            assert!(matches!(bad.parse::<Dial>(), Err(AttributeError::Dial { .. })), "{bad}");
        }
    }
}
