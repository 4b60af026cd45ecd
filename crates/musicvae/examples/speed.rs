//! Times a flat melody model: a training step, encoding, sampling a batch and a single sequence.
//!
//! Prints one JSON line with the same keys as a counterpart in PyTorch, so that the two can be run
//! alternately, as `cargo xtask bench train` does. The running time does not depend on the music,
//! so the music is random. `RAYON_NUM_THREADS` sets the number of threads.
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use std::hint::black_box;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use musicvae::schedule::{BetaSchedule, LearningRateSchedule, ScheduledSampling};
use musicvae::train::{self, Checkpoint, Plan, StepMetrics, StepTimes, TrainObserver, Trainer};
use musicvae::{
    Evaluation, FreeBits, Generator, MusicVaeConfig, ObjectiveConfig, RecurrentPrecision, Sampling,
    TrainingConfig, Windows, device, seed,
};
use pulp::{Arch, Simd, WithSimd};
use rand::RngExt;
use rayon::prelude::*;

/// The same allocator as the `controlgen` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    /// Units of the encoder, per direction
    #[arg(long, default_value_t = 512)]
    enc: usize,
    /// Units of each decoder layer
    #[arg(long, default_value_t = 512)]
    dec: usize,
    #[arg(long, default_value_t = 2)]
    dec_layers: usize,
    #[arg(long, default_value_t = 256)]
    z: usize,
    #[arg(long, default_value_t = 64)]
    batch: usize,
    #[arg(long, default_value_t = 32)]
    steps: usize,
    #[arg(long, default_value_t = 90)]
    classes: usize,
    /// Timed runs of each task; the median is reported
    #[arg(long, default_value_t = 7)]
    runs: usize,
    #[arg(long, default_value_t = 2)]
    warmup: usize,
    #[arg(long, default_value = "flex")]
    device: String,
    /// Round recurrent weights to bfloat16 in products
    #[arg(long)]
    bf16: bool,
    /// Only train, so that the peak of memory is that of a training step
    #[arg(long)]
    train_only: bool,
    /// Skip sampling, which runs on the CPU on any device
    #[arg(long)]
    no_sampling: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let Arguments { enc, dec, dec_layers, z, batch, steps, classes, .. } = arguments;
    let config = MusicVaeConfig::flat(classes, steps, z, &[enc], &vec![dec; dec_layers]);
    let layout = config.window();
    let mut rng = seed::stream(1, "speed", 0);
    let last = u16::try_from(classes)?;
    let tokens: Vec<u16> = (0..batch * steps).map(|_| rng.random_range(0..last)).collect();
    let windows = Windows::new(&tokens, &layout)?;
    let device = device::parse(&arguments.device)?;
    // The same as the PyTorch counterpart: teacher forcing, a hinge on the KL term, no
    // transposition.
    let training = TrainingConfig {
        batch_size: batch,
        learning_rate: LearningRateSchedule::Exponential {
            initial: 1e-3,
            min: 1e-5,
            decay: 0.9999,
        },
        max_gradient_norm: 1.0,
        objective: ObjectiveConfig {
            free_bits: FreeBits::PerSequence(48.0),
            beta: BetaSchedule::Exponential { max: 0.2, rate: 0.0 },
            scheduled_sampling: ScheduledSampling::Constant { probability: 0.0 },
        },
        max_transposition: 0,
        recurrent_precision: if arguments.bf16 {
            RecurrentPrecision::Bf16
        } else {
            RecurrentPrecision::F32
        },
        accumulation: 1,
        schedule_start: 0,
    };
    let mut trainer = Trainer::new(config.clone(), training, 1, &device)?;
    let time = |work: &mut dyn FnMut() -> anyhow::Result<()>| -> anyhow::Result<f64> {
        let mut seconds = Vec::new();
        for run in 0..arguments.warmup + arguments.runs.max(1) {
            let start = Instant::now();
            work()?;
            if run >= arguments.warmup {
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
        seconds.sort_by(f64::total_cmp);
        Ok(seconds[seconds.len() / 2])
    };
    // Uses the training loop, whose batches are prepared on another thread.
    let mut clock = StepClock::default();
    let plan = Plan {
        max_steps: Some((arguments.warmup + arguments.runs.max(1)) as u64),
        max_time: None,
        patience: None,
        evaluate_every: u64::MAX,
        checkpoint_every: u64::MAX,
    };
    let none = Windows::new(&[], &layout)?;
    train::run(&mut trainer, windows, none, &plan, &mut clock)?;
    let mut seconds = clock.seconds.split_off(arguments.warmup);
    seconds.sort_by(f64::total_cmp);
    let train = seconds[seconds.len() / 2];
    let mut result = serde_json::json!({
        "peer": "musicvae", "device": arguments.device, "threads": rayon::current_num_threads(),
        "enc": enc, "dec": dec, "dec_layers": dec_layers, "z": z, "batch": batch, "steps": steps,
        "train_seq_per_s": batch as f64 / train,
        "train_flop_per_s": training_operations(&arguments) / train,
        "limit_flop_per_s": multiply_add_rate(),
        "peak_kib": clock.peak_kib,
    });
    if !arguments.train_only {
        let model = trainer.model();
        let encode = time(&mut || {
            black_box(model.encode_windows(windows, |_| ()));
            Ok(())
        })?;
        let object = result.as_object_mut().context("created as an object")?;
        object.insert("encode_seq_per_s".into(), (batch as f64 / encode).into());
    }
    if !arguments.train_only && !arguments.no_sampling {
        let model = trainer.model();
        let generator = Generator::new(&model.decoder);
        let latents = vec![0.1; batch * z];
        let sample = |n: usize| {
            let mut rngs: Vec<_> = (0..n).map(|i| seed::stream(1, "decode", i as u64)).collect();
            time(&mut || {
                let z = &latents[..n * z];
                black_box(generator.decode(z, steps, Sampling::Temperature(0.5), &mut rngs));
                Ok(())
            })
        };
        let (all, one) = (sample(batch)?, sample(1)?);
        let object = result.as_object_mut().context("created as an object")?;
        object.insert("sample_seq_per_s".into(), (batch as f64 / all).into());
        object.insert("sample_one_ms".into(), (one * 1e3).into());
    }
    println!("{result}");
    Ok(())
}

/// Records how long steps take, including the wait for their batches.
#[derive(Default)]
struct StepClock {
    seconds: Vec<f64>,
    /// Peak memory up to the last step, before the checkpoint that follows it.
    peak_kib: Option<u64>,
}

impl TrainObserver for StepClock {
    fn on_step(&mut self, _metrics: &StepMetrics, times: StepTimes) {
        self.seconds.push(times.step.as_secs_f64());
        self.peak_kib = peak_kib();
    }

    fn on_evaluation(&mut self, _n_steps: u64, _evaluation: &Evaluation) {}

    fn on_checkpoint(
        &mut self,
        _checkpoint: &Checkpoint,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

/// The minimum number of operations of a training step: the products of the forward pass, and twice
/// that for the backward pass. Symbols select rows and are not products; z enters once per
/// sequence.
fn training_operations(a: &Arguments) -> f64 {
    let product = |rows: usize, inner: usize, columns: usize| 2.0 * (rows * inner * columns) as f64;
    let steps = a.batch * a.steps;
    let encoder = 2.0 * product(steps, a.enc, 4 * a.enc) + 2.0 * product(a.batch, 2 * a.enc, a.z);
    let first = product(steps, a.dec, 4 * a.dec) + product(a.batch, a.z, 4 * a.dec);
    let above = (a.dec_layers - 1) as f64 * product(steps, 2 * a.dec, 4 * a.dec);
    let ends = product(a.batch, a.z, 2 * a.dec * a.dec_layers) + product(steps, a.dec, a.classes);
    3.0 * (encoder + first + above + ends)
}

/// Operations per second that this machine's threads can do in registers alone, counting a fused
/// multiply-add as two. The best of several runs.
fn multiply_add_rate() -> f64 {
    /// Enough chains to hide the latency of one, few enough for 16 registers.
    const CHAINS: usize = 12;
    const TURNS: usize = 1 << 21;
    struct Chains;
    impl WithSimd for Chains {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            let (a, b) = (simd.splat_f32s(black_box(0.999)), simd.splat_f32s(black_box(1e-3)));
            let mut sums = [simd.splat_f32s(black_box(1.0)); CHAINS];
            for _ in 0..TURNS {
                for sum in &mut sums {
                    *sum = simd.mul_add_f32s(*sum, a, b);
                }
            }
            black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
            (2 * S::F32_LANES * CHAINS * TURNS) as f64
        }
    }
    let arch = Arch::new();
    let threads = rayon::current_num_threads();
    let best = (0..5).map(|_| {
        let start = Instant::now();
        let done: f64 = (0..threads).into_par_iter().map(|_| arch.dispatch(Chains)).sum();
        done / start.elapsed().as_secs_f64()
    });
    best.fold(0.0, f64::max)
}

/// Peak memory of this process, or `None` if the system does not report it.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
