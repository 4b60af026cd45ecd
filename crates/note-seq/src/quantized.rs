//! [`QuantizedSequence`]: notes on a grid of steps.

use serde::{Deserialize, Serialize};

use crate::event::{Tempo, TimeSignature};
use crate::pitch::{Pitch, Program, Velocity};
use crate::sequence::{Note, NoteSequence};
use crate::units::{Qpm, Step, StepsPerQuarter};

/// The grid of a quantized sequence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grid {
    /// Steps are fractions of a quarter note.
    Relative {
        /// Steps per quarter note.
        steps_per_quarter: StepsPerQuarter,
        /// The sequence's only tempo, in quarter notes per minute.
        qpm: Qpm,
        /// The sequence's only meter.
        time_signature: TimeSignature,
    },
    /// Steps are fractions of a second; tempo and meter are irrelevant.
    Absolute {
        /// Steps per second.
        steps_per_second: f64,
    },
}

/// Steps per bar, if it is an integer, and steps per quarter note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bars {
    pub(crate) steps_per_bar: Step,
    pub(crate) steps_per_quarter: StepsPerQuarter,
}

impl Grid {
    /// Steps per second.
    pub fn steps_per_second(&self) -> f64 {
        match *self {
            Self::Relative { steps_per_quarter, qpm, .. } => {
                steps_per_quarter.steps_per_second(qpm)
            }
            Self::Absolute { steps_per_second } => steps_per_second,
        }
    }

    /// Steps per bar, `steps_per_quarter · (4 / denominator · numerator)`: not always a whole
    /// number (7/32 gives 3.5 at 4 steps per quarter). `None` on an absolute grid.
    pub fn steps_per_bar(&self) -> Option<f64> {
        match self {
            Self::Relative { steps_per_quarter, time_signature, .. } => {
                Some(f64::from(steps_per_quarter.get()) * time_signature.quarters_per_bar())
            }
            Self::Absolute { .. } => None,
        }
    }

    /// Steps per quarter note; `None` on an absolute grid.
    pub fn steps_per_quarter(&self) -> Option<StepsPerQuarter> {
        match self {
            Self::Relative { steps_per_quarter, .. } => Some(*steps_per_quarter),
            Self::Absolute { .. } => None,
        }
    }

    /// The bars, if a bar is a whole number of steps above 0.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and, with 16-bit steps and 32-bit beats, below 2^53"
    )]
    pub(crate) fn bars(&self) -> Option<Bars> {
        let steps_per_bar = self.steps_per_bar().filter(|s| *s >= 1.0 && s.fract() == 0.0)? as Step;
        Some(Bars { steps_per_bar, steps_per_quarter: self.steps_per_quarter()? })
    }
}

/// A note on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantizedNote {
    /// Key number.
    pub pitch: Pitch,
    /// Loudness.
    pub velocity: Velocity,
    /// First step.
    pub start_step: Step,
    /// The step after the last one. Greater than `start_step` for every note that did not end
    /// before it began.
    pub end_step: Step,
    /// The part that plays it.
    pub instrument: u32,
    /// General MIDI program.
    pub program: Program,
    /// Whether the pitch denotes a drum.
    pub is_drum: bool,
}

/// Notes on a grid. Created by [`crate::NoteSequence::quantize`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantizedSequence {
    /// The definition of a step.
    pub grid: Grid,
    /// The notes, in the order of the sequence they came from.
    pub notes: Vec<QuantizedNote>,
    /// Length in steps: the quantized `total_time`, or the largest note end if that is later.
    pub total_steps: Step,
}

impl QuantizedSequence {
    /// Steps per bar, which is not always a whole number; see [`Grid::steps_per_bar`].
    pub fn steps_per_bar(&self) -> Option<f64> {
        self.grid.steps_per_bar()
    }

    /// Steps per bar, if it is an integer above 0.
    pub fn whole_steps_per_bar(&self) -> Option<Step> {
        self.grid.bars().map(|bars| bars.steps_per_bar)
    }

    /// Steps per quarter note; `None` on an absolute grid.
    pub fn steps_per_quarter(&self) -> Option<StepsPerQuarter> {
        self.grid.steps_per_quarter()
    }

    /// The notes in seconds: step `s` is at `s / steps_per_second`. Tempo and meter are set.
    pub fn to_sequence(&self) -> NoteSequence {
        let mut sequence = NoteSequence::default();
        if let Grid::Relative { qpm, time_signature, .. } = self.grid {
            sequence.tempos.push(Tempo { time: 0.0, qpm });
            sequence.time_signatures.push(time_signature);
        }
        let steps_per_second = self.grid.steps_per_second();
        for note in &self.notes {
            sequence.push(Note {
                pitch: note.pitch,
                velocity: note.velocity,
                start_time: note.start_step as f64 / steps_per_second,
                end_time: note.end_step as f64 / steps_per_second,
                instrument: note.instrument,
                program: note.program,
                is_drum: note.is_drum,
            });
        }
        sequence.total_time = sequence.total_time.max(self.total_steps as f64 / steps_per_second);
        sequence
    }
}
