//! Conversion between ticks, seconds and quarters, piece by piece: no table with an entry per tick.

use crate::units::{DEFAULT_QPM, Qpm, Seconds};

/// A section of constant tempo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TempoPiece {
    /// First tick.
    pub tick: u64,
    /// Time of that tick in seconds.
    pub seconds: Seconds,
    /// Length of a tick in seconds.
    pub seconds_per_tick: f64,
}

/// A piecewise linear map between ticks and seconds.
///
/// `seconds(t) = base_i + s_i · (t − t_i)` with `base_{i+1} = base_i + s_i · (t_{i+1} − t_i)` and
/// `s = 60 / ((6·10⁷ / µs) · ticks_per_quarter)`, in `f64` and exactly this order of operations.
/// Python's `pretty_midi` computes the same, so the numbers agree to the last bit.
///
/// # Examples
/// ```
/// use note_seq::TempoMap;
/// let mut map = TempoMap::new(96);
/// map.push(192, 1_000_000); // two quarters at 120, then 60 quarters a minute
/// assert_eq!(map.seconds(192), 1.0);
/// assert_eq!(map.seconds(288), 2.0);
/// assert_eq!(map.tick(1.5), 240);
/// assert_eq!(map.quarters(1.5), 2.5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TempoMap {
    pieces: Vec<TempoPiece>,
    ticks_per_quarter: f64,
}

impl TempoMap {
    /// 120 quarter notes per minute throughout, at `ticks_per_quarter` (which must not be 0).
    pub fn new(ticks_per_quarter: u16) -> Self {
        Self::with_resolution(f64::from(ticks_per_quarter))
    }

    /// Like [`Self::new`], for resolutions that a MIDI header cannot represent (a negative one
    /// gives negative times, as in Python).
    pub(crate) fn with_resolution(ticks_per_quarter: f64) -> Self {
        let seconds_per_tick = 60.0 / (DEFAULT_QPM * ticks_per_quarter);
        Self {
            pieces: vec![TempoPiece { tick: 0, seconds: 0.0, seconds_per_tick }],
            ticks_per_quarter,
        }
    }

    /// A map without tempo, for SMPTE time.
    pub(crate) fn fixed(seconds_per_tick: f64) -> Self {
        let ticks_per_quarter = 60.0 / (DEFAULT_QPM * seconds_per_tick);
        Self {
            pieces: vec![TempoPiece { tick: 0, seconds: 0.0, seconds_per_tick }],
            ticks_per_quarter,
        }
    }

    /// Adds a change to `microseconds_per_quarter` (not 0) at `tick`, which must not be before the
    /// last change.
    ///
    /// A change at tick 0 replaces the whole map; one that repeats the current tempo is ignored.
    pub fn push(&mut self, tick: u64, microseconds_per_quarter: u32) {
        let seconds_per_tick =
            60.0 / ((6e7 / f64::from(microseconds_per_quarter)) * self.ticks_per_quarter);
        self.push_scale(tick, seconds_per_tick);
    }

    pub(crate) fn push_scale(&mut self, tick: u64, seconds_per_tick: f64) {
        let first = TempoPiece { tick: 0, seconds: 0.0, seconds_per_tick };
        match self.pieces.last() {
            Some(last) if tick > 0 => {
                // Bit equality is intended: a repeated tempo gives the same number.
                if last.seconds_per_tick.to_bits() != seconds_per_tick.to_bits() {
                    let seconds =
                        last.seconds + last.seconds_per_tick * ticks_f64(tick - last.tick);
                    self.pieces.push(TempoPiece { tick, seconds, seconds_per_tick });
                }
            }
            _ => {
                self.pieces.clear();
                self.pieces.push(first);
            }
        }
    }

    /// Adds a change at a time, which remains the exact time of its tick.
    pub(crate) fn push_at(&mut self, seconds: Seconds, seconds_per_tick: f64) {
        let tick = self.tick(seconds);
        let n_before = self.pieces.len();
        self.push_scale(tick, seconds_per_tick);
        if self.pieces.len() > n_before
            && let Some(piece) = self.pieces.last_mut()
        {
            piece.seconds = seconds;
        }
    }

    /// The sections of constant tempo, in order; never empty.
    pub fn pieces(&self) -> &[TempoPiece] {
        &self.pieces
    }

    /// Tempo of a piece in quarter notes per minute: `60 / (seconds_per_tick · ticks_per_quarter)`.
    pub fn qpm(&self, piece: &TempoPiece) -> Qpm {
        60.0 / (piece.seconds_per_tick * self.ticks_per_quarter)
    }

    /// Time of a tick in seconds.
    pub fn seconds(&self, tick: u64) -> Seconds {
        on_piece(&self.pieces[self.index_at(tick)], tick)
    }

    /// The nearest tick to a time; 0 for negative times.
    pub fn tick(&self, seconds: Seconds) -> u64 {
        let piece = self.piece_at(seconds);
        // Times beyond all ticks saturate.
        let ticks = round_to_tick((seconds - piece.seconds) / piece.seconds_per_tick);
        piece.tick.saturating_add(ticks)
    }

    /// Ticks per quarter note.
    pub fn ticks_per_quarter(&self) -> f64 {
        self.ticks_per_quarter
    }

    /// Quarter notes from the start to a tick.
    pub fn quarters_at_tick(&self, tick: u64) -> f64 {
        ticks_f64(tick) / self.ticks_per_quarter
    }

