//! Units of time and tempo, and the constants the encodings share.

use crate::pitch::Velocity;

/// Time in seconds from the start of the sequence.
pub type Seconds = f64;

/// Tempo in quarter notes per minute.
pub type Qpm = f64;

/// A position on the quantized grid, counted from 0. Never negative in a
/// [`crate::QuantizedSequence`].
pub type Step = i64;

/// Tempo of sequences that don't specify one, in quarter notes per minute.
pub const DEFAULT_QPM: Qpm = 120.0;

/// Velocity of notes without one and of notes created from labels.
pub(crate) const DEFAULT_VELOCITY: Velocity = Velocity::saturating(80);

/// Resolution of written MIDI files for sequences that don't specify one, in ticks per quarter
/// note.
pub const STANDARD_TICKS_PER_QUARTER: u16 = 220;

/// The number of steps that one quarter note is divided into.
///
/// # Examples
/// ```
/// use note_seq::StepsPerQuarter;
/// assert_eq!(StepsPerQuarter::SIXTEENTHS.get(), 4);
/// assert!(StepsPerQuarter::new(0).is_none());
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct StepsPerQuarter(std::num::NonZeroU16);

impl StepsPerQuarter {
    /// Four steps per quarter note: the grid of sixteenths of the melody, drum and trio models.
    pub const SIXTEENTHS: Self = Self(std::num::NonZeroU16::MIN.saturating_add(3));

    /// A grid of `steps` steps per quarter note; `None` for 0.
    pub const fn new(steps: u16) -> Option<Self> {
        match std::num::NonZeroU16::new(steps) {
            Some(steps) => Some(Self(steps)),
            None => None,
        }
    }

    /// Steps per quarter note.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// Steps per second at `qpm`: `steps_per_quarter · qpm / 60`, in this order of operations.
    pub fn steps_per_second(self, qpm: Qpm) -> f64 {
        f64::from(self.get()) * qpm / 60.0
    }
}

impl Default for StepsPerQuarter {
    fn default() -> Self {
        Self::SIXTEENTHS
    }
}
