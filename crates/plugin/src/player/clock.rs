//! Song position and samples of a block.

/// The song position at each sample of a block, with a tempo that may change linearly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    /// Sample of the block at which the song is at `beats`.
    sample: f64,
    /// Quarter notes from the beginning of the song.
    beats: f64,
    /// Quarter notes per minute there.
    tempo: f64,
    /// Change of the tempo per sample.
    tempo_per_sample: f64,
    /// Samples per minute.
    samples_per_minute: f64,
}

impl Clock {
    /// A clock that is at `beats` at `sample`. An invalid tempo counts as 120.
    pub(super) fn new(
        sample: u32,
        beats: f64,
        (tempo, tempo_per_sample): (f64, f64),
        sample_rate: f64,
    ) -> Self {
        let is_tempo = tempo.is_finite() && tempo > 0.0;
        Self {
            sample: sample.into(),
            beats,
            tempo: if is_tempo { tempo.clamp(1.0, 10_000.0) } else { 120.0 },
            tempo_per_sample: if tempo_per_sample.is_finite() { tempo_per_sample } else { 0.0 },
            samples_per_minute: 60.0 * sample_rate,
        }
    }

    /// The song position at a sample, in quarter notes.
    pub(super) fn beats_at(&self, sample: f64) -> f64 {
        let past = sample - self.sample;
        let tempo = self.tempo + 0.5 * self.tempo_per_sample * past;
        self.beats + past * tempo / self.samples_per_minute
    }

    /// The sample at which the song reaches a position, not rounded.
    pub(super) fn sample_at(&self, beats: f64) -> f64 {
        let minutes = (beats - self.beats) * self.samples_per_minute;
        // The smaller root of ½ a s² + v s = minutes, in the form that stays exact for small a.
        let root = self.tempo.mul_add(self.tempo, 2.0 * self.tempo_per_sample * minutes);
        let past = if root > 0.0 {
            2.0 * minutes / (self.tempo + root.sqrt())
        } else {
            // The tempo would fall below zero before the position is reached.
            minutes / self.tempo
        };
        self.sample + past
    }

    /// The clock after a jump to another position at a sample.
    pub(super) fn jump(&self, sample: f64, beats: f64) -> Self {
        let past = sample - self.sample;
        let tempo = (self.tempo + self.tempo_per_sample * past).max(1.0);
        Self { sample, beats, tempo, ..*self }
    }

    /// The clock of the next block, `n` samples later.
    pub(super) fn next_block(&self, n: u32) -> Self {
        Self { sample: self.sample - f64::from(n), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_tempo_is_a_straight_line() {
        // At 120 a quarter note is half a second.
        let clock = Clock::new(10, 4.0, (120.0, 0.0), 48_000.0);
        assert_eq!(clock.beats_at(24_010.0), 5.0);
        assert_eq!(clock.sample_at(5.0), 24_010.0);
        assert_eq!(clock.next_block(24_000).sample_at(5.0), 10.0);
        assert_eq!(clock.jump(24_010.0, 0.0).sample_at(1.0), 48_010.0);
    }

    #[test]
    fn a_changing_tempo_is_followed_both_ways() {
        for (tempo, change) in [(60.0, 1e-3), (180.0, -1e-3), (120.0, 1e-12)] {
            let clock = Clock::new(0, 0.0, (tempo, change), 48_000.0);
            // Half a second at the mean tempo.
            let expected = (tempo + 12_000.0 * change) / 120.0;
            assert!((clock.beats_at(24_000.0) - expected).abs() < 1e-12);
            assert!((clock.sample_at(expected) - 24_000.0).abs() < 1e-6);
        }
    }

    #[test]
    fn hostile_tempos_move_the_song_forward() {
        for tempo in [0.0, -7.0, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
            for change in [0.0, f64::NAN, -1e6] {
                let clock = Clock::new(0, 0.0, (tempo, change), 48_000.0);
                assert!(clock.sample_at(1.0) > 0.0, "{tempo} {change}");
            }
        }
    }
}
