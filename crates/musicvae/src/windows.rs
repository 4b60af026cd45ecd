//! Windows of tokens, and batches of them in the order the model reads.

use std::sync::Arc;

use thiserror::Error;

use crate::recurrent::SymbolSteps;

/// Windows of equal length, row after row: what a model is trained on and encodes.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    tokens: &'a [u16],
    n_steps: usize,
}

/// Why tokens are no windows of a model.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowsError {
    /// The number of tokens is no multiple of the window's length.
    #[error("{found} tokens are no whole number of windows of {n_steps} steps")]
    Length {
        /// Tokens given.
        found: usize,
        /// Steps of a window.
        n_steps: usize,
    },
    /// A token stands for no class of the model.
    #[error("token {token} in window {window}; the model has classes 0 to {max}")]
    Token {
        /// What was found.
        token: u16,
        /// In which window, counted from 0.
        window: usize,
        /// The last class.
        max: usize,
    },
}

impl<'a> Windows<'a> {
    /// Checks and wraps `tokens`, `[n, n_steps]`.
    ///
    /// # Errors
    /// Where the length is no multiple of `n_steps`, or a token is not below `n_classes`.
    pub fn new(tokens: &'a [u16], n_steps: usize, n_classes: usize) -> Result<Self, WindowsError> {
        if n_steps == 0 || !tokens.len().is_multiple_of(n_steps) {
            return Err(WindowsError::Length { found: tokens.len(), n_steps });
        }
        match tokens.iter().position(|token| usize::from(*token) >= n_classes) {
            Some(at) => Err(WindowsError::Token {
                token: tokens[at],
                window: at / n_steps,
                max: n_classes.saturating_sub(1),
            }),
            None => Ok(Self { tokens, n_steps }),
        }
    }

    /// Number of windows.
    pub fn len(&self) -> usize {
        self.tokens.len() / self.n_steps
    }

    /// Whether there is no window.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Steps of each window.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// One window.
    ///
    /// # Panics
    /// If `index` is not below [`Windows::len`].
    pub fn get(&self, index: usize) -> &'a [u16] {
        &self.tokens[index * self.n_steps..][..self.n_steps]
    }

    /// Windows in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u16]> + use<'a> {
        self.tokens.chunks_exact(self.n_steps)
    }
}

/// Some windows, time first.
#[derive(Clone, Debug)]
pub struct Batch {
    symbols: Arc<SymbolSteps>,
}

impl Batch {
    /// Puts windows of equal length together.
    pub fn new<'a>(windows: impl ExactSizeIterator<Item = &'a [u16]>, n_steps: usize) -> Self {
        let batch = windows.len();
        let mut ids = vec![0; n_steps * batch];
        for (b, window) in windows.enumerate() {
            for (t, token) in window.iter().enumerate() {
                ids[t * batch + b] = i32::from(*token);
            }
        }
        Self { symbols: Arc::new(SymbolSteps::new(ids, [n_steps, batch, 1])) }
    }

    /// The symbols of each step: what the encoder reads and the decoder is to write.
    pub fn symbols(&self) -> &Arc<SymbolSteps> {
        &self.symbols
    }

    /// The decoder's inputs under teacher forcing: the symbols one step late, nothing at first.
    pub fn shifted(&self) -> Arc<SymbolSteps> {
        let (steps, batch) = (self.symbols.steps(), self.symbols.batch());
        let mut ids = vec![SymbolSteps::NONE; batch];
        ids.extend_from_slice(&self.symbols.ids()[..(steps - 1) * batch]);
        Arc::new(SymbolSteps::new(ids, [steps, batch, 1]))
    }

    /// Sequences in the batch, `B`.
    pub fn len(&self) -> usize {
        self.symbols.batch()
    }

    /// Whether the batch has no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_time_first_and_shifts_by_one_step() {
        let tokens = [1, 2, 3, 4, 5, 6];
        let windows = Windows::new(&tokens, 3, 7).unwrap();
        let batch = Batch::new((0..2).map(|i| windows.get(i)), 3);
        assert_eq!(batch.symbols().ids(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(batch.shifted().ids(), [-1, -1, 1, 4, 2, 5]);
    }

    #[test]
    fn what_the_model_cannot_read_is_refused() {
        let error = Windows::new(&[0, 1, 2], 2, 90).unwrap_err();
        assert_eq!(error.to_string(), "3 tokens are no whole number of windows of 2 steps");
        let error = Windows::new(&[0, 1, 2, 90], 2, 90).unwrap_err();
        assert_eq!(error.to_string(), "token 90 in window 1; the model has classes 0 to 89");
    }
}
