//! Chords: symbols, the 49 triad classes, and inference from notes.

mod infer;
mod progression;
mod viterbi;

pub use infer::{ChordError, ChordInference};
pub use progression::{ChordAt, ChordProgression};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Number of classes of the triad encoding: no chord, then twelve each of major, minor, augmented,
/// diminished.
pub const N_TRIAD_LABELS: u16 = 49;

/// The symbol of no chord.
pub const NO_CHORD: &str = "N.C.";

const PITCH_CLASS_NAMES: [&str; 12] =
    ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

/// The kind of a chord: its intervals above the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChordKind {
    /// Major triad.
    Major,
    /// Minor triad.
    Minor,
    /// Augmented triad.
    Augmented,
    /// Diminished triad.
    Diminished,
    /// Major triad with a minor seventh.
    DominantSeventh,
    /// Major triad with a major seventh.
    MajorSeventh,
    /// Minor triad with a minor seventh.
    MinorSeventh,
    /// Diminished triad with a minor seventh.
    HalfDiminished,
}

impl ChordKind {
    /// All kinds, in the order in which inference numbers them.
    pub const ALL: [Self; 8] = [
        Self::Major,
        Self::Minor,
        Self::Augmented,
        Self::Diminished,
        Self::DominantSeventh,
        Self::MajorSeventh,
        Self::MinorSeventh,
        Self::HalfDiminished,
    ];

    /// The part of a symbol after the root.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Major => "",
            Self::Minor => "m",
            Self::Augmented => "+",
            Self::Diminished => "dim",
            Self::DominantSeventh => "7",
            Self::MajorSeventh => "maj7",
            Self::MinorSeventh => "m7",
            Self::HalfDiminished => "m7b5",
        }
    }

    /// Semitones above the root.
    pub const fn intervals(self) -> &'static [u8] {
        match self {
            Self::Major => &[0, 4, 7],
            Self::Minor => &[0, 3, 7],
            Self::Augmented => &[0, 4, 8],
            Self::Diminished => &[0, 3, 6],
            Self::DominantSeventh => &[0, 4, 7, 10],
            Self::MajorSeventh => &[0, 4, 7, 11],
            Self::MinorSeventh => &[0, 3, 7, 10],
            Self::HalfDiminished => &[0, 3, 6, 10],
        }
    }

    /// The number of the triad below the seventh: 0 major, 1 minor, 2 augmented, 3 diminished.
    const fn triad(self) -> u16 {
        match self {
            Self::Major | Self::DominantSeventh | Self::MajorSeventh => 0,
            Self::Minor | Self::MinorSeventh => 1,
            Self::Augmented => 2,
            Self::Diminished | Self::HalfDiminished => 3,
        }
    }
}

/// A chord on a root.
///
/// # Examples
/// ```
/// use note_seq::chords::{Chord, ChordKind};
/// let chord: Chord = "Ebm7".parse()?;
/// assert_eq!((chord.root(), chord.kind()), (3, ChordKind::MinorSeventh));
/// assert_eq!(chord.triad_label(), 16);
/// assert_eq!(chord.transposed(2).to_string(), "Fm7");
/// # Ok::<(), note_seq::chords::UnknownChord>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Chord {
    root: u8,
    kind: ChordKind,
}

/// A symbol that is not a known chord.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "chord symbol {symbol:?} is not known (needed: a root from C to \
     B with # or b, then nothing, m, +, dim, 7, maj7, \
         m7 or m7b5)"
)]
pub struct UnknownChord {
    /// The symbol found.
    pub symbol: String,
}

impl Chord {
    /// A chord on a pitch class; numbers from 12 on are taken modulo 12.
    pub const fn new(root: u8, kind: ChordKind) -> Self {
        Self { root: root % 12, kind }
    }

    /// Pitch class of the root, 0 for C.
    pub const fn root(self) -> u8 {
        self.root
    }

