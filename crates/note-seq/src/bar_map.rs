//! Conversion between quarter notes and bars through every change of meter.

use crate::event::TimeSignature;
use crate::sequence::NoteSequence;
use crate::tempo_map::TempoMap;

/// A section of constant meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarPiece {
    /// Quarter notes from the start of the music to the section.
    pub quarters: f64,
    /// Number of its first bar, from 0.
    pub bar: u32,
    /// Beats per bar.
    pub beats_per_bar: u32,
    /// Quarter notes per beat: `4 / denominator`.
    pub quarters_per_beat: f64,
}

impl BarPiece {
    /// Quarter notes per bar.
    pub fn quarters_per_bar(&self) -> f64 {
        self.quarters_per_beat * f64::from(self.beats_per_bar)
    }
}

/// A position in the meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarPosition {
    /// The bar, from 0.
    pub bar: u32,
    /// The beat in the bar, from 0.
    pub beat: u32,
    /// Quarter notes after the beat, below the length of a beat.
    pub quarters: f64,
}

/// The positions of bars and beats, in quarter notes from the start.
///
/// A change of meter starts a new bar at its position, so the bar before it may be short. Before
/// the first signature the meter is 4/4. Together with [`TempoMap`], which converts between quarter
/// notes, ticks and seconds, every unit can be converted to every other.
///
/// # Examples
/// ```
/// use note_seq::{BarPosition, NoteSequence, TimeSignature};
/// let mut sequence = NoteSequence { ticks_per_quarter: 480, ..NoteSequence::default() };
/// sequence.time_signatures.push(TimeSignature { time: 2.0, numerator: 3, denominator: 4 });
/// let (tempos, bars) = (sequence.tempo_map(), sequence.bar_map());
/// // One bar of 4/4 (two seconds), then bars of three quarters: the third bar begins after seven.
/// assert_eq!(bars.quarters_at_bar(2), 7.0);
/// assert_eq!(tempos.tick_at_quarters(bars.quarters_at_bar(2)), 7 * 480);
/// let position = bars.position(tempos.quarters(3.0));
/// assert_eq!(position, BarPosition { bar: 1, beat: 2, quarters: 0.0 });
/// assert_eq!(bars.quarters(position), 6.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BarMap {
    pieces: Vec<BarPiece>,
}

/// A change within a millionth of a quarter note after a bar line counts as on it, because times
/// are rounded.
const ROUNDING_QUARTERS: f64 = 1e-6;

impl BarMap {
    /// The map of the meters, with times according to `tempos`. Signatures with 0 beats or a
    /// denominator of 0 are left out; if several have the same time, the last one counts.
    pub fn new(time_signatures: &[TimeSignature], tempos: &TempoMap) -> Self {
        let mut meters: Vec<&TimeSignature> =
            time_signatures.iter().filter(|t| t.numerator > 0 && t.denominator > 0).collect();
        meters.sort_by(|a, b| a.time.total_cmp(&b.time));
        let mut pieces = vec![piece(0.0, 0, &TimeSignature::default())];
        for meter in meters {
            let quarters = tempos.quarters(meter.time.max(0.0)).max(0.0);
            let last = pieces[pieces.len() - 1];
            if quarters - last.quarters < ROUNDING_QUARTERS {
                pieces.pop();
                pieces.push(piece(last.quarters, last.bar, meter));
            } else {
                let n_bars =
                    (quarters - last.quarters - ROUNDING_QUARTERS) / last.quarters_per_bar();
                pieces.push(piece(quarters, last.bar.saturating_add(whole(n_bars.ceil())), meter));
            }
        }
        Self { pieces }
    }

    /// The sections of constant meter, in order; never empty.
    pub fn pieces(&self) -> &[BarPiece] {
        &self.pieces
    }

    /// Quarter notes from the start of the music to the start of a bar.
    pub fn quarters_at_bar(&self, bar: u32) -> f64 {
        self.quarters(BarPosition { bar, beat: 0, quarters: 0.0 })
    }

