//! Every backend in this build compared with `flex`: the same loss, the same gradients, the same
//! training.
//!
//! `cargo test -p musicvae --features ndarray` compares two; with `tch` (see the README) three;
//! with `wgpu`, which needs a Vulkan driver (Mesa's software driver is sufficient:
//! `apt-get install mesa-vulkan-drivers`), four. If libtorch finds a GPU, that is compared too.

use super::*;
use crate::device;

/// A device, and the tolerance for its results.
struct Compared {
    name: &'static str,
    device: Device,
    tolerance: f64,
}

/// The devices of this build that need no GPU, and libtorch's first GPU if there is one.
fn devices() -> Vec<Compared> {
    let cpu = |name: &&str| matches!(*name, "flex" | "ndarray" | "tch" | "wgpu");
    let names = device::available().into_iter().filter(cpu);
    #[allow(unused_mut, reason = "a build without libtorch adds nothing")]
    let mut devices: Vec<_> = names
        .map(|name| Compared { name, device: device::parse(name).unwrap(), tolerance: TOLERANCE })
        .collect();
    #[cfg(feature = "tch")]
    if tch::Cuda::is_available() {
        let name = "tch:cuda:0";
        let device = device::parse(name).unwrap();
        devices.push(Compared { name, device, tolerance: TOLERANCE_OF_TF32 });
    }
    devices
}

/// All our tensors are f32. Each sum has at most a few hundred terms, whose order differs between
/// backends, and our kernel's gate functions are accurate to 4e-7.
const TOLERANCE: f64 = 2e-5;
/// cuDNN rounds factors to TF32's 10 bits of mantissa, a relative error of 5e-4 each, and a result
/// has passed through several layers of products.
#[cfg(feature = "tch")]
const TOLERANCE_OF_TF32: f64 = 5e-3;

#[test]
fn loss_and_gradients_are_those_of_flex() {
    for config in architectures() {
        compare_gradients(&config);
    }
}

/// The GPU implementation, here on the CPU: layers of the same size in one call.
#[cfg(feature = "tch")]
mod in_one_call {
    use super::*;
    use crate::recurrent::fused;

    /// The architectures with layers of the same size.
    fn even_architectures() -> [MusicVaeConfig; 3] {
        architectures().map(|config| {
            let conductor = config.conductor.clone();
            let conductor = conductor.map(|c| ConductorConfig { sizes: vec![4, 4], ..c });
            let (encoder_sizes, decoder_sizes) = (vec![5, 5], vec![6, 6, 6]);
            MusicVaeConfig { encoder_sizes, decoder_sizes, conductor, ..config }
        })
    }

    #[test]
    fn stacks_have_the_gradients_of_single_layers() {
        for config in even_architectures() {
            assert!(fused::forced(|| compare_gradients(&config)) >= 2);
        }
    }

    #[test]
    fn stacks_without_autodiff_give_what_single_layers_do() {
        for config in even_architectures() {
            let layout = config.window();
            let tokens = windows_of(&layout, 7);
            let batch = Batch::new(tokens.chunks_exact(layout.n_tokens()), &layout);
            let run = |device: &Device| {
                let model = MusicVae::init(&config, 5, device).unwrap();
                let weights = spread(&model);
                let model = replace(model, weights).unwrap();
                let posterior = model.encode(&batch);
                let inputs = DecoderInputs { previous: &batch.shifted(), control: batch.control() };
                let mut all = host(posterior.mean.clone());
                all.extend(
                    model.decoder.forward(posterior.mean, inputs).into_iter().flat_map(host),
                );
                all
            };
            let expected = run(&Device::flex());
            let mut found = Vec::new();
            assert!(fused::forced(|| found = run(&Device::libtorch())) >= 2);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                let difference = f64::from((found - expected).abs());
                assert!(difference < TOLERANCE * f64::from(expected.abs().max(1.0)));
            }
        }
    }

    /// Another autodiff strategy has tensors of another type.
    #[test]
    fn a_device_that_saves_memory_goes_layer_by_layer() {
        let [config, ..] = even_architectures();
        let layout = config.window();
        let tokens = windows_of(&layout, 3);
        let batch = Batch::new(tokens.chunks_exact(layout.n_tokens()), &layout);
        let device = Device::libtorch().autodiff().gradient_checkpointing();
        let model = MusicVae::init(&config, 5, &device).unwrap();
        let loss = || {
            let noise = Tensor::zeros([3, 4], &device);
            let elbo = model.elbo(&batch, noise, |_| batch.shifted());
            let loss = elbo.loss(0.7, FreeBits::PerSequence(1.0));
            assert!(!gradient_tensors(&model, &loss.backward()).is_empty());
        };
        assert_eq!(fused::forced(loss), 0);
    }
}

fn compare_gradients(config: &MusicVaeConfig) {
    let layout = config.window();
    let tokens = windows_of(&layout, 7);
    let batch = Batch::new(tokens.chunks_exact(layout.n_tokens()), &layout);
    let noise: Vec<f32> = (0..28).map(|i| (i as f32).sin()).collect();
    let run = |device: &Device| {
        let device = device.clone().autodiff();
        let model = MusicVae::init(config, 5, &device).unwrap();
        let noise = Tensor::from_data(TensorData::new(noise.clone(), [7, 4]), &device);
        let loss =
            model.elbo(&batch, noise, |_| batch.shifted()).loss(0.7, FreeBits::PerSequence(1.0));
        let gradients = gradient_tensors(&model, &loss.backward());
        (f64::from(host(loss.inner())[0]), gradients)
    };
    let (expected_loss, expected) = run(&Device::flex());
    for Compared { name, device, tolerance } in devices() {
        let (loss, gradients) = run(&device);
        assert!((loss - expected_loss).abs() < tolerance * expected_loss, "{name}: {loss}");
        assert_eq!(gradients.len(), expected.len(), "{name}");
        for (path, gradient) in &gradients {
            let expected = &expected[path];
            let largest = expected.iter().fold(1.0_f32, |m, v| m.max(v.abs()));
            for (found, expected) in gradient.iter().zip(expected) {
                let difference = f64::from((found - expected).abs());
                assert!(
                    difference < tolerance * f64::from(largest),
                    "{name}, {path}: {found} instead of {expected}"
                );
            }
        }
    }
}

#[test]
fn a_few_updates_end_at_the_same_loss() {
    let tokens = tokens();
    let run = |device: &Device| {
        let mut trainer = Trainer::new(config(), training(), 3, device).unwrap();
        let losses: Vec<f64> =
            (0..8).map(|_| trainer.step(windows(&tokens)).unwrap().loss).collect();
        let codes = trainer.model().encode_windows(windows(&tokens), |_| ());
        (losses, codes)
    };
    let (expected, expected_codes) = run(&Device::flex());
    // In TF32 eight updates diverge too much for any meaningful bound.
    for Compared { name, device, .. } in devices().into_iter().filter(|c| c.tolerance == TOLERANCE)
    {
        // Adam divides by the root of the second moment, which amplifies rounding errors of small
        // gradients: eight updates of 1e-2 stay far below this bound.
        let tolerance = 1e-3;
        let (losses, codes) = run(&device);
        for (loss, expected) in losses.iter().zip(&expected) {
            let difference = (loss - expected).abs();
            assert!(difference < tolerance * expected, "{name}: {loss} and {expected}");
        }
        for (mean, expected) in codes.mean.iter().zip(&expected_codes.mean) {
            let difference = f64::from((mean - expected).abs());
            assert!(difference < tolerance, "{name}: a mean of {mean} and {expected}");
        }
    }
}
