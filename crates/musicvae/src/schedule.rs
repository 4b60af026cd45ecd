//! What changes with the training step: learning rate, weight of the KL term, teacher forcing.

use serde::{Deserialize, Serialize};

/// `beta(step) = max * (1 - rate^step)`: Magenta's annealing of the KL term's weight.
///
/// A `rate` of 0 gives 0 at step 0 and `max` from then on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BetaSchedule {
    /// The weight approached.
    pub max: f64,
    /// What is left of the way after each step, in `[0, 1)`.
    pub rate: f64,
}

impl BetaSchedule {
    /// The weight at a step.
    pub fn at(&self, step: u64) -> f64 {
        self.max * (1.0 - powu(self.rate, step))
    }
}

/// `lr(step) = min + (initial - min) * decay^step`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearningRateSchedule {
    /// The rate at step 0.
    pub initial: f64,
    /// The rate approached.
    pub min: f64,
    /// What is left of the way after each step, in `(0, 1]`.
    pub decay: f64,
}

impl LearningRateSchedule {
    /// The rate at a step.
    pub fn at(&self, step: u64) -> f64 {
        self.min + (self.initial - self.min) * powu(self.decay, step)
    }
}

/// Probability that a decoder input is the model's own sample instead of the true previous symbol.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "schedule", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduledSampling {
    /// The same at every step; 0 is pure teacher forcing.
    Constant {
        /// The probability.
        probability: f64,
    },
    /// `1 - base^step`.
    Exponential {
        /// In `(0, 1)`; near 1 for a slow rise.
        base: f64,
    },
    /// `1 - k / (k + e^(step / k))`: near 0 at first, one half at step `k ln k`.
    InverseSigmoid {
        /// Larger is slower.
        k: f64,
    },
}

impl ScheduledSampling {
    /// The probability at a step, in `[0, 1]`.
    pub fn at(&self, step: u64) -> f64 {
        match *self {
            Self::Constant { probability } => probability,
            Self::Exponential { base } => 1.0 - powu(base, step),
            // Divided by the exponential, which may overflow to infinity: that gives 1.
            Self::InverseSigmoid { k } => {
                let rise = (step as f64 / k).exp();
                1.0 / (1.0 + k / rise)
            }
        }
    }
}

/// `base^exponent` for exponents beyond `i32`, with `0^0 = 1`.
fn powu(base: f64, exponent: u64) -> f64 {
    base.powf(exponent as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, relative: f64) {
        assert!((found / expected - 1.0).abs() < relative, "{found} instead of {expected}");
    }

    // The expected numbers are those published for Magenta's schedules, to the digits given there.

    #[test]
    fn beta_follows_the_published_share_of_its_maximum() {
        let beta = BetaSchedule { max: 0.5, rate: 0.99999 };
        close(beta.at(10_000) / 0.5, 0.095, 2e-3);
        close(beta.at(50_000) / 0.5, 0.39, 1e-2);
        close(beta.at(100_000) / 0.5, 0.63, 5e-3);
        close(beta.at(200_000), 0.432, 1e-3);
    }

    #[test]
    fn a_zero_rate_holds_beta_from_the_first_update_on() {
        let beta = BetaSchedule { max: 0.2, rate: 0.0 };
        assert_eq!((beta.at(0), beta.at(1), beta.at(9)), (0.0, 0.2, 0.2));
    }

    #[test]
    fn learning_rate_follows_the_published_values() {
        let rate = LearningRateSchedule { initial: 1e-3, min: 1e-5, decay: 0.9999 };
        close(rate.at(0), 1e-3, 1e-12);
        close(rate.at(10_000), 3.74e-4, 1e-3);
        close(rate.at(50_000), 1.67e-5, 2e-3);
    }

    #[test]
    fn inverse_sigmoid_follows_the_published_values_and_never_leaves_the_unit_interval() {
        let sampling = ScheduledSampling::InverseSigmoid { k: 1000.0 };
        close(sampling.at(0), 0.001, 2e-3);
        close(sampling.at(6_908), 0.5, 1e-3);
        close(sampling.at(10_000), 0.957, 1e-3);
        close(sampling.at(12_000), 0.994, 1e-3);
        assert_eq!(sampling.at(u64::MAX), 1.0);
    }

    #[test]
    fn exponential_rises_from_zero_to_one() {
        let sampling = ScheduledSampling::Exponential { base: 0.5 };
        assert_eq!([0, 1, 2].map(|step| sampling.at(step)), [0.0, 0.5, 0.75]);
        assert_eq!(sampling.at(1_000_000), 1.0);
    }
}