    /// The kind.
    pub const fn kind(self) -> ChordKind {
        self.kind
    }

    /// Pitch classes, from the root up.
    pub fn pitch_classes(self) -> impl Iterator<Item = u8> {
        self.kind.intervals().iter().map(move |i| (self.root + i) % 12)
    }

    /// The chord `semitones` higher.
    #[must_use]
    pub fn transposed(self, semitones: i32) -> Self {
        let root = (i64::from(self.root) + i64::from(semitones)).rem_euclid(12);
        Self { root: u8::try_from(root).unwrap_or_default(), kind: self.kind }
    }

    /// The class of its triad: 1–12 major from C, 13–24 minor, 25–36 augmented, 37–48 diminished. A
    /// seventh is ignored. (0 means no chord.)
    pub fn triad_label(self) -> u16 {
        1 + 12 * self.kind.triad() + u16::from(self.root)
    }

    /// The triad of a label: `Some(None)` for 0, which is no chord, and `None` from 49 on.
    pub fn from_triad_label(label: u16) -> Option<Option<Self>> {
        if label >= N_TRIAD_LABELS {
            return None;
        }
        let Some(index) = label.checked_sub(1) else { return Some(None) };
        let kind = ChordKind::ALL[usize::from(index / 12)];
        Some(Some(Self { root: u8::try_from(index % 12).unwrap_or_default(), kind }))
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", PITCH_CLASS_NAMES[usize::from(self.root)], self.kind.symbol())
    }
}

impl FromStr for Chord {
    type Err = UnknownChord;

    fn from_str(symbol: &str) -> Result<Self, UnknownChord> {
        let unknown = || UnknownChord { symbol: symbol.to_owned() };
        let mut chars = symbol.chars();
        let natural = match chars.next().ok_or_else(unknown)? {
            'C' => 0,
            'D' => 2,
            'E' => 4,
            'F' => 5,
            'G' => 7,
            'A' => 9,
            'B' => 11,
            _ => return Err(unknown()),
        };
        let rest = chars.as_str();
        let (root, kind) = match rest.strip_prefix('#') {
            Some(kind) => (natural + 1, kind),
            None => rest.strip_prefix('b').map_or((natural, rest), |kind| (natural + 11, kind)),
        };
        // Python writes augmented triads both ways.
        let kind = if kind == "aug" { "+" } else { kind };
        let kind = ChordKind::ALL.into_iter().find(|k| k.symbol() == kind).ok_or_else(unknown)?;
        Ok(Self::new(root, kind))
    }
}

impl TryFrom<String> for Chord {
    type Error = UnknownChord;

    fn try_from(symbol: String) -> Result<Self, UnknownChord> {
        symbol.parse()
    }
}

impl From<Chord> for String {
    fn from(chord: Chord) -> Self {
        chord.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_go_there_and_back() {
        for root in 0..12 {
            for kind in ChordKind::ALL {
                let chord = Chord::new(root, kind);
                assert_eq!(chord.to_string().parse(), Ok(chord));
            }
        }
        assert_eq!("Cb".parse::<Chord>().unwrap().root(), 11);
        for bad in ["", "H", "Csus4", "N.C.", "c"] {
            assert!(bad.parse::<Chord>().is_err(), "{bad}");
        }
    }

    /// The labels that Python's `TriadChordOneHotEncoding` returns for chords on E flat.
    #[test]
    fn sevenths_count_as_their_triads() {
        let labels = ChordKind::ALL.map(|kind| Chord::new(3, kind).triad_label());
        assert_eq!(labels, [4, 16, 28, 40, 4, 4, 16, 40]);
        for label in 1..N_TRIAD_LABELS {
            assert_eq!(Chord::from_triad_label(label).unwrap().unwrap().triad_label(), label);
        }
        assert_eq!((Chord::from_triad_label(0), Chord::from_triad_label(49)), (Some(None), None));
    }
}
