//! Beats and downbeats, through every change of tempo and metre.

use crate::event::{Tempo, TimeSignature};
use crate::sequence::NoteSequence;
use crate::units::{DEFAULT_QPM, Seconds};

/// A beat of the metre in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    /// Seconds.
    pub time: Seconds,
    /// The bar, from 0.
    pub bar: u32,
    /// The beat in the bar, from 0; the downbeat is 0.
    pub beat: u32,
}

/// The most beats that are given: over five days at 120 a minute.
const MAX_BEATS: usize = 1 << 20;

impl NoteSequence {
    /// Every beat up to the end of the music.
    ///
    /// A beat is `4 / denominator` quarter notes; a change of metre begins a new bar where it stands. At most 2^20
    /// beats are given.
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
        let mut metres: Vec<TimeSignature> = self
            .time_signatures
            .iter()
            .filter(|t| t.numerator > 0 && t.denominator > 0)
            .copied()
            .collect();
        metres.sort_by(|a, b| a.time.total_cmp(&b.time));
        if metres.first().is_none_or(|t| t.time > 0.0) {
            metres.insert(0, TimeSignature::default());
        }
        let mut tempos: Vec<Tempo> = self.tempos.iter().filter(|t| t.qpm > 0.0).copied().collect();
        tempos.sort_by(|a, b| a.time.total_cmp(&b.time));
        let mut beats = Vec::new();
        let mut bar = 0;
        for (i, metre) in metres.iter().enumerate() {
            let end =
                metres.get(i + 1).map_or(self.total_time, |next| next.time.min(self.total_time));
            let mut time = metre.time.max(0.0);
            let mut beat = 0;
            // Half a millisecond before the end is the end, not a beat: times are rounded.
            while time < end - 5e-4 && beats.len() < MAX_BEATS {
                beats.push(Beat { time, bar, beat });
                time = after_quarters(&tempos, time, 4.0 / f64::from(metre.denominator));
                beat = (beat + 1) % metre.numerator;
                bar += u32::from(beat == 0);
            }
            bar += u32::from(beat != 0);
        }
        beats
    }

    /// The time of every bar's first beat, in seconds.
    pub fn downbeats(&self) -> Vec<Seconds> {
        self.beats().into_iter().filter(|b| b.beat == 0).map(|b| b.time).collect()
    }
}

/// The time `quarters` after `time`, through the tempos in between.
fn after_quarters(tempos: &[Tempo], time: Seconds, quarters: f64) -> Seconds {
    let (mut time, mut left) = (time, quarters);
    let mut next = tempos.partition_point(|t| t.time <= time);
    loop {
        let qpm = next.checked_sub(1).map_or(DEFAULT_QPM, |at| tempos[at].qpm);
        let end = time + left * 60.0 / qpm;
        match tempos.get(next) {
            Some(change) if change.time < end => {
                left -= (change.time - time) * qpm / 60.0;
                time = change.time;
                next += 1;
            }
            _ => return end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Note;

    #[test]
    fn tempo_changes_inside_a_beat_and_metre_changes_are_followed() {
        let mut s = NoteSequence::default();
        s.push(Note { end_time: 4.0, ..Note::default() });
        // Half a beat at 120, then 60 quarters a minute: the second beat comes at 0.25 + 0.5.
        s.tempos = vec![Tempo { time: 0.25, qpm: 60.0 }];
        s.time_signatures = vec![TimeSignature { time: 1.75, numerator: 6, denominator: 8 }];
        let beats: Vec<_> = s.beats().iter().map(|b| (b.time, b.bar, b.beat)).collect();
        assert_eq!(beats[..4], [(0.0, 0, 0), (0.75, 0, 1), (1.75, 1, 0), (2.25, 1, 1)]);
        assert_eq!(s.downbeats(), [0.0, 1.75]);
        assert!(NoteSequence::default().beats().is_empty());
    }
}
