//! From a corpus folder to a model folder: the training loop with its files.

mod checkpoints;
mod metrics;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use musicvae::presets::{self, Preset};
use musicvae::train::{
    Checkpoint, CheckpointError, Plan, StepMetrics, TrainError, TrainObserver, Trainer,
};
use musicvae::{
    Baselines, Device, Evaluation, MusicVae, ObjectiveConfig, RecurrentPrecision, Windows,
    WindowsError, active_dimensions, baselines, evaluate,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::artifact::{ArtifactError, ArtifactResult, JsonFormat, write_atomic};
use crate::corpus::CorpusReport;
use crate::model::{ModelConfig, TrainingSummary};
use crate::run::RunFolder;
use crate::table::{Split, read_windows};
use checkpoints::Checkpoints;
use metrics::MetricsFile;

/// Tokens of held-out music scored on the way: 2,048 windows of two bars of melody.
const EVALUATION_TOKENS: usize = 1 << 16;
/// The most held-out music scored at the end: 32,768 windows of two bars. More tells no more, and
/// with long windows that overlap takes longer than the training.
const FINAL_EVALUATION_TOKENS: usize = 1 << 20;
/// Training music encoded to find the active dimensions: 20,480 windows of two bars.
pub(crate) const ACTIVITY_TOKENS: usize = 10 << 16;

/// What to train on, how, and where to.
#[derive(Clone, Debug)]
pub struct TrainRequest {
    /// A preset's name.
    pub preset: String,
    /// What is minimised, if not what the preset says.
    pub objective: Option<ObjectiveConfig>,
    /// How recurrent weights enter products, where it is not to be what the preset says.
    pub recurrent_precision: Option<RecurrentPrecision>,
    /// The corpus folder.
    pub corpus: PathBuf,
    /// The run folder that receives checkpoints, metrics and model.
    pub run: RunFolder,
    /// When to stop, evaluate and save.
    pub plan: Plan,
    /// The seed of every draw.
    pub seed: u64,
    /// Go on from the run's last checkpoint.
    pub resume: bool,
}

/// Why there is no trained model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// No preset has that name.
    #[error("unknown preset `{name}`; {} are known",
        presets::all().iter().map(|p| format!("`{}`", p.name)).collect::<Vec<_>>().join(", "))]
    UnknownPreset {
        /// What was asked for.
        name: String,
    },
    /// The corpus is of another kind.
    #[error("the corpus {} holds `{found}` windows; preset `{preset}` learns `{expected}`", corpus.display())]
    Kind {
        /// The corpus folder.
        corpus: PathBuf,
        /// Its kind.
        found: String,
        /// The preset.
        preset: String,
        /// Its kind.
        expected: &'static str,
    },
    /// A table holds what no window is.
    #[error("the corpus {} is damaged: {source}; build it anew", corpus.display())]
    Windows {
        /// The corpus folder.
        corpus: PathBuf,
        /// What is wrong.
        source: WindowsError,
    },
    /// There is a run already.
    #[error(
        "{} holds checkpoints of a run already; go on with `--resume`, or give another folder",
        checkpoints.display()
    )]
    RunExists {
        /// Its checkpoints.
        checkpoints: PathBuf,
    },
    /// There is nothing to go on from.
    #[error("{} holds no checkpoint to resume from; leave out `--resume`", checkpoints.display())]
    NothingToResume {
        /// Where they should be.
        checkpoints: PathBuf,
    },
    /// The checkpoint can't be used.
    #[error("can't resume from {}: {source}", checkpoint.display())]
    Checkpoint {
        /// Which.
        checkpoint: PathBuf,
        /// Why.
        source: CheckpointError,
    },
    /// Training itself stopped.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Reading or writing failed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// Hears a training run; the library writes its files itself.
pub trait TrainProgress {
    /// Training starts, or goes on after `n_steps` steps.
    fn on_start(&mut self, n_steps: u64, n_train: usize, n_heldout: usize);

    /// A step was made.
    fn on_step(&mut self, metrics: &StepMetrics, elapsed: Duration);

    /// The held-out windows were scored.
    fn on_evaluation(&mut self, n_steps: u64, evaluation: &Evaluation);

    /// Asked after each step; `true` stops with a checkpoint.
    fn stop_requested(&self) -> bool {
        false
    }
}

