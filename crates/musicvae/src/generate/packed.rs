//! The weights of a decoder, packed for step-by-step decoding, and the states of a run.

use std::ops::Range;

use lstm_kernel::functions::{copy, load, store, tanh};
use lstm_kernel::lstm::step;
use lstm_kernel::packed::{PackedMatrix, add_product};
use pulp::Simd;

use crate::decoder::Core;
use crate::dense::Dense;
use crate::lstm::LstmLayer;
use crate::model::host;

pub(crate) struct PackedDense {
    pub(crate) kernel: PackedMatrix,
    pub(crate) bias: Vec<f32>,
}

impl PackedDense {
    pub(crate) fn new(dense: &Dense) -> Self {
        let [n_inputs, n_outputs] = dense.kernel.val().dims();
        let kernel = PackedMatrix::new(&host(dense.kernel.val()), n_inputs, n_outputs);
        Self { kernel, bias: host(dense.bias.val()) }
    }

    /// Sets `y` to `x · kernel + bias` for `n` rows.
    #[inline(always)]
    pub(crate) fn forward<S: Simd>(&self, simd: S, x: &[f32], n: usize, y: &mut Vec<f32>) {
        fill_rows(y, &self.bias, n);
        add_product(simd, x, &self.kernel, y);
    }
}

struct PackedLayer {
    /// `[n_inputs, 4H]`; `None` in the first layer, which reads symbols or nothing.
    input: Option<PackedMatrix>,
    recurrent: PackedMatrix,
    bias: Vec<f32>,
}

/// A stack of layers whose initial states are computed from a latent.
pub(super) struct PackedStack {
    initial: PackedDense,
    layers: Vec<PackedLayer>,
}

/// A core: a stack that reads symbols and a latent, and returns logits.
pub(super) struct PackedCore {
    pub(super) parts: Range<usize>,
    pub(super) n_classes: Vec<usize>,
    /// `[symbols, 4H]` of the first layer.
    table: Vec<f32>,
    /// `[Z, 4H]` of the first layer.
    latent: PackedMatrix,
    stack: PackedStack,
    pub(super) output: PackedDense,
}

/// A layer's buffers for a number of sequences.
pub(super) struct LayerState {
    cell: Vec<f32>,
    output: Vec<f32>,
    gates: Vec<f32>,
    /// The constant part of the gates.
    context: Vec<f32>,
}

impl PackedStack {
    pub(super) fn new(initial: &Dense, layers: &[LstmLayer]) -> Self {
        let layers = layers.iter().enumerate().map(|(n, layer)| {
            let [n_inputs, width] = layer.input.val().dims();
            let hidden = layer.hidden();
            let input = || PackedMatrix::new(&host(layer.input.val()), n_inputs, width);
            PackedLayer {
                input: (n > 0).then(input),
                recurrent: PackedMatrix::new(&host(layer.recurrent.val()), hidden, width),
                bias: host(layer.bias.val()),
            }
        });
        Self { initial: PackedDense::new(initial), layers: layers.collect() }
    }

    /// The states of `n` sequences before the first step.
    #[inline(always)]
    pub(super) fn start<S: Simd>(&self, simd: S, z: &[f32], n: usize) -> Vec<LayerState> {
        let mut initial = Vec::new();
        fill_rows(&mut initial, &self.initial.bias, n);
        add_product(simd, z, &self.initial.kernel, &mut initial);
        for values in initial.chunks_mut(S::F32_LANES) {
            let value = tanh(simd, load(simd, values));
            store(simd, values, value);
        }
        let n_states = self.initial.bias.len();
        let mut column = 0;
        let mut layers = Vec::new();
        for layer in &self.layers {
            let hidden = layer.recurrent.k();
            let mut block = |width: usize| -> Vec<f32> {
                let columns = column..column + width;
                column += width;
                initial
                    .chunks_exact(n_states)
                    .flat_map(|row| &row[columns.clone()])
                    .copied()
                    .collect()
            };
            let (cell, output) = (block(hidden), block(hidden));
            let mut context = Vec::new();
            fill_rows(&mut context, &layer.bias, n);
            layers.push(LayerState { cell, output, gates: vec![0.0; context.len()], context });
        }
        layers
    }

