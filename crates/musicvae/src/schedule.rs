//! Settings that change with the training step: learning rate, weight of the KL term, teacher
//! forcing.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// The KL term's weight at each step.
///
/// In JSON the fields determine the schedule: `{"max": 0.2, "rate": 0.99999}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a schedule of beta: `max` with `rate`, with `warmup_steps`, or with \
                 `cycle_steps` and `rise`"
)]
pub enum BetaSchedule {
    /// `max * (1 - rate^step)`: Magenta's schedule.
    ///
    /// With a `rate` of 0 the weight is 0 at step 0 and `max` from then on.
    Exponential {
        /// The limit of the weight.
        max: f64,
        /// Factor by which the distance to `max` shrinks at each step, in `[0, 1]`.
        rate: f64,
    },
    /// `max * min(step / warmup_steps, 1)` (Sønderby et al. 2016, arXiv:1602.02282); always `max`
    /// if `warmup_steps` is 0.
    Linear {
        /// The final weight.
        max: f64,
        /// Number of steps until it is reached.
        warmup_steps: u64,
    },
    /// In each cycle, rises linearly from 0 during the fraction `rise` of the cycle, then stays at
    /// `max` (Fu et al. 2019, arXiv:1903.10145, who use `rise` = 0.5 and four cycles per run).
    Cyclical {
        /// The maximum in each cycle.
        max: f64,
        /// Number of steps of a cycle.
        cycle_steps: u64,
        /// Fraction of the cycle in which the weight rises, in `[0, 1]`.
        rise: f64,
    },
}

impl BetaSchedule {
    /// The weight at a step.
    pub fn at(&self, step: u64) -> f64 {
        match *self {
            Self::Exponential { max, rate } => max * (1.0 - powu(rate, step)),
            Self::Linear { max, warmup_steps } => max * fraction(step as f64, warmup_steps as f64),
            Self::Cyclical { max, cycle_steps, rise } => {
                let done = step.checked_rem(cycle_steps).unwrap_or(0);
                max * fraction(done as f64, rise * cycle_steps as f64)
            }
        }
    }

    /// The largest weight.
    pub fn max(&self) -> f64 {
        match *self {
            Self::Exponential { max, .. }
            | Self::Linear { max, .. }
            | Self::Cyclical { max, .. } => max,
        }
    }
}

/// The learning rate at each step.
///
/// In JSON the fields determine the schedule, as they do for [`BetaSchedule`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a schedule of the learning rate: `initial` and `min` with `decay`, or with \
                 `warmup_steps` and `n_steps`"
)]
pub enum LearningRateSchedule {
    /// `min + (initial - min) * decay^step`: Magenta's schedule.
    Exponential {
        /// The rate at step 0.
        initial: f64,
        /// The limit of the rate.
        min: f64,
        /// Factor by which the distance to `min` shrinks at each step, in `(0, 1]`.
        decay: f64,
    },
    /// Half a cosine, `min + (initial - min) (1 + cos(π step / n_steps)) / 2`, until `n_steps`,
    /// then `min` (Loshchilov & Hutter 2017, arXiv:1608.03983). During the warm-up, the rate is
    /// multiplied by `(step + 1) / warmup_steps` (Goyal et al. 2017, arXiv:1706.02677).
    Cosine {
        /// The rate at step 0, before the factor of the warm-up.
        initial: f64,
        /// The rate from step `n_steps` on.
        min: f64,
        /// Number of steps until the warm-up is over.
        warmup_steps: u64,
        /// Number of steps until the rate is `min`.
        n_steps: u64,
    },
}

impl LearningRateSchedule {
    /// An exponential schedule that has come 98 % of the way from `initial` to `min` after
    /// `n_steps`.
    ///
    /// ```
    /// use musicvae::schedule::LearningRateSchedule;
    ///
    /// let schedule = LearningRateSchedule::exponential_over(1.0, 0.0, 300);
    /// assert!((schedule.at(300) - 0.02).abs() < 1e-9);
    /// ```
    pub fn exponential_over(initial: f64, min: f64, n_steps: u64) -> Self {
        Self::Exponential { initial, min, decay: 0.02_f64.powf(1.0 / n_steps.max(1) as f64) }
    }

