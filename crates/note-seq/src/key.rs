//! Keys: finding the key of music, and its distance from C major or A minor.

mod profile;
mod track;

pub use profile::KeyProfile;
pub use track::KeyTracker;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::{KeySignature, Mode};

/// A major or minor key.
///
/// # Examples
/// ```
/// use note_seq::Key;
/// let key: Key = "E minor".parse()?;
/// assert_eq!((key.tonic(), key.is_minor(), key.to_string()), (4, true, "E minor".to_owned()));
/// assert_eq!(key.semitones_to_common(), 5); // up a fourth, to A minor
/// assert_eq!("Bb".parse::<Key>()?.semitones_to_common(), 2);
/// # Ok::<(), note_seq::UnknownKey>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    tonic: u8,
    is_minor: bool,
}

/// A text that does not name a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a key (allowed: a letter A to G, with # or b if needed, then major or minor: \
     D, Bb major, F# minor, Am)"
)]
pub struct UnknownKey(String);

impl Key {
    /// Number of keys.
    pub const N: usize = 24;
    /// C major.
    pub const C_MAJOR: Self = Self { tonic: 0, is_minor: false };
    /// A minor.
    pub const A_MINOR: Self = Self { tonic: 9, is_minor: true };

    /// The key on a pitch class (modulo 12).
    pub const fn new(tonic: u8, is_minor: bool) -> Self {
        Self { tonic: tonic % 12, is_minor }
    }

    /// The key of a key signature; major unless it is minor.
    pub fn from_signature(signature: &KeySignature) -> Self {
        Self::new(signature.key, signature.mode == Mode::Minor)
    }

    /// Pitch class of the tonic, 0 for C to 11 for B.
    pub const fn tonic(self) -> u8 {
        self.tonic
    }

    /// Whether the key is minor.
    pub const fn is_minor(self) -> bool {
        self.is_minor
    }

    /// Major or minor.
    pub const fn mode(self) -> Mode {
        if self.is_minor { Mode::Minor } else { Mode::Major }
    }

    /// The key as one of [`Self::N`] classes: major keys from C up, then minor keys from C up.
    pub const fn index(self) -> usize {
        self.tonic as usize + if self.is_minor { 12 } else { 0 }
    }

    /// The key of a class; `None` beyond [`Self::N`].
    pub fn from_index(index: usize) -> Option<Self> {
        let tonic = u8::try_from(index % 12).ok()?;
        (index < Self::N).then(|| Self::new(tonic, index >= 12))
    }

    /// The major key with the same signature: itself, or the relative of a minor key.
    #[must_use]
    pub const fn relative_major(self) -> Self {
        Self { tonic: (self.tonic + if self.is_minor { 3 } else { 0 }) % 12, is_minor: false }
    }

    /// Semitones that bring music in this key to C major or A minor: −6 to 5.
    pub const fn semitones_to_common(self) -> i8 {
        let tonic = self.relative_major().tonic.cast_signed();
        if tonic <= 6 { -tonic } else { 12 - tonic }
    }

    /// The key `semitones` higher.
    #[must_use]
    pub fn transposed(self, semitones: i32) -> Self {
        let tonic = (i64::from(self.tonic) + i64::from(semitones)).rem_euclid(12);
        Self::new(u8::try_from(tonic).unwrap_or_default(), self.is_minor)
    }

    /// Steps on the circle of fifths between the signatures of two keys, 0 to 6.
    pub fn distance(self, other: Self) -> u8 {
        let semitones = 12 + self.relative_major().tonic - other.relative_major().tonic;
        let fifths = semitones * 7 % 12;
        fifths.min(12 - fifths)
    }

    /// The key that best fits the duration of each pitch class, by
    /// [`KeyProfile::KRUMHANSL_KESSLER`]; `None` if nothing sounds.
    ///
    /// # Examples
    /// ```
    /// use note_seq::Key;
    /// let mut durations = [0.0; 12];
    /// for (pitch_class, quarters) in [(2, 4.0), (6, 2.0), (9, 3.0), (4, 1.0), (11, 1.0)] {
    ///     durations[pitch_class] = quarters;
    /// }
    /// assert_eq!(Key::find(&durations), Some("D major".parse()?));
    /// # Ok::<(), note_seq::UnknownKey>(())
    /// ```
    pub fn find(durations: &[f64; 12]) -> Option<Self> {
        KeyProfile::KRUMHANSL_KESSLER.find(durations)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAJOR: [&str; 12] = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
        const MINOR: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"];
        let names = if self.is_minor { MINOR } else { MAJOR };
        let mode = if self.is_minor { "minor" } else { "major" };
        write!(f, "{} {mode}", names[usize::from(self.tonic)])
    }
}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        let unknown = || UnknownKey(text.to_owned());
        let mut rest = text.trim().chars();
        let letter = rest.next().ok_or_else(unknown)?;
        let natural = match letter.to_ascii_uppercase() {
            'C' => 0,
            'D' => 2,
            'E' => 4,
            'F' => 5,
            'G' => 7,
            'A' => 9,
            'B' => 11,
            _ => return Err(unknown()),
        };
        let rest = rest.as_str();
        let (sign, mode) = match rest.chars().next() {
            Some(sharp @ ('#' | '♯')) => (1, &rest[sharp.len_utf8()..]),
            Some(flat @ ('b' | '♭')) => (11, &rest[flat.len_utf8()..]),
            _ => (0, rest),
        };
        let is_minor = match mode.trim() {
            "" | "M" => false,
            "m" => true,
            word if word.eq_ignore_ascii_case("maj") || word.eq_ignore_ascii_case("major") => false,
            word if word.eq_ignore_ascii_case("min") || word.eq_ignore_ascii_case("minor") => true,
            _ => return Err(unknown()),
        };
        Ok(Self::new(natural + sign, is_minor))
    }
}

impl TryFrom<String> for Key {
    type Error = UnknownKey;

    fn try_from(text: String) -> Result<Self, UnknownKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_classes_lead_back_and_the_common_key_is_reached() {
        for index in 0..Key::N {
            let key = Key::from_index(index).unwrap();
            assert_eq!(key.index(), index);
            assert_eq!(key.to_string().parse(), Ok(key));
            let offset = key.semitones_to_common();
            assert!((-6..=5).contains(&offset));
            let common = if key.is_minor() { Key::A_MINOR } else { Key::C_MAJOR };
            assert_eq!(key.transposed(offset.into()), common);
        }
        assert_eq!(Key::from_index(24), None);
        assert_eq!("Cb".parse(), Ok(Key::new(11, false)));
        assert_eq!("f#m".parse(), Ok(Key::new(6, true)));
        for text in ["", "H", "C dorian", "#", "Csharp", "Ä"] {
            assert_eq!(text.parse::<Key>(), Err(UnknownKey(text.to_owned())));
        }
    }

    #[test]
    fn distance_is_signatures_apart() {
        let key = |text: &str| text.parse::<Key>().unwrap();
        assert_eq!(key("C").distance(key("A minor")), 0);
        assert_eq!(key("C").distance(key("G")), 1);
        assert_eq!(key("C").distance(key("D minor")), 1);
        assert_eq!(key("C").distance(key("F#")), 6);
        assert_eq!(key("E").distance(key("Ab")), 4);
    }
}
