//! The settings of a training run.

use serde::{Deserialize, Serialize};

use super::{ConfigError, MAX_SIZE};
use crate::elbo::FreeBits;
use crate::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};

/// The training objective: reconstruction plus the weighted, hinged KL term.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// Bits of KL that are free of cost.
    pub free_bits: FreeBits,
    /// Weight of the KL term.
    pub beta: BetaSchedule,
    /// Probability that the decoder is fed its own samples.
    pub scheduled_sampling: ScheduledSampling,
}

impl ObjectiveConfig {
    /// The objective once its schedules have ended, in nats per window; see
    /// [`Evaluation::objective_nats`](crate::Evaluation::objective_nats).
    pub(crate) fn nats(&self, reconstruction_nats: f64, kl_bits: f64) -> f64 {
        let free_bits = match self.free_bits {
            FreeBits::PerSequence(bits) => bits,
            FreeBits::PerDimension { .. } => 0.0,
        };
        let cost = (kl_bits - free_bits).max(0.0) * std::f64::consts::LN_2;
        reconstruction_nats + self.beta.max() * cost
    }
}

/// All settings of the training of a model, except its data and sizes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Sequences in a batch, `B`.
    pub batch_size: usize,
    /// Adam's learning rate.
    pub learning_rate: LearningRateSchedule,
    /// Gradients are scaled down to this global norm.
    pub max_gradient_norm: f64,
    /// The objective to minimize.
    pub objective: ObjectiveConfig,
    /// Each example is transposed by a uniformly drawn number of semitones in `-n..=n`, drawn again
    /// each time.
    pub max_transposition: u8,
    /// Precision of the recurrent weights in products; `f32` by default.
    #[serde(default, skip_serializing_if = "RecurrentPrecision::is_f32")]
    pub recurrent_precision: RecurrentPrecision,
    /// Number of batches whose gradients are added up for one update. It acts like a batch that is
    /// this many times as large, in the memory of a single batch. The sequences are those of the
    /// large batch, and the update is equal up to rounding; only the hinge of
    /// [`FreeBits::PerDimension`] uses the mean of each batch by itself.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulation: usize,
    /// Number of steps that the schedules of the objective count as already made. A model that
    /// continues from the weights of another starts where that model's schedules ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub schedule_start: u64,
}

const fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
fn is_one(n: &usize) -> bool {
    *n == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Precision of weights in products. The stored and updated weights are always `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecurrentPrecision {
    /// Unchanged.
    #[default]
    F32,
    /// Rounded to bfloat16, which halves the memory traffic and doubles the rate on a processor
    /// with AVX-512-BF16, where the other factor is rounded too. On a CPU this applies to recurrent
    /// layers only. With libtorch on a GPU, all products are in bfloat16, and states, logits and
    /// gradients are rounded; the rate is several times that of `f32`. `wgpu` and `cuda` do not
    /// support it.
    Bf16,
}

impl RecurrentPrecision {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
    fn is_f32(&self) -> bool {
        *self == Self::F32
    }
}

impl TrainingConfig {
    /// Number of sequences per update, provided that the data has at least this many.
    pub fn sequences_per_update(&self) -> usize {
        self.batch_size.saturating_mul(self.accumulation)
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`ConfigError::Size`] or [`ConfigError::Range`] with the name of the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_SIZE).contains(&self.batch_size) {
            return Err(ConfigError::Size { field: "batch_size", found: self.batch_size });
        }
        if !(1..=MAX_SIZE).contains(&self.accumulation) {
            return Err(ConfigError::Size { field: "accumulation", found: self.accumulation });
        }
        let range = |field, found: f64, ok: bool, allowed| {
            if ok { Ok(()) } else { Err(ConfigError::Range { field, found, allowed }) }
        };
        let (rate, objective) = (self.learning_rate, self.objective);
        let unit = |x: f64| (0.0..=1.0).contains(&x);
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let not_negative = |x: f64| x >= 0.0 && x.is_finite();
        range("learning_rate.initial", rate.initial(), positive(rate.initial()), "above 0")?;
        range("learning_rate.min", rate.min(), not_negative(rate.min()), "0 or more")?;
        if let LearningRateSchedule::Exponential { decay, .. } = rate {
            range("learning_rate.decay", decay, unit(decay), "0 to 1")?;
        }
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
    fn each_bad_setting_is_named_with_what_is_allowed() {
        let mut training = presets::find("cat-mel_2bar_tiny").unwrap().training;
        training.learning_rate = training.learning_rate.falling_from(f64::NAN);
        let error = training.validate().unwrap_err();
        assert_eq!(error.to_string(), "`learning_rate.initial` is NaN; above 0 is allowed");
        let mut training = presets::find("cat-mel_2bar_tiny").unwrap().training;
        training.objective.beta = BetaSchedule::Exponential { max: 0.2, rate: 1.5 };
        let error = training.validate().unwrap_err();
        assert_eq!(error.to_string(), "`objective.beta.rate` is 1.5; 0 to 1 is allowed");
        training.objective.beta = BetaSchedule::Cyclical { max: 0.2, cycle_steps: 0, rise: 0.5 };
        let error = training.validate().unwrap_err();
        assert_eq!(error.to_string(), "`objective.beta.cycle_steps` is 0; 1 or more is allowed");
        let mut accumulating = presets::find("cat-mel_2bar_tiny").unwrap().training;
        accumulating.accumulation = 0;
        let error = accumulating.validate().unwrap_err();
        assert_eq!(error.to_string(), "`accumulation` is 0; 1 to 16384 is allowed");
        training.objective.free_bits = FreeBits::PerDimension { per_dimension: -1.0 };
        let error = training.validate().unwrap_err();
        assert_eq!(error.to_string(), "`objective.free_bits` is -1; 0 or more is allowed");
    }

    #[test]
    fn what_says_nothing_is_not_written_and_older_settings_are_read() {
        let training = presets::find("cat-mel_2bar_tiny").unwrap().training;
        let text = serde_json::to_string(&training).unwrap();
        assert!(!text.contains("accumulation") && !text.contains("schedule_start"), "{text}");
        assert_eq!(serde_json::from_str::<TrainingConfig>(&text).unwrap(), training);
        let training = TrainingConfig { accumulation: 4, schedule_start: 900, ..training };
        let text = serde_json::to_string(&training).unwrap();
        assert_eq!(serde_json::from_str::<TrainingConfig>(&text).unwrap(), training);
    }
}
