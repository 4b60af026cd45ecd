//! Tests of learning: gradients compared with finite differences, overfitting one batch, resuming
//! from a checkpoint, the same bits with any number of threads.

mod backends;
mod run_loop;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use burn::module::{ModuleVisitor, Param};
use burn::tensor::Gradients;

use super::decoder_inputs::OwnDraws;
use super::*;
use crate::decoder::DecoderInputs;
use crate::recurrent::SymbolSteps;
use crate::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};
use crate::seed;
use crate::weights::{HostTensor, replace, tensors};
use crate::windows::{Batch, Windows};
use crate::{
    ConductorConfig, Control, Cores, EncoderInput, Evaluation, FreeBits, Generator, MusicVae,
    ObjectiveConfig, Sampling, WindowLayout,
};

/// Every kind of layer: two encoder layers, two decoder layers.
fn config() -> MusicVaeConfig {
    MusicVaeConfig::flat(8, 6, 4, &[5, 3], &[6, 4])
}

/// One model of each architecture: flat, of two parts with a shared core, and of two parts with one
/// core each under a conductor and chords.
pub(crate) fn architectures() -> [MusicVaeConfig; 3] {
    let joint = MusicVaeConfig { n_classes: vec![8, 4], drum_parts: vec![1], ..config() };
    let hierarchical = MusicVaeConfig {
        cores: Cores::PerPart,
        conductor: Some(ConductorConfig { n_segments: 3, sizes: vec![4, 5] }),
        control: Some(Control::Chords),
        ..joint.clone()
    };
    [config(), joint, hierarchical]
}

/// `n` different windows of a layout.
pub(crate) fn windows_of(layout: &WindowLayout, n: usize) -> Vec<u16> {
    let n_classes = |i: usize| layout.tracks[i / layout.n_steps % layout.tracks.len()].n_classes;
    (0..n * layout.n_tokens()).map(|i| ((i * i / 7 + i) % n_classes(i)) as u16).collect()
}

/// Randomizes all weights: the layers next to z are initialized near zero, where gradients vanish.
pub(crate) fn spread<M: Module>(model: &M) -> BTreeMap<String, HostTensor> {
    let mut weights = tensors(model);
    for (n, tensor) in weights.values_mut().enumerate() {
        for (i, value) in tensor.values.iter_mut().enumerate() {
            *value = 0.6 * ((n * 31 + i * 7) as f32).sin();
        }
    }
    weights
}

pub(crate) fn training() -> TrainingConfig {
    TrainingConfig {
        batch_size: 4,
        learning_rate: LearningRateSchedule::Exponential { initial: 1e-2, min: 1e-3, decay: 0.999 },
        max_gradient_norm: 1.0,
        objective: ObjectiveConfig {
            free_bits: FreeBits::PerSequence(1.0),
            beta: BetaSchedule::Exponential { max: 0.2, rate: 0.9 },
            scheduled_sampling: ScheduledSampling::InverseSigmoid { k: 10.0 },
        },
        max_transposition: 2,
        recurrent_precision: RecurrentPrecision::F32,
        accumulation: 1,
        schedule_start: 0,
    }
}

/// Ten different windows.
fn tokens() -> Vec<u16> {
    (0..60).map(|i: u16| (i * i / 7 + i) % 8).collect()
}

fn windows(tokens: &[u16]) -> Windows<'_> {
    static LAYOUT: LazyLock<WindowLayout> = LazyLock::new(|| config().window());
    Windows::new(tokens, &LAYOUT).unwrap()
}

#[test]
fn gradients_of_every_weight_agree_with_finite_differences() {
    for config in architectures() {
        check_gradients(&config);
    }
}

