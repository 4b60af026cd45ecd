//! From the state of a list to the classes of its next note, one field after the other.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::batch::NoteListBatch;
use super::config::NoteListVaeConfig;
use super::kernel::{HeadSizes, Heads};
use super::operations::{cross_entropy, indices, silu_of_symbols};
use crate::dense::Dense;
use crate::init::Initializer;
use crate::{device, host};

/// Classes of all fields of a note, given the state `h` of its list.
///
/// The position, or the end of the list, depends only on `h`: `h W + b`. Each further field also
/// depends on the previous fields: `silu(h A + Σ rows of the previous classes) W + b`.
#[derive(Module, Debug)]
pub struct FieldHeads {
    /// `[list_size, positions + 1]`: the last class is the end.
    pub position: Dense,
    /// `[list_size, Σ head_sizes]`: the `A` of all further fields, concatenated.
    pub hidden: Param<Tensor<2>>,
    /// One head for each further field.
    pub fields: Vec<FieldHead>,
}

/// The head of one field.
#[derive(Module, Debug)]
pub struct FieldHead {
    /// `[Σ classes of the previous fields, head_size]`.
    pub known: Param<Tensor<2>>,
    /// `[head_size, classes]`.
    pub output: Dense,
}

impl FieldHeads {
    pub(super) fn init(
        config: &NoteListVaeConfig,
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let n_classes = config.n_classes();
        let all: usize = config.head_sizes.iter().sum();
        let list_size = config.list_size;
        let fields = config.head_sizes.iter().enumerate().map(|(i, size)| FieldHead {
            known: init.normal([n_classes[..=i].iter().sum(), *size], 0.5, device),
            output: Dense::glorot(*size, n_classes[i + 1], init, device),
        });
        let fields = fields.collect();
        Self {
            position: Dense::glorot(list_size, n_classes[0] + 1, init, device),
            hidden: init.glorot([list_size, all], list_size + all, device),
            fields,
        }
    }

    /// The cross-entropy of each field given the states `[R, list_size]`, `[1]` each, in nats per
    /// window.
    pub(super) fn cross_entropies(
        &self,
        states: Tensor<2>,
        batch: &Arc<NoteListBatch>,
    ) -> Vec<Tensor<1>> {
        if !device::is_host(&states.device()) {
            return self.by_tensors(states, batch);
        }
        let units = |head: &FieldHead| head.known.val().dims()[1];
        let classes = |dense: &Dense| dense.bias.val().dims()[0];
        let fields = self.fields.iter().map(|head| classes(&head.output));
        let sizes = HeadSizes {
            state: states.dims()[1],
            n_classes: std::iter::once(classes(&self.position) - 1).chain(fields).collect(),
            units: self.fields.iter().map(units).collect(),
        };
        let n_fields = sizes.n_classes.len();
        let operation = Arc::new(Heads { sizes, batch: Arc::clone(batch) });
        let nats = host::binary(operation, states, self.in_a_row().unsqueeze());
        let nats = nats.div_scalar(batch.n_windows as f64);
        (0..n_fields)
            .map(|field| nats.clone().slice_dim(1, field..field + 1).reshape([1]))
            .collect()
    }

    /// All weights concatenated, in the order of [`HeadSizes`].
    fn in_a_row(&self) -> Tensor<1> {
        let flat = |matrix: Tensor<2>| {
            let n = matrix.shape().num_elements();
            matrix.reshape([n])
        };
        let dense = |dense: &Dense| [flat(dense.kernel.val()), dense.bias.val()];
        let mut weights = Vec::from(dense(&self.position));
        weights.push(flat(self.hidden.val()));
        for head in &self.fields {
            weights.push(flat(head.known.val()));
            weights.extend(dense(&head.output));
        }
        Tensor::cat(weights, 0)
    }

    /// [`FieldHeads::cross_entropies`] with tensor operations.
    pub(super) fn by_tensors(&self, states: Tensor<2>, batch: &NoteListBatch) -> Vec<Tensor<1>> {
        let share = 1.0 / batch.n_windows as f64;
        let mut logits = self.logits(states, batch).into_iter();
        let position = logits.next().expect("the first field is the position");
        let mut nats = vec![cross_entropy(position, &batch.positions, true).mul_scalar(share)];
        for (logits, targets) in logits.zip(&batch.fields) {
            nats.push(cross_entropy(logits, targets, false).mul_scalar(share));
        }
        nats
    }

    /// The logits of the positions, `[R, positions + 1]`, and of each further field,
    /// `[N, classes]`.
    pub(crate) fn logits(&self, states: Tensor<2>, batch: &NoteListBatch) -> Vec<Tensor<2>> {
        let mut logits = vec![self.position.forward(states.clone())];
        let rows = indices(&batch.note_rows, &states.device());
        let hidden = states.select(0, rows).matmul(self.hidden.val());
        let mut column = 0;
        for (i, head) in self.fields.iter().enumerate() {
            let [_, size] = head.known.val().dims();
            let hidden = hidden.clone().slice_dim(1, column..column + size);
            column += size;
            let hidden = silu_of_symbols(Some(hidden), head.known.val(), &batch.notes, i + 1);
            logits.push(head.output.forward(hidden));
        }
        logits
    }
}
