//! Sizes of a model over note lists.

use note_seq::NoteListEncoding;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, MAX_SIZE};

/// Sizes of a [`super::NoteListVae`]. They determine the whole architecture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteListVaeConfig {
    /// The meaning of a note's classes, and the order in which they are decoded.
    pub encoding: NoteListEncoding,
    /// Dimensions of the latent space, `Z`.
    pub z_size: usize,
    /// Units of the layer that is applied to each note before the notes of a cell are added.
    pub note_size: usize,
    /// Width of a cell in the encoder.
    pub cell_size: usize,
    /// Units of the encoder's LSTM over cells, per direction.
    pub encoder_size: usize,
    /// Size of each cell's contribution to the posterior.
    pub summary_size: usize,
    /// Size of the plan that each cell gets from z.
    pub plan_size: usize,
    /// Units of the decoder's LSTM over cells, per direction.
    pub conductor_size: usize,
    /// Units of the LSTM that writes the list of a cell.
    pub list_size: usize,
    /// Units of the hidden layer of each field except the onset, in the encoding's order of fields.
    pub head_sizes: Vec<usize>,
}

impl NoteListVaeConfig {
    /// Maximum number of cells of a window, `C`.
    pub fn n_cells(&self) -> usize {
        self.encoding.max_cells()
    }

    /// Number of classes of each field within a cell, where the onset counts from the start of the
    /// cell.
    pub fn n_classes(&self) -> Vec<usize> {
        let fields = self.encoding.fields().iter().skip(1);
        std::iter::once(self.encoding.max_positions())
            .chain(fields.map(|field| usize::from(field.n_classes)))
            .collect()
    }

    /// Checks every size.
    ///
    /// # Errors
    /// [`ConfigError`], naming the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("z_size", self.z_size),
            ("note_size", self.note_size),
            ("cell_size", self.cell_size),
            ("encoder_size", self.encoder_size),
            ("summary_size", self.summary_size),
            ("plan_size", self.plan_size),
            ("conductor_size", self.conductor_size),
            ("list_size", self.list_size),
        ];
        let heads = self.head_sizes.iter().map(|size| ("head_sizes", *size));
        for (field, found) in sizes.into_iter().chain(heads) {
            if !(1..=MAX_SIZE).contains(&found) {
                return Err(ConfigError::Size { field, found });
            }
        }
        let (found, expected) = (self.head_sizes.len(), self.encoding.n_fields() - 1);
        if found != expected {
            return Err(ConfigError::Heads { found, expected });
        }
        Ok(())
    }
}