fn check_gradients(config: &MusicVaeConfig) {
    let device = Device::flex().autodiff();
    let layout = config.window();
    let tokens = windows_of(&layout, 3);
    let batch = Batch::new(tokens.chunks_exact(layout.n_tokens()), &layout);
    let noise: Vec<f32> = (0..12).map(|i| (i as f32).sin()).collect();
    let start = MusicVae::init(config, 5, &device).unwrap();
    let weights = spread(&start);
    let loss = |model: &MusicVae, device: &Device| {
        let noise = Tensor::from_data(TensorData::new(noise.clone(), [3, 4]), device);
        // No free bits: the hinge has no derivative at its corner.
        model.elbo(&batch, noise, |_| batch.shifted()).loss(0.7, FreeBits::PerSequence(0.0))
    };
    let model = replace(start, weights.clone()).unwrap();
    let gradients = loss(&model, &device).backward();
    let gradients = gradient_tensors(&model, &gradients);

    let plain = Device::flex();
    let value = |weights: &BTreeMap<String, HostTensor>| {
        let model = MusicVae::init(config, 5, &plain).unwrap();
        f64::from(host(loss(&replace(model, weights.clone()).unwrap(), &plain))[0])
    };
    let epsilon = 1e-2;
    let mut checked = 0;
    for (name, gradient) in &gradients {
        for (i, found) in gradient.iter().enumerate() {
            let mut moved = weights.clone();
            let center = moved[name].values[i];
            let mut at = |x: f32| {
                moved.get_mut(name).unwrap().values[i] = x;
                value(&moved)
            };
            let difference =
                (at(center + epsilon) - at(center - epsilon)) / (2.0 * f64::from(epsilon));
            let found = f64::from(*found);
            // The loss is near 20 and accurate to about 2e-6: 2e-6 / 1e-2 = 2e-4 in the quotient;
            // the rest is due to the curvature, of the order of epsilon².
            let tolerance = 2e-3 + 5e-3 * found.abs();
            assert!((found - difference).abs() < tolerance, "{name}[{i}]: {found} {difference}");
            checked += 1;
        }
    }
    let n_weights: usize = weights.values().map(|tensor| tensor.values.len()).sum();
    assert_eq!(checked, n_weights);
}

/// The gradient of every parameter, by path.
pub(crate) fn gradient_tensors<M: Module>(
    model: &M,
    gradients: &Gradients,
) -> BTreeMap<String, Vec<f32>> {
    struct Collect<'a> {
        path: Vec<String>,
        gradients: &'a Gradients,
        found: BTreeMap<String, Vec<f32>>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = param.val().grad(self.gradients).expect("each weight has a gradient");
            self.found.insert(self.path.join("."), host(gradient));
        }
    }
    let mut collect = Collect { path: vec![], gradients, found: BTreeMap::new() };
    model.visit(&mut collect);
    collect.found
}

/// Sizes and settings that overfit ten windows.
fn overfitting() -> (MusicVaeConfig, TrainingConfig) {
    let training = TrainingConfig {
        batch_size: 10,
        max_transposition: 0,
        objective: ObjectiveConfig {
            free_bits: FreeBits::PerSequence(100.0),
            scheduled_sampling: ScheduledSampling::Constant { probability: 0.0 },
            ..training().objective
        },
        ..training()
    };
    let config =
        MusicVaeConfig { encoder_sizes: vec![32], decoder_sizes: vec![32], z_size: 16, ..config() };
    (config, training)
}

#[test]
fn ten_windows_can_be_overfitted() {
    let (config, training) = overfitting();
    let tokens = tokens();
    let mut trainer = Trainer::new(config, training, 1, &Device::flex()).unwrap();
    let first = trainer.step(windows(&tokens)).unwrap();
    for _ in 0..400 {
        trainer.step(windows(&tokens)).unwrap();
    }
    // Initially, six steps of eight equally likely classes.
    assert!((first.reconstruction_nats - 6.0 * 8.0_f64.ln()).abs() < 0.5, "{first:?}");
    let evaluation = trainer.evaluate(windows(&tokens)).unwrap();
    assert!(evaluation.teacher_forced_accuracy > 0.99, "{evaluation:?}");
    assert!(evaluation.sampled_accuracy > 0.95, "{evaluation:?}");
    assert!(evaluation.reconstruction_nats < 0.5, "{evaluation:?}");
    assert!(evaluation.active_units > 2, "{evaluation:?}");

    // The means alone reconstruct the windows.
    let model = trainer.model();
    let posteriors = model.encode_windows(windows(&tokens), |_| ());
    let generator = Generator::new(&model.decoder);
    let mut rngs: Vec<_> = (0..10).map(|i| seed::stream(1, "test", i)).collect();
    let decoded = generator.decode(&posteriors.mean, 6, Sampling::Argmax, &mut rngs);
    assert_eq!(decoded.concat(), tokens);
}

