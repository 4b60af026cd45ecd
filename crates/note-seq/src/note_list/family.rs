//! Families of instruments: a few classes for the sound of a note.

use serde::{Deserialize, Serialize};

use crate::pitch::Program;

/// A family of General MIDI instruments.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Pianos, tuned percussion, organs: programs 0 to 23.
    #[default]
    Keys,
    /// Guitars: 24 to 31.
    Guitar,
    /// Basses: 32 to 39.
    Bass,
    /// Bowed and plucked strings and their ensembles: 40 to 51, and 55.
    Strings,
    /// Voices (52 to 54), brass, reeds and pipes (56 to 79).
    Winds,
    /// Synthesizers, instruments of other traditions, effects: 80 to 127.
    Other,
    /// Drum kits.
    Drums,
}

impl Family {
    /// The pitched families: all except drums.
    pub const TONAL: [Self; 6] =
        [Self::Keys, Self::Guitar, Self::Bass, Self::Strings, Self::Winds, Self::Other];

    /// All families, drums last.
    pub const ALL: [Self; 7] = [
        Self::Keys,
        Self::Guitar,
        Self::Bass,
        Self::Strings,
        Self::Winds,
        Self::Other,
        Self::Drums,
    ];

    /// The family of a program, and of drums.
    ///
    /// # Examples
    /// ```
    /// use note_seq::{Family, Program};
    /// assert_eq!(Family::new(Program::new(40)?, false), Family::Strings);
    /// assert_eq!(Family::new(Program::new(52)?, false), Family::Winds); // choir
    /// assert_eq!(Family::new(Program::new(0)?, true), Family::Drums);
    /// # Ok::<(), note_seq::OutOfRange>(())
    /// ```
    pub const fn new(program: Program, is_drum: bool) -> Self {
        if is_drum {
            return Self::Drums;
        }
        match program.get() {
            0..=23 => Self::Keys,
            24..=31 => Self::Guitar,
            32..=39 => Self::Bass,
            40..=51 | 55 => Self::Strings,
            52..=54 | 56..=79 => Self::Winds,
            _ => Self::Other,
        }
    }

    /// The family with a class of the family field; `None` beyond the seven.
    pub fn from_class(class: u16) -> Option<Self> {
        Self::ALL.get(usize::from(class)).copied()
    }

    /// The class in the family field: the index in [`Self::ALL`].
    pub const fn class(self) -> u16 {
        self as u16
    }

    /// The default program of the family: piano, nylon guitar, finger bass, string ensemble,
    /// clarinet, sawtooth lead.
    pub const fn default_program(self) -> Program {
        Program::saturating(match self {
            Self::Keys | Self::Drums => 0,
            Self::Guitar => 24,
            Self::Bass => 33,
            Self::Strings => 48,
            Self::Winds => 71,
            Self::Other => 81,
        })
    }

    /// The family's name in English, for display.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Guitar => "guitar",
            Self::Bass => "bass",
            Self::Strings => "strings",
            Self::Winds => "voice and winds",
            Self::Other => "other",
            Self::Drums => "drums",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_programs_and_classes_lead_back() {
        for family in Family::ALL {
            assert_eq!(Family::from_class(family.class()), Some(family));
            let is_drum = family == Family::Drums;
            assert_eq!(Family::new(family.default_program(), is_drum), family);
        }
        assert_eq!(Family::from_class(7), None);
    }
}
