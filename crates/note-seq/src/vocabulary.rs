//! The grid and the tokens of model windows: sixteenths of 4/4, and one class per step.
//!
//! A pitched track has one token per step: [`NO_EVENT`], [`NOTE_OFF`], or the start of a note,
//! counting up in semitones from [`FIRST_PITCH`] for [`LOWEST_PITCH`].
//! [`crate::MelodyEncoding::PIANO`] has the same tokens as events.

/// Steps per quarter note: sixteenths.
pub const STEPS_PER_QUARTER: usize = 4;
/// Steps per bar of 4/4.
pub const STEPS_PER_BAR: usize = 16;
/// The token of a step on which nothing changes: the note, or the silence, continues.
pub const NO_EVENT: u16 = 0;
/// The token of a step on which a note ends and none starts.
pub const NOTE_OFF: u16 = 1;
/// The token of the lowest pitch.
pub const FIRST_PITCH: u16 = 2;
/// The lowest pitch that has a token, the lowest key of a piano.
pub const LOWEST_PITCH: u8 = 21;
/// The highest pitch that has a token, the highest key of a piano.
pub const HIGHEST_PITCH: u8 = 108;

/// The MIDI pitch of the note that starts with a token; `None` for [`NO_EVENT`] and [`NOTE_OFF`].
///
/// # Examples
/// ```
/// use note_seq::vocabulary::{pitch, token};
/// assert_eq!((pitch(41), pitch(1)), (Some(60), None));
/// assert_eq!((token(60), token(20)), (Some(41), None));
/// ```
pub fn pitch(token: u16) -> Option<i32> {
    Some(i32::from(token.checked_sub(FIRST_PITCH)?) + i32::from(LOWEST_PITCH))
}

/// The token of the start of a note; `None` for pitches outside the range of a piano.
pub fn token(pitch: u8) -> Option<u16> {
    let has_token = (LOWEST_PITCH..=HIGHEST_PITCH).contains(&pitch);
    has_token.then(|| u16::from(pitch - LOWEST_PITCH) + FIRST_PITCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MelodyEncoding, MelodyEvent, Pitch};

    #[test]
    fn tokens_are_those_of_the_piano_encoding() {
        for number in 0..=127 {
            let event = MelodyEvent::NoteOn(Pitch::saturating(number));
            assert_eq!(token(number), MelodyEncoding::PIANO.label(event).ok());
            assert_eq!(token(number).and_then(pitch), token(number).map(|_| i32::from(number)));
        }
    }
}