    /// The rate at a step.
    pub fn at(&self, step: u64) -> f64 {
        match *self {
            Self::Exponential { initial, min, decay } => min + (initial - min) * powu(decay, step),
            Self::Cosine { initial, min, warmup_steps, n_steps } => {
                let rise = fraction(step as f64 + 1.0, warmup_steps as f64);
                let done = fraction(step as f64, n_steps as f64);
                let fallen = min + (initial - min) * 0.5 * (1.0 + (PI * done).cos());
                rise * fallen
            }
        }
    }

    /// The rate that the schedule falls from.
    pub fn initial(&self) -> f64 {
        match *self {
            Self::Exponential { initial, .. } | Self::Cosine { initial, .. } => initial,
        }
    }

    /// The rate that the schedule falls to.
    pub fn min(&self) -> f64 {
        match *self {
            Self::Exponential { min, .. } | Self::Cosine { min, .. } => min,
        }
    }

    /// The same schedule from another initial rate; `min` is at most this rate.
    #[must_use]
    pub fn falling_from(mut self, rate: f64) -> Self {
        match &mut self {
            Self::Exponential { initial, min, .. } | Self::Cosine { initial, min, .. } => {
                *initial = rate;
                *min = min.min(rate);
            }
        }
        self
    }

    /// A schedule of the same form that ends after `n_steps`; the end of an exponential one is
    /// defined by [`LearningRateSchedule::exponential_over`]. The warm-up takes at most a tenth.
    #[must_use]
    pub fn ending_at(self, n_steps: u64) -> Self {
        match self {
            Self::Exponential { initial, min, .. } => Self::exponential_over(initial, min, n_steps),
            Self::Cosine { initial, min, warmup_steps, .. } => {
                let warmup_steps = warmup_steps.min(n_steps / 10);
                Self::Cosine { initial, min, warmup_steps, n_steps }
            }
        }
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
        /// In `(0, 1)`; the closer to 1, the slower the rise.
        base: f64,
    },
    /// `1 - k / (k + e^(step / k))`: near 0 at first, one half at step `k ln k`.
    InverseSigmoid {
        /// The larger, the slower the rise.
        k: f64,
    },
}

impl ScheduledSampling {
    /// The probability at a step, in `[0, 1]`.
    pub fn at(&self, step: u64) -> f64 {
        match *self {
            Self::Constant { probability } => probability,
            Self::Exponential { base } => 1.0 - powu(base, step),
            // Dividing by the exponential, which may overflow to infinity, then gives 1.
            Self::InverseSigmoid { k } => {
                let rise = (step as f64 / k).exp();
                1.0 / (1.0 + k / rise)
            }
        }
    }
}

