//! Monophonic melodies: extraction from quantized sequences, the 90-class encoding, windows for the
//! models.

mod convert;
mod encoding;
mod extract;
mod playback;
mod under_chords;

pub use convert::{MelodyConverter, MelodyWindow};
pub use encoding::{MelodyEncoding, UnknownLabel, UnsupportedPitch};
pub use extract::{ExtractError, ExtractOptions, extract};
pub(crate) use extract::{bars_of, extract_sorted};
pub use playback::Playback;
pub use under_chords::ChordedMelodyWindow;

use serde::{Deserialize, Serialize};

use crate::pitch::Pitch;
use crate::units::{Step, StepsPerQuarter};
use crate::vocabulary::STEPS_PER_BAR;

/// The event on one step of a melody.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum MelodyEvent {
    /// No event: the current note or silence continues.
    #[default]
    NoEvent,
    /// The sounding note ends.
    NoteOff,
    /// A note starts, ending the previous one.
    NoteOn(Pitch),
}

/// A monophonic line on a grid, one event per step.
///
/// # Examples
/// ```
/// use note_seq::{Melody, MelodyEncoding};
/// let encoding = MelodyEncoding::PIANO;
/// let melody = encoding.decode(&[41, 0, 1, 0])?;
/// assert_eq!(encoding.encode(&melody)?, [41, 0, 1, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Melody {
    /// One event per step.
    pub events: Vec<MelodyEvent>,
    /// The step of the sequence at which the first event is; the first of a bar.
    pub start_step: Step,
    /// Steps per bar.
    pub steps_per_bar: Step,
    /// Steps per quarter note.
    pub steps_per_quarter: StepsPerQuarter,
    /// The instrument it was taken from.
    pub instrument: u32,
}

impl Melody {
    /// Maximum number of steps of a melody: 2^24, over two days of sixteenths at 120 quarter notes
    /// per minute.
    pub const MAX_STEPS: Step = 1 << 24;

    /// A melody in 4/4 at 4 steps per quarter note that starts at step 0.
    pub fn new(events: Vec<MelodyEvent>) -> Self {
        Self {
            events,
            start_step: 0,
            steps_per_bar: Step::from(STEPS_PER_BAR as u32),
            steps_per_quarter: StepsPerQuarter::SIXTEENTHS,
            instrument: 0,
        }
    }

    /// The step after the last event, counted in the sequence it came from.
    pub fn end_step(&self) -> Step {
        self.start_step + Step::try_from(self.events.len()).unwrap_or(Step::MAX - self.start_step)
    }

    /// Appends the events of `next`, to join windows. A note that is still sounding continues until
    /// `next` ends it.
    pub fn append(&mut self, next: &Melody) {
        self.events.extend_from_slice(&next.events);
    }

    /// Removes all note-offs before the first note, where no note sounds that they could end.
    pub fn erase_leading_offs(&mut self) {
        let first = self.events.iter().position(|e| matches!(e, MelodyEvent::NoteOn(_)));
        let n_leading = first.unwrap_or(self.events.len());
        self.events[..n_leading].fill(MelodyEvent::NoEvent);
    }
}
