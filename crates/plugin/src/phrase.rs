//! Phrases: bars of music that the generator composes and the player plays.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::catalog::MAX_DIALS;

/// Maximum number of bars of a phrase.
pub(crate) const MAX_BARS: u16 = 32;
/// Resolution of onsets and durations.
pub(crate) const TICKS_PER_QUARTER: u32 = 480;
/// Ticks of a whole note. Bars of every valid [`Signature`] are a whole number of ticks.
const TICKS_PER_WHOLE: u32 = 4 * TICKS_PER_QUARTER;

/// The integer part of a number, saturated to the range of `u32`.
#[expect(clippy::cast_sign_loss, reason = "conversions of floats saturate")]
pub(crate) const fn whole(value: f64) -> u32 {
    value as u32
}

/// A time signature: a numerator of 1 to 255 and a denominator of 1, 2, 4, … 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u16, u16)", into = "(u16, u16)")]
pub(crate) struct Signature {
    numerator: u16,
    denominator: u16,
}

impl Signature {
    pub(crate) const COMMON: Self = Self { numerator: 4, denominator: 4 };

    /// Returns `None` if the signature is out of range.
    pub(crate) const fn new(numerator: u16, denominator: u16) -> Option<Self> {
        let fits = numerator >= 1
            && numerator <= 255
            && denominator.is_power_of_two()
            && denominator <= 128;
        if fits { Some(Self { numerator, denominator }) } else { None }
    }

    pub(crate) const fn numerator(self) -> u16 {
        self.numerator
    }

    pub(crate) const fn denominator(self) -> u16 {
        self.denominator
    }

    /// Ticks per bar.
    pub(crate) const fn bar(self) -> u32 {
        // Widening; `u32::from` is not const.
        TICKS_PER_WHOLE * self.numerator as u32 / self.denominator as u32
    }
}

impl TryFrom<(u16, u16)> for Signature {
    type Error = String;

    fn try_from((numerator, denominator): (u16, u16)) -> Result<Self, String> {
        Self::new(numerator, denominator).ok_or_else(|| {
            format!(
                "the signature is {numerator}/{denominator}; 1 to 255 over 1, 2, 4, … 128 are \
                 allowed"
            )
        })
    }
}

impl From<Signature> for (u16, u16) {
    fn from(signature: Signature) -> Self {
        (signature.numerator, signature.denominator)
    }
}

/// Everything that a phrase depends on: with the same model, the same key gives the same music.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PhraseKey {
    /// Number of the style.
    pub(crate) style: u16,
    /// The seed.
    pub(crate) variation: u32,
    /// Sampling temperature in hundredths.
    pub(crate) temperature: u16,
    /// Offsets of the catalog's dials, in tenths of standard deviations.
    pub(crate) dials: [i16; MAX_DIALS],
    /// Bars of the phrase.
    pub(crate) bars: u16,
    /// Time signature of the bars.
    pub(crate) signature: Signature,
    /// Number of the phrase in the song, from 0 at the first bar.
    pub(crate) number: i64,
}

/// A note of a phrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(u32, u8, u8, u32, u8)", into = "(u32, u8, u8, u32, u8)")]
pub(crate) struct PhraseNote {
    /// Ticks from the beginning of the phrase.
    pub(crate) onset: u32,
    /// MIDI channel, 0 to 15.
    pub(crate) channel: u8,
    /// Key number, 0 to 127.
    pub(crate) pitch: u8,
    /// Ticks, at least 1.
    pub(crate) duration: u32,
    /// 1 to 127.
    pub(crate) velocity: u8,
}

impl From<(u32, u8, u8, u32, u8)> for PhraseNote {
    fn from((onset, channel, pitch, duration, velocity): (u32, u8, u8, u32, u8)) -> Self {
        Self { onset, channel, pitch, duration, velocity }
    }
}

impl From<PhraseNote> for (u32, u8, u8, u32, u8) {
    fn from(note: PhraseNote) -> Self {
        (note.onset, note.channel, note.pitch, note.duration, note.velocity)
    }
}

/// A phrase.
#[derive(Debug)]
pub(crate) struct Phrase {
    /// A number that is unique in this process.
    pub(crate) id: u64,
    /// Its settings; `None` for music from a state that was saved with other settings.
    pub(crate) key: Option<PhraseKey>,
    /// The number in the song that it was composed for.
    pub(crate) number: i64,
    /// Its signature.
    pub(crate) signature: Signature,
    /// Its bars, at least 1.
    pub(crate) bars: u16,
    /// Its notes by onset.
    pub(crate) notes: Vec<PhraseNote>,
}

impl Phrase {
    /// Creates a phrase from notes in any order.
    pub(crate) fn new(
        key: Option<PhraseKey>,
        (number, signature, bars): (i64, Signature, u16),
        mut notes: Vec<PhraseNote>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        notes.sort_unstable();
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, key, number, signature, bars: bars.max(1), notes }
    }

    /// Index of the first note at or after a tick.
    pub(crate) fn first_from(&self, tick: u32) -> usize {
        self.notes.partition_point(|note| note.onset < tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_of_all_signatures_are_whole_ticks() {
        let bar = |numerator, denominator| Signature::new(numerator, denominator).unwrap().bar();
        assert_eq!([bar(4, 4), bar(3, 4), bar(7, 8), bar(1, 128)], [1920, 1440, 1680, 15]);
        for (numerator, denominator) in [(0, 4), (4, 0), (4, 3), (256, 4), (4, 256)] {
            assert_eq!(Signature::new(numerator, denominator), None);
        }
    }

    #[test]
    fn notes_are_found_by_onset() {
        let note = |onset| PhraseNote { onset, channel: 0, pitch: 60, duration: 10, velocity: 80 };
        let notes = vec![note(480), note(0), note(480)];
        let phrase = Phrase::new(None, (0, Signature::COMMON, 1), notes);
        assert_eq!([0, 1, 480, 481].map(|tick| phrase.first_from(tick)), [0, 1, 1, 3]);
    }
}
