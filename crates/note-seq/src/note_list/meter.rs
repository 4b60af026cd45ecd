//! The meter of a window: the length of a bar and its division into beats.

mod parse;

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::TimeSignature;

pub use parse::UnknownMeter;

/// Ticks per quarter note: a sixteenth is 3 ticks, a triplet eighth 4.
pub const TICKS_PER_QUARTER: u8 = 12;

/// Number of ticks per sixteenth. Every bar is a multiple of it.
pub(crate) const TICKS_PER_SIXTEENTH: u8 = 3;

const SIMPLE_BEAT: u8 = TICKS_PER_QUARTER;
const COMPOUND_BEAT: u8 = 18;

/// The length of a bar and of its beats, in [`TICKS_PER_QUARTER`].
///
/// A bar is a whole number of sixteenths, from one (3 ticks) to 24 (six quarters, 72 ticks). The
/// beat is a quarter (12) in simple meters and a dotted quarter (18) in compound ones, whose bars
/// are multiples of three eighths or sixteenths: 3/8, 6/8, 9/8, 12/8. This distinguishes 3/4 from
/// 6/8. If the beat does not divide the bar, the last beat of the bar is shorter (7/8: 12, 12, 12,
/// 6).
///
/// # Examples
/// ```
/// use note_seq::Meter;
/// let waltz = Meter::from_signature(3, 4).unwrap();
/// let jig = Meter::from_signature(6, 8).unwrap();
/// assert_eq!((waltz.bar(), waltz.beat(), waltz.beats_per_bar()), (36, 12, 3));
/// assert_eq!((jig.bar(), jig.beat(), jig.beats_per_bar()), (36, 18, 2));
/// // Bars of more than six quarters are cut into equal parts.
/// assert_eq!(Meter::from_signature(7, 4).unwrap().bar(), 42);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "MeterForm", into = "MeterForm")]
pub struct Meter {
    bar: u8,
    beat: u8,
}

/// Serialized form of a [`Meter`]: both numbers, unchecked.
#[derive(Serialize, Deserialize)]
struct MeterForm {
    bar: u8,
    beat: u8,
}

/// A bar and beat that are not a valid [`Meter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "no meter has a bar of {bar} ticks and a beat of {beat} (allowed: bars of 3 to 72 ticks in \
     steps of 3; beats of 18 for multiples of 9, of 12 for all others and for 36 and 72)"
)]
pub struct UnsupportedMeter {
    /// Ticks per bar.
    pub bar: u8,
    /// Ticks per beat.
    pub beat: u8,
}

/// Conversion of written bars to bars of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Division {
    pub(crate) meter: Meter,
    /// Number of written bars that are joined into one, because a single one is not a whole number
    /// of sixteenths.
    pub(crate) n_joined: u32,
    /// Number of parts that a written bar is cut into, because it is longer than six quarters.
    pub(crate) n_parts: u32,
}

impl Meter {
    /// 4/4.
    pub const COMMON: Self = Self { bar: 48, beat: SIMPLE_BEAT };
    /// The shortest bar, in ticks: a sixteenth.
    pub const MIN_BAR: u8 = TICKS_PER_SIXTEENTH;
    /// The longest bar, in ticks: six quarters.
    pub const MAX_BAR: u8 = 72;
    /// The longest beat, in ticks: a dotted quarter.
    pub const MAX_BEAT: u8 = COMPOUND_BEAT;
    /// The maximum number of beats in a bar.
    pub const MAX_BEATS_PER_BAR: u8 = Self::MAX_BAR / SIMPLE_BEAT;
    /// The number of different meters: 24 lengths of a bar, two of which are possible with either
    /// beat.
    pub const N_CLASSES: u16 = 26;

    /// Checks the length of a bar and of a beat, in ticks.
    ///
    /// # Errors
    /// Returns [`UnsupportedMeter`] for a bar that is not 3 to 72 ticks in whole sixteenths, and
    /// for a beat other than 18 (for bars that are multiples of 9) or 12 (for all other bars, and
    /// 36 and 72).
    pub const fn new(bar: u8, beat: u8) -> Result<Self, UnsupportedMeter> {
        let is_bar =
            bar >= Self::MIN_BAR && bar <= Self::MAX_BAR && bar.is_multiple_of(TICKS_PER_SIXTEENTH);
        let is_beat = match beat {
            COMPOUND_BEAT => bar.is_multiple_of(9),
            SIMPLE_BEAT => !bar.is_multiple_of(9) || bar.is_multiple_of(36),
            _ => false,
        };
        if is_bar && is_beat { Ok(Self { bar, beat }) } else { Err(UnsupportedMeter { bar, beat }) }
    }

