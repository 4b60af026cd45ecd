//! The contents of a document: bars, and parts with tones on staves.

use super::staff::Staff;
use super::{MusicXmlError, has_values};
use crate::event::KeySignature;
use crate::pitch::{Pitch, Program, Velocity};
use crate::units::{Qpm, StepsPerQuarter};

/// A whole score; positions are steps from its start.
#[derive(Debug, Clone)]
pub(super) struct Score {
    /// Not written if it is empty.
    pub(super) title: String,
    pub(super) steps_per_quarter: StepsPerQuarter,
    pub(super) bars: Vec<Bar>,
    /// Tempo changes, in order.
    pub(super) tempos: Vec<(u32, Qpm)>,
    pub(super) parts: Vec<Part>,
}

/// A bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub(super) number: i64,
    pub(super) start: u32,
    pub(super) n_steps: u32,
    /// Number of steps per beat.
    pub(super) beat: u32,
    /// Beats and beat unit, if they change in this bar.
    pub(super) meter: Option<(u32, u32)>,
    /// The key, if it changes in this bar.
    pub(super) key: Option<KeySignature>,
}

/// The music of one instrument.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) sounds: Sounds,
    pub(super) staves: Vec<Staff>,
    pub(super) signs: Signs,
}

/// The sounds of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sounds {
    /// Not specified.
    Unknown,
    /// A General MIDI program on a channel (from 1).
    Program(Program, u8),
    /// Percussion keys, ascending.
    Drums(Vec<Pitch>),
}

/// Dynamic marks, each with its bar (an index).
pub(super) type Signs = Vec<(usize, &'static str)>;

/// A note of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tone {
    pub(super) start: u32,
    /// The step after its last one.
    pub(super) end: u32,
    pub(super) pitch: Pitch,
    pub(super) velocity: Option<Velocity>,
}

impl Score {
    /// Returns the score, if all of it can be written.
    pub(super) fn checked(self) -> Result<Self, MusicXmlError> {
        if !has_values(self.steps_per_quarter) {
            let steps_per_quarter = self.steps_per_quarter.get();
            return Err(MusicXmlError::UnsupportedGrid { steps_per_quarter });
        }
        let tonal = self.parts.iter().filter(|part| !matches!(part.sounds, Sounds::Drums(_)));
        let pitches = tonal.flat_map(|part| &part.staves).flat_map(Staff::tones).map(|t| t.pitch);
        match pitches.min().filter(|pitch| pitch.get() < 12) {
            Some(pitch) => Err(MusicXmlError::PitchTooLow { pitch }),
            None => Ok(self),
        }
    }
}