/// The fraction `done / length` of a length, at most 1; 1 of a length of 0.
fn fraction(done: f64, length: f64) -> f64 {
    if done < length { done / length } else { 1.0 }
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
        let beta = BetaSchedule::Exponential { max: 0.5, rate: 0.99999 };
        close(beta.at(10_000) / 0.5, 0.095, 2e-3);
        close(beta.at(50_000) / 0.5, 0.39, 1e-2);
        close(beta.at(100_000) / 0.5, 0.63, 5e-3);
        close(beta.at(200_000), 0.432, 1e-3);
    }

    #[test]
    fn a_zero_rate_holds_beta_from_the_first_update_on() {
        let beta = BetaSchedule::Exponential { max: 0.2, rate: 0.0 };
        assert_eq!((beta.at(0), beta.at(1), beta.at(9)), (0.0, 0.2, 0.2));
    }

    #[test]
    fn a_linear_warm_up_reaches_its_maximum_and_stays() {
        let beta = BetaSchedule::Linear { max: 0.5, warmup_steps: 4 };
        assert_eq!([0, 1, 2, 4, 5].map(|step| beta.at(step)), [0.0, 0.125, 0.25, 0.5, 0.5]);
        assert_eq!(BetaSchedule::Linear { max: 0.5, warmup_steps: 0 }.at(0), 0.5);
    }

    #[test]
    fn a_cycle_rises_for_its_fraction_and_starts_again() {
        let beta = BetaSchedule::Cyclical { max: 2.0, cycle_steps: 8, rise: 0.5 };
        let found: Vec<f64> = (0..10).map(|step| beta.at(step)).collect();
        assert_eq!(found, [0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 0.0, 0.5]);
        // A rise of 0 gives the maximum throughout.
        assert_eq!(BetaSchedule::Cyclical { max: 2.0, cycle_steps: 8, rise: 0.0 }.at(0), 2.0);
    }

    #[test]
    fn schedules_are_distinguished_by_their_fields() {
        for (text, beta) in [
            (r#"{"max":0.2,"rate":0.99}"#, BetaSchedule::Exponential { max: 0.2, rate: 0.99 }),
            (r#"{"max":0.2,"warmup_steps":9}"#, BetaSchedule::Linear { max: 0.2, warmup_steps: 9 }),
            (
                r#"{"max":0.2,"cycle_steps":8,"rise":0.5}"#,
                BetaSchedule::Cyclical { max: 0.2, cycle_steps: 8, rise: 0.5 },
            ),
        ] {
            assert_eq!(serde_json::from_str::<BetaSchedule>(text).unwrap(), beta);
            assert_eq!(serde_json::to_string(&beta).unwrap(), text);
        }
        let error = serde_json::from_str::<BetaSchedule>(r#"{"max":0.2}"#).unwrap_err();
        assert!(error.to_string().starts_with("a schedule of beta: `max` with `rate`"), "{error}");
    }

    #[test]
    fn learning_rate_follows_the_published_values() {
        let rate = LearningRateSchedule::Exponential { initial: 1e-3, min: 1e-5, decay: 0.9999 };
        close(rate.at(0), 1e-3, 1e-12);
        close(rate.at(10_000), 3.74e-4, 1e-3);
        close(rate.at(50_000), 1.67e-5, 2e-3);
    }

    #[test]
    fn a_cosine_rises_through_its_warm_up_and_falls_to_its_minimum() {
        let rate =
            LearningRateSchedule::Cosine { initial: 2.0, min: 1.0, warmup_steps: 4, n_steps: 300 };
        // At a third of the way the cosine is 1/2, in the middle 0, at two thirds -1/2.
        for (step, expected) in [(100, 1.75), (150, 1.5), (200, 1.25), (300, 1.0), (9000, 1.0)] {
            close(rate.at(step), expected, 1e-12);
        }
        close(rate.at(0), 0.5, 1e-12);
        // The cosine has hardly begun to fall: (1 - cos(π / 300)) / 2 < 3e-5.
        close(rate.at(1), 1.0, 3e-5);
        let none =
            LearningRateSchedule::Cosine { initial: 2.0, min: 1.0, warmup_steps: 0, n_steps: 0 };
        close(none.at(0), 1.0, 1e-12);
    }

    #[test]
    fn a_schedule_keeps_its_form_with_another_rate_and_another_end() {
        let cosine = LearningRateSchedule::Cosine {
            initial: 2.0,
            min: 1.0,
            warmup_steps: 200,
            n_steps: 9000,
        };
        let short = cosine.falling_from(0.5).ending_at(100);
        let expected =
            LearningRateSchedule::Cosine { initial: 0.5, min: 0.5, warmup_steps: 10, n_steps: 100 };
        assert_eq!(short, expected);
        let exponential = LearningRateSchedule::Exponential { initial: 2.0, min: 1.0, decay: 0.5 };
        let short = exponential.falling_from(3.0).ending_at(100);
        assert_eq!(short, LearningRateSchedule::exponential_over(3.0, 1.0, 100));
        for schedule in [cosine, exponential] {
            let text = serde_json::to_string(&schedule).unwrap();
            assert_eq!(serde_json::from_str::<LearningRateSchedule>(&text).unwrap(), schedule);
        }
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
