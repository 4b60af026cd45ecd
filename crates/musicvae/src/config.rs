//! Sizes of a model and the settings of its training.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::elbo::FreeBits;
use crate::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};

/// Sizes of a flat MusicVAE. All of the architecture follows from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MusicVaeConfig {
    /// Classes of one step, `V`: 90 for melodies.
    pub n_classes: usize,
    /// Steps of a window, `T`: 32 for two bars of 4/4 at four steps a quarter.
    pub n_steps: usize,
    /// Dimensions of the latent space, `Z`.
    pub z_size: usize,
    /// Units of each bidirectional encoder layer, per direction.
    pub encoder_sizes: Vec<usize>,
    /// Units of each decoder layer.
    pub decoder_sizes: Vec<usize>,
    /// What the encoder reads at each step; the class itself unless said otherwise.
    #[serde(default, skip_serializing_if = "EncoderInput::is_class")]
    pub encoder_input: EncoderInput,
}

/// What the encoder reads at each step. The decoder reads and writes classes always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderInput {
    /// The class: one of `V` inputs is set.
    #[default]
    Class,
    /// The class as a set of drums: input `i` is set where bit `i` of the class is, and one more
    /// where no bit is. Magenta's drum models have 9 drums, hence 512 classes and 10 inputs.
    DrumRoll,
}

impl EncoderInput {
    /// Inputs of the encoder's first layer for a model of `n_classes`.
    pub fn width(self, n_classes: usize) -> usize {
        match self {
            Self::Class => n_classes,
            Self::DrumRoll => n_bits(n_classes) + 1,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
    fn is_class(&self) -> bool {
        *self == Self::Class
    }
}

/// Bits that the largest of `n_classes` classes has.
fn n_bits(n_classes: usize) -> usize {
    n_classes.saturating_sub(1).checked_ilog2().map_or(0, |log| log as usize + 1)
}

/// The largest size accepted anywhere in a [`MusicVaeConfig`]: far above any published model, and
/// low enough that no product of sizes overflows.
pub const MAX_SIZE: usize = 1 << 14;

/// Why a configuration can't be used.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A size is zero or absurd.
    #[error("`{field}` is {found}; 1 to {MAX_SIZE} is allowed")]
    Size {
        /// Which.
        field: &'static str,
        /// What it was.
        found: usize,
    },
    /// A stack has no layer.
    #[error("`{field}` is empty; a stack needs at least one layer")]
    NoLayer {
        /// Which.
        field: &'static str,
    },
    /// The classes are not all sets of some drums.
    #[error(
        "`n_classes` is {found}; an encoder that reads a drum roll needs a power of two, one class \
         for each set of drums"
    )]
    DrumClasses {
        /// What it was.
        found: usize,
    },
    /// A setting is out of its range.
    #[error("`{field}` is {found}; {allowed} is allowed")]
    Range {
        /// Which.
        field: &'static str,
        /// What it was.
        found: f64,
        /// What it may be.
        allowed: &'static str,
    },
}

impl MusicVaeConfig {
    /// Checks every size.
    ///
    /// # Errors
    /// [`ConfigError::Size`] or [`ConfigError::NoLayer`], naming the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let single =
            [("n_classes", self.n_classes), ("n_steps", self.n_steps), ("z_size", self.z_size)];
        let stacks =
            [("encoder_sizes", &self.encoder_sizes), ("decoder_sizes", &self.decoder_sizes)];
        for (field, sizes) in stacks {
            if sizes.is_empty() {
                return Err(ConfigError::NoLayer { field });
            }
        }
        let all = single.into_iter().chain(
            stacks.into_iter().flat_map(|(field, sizes)| sizes.iter().map(move |n| (field, *n))),
        );
        for (field, found) in all {
            if !(1..=MAX_SIZE).contains(&found) {
                return Err(ConfigError::Size { field, found });
            }
        }
        let found = self.n_classes;
        match self.encoder_input {
            EncoderInput::DrumRoll if found < 2 || !found.is_power_of_two() => {
                Err(ConfigError::DrumClasses { found })
            }
            EncoderInput::DrumRoll | EncoderInput::Class => Ok(()),
        }
    }
}

