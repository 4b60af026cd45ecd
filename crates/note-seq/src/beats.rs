//! Beats and downbeats, through every change of tempo and meter.

use crate::sequence::NoteSequence;
use crate::units::Seconds;

/// A beat of the current meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    /// Seconds.
    pub time: Seconds,
    /// The bar, from 0.
    pub bar: u32,
    /// The beat in the bar, from 0; the downbeat is 0.
    pub beat: u32,
}

/// Maximum number of beats returned: thirty-six hours at 120 beats per minute.
const MAX_BEATS: usize = 1 << 18;

impl NoteSequence {
    /// Every beat up to the end of the music, by [`Self::tempo_map`] and [`Self::bar_map`].
    ///
    /// A beat is `4 / denominator` quarter notes; a change of meter starts a new bar at its
    /// position. At most 2^18 beats are returned.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{Note, NoteSequence, TimeSignature};
    /// let mut sequence = NoteSequence::default();
    /// sequence.time_signatures.push(TimeSignature { time: 0.0, numerator: 3, denominator: 4 });
    /// sequence.push(Note { end_time: 2.0, ..Note::default() });
    /// let beats: Vec<_> = sequence.beats().iter().map(|b| (b.time, b.bar, b.beat)).collect();
    /// assert_eq!(beats, [(0.0, 0, 0), (0.5, 0, 1), (1.0, 0, 2), (1.5, 1, 0)]);
    /// ```
    pub fn beats(&self) -> Vec<Beat> {
        let (tempos, bars) = (self.tempo_map(), self.bar_map());
        let mut beats = Vec::new();
        for (i, meter) in bars.pieces().iter().enumerate() {
            let next = bars.pieces().get(i + 1);
            let end = next.map_or(f64::INFINITY, |next| tempos.seconds_at_quarters(next.quarters));
            let end = end.min(self.total_time);
            for n_beats in 0..u32::MAX {
                let quarters = meter.quarters + f64::from(n_beats) * meter.quarters_per_beat;
                let time = tempos.seconds_at_quarters(quarters);
                // Half a millisecond before the end counts as the end, because times are rounded.
                if time >= end - 5e-4 || beats.len() >= MAX_BEATS {
                    break;
                }
                beats.push(Beat {
                    time,
                    bar: meter.bar.saturating_add(n_beats / meter.beats_per_bar),
                    beat: n_beats % meter.beats_per_bar,
                });
            }
        }
        beats
    }

    /// The time of every bar's first beat, in seconds.
    pub fn downbeats(&self) -> Vec<Seconds> {
        self.beats().into_iter().filter(|b| b.beat == 0).map(|b| b.time).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Note, Tempo, TimeSignature};

    #[test]
    fn tempo_changes_inside_a_beat_and_metre_changes_are_followed() {
        let mut s = NoteSequence::default();
        s.push(Note { end_time: 4.0, ..Note::default() });
        // Half a beat at 120, then 60 quarters per minute: the second beat comes at 0.25 + 0.5.
        s.tempos = vec![Tempo { time: 0.25, qpm: 60.0 }];
        s.time_signatures = vec![TimeSignature { time: 1.75, numerator: 6, denominator: 8 }];
        let beats: Vec<_> = s.beats().iter().map(|b| (b.time, b.bar, b.beat)).collect();
        assert_eq!(beats[..4], [(0.0, 0, 0), (0.75, 0, 1), (1.75, 1, 0), (2.25, 1, 1)]);
        assert_eq!(s.downbeats(), [0.0, 1.75]);
        assert_eq!(NoteSequence::default().beats().len(), 0);
    }
}
