//! MIDI's seven-bit numbers as checked types: pitch, velocity, program.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number that does not fit MIDI's seven bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} {value} is out of range (allowed: 0 to 127)")]
pub struct OutOfRange {
    /// The kind of value: `"pitch"`, `"velocity"` or `"program"`.
    pub kind: &'static str,
    /// The number found.
    pub value: i64,
}

macro_rules! seven_bit {
    ($(#[$docs:meta])* $name:ident, $kind:literal) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[derive(Serialize, Deserialize)]
        #[serde(try_from = "i64", into = "u8")]
        pub struct $name(u8);

        impl $name {
            /// The smallest value, 0.
            pub const MIN: Self = Self(0);
            /// The largest value, 127.
            pub const MAX: Self = Self(127);

            /// Checks that `value` is 0 to 127.
            ///
            /// # Errors
            /// Returns [`OutOfRange`] for values outside 0 to 127; there is no other error.
            pub const fn new(value: u8) -> Result<Self, OutOfRange> {
                if value < 128 {
                    Ok(Self(value))
                } else {
                    Err(OutOfRange { kind: $kind, value: value as i64 })
                }
            }

            /// The nearest value in range.
            pub const fn saturating(value: u8) -> Self {
                if value < 128 { Self(value) } else { Self::MAX }
            }

            /// The number, 0 to 127.
            pub const fn get(self) -> u8 {
                self.0
            }
        }

        impl From<$name> for u8 {
            fn from(value: $name) -> u8 {
                value.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = OutOfRange;

            fn try_from(value: i64) -> Result<Self, OutOfRange> {
                u8::try_from(value).ok().filter(|v| *v < 128).map(Self)
                    .ok_or(OutOfRange { kind: $kind, value })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

seven_bit! {
    /// A MIDI key number, 0 to 127; 60 is middle C.
    ///
    /// # Examples
    /// ```
    /// use note_seq::Pitch;
    /// let middle_c = Pitch::new(60)?;
    /// assert_eq!(middle_c.class(), 0);
    /// assert_eq!(middle_c.transposed(-1).map(Pitch::get), Some(59));
    /// assert!(Pitch::new(128).is_err());
    /// # Ok::<(), note_seq::OutOfRange>(())
    /// ```
    Pitch, "pitch"
}

seven_bit! {
    /// Strength of a key stroke, 0 to 127. A written note-on of velocity 0 would mean note-off.
    Velocity, "velocity"
}

seven_bit! {
    /// A General MIDI program (instrument sound), 0 to 127.
    Program, "program"
}

impl Pitch {
    /// Pitch class: 0 for C to 11 for B.
    pub const fn class(self) -> u8 {
        self.0 % 12
    }

    /// The pitch `semitones` higher, or `None` outside 0 to 127.
    pub fn transposed(self, semitones: i32) -> Option<Self> {
        Self::try_from(i64::from(self.0) + i64::from(semitones)).ok()
    }
}

impl Program {
    /// Whether this program has no definite pitch in General MIDI: 96–103 (synth effects) and
    /// 112–127 (percussive and sound effects). Chord and melody inference leave such notes out.
    pub const fn is_unpitched(self) -> bool {
        matches!(self.0, 96..=103 | 112..=127)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_over_127_is_refused_and_named() {
        for value in 128..=255 {
            assert_eq!(Pitch::new(value), Err(OutOfRange { kind: "pitch", value: value.into() }));
            assert_eq!(Velocity::saturating(value), Velocity::MAX);
        }
        assert_eq!(
            Program::try_from(-1).unwrap_err().to_string(),
            "program -1 is out of range (allowed: 0 to 127)"
        );
    }

    #[test]
    fn json_is_the_bare_number_and_is_checked() {
        assert_eq!(serde_json::to_string(&Pitch::new(60).unwrap()).unwrap(), "60");
        assert_eq!(serde_json::from_str::<Velocity>("127").unwrap(), Velocity::MAX);
        assert!(serde_json::from_str::<Program>("128").is_err());
    }

    #[test]
    fn transposing_stops_at_the_ends() {
        assert_eq!(Pitch::MAX.transposed(1), None);
        assert_eq!(Pitch::MIN.transposed(-1), None);
        assert_eq!(Pitch::MIN.transposed(127), Some(Pitch::MAX));
    }
}
