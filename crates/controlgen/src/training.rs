//! From a corpus folder to a model folder: the training loop with its files.

mod checkpoints;
mod curves;
mod error;
mod machine;
mod metrics;
mod record;
mod replay;
mod setup;
mod tensorboard;
mod windows;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corpus::CorpusReport;
use corpus::artifact::{ArtifactError, ArtifactResult, JsonFormat, write_atomic};
use corpus::table::CorpusRows;
use musicvae::train::{
    Checkpoint, Plan, RunReport, StepMetrics, StepTimes, StopReason, TrainError, TrainObserver,
    Trainer,
};
use musicvae::{Baselines, Device, Network, NetworkConfig, Scores, active_dimensions};
use serde::{Deserialize, Serialize};

use crate::model::{ModelConfig, TrainingSummary};
use crate::run::RunFolder;
use checkpoints::Checkpoints;
pub use error::TrainingError;
pub use machine::Machine;
use metrics::{EvaluationPoint, History, MetricsFile, StepPoint};
pub use record::{Go, RunConfig};
pub use replay::DEFAULT_REPLAY;
pub use setup::{DEFAULT_PRESET, Parent, TrainSetup};
use tensorboard::EventFile;
use windows::TrainedOnRows;
pub(crate) use windows::every_nth;

/// Number of tokens of held-out music scored during training: 2,048 windows of two bars of melody.
const EVALUATION_TOKENS: usize = 1 << 16;
/// Maximum number of tokens of held-out music scored at the end: 32,768 windows of two bars. More
/// would add no information, and with long overlapping windows would take longer than the training.
const FINAL_EVALUATION_TOKENS: usize = 1 << 20;
/// Number of tokens of training music encoded to find the active dimensions: 20,480 windows of two
/// bars.
pub(crate) const ACTIVITY_TOKENS: usize = 10 << 16;

/// The corpus, model, settings and output of a training run.
#[derive(Clone, Debug)]
pub struct TrainRequest {
    /// The model, its training settings, and the initial weights.
    pub setup: TrainSetup,
    /// The corpus folder.
    pub corpus: PathBuf,
    /// The run folder that receives checkpoints, metrics and model.
    pub run: RunFolder,
    /// When to stop, evaluate and save.
    pub plan: Plan,
    /// Number of most recent checkpoints to keep, in addition to the best; at least one.
    pub keep_last: usize,
    /// When continuing a model: the fraction of windows drawn from the music it was trained on, at
    /// least 0 and below 1; see [`DEFAULT_REPLAY`].
    pub replay: Option<f64>,
    /// The seed of all random draws.
    pub seed: u64,
    /// Whether to continue from the run's last checkpoint.
    pub resume: bool,
    /// The command line, for the run's `config.json`.
    pub command_line: Vec<String>,
}

/// Receives the progress of a training run; the library writes its files itself.
pub trait TrainProgress {
    /// Training starts, or resumes after `n_steps` steps.
    fn on_start(&mut self, n_steps: u64, n_train: usize, n_heldout: usize);

    /// A step is complete.
    fn on_step(&mut self, metrics: &StepMetrics, times: StepTimes);

    /// The held-out windows have been scored, after `n_steps` steps.
    fn on_evaluation(&mut self, n_steps: u64, scores: &Scores);

    /// Called after each step; `true` stops with a checkpoint.
    fn stop_requested(&self) -> bool {
        false
    }
}

/// The result of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainOutcome {
    /// The model's folder.
    #[serde(with = "corpus::path_text")]
    pub model: PathBuf,
    /// Number of training steps.
    pub n_steps: u64,
    /// Number of steps after which the kept weights were taken.
    pub best_step: u64,
    /// The reason why it stopped.
    pub stopped: StopReason,
    /// Steps per second in this session, including evaluations and checkpoints.
    pub steps_per_second: f64,
    /// The same in sequences.
    pub sequences_per_second: f64,
    /// Fraction of the step time in this session that was spent waiting for data.
    pub wait_share: f64,
    /// Path of the learning curves.
    #[serde(with = "corpus::path_text")]
    pub curves: PathBuf,
    /// Number of held-out windows that do not occur in the training split.
    pub n_heldout_windows: usize,
    /// Number of dimensions that carry information.
    pub n_active: usize,
    /// Scores on the held-out windows.
    pub heldout: Option<Scores>,
    /// Scores of predictors without a model.
    pub baselines: Option<Baselines>,
}

/// Trains a model, or continues training it, and writes its folder from the best weights.
///
/// # Errors
/// Returns a [`TrainingError`]; checkpoints written before it remain valid.
pub fn train(
    request: &TrainRequest,
    device: &Device,
    progress: &mut impl TrainProgress,
) -> Result<TrainOutcome, TrainingError> {
    match &request.setup.model {
        NetworkConfig::Steps(config) => train_as(config, request, device, progress),
        NetworkConfig::Notes(config) => train_as(config, request, device, progress),
    }
}

