//! A snapshot of all parameters, in the form that the player uses.

use crate::catalog::MAX_DIALS;
use crate::phrase::{PhraseKey, Signature};

/// Values of the parameters, rounded to the precision that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Number of the style.
    pub(crate) style: u16,
    /// The seed.
    pub(crate) variation: u32,
    /// Sampling temperature in hundredths.
    pub(crate) temperature: u16,
    /// Offsets of the catalog's dials, in tenths of standard deviations.
    pub(crate) dials: [i16; MAX_DIALS],
    /// Bars of a phrase.
    pub(crate) bars: u16,
    /// Semitones added to all notes except drums.
    pub(crate) transpose: i8,
    /// Whether the music is kept as it is.
    pub(crate) is_locked: bool,
    /// Whether nothing is played.
    pub(crate) is_bypassed: bool,
}

impl Settings {
    /// The key of the phrase that contains a bar of the song, under these settings.
    pub(crate) fn key_of_bar(&self, bar: i64, signature: Signature) -> PhraseKey {
        self.key(bar.div_euclid(i64::from(self.bars.max(1))), signature)
    }

    /// The key of the phrase with a number.
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
