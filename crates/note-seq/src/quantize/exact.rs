//! Exact quantizing with integers: from the ticks that the times were computed from, without
//! rounding errors.
//!
//! Times in seconds are `f64`, and a time halfway between two steps may end up slightly before or
//! after the half. Here each time is first converted back to its tick, which is exact for times
//! read from a file, and all further arithmetic uses integers: halves are always rounded up.

use std::num::NonZeroU32;

use super::{QuantizeError, quantize_on};
use crate::quantized::{Grid, QuantizedSequence};
use crate::sequence::NoteSequence;
use crate::tempo_map::TempoMap;
use crate::units::{Qpm, Seconds, Step, StepsPerQuarter};

impl NoteSequence {
    /// Like [`Self::quantize`], but exact:
    /// `step = ⌊tick · steps_per_quarter / ticks_per_quarter + ½⌋`.
    ///
    /// Times that are not on a tick of the sequence's resolution are first moved to the nearest
    /// one.
    ///
    /// # Errors
    /// Same as [`Self::quantize`], and [`QuantizeError::NoTicks`] for a sequence without a
    /// resolution.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{Note, NoteSequence, StepsPerQuarter, Tempo};
    /// // At 150 quarter notes a minute, tick 60 of 96 is exactly two steps and a half.
    /// let tick = 60.0 / (150.0 * 96.0);
    /// let mut sequence = NoteSequence { ticks_per_quarter: 96, ..NoteSequence::default() };
    /// sequence.tempos.push(Tempo { time: 0.0, qpm: 150.0 });
    /// sequence.push(Note { start_time: 60.0 * tick, end_time: 156.0 * tick, ..Note::default() });
    /// let quantized = sequence.quantize_ticks(StepsPerQuarter::SIXTEENTHS)?;
    /// assert_eq!((quantized.notes[0].start_step, quantized.notes[0].end_step), (3, 7));
    /// # Ok::<(), note_seq::QuantizeError>(())
    /// ```
    pub fn quantize_ticks(
        &self,
        steps_per_quarter: StepsPerQuarter,
    ) -> Result<QuantizedSequence, QuantizeError> {
        let grid = Grid::of(&self.tempos, &self.time_signatures, steps_per_quarter)?;
        let ticks_per_quarter = resolution(self)?;
        let map = self.tempo_map();
        let steps = i128::from(steps_per_quarter.get());
        quantize_on(self, grid, |seconds| {
            rounded(signed_tick(&map, seconds) * steps, ticks_per_quarter)
        })
    }

    /// Like [`Self::quantize_absolute`], but exact, across all tempos: the time of a tick is the
    /// sum of its microseconds per quarter note, as stored in a file.
    ///
    /// # Errors
    /// Returns [`QuantizeError::NegativeTime`], or [`QuantizeError::NoTicks`] for a sequence
    /// without a resolution.
    pub fn quantize_absolute_ticks(
        &self,
        steps_per_second: NonZeroU32,
    ) -> Result<QuantizedSequence, QuantizeError> {
        const MICROSECONDS_PER_SECOND: i128 = 1_000_000;
        let grid = Grid::Absolute { steps_per_second: f64::from(steps_per_second.get()) };
        let ticks_per_quarter = resolution(self)?;
        let map = self.tempo_map();
        let clock = Clock::new(&map);
        let steps = i128::from(steps_per_second.get());
        quantize_on(self, grid, |seconds| {
            let time = clock.time(signed_tick(&map, seconds));
            rounded(time * steps, ticks_per_quarter * MICROSECONDS_PER_SECOND)
        })
    }
}

fn resolution(sequence: &NoteSequence) -> Result<i128, QuantizeError> {
    let ticks_per_quarter = sequence.ticks_per_quarter;
    if (1..=0x7fff).contains(&ticks_per_quarter) {
        Ok(ticks_per_quarter.into())
    } else {
        Err(QuantizeError::NoTicks { ticks_per_quarter })
    }
}

/// The nearest tick; before the start, the first tempo applies.
fn signed_tick(map: &TempoMap, seconds: Seconds) -> i128 {
    if seconds < 0.0 { -i128::from(map.tick(-seconds)) } else { map.tick(seconds).into() }
}

/// `⌊numerator / denominator + ½⌋`, clamped to the range of steps.
fn rounded(numerator: i128, denominator: i128) -> Step {
    let step = (2 * numerator + denominator).div_euclid(2 * denominator);
    Step::try_from(step).unwrap_or(if step < 0 { Step::MIN } else { Step::MAX })
}

/// Time in integer units: microseconds per quarter note times ticks.
struct Clock {
    /// First tick of a tempo, time at this tick, microseconds per quarter note.
    pieces: Vec<(i128, i128, i128)>,
}

impl Clock {
    fn new(map: &TempoMap) -> Self {
        let mut pieces: Vec<(i128, i128, i128)> = Vec::with_capacity(map.pieces().len());
        for piece in map.pieces() {
            let tick = i128::from(piece.tick);
            let time = pieces.last().map_or(0, |last| last.1 + last.2 * (tick - last.0));
            pieces.push((tick, time, microseconds(map.qpm(piece))));
        }
        Self { pieces }
    }

    fn time(&self, tick: i128) -> i128 {
        let at = self.pieces.partition_point(|p| p.0 <= tick).max(1) - 1;
        let (first, time, microseconds) = self.pieces[at];
        time + microseconds * (tick - first)
    }
}

/// Microseconds per quarter note, an integer as in a tempo event.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a tempo map's tempos are positive, and the cast saturates"
)]
fn microseconds(qpm: Qpm) -> i128 {
    i128::from((6e7 / qpm).round() as u32)
}
