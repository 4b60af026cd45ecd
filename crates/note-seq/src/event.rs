//! Everything except notes: tempos, signatures, controllers, texts, names.

use serde::{Deserialize, Serialize};

use crate::pitch::Program;
use crate::units::{Qpm, Seconds};

/// A tempo that applies from `time` on.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tempo {
    /// Seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub time: Seconds,
    /// Quarter notes per minute.
    #[serde(skip_serializing_if = "is_default")]
    pub qpm: Qpm,
}

/// A meter that applies from `time` on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeSignature {
    /// Seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub time: Seconds,
    /// Beats per bar.
    #[serde(skip_serializing_if = "is_default")]
    pub numerator: u32,
    /// The beat as a fraction of a whole note; a power of two in MIDI.
    #[serde(skip_serializing_if = "is_default")]
    pub denominator: u32,
}

impl TimeSignature {
    /// Quarter notes per bar: `4 / denominator · numerator`, in this order of operations.
    ///
    /// Infinite for a denominator of 0, which quantizing rejects.
    pub fn quarters_per_bar(&self) -> f64 {
        4.0 / f64::from(self.denominator) * f64::from(self.numerator)
    }
}

impl Default for TimeSignature {
    fn default() -> Self {
        Self { time: 0.0, numerator: 4, denominator: 4 }
    }
}

/// Major or minor.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// Major.
    #[default]
    Major,
    /// Natural minor.
    Minor,
    /// Another mode or an unspecified one: other modes in JSON are read as this. MIDI files don't
    /// have it; it is written as major.
    #[serde(other)]
    NotSpecified,
}

/// A key that applies from `time` on.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KeySignature {
    /// Seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub time: Seconds,
    /// Pitch class of the tonic, 0 for C to 11 for B.
    #[serde(skip_serializing_if = "is_default", with = "key_name")]
    pub key: u8,
    /// Major or minor.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: Mode,
}

impl KeySignature {
    /// Number of sharps in the key signature, negative for flats: -5 to 6. Of enharmonic keys, the
    /// one with fewer signs; keys that are neither major nor minor count as major.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{KeySignature, Mode};
    /// let key = |key, mode| KeySignature { time: 0.0, key, mode };
    /// assert_eq!(key(8, Mode::Major).sharps(), -4); // A flat major
    /// assert_eq!(key(4, Mode::Minor).sharps(), 1); // E minor
    /// ```
    pub fn sharps(&self) -> i8 {
        let offset = if self.mode == Mode::Minor { 9 } else { 0 };
        let fifths = ((i32::from(self.key) - offset) * 7).rem_euclid(12);
        let sharps = if fifths > 6 { fifths - 12 } else { fifths };
        i8::try_from(sharps).unwrap_or_default()
    }
}

/// Keys in JSON are the proto's names, `C` to `B`; its other spellings and plain numbers are read,
/// too.
mod key_name {
    use serde::{Deserialize, Deserializer, Serializer, de};

    const NAMES: [&str; 12] =
        ["C", "C_SHARP", "D", "D_SHARP", "E", "F", "F_SHARP", "G", "G_SHARP", "A", "A_SHARP", "B"];
    const FLATS: [(&str, u8); 5] =
        [("D_FLAT", 1), ("E_FLAT", 3), ("G_FLAT", 6), ("A_FLAT", 8), ("B_FLAT", 10)];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(super) fn serialize<S: Serializer>(key: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(NAMES[usize::from(key % 12)])
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Key {
            Number(u8),
            Name(String),
        }
        match Key::deserialize(deserializer)? {
            Key::Number(key @ 0..12) => Ok(key),
            Key::Number(key) => {
                Err(de::Error::custom(format!("key {key} is out of range (allowed: 0 to 11)")))
            }
            Key::Name(name) => (NAMES.into_iter().zip(0..).chain(FLATS))
                .find(|(known, _)| *known == name)
                .map(|(_, key)| key)
                .ok_or_else(|| de::Error::custom(format!("key {name:?} is not known"))),
        }
    }
}

/// One setting of a MIDI controller.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControlChange {
    /// Seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub time: Seconds,
    /// Controller, 0 to 127; 64 is the sustain pedal.
    #[serde(alias = "control_number", skip_serializing_if = "is_default")]
    pub control_number: u8,
    /// Value, 0 to 127.
    #[serde(alias = "control_value", skip_serializing_if = "is_default")]
    pub control_value: u8,
    /// The instrument it belongs to.
    #[serde(skip_serializing_if = "is_default")]
    pub instrument: u32,
    /// General MIDI program of that instrument.
    #[serde(skip_serializing_if = "is_default")]
    pub program: Program,
    /// Whether that instrument is a drum kit.
    #[serde(alias = "is_drum", skip_serializing_if = "is_default")]
    pub is_drum: bool,
}

/// One setting of the pitch wheel.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PitchBend {
    /// Seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub time: Seconds,
    /// Bend, -8192 to 8191; 0 is none.
    #[serde(skip_serializing_if = "is_default")]
    pub bend: i16,
    /// The instrument it belongs to.
    #[serde(skip_serializing_if = "is_default")]
    pub instrument: u32,
    /// General MIDI program of that instrument.
    #[serde(skip_serializing_if = "is_default")]
    pub program: Program,
    /// Whether that instrument is a drum kit.
    #[serde(alias = "is_drum", skip_serializing_if = "is_default")]
    pub is_drum: bool,
}

/// The meaning of a text.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TextKind {
    /// Any text (MIDI meta event 1).
    #[default]
    Unknown,
    /// A chord symbol such as `Am7`; `N.C.` means no chord.
    ChordSymbol,
    /// A beat.
    Beat,
    /// A sung syllable (MIDI meta event 5). The proto has no value for it: written as `UNKNOWN`.
    #[serde(rename(serialize = "UNKNOWN"))]
    Lyric,
    /// A rehearsal mark (MIDI meta event 6). The proto has no value for it: written as `UNKNOWN`.
    #[serde(rename(serialize = "UNKNOWN"))]
    Marker,
}

/// A text at a point in time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TextAnnotation {
    /// Seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub time: Seconds,
    /// The text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Its meaning.
    #[serde(
        alias = "annotation_type",
        rename = "annotationType",
        skip_serializing_if = "is_default"
    )]
    pub kind: TextKind,
}

/// The name of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InstrumentInfo {
    /// Instrument number of the notes.
    #[serde(skip_serializing_if = "is_default")]
    pub instrument: u32,
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// For serde: fields that hold their type's default are not written, as in the proto's JSON form.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
