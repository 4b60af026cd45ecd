//! Decoding with tensor operations on the device: if its memory is not this process's, reading the
//! weights at every update would cost more than the decoding.

use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::{DType, Int, Tensor, TensorData};
use lstm_kernel::lstm::FORGET_BIAS;
use lstm_kernel::packed::Precision;

use crate::decoder::{Core, Decoder};
use crate::stack::initial_states;
use crate::windows::Batch;

/// For each step, sequence and part, `[T, B, n_parts]`: the number from 0 to 1 from which a class
/// is drawn, see [`categorical_at`](crate::sampling::categorical_at), or `None` to keep the true
/// class.
pub(crate) struct Draws {
    uniform: Vec<Option<f64>>,
}

impl Draws {
    pub(crate) fn new(uniform: Vec<Option<f64>>) -> Self {
        Self { uniform }
    }

    /// The random number for an index into `[T, B, n_parts]`.
    pub(crate) fn at(&self, place: usize) -> Option<f64> {
        self.uniform[place]
    }
}

/// Runs a decoder without autodiff from latents `z` `[B, Z]`: each step's class is drawn from its
/// logits at temperature 1 or is the true one of `batch`, depending on `draws`. The batch's control
/// is used.
///
/// Returns the classes, `[T, B, n_parts]`, in a single transfer; nothing else leaves the device.
pub(crate) fn sample_by_tensors(
    decoder: &Decoder,
    batch: &Batch,
    z: Tensor<2>,
    draws: &Draws,
) -> Vec<i32> {
    let device = z.device();
    let parts = batch.parts();
    let [steps, n, n_parts] = [parts.steps(), parts.batch(), parts.slots()];
    // Above 1 means that nothing is drawn.
    let drawn = draws.uniform.iter().map(|draw| draw.unwrap_or(2.0) as f32).collect::<Vec<_>>();
    let uniform = Tensor::<3>::from_data(TensorData::new(drawn, [steps, n, n_parts]), &device);
    let is_own = uniform.clone().lower_equal_elem(1.0);
    let targets = TensorData::new(parts.ids().to_vec(), [steps, n, n_parts]);
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
    // For each part, the class that enters the next step, `[B]`; `None` before the first.
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
    // From `[T * n_parts, 1, B]` to `[T, B, n_parts]`.
    let classes = Tensor::cat(classes, 0).reshape([steps, n_parts, n]).swap_dims(1, 2);
    let data = classes.into_data().convert::<i32>();
    data.try_into_vec().expect("converted to this type above")
}

/// A class for each row of `logits` `[B, V]`, chosen like in [`categorical_at`].
fn categorical_rows(logits: Tensor<2>, uniform: Tensor<1>) -> Tensor<1, Int> {
    let [n, n_classes] = logits.dims();
    let sums = softmax(logits, 1).cumsum(1);
    let total = sums.clone().slice_dim(1, n_classes - 1..n_classes);
    // Below 1, so that rounding never goes past the last class with nonzero weight.
    let uniform = uniform.clamp_max(1.0 - f32::EPSILON).reshape([n, 1]);
    sums.lower_equal(uniform * total).int().sum_dim(1).reshape([n])
}

/// A core's weights in the form used at each step.
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
    /// `[1, 4H]`, including the 1 that is added to the forget gate.
    bias: Tensor<2>,
}

/// A layer's cells and outputs, `[B, H]` each, and the constant part of its gates, `[B, 4H]`.
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
        let weights: Vec<_> = self.core.layers.iter().collect();
        let mut latent = Some(latent);
        self.layers
            .iter()
            .zip(initial_states(&weights, initial))
            .map(|(layer, initial)| {
                let [cell, output]: [Tensor<2>; 2] =
                    initial.chunk(2, 1).try_into().expect("two blocks of equal width");
                let context = match latent.take() {
                    Some(latent) => latent + layer.bias.clone(),
                    None => layer.bias.clone(),
                };
                LayerState { cell, output, context }
            })
            .collect()
    }

    /// One step of every layer; returns the logits of all parts of this core, `[B, ΣV]` in `f32`.
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

    /// The input symbols: the classes of the core's parts, followed by those of the control.
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
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests {
    use super::*;
    use crate::sampling::categorical_at;
    use burn::tensor::Device;

    /// Random numbers in the middle of each class, and so close to 1 that `f32` rounds them to 1,
    /// next to a class of zero weight.
    #[test]
    fn a_class_is_the_one_that_the_host_draws() {
        let logits = [0.5_f32, -1.0, 1.5, -1e9];
        let uniform = [0.0, 0.1, 0.25, 0.3, 0.35, 0.5, 0.9, 1.0 - f64::EPSILON / 2.0];
        let rows = TensorData::new(logits.repeat(uniform.len()), [uniform.len(), 4]);
        let numbers = uniform.map(|u| u as f32).to_vec();
        let numbers = TensorData::new(numbers, [uniform.len()]);
        let device = Device::flex();
        let found =
            categorical_rows(Tensor::from_data(rows, &device), Tensor::from_data(numbers, &device));
        let found: Vec<i64> = found.into_data().convert::<i64>().try_into_vec().unwrap();
        let expected =
            uniform.map(|u| i64::try_from(categorical_at(&logits, 1.0, u)).unwrap()).to_vec();
        assert_eq!(found, expected);
        assert_eq!(expected.last(), Some(&2));
    }
}
