//! Evaluation: how well a model reconstructs windows.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::ObjectiveConfig;
use crate::decoder::DecoderInputs;
use crate::device;
use crate::generate::{Draws, Generator, Sampling, sample_by_tensors};
use crate::model::{MusicVae, Posteriors, host};
use crate::sampling::argmax;
use crate::seed;
use crate::windows::{Batch, Windows};

/// Number of windows scored at once on a device other than the CPU.
const SCORE_BATCH: usize = 256;

/// A latent dimension is active if the variance of its posterior mean over the data is above this
/// (Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519).
pub const ACTIVE_VARIANCE: f64 = 0.01;

/// Below this KL, in bits per window, the posterior counts as collapsed: it carries less
/// information about a window than one coin toss.
pub const COLLAPSED_KL_BITS: f64 = 1.0;

/// Metrics over a set of windows; z is one sample from each window's posterior.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of windows scored.
    pub n_windows: usize,
    /// Reconstruction loss under teacher forcing, in nats per window.
    pub reconstruction_nats: f64,
    /// `KL(q(z | x) || N(0, I))`, in bits per window.
    pub kl_bits: f64,
    /// Fraction of steps whose most probable class is correct given the true previous classes; the
    /// mean over parts.
    pub teacher_forced_accuracy: f64,
    /// Fraction of steps that are correct when the model reads its own samples at temperature 1;
    /// the mean over parts.
    pub sampled_accuracy: f64,
    /// The accuracies of each part, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartAccuracy>,
    /// Number of latent dimensions whose posterior mean has a variance above [`ACTIVE_VARIANCE`].
    pub active_units: usize,
    /// Mean standard deviation of the posterior over windows and active units, between 0 (they
    /// carry much information) and 1 (they carry none); `None` without active units.
    #[serde(default)]
    pub active_std_dev: Option<f64>,
}

/// Reconstruction of one of several parts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartAccuracy {
    /// Like [`Evaluation::teacher_forced_accuracy`].
    pub teacher_forced_accuracy: f64,
    /// Like [`Evaluation::sampled_accuracy`].
    pub sampled_accuracy: f64,
}

impl Evaluation {
    /// Whether the posterior has collapsed: no unit is active, or the KL term is below
    /// [`COLLAPSED_KL_BITS`]. The decoder then ignores its latent, and no style can be found in
    /// latents.
    pub fn is_collapsed(&self) -> bool {
        self.active_units == 0 || self.kl_bits < COLLAPSED_KL_BITS
    }

    /// The negative evidence lower bound in nats per window.
    pub fn negative_elbo_nats(&self) -> f64 {
        self.reconstruction_nats + self.kl_bits * std::f64::consts::LN_2
    }

    /// The objective that training minimizes once its schedules have ended, in nats per window. The
    /// best checkpoint is the one with the smallest objective. The bound itself is unsuitable: with
    /// a small beta it rises while the latents learn to carry more information, and the first
    /// checkpoint would remain the best.
    ///
    /// The objective is `reconstruction + max beta · max(kl - free bits · ln 2, 0)`. Bits that are
    /// free in each dimension are not subtracted, because only the total KL term is known here.
    pub fn objective_nats(&self, objective: &ObjectiveConfig) -> f64 {
        objective.nats(self.reconstruction_nats, self.kl_bits)
    }
}

/// Counts for one sequence.
struct Tally<'a> {
    target: &'a [u16],
    n_steps: usize,
    nats: f64,
    /// Number of correct steps of each part.
    right: Vec<usize>,
}

impl Tally<'_> {
    /// Counts a step's logits of a part; returns the true class.
    fn see(&mut self, step: usize, part: usize, logits: &[f32]) -> usize {
        let target = usize::from(self.target[part * self.n_steps + step]);
        self.nats += negative_log_probability(logits, target);
        self.right[part] += usize::from(argmax(logits) == target);
        target
    }
}

