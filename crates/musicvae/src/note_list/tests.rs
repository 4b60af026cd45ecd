//! Tests of learning: both implementations compared with each other and with finite differences,
//! overfitting a few windows, resuming from a checkpoint, the same bits with any number of threads.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use note_seq::{Meter, NoteList, NoteListEncoding};

use super::operations::{note_sets, note_sets_by_tensors};
use super::*;
use crate::config::{ObjectiveConfig, RecurrentPrecision, TrainingConfig};
use crate::elbo::FreeBits;
use crate::generate::Sampling;
use crate::model::host;
use crate::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};
use crate::seed;
use crate::train::tests::{gradient_tensors, spread};
use crate::train::{Corpus, Trainer};
use crate::weights::{HostTensor, replace, tensors};

const POLY: NoteListEncoding = NoteListEncoding::POLY_2BAR;
const DRUMS: NoteListEncoding = NoteListEncoding::DRUMS_2BAR_GROOVE;

pub(crate) fn config(encoding: NoteListEncoding) -> NoteListVaeConfig {
    NoteListVaeConfig {
        encoding,
        z_size: 4,
        note_size: 6,
        cell_size: 5,
        encoder_size: 3,
        summary_size: 2,
        plan_size: 3,
        conductor_size: 3,
        list_size: 5,
        head_sizes: vec![3, 4, 2, 3][..encoding.n_fields() - 1].to_vec(),
    }
}

/// `n` different windows with different meters: chords, gaps, unisons of several families.
pub(crate) fn lists(encoding: NoteListEncoding, n: usize) -> Vec<NoteList> {
    let meters = [(4, 4), (6, 8), (3, 4), (7, 8)];
    let list = |i: usize| {
        let (numerator, denominator) = meters[i % meters.len()];
        let meter = Meter::from_signature(numerator, denominator).unwrap();
        let tokens: Vec<u16> = (0..5 + i % 7)
            .flat_map(|note| {
                let classes = encoding.fields().iter().enumerate().map(move |(field, spec)| {
                    let n = if field == 0 { encoding.n_steps(meter) } else { spec.n_classes };
                    // Every third note starts together with the previous one.
                    let at = if field == 0 { note - note % 3 } else { note };
                    ((at * (7 + 4 * field) + i * (3 + field)) % usize::from(n)) as u16
                });
                classes.collect::<Vec<_>>()
            })
            .collect();
        NoteList::sorted(encoding, meter, &tokens).unwrap().0
    };
    (0..n).map(list).collect()
}

pub(crate) fn model(config: &NoteListVaeConfig, device: &Device) -> NoteListVae {
    let model = NoteListVae::init(config, 5, device).unwrap();
    let weights = spread(&model);
    replace(model, weights).unwrap()
}

fn noise(n: usize, z_size: usize, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = (0..n * z_size).map(|i| (i as f32 * 1.7).sin()).collect();
    Tensor::from_data(TensorData::new(values, [n, z_size]), device)
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance * expected.abs().max(1.0), "{what} {i}: {found} {expected}");
    }
}

