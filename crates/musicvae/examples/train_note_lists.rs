//! Trains a model over note lists on folders of MIDI files, and evaluates its reconstructions.
//!
//! Prints one JSON line every 250 steps and for each evaluation, in the same format as the PyTorch
//! model that its speed is compared with.
//!
//! ```sh
//! cargo run --release -p musicvae --example train_note_lists -- \
//!   FOLDER… --minutes 20 --key --out RUN
//! ```
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;
use musicvae::note_list::{
    NoteListEvaluation, NoteListGenerator, NoteListVae, NoteListVaeConfig, NoteListWindows,
    evaluate_note_lists, presets,
};
use musicvae::schedule::BetaSchedule;
use musicvae::train::{
    Checkpoint, Corpus, Plan, StepMetrics, StepTimes, TrainObserver, Trainer, run,
};
use musicvae::{Precision, Sampling, TrainingConfig, seed};
use note_seq::NoteList;
use rand::seq::SliceRandom;
use serde_json::json;

#[path = "train_note_lists/corpus.rs"]
mod corpus;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Number of steps between lines of output.
const STEPS_PER_LINE: u64 = 250;

#[derive(Parser)]
#[command(about = "Trains a model over note lists on folders of MIDI files")]
struct Args {
    /// Folders of MIDI files; each folder is a corpus.
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Minutes of training, including the time before a resume.
    #[arg(long, default_value_t = 20.0)]
    minutes: f64,
    /// A preset of `musicvae::note_list::presets`.
    #[arg(long, default_value = "poly_2bar_compact")]
    preset: String,
    /// Weight of the KL term after its warmup [default: that of the preset].
    #[arg(long)]
    beta: Option<f64>,
    /// Windows per step [default: that of the preset].
    #[arg(long)]
    batch: Option<usize>,
    /// Adam's initial learning rate [default: that of the preset].
    #[arg(long)]
    rate: Option<f64>,
    /// Number of steps after which the learning rate has decayed to 2 % [default: that of the
    /// preset]. To resume a run, pass the same number.
    #[arg(long)]
    steps: Option<u64>,
    /// Stop after this many steps.
    #[arg(long)]
    max_steps: Option<u64>,
    /// Use the sizes of the PyTorch model: hidden 256, z 256.
    #[arg(long)]
    peer: bool,
    /// Number of threads; 0 uses all cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of bars from one window to the next.
    #[arg(long, default_value_t = 1)]
    stride: usize,
    /// Transpose every window to C major or A minor.
    #[arg(long)]
    key: bool,
    /// The folder for checkpoints and weights; if it contains a run, the run is resumed.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Number of minutes between evaluations on 500 windows, each followed by a checkpoint.
    #[arg(long, default_value_t = 10.0)]
    every: f64,
    /// Number of windows of the last evaluation.
    #[arg(long, default_value_t = 2000)]
    scored: usize,
    /// Evaluate these weights without training.
    #[arg(long)]
    evaluate: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global()?;
    let preset = presets::find(&args.preset).with_context(|| {
        let names: Vec<&str> = presets::all().iter().map(|preset| preset.name).collect();
        format!("no preset is named {}; there are {}", args.preset, names.join(", "))
    })?;
    let model = if args.peer { peer(&preset.model) } else { preset.model };
    let training = settings(&args, preset.training);
    let began = Instant::now();
    let corpora = corpus::read(&args.folders, model.encoding, args.stride, args.key)?;
    let mut train: Vec<NoteList> = Vec::new();
    let mut drawn = Vec::new();
    let mut heldout: Vec<NoteList> = Vec::new();
    let mut by_corpus = Vec::new();
    for corpus in corpora {
        let (name, n, n_heldout) = (corpus.name, corpus.train.len(), corpus.heldout.len());
        line(&json!({ "folder": name, "train": n, "heldout": n_heldout }));
        if n > 0 {
            let weight = (n as f64).powf(0.6);
            drawn.push(Corpus { windows: train.len()..train.len() + n, weight });
            by_corpus.push((name, heldout.len()..heldout.len() + n_heldout));
            train.extend(corpus.train);
            heldout.extend(corpus.heldout);
        }
    }
    if train.is_empty() {
        bail!("no window in {:?}; folders with .mid files are needed", args.folders);
    }
    line(&json!({ "read_seconds": began.elapsed().as_secs() }));
    let device = musicvae::device::parse("flex")?;
    let last = some(&heldout, args.scored, args.seed);
    let trained = if let Some(path) = &args.evaluate {
        NoteListVae::from_safetensors(&model, &std::fs::read(path)?, &device)?
    } else {
        let mut trainer = start(&args, &model, training, &device)?;
        line(&json!({ "weights": trainer.model().n_weights() }));
        let windows = NoteListWindows::new(&train, model.encoding)?.with_corpora(&drawn)?;
        let few = some(&heldout, 500, args.seed);
        let few = NoteListWindows::new(&few, model.encoding)?;
        teach(&args, &mut trainer, windows, few)?;
        trainer.model()
    };
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out)?;
        write(&out.join("config.json"), serde_json::to_string_pretty(&model)?.as_bytes())?;
        write(&out.join("weights.safetensors"), &trained.to_safetensors(Precision::F16))?;
    }
    if let Some(evaluation) = evaluate_note_lists(&model, &trained, &last, args.seed) {
        let (best, sampled) = (evaluation.best.note_f1, evaluation.sampled.note_f1);
        line(&json!({ "f1_best": best, "f1_sampled": sampled }));
        line(&json!(evaluation));
    }
    for (name, windows) in by_corpus {
        let windows = some(&heldout[windows], 300, args.seed);
        if let Some(of_corpus) = evaluate_note_lists(&model, &trained, &windows, args.seed) {
            let (best, sampled) = (of_corpus.best.note_f1, of_corpus.sampled.note_f1);
            line(&json!({ "corpus": name, "f1_best": best, "f1_sampled": sampled }));
        }
    }
    time_decoding(&model, &trained, &last);
    Ok(())
}