/// What a training run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainOutcome {
    /// The model's folder.
    pub model: PathBuf,
    /// Steps made.
    pub n_steps: u64,
    /// Steps after which the kept weights were taken.
    pub best_step: u64,
    /// Steps made in this go, for each second of training with evaluations and checkpoints.
    pub steps_per_second: f64,
    /// The same in sequences.
    pub sequences_per_second: f64,
    /// Held-out windows, without those that are in train.
    pub n_heldout_windows: usize,
    /// Dimensions that carry information.
    pub n_active: usize,
    /// Figures on the held-out windows.
    pub heldout: Option<Evaluation>,
    /// What needs no model.
    pub baselines: Option<Baselines>,
}

/// The windows of a corpus in memory, side by side.
pub(crate) struct CorpusTokens {
    pub(crate) train: Vec<u16>,
    /// Without those that are in train.
    pub(crate) heldout: Vec<u16>,
    pub(crate) hash: String,
}

impl CorpusTokens {
    pub(crate) fn read(corpus: &Path) -> ArtifactResult<Self> {
        let (mut train, mut heldout) = (Vec::new(), Vec::new());
        let mut hasher = blake3::Hasher::new();
        read_windows(corpus, |row| {
            hasher.update(&row.window_id.to_le_bytes());
            hasher.update(row.split.name().as_bytes());
            match row.split {
                Split::Train => train.extend(row.tokens),
                Split::Heldout if !row.seen => heldout.extend(row.tokens),
                Split::Heldout => {}
            }
        })?;
        let hash = hasher.finalize().to_hex()[..16].to_owned();
        Ok(Self { train, heldout, hash })
    }
}

/// `config.json` of a run: what repeats it.
#[derive(Serialize, Deserialize)]
struct RunConfig {
    preset: String,
    kind: String,
    musicvae: musicvae::MusicVaeConfig,
    training: musicvae::TrainingConfig,
    seed: u64,
    corpus_hash: String,
    program_version: String,
}

impl JsonFormat for RunConfig {
    const FORMAT: &'static str = "controlgen.run";
    const VERSION: u32 = 1;
}