#[test]
fn a_batch_holds_each_note_once_where_it_belongs() {
    // Two windows: 2/4 with C4 on its first beat and E4 and G4 on its third, and two empty bars of
    // 6/8.
    let row = |onset, pitch| [onset, 0, pitch, 7, 0];
    let notes = [row(0, 60), row(25, 64), row(25, 67)].concat();
    let two_four = Meter::from_signature(2, 4).unwrap();
    let jig = Meter::from_signature(6, 8).unwrap();
    let lists =
        [NoteList::new(POLY, two_four, notes).unwrap(), NoteList::new(POLY, jig, vec![]).unwrap()];
    let batch = NoteListBatch::new(&lists);
    assert_eq!((batch.len(), batch.n_notes()), (2, 3));
    // Four cells each, as `cell * 2 + window`, the longest list first.
    assert_eq!(batch.cells, [4, 0, 2, 6, 1, 3, 5, 7]);
    assert_eq!(batch.inputs.batch_sizes(), Some(&[8, 2, 1][..]));
    assert_eq!(batch.notes.batch_sizes(), Some(&[2, 1][..]));
    assert_eq!(batch.note_rows, [0, 1, 8]);
    assert_eq!(batch.lists, [0, 1, 0]);
    // Position 1 of 18, then families, pitches, durations and dynamics in separate ranges.
    assert_eq!(batch.notes.ids()[..5], [1, 18, 18 + 6 + 64, 18 + 6 + 128 + 7, 18 + 6 + 128 + 18]);
    assert_eq!(batch.inputs.ids()[..5], [179, -1, -1, -1, -1]);
    assert_eq!(batch.inputs.ids()[8 * 5..][..5], batch.notes.ids()[..5]);
    // After the last note, the list ends: class 18.
    assert_eq!(batch.positions.classes, [1, 0, 18, 18, 18, 18, 18, 18, 1, 18, 18]);
    // A cell of 2/4 has 12 positions, one of 6/8 has 18; no position before the previous note is
    // possible.
    assert_eq!(batch.positions.allowed[0], 0..12);
    assert_eq!(batch.positions.allowed[4], 0..18);
    assert_eq!(batch.positions.allowed[8], 1..12);
    // G after E at the same time, in the same family.
    assert_eq!(batch.fields[1].classes, [64, 60, 67]);
    assert_eq!(batch.fields[1].allowed[2], 65..128);
}

#[test]
fn the_kernel_and_tensor_operations_agree_in_values_and_gradients() {
    let device = Device::flex().autodiff();
    for encoding in [POLY, DRUMS] {
        // Lists of more than one task of the kernel.
        let batch = Arc::new(NoteListBatch::new(&lists(encoding, 30)));
        let model = model(&config(encoding), &device);
        let sets = |sum: fn(Tensor<2>, &NoteListBatch) -> Tensor<2>| {
            let sums = sum(model.encoder.notes.val(), &batch);
            let [rows, width] = sums.dims();
            let gradients = (sums.clone() * noise(rows, width, &device)).sum().backward();
            (host(sums), host(model.encoder.notes.val().grad(&gradients).unwrap()))
        };
        let (kernel, tensors) = (sets(note_sets), sets(note_sets_by_tensors));
        assert_near(&kernel.0, &tensors.0, 1e-5, "sets");
        assert_near(&kernel.1, &tensors.1, 1e-5, "gradient of sets");

        let heads = &model.decoder.heads;
        let n_rows = batch.inputs.n_rows();
        let weigh = |nats: &[Tensor<1>]| {
            let terms = nats.iter().enumerate().map(|(i, n)| n.clone().mul_scalar(1.0 + i as f64));
            terms.reduce(|a, b| a + b).unwrap()
        };
        let mut all = Vec::new();
        for by_tensors in [false, true] {
            let states = noise(n_rows, 5, &device).require_grad();
            let nats = if by_tensors {
                heads.by_tensors(states.clone(), &batch)
            } else {
                heads.cross_entropies(states.clone(), &batch)
            };
            let values: Vec<f32> = nats.iter().flat_map(|n| host(n.clone())).collect();
            let found = weigh(&nats).backward();
            let of_states = host(states.grad(&found).unwrap());
            all.push((values, of_states, gradient_tensors(heads, &found)));
        }
        let (kernel, tensors) = (&all[0], &all[1]);
        // Sums of a few hundred terms in a different order.
        assert_near(&kernel.0, &tensors.0, 1e-5, "nats");
        assert_near(&kernel.1, &tensors.1, 1e-5, "gradient of states");
        for (name, expected) in &tensors.2 {
            assert_near(&kernel.2[name], expected, 1e-4, name);
        }
    }
}