    /// One step of every layer; returns the top layer's output. `read` adds the input of the first
    /// layer to its gates.
    #[inline(always)]
    pub(super) fn advance<'a, S: Simd>(
        &self,
        simd: S,
        layers: &'a mut [LayerState],
        read: impl Fn(&mut [f32]),
    ) -> &'a [f32] {
        let mut below: Option<&[f32]> = None;
        for (weights, layer) in self.layers.iter().zip(layers.iter_mut()) {
            let (hidden, width) = (weights.recurrent.k(), weights.recurrent.n());
            copy(&mut layer.gates, &layer.context);
            match (&weights.input, below) {
                (Some(input), Some(below)) => add_product(simd, below, input, &mut layer.gates),
                _ => read(&mut layer.gates),
            }
            add_product(simd, &layer.output, &weights.recurrent, &mut layer.gates);
            for ((gates, cell), output) in layer
                .gates
                .chunks_exact_mut(width)
                .zip(layer.cell.chunks_exact_mut(hidden))
                .zip(layer.output.chunks_exact_mut(hidden))
            {
                step(simd, gates, cell, output);
            }
            below = Some(&layer.output);
        }
        below.unwrap_or_default()
    }
}

impl PackedCore {
    pub(super) fn new(core: &Core) -> Self {
        let [z_size, width] = core.latent.val().dims();
        Self {
            parts: core.parts.clone(),
            n_classes: core.n_classes.clone(),
            table: host(core.layers[0].input.val()),
            latent: PackedMatrix::new(&host(core.latent.val()), z_size, width),
            stack: PackedStack::new(&core.initial, &core.layers),
            output: PackedDense::new(&core.output),
        }
    }

    /// The states of `n` sequences before the first step, and the contribution of z to the first
    /// layer's gates.
    #[inline(always)]
    pub(super) fn start<S: Simd>(&self, simd: S, z: &[f32], n: usize) -> Vec<LayerState> {
        let mut layers = self.stack.start(simd, z, n);
        if let Some(first) = layers.first_mut() {
            add_product(simd, z, &self.latent, &mut first.context);
        }
        layers
    }

    /// One step of every layer, given each sequence's `previous` classes of all parts and its
    /// control, if there are any; returns the top layer's output.
    #[inline(always)]
    pub(super) fn advance<'a, 'b, S: Simd>(
        &self,
        simd: S,
        layers: &'a mut [LayerState],
        previous: impl Iterator<Item = &'b [i32]> + Clone,
        controls: impl Iterator<Item = &'b u16> + Clone,
    ) -> &'a [f32] {
        let width = self.latent.n();
        self.stack.advance(simd, layers, |gates| {
            let add = |gates: &mut [f32], row: usize| {
                for (gate, entry) in gates.iter_mut().zip(&self.table[row * width..]) {
                    *gate += entry;
                }
            };
            for (gates, previous) in gates.chunks_exact_mut(width).zip(previous.clone()) {
                let mut first = 0;
                for (id, n) in previous[self.parts.clone()].iter().zip(&self.n_classes) {
                    if let Ok(id) = usize::try_from(*id) {
                        add(gates, first + id);
                    }
                    first += n;
                }
            }
            let first = self.n_classes.iter().sum::<usize>();
            for (gates, control) in gates.chunks_exact_mut(width).zip(controls.clone()) {
                add(gates, first + usize::from(*control));
            }
        })
    }
}

/// Sets `values` to `n` copies of `row`.
pub(crate) fn fill_rows(values: &mut Vec<f32>, row: &[f32], n: usize) {
    values.clear();
    for _ in 0..n {
        values.extend_from_slice(row);
    }
}