/// Scores a model on windows; `None` if there are none.
pub fn evaluate(model: &MusicVae, windows: Windows<'_>, seed: u64) -> Option<Evaluation> {
    if windows.is_empty() {
        return None;
    }
    let model = &model.valid();
    let layout = windows.layout();
    let (n, n_steps, n_parts) = (windows.len(), layout.n_steps, layout.n_parts());
    let posteriors = model.encode_windows(windows, |_| ());
    let z = sample(&posteriors, model.z_size(), seed);
    let mut tallies: Vec<_> = windows
        .iter()
        .map(|target| Tally { target, n_steps, nats: 0.0, right: vec![0; n_parts] })
        .collect();
    let device = model.decoder.cores[0].latent.val().device();
    let sampled = if device::is_cpu(&device) {
        score_on_host(model, windows, &z, seed, &mut tallies)
    } else {
        score_on_device(model, windows, &z, seed, &mut tallies)
    };

    let steps = (n * n_steps) as f64;
    let accuracy = |part: usize| {
        let forced: usize = tallies.iter().map(|tally| tally.right[part]).sum();
        let of_part = part * n_steps..(part + 1) * n_steps;
        let same = |(found, target): (&Vec<u16>, &[u16])| {
            let pairs = found[of_part.clone()].iter().zip(&target[of_part.clone()]);
            pairs.filter(|(found, target)| found == target).count()
        };
        let sampled: usize = sampled.iter().zip(windows.iter()).map(same).sum();
        PartAccuracy {
            teacher_forced_accuracy: forced as f64 / steps,
            sampled_accuracy: sampled as f64 / steps,
        }
    };
    let parts: Vec<PartAccuracy> = (0..n_parts).map(accuracy).collect();
    let mean = |value: fn(&PartAccuracy) -> f64| {
        parts.iter().map(value).sum::<f64>() / n_parts.max(1) as f64
    };
    let active = active_dimensions(&posteriors.mean, model.z_size());
    Some(Evaluation {
        n_windows: n,
        reconstruction_nats: tallies.iter().map(|tally| tally.nats).sum::<f64>() / n as f64,
        kl_bits: mean_kl_nats(&posteriors, n) / std::f64::consts::LN_2,
        teacher_forced_accuracy: mean(|part| part.teacher_forced_accuracy),
        sampled_accuracy: mean(|part| part.sampled_accuracy),
        active_units: active.len(),
        active_std_dev: mean_over(&posteriors.std_dev, model.z_size(), &active),
        parts: if n_parts > 1 { parts } else { Vec::new() },
    })
}

/// The random stream of a window.
fn rng(seed: u64, window: usize) -> ChaCha8Rng {
    seed::stream(seed, "evaluate draws", window as u64)
}

