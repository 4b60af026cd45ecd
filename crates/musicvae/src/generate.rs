//! Decoding on the CPU without autodiff: weights laid out once, states reused step after step.
//!
//! Three users share the loop, which differs for them only in how the next symbol is chosen:
//! generation (argmax or a draw), scheduled sampling in training, and teacher-forced evaluation.

use lstm_kernel::ROWS_PER_TASK;
use lstm_kernel::functions::{load, store, tanh};
use lstm_kernel::lstm::step;
use lstm_kernel::packed::{PackedMatrix, add_product};
use pulp::{Arch, Simd, WithSimd};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::decoder::Decoder;
use crate::dense::Dense;
use crate::model::host;
use crate::recurrent::SymbolSteps;
use crate::sampling::{argmax, categorical};

/// How a class is taken from logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// The most probable class.
    Argmax,
    /// A draw from `softmax(logits / temperature)`; the temperature is above 0.
    Temperature(f32),
}

impl Sampling {
    /// Takes a class.
    pub fn choose(self, logits: &[f32], rng: &mut ChaCha8Rng) -> usize {
        match self {
            Self::Argmax => argmax(logits),
            Self::Temperature(temperature) => categorical(logits, temperature, rng),
        }
    }
}

/// A decoder's weights, laid out for step-by-step decoding.
pub struct Generator {
    n_classes: usize,
    z_size: usize,
    initial: PackedDense,
    /// `[V, 4H]` of the first layer.
    table: Vec<f32>,
    /// `[Z, 4H]` of the first layer.
    latent: PackedMatrix,
    layers: Vec<PackedLayer>,
    output: PackedDense,
}

struct PackedDense {
    kernel: PackedMatrix,
    bias: Vec<f32>,
}

impl PackedDense {
    fn new(dense: &Dense) -> Self {
        let [n_inputs, n_outputs] = dense.kernel.val().dims();
        let kernel = PackedMatrix::new(&host(dense.kernel.val()), n_inputs, n_outputs);
        Self { kernel, bias: host(dense.bias.val()) }
    }
}

struct PackedLayer {
    /// `[n_inputs, 4H]`; none in the first layer, which reads symbols.
    input: Option<PackedMatrix>,
    recurrent: PackedMatrix,
    bias: Vec<f32>,
}

/// What one sequence's chooser is asked at each step.
#[derive(Clone, Copy, Debug)]
pub struct StepLogits<'a> {
    /// Which sequence of the call.
    pub sequence: usize,
    /// Which step.
    pub step: usize,
    /// One logit for each class.
    pub logits: &'a [f32],
}

impl Generator {
    /// Copies and lays out a decoder's weights.
    pub fn new(decoder: &Decoder) -> Self {
        let [z_size, _] = decoder.latent.val().dims();
        let [n_classes, _] = decoder.layers[0].input.val().dims();
        let layers = decoder
            .layers
            .iter()
            .enumerate()
            .map(|(n, layer)| {
                let [n_inputs, width] = layer.input.val().dims();
                let hidden = layer.hidden();
                let input = || PackedMatrix::new(&host(layer.input.val()), n_inputs, width);
                PackedLayer {
                    input: (n > 0).then(input),
                    recurrent: PackedMatrix::new(&host(layer.recurrent.val()), hidden, width),
                    bias: host(layer.bias.val()),
                }
            })
            .collect();
        let width = 4 * decoder.layers[0].hidden();
        Self {
            n_classes,
            z_size,
            initial: PackedDense::new(&decoder.initial),
            table: host(decoder.layers[0].input.val()),
            latent: PackedMatrix::new(&host(decoder.latent.val()), z_size, width),
            layers,
            output: PackedDense::new(&decoder.output),
        }
    }

    /// Dimensions of the latent space, `Z`.
    pub fn z_size(&self) -> usize {
        self.z_size
    }

    /// Decodes latents `z` `[n, Z]` into `n` windows of `n_steps` tokens.
    ///
    /// Sequence `i` takes its draws from `rngs[i]` alone, so that its result does not depend on
    /// the others.
    ///
    /// # Panics
    /// If `z` is not `rngs.len()` rows of `Z`.
    pub fn decode(
        &self,
        z: &[f32],
        n_steps: usize,
        sampling: Sampling,
        rngs: &mut [ChaCha8Rng],
    ) -> Vec<Vec<u16>> {
        let mut windows = vec![Vec::with_capacity(n_steps); rngs.len()];
        let mut states: Vec<_> = rngs.iter_mut().zip(&mut windows).collect();
        self.run(z, n_steps, &mut states, |(rng, window), asked| {
            let class = sampling.choose(asked.logits, rng);
            window.push(u16::try_from(class).expect("a vocabulary has at most 2^14 classes"));
            class
        });
        windows
    }

