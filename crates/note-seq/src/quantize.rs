//! Quantizing: seconds to steps, with the rounding of Python's `note_seq`.
//!
//! [`exact`] instead rounds the ticks from which the seconds were computed.

mod exact;

use thiserror::Error;

use crate::event::{Tempo, TimeSignature};
use crate::quantized::{Grid, QuantizedNote, QuantizedSequence};
use crate::sequence::{Note, NoteSequence};
use crate::units::{DEFAULT_QPM, Qpm, Seconds, Step, StepsPerQuarter};

/// Reason why a sequence could not be quantized.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The tempo changes.
    #[error(
        "the tempo changes from {first} to {second} quarter notes per minute at {at} s; split \
         the sequence \
             with `split_on_time_changes` first"
    )]
    MultipleTempos {
        /// Tempo before.
        first: Qpm,
        /// Tempo after.
        second: Qpm,
        /// Time of the change in seconds.
        at: Seconds,
    },
    /// The meter changes.
    #[error("the time signature changes from {}/{} to {}/{} at {at} s; split the sequence with \
             `split_on_time_changes` first", first.0, first.1, second.0, second.1)]
    MultipleTimeSignatures {
        /// Numerator and denominator before.
        first: (u32, u32),
        /// Numerator and denominator after.
        second: (u32, u32),
        /// Time of the change in seconds.
        at: Seconds,
    },
    /// A numerator of 0, or a denominator that is not a power of two.
    #[error(
        "time signature {numerator}/{denominator} cannot be quantized (needed: a \
         numerator above 0 and a \
             denominator that is a power of 2)"
    )]
    BadTimeSignature {
        /// Beats per bar.
        numerator: u32,
        /// Beat unit.
        denominator: u32,
    },
    /// A note or event is before time 0 (by half a step or more).
    #[error(
        "a note or event is at {seconds} s; times must not be negative, shift the sequence first"
    )]
    NegativeTime {
        /// The time found, in seconds.
        seconds: Seconds,
    },
    /// The steps per second are not a positive finite number.
    #[error(
        "{steps_per_second} steps per second are not a grid; tempo and resolution must be positive \
         and finite"
    )]
    BadGrid {
        /// The number found.
        steps_per_second: f64,
    },
    /// Exact quantizing needs the ticks from which the times were computed.
    #[error(
        "exact quantizing needs a resolution of 1 to 32767 ticks per quarter note, the sequence has \
             {ticks_per_quarter}; set `ticks_per_quarter`, or use `quantize`"
    )]
    NoTicks {
        /// The sequence's resolution.
        ticks_per_quarter: i32,
    },
}

/// The step nearest to a time: `trunc(seconds · steps_per_second + 0.5)`.
///
/// Truncation is toward zero, so half a step before 0 still gives 0, as in
/// `note_seq.quantize_to_step`. Halves are rounded up; whether a computed time is exactly a half
/// depends on the preceding `f64` arithmetic.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast truncates toward zero and saturates, as wanted"
)]
pub fn quantize_to_step(seconds: Seconds, steps_per_second: f64) -> Step {
    (seconds * steps_per_second + 0.5) as Step
}

impl NoteSequence {
    /// Snaps every note to a grid of `steps_per_quarter` steps per quarter note, relative to the
    /// tempo.
    ///
    /// A note whose start and end are on the same step is made one step long. Bit-compatible with
    /// Python's `quantize_note_sequence`: if a time is halfway between two steps, rounding errors
    /// of its `f64` arithmetic decide. [`Self::quantize_ticks`] is exact in this case.
    ///
    /// # Errors
    /// Returns [`QuantizeError::MultipleTempos`] or [`QuantizeError::MultipleTimeSignatures`] if
    /// either changes (a first one that is not at time 0 is a change from 120 or 4/4),
    /// [`QuantizeError::BadTimeSignature`], [`QuantizeError::NegativeTime`] or
    /// [`QuantizeError::BadGrid`].
    pub fn quantize(
        &self,
        steps_per_quarter: StepsPerQuarter,
    ) -> Result<QuantizedSequence, QuantizeError> {
        let grid = Grid::of(&self.tempos, &self.time_signatures, steps_per_quarter)?;
        let steps_per_second = grid.steps_per_second();
        quantize_on(self, grid, |seconds| quantize_to_step(seconds, steps_per_second))
    }

    /// Snaps every note to a grid of `steps_per_second`, regardless of tempos and signatures.
    ///
    /// # Errors
    /// Returns [`QuantizeError::NegativeTime`] or [`QuantizeError::BadGrid`].
    pub fn quantize_absolute(
        &self,
        steps_per_second: f64,
    ) -> Result<QuantizedSequence, QuantizeError> {
        let grid = Grid::Absolute { steps_per_second }.checked()?;
        quantize_on(self, grid, |seconds| quantize_to_step(seconds, steps_per_second))
    }
}

