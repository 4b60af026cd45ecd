//! The computations on each note: with our kernel in host memory, and with tensor operations on
//! other devices.

use std::sync::Arc;

use burn::tensor::activation::{log_softmax, silu};
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

use super::batch::{NoteListBatch, Targets};
use super::kernel::NoteSets;
use crate::recurrent::SymbolSteps;
use crate::{device, host};

/// Moves indices to a device.
pub(super) fn indices(values: &[i32], device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

/// `Σ silu(Σ rows of table)` over the notes of each list, with the rows of each note's classes:
/// `[U, W]`.
pub(super) fn note_sets(table: Tensor<2>, batch: &NoteListBatch) -> Tensor<2> {
    let (device, n_lists) = (table.device(), batch.cells.len());
    if device::is_host(&device) {
        let (notes, width) = (Arc::clone(&batch.notes), table.dims()[1]);
        return host::unary(Arc::new(NoteSets { notes, n_lists, width }), table);
    }
    note_sets_by_tensors(table, batch)
}

/// [`note_sets`] with tensor operations.
pub(super) fn note_sets_by_tensors(table: Tensor<2>, batch: &NoteListBatch) -> Tensor<2> {
    let notes = silu_of_symbols(None, table, &batch.notes, batch.notes.slots());
    sum_by_list(notes, &batch.lists, batch.cells.len())
}

/// `silu(base + Σ rows of table)` with the rows of `table` `[V, M]` for the first `slots` symbols
/// of each note; `base` is `[N, M]`, or 0 if `None`.
pub(super) fn silu_of_symbols(
    base: Option<Tensor<2>>,
    table: Tensor<2>,
    notes: &SymbolSteps,
    slots: usize,
) -> Tensor<2> {
    let device = table.device();
    let rows = (0..slots).map(|slot| {
        let ids: Vec<i32> = notes.ids().iter().skip(slot).step_by(notes.slots()).copied().collect();
        table.clone().select(0, indices(&ids, &device))
    });
    let sum = base.into_iter().chain(rows).reduce(|sum, rows| sum + rows);
    silu(sum.expect("a base or a symbol"))
}

/// Sums the rows of `values` `[N, M]` that belong to each list: `[n_lists, M]`.
fn sum_by_list(values: Tensor<2>, lists: &[i32], n_lists: usize) -> Tensor<2> {
    let (device, [_, width]) = (values.device(), values.dims());
    let lists = indices(lists, &device);
    Tensor::zeros([n_lists, width], &device).select_assign(0, lists, values, IndexingUpdateOp::Add)
}

/// Far below any logit, but finite.
const IMPOSSIBLE: f32 = -1e9;

/// The cross-entropy of `logits` `[n, V]` over the possible classes, summed: `[1]`, in nats. With
/// `has_end`, the last class is always possible.
pub(super) fn cross_entropy(logits: Tensor<2>, targets: &Targets, has_end: bool) -> Tensor<1> {
    let (device, [n, n_classes]) = (logits.device(), logits.dims());
    let mut mask = vec![IMPOSSIBLE; n * n_classes];
    for (row, allowed) in mask.chunks_exact_mut(n_classes).zip(&targets.allowed) {
        row[allowed.clone()].fill(0.0);
        if has_end {
            row[n_classes - 1] = 0.0;
        }
    }
    let mask = Tensor::from_data(TensorData::new(mask, [n, n_classes]), &device);
    let classes = TensorData::new(targets.classes.clone(), [n, 1]);
    let classes = Tensor::<2, Int>::from_data(classes, &device);
    log_softmax(logits + mask, 1).gather(1, classes).sum().neg()
}