#[expect(clippy::too_many_lines, reason = "the run from top to bottom, step after step")]
fn train_as<C: TrainedOnRows>(
    config: &C,
    request: &TrainRequest,
    device: &Device,
    progress: &mut impl TrainProgress,
) -> Result<TrainOutcome, TrainingError> {
    let setup = &request.setup;
    setup.check_folder(&request.run)?;
    let report = CorpusReport::of(&request.corpus)?;
    if report.kind != setup.kind {
        return Err(TrainingError::Kind {
            corpus: request.corpus.clone(),
            found: report.kind,
            preset: setup.preset.clone(),
            expected: setup.kind.clone(),
        });
    }
    let rows = CorpusRows::read(&request.corpus, report.roots.len())?;
    let (train, corpora) = to_draw::<C>(request, &rows)?;
    let store = |rows: &[Vec<u16>]| {
        config
            .store(rows)
            .map_err(|source| TrainingError::Windows { corpus: request.corpus.clone(), source })
    };
    let (train, heldout) = (store(&train)?, store(&rows.heldout)?);
    let (train, heldout) = (C::windows(&train, &corpora), C::windows(&heldout, &[]));
    let some_heldout = store(&every_nth(&rows.heldout, EVALUATION_TOKENS))?;
    let some_heldout = C::windows(&some_heldout, &[]);

    let checkpoints = Checkpoints::new(request.run.checkpoints(), request.keep_last);
    let mut trainer = start(config, request, device, &checkpoints)?;
    if let Some(best) = trainer.best() {
        checkpoints.name_best(best.step)?;
    }
    record::write(request, &rows.hash, trainer.n_steps())?;
    let (metrics, history) = MetricsFile::open(&request.run.metrics(), trainer.n_steps())?;
    let events = EventFile::begin(request.run.root(), &history, trainer.elapsed())?;
    progress.on_start(trainer.n_steps(), rows.train.len(), rows.heldout.len());
    let curves = request.run.curves();
    let elapsed = trainer.elapsed();
    let mut observer = Observer {
        progress,
        metrics,
        events,
        history,
        curves: &curves,
        elapsed,
        checkpoints: &checkpoints,
    };
    let (start, first_step) = (Instant::now(), trainer.n_steps());
    let result =
        musicvae::train::run(&mut trainer, train, some_heldout, &request.plan, &mut observer);
    observer.write()?;
    let steps_per_second =
        (trainer.n_steps() - first_step) as f64 / start.elapsed().as_secs_f64().max(1e-9);
    let (run, ran_away) = match result {
        Ok(run) => (run, None),
        // The last good checkpoint becomes the model, if there is one.
        Err(source @ (TrainError::NotFinite { .. } | TrainError::Diverged { .. }))
            if checkpoints.latest()?.is_some() =>
        {
            (RunReport::default(), Some(source))
        }
        Err(error) => return Err(error.into()),
    };

    // The weights that are best on held-out windows; without such windows, the last ones.
    let last = checkpoints.latest()?.unwrap_or(trainer.n_steps());
    let (best_step, weights) = checkpoints.best_weights(last)?;
    let path = checkpoints.folder(best_step).join("weights.safetensors");
    let network = Network::from_safetensors(&setup.model, &weights, device)
        .map_err(|source| ArtifactError::weights(&path, source))?;
    let damaged = |source| TrainingError::Windows { corpus: request.corpus.clone(), source };
    let sample = every_nth(&rows.train, ACTIVITY_TOKENS);
    let posteriors = network.encode(&sample, |_| ()).map_err(damaged)?;
    let active = active_dimensions(&posteriors.mean, setup.model.z_size());
    let scored = every_nth(&rows.heldout, FINAL_EVALUATION_TOKENS);
    let summary = TrainingSummary {
        preset: setup.preset.clone(),
        from: setup.from.as_ref().map(|from| from.origin.clone()),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: request.seed,
        corpus_hash: rows.hash.clone(),
        n_train_windows: rows.train.len(),
        n_steps: best_step,
        config: setup.training,
        heldout: network.evaluate(&scored, request.seed).map_err(damaged)?,
        baselines: C::baselines(train, heldout),
    };
    let sequences = setup.training.sequences_per_update().min(rows.train.len());
    let outcome = TrainOutcome {
        model: request.run.model(),
        n_steps: trainer.n_steps(),
        best_step,
        stopped: run.reason,
        steps_per_second,
        sequences_per_second: steps_per_second * sequences as f64,
        wait_share: run.wait_share(),
        curves,
        n_heldout_windows: rows.heldout.len(),
        n_active: active.len(),
        heldout: summary.heldout.clone(),
        baselines: summary.baselines,
    };
    let config = ModelConfig {
        kind: setup.kind.clone(),
        network: setup.model.clone(),
        active_dimensions: active,
        training: Some(summary),
        imported: None,
    };
    write_model(&request.run.model(), &config, &weights)?;
    match ran_away {
        None => Ok(outcome),
        Some(source) => {
            Err(TrainingError::RanAway { source, step: best_step, model: outcome.model })
        }
    }
}

