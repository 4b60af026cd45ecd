//! The bars of the host's song.

use crate::phrase::{Signature, TICKS_PER_QUARTER};

/// Positions closer than this to a bar line are on it, in bars.
const NEAR: f64 = 1e-9;

/// Bars of one signature, counted from a known one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bars {
    /// Start of the known bar in quarter notes.
    start: f64,
    /// The number of the known bar, from 0 at the beginning of the song.
    number: i64,
    /// The signature of all bars.
    signature: Signature,
}

/// A bar of the song.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    /// Its number, from 0 at the beginning of the song.
    pub(super) number: i64,
    /// Its start in quarter notes.
    pub(super) start: f64,
    /// Its end in quarter notes.
    pub(super) end: f64,
}

impl Bars {
    pub(super) const fn new(start: f64, number: i64, signature: Signature) -> Self {
        Self { start, number, signature }
    }

    pub(super) const fn signature(&self) -> Signature {
        self.signature
    }

    /// The bar that a position is in.
    pub(super) fn at(&self, beats: f64) -> Bar {
        let length = f64::from(self.signature.bar()) / f64::from(TICKS_PER_QUARTER);
        let after = ((beats - self.start) / length + NEAR).floor();
        let start = self.start + after * length;
        // Saturating, because a host may report absurd positions.
        let number = self.number.saturating_add(after as i64);
        Bar { number, start, end: start + length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_in_the_bar_that_they_are_at_or_after_the_beginning_of() {
        let waltz = Bars::new(8.0, 2, Signature::new(3, 4).unwrap());
        assert_eq!(waltz.at(8.0), Bar { number: 2, start: 8.0, end: 11.0 });
        assert_eq!(waltz.at(10.999).number, 2);
        assert_eq!(waltz.at(11.0), Bar { number: 3, start: 11.0, end: 14.0 });
        assert_eq!(waltz.at(11.0 - 1e-12).number, 3, "rounding does not make a bar");
        assert_eq!(waltz.at(1.0), Bar { number: -1, start: -1.0, end: 2.0 });
    }
}