/// The sizes of the PyTorch model.
fn peer(model: &NoteListVaeConfig) -> NoteListVaeConfig {
    let n_heads = model.head_sizes.len();
    let mut head_sizes = vec![64; n_heads];
    head_sizes[1.min(n_heads - 1)] = 256;
    NoteListVaeConfig {
        z_size: 256,
        note_size: 512,
        cell_size: 256,
        encoder_size: 128,
        summary_size: 96,
        plan_size: 128,
        conductor_size: 128,
        list_size: 256,
        head_sizes,
        ..model.clone()
    }
}

fn settings(args: &Args, mut training: TrainingConfig) -> TrainingConfig {
    if let Some(batch_size) = args.batch {
        training.batch_size = batch_size;
    }
    if let (Some(beta), BetaSchedule::Linear { warmup_steps, .. }) =
        (args.beta, training.objective.beta)
    {
        training.objective.beta = BetaSchedule::Linear { max: beta, warmup_steps };
    }
    if let Some(rate) = args.rate {
        training.learning_rate = training.learning_rate.falling_from(rate);
    }
    if let Some(steps) = args.steps {
        training.learning_rate = training.learning_rate.ending_at(steps);
    }
    // Windows in one key are not transposed to others.
    training.max_transposition = if args.key || args.preset.starts_with("drums") { 0 } else { 6 };
    training
}

/// The latest checkpoint of a run, or a new run.
fn start(
    args: &Args,
    model: &NoteListVaeConfig,
    training: TrainingConfig,
    device: &musicvae::Device,
) -> anyhow::Result<Trainer<NoteListVaeConfig>> {
    let folder = args.out.as_ref().map(|out| out.join("checkpoint"));
    match folder {
        Some(folder) if folder.join("state.json").exists() => {
            let read = |name: &str| std::fs::read(folder.join(name));
            let state = std::fs::read_to_string(folder.join("state.json"))?;
            let checkpoint = Checkpoint {
                n_steps: 0,
                is_best: false,
                weights: read("weights.safetensors")?,
                optimizer: read("optimizer.safetensors")?,
                state,
            };
            let model = model.clone();
            Ok(Trainer::resume(model, training, args.seed, device, &checkpoint)?)
        }
        _ => Ok(Trainer::new(model.clone(), training, args.seed, device)?),
    }
}

/// Trains until the time is up.
fn teach(
    args: &Args,
    trainer: &mut Trainer<NoteListVaeConfig>,
    train: NoteListWindows<'_>,
    heldout: NoteListWindows<'_>,
) -> anyhow::Result<()> {
    let minutes = |minutes: f64| Duration::from_secs_f64(minutes * 60.0);
    let end = minutes(args.minutes);
    loop {
        let until = (trainer.elapsed() + minutes(args.every)).min(end);
        let plan = Plan {
            max_steps: args.max_steps,
            max_time: Some(until),
            patience: None,
            evaluate_every: u64::MAX,
            checkpoint_every: u64::MAX,
        };
        let windows_per_step = args.batch.unwrap_or(128);
        let mut observer = Observer { out: args.out.as_deref(), windows_per_step, seconds: 0.0 };
        run(trainer, train, heldout, &plan, &mut observer)?;
        let is_done = args.max_steps.is_some_and(|steps| trainer.n_steps() >= steps);
        if trainer.elapsed() >= end || is_done {
            return Ok(());
        }
    }
}

