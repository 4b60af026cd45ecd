//! Scheduled sampling: what the decoder reads in training, with its own draws in some places (Bengio et
//! al. 2015, arXiv:1506.03099).
//!
//! No gradient flows through a draw, so that they can be made beforehand, all at once: on the CPU by
//! [`Generator`], elsewhere by tensor operations where the weights lie, which bring nothing but classes
//! back. Both take the same draws from the same streams.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{DType, Int, Tensor, TensorData};
use lstm_kernel::lstm::FORGET_BIAS;
use lstm_kernel::packed::Precision;
use rand::RngExt;

use super::Trainer;
use crate::decoder::{Core, Decoder};
use crate::device;
use crate::generate::Generator;
use crate::model::host;
use crate::recurrent::SymbolSteps;
use crate::sampling::categorical_at;
use crate::seed;
use crate::windows::Batch;

/// For each step, sequence and part (`[T, B, n_parts]`), the draw that replaces the true class, a number
/// from 0 to 1; none where the true class stays.
struct Draws {
    uniform: Vec<Option<f64>>,
}

impl Trainer {
    /// What the decoder reads: the true symbols one step late, with the model's own draws at
    /// temperature 1 in some places.
    ///
    /// The batch's sequences are those of the step from `first` on.
    pub(super) fn decoder_inputs(
        &self,
        batch: &Batch,
        z: &Tensor<2>,
        probability: f64,
        first: usize,
    ) -> Arc<SymbolSteps> {
        let forced = batch.shifted();
        if probability <= 0.0 {
            return forced;
        }
        let draws = self.draws(batch, probability, first);
        let z = z.clone().inner();
        let classes = if device::is_host(&self.device) {
            sampled_on_host(&self.model.decoder, batch, &host(z), &draws)
        } else {
            sampled_on_device(&self.model.decoder.valid(), batch, z, &draws)
        };
        // One step late, as under teacher forcing.
        let width = batch.len() * forced.slots();
        let mut ids = vec![SymbolSteps::NONE; width];
        ids.extend_from_slice(&classes[..(forced.steps() - 1) * width]);
        Arc::new(SymbolSteps::new(ids, [forced.steps(), batch.len(), forced.slots()]))
    }

    /// Each sequence's draws from a stream of its own.
    fn draws(&self, batch: &Batch, probability: f64, first: usize) -> Draws {
        let [steps, n, n_parts] = shape(batch);
        let n_sequences = self.training.sequences_per_update() as u64;
        let mut uniform = vec![None; steps * n * n_parts];
        for b in 0..n {
            let stream = self.step * n_sequences + (first + b) as u64;
            let mut rng = seed::stream(self.seed, "scheduled sampling", stream);
            for step in 0..steps {
                for draw in &mut uniform[(step * n + b) * n_parts..][..n_parts] {
                    *draw = rng.random_bool(probability).then(|| rng.random());
                }
            }
        }
        Draws { uniform }
    }
}

/// Steps, sequences, parts.
fn shape(batch: &Batch) -> [usize; 3] {
    let parts = batch.parts();
    [parts.steps(), parts.batch(), parts.slots()]
}

/// The classes that each step leaves to the next, `[T, B, n_parts]`, by our own kernel.
fn sampled_on_host(decoder: &Decoder, batch: &Batch, z: &[f32], draws: &Draws) -> Vec<i32> {
    let [steps, n, n_parts] = shape(batch);
    let targets = batch.parts().ids();
    let generator = Generator::new(decoder);
    let mut chosen = vec![vec![0; steps * n_parts]; n];
    generator.run(z, &batch.control_by_sequence(), steps, &mut chosen, |chosen, asked| {
        let at = (asked.step * n + asked.sequence) * n_parts + asked.part;
        let class = match draws.uniform[at] {
            Some(uniform) => categorical_at(asked.logits, 1.0, uniform),
            None => usize::try_from(targets[at]).unwrap_or(0),
        };
        chosen[asked.step * n_parts + asked.part] =
            i32::try_from(class).expect("a vocabulary has at most 2^14 classes");
        class
    });
    let rows = |step: usize| chosen.iter().flat_map(move |c| &c[step * n_parts..][..n_parts]);
    (0..steps).flat_map(rows).copied().collect()
}