/// The decoder for training and the one for generation are implemented independently.
#[test]
fn both_decoders_give_the_same_logits() {
    for config in architectures() {
        let device = Device::flex();
        let model = MusicVae::init(&config, 9, &device).unwrap();
        let weights = spread(&model);
        let model = replace(model, weights).unwrap();
        let layout = config.window();
        let (n_steps, n_parts, n) = (layout.n_steps, layout.n_parts(), 10);
        let tokens = windows_of(&layout, n);
        let windows: Vec<&[u16]> = tokens.chunks_exact(layout.n_tokens()).collect();
        let batch = Batch::new(windows.iter().copied(), &layout);
        let z: Vec<f32> = (0..n * 4).map(|i| (i as f32 * 0.4).sin()).collect();
        let latents = Tensor::from_data(TensorData::new(z.clone(), [n, 4]), &device);
        let previous = batch.shifted();
        let inputs = DecoderInputs { previous: &previous, control: batch.control() };
        let expected: Vec<Vec<f32>> =
            model.decoder.forward(latents, inputs).into_iter().map(host).collect();

        let mut states: Vec<(Vec<Vec<f32>>, &[u16])> =
            windows.iter().map(|w| (vec![Vec::new(); n_parts], *w)).collect();
        let control = batch.control_by_sequence();
        let generator = Generator::new(&model.decoder);
        generator.run(&z, &control, n_steps, &mut states, |(logits, target), asked| {
            logits[asked.part].extend_from_slice(asked.logits);
            usize::from(target[asked.part * n_steps + asked.step])
        });
        let (n_segments, segment) = (config.n_segments(), n_steps / config.n_segments());
        for (sequence, (logits, _)) in states.iter().enumerate() {
            for (part, n_classes) in config.n_classes.iter().enumerate() {
                for step in 0..n_steps {
                    // Rows of the trained decoder: step in the segment, segment, sequence.
                    let row = (step % segment * n_segments + step / segment) * n + sequence;
                    for class in 0..*n_classes {
                        let a = logits[part][step * n_classes + class];
                        let b = expected[part][row * n_classes + class];
                        // f32 sums of a few dozen terms in a different order.
                        assert!((a - b).abs() < 1e-5, "{a} {b}");
                    }
                }
            }
        }
    }
}

/// A hierarchical model of two parts generates under its chords what it was trained on.
#[test]
fn two_parts_under_chords_are_memorized() {
    let (small, training) = overfitting();
    let [.., hierarchical] = architectures();
    let config = MusicVaeConfig {
        conductor: Some(ConductorConfig { n_segments: 2, sizes: vec![32] }),
        encoder_sizes: small.encoder_sizes,
        decoder_sizes: small.decoder_sizes,
        z_size: small.z_size,
        ..hierarchical
    };
    let layout = config.window();
    let tokens = windows_of(&layout, 10);
    let windows = Windows::new(&tokens, &layout).unwrap();
    let mut trainer = Trainer::new(config, training, 1, &Device::flex()).unwrap();
    for _ in 0..400 {
        trainer.step(windows).unwrap();
    }
    let evaluation = trainer.evaluate(windows).unwrap();
    assert_eq!(evaluation.parts.len(), 2);
    assert!(evaluation.teacher_forced_accuracy > 0.99, "{evaluation:?}");
    assert!(evaluation.sampled_accuracy > 0.95, "{evaluation:?}");
    let model = trainer.model();
    let posteriors = model.encode_windows(windows, |_| ());
    let generator = Generator::new(&model.decoder);
    let control: Vec<u16> = windows.iter().flat_map(|window| &window[12..]).copied().collect();
    let mut rngs: Vec<_> = (0..10).map(|i| seed::stream(1, "test", i)).collect();
    let decoded =
        generator.decode_controlled(&posteriors.mean, &control, 6, Sampling::Argmax, &mut rngs);
    let same = decoded.concat().iter().zip(&tokens).filter(|(a, b)| a == b).count();
    // The chords are returned as given; at most one in fifty of the other classes is wrong.
    assert!(same * 50 >= tokens.len() * 49, "{same} of {}", tokens.len());
}