    /// The meter of a time signature; `None` if `numerator` or `denominator` is 0, or if its bars
    /// can be neither cut nor joined into bars of a sixteenth to six quarters.
    ///
    /// Longer bars are cut into equal parts: the fewest that are whole beats and at least a half
    /// note long, otherwise halves (and halves of these). Bars that are not a whole number of
    /// sixteenths (7/32) are joined.
    pub fn from_signature(numerator: u32, denominator: u32) -> Option<Self> {
        Division::new(numerator, denominator).map(|division| division.meter)
    }

    /// Ticks per bar.
    pub const fn bar(self) -> u8 {
        self.bar
    }

    /// Ticks per beat; the last beat of a bar may be shorter.
    pub const fn beat(self) -> u8 {
        self.beat
    }

    /// Beats per bar, including a shorter last one.
    pub const fn beats_per_bar(self) -> u8 {
        self.bar.div_ceil(self.beat)
    }

    /// First tick of every beat of a bar, and the tick after its last.
    ///
    /// # Examples
    /// ```
    /// use note_seq::Meter;
    /// let meter = Meter::from_signature(7, 8).unwrap();
    /// assert_eq!(meter.beats().collect::<Vec<_>>(), [0..12, 12..24, 24..36, 36..42]);
    /// ```
    pub fn beats(self) -> impl ExactSizeIterator<Item = Range<u8>> {
        let start = move |beat: u8| (beat * self.beat).min(self.bar);
        (0..self.beats_per_bar()).map(move |beat| start(beat)..start(beat + 1))
    }

    /// Metrical weight of a tick, counted from a bar line: 0 for the first beat of a bar, and one
    /// less for each lower level of the meter.
    ///
    /// The levels are bars, half bars (of an even number of four beats or more), beats, eighths
    /// (dotted eighths in bars of 9 or 15 sixteenths), sixteenths: the hierarchy of Longuet-Higgins
    /// and Lee (1984) for any meter. In 4/4 the first beat has weight 0, the third −1, the others
    /// −2, eighths −3, sixteenths −4; in 6/8 the second beat has −1, eighths −2. Triplets have the
    /// weight of the corresponding division of a beat (or, in compound meters, of an eighth):
    /// triplet eighths that of eighths. All other ticks are one level below sixteenths.
    ///
    /// # Examples
    /// ```
    /// use note_seq::Meter;
    /// let weights = |meter: Meter, ticks: [u32; 4]| ticks.map(|tick| meter.weight(tick));
    /// assert_eq!(weights(Meter::COMMON, [0, 24, 12, 6]), [0, -1, -2, -3]);
    /// let jig = Meter::from_signature(6, 8).unwrap();
    /// assert_eq!(weights(jig, [36, 18, 6, 12]), [0, -1, -2, -2]);
    /// ```
    pub fn weight(self, tick: u32) -> i8 {
        let tick = tick % u32::from(self.bar);
        let (mut weight, mut of_division) = (0, 0);
        for period in self.levels() {
            if tick.is_multiple_of(period.into()) {
                return weight;
            }
            if period >= self.division() {
                of_division = weight;
            }
            weight -= 1;
        }
        let has_triplets = !self.is_compound() && self.bar >= SIMPLE_BEAT;
        match (tick % 12, tick % 6) {
            (4 | 8, _) if has_triplets => of_division,
            (_, 2 | 4) if self.bar >= 6 => weight + 1,
            _ => weight,
        }
    }

    /// The periods of the meter's levels in ticks, longest first.
    fn levels(self) -> impl Iterator<Item = u8> {
        let n_beats = self.beats_per_bar();
        let has_halves =
            n_beats >= 4 && n_beats.is_multiple_of(2) && self.bar.is_multiple_of(self.beat);
        let half = if has_halves { self.bar / 2 } else { self.bar };
        let mut last = u8::MAX;
        [self.bar, half, self.beat, self.division(), TICKS_PER_SIXTEENTH].into_iter().filter(
            move |period| {
                let is_shorter = *period < last && *period <= self.bar;
                last = if is_shorter { *period } else { last };
                is_shorter
            },
        )
    }

    /// The level between beats and sixteenths, in ticks.
    const fn division(self) -> u8 {
        if self.is_compound() && !self.bar.is_multiple_of(COMPOUND_BEAT) { 9 } else { 6 }
    }

    /// Whether the beat is a dotted quarter.
    pub const fn is_compound(self) -> bool {
        self.beat == COMPOUND_BEAT
    }

    /// The meter as one class of [`Self::N_CLASSES`].
    pub const fn class(self) -> u16 {
        match self {
            Self { bar: 36, beat: SIMPLE_BEAT } => Self::N_CLASSES - 2,
            Self { bar: 72, beat: SIMPLE_BEAT } => Self::N_CLASSES - 1,
            // Widening; `u16::from` is not const.
            Self { bar, .. } => (bar / TICKS_PER_SIXTEENTH - 1) as u16,
        }
    }