/// As [`sampled_on_host`], by tensor operations on the decoder's device, without autodiff.
fn sampled_on_device(decoder: &Decoder, batch: &Batch, z: Tensor<2>, draws: &Draws) -> Vec<i32> {
    let device = z.device();
    let [steps, n, n_parts] = shape(batch);
    // What was drawn, and where: an ordinary number above 1 elsewhere, where nothing reads it.
    let drawn = draws.uniform.iter().map(|draw| draw.unwrap_or(2.0) as f32).collect::<Vec<_>>();
    let uniform = Tensor::<3>::from_data(TensorData::new(drawn, [steps, n, n_parts]), &device);
    let is_own = uniform.clone().lower_equal_elem(1.0);
    let targets = TensorData::new(batch.parts().ids().to_vec(), [steps, n, n_parts]);
    let targets = Tensor::<3, Int>::from_data(targets, &device);
    let control = batch.control().map(|control| {
        Tensor::<2, Int>::from_data(TensorData::new(control.ids().to_vec(), [steps, n]), &device)
    });
    let embeddings = match &decoder.conductor {
        Some(conductor) => conductor.forward(z, decoder.n_segments()),
        None => z,
    };
    let cores: Vec<DeviceCore<'_>> = decoder.cores.iter().map(DeviceCore::new).collect();
    let mut states = Vec::new();
    // Of each part, the class that enters the next step, `[B]`; none before the first.
    let mut previous: Vec<Option<Tensor<1, Int>>> = vec![None; n_parts];
    let mut classes = Vec::new();
    for step in 0..steps {
        if step.is_multiple_of(decoder.segment_steps()) {
            let segment = step / decoder.segment_steps();
            let embedding = embeddings.clone().slice_dim(0, segment * n..(segment + 1) * n);
            states = cores.iter().map(|core| core.start(embedding.clone())).collect();
        }
        let at = |values: &Tensor<3>, part: usize| -> Tensor<1> {
            values.clone().slice([step..step + 1, 0..n, part..part + 1]).reshape([n])
        };
        for (core, states) in cores.iter().zip(&mut states) {
            let control =
                control.as_ref().map(|c| c.clone().slice_dim(0, step..step + 1).reshape([n]));
            let logits = core.advance(states, &previous, control);
            let mut first = 0;
            for (part, n_classes) in core.core.parts.clone().zip(&core.core.n_classes) {
                let own = logits.clone().slice_dim(1, first..first + n_classes);
                first += n_classes;
                let target = targets.clone().slice([step..step + 1, 0..n, part..part + 1]);
                let own = categorical_rows(own, at(&uniform, part));
                let is_own =
                    is_own.clone().slice([step..step + 1, 0..n, part..part + 1]).reshape([n]);
                previous[part] = Some(target.reshape([n]).mask_where(is_own, own));
            }
        }
        classes.extend(previous.iter().flatten().map(|class| class.clone().reshape([1, 1, n])));
    }
    // `[T * n_parts, 1, B]`, as `[T, B, n_parts]`.
    let classes = Tensor::cat(classes, 0).reshape([steps, n_parts, n]).swap_dims(1, 2);
    let data = classes.into_data().convert::<i32>();
    data.try_into_vec().expect("converted just now")
}

/// A class of each row of `logits` `[B, V]`, as [`categorical_at`] takes it.
fn categorical_rows(logits: Tensor<2>, uniform: Tensor<1>) -> Tensor<1, Int> {
    let [n, n_classes] = logits.dims();
    let below = softmax(logits, 1).cumsum(1).lower_equal(uniform.reshape([n, 1]));
    let last = i64::try_from(n_classes).expect("a vocabulary has at most 2^14 classes") - 1;
    below.int().sum_dim(1).clamp_max(last).reshape([n])
}

/// A core's weights as the steps multiply by them.
struct DeviceCore<'a> {
    core: &'a Core,
    dtype: DType,
    layers: Vec<DeviceLayer>,
    output: Tensor<2>,
}

struct DeviceLayer {
    /// `[n_inputs, 4H]`.
    input: Tensor<2>,
    /// `[H, 4H]`.
    recurrent: Tensor<2>,
    /// `[1, 4H]`, the forget gate's 1 included.
    bias: Tensor<2>,
}

/// A layer's cells and outputs, `[B, H]` each, and what its gates start from, `[B, 4H]`.
struct LayerState {
    cell: Tensor<2>,
    output: Tensor<2>,
    context: Tensor<2>,
}