struct Observer<'a> {
    out: Option<&'a Path>,
    windows_per_step: usize,
    /// Duration of the steps since the last line.
    seconds: f64,
}

impl TrainObserver<NoteListVaeConfig> for Observer<'_> {
    fn on_step(&mut self, metrics: &StepMetrics, times: StepTimes) {
        self.seconds += times.step.as_secs_f64();
        let step = metrics.step + 1;
        if step.is_multiple_of(STEPS_PER_LINE) {
            let rate = (STEPS_PER_LINE as usize * self.windows_per_step) as f64 / self.seconds;
            self.seconds = 0.0;
            line(&json!({
                "minutes": times.elapsed.as_secs_f64() / 60.0,
                "windows": step * self.windows_per_step as u64,
                "windows_per_s": rate.round(),
                "waited_ms": times.waited.as_millis(),
                "kl_nats": metrics.kl_bits * std::f64::consts::LN_2,
                "reconstruction": metrics.reconstruction_nats,
                "fields": metrics.fields,
                "gradient": metrics.gradient_norm,
            }));
        }
    }

    fn on_evaluation(&mut self, n_steps: u64, evaluation: &NoteListEvaluation) {
        line(&json!({
            "step": n_steps,
            "f1_best": evaluation.best.note_f1,
            "f1_sampled": evaluation.sampled.note_f1,
            "heldout_nats": evaluation.reconstruction_nats,
            "kl_nats": evaluation.kl_bits * std::f64::consts::LN_2,
            "active": evaluation.active_units,
        }));
    }

    fn on_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(out) = self.out else { return Ok(()) };
        let folder = out.join("checkpoint");
        std::fs::create_dir_all(&folder)?;
        write(&folder.join("weights.safetensors"), &checkpoint.weights)?;
        write(&folder.join("optimizer.safetensors"), &checkpoint.optimizer)?;
        Ok(write(&folder.join("state.json"), checkpoint.state.as_bytes())?)
    }
}

/// Writes a file completely or not at all.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)?;
    std::fs::rename(new, path)
}

/// Up to `n` random windows.
fn some(lists: &[NoteList], n: usize, seed: u64) -> Vec<NoteList> {
    let mut order: Vec<usize> = (0..lists.len()).collect();
    order.shuffle(&mut seed::stream(seed, "scored", 0));
    order.into_iter().take(n).map(|i| lists[i].clone()).collect()
}

/// Measures how long it takes to decode a single window, and many.
fn time_decoding(config: &NoteListVaeConfig, model: &NoteListVae, lists: &[NoteList]) {
    let lists: Vec<NoteList> = lists.iter().take(1000).cloned().collect();
    if lists.is_empty() {
        return;
    }
    let began = Instant::now();
    let z = model.encode_windows(&lists, |_| ()).mean;
    let encoded = began.elapsed();
    let generator = NoteListGenerator::new(config, &model.decoder);
    let meters: Vec<_> = lists.iter().map(NoteList::meter).collect();
    let mut rngs: Vec<_> = (0..lists.len()).map(|i| seed::stream(1, "time", i as u64)).collect();
    let sampling = Sampling::Temperature(1.0);
    let began = Instant::now();
    drop(generator.decode(&z, &meters, sampling, &mut rngs));
    let all = began.elapsed();
    let one = |i: usize| {
        let began = Instant::now();
        let rng = &mut [seed::stream(1, "time", i as u64)];
        drop(generator.decode(
            &z[i * config.z_size..][..config.z_size],
            &meters[i..=i],
            sampling,
            rng,
        ));
        began.elapsed().as_secs_f64() * 1e3
    };
    let mut each: Vec<f64> = (0..lists.len().min(200)).map(one).collect();
    each.sort_by(f64::total_cmp);
    let per_s = |time: Duration| (lists.len() as f64 / time.as_secs_f64()).round();
    line(&json!({
        "encoded_per_s": per_s(encoded),
        "decoded_per_s": per_s(all),
        "one_ms": each[each.len() / 2],
        "one_ms_longest": each.last(),
    }));
}

/// One line of output.
fn line(value: &serde_json::Value) {
    println!("{value}");
}
