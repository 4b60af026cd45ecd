//! Sections of bars of equal length, on the grid of ticks, with the bar grid continued across
//! changes of meter.

use super::meter::{Division, TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH};
use super::{Meter, NoteListEncoding};
use crate::conversion::SkipReason;
use crate::sequence::NoteSequence;
use crate::tempo_map::TempoMap;

/// Consecutive bars of equal length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// First tick of the file that belongs to it: before its first bar line if there is an upbeat.
    pub(super) start: i64,
    /// The tick of the file from which the grid is counted, and the number of grid ticks from there
    /// to the first bar.
    pub(super) origin: i64,
    offset: i64,
    /// Number of the first bar: −1 for one that ends with an upbeat.
    pub(super) first_bar: i64,
    /// The bar after the last one; the last stretch of a piece never ends.
    pub(super) end_bar: i64,
    /// The meter, or the reason why there can be no windows.
    pub(super) meter: Result<Meter, SkipReason>,
    /// Number of the written bar with which bar 0 begins.
    written_bar: u32,
    /// Number of bars per written bar, as a ratio.
    bars: u32,
    per_written: u32,
}

/// A time signature on ticks.
#[derive(Debug, Clone, Copy)]
struct Signature {
    tick: i64,
    numerator: u32,
    denominator: u32,
}

/// All stretches of a piece, in order of time; never empty.
#[derive(Debug, Clone)]
pub(super) struct Stretches {
    pub(super) list: Vec<Stretch>,
    pub(super) ticks_per_quarter: i64,
    /// Whether the sequence has no valid time signature, so that 4/4 was assumed.
    pub(super) is_assumed: bool,
}

impl Stretches {
    pub(super) fn new(
        sequence: &NoteSequence,
        tempos: &TempoMap,
        encoding: NoteListEncoding,
    ) -> Self {
        let ticks_per_quarter = whole(tempos.ticks_per_quarter()).max(1);
        let (signatures, is_assumed) = signatures(sequence, tempos);
        let mut stretches = Self { list: Vec::new(), ticks_per_quarter, is_assumed };
        let mut written_bar = 0_u32;
        for (i, signature) in signatures.iter().enumerate() {
            let next = signatures.get(i + 1).map(|next| next.tick);
            let n_written = next.map_or(0, |next| {
                let bar = i128::from(ticks_per_quarter) * 4 * i128::from(signature.numerator);
                let length = i128::from(next - signature.tick) * i128::from(signature.denominator);
                u32::try_from((length + bar - 1) / bar).unwrap_or(u32::MAX)
            });
            stretches.push(*signature, next, written_bar, u32::from(encoding.n_bars()));
            written_bar = written_bar.saturating_add(n_written);
        }
        stretches.take_upbeat();
        stretches
    }

    /// Adds the bars of a signature that applies until tick `end`.
    fn push(&mut self, signature: Signature, end: Option<i64>, written_bar: u32, n_bars: u32) {
        let division = Division::new(signature.numerator, signature.denominator);
        let whole = Stretch {
            start: signature.tick,
            origin: signature.tick,
            offset: 0,
            first_bar: 0,
            end_bar: i64::MAX,
            meter: division.map(|d| d.meter).ok_or(SkipReason::WrongBarLength),
            written_bar,
            bars: division.map_or(1, |d| d.n_parts),
            per_written: division.map_or(1, |d| d.n_joined),
        };
        let (Ok(meter), Some(end)) = (whole.meter, end) else { return self.list.push(whole) };
        let length = self.round(end - signature.tick, i64::from(TICKS_PER_QUARTER));
        let bar = i64::from(meter.bar());
        let (n, rest) = (length / bar, length % bar);
        let window = i64::from(n_bars);
        if rest == 0 && n >= window {
            return self.list.push(Stretch { end_bar: n, ..whole });
        }
        // The remainder at the end, together with the fewest preceding bars that make it divisible.
        let split = (0..=n.min(window)).find_map(|k| {
            let is_kept = n - k >= window || k == n;
            let meter = divided(rest + k * bar, window, meter).filter(|_| is_kept)?;
            Some((n - k, meter))
        });
        let (n_kept, short) = match split {
            Some((n_kept, short)) => (n_kept, Some(short)),
            None => (if n >= window { n } else { 0 }, None),
        };
        if n_kept > 0 {
            self.list.push(Stretch { end_bar: n_kept, ..whole });
        }
        if n_kept * bar < length {
            let offset = n_kept * bar;
            self.list.push(Stretch {
                start: signature.tick + self.file_ticks(offset),
                offset,
                end_bar: window,
                meter: short.ok_or(SkipReason::TimeChange),
                written_bar: whole.written(n_kept),
                bars: 1,
                per_written: 1,
                ..whole
            });
        }
    }

    /// In many files, an upbeat has a separate signature: its notes are moved to the end of a bar
    /// of the next section.
    fn take_upbeat(&mut self) {
        let [first, second, ..] = self.list.as_slice() else { return };
        let Some(meter) = second.meter.ok().filter(|_| second.offset == 0) else { return };
        let length = self.round(second.origin - first.origin, i64::from(TICKS_PER_QUARTER));
        if length < i64::from(meter.bar()) && first.first_bar == 0 {
            let start = first.start;
            self.list.remove(0);
            let first = &mut self.list[0];
            (first.start, first.first_bar) = (start, -1);
        }
    }