#[test]
fn every_weight_has_the_gradient_of_finite_differences() {
    for encoding in [POLY, DRUMS] {
        let config = config(encoding);
        let batch = Arc::new(NoteListBatch::new(&lists(encoding, 5)));
        let loss = |model: &NoteListVae, device: &Device| {
            // No free bits: the hinge has no derivative at its corner.
            model.elbo(&batch, noise(5, 4, device)).loss(0.7, FreeBits::PerSequence(0.0))
        };
        let device = Device::flex().autodiff();
        let trained = model(&config, &device);
        let weights = spread(&trained);
        let found = gradient_tensors(&trained, &loss(&trained, &device).backward());
        let plain = Device::flex();
        let start = NoteListVae::init(&config, 5, &plain).unwrap();
        let value = |weights: &BTreeMap<String, HostTensor>| {
            let model = replace(start.clone(), weights.clone()).unwrap();
            f64::from(host(loss(&model, &plain))[0])
        };
        let epsilon = 1e-2;
        for (name, gradient) in &found {
            // For large tables, a few rows are enough: all rows are read by the same code.
            for i in (0..gradient.len()).step_by(gradient.len() / 40 + 1) {
                let mut moved = weights.clone();
                let center = moved[name].values[i];
                let mut at = |x: f32| {
                    moved.get_mut(name).unwrap().values[i] = x;
                    value(&moved)
                };
                let above = at(center + epsilon);
                let slope = (above - at(center - epsilon)) / (2.0 * f64::from(epsilon));
                let found = f64::from(gradient[i]);
                // A loss near 150, exact to 1e-5, gives 1e-5 / 1e-2 = 1e-3 in the quotient. The
                // rest is the effect of curvature, of the order of epsilon².
                let tolerance = 5e-3 + 1e-2 * found.abs();
                assert!((found - slope).abs() < tolerance, "{name}[{i}]: {found} {slope}");
            }
        }
    }
}

fn training() -> TrainingConfig {
    TrainingConfig {
        batch_size: 10,
        learning_rate: LearningRateSchedule::Exponential { initial: 1e-2, min: 1e-3, decay: 0.995 },
        max_gradient_norm: 1.0,
        objective: ObjectiveConfig {
            free_bits: FreeBits::PerSequence(0.0),
            beta: BetaSchedule::Linear { max: 0.01, warmup_steps: 100 },
            scheduled_sampling: ScheduledSampling::Constant { probability: 0.0 },
        },
        max_transposition: 0,
        recurrent_precision: RecurrentPrecision::F32,
        accumulation: 1,
        schedule_start: 0,
    }
}

/// Large enough for ten windows.
fn large(encoding: NoteListEncoding) -> NoteListVaeConfig {
    NoteListVaeConfig {
        z_size: 24,
        note_size: 48,
        cell_size: 32,
        encoder_size: 16,
        summary_size: 16,
        plan_size: 24,
        conductor_size: 16,
        list_size: 40,
        head_sizes: vec![32; encoding.n_fields() - 1],
        ..config(encoding)
    }
}

#[test]
fn ten_windows_are_learned_by_heart_and_written_back() {
    for encoding in [POLY, DRUMS] {
        let lists = lists(encoding, 10);
        let windows = NoteListWindows::new(&lists, encoding).unwrap();
        let mut trainer = Trainer::new(large(encoding), training(), 1, &Device::flex()).unwrap();
        let first = trainer.step(windows).unwrap();
        // Guessing costs the logarithm of the number of possible classes, here about ten nats per
        // note.
        let by_field: f64 = first.fields.as_slice().iter().sum();
        assert_eq!(first.fields.as_slice().len(), encoding.n_fields());
        assert!((by_field - first.reconstruction_nats).abs() < 1e-3 * by_field, "{first:?}");
        for _ in 0..400 {
            trainer.step(windows).unwrap();
        }
        let evaluation = trainer.evaluate(windows).unwrap();
        assert!(evaluation.best.note_f1 > 0.99, "{evaluation:?}");
        assert!(evaluation.sampled.note_f1 > 0.9, "{evaluation:?}");
        assert!(evaluation.active_units > 2, "{evaluation:?}");
        // The means alone reconstruct the windows, up to the last class.
        let model = trainer.model();
        let means = model.encode_windows(&lists, |_| ()).mean;
        let generator = NoteListGenerator::new(&large(encoding), &model.decoder);
        let meters: Vec<Meter> = lists.iter().map(NoteList::meter).collect();
        let mut rngs: Vec<_> = (0..10).map(|i| seed::stream(1, "test", i)).collect();
        let written = generator.decode(&means, &meters, Sampling::Argmax, &mut rngs);
        let same = written.iter().zip(&lists).filter(|(a, b)| a == b).count();
        assert!(same >= 8, "{same} of 10");
    }
}