    /// The meter with a class; `None` beyond [`Self::N_CLASSES`].
    pub fn from_class(class: u16) -> Option<Self> {
        match class {
            24 => Some(Self { bar: 36, beat: SIMPLE_BEAT }),
            25 => Some(Self { bar: 72, beat: SIMPLE_BEAT }),
            _ => {
                let sixteenths = u8::try_from(class).ok()?.checked_add(1)?;
                let bar = sixteenths.checked_mul(TICKS_PER_SIXTEENTH)?;
                let beat = if bar.is_multiple_of(9) { COMPOUND_BEAT } else { SIMPLE_BEAT };
                Self::new(bar, beat).ok()
            }
        }
    }

    /// The time signature of this meter, at time 0: in quarters, eighths or sixteenths, whichever
    /// is the longest that fits.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{Meter, TimeSignature};
    /// let signature = Meter::from_signature(12, 8).unwrap().time_signature();
    /// assert_eq!(signature, TimeSignature { time: 0.0, numerator: 12, denominator: 8 });
    /// ```
    pub fn time_signature(self) -> TimeSignature {
        let (unit, denominator) = match self.bar {
            bar if !self.is_compound() && bar.is_multiple_of(12) => (12, 4),
            bar if bar.is_multiple_of(6) => (6, 8),
            _ => (TICKS_PER_SIXTEENTH, 16),
        };
        TimeSignature { time: 0.0, numerator: u32::from(self.bar / unit), denominator }
    }
}

/// Displayed as a time signature, [`Meter::time_signature`]: "3/4".
impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = self.time_signature();
        f.pad(&format!("{}/{}", signature.numerator, signature.denominator))
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::COMMON
    }
}

impl TryFrom<MeterForm> for Meter {
    type Error = UnsupportedMeter;

    fn try_from(form: MeterForm) -> Result<Self, UnsupportedMeter> {
        Self::new(form.bar, form.beat)
    }
}

impl From<Meter> for MeterForm {
    fn from(meter: Meter) -> Self {
        Self { bar: meter.bar, beat: meter.beat }
    }
}

impl Division {
    /// Maximum number of sixteenths of a bar that can be cut: MIDI's longest is 255/1, 4,080.
    const MAX_SIXTEENTHS: u64 = 1 << 13;
    /// Maximum number of bars that are joined: those of 1/1024.
    const MAX_JOINED: u64 = 64;

    pub(crate) fn new(numerator: u32, denominator: u32) -> Option<Self> {
        const LONGEST: u64 = (Meter::MAX_BAR / TICKS_PER_SIXTEENTH) as u64;
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let is_compound = denominator >= 8 && numerator.is_multiple_of(3);
        let (sixteenths, denominator) = (u64::from(numerator) * 16, u64::from(denominator));
        let divisor = gcd(sixteenths, denominator);
        let (sixteenths, n_joined) = (sixteenths / divisor, denominator / divisor);
        if n_joined > Self::MAX_JOINED {
            return None;
        }
        let n_parts = if sixteenths <= LONGEST {
            1
        } else if n_joined > 1 || sixteenths > Self::MAX_SIXTEENTHS {
            return None;
        } else {
            let beat = if is_compound { 6 } else { (16 / denominator).max(1) };
            let fits = |n: &u64| sixteenths.is_multiple_of(*n) && sixteenths / n <= LONGEST;
            let in_beats = |n: &u64| sixteenths.is_multiple_of(n * beat) && sixteenths / n >= 8;
            let halves = (1..64).map(|power| 1_u64 << power).take_while(|n| *n <= sixteenths);
            (2..=sixteenths)
                .find(|n| fits(n) && in_beats(n))
                .or_else(|| halves.into_iter().find(fits))
                .or_else(|| (2..=sixteenths).find(fits))?
        };
        let bar = u8::try_from(sixteenths / n_parts).ok()? * TICKS_PER_SIXTEENTH;
        let beat = if bar.is_multiple_of(9) && (is_compound || !bar.is_multiple_of(36)) {
            COMPOUND_BEAT
        } else {
            SIMPLE_BEAT
        };
        Some(Self {
            meter: Meter::new(bar, beat).ok()?,
            n_joined: u32::try_from(n_joined).ok()?,
            n_parts: u32::try_from(n_parts).ok()?,
        })
    }
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar_and_beat(numerator: u32, denominator: u32) -> Option<(u8, u8)> {
        Meter::from_signature(numerator, denominator).map(|m| (m.bar(), m.beat()))
    }