    /// Quarter notes from the start of the music to a position in the meter.
    pub fn quarters(&self, position: BarPosition) -> f64 {
        let piece = &self.pieces[self.pieces.partition_point(|p| p.bar <= position.bar).max(1) - 1];
        let n_bars = f64::from(position.bar - piece.bar);
        let n_beats = n_bars * f64::from(piece.beats_per_bar) + f64::from(position.beat);
        piece.quarters + n_beats * piece.quarters_per_beat + position.quarters
    }

    /// The position in the meter `quarters` quarter notes after the start; the start for negative
    /// values.
    pub fn position(&self, quarters: f64) -> BarPosition {
        let quarters = quarters.max(0.0);
        let piece =
            &self.pieces[self.pieces.partition_point(|p| p.quarters <= quarters).max(1) - 1];
        let beats = ((quarters - piece.quarters) / piece.quarters_per_beat).floor();
        let beats_per_bar = f64::from(piece.beats_per_bar);
        BarPosition {
            bar: piece.bar.saturating_add(whole(beats / beats_per_bar)),
            beat: whole(beats % beats_per_bar),
            quarters: quarters - piece.quarters - beats * piece.quarters_per_beat,
        }
    }
}

fn piece(quarters: f64, bar: u32, meter: &TimeSignature) -> BarPiece {
    let quarters_per_beat = 4.0 / f64::from(meter.denominator);
    BarPiece { quarters, bar, beats_per_bar: meter.numerator, quarters_per_beat }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, as wanted"
)]
fn whole(number: f64) -> u32 {
    number as u32
}

impl NoteSequence {
    /// The bar map of this sequence.
    pub fn bar_map(&self) -> BarMap {
        BarMap::new(&self.time_signatures, &self.tempo_map())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tempo;

    fn meter(time: f64, numerator: u32, denominator: u32) -> TimeSignature {
        TimeSignature { time, numerator, denominator }
    }

    #[test]
    fn bars_begin_at_changes_and_positions_lead_back() {
        // 6/8 after five quarters (a bar and a quarter of 4/4), 7/32 nine quarters later: three
        // bars of 6/8.
        let map = BarMap::new(&[meter(2.5, 6, 8), meter(7.0, 7, 32)], &TempoMap::new(480));
        let starts: Vec<f64> = (0..8).map(|bar| map.quarters_at_bar(bar)).collect();
        assert_eq!(starts, [0.0, 4.0, 5.0, 8.0, 11.0, 14.0, 14.875, 15.75]);
        let position = map.position(9.75);
        assert_eq!(position, BarPosition { bar: 3, beat: 3, quarters: 0.25 });
        for eighth in 0..400 {
            let quarters = f64::from(eighth) / 8.0;
            assert_eq!(map.quarters(map.position(quarters)), quarters);
        }
        assert_eq!(map.position(-1.0), map.position(0.0));
    }

    #[test]
    fn bar_lines_are_found_through_tempo_changes() {
        let mut sequence = NoteSequence { ticks_per_quarter: 96, ..NoteSequence::default() };
        sequence.tempos =
            vec![Tempo { time: 0.0, qpm: 97.3 }, Tempo { time: 60.0 / 97.3 * 6.0, qpm: 41.0 }];
        let tempos = sequence.tempo_map();
        let time = tempos.seconds_at_quarters(12.0);
        sequence.time_signatures = vec![meter(0.0, 3, 4), meter(time, 0, 4), meter(time, 2, 2)];
        let bars = sequence.bar_map();
        assert_eq!(bars.pieces().len(), 2);
        assert_eq!(
            (bars.pieces()[1].bar, bars.quarters_at_bar(5)),
            (4, bars.pieces()[1].quarters + 4.0)
        );
        assert!((bars.pieces()[1].quarters - 12.0).abs() < 1e-9);
        assert_eq!(tempos.tick_at_quarters(bars.quarters_at_bar(5)), 16 * 96);
    }
}
