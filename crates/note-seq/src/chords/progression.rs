//! Chords over time, and their labels on the grid.

use serde::{Deserialize, Serialize};

use super::Chord;
use crate::event::{TextAnnotation, TextKind};
use crate::units::{Seconds, Step};

/// A chord, or no chord, that lasts until the next one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChordAt {
    /// Seconds.
    pub time: Seconds,
    /// The step on the grid.
    pub step: Step,
    /// Pitch class of the major key found with it, 0 for C.
    pub key: u8,
    /// The chord; `None` for no chord.
    pub chord: Option<Chord>,
}

/// Chords in order of time, one entry per change.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChordProgression {
    /// The changes.
    pub chords: Vec<ChordAt>,
}

impl ChordProgression {
    /// The triad labels of the steps from `start` up to but not including `end`; 0 before the first
    /// chord.
    ///
    /// # Shapes
    /// - result: `[end − start]`, labels 0 to 48
    pub fn triad_labels(&self, start: Step, end: Step) -> Vec<u16> {
        let label = |at: &ChordAt| at.chord.map_or(0, Chord::triad_label);
        let mut next = self.chords.partition_point(|c| c.step <= start);
        let mut current = next.checked_sub(1).map_or(0, |at| label(&self.chords[at]));
        (start..end)
            .map(|step| {
                while let Some(at) = self.chords.get(next).filter(|c| c.step <= step) {
                    current = label(at);
                    next += 1;
                }
                current
            })
            .collect()
    }

    /// The progression as chord symbols of a sequence, with `N.C.` for no chord.
    pub fn to_annotations(&self) -> Vec<TextAnnotation> {
        let symbol =
            |chord: Option<Chord>| chord.map_or(super::NO_CHORD.to_owned(), |c| c.to_string());
        let annotation = |at: &ChordAt| TextAnnotation {
            time: at.time,
            text: symbol(at.chord),
            kind: TextKind::ChordSymbol,
        };
        self.chords.iter().map(annotation).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_until_the_next_change() {
        let at =
            |step, symbol: &str| ChordAt { time: 0.0, step, key: 0, chord: symbol.parse().ok() };
        let progression = ChordProgression { chords: vec![at(2, "C"), at(4, "N.C."), at(5, "Am")] };
        assert_eq!(progression.triad_labels(0, 7), [0, 0, 1, 1, 0, 22, 22]);
        assert_eq!(progression.triad_labels(5, 6), [22]);
    }
}