    #[test]
    fn common_meters_have_their_beats() {
        for (signature, expected) in [
            ((4, 4), (48, 12)),
            ((2, 2), (48, 12)),
            ((3, 4), (36, 12)),
            ((6, 8), (36, 18)),
            ((3, 8), (18, 18)),
            ((9, 8), (54, 18)),
            ((12, 8), (72, 18)),
            ((6, 4), (72, 12)),
            ((3, 2), (72, 12)),
            ((5, 8), (30, 12)),
            ((7, 8), (42, 12)),
            ((1, 16), (3, 12)),
        ] {
            assert_eq!(bar_and_beat(signature.0, signature.1), Some(expected), "{signature:?}");
        }
    }

    #[test]
    fn weights_follow_the_levels_of_the_meter() {
        let weights = |numerator, denominator, step: usize| -> Vec<i8> {
            let meter = Meter::from_signature(numerator, denominator).unwrap();
            (0..u32::from(meter.bar())).step_by(step).map(|tick| meter.weight(tick)).collect()
        };
        let common = [0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4];
        assert_eq!(weights(4, 4, 3), common);
        assert_eq!(weights(3, 4, 6), [0, -2, -1, -2, -1, -2]);
        assert_eq!(weights(6, 8, 3), [0, -3, -2, -3, -2, -3, -1, -3, -2, -3, -2, -3]);
        assert_eq!(weights(12, 8, 6), [0, -3, -3, -2, -3, -3, -1, -3, -3, -2, -3, -3]);
        assert_eq!(weights(6, 4, 12), [0, -2, -2, -1, -2, -2]);
        assert_eq!(weights(7, 8, 6), [0, -2, -1, -2, -1, -2, -1]);
        assert_eq!(weights(3, 8, 3), [0, -2, -1, -2, -1, -2]);
        assert_eq!(weights(9, 16, 3), [0, -3, -3, -2, -3, -3, -1, -3, -3]);
        assert_eq!(weights(1, 16, 1), [0, -1, -1]);
        // Every tick of a beat of 3/4: triplet eighths have weight −2, triplet sixteenths −3, the
        // rest −4.
        let ticks = &weights(3, 4, 1)[..12];
        assert_eq!(ticks, [0, -4, -3, -3, -2, -4, -2, -4, -2, -3, -3, -4]);
        assert_eq!(weights(6, 8, 1)[..6], [0, -4, -3, -3, -3, -4]);
    }

    #[test]
    fn names_are_time_signatures() {
        let name = |n, d| Meter::from_signature(n, d).map(|meter| meter.to_string());
        assert_eq!(name(3, 4).as_deref(), Some("3/4"));
        assert_eq!(name(6, 8).as_deref(), Some("6/8"));
        assert_eq!(name(2, 2).as_deref(), Some("4/4"));
        assert_eq!(format!("{:>6}", Meter::COMMON), "   4/4");
    }

    #[test]
    fn long_bars_are_cut_and_fractions_of_sixteenths_joined() {
        let division = |n, d| Division::new(n, d).map(|d| (d.meter.bar(), d.n_parts, d.n_joined));
        assert_eq!(division(7, 4), Some((42, 2, 1)));
        assert_eq!(division(9, 4), Some((36, 3, 1)));
        assert_eq!(division(4, 1), Some((48, 4, 1)));
        assert_eq!(division(13, 4), Some((39, 4, 1)));
        assert_eq!(division(100, 4), Some((60, 20, 1)));
        assert_eq!(division(18, 8), Some((54, 2, 1)));
        assert_eq!(division(29, 4), Some((12, 29, 1)));
        assert_eq!(division(7, 32), Some((21, 1, 2)));
        assert_eq!(division(1, 64), Some((3, 1, 4)));
        assert_eq!(division(u32::MAX, 1), None);
        assert_eq!(division(u32::MAX, u32::MAX), Some((48, 1, 1)));
        assert_eq!(division(1, u32::MAX), None);
        assert_eq!((division(0, 4), division(4, 0)), (None, None));
    }

    #[test]
    fn every_class_is_one_meter_that_reads_back_from_its_signature() {
        let mut n_meters = 0;
        for bar in 0..=u8::MAX {
            for beat in 0..=u8::MAX {
                let Ok(meter) = Meter::new(bar, beat) else { continue };
                n_meters += 1;
                assert_eq!(Meter::from_class(meter.class()), Some(meter));
                let signature = meter.time_signature();
                assert_eq!(
                    Meter::from_signature(signature.numerator, signature.denominator),
                    Some(meter)
                );
                assert!(meter.beats_per_bar() <= Meter::MAX_BEATS_PER_BAR);
            }
        }
        assert_eq!(n_meters, Meter::N_CLASSES);
        assert_eq!(Meter::from_class(Meter::N_CLASSES), None);
        assert_eq!(Meter::from_class(u16::MAX), None);
    }
}
