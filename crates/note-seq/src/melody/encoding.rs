//! Melody events as class labels: 0 nothing new, 1 note-off, 2 + k the start of the k-th pitch.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Melody, MelodyEvent};
use crate::pitch::Pitch;
use crate::vocabulary::{FIRST_PITCH, HIGHEST_PITCH, LOWEST_PITCH, NO_EVENT, NOTE_OFF};

/// A pitch outside the encoding's range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("pitch {pitch} has no label (allowed: {lowest} to {highest}); transpose or drop the note")]
pub struct UnsupportedPitch {
    /// The pitch found.
    pub pitch: Pitch,
    /// Lowest pitch of the encoding.
    pub lowest: Pitch,
    /// Highest pitch of the encoding.
    pub highest: Pitch,
}

/// A label beyond the number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("label {label} at position {position} is invalid (allowed: 0 to {})", n_classes - 1)]
pub struct UnknownLabel {
    /// The label found.
    pub label: u16,
    /// Its position.
    pub position: usize,
    /// Number of classes.
    pub n_classes: u16,
}

/// The one-hot alphabet of a melody over a range of pitches.
///
/// Labels: 0 = [`MelodyEvent::NoEvent`], 1 = [`MelodyEvent::NoteOff`], `2 + (pitch − lowest)` = the
/// note starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MelodyEncoding {
    lowest: Pitch,
    highest: Pitch,
}

impl MelodyEncoding {
    /// The piano's range, 21 to 108: 90 classes, as in MusicVAE.
    pub const PIANO: Self = match (Pitch::new(LOWEST_PITCH), Pitch::new(HIGHEST_PITCH)) {
        (Ok(lowest), Ok(highest)) => Self { lowest, highest },
        _ => Self { lowest: Pitch::MIN, highest: Pitch::MAX },
    };

    /// An encoding of `lowest` to `highest`, both inclusive; swapped if they are in the wrong
    /// order.
    pub fn new(lowest: Pitch, highest: Pitch) -> Self {
        Self { lowest: lowest.min(highest), highest: highest.max(lowest) }
    }

    /// Lowest pitch that has a label.
    pub const fn lowest(self) -> Pitch {
        self.lowest
    }

    /// Highest pitch that has a label.
    pub const fn highest(self) -> Pitch {
        self.highest
    }

    /// Whether a pitch has a label.
    pub fn contains(self, pitch: Pitch) -> bool {
        (self.lowest..=self.highest).contains(&pitch)
    }

    /// Number of labels.
    pub const fn n_classes(self) -> u16 {
        // Widening; `u16::from` is not const.
        (self.highest.get() - self.lowest.get()) as u16 + 1 + FIRST_PITCH
    }

    /// The label of an event.
    ///
    /// # Errors
    /// Returns [`UnsupportedPitch`] for a note outside the range.
    pub fn label(self, event: MelodyEvent) -> Result<u16, UnsupportedPitch> {
        match event {
            MelodyEvent::NoEvent => Ok(NO_EVENT),
            MelodyEvent::NoteOff => Ok(NOTE_OFF),
            MelodyEvent::NoteOn(pitch) if self.contains(pitch) => {
                Ok(u16::from(pitch.get() - self.lowest.get()) + FIRST_PITCH)
            }
            MelodyEvent::NoteOn(pitch) => {
                Err(UnsupportedPitch { pitch, lowest: self.lowest, highest: self.highest })
            }
        }
    }

    /// The event with a label; `None` beyond the classes.
    pub fn event(self, label: u16) -> Option<MelodyEvent> {
        match label {
            NO_EVENT => Some(MelodyEvent::NoEvent),
            NOTE_OFF => Some(MelodyEvent::NoteOff),
            _ => {
                let above = i64::from(label - FIRST_PITCH);
                let pitch = Pitch::try_from(above + i64::from(self.lowest.get())).ok()?;
                self.contains(pitch).then_some(MelodyEvent::NoteOn(pitch))
            }
        }
    }

    /// The labels of a melody, one per step.
    ///
    /// # Errors
    /// Returns [`UnsupportedPitch`] for the first note outside the range.
    pub fn encode(self, melody: &Melody) -> Result<Vec<u16>, UnsupportedPitch> {
        melody.events.iter().map(|e| self.label(*e)).collect()
    }

    /// A melody from labels, starting at step 0 in 4/4 at 4 steps per quarter note.
    ///
    /// Offs before the first note are removed, as in all melodies: there is no note that they could
    /// end. (A melody without them decodes and encodes to itself.)
    ///
    /// # Errors
    /// Returns [`UnknownLabel`] for the first label that is not below [`Self::n_classes`].
    pub fn decode(self, labels: &[u16]) -> Result<Melody, UnknownLabel> {
        let events = labels.iter().enumerate().map(|(position, label)| {
            self.event(*label).ok_or(UnknownLabel {
                label: *label,
                position,
                n_classes: self.n_classes(),
            })
        });
        let mut melody = Melody::new(events.collect::<Result<_, _>>()?);
        melody.erase_leading_offs();
        Ok(melody)
    }
}

impl Default for MelodyEncoding {
    fn default() -> Self {
        Self::PIANO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_classes_and_back() {
        let encoding = MelodyEncoding::PIANO;
        assert_eq!(encoding.n_classes(), 90);
        assert_eq!(encoding.label(MelodyEvent::NoteOn(Pitch::new(21).unwrap())), Ok(2));
        assert_eq!(encoding.label(MelodyEvent::NoteOn(Pitch::new(108).unwrap())), Ok(89));
        for label in 0..90 {
            assert_eq!(encoding.label(encoding.event(label).unwrap()), Ok(label));
        }
        assert_eq!(encoding.event(90), None);
        assert_eq!(encoding.event(u16::MAX), None);
    }

    #[test]
    fn errors_say_what_is_allowed() {
        let encoding = MelodyEncoding::PIANO;
        let error = encoding.label(MelodyEvent::NoteOn(Pitch::new(20).unwrap())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "pitch 20 has no label (allowed: 21 to 108); transpose or drop the note"
        );
        let error = encoding.decode(&[0, 90]).unwrap_err();
        assert_eq!(error.to_string(), "label 90 at position 1 is invalid (allowed: 0 to 89)");
    }

    #[test]
    fn leading_offs_are_erased_when_decoding() {
        let melody = MelodyEncoding::PIANO.decode(&[1, 0, 1, 41, 1]).unwrap();
        assert_eq!(MelodyEncoding::PIANO.encode(&melody), Ok(vec![0, 0, 0, 41, 1]));
    }
}
