//! Piano rolls: sounding notes, onsets and velocities, frame by frame.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::pitch::Pitch;
use crate::sequence::NoteSequence;
use crate::units::Seconds;

/// Reason why no piano roll could be created.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum PianoRollError {
    /// The frame rate is not a positive number.
    #[error("{frames_per_second} frames per second are not possible (needed: a positive number)")]
    BadRate {
        /// The requested rate.
        frames_per_second: f64,
    },
    /// The roll would have more than [`PianoRoll::MAX_FRAMES`] frames.
    #[error(
        "{n_frames} frames are too many (allowed: {}); use a lower rate or cut the sequence",
        PianoRoll::MAX_FRAMES
    )]
    TooLong {
        /// Number of frames.
        n_frames: f64,
    },
}

/// A piano roll of all 128 pitches.
///
/// # Shapes
/// - `active`, `onsets`, `velocities`: `[n_frames, 128]`, row-major
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PianoRoll {
    /// Number of frames.
    pub n_frames: usize,
    /// Frames per second.
    pub frames_per_second: f64,
    /// Whether the pitch sounds in the frame.
    pub active: Vec<bool>,
    /// Whether a note of the pitch starts in the frame.
    pub onsets: Vec<bool>,
    /// Velocity of the sounding note (the one that started last), 0 to 127.
    pub velocities: Vec<u8>,
}

impl PianoRoll {
    /// Maximum number of frames: 2^20, almost three hours at 100 frames per second.
    pub const MAX_FRAMES: usize = 1 << 20;

    /// Whether a pitch sounds in a frame.
    pub fn is_active(&self, frame: usize, pitch: Pitch) -> bool {
        self.active.get(frame * 128 + usize::from(pitch.get())) == Some(&true)
    }
}

impl NoteSequence {
    /// The roll of all notes for which `keep` returns `true`. Its length in frames is
    /// `floor(total_time · frames_per_second + 1)`.
    ///
    /// A note fills the frames from `floor(start · rate)` up to but not including
    /// `ceil(end · rate)`, at least one, like Python's `sequence_to_pianoroll` with its defaults.
    ///
    /// # Errors
    /// Returns a [`PianoRollError`] if the rate is not positive or the roll is too long.
    pub fn piano_roll(
        &self,
        frames_per_second: f64,
        keep: impl Fn(&crate::Note) -> bool,
    ) -> Result<PianoRoll, PianoRollError> {
        if !(frames_per_second.is_finite() && frames_per_second > 0.0) {
            return Err(PianoRollError::BadRate { frames_per_second });
        }
        let n_frames = (self.total_time * frames_per_second + 1.0).floor();
        if n_frames > PianoRoll::MAX_FRAMES as f64 {
            return Err(PianoRollError::TooLong { n_frames });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, as wanted"
        )]
        let frame = |frames: f64| frames as usize;
        let n_frames = frame(n_frames);
        let size = n_frames * 128;
        let mut roll = PianoRoll {
            n_frames,
            frames_per_second,
            active: vec![false; size],
            onsets: vec![false; size],
            velocities: vec![0; size],
        };
        let mut notes: Vec<&crate::Note> = self.notes.iter().filter(|n| keep(n)).collect();
        notes.sort_by(|a, b| a.start_time.total_cmp(&b.start_time));
        for note in notes {
            let at = |time: Seconds| time * frames_per_second;
            let first = frame(at(note.start_time).floor()).min(n_frames);
            let end = frame(at(note.end_time).ceil()).max(first + 1).min(n_frames);
            for f in first..end {
                let cell = f * 128 + usize::from(note.pitch.get());
                roll.active[cell] = true;
                roll.onsets[cell] |= f == first;
                roll.velocities[cell] = note.velocity.get();
            }
        }
        Ok(roll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Note, Velocity};

    #[test]
    fn frames_by_hand() {
        let mut s = NoteSequence::default();
        // At 4 frames per second: frames 0–1, then frame 2 alone (shorter than a frame).
        for (pitch, velocity, start_time, end_time) in [(60, 90, 0.1, 0.4), (62, 70, 0.55, 0.6)] {
            let (pitch, velocity) = (Pitch::new(pitch).unwrap(), Velocity::new(velocity).unwrap());
            s.push(Note { pitch, velocity, start_time, end_time, ..Note::default() });
        }
        let roll = s.piano_roll(4.0, |_| true).unwrap();
        assert_eq!(roll.n_frames, 3);
        let cells: Vec<_> = (0..roll.active.len())
            .filter(|i| roll.active[*i])
            .map(|i| (i / 128, i % 128))
            .collect();
        assert_eq!(cells, [(0, 60), (1, 60), (2, 62)]);
        let onsets: Vec<_> = (0..roll.onsets.len())
            .filter(|i| roll.onsets[*i])
            .map(|i| (i / 128, i % 128))
            .collect();
        assert_eq!(onsets, [(0, 60), (2, 62)]);
        assert_eq!((roll.velocities[60], roll.velocities[2 * 128 + 62]), (90, 70));
    }

    #[test]
    fn bad_rates_and_endless_rolls_are_refused() {
        let mut s = NoteSequence::default();
        s.push(Note { end_time: 1e9, ..Note::default() });
        assert!(matches!(s.piano_roll(0.0, |_| true), Err(PianoRollError::BadRate { .. })));
        assert!(matches!(s.piano_roll(100.0, |_| true), Err(PianoRollError::TooLong { .. })));
    }
}
