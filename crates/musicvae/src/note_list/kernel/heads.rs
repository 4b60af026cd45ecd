//! All heads of a step at once: from states to the cross-entropy of each field, and the backward
//! pass.

mod backward;
mod forward;

use std::ops::Range;
use std::sync::Arc;

use lstm_kernel::functions::copy;
use pulp::Arch;
use rayon::prelude::*;

use crate::host::{HostOperation, Kept};
use crate::note_list::batch::{NoteListBatch, Targets};
use backward::Back;
use forward::Forward;

/// Number of rows per task, which computes all fields for them.
const ROWS: usize = 32;

/// Sizes of all heads.
#[derive(Clone, Debug)]
pub(in crate::note_list) struct HeadSizes {
    /// Size of a state, `L`.
    pub(in crate::note_list) state: usize,
    /// Number of classes of each field, for the position without the end.
    pub(in crate::note_list) n_classes: Vec<usize>,
    /// Number of units of each field except the position.
    pub(in crate::note_list) units: Vec<usize>,
}

/// The ranges of the weights of one field among all weights.
struct FieldPlaces {
    known: Range<usize>,
    kernel: Range<usize>,
    bias: Range<usize>,
}

/// The ranges of all weights in their concatenation, in the order in which the module has them.
struct Places {
    position_kernel: Range<usize>,
    position_bias: Range<usize>,
    hidden: Range<usize>,
    fields: Vec<FieldPlaces>,
    total: usize,
}

impl HeadSizes {
    /// Number of classes of the position, including the end.
    fn positions(&self) -> usize {
        self.n_classes[0] + 1
    }

    /// Number of units of all fields.
    fn all_units(&self) -> usize {
        self.units.iter().sum()
    }

    fn places(&self) -> Places {
        let mut end = 0;
        let mut next = |n: usize| {
            end += n;
            end - n..end
        };
        let position_kernel = next(self.state * self.positions());
        let position_bias = next(self.positions());
        let hidden = next(self.state * self.all_units());
        let mut n_known = 0;
        let fields = self.units.iter().zip(self.n_classes.windows(2)).map(|(units, classes)| {
            n_known += classes[0];
            FieldPlaces {
                known: next(n_known * units),
                kernel: next(units * classes[1]),
                bias: next(classes[1]),
            }
        });
        let fields = fields.collect();
        Places { position_kernel, position_bias, hidden, fields, total: end }
    }
}

/// The cross-entropies of all fields. The first input is the states `[R, L]`, the second is the
/// concatenation of all weights; the result is `[1, F]`, in nats, summed over the batch.
#[derive(Debug)]
pub(in crate::note_list) struct Heads {
    pub(in crate::note_list) sizes: HeadSizes,
    pub(in crate::note_list) batch: Arc<NoteListBatch>,
}

/// Index of the kept units: those of all fields before their activation function, `[N, ΣM]`. The
/// probabilities of each field follow.
const UNITS: usize = 0;

impl HostOperation<2> for Heads {
    fn forward(&self, [states, weights]: [&[f32]; 2], _keep: bool) -> (Vec<f32>, [usize; 2], Kept) {
        Arch::new().dispatch(Forward { heads: self, states, weights })
    }

    fn backward(
        &self,
        [states, weights]: [&[f32]; 2],
        kept: &Kept,
        gradient: &[f32],
    ) -> [Vec<f32>; 2] {
        Arch::new().dispatch(Back { heads: self, states, weights, kept, gradient })
    }
}

impl Heads {
    /// The states of the notes, `[N, L]`.
    fn states_of_notes(&self, states: &[f32]) -> Vec<f32> {
        let width = self.sizes.state;
        let mut notes = vec![0.0; self.batch.n_notes() * width];
        notes
            .par_chunks_mut(width)
            .with_min_len(64)
            .zip(&self.batch.note_rows)
            .for_each(|(to, row)| copy(to, &states[index(*row) * width..][..width]));
        notes
    }

    /// The targets of a field.
    fn targets(&self, field: usize) -> &Targets {
        match field.checked_sub(1) {
            None => &self.batch.positions,
            Some(field) => &self.batch.fields[field],
        }
    }
}

fn index(id: i32) -> usize {
    usize::try_from(id).expect("a row of the batch")
}

/// The rows of each task in each buffer, whose rows have the given widths.
fn by_chunk<'a>(buffers: &'a mut [Vec<f32>], widths: &[usize]) -> Vec<Vec<&'a mut [f32]>> {
    let n = buffers.first().map_or(0, |buffer| buffer.len() / widths[0]).div_ceil(ROWS);
    let mut chunks: Vec<Vec<&mut [f32]>> = (0..n).map(|_| Vec::new()).collect();
    for (buffer, width) in buffers.iter_mut().zip(widths) {
        for (chunk, rows) in chunks.iter_mut().zip(buffer.chunks_mut(ROWS * width)) {
            chunk.push(rows);
        }
    }
    chunks
}