impl Grid {
    /// The grid for the single tempo and meter that these lists must contain.
    pub(crate) fn of(
        tempos: &[Tempo],
        time_signatures: &[TimeSignature],
        steps_per_quarter: StepsPerQuarter,
    ) -> Result<Self, QuantizeError> {
        let time_signature = single_time_signature(time_signatures)?;
        let qpm = single_tempo(tempos)?;
        Self::Relative { steps_per_quarter, qpm, time_signature }.checked()
    }

    fn checked(self) -> Result<Self, QuantizeError> {
        let steps_per_second = self.steps_per_second();
        if steps_per_second.is_finite() && steps_per_second > 0.0 {
            Ok(self)
        } else {
            Err(QuantizeError::BadGrid { steps_per_second })
        }
    }
}

/// Puts a note on the steps that `to_step` returns for its times, at least one step long.
#[inline]
pub(crate) fn snap(
    note: &Note,
    to_step: impl Fn(Seconds) -> Step,
) -> Result<QuantizedNote, QuantizeError> {
    let start_step = to_step(note.start_time);
    let mut end_step = to_step(note.end_time);
    if end_step == start_step {
        end_step = end_step.saturating_add(1);
    }
    if start_step < 0 || end_step < 0 {
        return Err(QuantizeError::NegativeTime { seconds: note.start_time.min(note.end_time) });
    }
    Ok(QuantizedNote {
        pitch: note.pitch,
        velocity: note.velocity,
        start_step,
        end_step,
        instrument: note.instrument,
        program: note.program,
        is_drum: note.is_drum,
    })
}

fn quantize_on(
    sequence: &NoteSequence,
    grid: Grid,
    to_step: impl Fn(Seconds) -> Step,
) -> Result<QuantizedSequence, QuantizeError> {
    let mut total_steps = to_step(sequence.total_time);
    let mut notes = Vec::with_capacity(sequence.notes.len());
    for note in &sequence.notes {
        let snapped = snap(note, &to_step)?;
        total_steps = total_steps.max(snapped.end_step);
        notes.push(snapped);
    }
    let controls = sequence.control_changes.iter().map(|c| c.time);
    let texts = sequence.text_annotations.iter().map(|t| t.time);
    if let Some(seconds) = controls.chain(texts).find(|t| to_step(*t) < 0) {
        return Err(QuantizeError::NegativeTime { seconds });
    }
    Ok(QuantizedSequence { grid, notes, total_steps: total_steps.max(0) })
}

/// The only time signature of a sequence, 4/4 by default.
fn single_time_signature(all: &[TimeSignature]) -> Result<TimeSignature, QuantizeError> {
    let pair = |t: &TimeSignature| (t.numerator, t.denominator);
    let mut by_time: Vec<&TimeSignature> = all.iter().collect();
    by_time.sort_by(|a, b| a.time.total_cmp(&b.time));
    // Python compares with the first entry as stored, not with the earliest; so does this.
    let (Some(stored), Some(earliest)) = (all.first(), by_time.first()) else {
        return Ok(TimeSignature::default());
    };
    if earliest.time != 0.0 && pair(earliest) != (4, 4) {
        return Err(QuantizeError::MultipleTimeSignatures {
            first: (4, 4),
            second: pair(earliest),
            at: earliest.time,
        });
    }
    if let Some(other) = by_time.iter().skip(1).find(|t| pair(t) != pair(stored)) {
        return Err(QuantizeError::MultipleTimeSignatures {
            first: pair(earliest),
            second: pair(other),
            at: other.time,
        });
    }
    if !stored.denominator.is_power_of_two() || stored.numerator == 0 {
        return Err(QuantizeError::BadTimeSignature {
            numerator: stored.numerator,
            denominator: stored.denominator,
        });
    }
    Ok(TimeSignature { time: 0.0, ..*stored })
}

/// The only tempo of a sequence, 120 by default.
#[expect(
    clippy::float_cmp,
    reason = "equal tempos are the same number: they come from the same integer"
)]
fn single_tempo(all: &[Tempo]) -> Result<Qpm, QuantizeError> {
    let mut by_time: Vec<&Tempo> = all.iter().collect();
    by_time.sort_by(|a, b| a.time.total_cmp(&b.time));
    let (Some(stored), Some(earliest)) = (all.first(), by_time.first()) else {
        return Ok(DEFAULT_QPM);
    };
    if earliest.time != 0.0 && earliest.qpm != DEFAULT_QPM {
        return Err(QuantizeError::MultipleTempos {
            first: DEFAULT_QPM,
            second: earliest.qpm,
            at: earliest.time,
        });
    }
    if let Some(other) = by_time.iter().skip(1).find(|t| t.qpm != stored.qpm) {
        return Err(QuantizeError::MultipleTempos {
            first: earliest.qpm,
            second: other.qpm,
            at: other.time,
        });
    }
    Ok(stored.qpm)
}

#[cfg(test)]
mod tests;
