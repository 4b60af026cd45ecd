//! The sizes of a model and the settings of its training.

mod error;
mod training;

use serde::{Deserialize, Serialize};

pub use error::ConfigError;
use note_seq::window::{Content, Track, WindowLayout};
pub use training::{ObjectiveConfig, RecurrentPrecision, TrainingConfig};

/// The sizes of a MusicVAE, which determine its whole architecture.
///
/// Fields after the first five are only written to files if they differ from their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MusicVaeConfig {
    /// Number of classes per step of each part that the model generates, `V`: 90 for a melody; 90,
    /// 90 and 512 for melody, bass and drums. A single part is stored as a plain number in files.
    #[serde(with = "one_or_more")]
    pub n_classes: Vec<usize>,
    /// Steps of a window, `T`: 32 for two bars of 4/4 at four steps per quarter note.
    pub n_steps: usize,
    /// Dimensions of the latent space, `Z`.
    pub z_size: usize,
    /// Units of each bidirectional encoder layer, per direction.
    pub encoder_sizes: Vec<usize>,
    /// Units of each layer of a decoder core.
    pub decoder_sizes: Vec<usize>,
    /// The encoder's input at each step; the class itself by default.
    #[serde(default, skip_serializing_if = "EncoderInput::is_class")]
    pub encoder_input: EncoderInput,
    /// Indices of the parts whose classes are sets of drums rather than pitches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drum_parts: Vec<usize>,
    /// Which cores generate the parts.
    #[serde(default, skip_serializing_if = "Cores::is_joint")]
    pub cores: Cores,
    /// The upper level of a hierarchical decoder; `None` for a flat one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conductor: Option<ConductorConfig>,
    /// The control that conditions encoder and decoder at each step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
}

/// Which cores generate the parts of a model with several parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cores {
    /// One core generates all parts; the next class of each depends on the previous classes of all
    /// parts.
    #[default]
    Joint,
    /// One core per part, which knows about the others only through the latent.
    PerPart,
}

impl Cores {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
    fn is_joint(&self) -> bool {
        *self == Self::Joint
    }
}

/// The upper level of a hierarchical decoder: an LSTM whose output at each of its steps replaces
/// the latent in one segment of the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConductorConfig {
    /// Number of its steps: the window is cut into this many segments of equal length.
    pub n_segments: usize,
    /// Units of each layer.
    pub sizes: Vec<usize>,
}

/// An input in addition to the music, for the encoder and the decoder, at each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The current chord: none, or one of the twelve roots each of major, minor, augmented and
    /// diminished, in that order.
    Chords,
}

impl Control {
    /// Number of classes per step.
    pub fn n_classes(self) -> usize {
        match self {
            Self::Chords => usize::from(note_seq::chords::N_TRIAD_LABELS),
        }
    }
}

/// Serializes a list as a plain number if it has one entry.
mod one_or_more {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(usize),
        More(Vec<usize>),
    }

    pub(super) fn serialize<S: Serializer>(values: &[usize], to: S) -> Result<S::Ok, S::Error> {
        match values {
            [one] => OneOrMore::One(*one).serialize(to),
            more => OneOrMore::More(more.to_vec()).serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<usize>, D::Error> {
        Ok(match OneOrMore::deserialize(from)? {
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(more) => more,
        })
    }
}

/// The encoder's input at each step. The decoder always reads and writes classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderInput {
    /// The class, one-hot: one of `V` inputs is set.
    #[default]
    Class,
    /// The class as a set of drums: input `i` is set if bit `i` of the class is, and one more input
    /// if no bit is. Magenta's drum models have 9 drums, hence 512 classes and 10 inputs.
    DrumRoll,
}

