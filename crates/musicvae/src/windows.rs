//! Windows of tokens, and batches of them in the order the model reads.

use std::sync::Arc;

use thiserror::Error;

use crate::recurrent::SymbolSteps;
use note_seq::window::WindowLayout;

/// Windows of one layout, row after row: the data that a model is trained on and encodes.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    tokens: &'a [u16],
    layout: &'a WindowLayout,
}

/// Why tokens are not windows of a model.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowsError {
    /// The number of tokens is not a multiple of the window's length.
    #[error("{found} tokens are not a whole number of windows of {n_tokens}")]
    Length {
        /// Number of tokens given.
        found: usize,
        /// Number of tokens of a window.
        n_tokens: usize,
    },
    /// A token is not a class of its track.
    #[error("token {token} in window {window}; the model has classes 0 to {max} there")]
    Token {
        /// The token.
        token: u16,
        /// Index of the window.
        window: usize,
        /// The last class.
        max: usize,
    },
}

impl<'a> Windows<'a> {
    /// Checks and wraps `tokens`, `[n, n_tokens]`.
    ///
    /// # Errors
    /// If the length is not a multiple of a window's, or a token is not a class of its track.
    pub fn new(tokens: &'a [u16], layout: &'a WindowLayout) -> Result<Self, WindowsError> {
        let n_tokens = layout.n_tokens();
        if n_tokens == 0 || !tokens.len().is_multiple_of(n_tokens) {
            return Err(WindowsError::Length { found: tokens.len(), n_tokens });
        }
        match layout.misfit(tokens) {
            Some((at, max)) => {
                Err(WindowsError::Token { token: tokens[at], window: at / n_tokens, max })
            }
            None => Ok(Self { tokens, layout }),
        }
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.tokens.len() / self.layout.n_tokens()
    }

    /// Whether there are no windows.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The contents of each window.
    pub fn layout(&self) -> &'a WindowLayout {
        self.layout
    }

    /// One window.
    ///
    /// # Panics
    /// If `index` is not below [`Windows::len`].
    pub fn get(&self, index: usize) -> &'a [u16] {
        let n_tokens = self.layout.n_tokens();
        &self.tokens[index * n_tokens..][..n_tokens]
    }

    /// Windows in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u16]> + use<'a> {
        self.tokens.chunks_exact(self.layout.n_tokens())
    }
}

/// A number of windows, time first.
#[derive(Clone, Debug)]
pub struct Batch {
    /// All tracks, each with its own range of classes: the input of the encoder.
    symbols: Arc<SymbolSteps>,
    /// The parts, each with its own classes from 0.
    parts: Arc<SymbolSteps>,
    control: Option<Arc<SymbolSteps>>,
}

impl Batch {
    /// Combines windows of one layout.
    pub fn new<'a>(
        windows: impl ExactSizeIterator<Item = &'a [u16]>,
        layout: &WindowLayout,
    ) -> Self {
        let (n_steps, batch, n_tracks) = (layout.n_steps, windows.len(), layout.tracks.len());
        let mut ids = vec![0; n_steps * batch * n_tracks];
        for (b, window) in windows.enumerate() {
            for (track, tokens) in window.chunks_exact(n_steps).enumerate() {
                for (t, token) in tokens.iter().enumerate() {
                    ids[(t * batch + b) * n_tracks + track] = i32::from(*token);
                }
            }
        }
        let tracks = Arc::new(SymbolSteps::new(ids, [n_steps, batch, n_tracks]));
        let n_classes: Vec<usize> = layout.tracks.iter().map(|track| track.n_classes).collect();
        let n_parts = layout.n_parts();
        Self {
            symbols: Arc::new(tracks.side_by_side(&n_classes)),
            parts: Arc::new(tracks.slots_in(0..n_parts)),
            control: layout.has_control().then(|| Arc::new(tracks.slots_in(n_parts..n_tracks))),
        }
    }

    /// All tracks, each with its own range of classes: the input of the encoder.
    pub fn symbols(&self) -> &Arc<SymbolSteps> {
        &self.symbols
    }

    /// The classes of each part, `[T, B, n_parts]`: the decoder's targets.
    pub fn parts(&self) -> &Arc<SymbolSteps> {
        &self.parts
    }

    /// The classes of the control, `[T, B, 1]`, if there is one.
    pub fn control(&self) -> Option<&Arc<SymbolSteps>> {
        self.control.as_ref()
    }

    /// The control's classes, `[B, T]`; empty without one.
    pub(crate) fn control_by_sequence(&self) -> Vec<u16> {
        let Some(control) = &self.control else { return Vec::new() };
        let (batch, ids) = (control.batch(), control.ids());
        let class = |id: &i32| u16::try_from(*id).expect("a class of the control");
        (0..batch).flat_map(|b| ids.iter().skip(b).step_by(batch).map(class)).collect()
    }

    /// The decoder's inputs under teacher forcing: the parts delayed by one step, with empty slots
    /// at first.
    pub fn shifted(&self) -> Arc<SymbolSteps> {
        let parts = &self.parts;
        let width = parts.batch() * parts.slots();
        let mut ids = vec![SymbolSteps::NONE; width];
        ids.extend_from_slice(&parts.ids()[..(parts.steps() - 1) * width]);
        Arc::new(SymbolSteps::new(ids, [parts.steps(), parts.batch(), parts.slots()]))
    }

    /// Number of sequences in the batch, `B`.
    pub fn len(&self) -> usize {
        self.parts.batch()
    }

    /// Whether the batch has no sequences.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use note_seq::window::{Content, Track};

    #[test]
    fn a_batch_is_time_first_and_shifts_by_one_step() {
        let tokens = [1, 2, 3, 4, 5, 6];
        let layout = WindowLayout::melody(3, 7);
        let windows = Windows::new(&tokens, &layout).unwrap();
        let batch = Batch::new((0..2).map(|i| windows.get(i)), &layout);
        assert_eq!(batch.symbols().ids(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(batch.parts(), batch.symbols());
        assert_eq!(batch.shifted().ids(), [-1, -1, 1, 4, 2, 5]);
        assert_eq!(batch.control(), None);
    }

    #[test]
    fn tracks_lie_side_by_side_and_the_control_is_not_written() {
        let track = |n_classes, content| Track { n_classes, content };
        let tracks = [(4, Content::Pitches), (8, Content::Drums), (49, Content::Chords)];
        let layout =
            WindowLayout { n_steps: 2, tracks: tracks.map(|(n, what)| track(n, what)).to_vec() };
        let batch = Batch::new([&[1, 2, 7, 0, 40, 41][..]].into_iter(), &layout);
        // Classes of the second track start at 4, those of the third at 4 + 8.
        assert_eq!(batch.symbols().ids(), [1, 4 + 7, 12 + 40, 2, 4, 12 + 41]);
        assert_eq!(batch.parts().ids(), [1, 7, 2, 0]);
        assert_eq!(batch.shifted().ids(), [-1, -1, 1, 7]);
        assert_eq!(batch.control().unwrap().ids(), [40, 41]);
    }

    #[test]
    fn windows_that_the_model_cannot_read_are_rejected() {
        let layout = WindowLayout::melody(2, 90);
        let error = Windows::new(&[0, 1, 2], &layout).unwrap_err();
        assert_eq!(error.to_string(), "3 tokens are not a whole number of windows of 2");
        let error = Windows::new(&[0, 1, 2, 90], &layout).unwrap_err();
        assert_eq!(error.to_string(), "token 90 in window 1; the model has classes 0 to 89 there");
    }
}
