//! Decoding on the CPU without autodiff: weights are packed once, and states are reused from step
//! to step.
//!
//! Three users share the loop and differ only in how they choose the next symbol: generation
//! (argmax or a sample) and, on the CPU, scheduled sampling in training and teacher-forced
//! evaluation. On other devices, `by_tensors` serves the latter two.

mod by_tensors;
pub(crate) mod packed;

use lstm_kernel::ROWS_PER_TASK;
use pulp::{Arch, Simd, WithSimd};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::decoder::{Core, Decoder};
use crate::recurrent::SymbolSteps;
use crate::sampling::{argmax, categorical};
pub(crate) use by_tensors::{Draws, sample_by_tensors};
use packed::{PackedCore, PackedStack};

/// How a class is chosen from logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// The most probable class.
    Argmax,
    /// A sample from `softmax(logits / temperature)`; the temperature must be above 0.
    Temperature(f32),
}

impl Sampling {
    /// Chooses a class.
    pub fn choose(self, logits: &[f32], rng: &mut ChaCha8Rng) -> usize {
        match self {
            Self::Argmax => argmax(logits),
            Self::Temperature(temperature) => categorical(logits, temperature, rng),
        }
    }
}

/// A decoder's weights, packed for step-by-step decoding.
pub struct Generator {
    n_parts: usize,
    has_control: bool,
    z_size: usize,
    segment_steps: usize,
    conductor: Option<PackedStack>,
    cores: Vec<PackedCore>,
}

/// The input of a sequence's chooser at each step, for each part.
#[derive(Clone, Copy, Debug)]
pub struct StepLogits<'a> {
    /// Index of the sequence in the call.
    pub sequence: usize,
    /// Index of the step.
    pub step: usize,
    /// Index of the part.
    pub part: usize,
    /// One logit for each class of the part.
    pub logits: &'a [f32],
}

impl Generator {
    /// Copies and packs the weights of a decoder.
    pub fn new(decoder: &Decoder) -> Self {
        let conductor = decoder.conductor.as_ref().map(|c| PackedStack::new(&c.initial, &c.layers));
        let n_symbols = |core: &Core| core.layers[0].input.val().dims()[0];
        Self {
            n_parts: decoder.cores.iter().map(|core| core.parts.len()).sum(),
            has_control: decoder
                .cores
                .iter()
                .any(|core| n_symbols(core) > core.n_classes.iter().sum()),
            z_size: decoder.z_size(),
            segment_steps: decoder.segment_steps(),
            conductor,
            cores: decoder.cores.iter().map(PackedCore::new).collect(),
        }
    }

    /// Dimensions of the latent space, `Z`.
    pub fn z_size(&self) -> usize {
        self.z_size
    }

    /// Decodes latents `z` `[n, Z]` into `n` windows of `n_steps` steps; a control is "nothing" at
    /// every step.
    ///
    /// Sequence `i` only draws from `rngs[i]`, so that its result does not depend on the others.
    ///
    /// # Panics
    /// If `z` does not have `rngs.len()` rows of `Z`.
    pub fn decode(
        &self,
        z: &[f32],
        n_steps: usize,
        sampling: Sampling,
        rngs: &mut [ChaCha8Rng],
    ) -> Vec<Vec<u16>> {
        let nothing = vec![0; if self.has_control { rngs.len() * n_steps } else { 0 }];
        self.decode_controlled(z, &nothing, n_steps, sampling, rngs)
    }

    /// Decodes latents `z` `[n, Z]` into `n` windows of `n_steps` steps under a control,
    /// `[n, n_steps]`, for example a chord for each step. The control is the last track of the
    /// windows.
    ///
    /// # Panics
    /// If `z` does not have `rngs.len()` rows of `Z`, or if the control does not have the right
    /// length (0 in a model without control).
    pub fn decode_controlled(
        &self,
        z: &[f32],
        control: &[u16],
        n_steps: usize,
        sampling: Sampling,
        rngs: &mut [ChaCha8Rng],
    ) -> Vec<Vec<u16>> {
        let mut windows = vec![vec![0; self.n_parts * n_steps]; rngs.len()];
        let mut states: Vec<_> = rngs.iter_mut().zip(&mut windows).collect();
        self.run(z, control, n_steps, &mut states, |(rng, window), asked| {
            let class = sampling.choose(asked.logits, rng);
            window[asked.part * n_steps + asked.step] =
                u16::try_from(class).expect("a vocabulary has at most 2^14 classes");
            class
        });
        for (window, control) in windows.iter_mut().zip(control.chunks_exact(n_steps.max(1))) {
            window.extend_from_slice(control);
        }
        windows
    }

