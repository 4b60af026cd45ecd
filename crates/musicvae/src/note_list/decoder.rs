//! From a latent to the lists of all cells.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::batch::{N_METERS, NoteListBatch};
use super::config::NoteListVaeConfig;
use super::encoder::both_ways;
use super::heads::FieldHeads;
use super::operations::indices;
use crate::dense::Dense;
use crate::encoder::BidirectionalLayer;
use crate::init::Initializer;
use crate::lstm::{LstmLayer, Reading};
use crate::recurrent::ConstantInputs;

/// Writes the notes of every cell, from a latent.
///
/// One linear map gives each cell its plan. An LSTM reads the plans, with the row of the meter
/// added, in both directions. The plan and the LSTM's outputs at a cell are the constant input of
/// another LSTM, which writes the cell's list: each step reads the classes of the previous note, or
/// the start symbol, and [`FieldHeads`] predict the classes of the next note.
#[derive(Module, Debug)]
pub struct NoteListDecoder {
    /// `[Z, C · plan_size]`.
    pub plan: Dense,
    /// `[meters, plan_size]`.
    pub meters: Param<Tensor<2>>,
    /// Reads the plans of all cells.
    pub conductor: BidirectionalLayer,
    /// `[2 · conductor_size + plan_size, 4 · list_size]`: the weights from a cell to the gates.
    pub cell: Param<Tensor<2>>,
    /// Writes a list; its symbols are the classes of each field, one field after the other, and the
    /// start.
    pub list: LstmLayer,
    /// From states to classes.
    pub heads: FieldHeads,
    /// Maximum number of cells of a window, `C`.
    #[module(skip)]
    pub(super) n_cells: usize,
}

impl NoteListDecoder {
    pub(super) fn init(
        config: &NoteListVaeConfig,
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let NoteListVaeConfig { z_size, plan_size, conductor_size, list_size, .. } = *config;
        let n_symbols = config.n_classes().iter().sum::<usize>() + 1;
        let cell_size = 2 * conductor_size + plan_size;
        let n_cells = config.n_cells();
        let mut layer = || LstmLayer::init(plan_size, 0, conductor_size, init, device);
        let conductor = BidirectionalLayer { forward: layer(), backward: layer() };
        // A note selects a few rows of the table, so the rows are initialized as those of a small
        // table, and not by the number of all symbols.
        let list = LstmLayer::init(n_symbols, cell_size, list_size, init, device);
        let table = init.normal([n_symbols, 4 * list_size], 0.3, device);
        Self {
            plan: Dense::glorot(z_size, n_cells * plan_size, init, device),
            meters: init.normal([N_METERS, plan_size], 0.3, device),
            conductor,
            cell: init.glorot([cell_size, 4 * list_size], cell_size + 5 * list_size, device),
            list: LstmLayer { input: table, ..list },
            heads: FieldHeads::init(config, init, device),
            n_cells,
        }
    }

    /// The constant input of each cell's list, `[C · B, 2 · conductor_size + plan_size]`.
    fn cells(&self, z: Tensor<2>, meters: &[i32]) -> Tensor<2> {
        let (device, n_cells, n) = (z.device(), self.n_cells, meters.len());
        let plan = self.plan.forward(z);
        let width = plan.dims()[1] / n_cells;
        let plan = plan.reshape([n, n_cells, width]).swap_dims(0, 1);
        let meters = self.meters.val().select(0, indices(meters, &device));
        let read = both_ways(&self.conductor, plan.clone() + meters.unsqueeze());
        let cells = Tensor::cat(vec![read, plan], 2);
        let [_, _, width] = cells.dims();
        cells.reshape([n_cells * n, width])
    }

    /// The cross-entropy of each field of the batch's notes given z `[B, Z]`, in nats per window.
    pub fn cross_entropies(&self, z: Tensor<2>, batch: &Arc<NoteListBatch>) -> Vec<Tensor<1>> {
        self.heads.cross_entropies(self.states(z, batch), batch)
    }

    /// The states of all lists before each note and before the end, `[R, list_size]`.
    pub(crate) fn states(&self, z: Tensor<2>, batch: &NoteListBatch) -> Tensor<2> {
        let cells = self.cells(z, &batch.meters);
        let of_lists = indices(&batch.cells, &cells.device());
        let cells = cells.select(0, of_lists);
        let constant = ConstantInputs { values: cells, weights: self.cell.val() };
        let inputs = Arc::clone(&batch.inputs);
        self.list.over_symbols(inputs, Some(constant), None, Reading::default()).squeeze_dim(0)
    }

    /// Dimensions of the latent space, `Z`.
    pub fn z_size(&self) -> usize {
        self.plan.kernel.val().dims()[0]
    }
}