/// Counts under teacher forcing and returns the windows that the model generates from its own
/// samples, on the CPU kernel.
fn score_on_host(
    model: &MusicVae,
    windows: Windows<'_>,
    z: &[f32],
    seed: u64,
    tallies: &mut [Tally<'_>],
) -> Vec<Vec<u16>> {
    let layout = windows.layout();
    let (n, n_steps, n_parts) = (windows.len(), layout.n_steps, layout.n_parts());
    let generator = Generator::new(&model.decoder);
    let control: Vec<u16> =
        windows.iter().flat_map(|window| &window[n_parts * n_steps..]).copied().collect();
    generator.run(z, &control, n_steps, tallies, |tally, asked| {
        tally.see(asked.step, asked.part, asked.logits)
    });
    let mut rngs: Vec<_> = (0..n).map(|i| rng(seed, i)).collect();
    let sampling = Sampling::Temperature(1.0);
    generator.decode_controlled(z, &control, n_steps, sampling, &mut rngs)
}

/// Like [`score_on_host`], with tensor operations on the device, some windows at a time.
fn score_on_device(
    model: &MusicVae,
    windows: Windows<'_>,
    z: &[f32],
    seed: u64,
    tallies: &mut [Tally<'_>],
) -> Vec<Vec<u16>> {
    let decoder = &model.decoder;
    let device = decoder.cores[0].latent.val().device();
    let layout = windows.layout();
    let (n_steps, n_parts, z_size) = (layout.n_steps, layout.n_parts(), model.z_size());
    let segment_steps = decoder.segment_steps();
    let mut written = Vec::new();
    for first in (0..windows.len()).step_by(SCORE_BATCH) {
        let range = first..(first + SCORE_BATCH).min(windows.len());
        let n = range.len();
        let batch = Batch::new(range.clone().map(|i| windows.get(i)), layout);
        let z = z[range.start * z_size..range.end * z_size].to_vec();
        let z = Tensor::from_data(TensorData::new(z, [n, z_size]), &device);
        let inputs = DecoderInputs { previous: &batch.shifted(), control: batch.control() };
        for (part, logits) in decoder.forward(z.clone(), inputs).into_iter().enumerate() {
            let n_classes = logits.dims()[1];
            let logits = host(logits);
            let see = |(sequence, tally): (usize, &mut Tally<'_>)| {
                for step in 0..n_steps {
                    // The steps of all segments are computed side by side, with all sequences of a
                    // segment together.
                    let (segment, within) = (step / segment_steps, step % segment_steps);
                    let row = (within * (n_steps / segment_steps) + segment) * n + sequence;
                    tally.see(step, part, &logits[row * n_classes..][..n_classes]);
                }
            };
            tallies[range.clone()].par_iter_mut().enumerate().for_each(see);
        }
        let mut uniform = vec![None; n_steps * n * n_parts];
        for sequence in 0..n {
            let mut rng = rng(seed, first + sequence);
            for step in 0..n_steps {
                for draw in &mut uniform[(step * n + sequence) * n_parts..][..n_parts] {
                    *draw = Some(rng.random());
                }
            }
        }
        let classes = sample_by_tensors(decoder, &batch, z, &Draws::new(uniform));
        written.extend((0..n).map(|sequence| {
            let class = |part: usize, step: usize| {
                let class = classes[(step * n + sequence) * n_parts + part];
                u16::try_from(class).expect("a vocabulary has at most 2^14 classes")
            };
            let class = &class;
            (0..n_parts).flat_map(|p| (0..n_steps).map(move |s| class(p, s))).collect()
        }));
    }
    written
}

/// One sample from each posterior.
pub(crate) fn sample(posteriors: &Posteriors, z_size: usize, seed: u64) -> Vec<f32> {
    let rows = posteriors.mean.chunks_exact(z_size).zip(posteriors.std_dev.chunks_exact(z_size));
    rows.enumerate()
        .flat_map(|(i, (mean, std_dev))| {
            let mut rng = seed::stream(seed, "evaluate posterior", i as u64);
            let draw = move |(m, s): (&f32, &f32)| {
                m + s * rng.sample::<f32, _>(rand_distr::StandardNormal)
            };
            mean.iter().zip(std_dev).map(draw)
        })
        .collect()
}

pub(crate) fn mean_kl_nats(posteriors: &Posteriors, n: usize) -> f64 {
    let term = |(m, s): (&f32, &f32)| {
        let (m, s) = (f64::from(*m), f64::from(*s).max(1e-20));
        0.5 * (s * s + m * m - 1.0 - 2.0 * s.ln())
    };
    posteriors.mean.iter().zip(&posteriors.std_dev).map(term).sum::<f64>() / n as f64
}

fn negative_log_probability(logits: &[f32], target: usize) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|logit| f64::from(logit - max).exp()).sum();
    total.ln() - f64::from(logits[target] - max)
}

/// The active dimensions: those whose posterior mean `mean` `[n, Z]` has a variance above
/// [`ACTIVE_VARIANCE`], in ascending order.
pub fn active_dimensions(mean: &[f32], z_size: usize) -> Vec<usize> {
    let n = mean.len().checked_div(z_size).unwrap_or(0);
    if n == 0 {
        return Vec::new();
    }
    let variance = |dimension: usize| {
        let values = || mean[dimension..].iter().step_by(z_size).map(|v| f64::from(*v));
        let average = values().sum::<f64>() / n as f64;
        values().map(|v| (v - average) * (v - average)).sum::<f64>() / n as f64
    };
    (0..z_size).filter(|dimension| variance(*dimension) > ACTIVE_VARIANCE).collect()
}

