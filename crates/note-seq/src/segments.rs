//! The stretches of constant tempo and metre that windows are taken from, with their place in the piece.

use crate::conversion::SkipReason;
use crate::quantize::QuantizeError;
use crate::quantized::QuantizedSequence;
use crate::sequence::NoteSequence;
use crate::units::{Step, StepsPerQuarter};

/// A quantized stretch.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The stretch, before quantizing.
    pub(crate) sequence: NoteSequence,
    /// The stretch on the grid.
    pub(crate) quantized: Result<QuantizedSequence, QuantizeError>,
    /// Bars of the piece before the stretch.
    pub(crate) first_bar: u32,
}

impl Segment {
    /// The stretch on the grid, if its bar has so many steps.
    pub(crate) fn on_bars_of(&self, steps_per_bar: u32) -> Result<&QuantizedSequence, SkipReason> {
        let quantized = self.quantized.as_ref().map_err(SkipReason::from)?;
        if quantized.whole_steps_per_bar() == Some(Step::from(steps_per_bar)) {
            Ok(quantized)
        } else {
            Err(SkipReason::WrongBarLength)
        }
    }
}

/// Splits where tempo or metre changes and quantizes every stretch.
///
/// Bars are counted over all stretches: each earlier one counts with its bars begun in its own metre (the bar
/// grid starts anew at a change), whether or not it gives windows.
pub(crate) fn segments(
    sequence: &NoteSequence,
    steps_per_quarter: StepsPerQuarter,
) -> Vec<Segment> {
    let cuts = sequence.time_change_cuts();
    let mut first_bar = 0_u32;
    let pieces = sequence.split_at(&cuts).unwrap_or_default();
    let mut segments = Vec::with_capacity(pieces.len());
    for (piece, window) in pieces.into_iter().zip(cuts.windows(2)) {
        let quantized = piece.quantize(steps_per_quarter);
        let n_bars = quantized
            .as_ref()
            .map_or(0.0, |q| bars_begun(q, window[1] - window[0], steps_per_quarter));
        segments.push(Segment { sequence: piece, quantized, first_bar });
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, as wanted"
        )]
        let n_bars = n_bars as u32;
        first_bar = first_bar.saturating_add(n_bars);
    }
    segments
}

/// Bars begun in a stretch of `seconds`; a rounding error past a bar line begins none.
fn bars_begun(
    quantized: &QuantizedSequence,
    seconds: f64,
    steps_per_quarter: StepsPerQuarter,
) -> f64 {
    const ROUNDING_BARS: f64 = 1e-6;
    let crate::quantized::Grid::Relative { qpm, .. } = quantized.grid else { return 0.0 };
    let steps = seconds * steps_per_quarter.steps_per_second(qpm);
    quantized.steps_per_bar().map_or(0.0, |bar| (steps / bar - ROUNDING_BARS).ceil())
}

/// The number of a bar in the piece.
pub(crate) fn bar_number(first_bar: u32, step_in_segment: Step, steps_per_bar: Step) -> u32 {
    u32::try_from(step_in_segment / steps_per_bar.max(1))
        .unwrap_or(u32::MAX)
        .saturating_add(first_bar)
}