/// Trains a model, or goes on training it, and writes its folder from the best weights.
///
/// # Errors
/// See [`TrainingError`]; checkpoints written until then stay good.
pub fn train(
    request: &TrainRequest,
    device: &Device,
    progress: &mut impl TrainProgress,
) -> Result<TrainOutcome, TrainingError> {
    let name = || request.preset.clone();
    let mut preset = presets::find(&request.preset)
        .ok_or_else(|| TrainingError::UnknownPreset { name: name() })?;
    if let Some(objective) = request.objective {
        preset.training.objective = objective;
    }
    if let Some(precision) = request.recurrent_precision {
        preset.training.recurrent_precision = precision;
    }
    let preset = preset;
    let report = CorpusReport::load(&request.corpus.join("report.json"))?;
    if report.kind != preset.kind {
        return Err(TrainingError::Kind {
            corpus: request.corpus.clone(),
            found: report.kind,
            preset: name(),
            expected: preset.kind,
        });
    }
    let tokens = CorpusTokens::read(&request.corpus)?;
    let layout = preset.model.window();
    let windows = |tokens| {
        Windows::new(tokens, &layout)
            .map_err(|source| TrainingError::Windows { corpus: request.corpus.clone(), source })
    };
    let (train, heldout) = (windows(&tokens.train)?, windows(&tokens.heldout)?);
    let some_heldout = every_nth(heldout, EVALUATION_TOKENS);
    let some_heldout = windows(&some_heldout)?;

    let checkpoints = Checkpoints::new(request.run.checkpoints());
    let mut trainer = start(request, &preset, device, &checkpoints)?;
    if let Some(best) = trainer.best() {
        checkpoints.name_best(best.step)?;
    }
    let config = RunConfig {
        preset: name(),
        kind: preset.kind.to_owned(),
        musicvae: preset.model.clone(),
        training: preset.training,
        seed: request.seed,
        corpus_hash: tokens.hash.clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    config.save(&request.run.config())?;
    let metrics = MetricsFile::open(&request.run.metrics(), trainer.n_steps())?;
    progress.on_start(trainer.n_steps(), train.len(), heldout.len());
    let mut observer = Observer { progress, metrics, checkpoints: &checkpoints };
    let (start, first_step) = (Instant::now(), trainer.n_steps());
    musicvae::train::run(&mut trainer, train, some_heldout, &request.plan, &mut observer)?;
    let steps_per_second =
        (trainer.n_steps() - first_step) as f64 / start.elapsed().as_secs_f64().max(1e-9);

    // The best weights on held-out windows; without such windows, the last ones.
    let (best_step, weights) = checkpoints.best_weights(trainer.n_steps())?;
    let path = checkpoints.folder(best_step).join("weights.safetensors");
    let model = MusicVae::from_safetensors(&preset.model, &weights, device)
        .map_err(|source| ArtifactError::Weights { path, source })?;
    let sample = every_nth(train, ACTIVITY_TOKENS);
    let posteriors = model.encode_windows(windows(&sample)?, |_| ());
    let active = active_dimensions(&posteriors.mean, preset.model.z_size);
    let scored = every_nth(heldout, FINAL_EVALUATION_TOKENS);
    let summary = TrainingSummary {
        preset: name(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: request.seed,
        corpus_hash: tokens.hash.clone(),
        n_train_windows: train.len(),
        n_steps: best_step,
        config: preset.training,
        heldout: evaluate(&model, windows(&scored)?, request.seed),
        baselines: baselines(train, heldout),
    };
    let outcome = TrainOutcome {
        model: request.run.model(),
        n_steps: trainer.n_steps(),
        best_step,
        steps_per_second,
        sequences_per_second: steps_per_second * preset.training.batch_size.min(train.len()) as f64,
        n_heldout_windows: heldout.len(),
        n_active: active.len(),
        heldout: summary.heldout.clone(),
        baselines: summary.baselines,
    };
    let config = ModelConfig {
        kind: preset.kind.to_owned(),
        musicvae: preset.model.clone(),
        active_dimensions: active,
        training: Some(summary),
        imported: None,
    };
    write_model(&request.run.model(), &config, &weights)?;
    Ok(outcome)
}

/// A fresh trainer, or one that goes on.
fn start(
    request: &TrainRequest,
    preset: &Preset,
    device: &Device,
    checkpoints: &Checkpoints,
) -> Result<Trainer, TrainingError> {
    let (model, training, seed) = (preset.model.clone(), preset.training, request.seed);
    let folder = || request.run.checkpoints();
    match (checkpoints.latest()?, request.resume) {
        (Some(_), false) => Err(TrainingError::RunExists { checkpoints: folder() }),
        (None, true) => Err(TrainingError::NothingToResume { checkpoints: folder() }),
        (None, false) => Ok(Trainer::new(model, training, seed, device)?),
        (Some(n_steps), true) => {
            checkpoints.remove_unfinished()?;
            let checkpoint = checkpoints.read(n_steps)?;
            Trainer::resume(model, training, seed, device, &checkpoint).map_err(|source| {
                TrainingError::Checkpoint { checkpoint: checkpoints.folder(n_steps), source }
            })
        }
    }
}

/// Windows of at most `most` tokens in all, spread evenly; one at least, if there is any.
pub(crate) fn every_nth(windows: Windows<'_>, most: usize) -> Vec<u16> {
    let every = (windows.len() * windows.layout().n_tokens()).div_ceil(most).max(1);
    windows.iter().step_by(every).flatten().copied().collect()
}

/// Writes a model folder's own three files. Others in it, such as a mixture of older weights, go.
fn write_model(folder: &Path, config: &ModelConfig, weights: &[u8]) -> ArtifactResult<()> {
    for stale in ["mixture.json", "styles.json", "reference.parquet"] {
        let path = folder.join(stale);
        if path.exists() {
            std::fs::remove_file(&path).map_err(crate::artifact::io("remove", &path))?;
        }
    }
    write_atomic(&folder.join("weights.safetensors"), weights)?;
    config.save(&folder.join("config.json"))?;
    write_atomic(&folder.join("README.md"), crate::card::model_card(config).as_bytes())
}

/// Writes a run's files as it goes.
struct Observer<'a, P> {
    progress: &'a mut P,
    metrics: MetricsFile,
    checkpoints: &'a Checkpoints,
}

impl<P: TrainProgress> TrainObserver for Observer<'_, P> {
    fn on_step(&mut self, metrics: &StepMetrics, elapsed: Duration) {
        self.metrics.step(metrics, elapsed);
        self.progress.on_step(metrics, elapsed);
    }

    fn on_evaluation(&mut self, n_steps: u64, evaluation: &Evaluation) {
        self.metrics.evaluation(n_steps, evaluation);
        self.progress.on_evaluation(n_steps, evaluation);
    }

    fn on_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // Metrics first: a resumed run drops lines after its checkpoint, but can't invent any.
        self.metrics.flush()?;
        self.checkpoints.write(checkpoint)?;
        Ok(())
    }

    fn stop_requested(&self) -> bool {
        self.progress.stop_requested()
    }
}
