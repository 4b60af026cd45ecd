//! The EM loop: starts, iterations, and selection of the best start.

mod background;
mod begin;
mod bounds;
mod em_run;
mod error;
mod m_step;
mod pass;
mod search;
mod sparse;
mod start;
mod sums;
mod tied;
pub(crate) mod variational;

use crate::density::BlockDensity;
use crate::observe::{Observer, Progress};
use crate::report::{FailedStart, Fit, FitReport, FitTimes, PriorShare, Repair, StartReport};
use crate::stats::Moments;
use crate::values::Values;
use crate::{CovarianceType, GaussianMixture, Real, Samples};
use bounds::Drift;
use em_run::EmRun;
pub use error::FitError;
use error::check_size;
use pass::Workspace;
pub(crate) use start::SharedStarts;
use start::Start;
use std::time::Instant;

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
/// Fits to the same samples with the same seed may share parts of their starts in `shared`; the
/// results are unaffected.
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

/// Moments from one E step, and the log likelihood.
pub(crate) struct Collected {
    pub(crate) moments: Vec<Moments>,
    pub(crate) log_likelihood: f64,
}

/// Moments of `samples` under `model`, which must have the same number of features; tied
/// covariances get full moments.
pub(crate) fn moments<T: Real>(model: &GaussianMixture, samples: &Samples<'_, T>) -> Collected {
    let covariance_type = match model.covariance_type() {
        CovarianceType::Tied => CovarianceType::Full,
        other => other.of_moments(),
    };
    let mut workspace = Workspace::new(model.n_components(), samples, covariance_type);
    let density = BlockDensity::<T>::new(model.weights(), model.means(), model.cholesky());
    let drift = Drift::unknown(model.n_components());
    let totals = workspace.expectation(samples, &density, &drift, model.means());
    Collected { moments: workspace.moments().to_vec(), log_likelihood: totals.log_likelihood }
}