/// The training objective: reconstruction plus the weighted, hinged KL term.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// Bits of KL that cost nothing.
    pub free_bits: FreeBits,
    /// Weight of the KL term.
    pub beta: BetaSchedule,
    /// How often the decoder is fed its own samples.
    pub scheduled_sampling: ScheduledSampling,
}

/// Everything that decides how a model is trained, the data and the sizes apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Sequences in a batch, `B`.
    pub batch_size: usize,
    /// Adam's learning rate.
    pub learning_rate: LearningRateSchedule,
    /// Gradients are scaled down to this global norm.
    pub max_gradient_norm: f64,
    /// What is minimised.
    pub objective: ObjectiveConfig,
    /// Each example is transposed by a uniform number of semitones in `-n..=n`, anew each time.
    pub max_transposition: u8,
}

impl TrainingConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`ConfigError::Size`] or [`ConfigError::Range`], naming the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_SIZE).contains(&self.batch_size) {
            return Err(ConfigError::Size { field: "batch_size", found: self.batch_size });
        }
        let range = |field, found: f64, ok: bool, allowed| {
            if ok { Ok(()) } else { Err(ConfigError::Range { field, found, allowed }) }
        };
        let (rate, objective) = (self.learning_rate, self.objective);
        let unit = |x: f64| (0.0..=1.0).contains(&x);
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let not_negative = |x: f64| x >= 0.0 && x.is_finite();
        range("learning_rate.initial", rate.initial, positive(rate.initial), "above 0")?;
        range("learning_rate.min", rate.min, not_negative(rate.min), "0 or more")?;
        range("learning_rate.decay", rate.decay, unit(rate.decay), "0 to 1")?;
        let norm = self.max_gradient_norm;
        range("max_gradient_norm", norm, positive(norm), "above 0")?;
        let bits = objective.free_bits.bits();
        range("objective.free_bits", bits, not_negative(bits), "0 or more")?;
        let max = objective.beta.max();
        range("objective.beta.max", max, not_negative(max), "0 or more")?;
        match objective.beta {
            BetaSchedule::Exponential { rate, .. } => {
                range("objective.beta.rate", rate, unit(rate), "0 to 1")?;
            }
            BetaSchedule::Linear { .. } => {}
            BetaSchedule::Cyclical { cycle_steps, rise, .. } => {
                let steps = cycle_steps as f64;
                range("objective.beta.cycle_steps", steps, steps > 0.0, "1 or more")?;
                range("objective.beta.rise", rise, unit(rise), "0 to 1")?;
            }
        }
        match objective.scheduled_sampling {
            ScheduledSampling::Constant { probability: p } => {
                range("objective.scheduled_sampling.probability", p, unit(p), "0 to 1")
            }
            ScheduledSampling::Exponential { base } => {
                range("objective.scheduled_sampling.base", base, unit(base), "0 to 1")
            }
            ScheduledSampling::InverseSigmoid { k } => {
                range("objective.scheduled_sampling.k", k, positive(k), "above 0")
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
        assert_eq!(drums.validate(), Err(ConfigError::DrumClasses { found: 90 }));
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

    #[test]
    fn each_bad_setting_is_named_with_what_is_allowed() {
        let mut training = presets::find("cat-mel_2bar_tiny").unwrap().training;
        training.learning_rate.initial = f64::NAN;
        let error = training.validate().unwrap_err();
        assert_eq!(error.to_string(), "`learning_rate.initial` is NaN; above 0 is allowed");
        let mut training = presets::find("cat-mel_2bar_tiny").unwrap().training;
        training.objective.beta = BetaSchedule::Exponential { max: 0.2, rate: 1.5 };
        let error = training.validate().unwrap_err();
        assert_eq!(error.to_string(), "`objective.beta.rate` is 1.5; 0 to 1 is allowed");
        training.objective.beta = BetaSchedule::Cyclical { max: 0.2, cycle_steps: 0, rise: 0.5 };
        let error = training.validate().unwrap_err();
        assert_eq!(error.to_string(), "`objective.beta.cycle_steps` is 0; 1 or more is allowed");
        training.objective.free_bits = FreeBits::PerDimension { per_dimension: -1.0 };
        let error = training.validate().unwrap_err();
        assert_eq!(error.to_string(), "`objective.free_bits` is -1; 0 or more is allowed");
    }
}