    /// The index of the section that contains a tick of the file.
    pub(super) fn index_at(&self, tick: i64) -> usize {
        self.list.partition_point(|s| s.start <= tick).max(1) - 1
    }

    /// Units from the first bar line of a section to a tick of the file, with `per_quarter` units
    /// (a multiple of 4) per quarter, rounded to the nearest; halves are rounded up.
    pub(super) fn position(&self, stretch: &Stretch, tick: i64, per_quarter: i64) -> i64 {
        // Bars are whole sixteenths, four per quarter.
        let offset = stretch.offset / i64::from(TICKS_PER_SIXTEENTH) * (per_quarter / 4);
        self.round(tick.saturating_sub(stretch.origin), per_quarter) - offset
    }

    /// Grid ticks from the start of the music to the start of a bar; negative before an upbeat.
    pub(super) fn tick_of_bar(&self, stretch: &Stretch, bar: i64) -> i64 {
        let length = stretch.meter.map_or(0, |meter| i64::from(meter.bar()));
        let origin = self.round(stretch.origin, i64::from(TICKS_PER_QUARTER));
        origin.saturating_add(stretch.offset).saturating_add(bar.saturating_mul(length))
    }

    fn round(&self, ticks: i64, per_quarter: i64) -> i64 {
        let numerator = 2 * i128::from(ticks) * i128::from(per_quarter);
        let quarter = i128::from(self.ticks_per_quarter);
        let units = (numerator + quarter).div_euclid(2 * quarter);
        i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX })
    }

    /// The first tick of the file that rounds to at least `ticks` grid ticks.
    fn file_ticks(&self, ticks: i64) -> i64 {
        let twelfths = (2 * ticks - 1).max(0).saturating_mul(self.ticks_per_quarter);
        let unit = 2 * i64::from(TICKS_PER_QUARTER);
        twelfths.div_euclid(unit) + i64::from(twelfths.rem_euclid(unit) > 0)
    }
}

impl Stretch {
    /// The number of the written bar in which a bar begins, from 0.
    pub(super) fn written(&self, bar: i64) -> u32 {
        // Only the first stretch of a piece has an upbeat.
        let Ok(bar) = u64::try_from(bar) else { return 0 };
        let written = bar * u64::from(self.per_written) / u64::from(self.bars);
        self.written_bar.saturating_add(u32::try_from(written).unwrap_or(u32::MAX))
    }
}

/// The meter of `length` ticks divided into `n_bars` equal bars, with the beat of `meter` if
/// possible.
fn divided(length: i64, n_bars: i64, meter: Meter) -> Option<Meter> {
    if length == 0 || length % (n_bars * i64::from(TICKS_PER_SIXTEENTH)) != 0 {
        return None;
    }
    let bar = u8::try_from(length / n_bars).ok()?;
    Meter::new(bar, meter.beat())
        .or_else(|_| Meter::new(bar, if meter.is_compound() { 12 } else { 18 }))
        .ok()
}

/// The time signatures in order, the first at tick 0, without repetitions; and whether there were
/// none.
fn signatures(sequence: &NoteSequence, tempos: &TempoMap) -> (Vec<Signature>, bool) {
    let mut given: Vec<Signature> = sequence
        .time_signatures
        .iter()
        .filter(|t| t.numerator > 0 && t.denominator > 0 && t.time.is_finite())
        .filter_map(|t| {
            let (numerator, denominator) = (t.numerator, t.denominator);
            let tick = signed(tempos.tick(t.time.max(0.0)))?;
            Some(Signature { tick, numerator, denominator })
        })
        .collect();
    given.sort_by_key(|s| s.tick);
    let mut list = vec![Signature { tick: 0, numerator: 4, denominator: 4 }];
    let ticks_per_quarter = whole(tempos.ticks_per_quarter()).max(1);
    for signature in &given {
        let last = list.last_mut().filter(|last| last.tick == signature.tick);
        if let Some(last) = last {
            *last = *signature;
        } else if !list.last().is_some_and(|l| l.goes_on_at(signature, ticks_per_quarter)) {
            list.push(*signature);
        }
    }
    (list, given.is_empty())
}

impl Signature {
    /// Whether `next` repeats this one on a bar line.
    fn goes_on_at(&self, next: &Self, ticks_per_quarter: i64) -> bool {
        let bar = i128::from(ticks_per_quarter) * 4 * i128::from(self.numerator);
        let length = i128::from(next.tick - self.tick) * i128::from(self.denominator);
        let is_same = (self.numerator, self.denominator) == (next.numerator, next.denominator);
        is_same && length % bar == 0
    }
}

/// A tick of the file that is small enough for sums and products of ticks; `None` beyond 2^40.
pub(super) fn signed(tick: u64) -> Option<i64> {
    i64::try_from(tick).ok().filter(|tick| *tick <= 1 << 40)
}

#[expect(clippy::cast_possible_truncation, reason = "a resolution is at most 32,767")]
fn whole(ticks_per_quarter: f64) -> i64 {
    ticks_per_quarter.round() as i64
}
