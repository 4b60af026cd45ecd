//! What can be turned up and down in a piece: density, pitch, range, syncopation, intervals, scale.
//!
//! An attribute is measured on the notes ([`Attribute::measure`]); a direction in latent space that
//! changes it is learned from the model's reference windows ([`AttributeVectors::learn`]) and added
//! to latents ([`AttributeVectors::shift`]), as attribute vectors are in MusicVAE (Roberts et al.
//! 2018, section 4.4).

mod report;
mod vectors;

use std::path::PathBuf;
use std::str::FromStr;

use corpus::artifact::ArtifactError;
use note_seq::features::Feature;
use note_seq::window::GridNote;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::generate::GenerateError;

pub use report::{DIALS, DialReport, DialRequest, OtherAttribute, dial_report};
pub use vectors::{AttributeMethod, AttributeVector, AttributeVectors, Unlearnt};

/// A measurable property of a melody: the features that latents can be shifted along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// [`Feature::NoteDensity`].
    Density,
    /// [`Feature::MeanPitch`].
    Pitch,
    /// [`Feature::PitchRange`].
    Range,
    /// [`Feature::Syncopation`].
    Syncopation,
    /// [`Feature::MeanInterval`].
    Interval,
    /// [`Feature::ScaleConsistency`].
    Scale,
}

/// A user's wish: an attribute turned up or down, in deviations of the training music.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dial {
    /// The attribute.
    pub attribute: Attribute,
    /// How far: `1.5` is one and a half deviations up.
    pub by: f64,
}

/// Why attributes can't be learned or used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// No attribute has that name.
    #[error("no attribute `{found}`; there are {}", Attribute::ALL.map(Attribute::name).join(", "))]
    Unknown {
        /// What was asked for.
        found: String,
    },
    /// A dial that can't be read.
    #[error(
        "`{found}` is not an attribute with an offset, for example `density:+1.5` (-10 to 10 standard \
         deviations are allowed)"
    )]
    Dial {
        /// What was found.
        found: String,
    },
    /// Windows without a melody.
    #[error("attributes are those of a melody, and a model of `{kind}` writes none")]
    NoMelody {
        /// The model's kind.
        kind: &'static str,
    },
    /// Too little to learn from.
    #[error(
        "the model's reference has {found} windows of two notes or more; attributes need at least \
         {needed}"
    )]
    TooFew {
        /// Windows there are.
        found: usize,
        /// Windows needed.
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
    /// The attributes are of another model.
    #[error(
        "{} is of another model (hash {found}); learn it again with `controlgen attribute learn`",
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
        /// Why not.
        why: String,
    },
    /// The latents have no covariance that can be used.
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
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Density, Self::Pitch, Self::Range, Self::Syncopation, Self::Interval, Self::Scale];

    /// Its name, as users type it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Density => "density",
            Self::Pitch => "pitch",
            Self::Range => "range",
            Self::Syncopation => "syncopation",
            Self::Interval => "interval",
            Self::Scale => "scale",
        }
    }

    /// The feature that measures it.
    pub const fn feature(self) -> Feature {
        match self {
            Self::Density => Feature::NoteDensity,
            Self::Pitch => Feature::MeanPitch,
            Self::Range => Feature::PitchRange,
            Self::Syncopation => Feature::Syncopation,
            Self::Interval => Feature::MeanInterval,
            Self::Scale => Feature::ScaleConsistency,
        }
    }

    /// The unit of its values.
    pub const fn unit(self) -> &'static str {
        self.feature().unit()
    }

    /// Measures it in a melody of `n_steps`. Returns `None` for fewer than two notes: all
    /// attributes are learned from the same windows, and a single note has no interval.
    pub fn measure(self, notes: &[GridNote], n_steps: usize) -> Option<f64> {
        if notes.len() < 2 { None } else { self.feature().of(notes, n_steps) }
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
    use note_seq::window::{Content, notes};

    fn measure(attribute: Attribute, tokens: &[u16]) -> Option<f64> {
        attribute.measure(&notes(Content::Pitches, tokens), tokens.len())
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
        // C, E, G and C# are in no one major scale; three of them are.
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
        let error = "loudness:1".parse::<Dial>().unwrap_err().to_string();
        assert_eq!(
            error,
            "no attribute `loudness`; there are density, pitch, range, syncopation, interval, scale"
        );
        for bad in ["density", "density:much", "density:nan", "density:99"] {
            assert!(matches!(bad.parse::<Dial>(), Err(AttributeError::Dial { .. })), "{bad}");
        }
    }
}
