//! The EM loop: starts, iterations, and the choice between starts.

mod background;
mod bounds;
mod em_run;
mod m_step;
mod pass;
mod search;
mod shares;
mod start;
mod sums;
mod tied;
pub(crate) mod variational;

use crate::density::BlockDensity;
use crate::model::find_too_large;
use crate::observe::{Observer, Progress};
use crate::report::{FailedStart, Fit, FitReport, FitTimes, PriorShare, Repair, StartReport};
use crate::stats::Moments;
use crate::values::{ParamError, Values};
use crate::{CovarianceType, GaussianMixture, ModelError, Real, Samples};
use bounds::Drift;
use em_run::EmRun;
use pass::Workspace;
pub(crate) use start::SharedStarts;
use start::Start;
use std::time::Instant;
use thiserror::Error;

/// Reason why a fit failed.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum FitError {
    /// A parameter is outside its range.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// There are fewer samples than components.
    #[error(
        "there are {n_samples} samples for {n_components} components; lower `n_components` or add samples"
    )]
    TooFewSamples {
        /// Number of samples.
        n_samples: usize,
        /// Number of components.
        n_components: usize,
    },
    /// The prior has another number of features than the samples.
    #[error("the prior has {found} features where the samples have {expected}")]
    PriorFeatures {
        /// Features of the prior.
        found: usize,
        /// Features of the samples.
        expected: usize,
    },
    /// There are as many factors as features, or more.
    #[error(
        "rank {rank} needs more than {rank} features, and there are {n_features}; use full covariances"
    )]
    TooManyFactors {
        /// Factors asked for.
        rank: usize,
        /// Features of the samples.
        n_features: usize,
    },
    /// A value is so large that its square overflows.
    #[error(
        "row {row}, column {column} is {value}; squares overflow beyond {limit}, rescale the data"
    )]
    TooLarge {
        /// Row, counted from 0.
        row: usize,
        /// Column, counted from 0.
        column: usize,
        /// The value found.
        value: f64,
        /// Largest magnitude allowed.
        limit: f64,
    },
    /// A start that the caller gave does not fit the samples or the parameters.
    #[error("the given start has {found} {what} where {expected} are needed")]
    BadStart {
        /// The property that doesn't fit.
        what: &'static str,
        /// The given value.
        found: String,
        /// Required value.
        expected: String,
    },
    /// A covariance is not positive definite and `reg_covar` is too small to help.
    #[error(
        "component {component} has a singular covariance; raise `reg_covar` (now {reg_covar:e}) or lower `n_components`"
    )]
    Singular {
        /// The component, counted from 0.
        component: usize,
        /// The regularization in force.
        reg_covar: f64,
    },
    /// The covariance of all samples is not positive definite, so that no start can measure
    /// distances by it.
    #[error(
        "the covariance of all samples is singular; drop columns that depend on others, or raise `reg_covar` (now {reg_covar:e})"
    )]
    SingularMetric {
        /// The regularization in force.
        reg_covar: f64,
    },
    /// Some samples have no density under any component, so the likelihood is not finite.
    #[error(
        "the likelihood of iteration {iteration} is {bound}; the data span too many orders of magnitude, rescale them"
    )]
    NotFinite {
        /// The iteration, counted from 1.
        iteration: usize,
        /// The bound found.
        bound: f64,
    },
    /// The observer cancelled the fit.
    #[error("the fit was cancelled in iteration {iteration} of start {start}")]
    Cancelled {
        /// The start, counted from 0.
        start: usize,
        /// The iteration, counted from 1.
        iteration: usize,
    },
}

impl FitError {
    /// Whether another start of the same fit may do better.
    fn is_of_the_start(&self) -> bool {
        matches!(self, Self::Singular { .. } | Self::NotFinite { .. })
    }

    /// What keeps parameters from being a mixture, as a failure of the fit that found them.
    fn of_model(error: &ModelError, reg_covar: f64) -> Self {
        match error {
            ModelError::NotPositiveDefinite { component } => {
                Self::Singular { component: *component, reg_covar }
            }
            _ => Self::SingularMetric { reg_covar },
        }
    }
}

/// Result of one start.
struct Run {
    model: GaussianMixture,
    lower_bounds: Vec<f64>,
    converged: bool,
    score: f64,
    repairs: Vec<Repair>,
    prior_shares: Vec<PriorShare>,
}