/// Training windows followed by those of older music, and how often to draw from each.
fn to_draw<'a, C: TrainedOnRows>(
    request: &TrainRequest,
    rows: &'a CorpusRows,
) -> Result<(Cow<'a, [Vec<u16>]>, Vec<musicvae::train::Corpus>), TrainingError> {
    let corpora = windows::drawn(&rows.roots);
    let Some((mut replayed, share)) = replay::windows(request, &rows.hash)? else {
        return Ok((Cow::Borrowed(&rows.train), corpora));
    };
    let n = rows.train.len();
    if !C::DRAWS_BY_CORPUS {
        // The fraction of draws equals the fraction of windows.
        #[expect(clippy::cast_sign_loss, reason = "a share is from 0 to below 1")]
        let most = (n as f64 * share / (1.0 - share)).ceil() as usize;
        let every = replayed.len().div_ceil(most.max(1)).max(1);
        replayed = replayed.into_iter().step_by(every).collect();
    }
    let corpora = replay::drawn(corpora, n, replayed.len(), share);
    let mut all = rows.train.clone();
    all.append(&mut replayed);
    Ok((Cow::Owned(all), corpora))
}

/// Creates a new trainer, one that starts from another model's weights, or one that resumes.
fn start<C: TrainedOnRows>(
    config: &C,
    request: &TrainRequest,
    device: &Device,
    checkpoints: &Checkpoints,
) -> Result<Trainer<C>, TrainingError> {
    let setup = &request.setup;
    let (model, training, seed) = (config.clone(), setup.training, request.seed);
    let folder = || request.run.checkpoints();
    match (checkpoints.latest()?, request.resume) {
        (Some(_), false) => Err(TrainingError::RunExists { checkpoints: folder() }),
        (None, true) => Err(TrainingError::NothingToResume { checkpoints: folder() }),
        (None, false) => {
            request.run.check_new()?;
            Ok(match &setup.from {
                None => Trainer::new(model, training, seed, device)?,
                Some(from) => Trainer::from_weights(model, training, seed, device, &from.weights)?,
            })
        }
        (Some(n_steps), true) => {
            record::check_origin(request)?;
            checkpoints.remove_unfinished()?;
            let checkpoint = checkpoints.read(n_steps)?;
            Trainer::resume(model, training, seed, device, &checkpoint).map_err(|source| {
                TrainingError::Checkpoint { checkpoint: checkpoints.folder(n_steps), source }
            })
        }
    }
}

/// Writes the three files of a model folder. Other files in it, for example a mixture for older
/// weights, are deleted.
fn write_model(folder: &Path, config: &ModelConfig, weights: &[u8]) -> ArtifactResult<()> {
    let others = ["styles.json", "reference.parquet", "pieces.safetensors", "attributes.json"];
    let others = others.map(|name| folder.join(name));
    for path in crate::style::mixture_files(folder).into_iter().chain(others) {
        if path.exists() {
            std::fs::remove_file(&path).map_err(corpus::artifact::io("remove", &path))?;
        }
    }
    write_atomic(&folder.join("weights.safetensors"), weights)?;
    config.save(&folder.join("config.json"))?;
    write_atomic(&folder.join("README.md"), crate::card::model_card(config).as_bytes())
}

/// Writes a run's files during training.
struct Observer<'a, P> {
    progress: &'a mut P,
    metrics: MetricsFile,
    events: EventFile,
    history: History,
    curves: &'a Path,
    /// Time since the start of the run, after the last step.
    elapsed: Duration,
    checkpoints: &'a Checkpoints,
}

impl<P> Observer<'_, P> {
    /// Writes all metrics to disk and draws the curves.
    fn write(&mut self) -> ArtifactResult<()> {
        self.metrics.flush()?;
        self.events.flush()?;
        curves::write(self.curves, &self.history)
    }
}

impl<C: TrainedOnRows, P: TrainProgress> TrainObserver<C> for Observer<'_, P> {
    fn on_step(&mut self, metrics: &StepMetrics, times: StepTimes) {
        self.elapsed = times.elapsed;
        self.metrics.step(metrics, times);
        self.events.step(metrics, times.elapsed);
        let elapsed_secs = times.elapsed.as_secs_f64();
        self.history.steps.push(StepPoint { elapsed_secs, metrics: *metrics });
        self.progress.on_step(metrics, times);
    }

    fn on_evaluation(&mut self, step: u64, evaluation: &C::Evaluation) {
        let scores: Scores = evaluation.clone().into();
        self.metrics.evaluation(step, &scores);
        self.events.evaluation(step, &scores, self.elapsed);
        self.progress.on_evaluation(step, &scores);
        self.history.evaluations.push(EvaluationPoint { step, scores });
    }

    fn on_checkpoint(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // Metrics first: a resumed run removes lines after its checkpoint, but can't restore
        // missing ones.
        self.write()?;
        self.checkpoints.write(checkpoint)?;
        Ok(())
    }

    fn stop_requested(&self) -> bool {
        self.progress.stop_requested()
    }
}
