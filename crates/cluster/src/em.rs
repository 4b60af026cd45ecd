//! EM over a table of latents: each pass is a plan, and the M step between passes runs here.

use std::path::PathBuf;
use std::sync::Arc;

use corpus::CorpusReport;
use corpus::artifact::{ArtifactError, JsonFormat};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Float32Type;
use datafusion::common::{DataFusionError, exec_err};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{ident, lit};
use gmm::{ModelError, Samples, SamplesError, SufficientStats};
use thiserror::Error;

use crate::functions::{decode_stats, gmm_stats};
use crate::plan::Job;
use crate::session::{Runner, StatusCallback};
use crate::shared::{EmStep, StepSpec};

/// The reason no mixture was fitted. Completed steps are kept, and the same run resumes from the
/// last one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FitError {
    /// A pass failed; the source is the error of the failed task.
    #[error("the stage `fit` failed")]
    Pass(#[source] Box<DataFusionError>),
    /// There are no training windows.
    #[error("there are no training windows; lower `corpus.heldout`")]
    NoWindows,
    /// The windows for the start are empty.
    #[error(transparent)]
    Samples(#[from] SamplesError),
    /// No start was found.
    #[error("no initial mixture was found")]
    Start(#[from] gmm::FitError),
    /// The M step failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A checkpoint can't be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl From<DataFusionError> for FitError {
    fn from(error: DataFusionError) -> Self {
        Self::Pass(Box::new(error))
    }
}

/// The file of a step.
fn path(job: &Job, iteration: usize) -> PathBuf {
    job.fit().join(format!("step-{iteration:05}.json"))
}

/// The last completed step.
///
/// # Errors
/// [`ArtifactError`] if it can't be read.
pub fn last(job: &Job) -> Result<Option<EmStep>, ArtifactError> {
    let found = (0..=job.plan.fit.max_iter).rev().map(|at| path(job, at)).find(|p| p.exists());
    found.map(|path| EmStep::load(&path)).transpose()
}

/// Whether a step is the last one: `max_iter` is reached, or the last pass gained less than `tol`.
fn is_done(job: &Job, before: Option<f64>, step: &EmStep) -> bool {
    let fit = &job.plan.fit;
    step.iteration >= fit.max_iter
        || before.zip(step.score).is_some_and(|(before, score)| (score - before).abs() < fit.tol)
}

/// Fits the mixture, resuming from the last completed step if there is one.
pub(crate) async fn fit(
    job: &Job,
    runner: &Runner,
    report: StatusCallback<'_>,
) -> Result<EmStep, FitError> {
    let mut step = if let Some(step) = last(job)? {
        step
    } else {
        let step = start(job, runner).await?;
        step.save(&path(job, 0))?;
        step
    };
    let mut before = match step.iteration {
        0 => None,
        at => EmStep::load(&path(job, at - 1))?.score,
    };
    while !is_done(job, before, &step) {
        let stats = pass(job, runner, &step).await?.ok_or(FitError::NoWindows)?;
        let next = next(job.plan.fit.reg_covar, &step, &stats)?;
        next.save(&path(job, next.iteration))?;
        let score = next.score.unwrap_or(f64::NAN);
        report(&format!("fit: pass {}, {score:.4} nats per window", next.iteration));
        before = step.score;
        step = next;
    }
    Ok(step)
}

/// The M step.
///
/// # Errors
/// See [`SufficientStats::maximize`].
pub fn next(reg_covar: f64, step: &EmStep, stats: &SufficientStats) -> Result<EmStep, ModelError> {
    Ok(EmStep {
        iteration: step.iteration + 1,
        score: Some(stats.mean_log_likelihood()),
        n_samples: stats.total_weight(),
        dimensions: step.dimensions.clone(),
        mixture: stats.maximize(reg_covar, &step.mixture)?,
    })
}

/// The E step over all training windows.
async fn pass(
    job: &Job,
    runner: &Runner,
    step: &EmStep,
) -> Result<Option<SufficientStats>, FitError> {
    let spec = StepSpec::from_file(&path(job, step.iteration))?;
    let spec = serde_json::to_string(&spec).expect("plain values");
    let rows = runner
        .collect(async || {
            let arguments = vec![ident("window_id"), ident("mu"), lit(spec.clone())];
            runner
                .table(&job.latents())
                .await?
                .filter(ident("split").eq(lit("train")))?
                .aggregate(Vec::new(), vec![gmm_stats().call(arguments).alias("stats")])?
                .create_physical_plan()
                .await
        })
        .await?;
    let column = rows.iter().find(|batch| batch.num_rows() > 0).map(|batch| batch.column(0));
    let Some(stats) = column.and_then(|column| column.as_binary_opt::<i32>()) else {
        return Ok(exec_err!("`gmm_stats` gives bytes")?);
    };
    Ok(if stats.is_null(0) { None } else { Some(decode_stats(stats.value(0))?) })
}

/// The initial mixture: the best of several starts on the windows with the smallest hashes. They
/// are as good as a random sample, and don't depend on the order of the table.
async fn start(job: &Job, runner: &Runner) -> Result<EmStep, FitError> {
    let n = job.plan.fit.n_start_windows;
    let n_train = CorpusReport::load(&job.corpus().join("report.json"))?.n_train;
    let values = match hash_below(n, n_train) {
        None => smallest(job, runner, None).await?,
        some => {
            let values = smallest(job, runner, some).await?;
            if values.len() / job.active_dimensions.len() >= n {
                values
            } else {
                // The hashes are not uniform.
                smallest(job, runner, None).await?
            }
        }
    };
    initial_step(job, &values)
}

/// A bound below which at least `n` of `n_train` hashes lie, almost surely, and not many more, so
/// that partitions send only the rows that are needed instead of `n` rows each. Returns `None` if
/// all rows may be needed.
fn hash_below(n: usize, n_train: usize) -> Option<u64> {
    // The number of hashes below a bound is binomial: allow five standard deviations more, plus
    // some for small `n`.
    let n = (n + 5 * n.isqrt() + 64) as u128;
    (n < n_train as u128).then(|| u64::try_from((n << 64) / n_train as u128).unwrap_or(u64::MAX))
}

/// The active dimensions of the windows with the smallest hashes, below `bound` if one is given.
async fn smallest(
    job: &Job,
    runner: &Runner,
    bound: Option<u64>,
) -> Result<Vec<f64>, DataFusionError> {
    let rows = runner
        .collect(async || {
            let mut latents =
                runner.table(&job.latents()).await?.filter(ident("split").eq(lit("train")))?;
            if let Some(bound) = bound {
                latents = latents.filter(ident("window_id").lt(lit(bound)))?;
            }
            let plan: Arc<dyn ExecutionPlan> = latents
                .select(vec![ident("window_id"), ident("mu")])?
                .sort(vec![ident("window_id").sort(true, true)])?
                .limit(0, Some(job.plan.fit.n_start_windows))?
                .create_physical_plan()
                .await?;
            Ok(plan)
        })
        .await?;
    active_values(&rows, job)
}

/// The initial mixture, fitted to active dimensions `values` (rows of windows).
///
/// # Errors
/// Returns [`FitError::NoWindows`] if there are no windows, or gmm's error if there are too few.
pub fn initial_step(job: &Job, values: &[f64]) -> Result<EmStep, FitError> {
    let d = job.active_dimensions.len();
    if values.is_empty() {
        return Err(FitError::NoWindows);
    }
    let samples = Samples::new(values, values.len() / d, d)?;
    let mixture = job.plan.fit.start().fit(&samples, job.plan.fit.seed)?.model;
    let dimensions = job.active_dimensions.clone();
    Ok(EmStep { iteration: 0, score: None, n_samples: 0.0, dimensions, mixture })
}

/// The active dimensions of the latents, row by row.
fn active_values(rows: &[RecordBatch], job: &Job) -> Result<Vec<f64>, DataFusionError> {
    let Some(space) = job.latent_space() else {
        return exec_err!("an active dimension is outside the latent space");
    };
    let mut values = Vec::new();
    for batch in rows {
        let list = batch.column_by_name("mu").and_then(|column| column.as_fixed_size_list_opt());
        let Some(latents) = list.and_then(|list| list.values().as_primitive_opt::<Float32Type>())
        else {
            return exec_err!("latents are lists of f32");
        };
        values.extend(space.project_all(latents.values()));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_leaves_enough_hashes_and_few_more() {
        assert_eq!(hash_below(100, 150), None);
        let (n, n_train) = (1_000, 100_000);
        let bound = hash_below(n, n_train).unwrap();
        // Realistic hashes: those of consecutive numbers.
        let below = (0..n_train as u64)
            .map(|i| blake3::hash(&i.to_le_bytes()))
            .map(|hash| u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap()))
            .filter(|hash| *hash < bound)
            .count();
        assert!((n..n + 400).contains(&below), "{below}");
    }
}
