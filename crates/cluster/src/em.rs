//! EM over a table of latents: one plan a pass, the M step between them here.

use std::path::PathBuf;
use std::sync::Arc;

use controlgen::artifact::{ArtifactError, JsonFormat};
use controlgen::corpus::CorpusReport;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Float32Type;
use datafusion::common::{DataFusionError, exec_err};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{ident, lit};
use gmm::{ModelError, Samples, SamplesError, SufficientStats};
use thiserror::Error;

use crate::functions::{gmm_stats, stats_of};
use crate::plan::Job;
use crate::session::Runner;
use crate::shared::{EmStep, StepSpec};
use crate::stages::{Say, table};

/// Why no mixture was fitted. The steps made stay, and the same run goes on from the last one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FitError {
    /// A pass failed, in the words of the task that did.
    #[error("the stage `fit` failed")]
    Pass(#[source] Box<DataFusionError>),
    /// There is no window to learn from.
    #[error("no window to learn from; lower `corpus.heldout`")]
    NoWindows,
    /// The windows of the start are none.
    #[error(transparent)]
    Samples(#[from] SamplesError),
    /// The start can't be found.
    #[error("no start for the mixture")]
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

/// The last step that was made.
///
/// # Errors
/// Where it can't be read.
pub fn last(job: &Job) -> Result<Option<EmStep>, ArtifactError> {
    let found = (0..=job.plan.fit.max_iter).rev().map(|at| path(job, at)).find(|p| p.exists());
    found.map(|path| EmStep::load(&path)).transpose()
}

/// Whether a step is the last: the next would add less than `tol`, or was not asked for.
fn is_done(job: &Job, before: Option<f64>, step: &EmStep) -> bool {
    let fit = &job.plan.fit;
    step.iteration >= fit.max_iter
        || before.zip(step.score).is_some_and(|(before, score)| (score - before).abs() < fit.tol)
}

/// Fits the mixture, from the last step if there is one.
pub(crate) async fn fit(job: &Job, runner: &Runner, say: Say<'_>) -> Result<EmStep, FitError> {
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
        say(&format!("fit: pass {}, {score:.4} nats a window", next.iteration));
        before = step.score;
        step = next;
    }
    Ok(step)
}

/// The M step.
///
/// # Errors
/// As [`SufficientStats::maximise`].
pub fn next(reg_covar: f64, step: &EmStep, stats: &SufficientStats) -> Result<EmStep, ModelError> {
    Ok(EmStep {
        iteration: step.iteration + 1,
        score: Some(stats.mean_log_likelihood()),
        n_samples: stats.total_weight(),
        dimensions: step.dimensions.clone(),
        mixture: stats.maximise(reg_covar, &step.mixture)?,
    })
}

/// The E step over all training windows.
async fn pass(
    job: &Job,
    runner: &Runner,
    step: &EmStep,
) -> Result<Option<SufficientStats>, FitError> {
    let spec = StepSpec::of(&path(job, step.iteration))?;
    let spec = serde_json::to_string(&spec).expect("plain values");
    let rows = runner
        .collect(async || {
            let arguments = vec![ident("window_id"), ident("mu"), lit(spec.clone())];
            table(runner, &job.latents())
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
    Ok(if stats.is_null(0) { None } else { Some(stats_of(stats.value(0))?) })
}

/// The first mixture: the best of some starts on the windows of the smallest hashes, which are as good as
/// drawn at random, and the same ones whatever order the table is in.
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
                // The hashes lie otherwise than hashes do.
                smallest(job, runner, None).await?
            }
        }
    };
    start_of(job, &values)
}

/// A bound below which there are at least `n` of `n_train` hashes, all but surely, and few more: so that parts
/// hand over what is needed, rather than `n` rows each. None where all may be needed.
fn hash_below(n: usize, n_train: usize) -> Option<u64> {
    // How many lie below a bound is binomial: five standard deviations more, and some for the least of numbers.
    let n = (n + 5 * n.isqrt() + 64) as u128;
    (n < n_train as u128).then(|| u64::try_from((n << 64) / n_train as u128).unwrap_or(u64::MAX))
}

/// The active dimensions of the windows of the smallest hashes, of those below a bound if there is one.
async fn smallest(
    job: &Job,
    runner: &Runner,
    bound: Option<u64>,
) -> Result<Vec<f64>, DataFusionError> {
    let rows = runner
        .collect(async || {
            let mut latents =
                table(runner, &job.latents()).await?.filter(ident("split").eq(lit("train")))?;
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
    chosen(&rows, job)
}

/// The first mixture, of its windows' active dimensions.
///
/// # Errors
/// Where there are too few.
pub fn start_of(job: &Job, values: &[f64]) -> Result<EmStep, FitError> {
    let d = job.active_dimensions.len();
    if values.is_empty() {
        return Err(FitError::NoWindows);
    }
    let samples = Samples::new(values, values.len() / d, d)?;
    let mixture = job.plan.fit.start().fit(&samples, job.plan.fit.seed)?.model;
    let dimensions = job.active_dimensions.clone();
    Ok(EmStep { iteration: 0, score: None, n_samples: 0.0, dimensions, mixture })
}

/// The active dimensions of latents, row after row.
fn chosen(rows: &[RecordBatch], job: &Job) -> Result<Vec<f64>, DataFusionError> {
    let mut values = Vec::new();
    for batch in rows {
        let list = batch.column_by_name("mu").and_then(|column| column.as_fixed_size_list_opt());
        let Some(latents) = list.and_then(|list| list.values().as_primitive_opt::<Float32Type>())
        else {
            return exec_err!("latents are lists of f32");
        };
        for row in latents.values().chunks_exact(job.z_size) {
            values.extend(job.active_dimensions.iter().map(|d| f64::from(row[*d])));
        }
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
        // Hashes as they are: those of numbers.
        let below = (0..n_train as u64)
            .map(|i| blake3::hash(&i.to_le_bytes()))
            .map(|hash| u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap()))
            .filter(|hash| *hash < bound)
            .count();
        assert!((n..n + 400).contains(&below), "{below}");
    }
}