#[test]
fn what_is_written_is_a_list_whatever_the_weights_and_depends_on_its_own_latent_alone() {
    for encoding in [POLY, DRUMS] {
        let config = config(encoding);
        let model = model(&config, &Device::flex());
        let generator = NoteListGenerator::new(&config, &model.decoder);
        let n = 21;
        let z: Vec<f32> = (0..n * 4).map(|i| 3.0 * (i as f32 * 0.4).sin()).collect();
        let meters: Vec<Meter> =
            (0..n).map(|i| Meter::from_class((i % 26) as u16).unwrap()).collect();
        let rng = |i: usize| seed::stream(1, "test", i as u64);
        let sampling = Sampling::Temperature(2.0);
        let mut rngs: Vec<_> = (0..n).map(rng).collect();
        let written = generator.decode(&z, &meters, sampling, &mut rngs);
        assert!(written.iter().any(|list| list.len() > 3));
        for (i, list) in written.iter().enumerate() {
            assert_eq!(list.meter(), meters[i]);
            let alone = generator.decode(&z[i * 4..][..4], &meters[i..=i], sampling, &mut [rng(i)]);
            assert_eq!(alone[0], *list, "{i}");
        }
    }
}

/// The decoder for training and the one for generation are separate implementations: what the
/// latter finds most probable must have a higher probability under the former than samples at a
/// high temperature.
#[test]
fn the_greedy_window_is_the_more_probable_one() {
    let config = config(POLY);
    let device = Device::flex();
    let model = model(&config, &device);
    let generator = NoteListGenerator::new(&config, &model.decoder);
    let n = 12;
    let z: Vec<f32> = (0..n * 4).map(|i| 2.0 * (i as f32 * 0.9).sin()).collect();
    let meters = vec![Meter::COMMON; n];
    let nats = |lists: &[NoteList], i: usize| -> f64 {
        let z = Tensor::from_data(TensorData::new(z[i * 4..][..4].to_vec(), [1, 4]), &device);
        let batch = Arc::new(NoteListBatch::new(&lists[i..=i]));
        let fields = model.decoder.cross_entropies(z, &batch);
        // Per choice: lists differ in length.
        let n_choices = (lists[i].len() * 5 + 8) as f64;
        fields.into_iter().map(|field| f64::from(host(field)[0])).sum::<f64>() / n_choices
    };
    let mut rngs: Vec<_> = (0..n).map(|i| seed::stream(1, "test", i as u64)).collect();
    let greedy = generator.decode(&z, &meters, Sampling::Argmax, &mut rngs);
    let drawn = generator.decode(&z, &meters, Sampling::Temperature(5.0), &mut rngs);
    for i in 0..n {
        let (greedy, drawn) = (nats(&greedy, i), nats(&drawn, i));
        assert!(greedy < drawn, "{i}: {greedy} {drawn}");
    }
}

