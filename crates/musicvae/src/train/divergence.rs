//! Detects a diverging loss.
//!
//! The reference is the loss of guessing uniformly among all classes, `Σ_parts T · ln V` nats per
//! window: the loss of an untrained model, and far more than that of a trained one. A loss above
//! twice this value for ten consecutive steps, or above a hundred times this value once, does not
//! recover by itself. Single outliers do, and are tolerated. Nothing is hidden from the optimizer:
//! gradients are clipped, never zeroed.

use super::{DIVERGED_AT_ONCE, DIVERGED_STEPS, DIVERGED_WHILE, TrainError};

/// Monitors the losses of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct DivergenceMonitor {
    /// Loss of guessing uniformly among all classes, in nats per window.
    guess: f64,
    /// Number of consecutive steps above the limit.
    pub(super) n_above: u64,
    /// Step of the last evaluation whose score is implausible.
    beyond_at: Option<u64>,
}

impl DivergenceMonitor {
    /// `guess` is the loss of guessing uniformly among all classes, in nats per window.
    pub(super) fn new(guess: f64) -> Self {
        Self { guess, n_above: 0, beyond_at: None }
    }

    /// Whether the last loss, or the score after `n_steps` steps, was too high for a checkpoint.
    pub(super) fn is_too_high(&self, n_steps: u64) -> bool {
        self.n_above > 0 || self.beyond_at == Some(n_steps)
    }

    /// Records a held-out score, in nats per window, and returns whether it is plausible. It has a
    /// separate limit, because a model that overfits its training music may score badly on other
    /// music.
    pub(super) fn record_score(&mut self, n_steps: u64, nats: f64) -> bool {
        let is_sound = nats <= DIVERGED_AT_ONCE * self.guess;
        self.beyond_at = (!is_sound).then_some(n_steps);
        is_sound
    }

    /// Records a finite loss.
    ///
    /// # Errors
    /// [`TrainError::Diverged`].
    pub(super) fn record_loss(&mut self, step: u64, loss: f64) -> Result<(), TrainError> {
        self.n_above = if loss > DIVERGED_WHILE * self.guess { self.n_above + 1 } else { 0 };
        if self.n_above >= DIVERGED_STEPS || loss > DIVERGED_AT_ONCE * self.guess {
            return Err(TrainError::Diverged { step, loss, guess: self.guess });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MusicVaeConfig;
    use crate::train::Trainable;

    /// Guessing costs 6 · ln 8 = 12.48 nats; twice that is 24.95, a hundred times 1247.7.
    fn monitor() -> DivergenceMonitor {
        DivergenceMonitor::new(MusicVaeConfig::flat(8, 6, 4, &[5], &[6]).guess_nats())
    }

    #[test]
    fn ten_steps_running_above_twice_a_guess_are_an_explosion() {
        let mut monitor = monitor();
        for step in 0..9 {
            monitor.record_loss(step, 25.0).unwrap();
        }
        assert!(monitor.is_too_high(9));
        // A step below the limit resets the count.
        monitor.record_loss(9, 24.9).unwrap();
        assert!(!monitor.is_too_high(10));
        for step in 10..19 {
            monitor.record_loss(step, 1000.0).unwrap();
        }
        let error = monitor.record_loss(19, 30.0).unwrap_err().to_string();
        assert_eq!(
            error,
            "the loss diverged: 30.0 nats per window at step 19, and more than twice the loss of \
             random guessing, 12.5, for 10 steps, or a hundred times it at once; the learning rate \
             is too high"
        );
    }

    #[test]
    fn a_hundred_times_a_guess_is_an_explosion_at_once() {
        assert!(monitor().record_loss(0, 1247.0).is_ok());
        assert!(matches!(
            monitor().record_loss(5, 1248.0),
            Err(TrainError::Diverged { step: 5, .. })
        ));
    }

    #[test]
    fn a_score_that_no_model_has_is_no_time_for_a_checkpoint() {
        let mut monitor = monitor();
        assert!(monitor.record_score(3, 1247.0) && !monitor.is_too_high(3));
        for nats in [1248.0, f64::INFINITY, f64::NAN] {
            assert!(!monitor.record_score(4, nats) && monitor.is_too_high(4));
            // Later steps belong to another model.
            assert!(!monitor.is_too_high(5));
        }
    }
}
