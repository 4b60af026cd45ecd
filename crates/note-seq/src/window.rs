//! Windows of tokens: their layout, their notes, and transposition.
//!
//! A window has one token per step for each of its tracks, track after track. [`WindowLayout`]
//! defines the meaning of the tokens; [`lines`] converts them to notes on the grid. Windows of note
//! lists are rows of tokens, too ([`crate::NoteList::to_row`]); [`WindowForm`] is either of both.

mod form;
mod line;

use crate::chords::{Chord, N_TRIAD_LABELS};
use crate::drums::N_DRUM_LABELS;
use crate::vocabulary::{FIRST_PITCH, NO_EVENT, NOTE_OFF};

pub use form::{WindowForm, WindowFormError, notes_of_lists, outer_lines};
pub use line::{GridNote, Line, leading, lines, n_notes, notes};

/// The contents of a model's window, track after track, all with the same number of steps.
///
/// The model's parts come first; a control, if there is one, is the last track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowLayout {
    /// Steps of each track.
    pub n_steps: usize,
    /// The tracks, in the order of the window.
    pub tracks: Vec<Track>,
}

/// One track of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// Number of classes per step.
    pub n_classes: usize,
    /// The meaning of the classes.
    pub content: Content,
}

/// The meaning of the classes of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// "No event", "note off", then pitches, a semitone apart.
    Pitches,
    /// Sets of drums.
    Drums,
    /// Chords: a control, which is an input and not generated.
    Chords,
}

/// The effect of a token at its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenType {
    /// A note or a set of drums starts.
    Onset,
    /// The sounding note ends.
    Off,
    /// The sounding note, or the silence, continues.
    Hold,
}

impl TokenType {
    /// The type of a token of a track.
    pub fn of(content: Content, token: u16) -> Self {
        match (content, token) {
            (_, NO_EVENT) => Self::Hold,
            (Content::Pitches, NOTE_OFF) => Self::Off,
            _ => Self::Onset,
        }
    }
}

impl Track {
    /// Sets of nine drums.
    pub const DRUMS: Self = Self { n_classes: N_DRUM_LABELS as usize, content: Content::Drums };
    /// Triads, or no chord.
    pub const CHORDS: Self = Self { n_classes: N_TRIAD_LABELS as usize, content: Content::Chords };

    /// Pitches with their two other classes, `n_classes` in total.
    pub const fn pitches(n_classes: usize) -> Self {
        Self { n_classes, content: Content::Pitches }
    }
}

impl WindowLayout {
    /// Windows with a single track of pitches: a melody.
    pub fn melody(n_steps: usize, n_classes: usize) -> Self {
        Self { n_steps, tracks: vec![Track::pitches(n_classes)] }
    }

    /// Number of tokens of a window: the steps of all tracks.
    pub fn n_tokens(&self) -> usize {
        self.n_steps * self.tracks.len()
    }

    /// Number of tracks that the model generates: all except a control.
    pub fn n_parts(&self) -> usize {
        self.tracks.iter().filter(|track| track.content != Content::Chords).count()
    }

    /// Whether the last track is a control.
    pub fn has_control(&self) -> bool {
        self.n_parts() < self.tracks.len()
    }

    /// The index of the first token that is not a class of its track, and that track's last class;
    /// `None` if all tokens are valid.
    pub fn misfit(&self, tokens: &[u16]) -> Option<(usize, usize)> {
        let mut classes = self.tracks.iter().cycle().map(|track| track.n_classes);
        tokens.chunks(self.n_steps.max(1)).enumerate().find_map(|(n, tokens)| {
            let n_classes = classes.next()?;
            let at = tokens.iter().position(|token| usize::from(*token) >= n_classes)?;
            Some((n * self.n_steps + at, n_classes.saturating_sub(1)))
        })
    }

