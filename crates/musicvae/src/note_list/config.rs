//! Sizes of a model over note lists.

use note_seq::NoteListEncoding;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, MAX_SIZE};

/// Sizes of a [`super::NoteListVae`]. All of the architecture follows from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteListVaeConfig {
    /// What the classes of a note mean, and in which order they are decoded.
    pub encoding: NoteListEncoding,
    /// Dimensions of the latent space, `Z`.
    pub z_size: usize,
    /// Units of the layer that each note goes through before the notes of a cell are added up.
    pub note_size: usize,
    /// Width of a cell in the encoder.
    pub cell_size: usize,
    /// Units of the encoder's LSTM over cells, per direction.
    pub encoder_size: usize,
    /// Numbers that each cell gives to the posterior.
    pub summary_size: usize,
    /// Numbers that each cell gets from z.
    pub plan_size: usize,
    /// Units of the decoder's LSTM over cells, per direction.
    pub conductor_size: usize,
    /// Units of the LSTM that writes the list of a cell.
    pub list_size: usize,
    /// Units before the classes of each field but the onset, in the encoding's order of fields.
    pub head_sizes: Vec<usize>,
}

impl NoteListVaeConfig {
    /// Cells that a window may have, `C`.
    pub fn n_cells(&self) -> usize {
        self.encoding.max_cells()
    }

    /// Classes of each field within a cell: the onset counts from the start of the cell there.
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