#[test]
fn a_resumed_run_is_the_unbroken_run_to_the_last_bit() {
    let tokens = tokens();
    let device = Device::flex();
    let mut unbroken = Trainer::new(config(), training(), 3, &device).unwrap();
    let expected: Vec<StepMetrics> =
        (0..40).map(|_| unbroken.step(windows(&tokens)).unwrap()).collect();

    let mut first = Trainer::new(config(), training(), 3, &device).unwrap();
    for metrics in &expected[..17] {
        assert_eq!(first.step(windows(&tokens)).unwrap(), *metrics);
    }
    let checkpoint = first.checkpoint();
    drop(first);
    let mut second = Trainer::resume(config(), training(), 3, &device, &checkpoint).unwrap();
    for metrics in &expected[17..] {
        assert_eq!(second.step(windows(&tokens)).unwrap(), *metrics);
    }
    assert_eq!(second.checkpoint().weights, unbroken.checkpoint().weights);
    assert_eq!(second.checkpoint().optimizer, unbroken.checkpoint().optimizer);
    // The later steps were fed their own samples.
    assert!(expected[39].sampling_probability > 0.5);
}

#[test]
fn a_model_of_drums_learns_and_takes_no_transposition() {
    // Eight classes: all sets of three drums.
    let config = MusicVaeConfig { encoder_input: EncoderInput::DrumRoll, ..config() };
    let error = Trainer::new(config.clone(), training(), 1, &Device::flex()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "`max_transposition` is 2; 0, because drums have no pitch, is allowed"
    );
    let (config, training) = overfitting();
    let config = MusicVaeConfig { encoder_input: EncoderInput::DrumRoll, ..config };
    let tokens = tokens();
    let mut trainer = Trainer::new(config, training, 1, &Device::flex()).unwrap();
    for _ in 0..400 {
        trainer.step(windows(&tokens)).unwrap();
    }
    let evaluation = trainer.evaluate(windows(&tokens)).unwrap();
    // Chance is one in eight; the windows differ only in the encoder's input.
    assert!(evaluation.sampled_accuracy > 0.95, "{evaluation:?}");
    assert!(evaluation.active_units > 2, "{evaluation:?}");
}

#[test]
fn training_has_the_same_bits_on_any_number_of_threads() {
    let tokens: Vec<u16> = (0..100 * 32).map(|i: u32| (i * i / 7 + i) as u16 % 90).collect();
    let preset = crate::presets::find("cat-mel_2bar_tiny").unwrap();
    let run = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let training = TrainingConfig { batch_size: 70, ..preset.training };
            let mut trainer =
                Trainer::new(preset.model.clone(), training, 3, &Device::flex()).unwrap();
            let layout = preset.model.window();
            let windows = Windows::new(&tokens, &layout).unwrap();
            let metrics: Vec<_> = (0..3).map(|_| trainer.step(windows).unwrap()).collect();
            (metrics, trainer.checkpoint().weights)
        })
    };
    let one = run(1);
    assert!(one == run(2), "1 and 2 threads differ");
    assert!(one == run(5), "1 and 5 threads differ");
}