    /// Transposes every pitch and chord of a window by `semitones`, or by less if a pitch would
    /// leave its vocabulary. Drums are unchanged.
    ///
    /// The whole window is transposed by a single number, so that its intervals are preserved and
    /// nothing is dropped. Returns the number of semitones it was transposed by.
    ///
    /// # Examples
    /// ```
    /// use note_seq::window::WindowLayout;
    ///
    /// let layout = WindowLayout::melody(4, 90);
    /// let mut tokens = [41, 0, 1, 89];
    /// assert_eq!(layout.transpose(&mut tokens, -3), -3);
    /// assert_eq!(tokens, [38, 0, 1, 86]);
    /// assert_eq!(layout.transpose(&mut tokens, 5), 3);
    /// assert_eq!(tokens, [41, 0, 1, 89]);
    /// ```
    pub fn transpose(&self, tokens: &mut [u16], semitones: i32) -> i32 {
        let tracks = || self.tracks.iter().zip(tokens.chunks_exact(self.n_steps.max(1)));
        // The smallest and largest shift that keeps every pitch in its vocabulary.
        let (mut below, mut above) = (i32::MIN, i32::MAX);
        for (track, tokens) in tracks().filter(|(track, _)| track.content == Content::Pitches) {
            let last = i32::try_from(track.n_classes).unwrap_or(i32::MAX) - 1;
            for pitch in tokens.iter().filter(|token| **token >= FIRST_PITCH) {
                below = below.max(i32::from(FIRST_PITCH) - i32::from(*pitch));
                above = above.min(last - i32::from(*pitch));
            }
        }
        if below == i32::MIN {
            return 0;
        }
        let moved = semitones.clamp(below.min(0), above.max(0));
        for (track, tokens) in self.tracks.iter().zip(tokens.chunks_exact_mut(self.n_steps.max(1)))
        {
            match track.content {
                Content::Pitches => {
                    for token in tokens.iter_mut().filter(|token| **token >= FIRST_PITCH) {
                        let pitch = i32::from(*token) + moved;
                        *token = u16::try_from(pitch).expect("kept within the vocabulary");
                    }
                }
                Content::Chords => {
                    for token in tokens {
                        if let Some(Some(chord)) = Chord::from_triad_label(*token) {
                            *token = chord.transposed(moved).triad_label();
                        }
                    }
                }
                Content::Drums => {}
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trio_with_chords() -> WindowLayout {
        let tracks = vec![Track::pitches(90), Track::pitches(90), Track::DRUMS, Track::CHORDS];
        WindowLayout { n_steps: 2, tracks }
    }

    #[test]
    fn a_window_without_pitches_stays() {
        let mut tokens = [0, 1, 0, 0];
        assert_eq!(WindowLayout::melody(4, 90).transpose(&mut tokens, 5), 0);
        assert_eq!(tokens, [0, 1, 0, 0]);
    }

    #[test]
    fn a_window_at_both_edges_cannot_move() {
        let mut tokens = [2, 89];
        let layout = WindowLayout::melody(2, 90);
        assert_eq!(layout.transpose(&mut tokens, -1), 0);
        assert_eq!(layout.transpose(&mut tokens, 1), 0);
    }

    #[test]
    fn parts_move_together_chords_turn_and_drums_stay() {
        let layout = trio_with_chords();
        // A minor is 13 + 9, B flat major 1 + 10; the bass can go down by only one semitone.
        let mut tokens = [41, 0, 3, 1, 300, 5, 22, 11];
        assert_eq!(layout.transpose(&mut tokens, -4), -1);
        assert_eq!(tokens, [40, 0, 2, 1, 300, 5, 21, 10]);
        assert_eq!(layout.transpose(&mut tokens, 4), 4);
        // G sharp minor and A major become C minor and C sharp major.
        assert_eq!(tokens, [44, 0, 6, 1, 300, 5, 13, 2]);
    }

    #[test]
    fn a_class_of_another_track_is_found() {
        let layout = trio_with_chords();
        assert_eq!((layout.n_tokens(), layout.n_parts()), (8, 3));
        assert_eq!(layout.misfit(&[89, 0, 89, 0, 511, 0, 48, 0]), None);
        assert_eq!(layout.misfit(&[89, 0, 89, 0, 511, 0, 0, 49]), Some((7, 48)));
        let two = [89, 0, 89, 0, 511, 0, 0, 48, 0, 0, 90, 0, 0, 0, 0, 0];
        assert_eq!(layout.misfit(&two), Some((10, 89)));
    }
}