#[test]
fn a_resumed_run_is_the_unbroken_run_to_the_last_bit() {
    let lists = lists(POLY, 30);
    let corpora = [Corpus { windows: 0..10, weight: 1.0 }, Corpus { windows: 10..30, weight: 0.5 }];
    let windows = NoteListWindows::new(&lists, POLY).unwrap().with_corpora(&corpora).unwrap();
    let device = Device::flex();
    let training = TrainingConfig { max_transposition: 3, ..training() };
    let mut unbroken = Trainer::new(config(POLY), training, 3, &device).unwrap();
    let expected: Vec<_> = (0..20).map(|_| unbroken.step(windows).unwrap()).collect();
    let mut first = Trainer::new(config(POLY), training, 3, &device).unwrap();
    for metrics in &expected[..7] {
        assert_eq!(first.step(windows).unwrap(), *metrics);
    }
    let checkpoint = first.checkpoint();
    let mut second = Trainer::resume(config(POLY), training, 3, &device, &checkpoint).unwrap();
    for metrics in &expected[7..] {
        assert_eq!(second.step(windows).unwrap(), *metrics);
    }
    assert_eq!(second.checkpoint().weights, unbroken.checkpoint().weights);
    assert_eq!(second.checkpoint().optimizer, unbroken.checkpoint().optimizer);
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let lists = lists(POLY, 60);
    let run = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let windows = NoteListWindows::new(&lists, POLY).unwrap();
            let training = TrainingConfig { batch_size: 60, ..training() };
            let mut trainer = Trainer::new(large(POLY), training, 3, &Device::flex()).unwrap();
            let metrics: Vec<_> = (0..3).map(|_| trainer.step(windows).unwrap()).collect();
            (metrics, trainer.checkpoint().weights, trainer.evaluate(windows))
        })
    };
    let one = run(1);
    assert!(one == run(2), "1 and 2 threads differ");
    assert!(one == run(5), "1 and 5 threads differ");
}

#[test]
fn windows_of_another_encoding_and_corpora_without_windows_are_named() {
    let mut mixed = lists(POLY, 2);
    mixed.extend(lists(DRUMS, 1));
    let error = NoteListWindows::new(&mixed, POLY).unwrap_err();
    assert_eq!(error, NoteListWindowsError::Encoding { window: 2 });
    let lists = lists(POLY, 2);
    let windows = NoteListWindows::new(&lists, POLY).unwrap();
    for (range, weight) in [(0..3, 1.0), (1..1, 1.0), (0..2, 0.0), (0..2, f64::NAN)] {
        let corpora = [Corpus { windows: range, weight }];
        let error = windows.with_corpora(&corpora).unwrap_err();
        assert_eq!(error, NoteListWindowsError::Corpus { corpus: 0 });
    }
}

#[test]
fn weights_come_back_from_their_file() {
    let config = config(POLY);
    let model = model(&config, &Device::flex());
    let bytes = model.to_safetensors(crate::Precision::F32);
    let read = NoteListVae::from_safetensors(&config, &bytes, &Device::flex()).unwrap();
    assert_eq!(tensors(&read), tensors(&model));
    let other = NoteListVaeConfig { list_size: 6, ..config };
    let error = NoteListVae::from_safetensors(&other, &bytes, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("the configuration says"), "{error}");
}

#[test]
fn presets_are_valid_and_the_compact_one_is_small() {
    for preset in presets::all() {
        assert_eq!(preset.model.validate(), Ok(()), "{}", preset.name);
        assert_eq!(preset.training.validate(), Ok(()), "{}", preset.name);
        let text = serde_json::to_string(&preset.model).unwrap();
        assert_eq!(serde_json::from_str::<NoteListVaeConfig>(&text).unwrap(), preset.model);
    }
    let compact = presets::find("poly_2bar_compact").unwrap();
    let model = NoteListVae::init(&compact.model, 1, &Device::flex()).unwrap();
    // Two bytes each in a file of 16-bit floats: below 12 MB.
    assert!((3_000_000..6_000_000).contains(&model.n_weights()), "{}", model.n_weights());
}
