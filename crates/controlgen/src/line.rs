//! A window's parts as notes on the grid: what is measured and compared.

use musicvae::{Content, WindowLayout};

/// The first class of a pitched track that is a pitch; below it stand "nothing new" and "the note ends".
const FIRST_PITCH: u16 = 2;
/// The MIDI number of that pitch, the lowest of a piano.
const LOWEST_PITCH: i32 = 21;

/// A note of one part, on the grid of sixteenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridNote {
    /// Its first step.
    pub start: usize,
    /// The step after its last one.
    pub end: usize,
    /// MIDI number of its pitch; of a drum track the set of drums, as its class.
    pub pitch: i32,
}

/// One part of a window, or of several windows in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which part of the model's windows, from 0.
    pub part: usize,
    /// Whether its classes are sets of drums.
    pub is_drums: bool,
    /// Its notes, in order; none sounds while another does.
    pub notes: Vec<GridNote>,
}

/// The parts of windows in a row, as notes. Chords are a control and no part.
///
/// A note that still sounds at the end of a window goes on into the next one, as in
/// [`crate::kind::Kind::to_sequence`].
pub fn lines<'a>(layout: &WindowLayout, windows: impl IntoIterator<Item = &'a [u16]>) -> Vec<Line> {
    let mut tokens = vec![Vec::new(); layout.n_parts()];
    for window in windows {
        for (part, own) in tokens.iter_mut().zip(window.chunks_exact(layout.n_steps.max(1))) {
            part.extend_from_slice(own);
        }
    }
    tokens
        .iter()
        .zip(&layout.tracks)
        .enumerate()
        .map(|(part, (tokens, track))| {
            let is_drums = track.content == Content::Drums;
            let notes = if is_drums { hits(tokens) } else { notes(tokens) };
            Line { part, is_drums, notes }
        })
        .collect()
}

/// The notes of a pitched track.
pub fn notes(tokens: &[u16]) -> Vec<GridNote> {
    let mut notes = Vec::<GridNote>::new();
    let mut sounding: Option<GridNote> = None;
    for (step, token) in tokens.iter().enumerate() {
        if *token == 0 {
            continue;
        }
        notes.extend(sounding.take().map(|note| GridNote { end: step, ..note }));
        if *token >= FIRST_PITCH {
            let pitch = i32::from(*token - FIRST_PITCH) + LOWEST_PITCH;
            sounding = Some(GridNote { start: step, end: step, pitch });
        }
    }
    notes.extend(sounding.map(|note| GridNote { end: tokens.len(), ..note }));
    notes
}

/// What is struck in a drum track; each hit lasts a step.
fn hits(tokens: &[u16]) -> Vec<GridNote> {
    let struck = tokens.iter().enumerate().filter(|(_, class)| **class > 0);
    struck
        .map(|(start, class)| GridNote { start, end: start + 1, pitch: i32::from(*class) })
        .collect()
}

/// Notes that start, over all parts: what tells an empty window, or one of a single note.
pub fn n_notes<'a>(layout: &WindowLayout, windows: impl IntoIterator<Item = &'a [u16]>) -> usize {
    lines(layout, windows).iter().map(|line| line.notes.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use musicvae::Track;

    #[test]
    fn notes_end_at_the_next_one_at_an_off_or_at_the_end() {
        let spans = |tokens: &[u16]| -> Vec<(usize, usize, i32)> {
            notes(tokens).iter().map(|n| (n.start, n.end, n.pitch)).collect()
        };
        assert_eq!(spans(&[1, 41, 0, 43, 0, 1, 0, 2]), [(1, 3, 60), (3, 5, 62), (7, 8, 21)]);
        assert_eq!(spans(&[0, 0, 1]), []);
    }

    #[test]
    fn a_note_sounds_on_into_the_next_window_and_chords_are_no_part() {
        let track = |n_classes, content| Track { n_classes, content };
        let layout = WindowLayout {
            n_steps: 2,
            tracks: vec![
                track(90, Content::Pitches),
                track(512, Content::Drums),
                track(49, Content::Chords),
            ],
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