    /// The tick nearest to a number of quarter notes from the start; 0 for negative numbers.
    pub fn tick_at_quarters(&self, quarters: f64) -> u64 {
        round_to_tick(quarters * self.ticks_per_quarter)
    }

    /// Quarter notes from the start to a time, exact up to rounding of `f64`.
    pub fn quarters(&self, seconds: Seconds) -> f64 {
        let piece = self.piece_at(seconds);
        (ticks_f64(piece.tick) + (seconds - piece.seconds) / piece.seconds_per_tick)
            / self.ticks_per_quarter
    }

    /// Time in seconds of a number of quarter notes from the start.
    pub fn seconds_at_quarters(&self, quarters: f64) -> Seconds {
        let ticks = quarters * self.ticks_per_quarter;
        let at = self.pieces.partition_point(|p| ticks_f64(p.tick) <= ticks).max(1) - 1;
        let piece = &self.pieces[at];
        piece.seconds + piece.seconds_per_tick * (ticks - ticks_f64(piece.tick))
    }

    /// A converter for ticks that are mostly on the piece of the previous one, which avoids the
    /// search.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor { map: self, piece: self.pieces[0], start: 0.0, end: self.end_of(0) }
    }

    /// The index of the piece that contains a tick.
    fn index_at(&self, tick: u64) -> usize {
        self.pieces.partition_point(|p| p.tick <= tick).max(1) - 1
    }

    /// The first tick after a piece, infinite for the last one.
    fn end_of(&self, at: usize) -> f64 {
        self.pieces.get(at + 1).map_or(f64::INFINITY, |next| ticks_f64(next.tick))
    }

    fn piece_at(&self, seconds: Seconds) -> &TempoPiece {
        let at = self.pieces.partition_point(|p| p.seconds <= seconds).max(1) - 1;
        &self.pieces[at]
    }
}

/// Remembers the last piece used.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    map: &'a TempoMap,
    piece: TempoPiece,
    /// The tick at which the piece starts.
    start: f64,
    /// The first tick after the piece.
    end: f64,
}

impl Cursor<'_> {
    #[inline]
    pub(crate) fn seconds(&mut self, tick: u64) -> Seconds {
        self.seconds_at(ticks_f64(tick))
    }

    /// Time of a whole number of ticks below 2^53, the same as [`TempoMap::seconds`] returns.
    #[inline]
    pub(crate) fn seconds_at(&mut self, ticks: f64) -> Seconds {
        if ticks < self.start || ticks >= self.end {
            self.seek(ticks);
        }
        self.piece.seconds + self.piece.seconds_per_tick * (ticks - self.start)
    }

    fn seek(&mut self, ticks: f64) {
        let at = self.map.index_at(round_to_tick(ticks));
        self.piece = self.map.pieces[at];
        self.start = ticks_f64(self.piece.tick);
        self.end = self.map.end_of(at);
    }
}

fn on_piece(piece: &TempoPiece, tick: u64) -> Seconds {
    piece.seconds + piece.seconds_per_tick * ticks_f64(tick.saturating_sub(piece.tick))
}

/// Ticks stay far below 2^53 (the reader's limit is 10^10), so this is exact.
pub(crate) fn ticks_f64(tick: u64) -> f64 {
    tick as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what we want"
)]
pub(crate) fn round_to_tick(ticks: f64) -> u64 {
    ticks.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_tempo_is_reported_as_python_does() {
        let mut map = TempoMap::new(220);
        map.push(0, 517_241);
        let qpm = map.qpm(&map.pieces()[0]);
        assert_eq!(qpm.to_bits(), 116.000_085_066_729_06_f64.to_bits());
    }

    #[test]
    fn a_change_at_tick_zero_replaces_and_a_repeat_is_left_out() {
        let mut map = TempoMap::new(96);
        map.push(0, 400_000);
        map.push(0, 600_000);
        map.push(384, 600_000);
        assert_eq!(map.pieces().len(), 1);
        assert!((map.seconds(96) - 0.6).abs() < 1e-15);
    }

    #[test]
    fn there_and_back_at_one_tick_keeps_time_continuous() {
        let mut map = TempoMap::new(96);
        map.push(384, 400_000);
        map.push(384, 500_000);
        assert_eq!(map.pieces().len(), 3);
        assert_eq!(map.seconds(768).to_bits(), 4.0_f64.to_bits());
        let mut cursor = map.cursor();
        for tick in [0, 768, 383, 384, 385, 10, 900] {
            assert_eq!(cursor.seconds(tick).to_bits(), map.seconds(tick).to_bits());
        }
    }

    #[test]
    fn ticks_quarters_and_seconds_agree_both_ways() {
        let mut map = TempoMap::new(480);
        for (tick, us) in [(0, 500_000), (960, 431_034), (4000, 1_234_567), (4001, 250_000)] {
            map.push(tick, us);
        }
        for tick in (0..9000).step_by(7) {
            let seconds = map.seconds(tick);
            assert_eq!(map.tick(seconds), tick);
            // Ticks and quarters differ by one division and one subtraction each: a few units in
            // the last place.
            assert!((map.quarters(seconds) - ticks_f64(tick) / 480.0).abs() < 1e-9);
            assert!((map.seconds_at_quarters(ticks_f64(tick) / 480.0) - seconds).abs() < 1e-9);
        }
    }
}
