//! The parts of windows as notes on the grid.

use super::{Content, TokenType, WindowLayout};
use crate::vocabulary::pitch;

/// A note of one part, on the grid of sixteenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridNote {
    /// First step.
    pub start: usize,
    /// The step after the last one.
    pub end: usize,
    /// MIDI number of the pitch; in a drum track, the class of the set of drums.
    pub pitch: i32,
}

impl GridNote {
    /// Number of steps.
    pub fn n_steps(self) -> usize {
        self.end - self.start
    }

    /// Pitch class, 0 for C to 11 for B.
    pub fn pitch_class(self) -> usize {
        usize::try_from(self.pitch.rem_euclid(12)).expect("0 to 11")
    }
}

/// One part of a window, or of several consecutive windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Index of the part in the model's windows.
    pub part: usize,
    /// Whether its classes are sets of drums.
    pub is_drums: bool,
    /// Its notes, in order; they never overlap.
    pub notes: Vec<GridNote>,
}

/// The parts of consecutive windows, as notes. Chords are a control and not a part.
///
/// A note that still sounds at the end of a window continues into the next one.
///
/// # Examples
/// ```
/// use note_seq::window::{GridNote, WindowLayout, lines};
///
/// let layout = WindowLayout::melody(4, 90);
/// let windows: [&[u16]; 2] = [&[41, 0, 0, 0], &[0, 0, 1, 0]];
/// let melody = &lines(&layout, windows)[0];
/// assert_eq!(melody.notes, [GridNote { start: 0, end: 6, pitch: 60 }]);
/// ```
pub fn lines<'a>(layout: &WindowLayout, windows: impl IntoIterator<Item = &'a [u16]>) -> Vec<Line> {
    let mut tokens = vec![Vec::new(); layout.n_parts()];
    for window in windows {
        for (part, own) in tokens.iter_mut().zip(window.chunks_exact(layout.n_steps.max(1))) {
            part.extend_from_slice(own);
        }
    }
    let parts = tokens.iter().zip(&layout.tracks).enumerate();
    parts
        .map(|(part, (tokens, track))| Line {
            part,
            is_drums: track.content == Content::Drums,
            notes: notes(track.content, tokens),
        })
        .collect()
}

/// The notes of one track. A note of a pitched track lasts until the next one, a note-off or the
/// end; a set of drums lasts one step.
pub fn notes(content: Content, tokens: &[u16]) -> Vec<GridNote> {
    let mut notes = Vec::<GridNote>::new();
    let mut is_sounding = false;
    for (start, token) in tokens.iter().enumerate() {
        let kind = TokenType::of(content, *token);
        if kind == TokenType::Hold {
            continue;
        }
        if let Some(last) = notes.last_mut().filter(|_| is_sounding) {
            last.end = start;
        }
        let pitch = match content {
            Content::Pitches => pitch(*token),
            Content::Drums | Content::Chords => Some(i32::from(*token)),
        };
        notes.extend(pitch.map(|pitch| GridNote { start, end: start + 1, pitch }));
        is_sounding = pitch.is_some() && content != Content::Drums;
    }
    if let Some(last) = notes.last_mut().filter(|_| is_sounding) {
        last.end = tokens.len();
    }
    notes
}

/// Number of notes that start, in all parts.
pub fn n_notes<'a>(layout: &WindowLayout, windows: impl IntoIterator<Item = &'a [u16]>) -> usize {
    lines(layout, windows).iter().map(|line| line.notes.len()).sum()
}

/// The first pitched line, or else the first line.
pub fn leading(mut lines: Vec<Line>) -> Line {
    let at = lines.iter().position(|line| !line.is_drums).unwrap_or(0);
    if lines.is_empty() {
        return Line { part: 0, is_drums: false, notes: Vec::new() };
    }
    lines.swap_remove(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Track;

    #[test]
    fn notes_end_at_the_next_one_at_an_off_or_at_the_end() {
        let spans = |tokens: &[u16]| -> Vec<(usize, usize, i32)> {
            notes(Content::Pitches, tokens).iter().map(|n| (n.start, n.end, n.pitch)).collect()
        };
        assert_eq!(spans(&[1, 41, 0, 43, 0, 1, 0, 2]), [(1, 3, 60), (3, 5, 62), (7, 8, 21)]);
        assert_eq!(spans(&[0, 0, 1]), []);
        let hits = notes(Content::Drums, &[0, 3, 0, 1]);
        let hit = |start, pitch| GridNote { start, end: start + 1, pitch };
        assert_eq!(hits, [hit(1, 3), hit(3, 1)]);
    }

    #[test]
    fn a_note_sounds_on_into_the_next_window_and_chords_are_no_part() {
        let layout = WindowLayout {
            n_steps: 2,
            tracks: vec![Track::pitches(90), Track::DRUMS, Track::CHORDS],
        };
        let windows: [&[u16]; 2] = [&[0, 41, 5, 0, 7, 7], &[0, 1, 0, 3, 7, 7]];
        let lines = lines(&layout, windows);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].notes, [GridNote { start: 1, end: 3, pitch: 60 }]);
        let drums: Vec<_> = lines[1].notes.iter().map(|n| (n.start, n.pitch)).collect();
        assert_eq!((lines[1].is_drums, drums), (true, vec![(0, 5), (3, 3)]));
        assert_eq!(n_notes(&layout, windows), 3);
    }
}
