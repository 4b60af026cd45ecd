//! The values of all parameters at one time, as the player uses them.

use crate::catalog::MAX_DIALS;
use crate::phrase::{PhraseKey, Signature};

/// Values of the parameters, rounded to what makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Which style, by number.
    pub(crate) style: u16,
    /// The seed.
    pub(crate) variation: u32,
    /// Sampling temperature in hundredths.
    pub(crate) temperature: u16,
    /// Offsets of the catalog's dials, in tenths of standard deviations.
    pub(crate) dials: [i16; MAX_DIALS],
    /// Bars of a phrase.
    pub(crate) bars: u16,
    /// Semitones added to all notes but drums.
    pub(crate) transpose: i8,
    /// Whether the music is kept as it is.
    pub(crate) is_locked: bool,
    /// Whether nothing is played.
    pub(crate) is_bypassed: bool,
}

impl Settings {
    /// The key of the phrase that a bar of the song is in, by these settings.
    pub(crate) fn key_of_bar(&self, bar: i64, signature: Signature) -> PhraseKey {
        self.key(bar.div_euclid(i64::from(self.bars.max(1))), signature)
    }

    /// The key of a phrase by its number.
    pub(crate) fn key(&self, number: i64, signature: Signature) -> PhraseKey {
        PhraseKey {
            style: self.style,
            variation: self.variation,
            temperature: self.temperature,
            dials: self.dials,
            bars: self.bars.max(1),
            signature,
            number,
        }
    }
}
