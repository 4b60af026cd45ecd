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
    /// Changes of tempo, in order.
    pub(super) tempos: Vec<(u32, Qpm)>,
    pub(super) parts: Vec<Part>,
}

/// A bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub(super) number: i64,
    pub(super) start: u32,
    pub(super) n_steps: u32,
    /// Steps of a beat.
    pub(super) beat: u32,
    /// Beats and beat unit, if they change here.
    pub(super) meter: Option<(u32, u32)>,
    /// The key, if it changes here.
    pub(super) key: Option<KeySignature>,
}

/// What one instrument plays.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) sounds: Sounds,
    pub(super) staves: Vec<Staff>,
    pub(super) signs: Signs,
}

/// Which sounds a part has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sounds {
    /// Nothing is said.
    Unknown,
    /// A General MIDI program on a channel (from 1).
    Program(Program, u8),
    /// Percussion keys, ascending.
    Drums(Vec<Pitch>),
}

/// Signs of loudness, each with its bar (an index).
pub(super) type Signs = Vec<(usize, &'static str)>;

/// A note of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tone {
    pub(super) start: u32,
    /// The step after the last.
    pub(super) end: u32,
    pub(super) pitch: Pitch,
    pub(super) velocity: Option<Velocity>,
}

impl Score {
    /// The same, if all of it can be written.
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