impl<'a> DeviceCore<'a> {
    fn new(core: &'a Core) -> Self {
        let dtype = match core.layers[0].precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        };
        let layers = core.layers.iter().map(|layer| {
            let width = 4 * layer.hidden();
            let mut forget = vec![0.0; width];
            forget[width / 2..width / 4 * 3].fill(FORGET_BIAS);
            let bias = layer.bias.val();
            let forget = Tensor::from_data(TensorData::new(forget, [width]), &bias.device());
            DeviceLayer {
                input: layer.input.val().cast(dtype),
                recurrent: layer.recurrent.val().cast(dtype),
                bias: (bias + forget).unsqueeze::<2>().cast(dtype),
            }
        });
        let layers = layers.collect();
        Self { core, dtype, layers, output: core.output.kernel.val().cast(dtype) }
    }

    /// The states before the first step.
    fn start(&self, z: Tensor<2>) -> Vec<LayerState> {
        let latent = z.clone().matmul(self.core.latent.val()).cast(self.dtype);
        let initial = self.core.initial.forward(z).tanh().cast(self.dtype);
        let mut column = 0;
        let mut block = |width: usize| {
            let columns = column..column + width;
            column = columns.end;
            initial.clone().slice_dim(1, columns)
        };
        let mut latent = Some(latent);
        self.layers
            .iter()
            .map(|layer| {
                let hidden = layer.recurrent.dims()[0];
                let (cell, output) = (block(hidden), block(hidden));
                let context = match latent.take() {
                    Some(latent) => latent + layer.bias.clone(),
                    None => layer.bias.clone(),
                };
                LayerState { cell, output, context }
            })
            .collect()
    }

    /// One step of every layer; logits of all parts of this core, `[B, ΣV]` in `f32`.
    fn advance(
        &self,
        states: &mut [LayerState],
        previous: &[Option<Tensor<1, Int>>],
        control: Option<Tensor<1, Int>>,
    ) -> Tensor<2> {
        let mut below: Option<Tensor<2>> = None;
        for (layer, state) in self.layers.iter().zip(states) {
            let recurrent = state.output.clone().matmul(layer.recurrent.clone());
            let mut gates = recurrent + state.context.clone();
            match below.take() {
                Some(below) => gates = gates + below.matmul(layer.input.clone()),
                None => {
                    for symbols in self.symbols(previous, control.clone()) {
                        gates = gates + layer.input.clone().select(0, symbols);
                    }
                }
            }
            let [i, j, f, o]: [Tensor<2>; 4] =
                gates.chunk(4, 1).try_into().expect("four gates of equal width");
            state.cell = sigmoid(i) * j.tanh() + sigmoid(f) * state.cell.clone();
            state.output = sigmoid(o) * state.cell.clone().tanh();
            below = Some(state.output.clone());
        }
        let top = below.expect("a checked configuration has layers");
        top.matmul(self.output.clone()).cast(DType::F32)
            + self.core.output.bias.val().unsqueeze::<2>()
    }

    /// The symbols that enter: the classes of its parts side by side, then the control's.
    fn symbols(
        &self,
        previous: &[Option<Tensor<1, Int>>],
        control: Option<Tensor<1, Int>>,
    ) -> Vec<Tensor<1, Int>> {
        let mut symbols = Vec::new();
        let mut first = 0;
        for (part, n_classes) in self.core.parts.clone().zip(&self.core.n_classes) {
            symbols.extend(previous[part].clone().map(|class| class.add_scalar(first)));
            first += i64::try_from(*n_classes).expect("a checked configuration's sizes");
        }
        symbols.extend(control.map(|class| class.add_scalar(first)));
        symbols
    }
}

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use super::*;
    use crate::train::tests::{architectures, spread, training, windows_of};
    use crate::weights::replace;
    use burn::tensor::Device;

    /// The kernel rounds otherwise than the tensor operations, but a draw would have to fall within that
    /// rounding of a class's border to tell: none of these does.
    #[test]
    fn host_and_device_choose_the_same_classes() {
        for config in architectures() {
            let layout = config.window();
            let tokens = windows_of(&layout, 7);
            let batch = Batch::new(tokens.chunks_exact(layout.n_tokens()), &layout);
            let mut trainer = Trainer::new(config.clone(), training(), 5, &Device::flex()).unwrap();
            let spread = spread(&trainer.model);
            trainer.model = replace(trainer.model, spread).unwrap();
            let decoder = trainer.model.decoder.valid();
            let z: Vec<f32> = (0..7 * config.z_size).map(|i| (i as f32).sin()).collect();
            let draws = trainer.draws(&batch, 0.6, 0);
            let n_own = draws.uniform.iter().flatten().count() as f64;
            let n = draws.uniform.len() as f64;
            // Five standard deviations of a binomial share.
            assert!((n_own / n - 0.6).abs() < 5.0 * (0.24 / n).sqrt(), "{n_own} of {n}");
            let on_host = sampled_on_host(&decoder, &batch, &z, &draws);
            let z = TensorData::new(z, [7, config.z_size]);
            let z = Tensor::from_data(z, &Device::flex());
            assert_eq!(sampled_on_device(&decoder, &batch, z, &draws), on_host);
            let forced = batch.parts().ids();
            assert!(on_host.iter().zip(forced).any(|(own, forced)| own != forced));
        }
    }
}
