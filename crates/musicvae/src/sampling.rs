//! Choosing a class from logits.

use rand::Rng;
use rand::RngExt;

/// The class with the largest logit; the first of them if there are several.
pub fn argmax(logits: &[f32]) -> usize {
    let mut best = 0;
    for (class, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = class;
        }
    }
    best
}

/// Draws a class from `softmax(logits / temperature)`.
///
/// The sum and the search run over classes in order and in `f64`, so that a result depends only on
/// the arguments.
pub fn categorical(logits: &[f32], temperature: f32, rng: &mut impl Rng) -> usize {
    categorical_at(logits, temperature, rng.random())
}

/// The class that [`categorical`] draws for the random number `uniform`, from 0 to 1.
pub(crate) fn categorical_at(logits: &[f32], temperature: f32, uniform: f64) -> usize {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| f64::from((logit - max) / temperature).exp();
    let total: f64 = logits.iter().map(|logit| weight(*logit)).sum();
    let mut left = uniform * total;
    for (class, logit) in logits.iter().enumerate() {
        left -= weight(*logit);
        if left < 0.0 {
            return class;
        }
    }
    // Rounding may leave a remainder, which goes to the last class with nonzero weight.
    logits.iter().rposition(|logit| weight(*logit) > 0.0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn argmax_takes_the_first_of_equals() {
        assert_eq!(argmax(&[0.0, 3.0, 3.0, -1.0]), 1);
    }

    #[test]
    fn draws_follow_the_softmax_at_each_temperature() {
        let logits = [0.0_f32, 1.0, -1.0, 2.0];
        for temperature in [0.5_f32, 1.0, 2.0] {
            let n = 200_000;
            let mut rng = seed::stream(1, "test", 0);
            let mut counts = [0_u32; 4];
            for _ in 0..n {
                counts[categorical(&logits, temperature, &mut rng)] += 1;
            }
            let weights = logits.map(|l| f64::from(l / temperature).exp());
            let total: f64 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(weights) {
                let p = weight / total;
                // Five standard deviations of a binomial fraction.
                let tolerance = 5.0 * (p * (1.0 - p) / f64::from(n)).sqrt();
                assert!((f64::from(*count) / f64::from(n) - p).abs() < tolerance);
            }
        }
    }

    #[test]
    fn a_low_temperature_is_the_argmax_and_extreme_logits_do_not_overflow() {
        let mut rng = seed::stream(1, "test", 1);
        for _ in 0..1000 {
            assert_eq!(categorical(&[1e30, -1e30, 0.9e30], 1e-3, &mut rng), 0);
            assert_eq!(categorical(&[0.0, 0.1, 0.2], 1e-3, &mut rng), 2);
        }
    }
}