/// Fits a mixture; see [`ValidParams::fit_observed`](crate::ValidParams::fit_observed).
///
/// Fits to the same samples with the same seed may share parts of their starts in `shared`; that
/// changes no result.
pub(crate) fn fit<T: Real>(
    values: &Values,
    samples: &Samples<'_, T>,
    seed: u64,
    shared: &SharedStarts,
    observe: &mut Observer<'_>,
) -> Result<Fit, FitError> {
    check_size(values, samples)?;
    let background = shared.background(values, samples, seed);
    let mut workspace =
        Workspace::new(values.n_components, samples, values.covariance_type.of_moments());
    let mut times = FitTimes::default();
    let mut starts = Vec::with_capacity(values.n_init);
    let mut best: Option<(usize, Run)> = None;
    let (mut failed_starts, mut first_failure) = (Vec::new(), None);
    for start in 0..values.n_init {
        let at = Start { values, seed, index: start, background: &background, shared };
        let run = match run_start(&at, samples, &mut workspace, &mut times, observe) {
            Ok(run) => run,
            Err(error) if error.is_of_the_start() => {
                failed_starts.push(FailedStart { start, reason: error.to_string() });
                first_failure = first_failure.or(Some(error));
                continue;
            }
            Err(error) => return Err(error),
        };
        starts.push(StartReport {
            score: run.score,
            first_bound: run.lower_bounds[0],
            n_iter: run.lower_bounds.len(),
            converged: run.converged,
        });
        if best.as_ref().is_none_or(|(_, kept)| run.score > kept.score) {
            best = Some((start, run));
        }
    }
    let Some((best_init, run)) = best else {
        return Err(first_failure.expect("`n_init` is at least 1, so some start has failed"));
    };
    let effective = samples.effective_size();
    let log_likelihood = run.score * samples.total_weight();
    let n_parameters = run.model.n_parameters();
    let report = FitReport {
        n_samples: samples.n_samples(),
        n_features: samples.n_features(),
        n_components: values.n_components,
        covariance_type: values.covariance_type,
        n_parameters,
        n_iter: run.lower_bounds.len(),
        lower_bounds: run.lower_bounds,
        converged: run.converged,
        best_init,
        starts,
        score: run.score,
        log_likelihood,
        bic: -2.0 * run.score * effective + n_parameters as f64 * effective.ln(),
        aic: -2.0 * run.score * effective + 2.0 * n_parameters as f64,
        failed_starts,
        repairs: run.repairs,
        prior_shares: run.prior_shares,
        times,
    };
    Ok(Fit { model: run.model, report })
}

/// Runs EM from one start until it converges.
fn run_start<T: Real>(
    start: &Start<'_>,
    samples: &Samples<'_, T>,
    workspace: &mut Workspace<T>,
    times: &mut FitTimes,
    observe: &mut Observer<'_>,
) -> Result<Run, FitError> {
    let clock = Instant::now();
    let values = start.values;
    let mut em = EmRun::new(values, start.background, samples, workspace);
    start.begin(samples, &mut em)?;
    times.start += clock.elapsed();
    let clock = Instant::now();
    let mut converged = false;
    for iteration in 1..=values.max_iter {
        let previous = (iteration > 1).then_some(em.bound());
        let bound = em.step()?;
        let change = previous.map(|previous| bound - previous);
        converged = change.is_some_and(|change| change.abs() < values.tol);
        let progress = Progress {
            n_components: values.n_components,
            covariance_type: values.covariance_type,
            start: start.index,
            n_init: values.n_init,
            iteration,
            max_iter: values.max_iter,
            lower_bound: bound,
            change,
            is_last_iteration: converged || iteration == values.max_iter,
        };
        if observe(&progress).is_break() {
            return Err(FitError::Cancelled { start: start.index, iteration });
        }
        if converged {
            break;
        }
    }
    times.iterations += clock.elapsed();
    let (model, lower_bounds, prior_shares, repairs) = em.finish();
    let score = model.score(samples).expect("the mixture was fitted to these samples");
    Ok(Run { model, lower_bounds, converged, score, repairs, prior_shares })
}

/// Moments of one E step, and the log likelihood.
pub(crate) struct Collected {
    pub(crate) moments: Vec<Moments>,
    pub(crate) log_likelihood: f64,
}

/// Moments of `samples` under `model`, which has as many features; tied covariances get full
/// moments.
pub(crate) fn moments<T: Real>(model: &GaussianMixture, samples: &Samples<'_, T>) -> Collected {
    let covariance_type = match model.covariance_type() {
        CovarianceType::Tied => CovarianceType::Full,
        other => other.of_moments(),
    };
    let mut workspace = Workspace::new(model.n_components(), samples, covariance_type);
    let density = BlockDensity::<T>::new(model.weights(), model.means(), model.factors());
    let drift = Drift::unknown(model.n_components());
    let totals = workspace.expectation(samples, &density, &drift, model.means());
    Collected { moments: workspace.moments().to_vec(), log_likelihood: totals.log_likelihood }
}

/// Refuses too few samples, and values whose squares would overflow.
fn check_size<T: Real>(values: &Values, samples: &Samples<'_, T>) -> Result<(), FitError> {
    let (n_samples, n_components) = (samples.n_samples(), values.n_components);
    if let Some(prior) = &values.prior
        && prior.n_features() != samples.n_features()
    {
        return Err(FitError::PriorFeatures {
            found: prior.n_features(),
            expected: samples.n_features(),
        });
    }
    if let CovarianceType::LowRank(rank) = values.covariance_type
        && rank >= samples.n_features()
    {
        return Err(FitError::TooManyFactors { rank, n_features: samples.n_features() });
    }
    if n_samples < n_components {
        return Err(FitError::TooFewSamples { n_samples, n_components });
    }
    match find_too_large(samples) {
        Some((row, column, value, limit)) => Err(FitError::TooLarge { row, column, value, limit }),
        None => Ok(()),
    }
}
