//! Detects a diverging loss.
//!
//! The reference is the loss of guessing uniformly among all classes, `Σ_parts T · ln V` nats per
//! window: the loss of an untrained model, and far more than that of a trained one. A loss above
//! twice this value for ten consecutive steps, or above a hundred times this value once, does not
//! recover by itself. Single outliers do, and are tolerated. Nothing is hidden from the optimizer:
//! gradients are clipped, never zeroed.

use super::{EXPLODED_AT_ONCE, EXPLODED_STEPS, EXPLODED_WHILE, TrainError};

/// Monitors the losses of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// Loss of guessing uniformly among all classes, in nats per window.
    guess: f64,
    /// Number of consecutive steps above the limit.
    pub(super) n_above: u64,
    /// Step of the last evaluation whose score is implausible.
    beyond_at: Option<u64>,
}

impl Watch {
    /// `guess` is the loss of guessing uniformly among all classes, in nats per window.
    pub(super) fn new(guess: f64) -> Self {
        Self { guess, n_above: 0, beyond_at: None }
    }

    /// Whether the last loss, or the score after `n_steps` steps, was too high for a checkpoint.
    pub(super) fn is_alarmed(&self, n_steps: u64) -> bool {
        self.n_above > 0 || self.beyond_at == Some(n_steps)
    }

    /// Records a held-out score, in nats per window, and returns whether it is plausible. It has a
    /// separate limit, because a model that overfits its training music may score badly on other
    /// music.
    pub(super) fn see_score(&mut self, n_steps: u64, nats: f64) -> bool {
        let is_sound = nats <= EXPLODED_AT_ONCE * self.guess;
        self.beyond_at = (!is_sound).then_some(n_steps);
        is_sound
    }

    /// Records a finite loss.
    ///
    /// # Errors
    /// [`TrainError::Exploded`].
    pub(super) fn see(&mut self, step: u64, loss: f64) -> Result<(), TrainError> {
        self.n_above = if loss > EXPLODED_WHILE * self.guess { self.n_above + 1 } else { 0 };
        if self.n_above >= EXPLODED_STEPS || loss > EXPLODED_AT_ONCE * self.guess {
            return Err(TrainError::Exploded { step, loss, guess: self.guess });
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
    fn watch() -> Watch {
        Watch::new(MusicVaeConfig::flat(8, 6, 4, &[5], &[6]).guess_nats())
    }

    #[test]
    fn ten_steps_running_above_twice_a_guess_are_an_explosion() {
        let mut watch = watch();
        for step in 0..9 {
            watch.see(step, 25.0).unwrap();
        }
        assert!(watch.is_alarmed(9));
        // A step below the limit resets the count.
        watch.see(9, 24.9).unwrap();
        assert!(!watch.is_alarmed(10));
        for step in 10..19 {
            watch.see(step, 1000.0).unwrap();
        }
        let error = watch.see(19, 30.0).unwrap_err().to_string();
        assert_eq!(
            error,
            "the loss diverged: 30.0 nats per window at step 19, and more than twice the loss of \
             random guessing, 12.5, for 10 steps, or a hundred times it at once; the learning rate \
             is too high"
        );
    }

    #[test]
    fn a_hundred_times_a_guess_is_an_explosion_at_once() {
        assert!(watch().see(0, 1247.0).is_ok());
        assert!(matches!(watch().see(5, 1248.0), Err(TrainError::Exploded { step: 5, .. })));
    }

    #[test]
    fn a_score_that_no_model_has_is_no_time_for_a_checkpoint() {
        let mut watch = watch();
        assert!(watch.see_score(3, 1247.0) && !watch.is_alarmed(3));
        for nats in [1248.0, f64::INFINITY, f64::NAN] {
            assert!(!watch.see_score(4, nats) && watch.is_alarmed(4));
            // Later steps belong to another model.
            assert!(!watch.is_alarmed(5));
        }
    }
}