/// Mean of the given columns of `values` `[n, Z]`; `None` for no columns or rows.
pub(crate) fn mean_over(values: &[f32], z_size: usize, columns: &[usize]) -> Option<f64> {
    let n = values.len().checked_div(z_size)? * columns.len();
    let rows = values.chunks_exact(z_size);
    let sum: f64 = rows.flat_map(|row| columns.iter().map(|c| f64::from(row[*c]))).sum();
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot continue has failed")]
mod tests {
    use super::*;

    /// The two paths are implemented independently; logits differ at most by the rounding of sums
    /// of a few hundred terms, and no sample is that close to the boundary of a class.
    #[cfg(feature = "flex")]
    #[test]
    fn host_and_device_give_the_same_score() {
        use crate::train::tests::{architectures, spread, windows_of};

        for config in architectures() {
            let model = MusicVae::init(&config, 5, &burn::tensor::Device::flex()).unwrap();
            let weights = spread(&model);
            let model = crate::weights::replace(model, weights).unwrap();
            let layout = config.window();
            let tokens = windows_of(&layout, 300);
            let windows = Windows::new(&tokens, &layout).unwrap();
            let n_parts = layout.n_parts();
            let z: Vec<f32> = (0..300 * config.z_size).map(|i| (i as f32).sin()).collect();
            let tallies = || -> Vec<Tally<'_>> {
                let of = |target| Tally {
                    target,
                    n_steps: layout.n_steps,
                    nats: 0.0,
                    right: vec![0; n_parts],
                };
                windows.iter().map(of).collect()
            };
            let (mut host, mut device) = (tallies(), tallies());
            let written = score_on_host(&model, windows, &z, 7, &mut host);
            let by_device = score_on_device(&model, windows, &z, 7, &mut device);
            let parts = |window: &Vec<u16>| window[..n_parts * layout.n_steps].to_vec();
            assert_eq!(by_device, written.iter().map(parts).collect::<Vec<_>>());
            for (found, expected) in device.iter().zip(&host) {
                assert_eq!(found.right, expected.right);
                assert!((found.nats - expected.nats).abs() < 2e-5 * expected.nats.abs());
            }
        }
    }

    #[test]
    fn a_dimension_is_active_above_the_threshold() {
        // The variances are 0, 0.0625 and 0.0064.
        let mean = [1.0, 0.25, 0.08, 1.0, -0.25, -0.08];
        assert_eq!(active_dimensions(&mean, 3), [1]);
        assert_eq!(active_dimensions(&[], 3), Vec::<usize>::new());
    }

    #[test]
    fn a_mean_over_columns_by_hand() {
        let values = [0.5, 9.0, 0.25, 0.125, 9.0, 0.125];
        assert_eq!(mean_over(&values, 3, &[0, 2]), Some(0.25));
        assert_eq!(mean_over(&values, 3, &[]), None);
        assert_eq!(mean_over(&[], 3, &[1]), None);
    }

    #[test]
    fn the_objective_weighs_the_bits_that_cost() {
        let evaluation = Evaluation {
            n_windows: 1,
            reconstruction_nats: 20.0,
            kl_bits: 52.0,
            teacher_forced_accuracy: 1.0,
            sampled_accuracy: 1.0,
            active_units: 3,
            active_std_dev: None,
            parts: Vec::new(),
        };
        let mut objective = crate::presets::find("cat-mel_2bar_tiny").unwrap().training.objective;
        // 32 bits are free and beta ends at 0.2: 20 + 0.2 · 20 · ln 2.
        let expected = 20.0 + 4.0 * std::f64::consts::LN_2;
        assert!((evaluation.objective_nats(&objective) - expected).abs() < 1e-12);
        objective.free_bits = crate::FreeBits::PerDimension { per_dimension: 1.0 };
        let expected = 20.0 + 10.4 * std::f64::consts::LN_2;
        assert!((evaluation.objective_nats(&objective) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_posterior_is_collapsed_without_active_units_or_with_hardly_any_bits() {
        let evaluation = |active_units, kl_bits| Evaluation {
            n_windows: 1,
            reconstruction_nats: 1.0,
            kl_bits,
            teacher_forced_accuracy: 1.0,
            sampled_accuracy: 1.0,
            active_units,
            active_std_dev: None,
            parts: Vec::new(),
        };
        assert!(evaluation(0, 30.0).is_collapsed());
        assert!(evaluation(5, 0.9).is_collapsed());
        assert!(!evaluation(1, 1.0).is_collapsed());
    }

    #[test]
    fn log_probability_survives_large_logits() {
        let nats = negative_log_probability(&[1000.0, 1000.0, -1000.0], 1);
        assert!((nats - std::f64::consts::LN_2).abs() < 1e-12);
    }
}
