//! Scheduled sampling: the decoder's inputs in training, some of which are its own samples (Bengio
//! et al. 2015, arXiv:1506.03099).
//!
//! No gradient flows through a sample, so they can all be drawn beforehand: on the CPU with
//! [`Generator`], on other devices with tensor operations. Both use the same random numbers from
//! the same streams.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Tensor;
use rand::RngExt;

use super::StepSettings;
use crate::decoder::Decoder;
use crate::device;
use crate::generate::{Draws, Generator, sample_by_tensors};
use crate::model::{MusicVae, host};
use crate::recurrent::SymbolSteps;
use crate::sampling::categorical_at;
use crate::seed;
use crate::windows::Batch;

/// Makes the decoder inputs of a batch, some of which are the model's own samples.
pub(super) struct OwnDraws<'a> {
    pub(super) model: &'a MusicVae,
    pub(super) batch: &'a Batch,
    pub(super) settings: &'a StepSettings<'a>,
}

impl OwnDraws<'_> {
    /// The decoder's inputs: the true symbols delayed by one step, some of them replaced by the
    /// model's own samples at temperature 1.
    pub(super) fn decoder_inputs(&self, z: &Tensor<2>) -> Arc<SymbolSteps> {
        let (decoder, batch) = (&self.model.decoder, self.batch);
        let forced = batch.shifted();
        if self.settings.sampling_probability <= 0.0 {
            return forced;
        }
        let draws = self.draws();
        let z = z.clone().inner();
        let classes = if device::is_cpu(&z.device()) {
            sampled_on_host(decoder, batch, &host(z), &draws)
        } else {
            sample_by_tensors(&decoder.valid(), batch, z, &draws)
        };
        // Delayed by one step, as under teacher forcing.
        let width = batch.len() * forced.slots();
        let mut ids = vec![SymbolSteps::NONE; width];
        ids.extend_from_slice(&classes[..(forced.steps() - 1) * width]);
        Arc::new(SymbolSteps::new(ids, [forced.steps(), batch.len(), forced.slots()]))
    }

    /// Random numbers from a separate stream for each sequence.
    fn draws(&self) -> Draws {
        let StepSettings { training, seed, step, sampling_probability, first_window, .. } =
            *self.settings;
        let [steps, n, n_parts] = shape(self.batch);
        let n_sequences = training.sequences_per_update() as u64;
        let mut uniform = vec![None; steps * n * n_parts];
        for b in 0..n {
            let stream = step * n_sequences + (first_window + b) as u64;
            let mut rng = seed::stream(seed, "scheduled sampling", stream);
            for step in 0..steps {
                for draw in &mut uniform[(step * n + b) * n_parts..][..n_parts] {
                    *draw = rng.random_bool(sampling_probability).then(|| rng.random());
                }
            }
        }
        Draws::new(uniform)
    }
}

/// Numbers of steps, sequences and parts.
fn shape(batch: &Batch) -> [usize; 3] {
    let parts = batch.parts();
    [parts.steps(), parts.batch(), parts.slots()]
}

/// The classes that each step passes to the next, `[T, B, n_parts]`, on the CPU kernel.
fn sampled_on_host(decoder: &Decoder, batch: &Batch, z: &[f32], draws: &Draws) -> Vec<i32> {
    let [steps, n, n_parts] = shape(batch);
    let targets = batch.parts().ids();
    let generator = Generator::new(decoder);
    let mut chosen = vec![vec![0; steps * n_parts]; n];
    generator.run(z, &batch.control_by_sequence(), steps, &mut chosen, |chosen, asked| {
        let at = (asked.step * n + asked.sequence) * n_parts + asked.part;
        let class = match draws.at(at) {
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

#[cfg(all(test, feature = "flex"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::train::Trainer;
    use crate::train::tests::{architectures, spread, training, windows_of};
    use crate::weights::replace;

    /// The kernel rounds differently from the tensor operations, which only matters if a random
    /// number is within that rounding error of the boundary of a class: none of these is.
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
            let training = training();
            let settings = StepSettings {
                training: &training,
                seed: 5,
                step: 0,
                beta: 0.0,
                sampling_probability: 0.6,
                first_window: 0,
            };
            let model = &trainer.model;
            let draws = OwnDraws { model, batch: &batch, settings: &settings }.draws();
            let n = batch.parts().ids().len();
            let n_own = (0..n).filter(|at| draws.at(*at).is_some()).count() as f64;
            let n = n as f64;
            // Five standard deviations of a binomial fraction.
            assert!((n_own / n - 0.6).abs() < 5.0 * (0.24 / n).sqrt(), "{n_own} of {n}");
            let on_host = sampled_on_host(&decoder, &batch, &z, &draws);
            let z = TensorData::new(z, [7, config.z_size]);
            let z = Tensor::from_data(z, &Device::flex());
            assert_eq!(sample_by_tensors(&decoder, &batch, z, &draws), on_host);
            let forced = batch.parts().ids();
            assert!(on_host.iter().zip(forced).any(|(own, forced)| own != forced));
        }
    }
}