    /// Runs the decoder over latents `z` `[n, Z]` under a control `[n, n_steps]` (empty in a model
    /// without control). `choose` returns the class that enters the next step for each step's
    /// logits of each part, and may keep data in its sequence's state.
    ///
    /// # Panics
    /// If `z` does not have `states.len()` rows of `Z`, or if the control does not have the right
    /// length.
    pub fn run<T: Send>(
        &self,
        z: &[f32],
        control: &[u16],
        n_steps: usize,
        states: &mut [T],
        choose: impl Fn(&mut T, StepLogits<'_>) -> usize + Sync,
    ) {
        assert_eq!(z.len(), states.len() * self.z_size, "z must have one row per sequence");
        let n_controls = if self.has_control { states.len() * n_steps } else { 0 };
        assert_eq!(control.len(), n_controls, "the control must have one class per step");
        let arch = Arch::new();
        let choose = &choose;
        z.par_chunks(ROWS_PER_TASK * self.z_size)
            .zip(states.par_chunks_mut(ROWS_PER_TASK))
            .enumerate()
            .for_each(|(task, (z, states))| {
                let first = task * ROWS_PER_TASK;
                let control = control.get(first * n_steps..).unwrap_or_default();
                let generator = self;
                arch.dispatch(Decoding { generator, z, control, n_steps, first, states, choose });
            });
    }
}

/// Some of the sequences of a run, through all steps.
struct Decoding<'a, T, F> {
    generator: &'a Generator,
    z: &'a [f32],
    control: &'a [u16],
    n_steps: usize,
    first: usize,
    states: &'a mut [T],
    choose: &'a F,
}

impl<T, F: Fn(&mut T, StepLogits<'_>) -> usize> WithSimd for Decoding<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { generator, z, control, n_steps, first, states, choose } = self;
        let (n, n_parts) = (states.len(), generator.n_parts);
        let mut conductor = generator.conductor.as_ref().map(|stack| stack.start(simd, z, n));
        let mut cores = Vec::new();
        let mut previous = vec![SymbolSteps::NONE; n * n_parts];
        let mut logits = Vec::new();
        for step in 0..n_steps {
            match (&generator.conductor, &mut conductor) {
                // A segment begins: the cores are reset to start from its embedding.
                (Some(stack), Some(state)) if step.is_multiple_of(generator.segment_steps) => {
                    let embedding = stack.advance(simd, state, |_| ());
                    cores = generator.cores.iter().map(|c| c.start(simd, embedding, n)).collect();
                }
                (None, _) if step == 0 => {
                    cores = generator.cores.iter().map(|c| c.start(simd, z, n)).collect();
                }
                _ => {}
            }
            for (core, state) in generator.cores.iter().zip(&mut cores) {
                let controls = control.iter().skip(step).step_by(n_steps);
                let rows = previous.chunks_exact(n_parts);
                let top = core.advance(simd, state, rows, controls);
                core.output.forward(simd, top, n, &mut logits);
                let rows = logits.chunks_exact(core.output.bias.len());
                for (row, ((state, previous), mut logits)) in
                    states.iter_mut().zip(previous.chunks_exact_mut(n_parts)).zip(rows).enumerate()
                {
                    let sequence = first + row;
                    for (part, n_classes) in core.parts.clone().zip(&core.n_classes) {
                        let (own, others) = logits.split_at(*n_classes);
                        logits = others;
                        let asked = StepLogits { sequence, step, part, logits: own };
                        let class = choose(state, asked);
                        previous[part] = i32::try_from(class).expect("a class of the model");
                    }
                }
            }
        }
    }
}
