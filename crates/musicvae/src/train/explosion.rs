//! When a loss has exploded.
//!
//! The measure is what guessing among all classes alike costs, `Σ_parts T · ln V` nats a window:
//! what an untrained model's loss is, and far more than a trained one's. A loss above twice that for
//! ten steps running, or above a hundred times that once, does not come back by itself. Single wild
//! steps do, and are let pass. Nothing is hidden from the optimiser: gradients are clipped, never
//! zeroed.

use super::TrainError;

/// Times the cost of guessing that a loss may be for a few steps.
pub const EXPLODED_WHILE: f64 = 2.0;

/// Steps running above [`EXPLODED_WHILE`] that make an explosion.
pub const EXPLODED_STEPS: u64 = 10;

/// Times the cost of guessing that make an explosion at once.
pub const EXPLODED_AT_ONCE: f64 = 100.0;

/// Watches the losses of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// Nats a window of guessing among all classes alike.
    guess: f64,
    /// Steps running that were above.
    pub(super) n_above: u64,
    /// Steps of the last evaluation whose score no model should have.
    beyond_at: Option<u64>,
}

impl Watch {
    /// `guess` is what guessing among all classes alike costs, in nats a window.
    pub(super) fn new(guess: f64) -> Self {
        Self { guess, n_above: 0, beyond_at: None }
    }

    /// Whether the last loss, or the score after `n_steps` steps, was higher than it should be: no
    /// time for a checkpoint.
    pub(super) fn is_alarmed(&self, n_steps: u64) -> bool {
        self.n_above > 0 || self.beyond_at == Some(n_steps)
    }

    /// Takes a held-out score, in nats a window; whether a model can have it. A limit of its own,
    /// because a model that knows its training music by heart may do badly on others.
    pub(super) fn see_score(&mut self, n_steps: u64, nats: f64) -> bool {
        let is_sound = nats <= EXPLODED_AT_ONCE * self.guess;
        self.beyond_at = (!is_sound).then_some(n_steps);
        is_sound
    }

    /// Takes a finite loss.
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
        // One that comes back starts the count anew.
        watch.see(9, 24.9).unwrap();
        assert!(!watch.is_alarmed(10));
        for step in 10..19 {
            watch.see(step, 1000.0).unwrap();
        }
        let error = watch.see(19, 30.0).unwrap_err().to_string();
        assert_eq!(
            error,
            "the loss exploded: 30.0 nats a window at step 19, and more than twice what guessing \
             costs, 12.5, for 10 steps or a hundred times as much at once; the learning rate is too \
             high"
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
            // What comes after is another model.
            assert!(!watch.is_alarmed(5));
        }
    }
}