    /// Runs the decoder over latents `z` `[n, Z]`; `choose` answers each step's logits with the
    /// class to enter the next step, keeping what it needs in its sequence's state.
    ///
    /// # Panics
    /// If `z` is not `states.len()` rows of `Z`.
    pub fn run<T: Send>(
        &self,
        z: &[f32],
        n_steps: usize,
        states: &mut [T],
        choose: impl Fn(&mut T, StepLogits<'_>) -> usize + Sync,
    ) {
        assert_eq!(z.len(), states.len() * self.z_size, "one row of z for each sequence");
        let arch = Arch::new();
        let choose = &choose;
        z.par_chunks(ROWS_PER_TASK * self.z_size)
            .zip(states.par_chunks_mut(ROWS_PER_TASK))
            .enumerate()
            .for_each(|(task, (z, states))| {
                let first = task * ROWS_PER_TASK;
                arch.dispatch(Decoding { generator: self, z, n_steps, first, states, choose });
            });
    }
}

/// Some sequences of a run, through all steps.
struct Decoding<'a, T, F> {
    generator: &'a Generator,
    z: &'a [f32],
    n_steps: usize,
    first: usize,
    states: &'a mut [T],
    choose: &'a F,
}

/// A layer's buffers for some sequences.
struct LayerState {
    cell: Vec<f32>,
    output: Vec<f32>,
    gates: Vec<f32>,
    /// What the gates start from at each step.
    context: Vec<f32>,
}

impl<T, F: Fn(&mut T, StepLogits<'_>) -> usize> WithSimd for Decoding<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { generator, z, n_steps, first, states, choose } = self;
        let n = states.len();
        let mut layers = generator.start(simd, z, n);
        let mut logits = vec![0.0; n * generator.n_classes];
        let mut previous = vec![SymbolSteps::NONE; n];
        for step in 0..n_steps {
            let top = generator.advance(simd, &mut layers, &previous);
            fill_rows(&mut logits, &generator.output.bias);
            add_product(simd, top, &generator.output.kernel, &mut logits);
            let rows = logits.chunks_exact(generator.n_classes);
            for (row, ((state, previous), logits)) in
                states.iter_mut().zip(&mut previous).zip(rows).enumerate()
            {
                let class = choose(state, StepLogits { sequence: first + row, step, logits });
                *previous = i32::try_from(class).expect("a class of the model");
            }
        }
    }
}

impl Generator {
    /// Initial states of `n` sequences, and what z adds to the first layer's gates.
    #[inline(always)]
    fn start<S: Simd>(&self, simd: S, z: &[f32], n: usize) -> Vec<LayerState> {
        let mut initial = vec![0.0; n * self.initial.bias.len()];
        fill_rows(&mut initial, &self.initial.bias);
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
            let mut context = vec![0.0; n * layer.recurrent.n()];
            fill_rows(&mut context, &layer.bias);
            if layer.input.is_none() {
                add_product(simd, z, &self.latent, &mut context);
            }
            layers.push(LayerState { cell, output, gates: vec![0.0; context.len()], context });
        }
        layers
    }

    /// One step of every layer; returns the top layer's output.
    #[inline(always)]
    fn advance<'a, S: Simd>(
        &self,
        simd: S,
        layers: &'a mut [LayerState],
        previous: &[i32],
    ) -> &'a [f32] {
        let mut below: Option<&[f32]> = None;
        for (weights, layer) in self.layers.iter().zip(layers.iter_mut()) {
            let (hidden, width) = (weights.recurrent.k(), weights.recurrent.n());
            layer.gates.copy_from_slice(&layer.context);
            match (&weights.input, below) {
                (Some(input), Some(below)) => {
                    add_product(simd, below, input, &mut layer.gates);
                }
                _ => {
                    for (gates, id) in layer.gates.chunks_exact_mut(width).zip(previous) {
                        if let Ok(id) = usize::try_from(*id) {
                            for (gate, entry) in gates.iter_mut().zip(&self.table[id * width..]) {
                                *gate += entry;
                            }
                        }
                    }
                }
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

/// Sets every row to `row`.
fn fill_rows(values: &mut [f32], row: &[f32]) {
    for values in values.chunks_exact_mut(row.len().max(1)) {
        values.copy_from_slice(row);
    }
}
