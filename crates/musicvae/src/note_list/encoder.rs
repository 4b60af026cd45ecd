//! From notes to a posterior.

use burn::module::{Module, Param};
use burn::tensor::Device;
use burn::tensor::{IndexingUpdateOp, Tensor};

use super::batch::{N_METERS, NoteListBatch};
use super::config::NoteListVaeConfig;
use super::operations::{indices, note_sets};
use crate::dense::Dense;
use crate::encoder::BidirectionalLayer;
use crate::init::Initializer;
use crate::linear::Activation;
use crate::lstm::{LstmLayer, Reading};
use crate::posterior::Posterior;

/// Added to a variance before taking its square root.
const EPSILON: f64 = 1e-5;

/// Initial bias of the standard deviations before their softplus: it makes them 0.13, so that z is
/// informative from the first step on.
const STD_DEV_BIAS: f32 = -2.0;

/// `(x - mean(x)) / std(x) · scale + shift` over the last dimension (Ba et al. 2016,
/// arXiv:1607.06450).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[n]`, initially 1.
    pub scale: Param<Tensor<1>>,
    /// `[n]`, initially 0.
    pub shift: Param<Tensor<1>>,
}

impl LayerNorm {
    fn init(n: usize, init: &mut Initializer, device: &Device) -> Self {
        Self { scale: init.constant(n, 1.0, device), shift: init.zeros(n, device) }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let centered = x.clone() - x.mean_dim(2);
        let variance = (centered.clone() * centered.clone()).mean_dim(2);
        let normal = centered / variance.add_scalar(EPSILON).sqrt();
        normal * self.scale.val().unsqueeze() + self.shift.val().unsqueeze()
    }
}

/// Encodes windows into posteriors.
///
/// A cell is `x = layer_norm(W Σ silu(e(note)) + meter)`, where `e(note)` is the sum of the rows of
/// `notes` for the note's classes. The second layer is linear, so it is applied after the sum. An
/// LSTM reads the cells in both directions. One linear map turns `x` and the LSTM's outputs at each
/// cell into a summary of `summary_size` numbers. Another map turns the summaries of all cells into
/// the posterior: `mean` directly, `std_dev` through a softplus.
#[derive(Module, Debug)]
pub struct NoteListEncoder {
    /// `[Σ classes, note_size]`: one row per class, one field after the other.
    pub notes: Param<Tensor<2>>,
    /// `[note_size, cell_size]`.
    pub cell: Param<Tensor<2>>,
    /// `[meters, cell_size]`.
    pub meters: Param<Tensor<2>>,
    /// Normalizes each cell.
    pub norm: LayerNorm,
    /// Reads the cells in both directions.
    pub over_cells: BidirectionalLayer,
    /// `[cell_size + 2 · encoder_size, summary_size]`.
    pub summary: Dense,
    /// `[C · summary_size, Z]`.
    pub mean: Dense,
    /// `[C · summary_size, Z]`.
    pub std_dev: Dense,
    /// Maximum number of cells of a window, `C`.
    #[module(skip)]
    n_cells: usize,
}

impl NoteListEncoder {
    pub(super) fn init(
        config: &NoteListVaeConfig,
        init: &mut Initializer,
        device: &Device,
    ) -> Self {
        let NoteListVaeConfig { z_size, note_size, cell_size, encoder_size, .. } = *config;
        let n_cells = config.n_cells();
        let n_classes: usize = config.n_classes().iter().sum();
        let mut layer = || LstmLayer::init(cell_size, 0, encoder_size, init, device);
        let over_cells = BidirectionalLayer { forward: layer(), backward: layer() };
        let summaries = n_cells * config.summary_size;
        let std_dev = Dense::glorot(summaries, z_size, init, device);
        let bias = init.constant(z_size, STD_DEV_BIAS, device);
        Self {
            // The sum over five fields has a standard deviation of about one.
            notes: init.normal([n_classes, note_size], 0.5, device),
            cell: init.glorot([note_size, cell_size], note_size + cell_size, device),
            meters: init.normal([N_METERS, cell_size], 0.5, device),
            norm: LayerNorm::init(cell_size, init, device),
            over_cells,
            summary: Dense::glorot(cell_size + 2 * encoder_size, config.summary_size, init, device),
            mean: Dense::glorot(summaries, z_size, init, device),
            std_dev: Dense { bias, ..std_dev },
            n_cells,
        }
    }

    /// The posterior of each window.
    ///
    /// # Shapes
    /// - mean and standard deviation: `[B, Z]`.
    pub fn forward(&self, batch: &NoteListBatch) -> Posterior {
        let notes = self.notes.val();
        let (device, n_cells, n) = (notes.device(), self.n_cells, batch.n_windows);
        let sums = note_sets(notes, batch);
        let cells = sums.matmul(self.cell.val());
        let [_, width] = cells.dims();
        let all = Tensor::<2>::zeros([n_cells * n, width], &device);
        let places = indices(&batch.cells, &device);
        let all = all.select_assign(0, places, cells, IndexingUpdateOp::Add);
        let meters = self.meters.val().select(0, indices(&batch.meters, &device));
        let cells = all.reshape([n_cells, n, width]) + meters.unsqueeze();
        let cells = self.norm.forward(cells);
        let read = both_ways(&self.over_cells, cells.clone());
        let joined = Tensor::cat(vec![cells, read], 2);
        let [_, _, width] = joined.dims();
        let summary = self.summary.forward(joined.reshape([n_cells * n, width]));
        let [_, width] = summary.dims();
        let summary = summary.reshape([n_cells, n, width]).swap_dims(0, 1);
        let summary = summary.reshape([n, n_cells * width]);
        Posterior {
            mean: self.mean.forward(summary.clone()),
            std_dev: self.std_dev.forward_with(summary, Activation::Softplus),
        }
    }
}

/// The outputs of both directions at each step, `[T, B, 2H]`.
pub(super) fn both_ways(layer: &BidirectionalLayer, steps: Tensor<3>) -> Tensor<3> {
    let read = |layer: &LstmLayer, reverse| {
        layer.over_vectors(steps.clone(), None, Reading { reverse, last_only: false })
    };
    Tensor::cat(vec![read(&layer.forward, false), read(&layer.backward, true)], 2)
}