/// Rounding the weights in products changes gradients slightly, and what is learned hardly at all.
#[test]
fn bfloat16_learns_as_well_and_is_not_f32() {
    let (config, training) = overfitting();
    let tokens = tokens();
    let run = |recurrent_precision| {
        let training = TrainingConfig { recurrent_precision, ..training };
        let mut trainer = Trainer::new(config.clone(), training, 1, &Device::flex()).unwrap();
        let first = trainer.step(windows(&tokens)).unwrap();
        for _ in 0..400 {
            trainer.step(windows(&tokens)).unwrap();
        }
        (first.loss, trainer.evaluate(windows(&tokens)).unwrap())
    };
    let (exact, _) = run(RecurrentPrecision::F32);
    let (rounded, evaluation) = run(RecurrentPrecision::Bf16);
    // Weights keep eight bits, so that the first loss changes by far less than a hundredth.
    assert!(exact != rounded && (exact - rounded).abs() < 1e-2 * exact, "{exact} {rounded}");
    // The evaluation is in f32.
    assert!(evaluation.teacher_forced_accuracy > 0.99, "{evaluation:?}");
    assert!(evaluation.sampled_accuracy > 0.95, "{evaluation:?}");
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let device = Device::flex();
    let trainer = Trainer::new(config(), training(), 3, &device).unwrap();
    let checkpoint = trainer.checkpoint();
    let other_seed = Trainer::resume(config(), training(), 4, &device, &checkpoint).err().unwrap();
    assert!(matches!(other_seed, CheckpointError::OtherRun { what: "seed" }));
    let larger = MusicVaeConfig { z_size: 5, ..config() };
    let other_model = Trainer::resume(larger, training(), 3, &device, &checkpoint).err().unwrap();
    assert!(matches!(other_model, CheckpointError::OtherRun { what: "model" }));

    let newer = Checkpoint {
        state: checkpoint.state.replace("\"version\": 1", "\"version\": 2"),
        ..checkpoint.clone()
    };
    let error = Trainer::resume(config(), training(), 3, &device, &newer).err().unwrap();
    assert!(matches!(error, CheckpointError::Version { version: 2, .. }), "{error}");
    let cut = Checkpoint { optimizer: checkpoint.optimizer[..7].to_vec(), ..checkpoint };
    let error = Trainer::resume(config(), training(), 3, &device, &cut).err().unwrap();
    let file = "optimizer.safetensors";
    assert!(matches!(error, CheckpointError::Weights { file: f, .. } if f == file), "{error}");
}

#[test]
fn scheduled_sampling_puts_own_draws_in_their_place_only() {
    let tokens = tokens();
    let trainer = Trainer::new(config(), training(), 3, &Device::flex()).unwrap();
    let all = windows(&tokens);
    let batch = Batch::new((0..4).map(|i| all.get(i)), all.layout());
    let z = Tensor::<2>::zeros([4, 4], &Device::flex().autodiff());
    let forced = batch.shifted();
    let inputs = |sampling_probability| {
        let settings = StepSettings {
            training: &training(),
            seed: 3,
            step: 0,
            beta: 0.0,
            sampling_probability,
            first_window: 0,
        };
        let model = &trainer.model;
        OwnDraws { model, batch: &batch, settings: &settings }.decoder_inputs(&z)
    };
    assert_eq!(inputs(0.0), forced);
    let half = inputs(0.5);
    let own = inputs(1.0);
    let same =
        |a: &Arc<SymbolSteps>| a.ids().iter().zip(forced.ids()).filter(|(a, b)| a == b).count();
    // The first step has no input; a sample equals the true class one time in eight.
    assert_eq!(&half.ids()[..4], &[SymbolSteps::NONE; 4]);
    assert!(same(&own) < same(&half) && same(&half) < 24, "{} {}", same(&own), same(&half));
}