impl EncoderInput {
    /// Number of inputs of the encoder's first layer for a model with `n_classes` classes.
    pub fn width(self, n_classes: usize) -> usize {
        match self {
            Self::Class => n_classes,
            Self::DrumRoll => n_bits(n_classes) + 1,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
    fn is_class(&self) -> bool {
        *self == Self::Class
    }
}

/// Number of bits of the largest of `n_classes` classes.
fn n_bits(n_classes: usize) -> usize {
    n_classes.saturating_sub(1).checked_ilog2().map_or(0, |log| log as usize + 1)
}

/// The largest size accepted anywhere in a [`MusicVaeConfig`]: far above any published model, and
/// small enough that no product of sizes overflows.
pub const MAX_SIZE: usize = 1 << 14;

/// The maximum number of parts of a model.
pub const MAX_PARTS: usize = 16;

impl MusicVaeConfig {
    /// A flat model with a single part of pitches: a melody.
    pub fn flat(
        n_classes: usize,
        n_steps: usize,
        z_size: usize,
        encoder_sizes: &[usize],
        decoder_sizes: &[usize],
    ) -> Self {
        Self {
            n_classes: vec![n_classes],
            n_steps,
            z_size,
            encoder_sizes: encoder_sizes.to_vec(),
            decoder_sizes: decoder_sizes.to_vec(),
            encoder_input: EncoderInput::Class,
            drum_parts: Vec::new(),
            cores: Cores::Joint,
            conductor: None,
            control: None,
        }
    }

    /// The layout of this model's windows.
    pub fn window(&self) -> WindowLayout {
        let is_drums =
            |part| self.encoder_input == EncoderInput::DrumRoll || self.drum_parts.contains(&part);
        let part = |(part, n_classes): (usize, &usize)| Track {
            n_classes: *n_classes,
            content: if is_drums(part) { Content::Drums } else { Content::Pitches },
        };
        let control = self
            .control
            .map(|control| Track { n_classes: control.n_classes(), content: Content::Chords });
        let tracks = self.n_classes.iter().enumerate().map(part).chain(control).collect();
        WindowLayout { n_steps: self.n_steps, tracks }
    }

    /// Number of inputs of the encoder's first layer.
    pub fn encoder_width(&self) -> usize {
        let parts: usize = self.n_classes.iter().map(|n| self.encoder_input.width(*n)).sum();
        parts + self.n_controls()
    }

    /// Number of classes of the control; 0 without one.
    pub fn n_controls(&self) -> usize {
        self.control.map_or(0, Control::n_classes)
    }

    /// The parts that each core generates.
    pub fn core_parts(&self) -> Vec<std::ops::Range<usize>> {
        let n_parts = self.n_classes.len();
        match self.cores {
            Cores::Joint => std::iter::once(0..n_parts).collect(),
            Cores::PerPart => (0..n_parts).map(|part| part..part + 1).collect(),
        }
    }

    /// Number of segments that the decoder generates one after the other, each from its own initial
    /// state.
    pub fn n_segments(&self) -> usize {
        self.conductor.as_ref().map_or(1, |conductor| conductor.n_segments)
    }

    /// Checks every size.
    ///
    /// # Errors
    /// [`ConfigError`] with the name of the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let single = [("n_steps", self.n_steps), ("z_size", self.z_size)];
        let mut lists = vec![
            ("n_classes", &self.n_classes),
            ("encoder_sizes", &self.encoder_sizes),
            ("decoder_sizes", &self.decoder_sizes),
        ];
        let mut all = Vec::from(single);
        if let Some(ConductorConfig { n_segments, sizes }) = &self.conductor {
            all.push(("conductor.n_segments", *n_segments));
            lists.push(("conductor.sizes", sizes));
        }
        for (field, sizes) in lists {
            if sizes.is_empty() {
                return Err(ConfigError::NoLayer { field });
            }
            all.extend(sizes.iter().map(|size| (field, *size)));
        }
        for (field, found) in all {
            if !(1..=MAX_SIZE).contains(&found) {
                return Err(ConfigError::Size { field, found });
            }
        }
        let n_parts = self.n_classes.len();
        if n_parts > MAX_PARTS {
            return Err(ConfigError::Parts { found: n_parts });
        }
        if let Some(found) = self.drum_parts.iter().copied().find(|part| *part >= n_parts) {
            return Err(ConfigError::NoSuchPart { found, last: n_parts - 1 });
        }
        let (n_segments, n_steps) = (self.n_segments(), self.n_steps);
        if !n_steps.is_multiple_of(n_segments) {
            return Err(ConfigError::Segments { n_segments, n_steps });
        }
        match (self.encoder_input, self.n_classes.as_slice()) {
            (EncoderInput::Class, _) => Ok(()),
            (EncoderInput::DrumRoll, [n]) if *n >= 2 && n.is_power_of_two() => Ok(()),
            (EncoderInput::DrumRoll, found) => {
                Err(ConfigError::DrumClasses { found: found.to_vec() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;

    #[test]
    fn every_preset_is_valid() {
        for preset in presets::all() {
            assert_eq!(preset.model.validate(), Ok(()), "{}", preset.name);
            assert_eq!(preset.training.validate(), Ok(()), "{}", preset.name);
        }
    }

    #[test]
    fn each_bad_size_is_named() {
        let good = presets::find("cat-mel_2bar_tiny").unwrap().model;
        let zero = MusicVaeConfig { z_size: 0, ..good.clone() };
        assert_eq!(zero.validate(), Err(ConfigError::Size { field: "z_size", found: 0 }));
        let huge = MusicVaeConfig { decoder_sizes: vec![64, usize::MAX], ..good.clone() };
        let field = "decoder_sizes";
        assert_eq!(huge.validate(), Err(ConfigError::Size { field, found: usize::MAX }));
        let none = MusicVaeConfig { encoder_sizes: vec![], ..good.clone() };
        assert_eq!(none.validate(), Err(ConfigError::NoLayer { field: "encoder_sizes" }));
        let drums = MusicVaeConfig { encoder_input: EncoderInput::DrumRoll, ..good };
        assert_eq!(drums.validate(), Err(ConfigError::DrumClasses { found: vec![90] }));
    }

    #[test]
    fn parts_and_segments_have_to_fit() {
        let good = presets::find("hierdec-trio_16bar").unwrap().model;
        let cut = ConductorConfig { n_segments: 15, ..good.conductor.clone().unwrap() };
        let uneven = MusicVaeConfig { conductor: Some(cut), ..good.clone() };
        assert_eq!(
            uneven.validate().unwrap_err().to_string(),
            "`conductor.n_segments` is 15, which does not divide `n_steps`, 256"
        );
        let drums = MusicVaeConfig { drum_parts: vec![3], ..good.clone() };
        assert_eq!(
            drums.validate().unwrap_err().to_string(),
            "`drum_parts` names part 3; the model has parts 0 to 2"
        );
        let none = MusicVaeConfig { n_classes: vec![], ..good.clone() };
        assert_eq!(none.validate(), Err(ConfigError::NoLayer { field: "n_classes" }));
        let many = MusicVaeConfig { n_classes: vec![90; 17], ..good };
        assert_eq!(many.validate(), Err(ConfigError::Parts { found: 17 }));
    }

    #[test]
    fn every_preset_is_the_same_after_a_file_and_a_single_part_is_a_number() {
        for preset in presets::all() {
            let text = serde_json::to_string(&preset.model).unwrap();
            assert_eq!(serde_json::from_str::<MusicVaeConfig>(&text).unwrap(), preset.model);
        }
        let text = |name| serde_json::to_string(&presets::find(name).unwrap().model).unwrap();
        assert!(text("cat-mel_2bar_tiny").starts_with(r#"{"n_classes":90,"#));
        assert!(text("hierdec-trio_16bar").starts_with(r#"{"n_classes":[90,90,512],"#));
    }

    #[test]
    fn a_drum_roll_has_a_place_for_each_drum_and_one_for_none() {
        let widths = [2, 8, 512].map(|n| EncoderInput::DrumRoll.width(n));
        assert_eq!(widths, [2, 4, 10]);
        assert_eq!(EncoderInput::Class.width(90), 90);
    }

    #[test]
    fn what_the_encoder_reads_is_written_only_where_it_is_not_the_class() {
        let melody = presets::find("cat-mel_2bar_tiny").unwrap().model;
        assert!(!serde_json::to_string(&melody).unwrap().contains("encoder_input"));
        let drums = presets::find("cat-drums_2bar_small").unwrap().model;
        let text = serde_json::to_string(&drums).unwrap();
        assert!(text.contains(r#""encoder_input":"drum_roll""#), "{text}");
        assert_eq!(serde_json::from_str::<MusicVaeConfig>(&text).unwrap(), drums);
    }
}
