//! The default start: short runs of EM from several views of the samples, of which the likeliest go on.
//!
//! Short runs that compete by likelihood are emEM (Biernacki, Celeux & Govaert, *Choosing starting values for the EM
//! algorithm*, 2003); dropping the worse half after each round is successive halving (Jamieson & Talwalkar 2016). k-means
//! in one view of the data misses what that [`View`] hides, so the runs start in all of them, and some at random rows.
//!
//! With few rows, all of them are used, and many runs compete to the end. With many rows, a few runs on a subset find out
//! which view shows most, by the likelihood of rows that they have not seen; the start is the k-means of that view, taken
//! on to all rows. (The run itself would be no start: on a subset it fits its rows too closely.)

use super::FitError;
use super::em_run::EmRun;
use super::pass::Workspace;
use super::start::Start;
use crate::init::kmeans::{Points, lloyd_over_all};
use crate::init::view::View;
use crate::streams::{Purpose, stream};
use crate::{CovarianceType, Real, Samples};
use rand::seq::index;
use rayon::prelude::*;
use std::borrow::BorrowMut;

/// Rows up to which all of them are used at once, and as many runs as there may be.
const FEW_ROWS: usize = 2048;
/// Rows per component that runs need at least, so that what they learn holds for all rows.
const ROWS_PER_COMPONENT: usize = 128;
/// The same with full covariances, for each feature.
const ROWS_PER_FEATURE: usize = 6;
/// Runs at least (one in each view) and at most.
const RUNS: (usize, usize) = (3, 16);
/// Iterations of the first round where runs are many, and where they are few because iterations are dear.
const FIRST_ROUND: (usize, usize) = (8, 4);
/// Iterations of all samples that the runs on a subset may cost together, roughly.
const COST: usize = 2;
/// Lloyd iterations of a run's start.
const LLOYD: usize = 10;
/// A run that gains less than this in an iteration, in nats per sample, has come to rest.
const AT_REST: f64 = 1e-5;
/// Runs whose likelihoods differ by less than this, in nats per sample, are at the same optimum.
const SAME: f64 = 1e-4;
/// Lloyd iterations over all rows, where the runs saw a subset only.
const LLOYD_OVER_ALL: usize = 20;

/// A run of EM on a subset, which has its own working space.
type Em<'a> = EmRun<'a, f64, Workspace<f64>>;

/// A run, the view that its k-means was in, and the centers it found there.
struct Run<'a> {
    em: Em<'a>,
    view: usize,
    centers: Vec<f64>,
}

/// Gives a run of EM over all samples its start.
pub(super) fn begin<T: Real, W: BorrowMut<Workspace<T>>>(
    start: &Start<'_>,
    samples: &Samples<'_, T>,
    em: &mut EmRun<'_, T, W>,
) -> Result<(), FitError> {
    let d = samples.n_features();
    let (rows, weights) = start.background.rows();
    let plan = Plan::new(start, samples.n_samples(), weights.len(), d);
    let first = subset(rows, weights, plan.n_rows, d);
    let views = views(start);
    let runs = first_round(start, &first, &views, &plan)?;
    if plan.is_whole {
        em.start_at_model(knockout(runs, plan.n_iter)?.into_model());
        return Ok(());
    }
    // The likelihood of a run's own rows flatters those that fit them too closely.
    let n_unseen = plan.n_rows.min(weights.len() - plan.n_rows).max(1);
    let (rows, weights) =
        (&rows[(weights.len() - n_unseen) * d..], &weights[weights.len() - n_unseen..]);
    let unseen = subset(rows, weights, n_unseen, d);
    let merits: Vec<f64> = runs.iter().map(|run| run.em.score(&unseen)).collect();
    let best = (1..runs.len()).fold(0, |best, i| if merits[i] > merits[best] { i } else { best });
    let best = runs.into_iter().nth(best).expect("one of the runs");
    let labels = lloyd_over_all(samples, &views[best.view], best.centers, LLOYD_OVER_ALL);
    em.start_at_labels(&labels)
}

/// The views that runs start in.
fn views(start: &Start<'_>) -> Vec<View> {
    let background = start.background;
    let mut views = vec![View::raw(&background.mean)];
    if start.values.whiten && background.mean.len() > 1 {
        let variances = background.covariance.variances();
        views.push(View::standardized(&background.mean, &variances));
        views.push(View::whitened(&background.mean, &start.metric()));
    }
    views
}

/// How many runs there are, on how many rows, and for how long.
struct Plan {
    n_rows: usize,
    /// Whether these are all rows, or enough of them to count as all.
    is_whole: bool,
    n_runs: usize,
    /// Iterations of the first round.
    n_iter: usize,
}

impl Plan {
    /// For `n_samples` rows, of which `n_known` may be used.
    fn new(start: &Start<'_>, n_samples: usize, n_known: usize, d: usize) -> Self {
        let per_component = match start.values.covariance_type {
            CovarianceType::Full | CovarianceType::LowRank(_) => {
                ROWS_PER_COMPONENT.max(ROWS_PER_FEATURE * d)
            }
            _ => ROWS_PER_COMPONENT,
        };
        let mut n_rows = FEW_ROWS.max(per_component * start.values.n_components);
        // Half of the rows or more: then all of them.
        let is_whole = 2 * n_rows >= n_known;
        if is_whole {
            n_rows = n_known;
        }
        // A run costs some 10 iterations, those of its k-means and of later rounds included.
        let affordable =
            if is_whole { RUNS.1 * FEW_ROWS / n_rows } else { COST * n_samples / (8 * n_rows) };
        let n_runs = affordable.clamp(RUNS.0, RUNS.1);
        let n_iter = if is_whole && n_runs > RUNS.0 { FIRST_ROUND.0 } else { FIRST_ROUND.1 };
        Self { n_rows, is_whole, n_runs, n_iter }
    }
}

/// All runs after their first iterations, in order; those that fail are left out, unless all do.
fn first_round<'a>(
    start: &Start<'a>,
    samples: &'a Samples<'a>,
    views: &[View],
    plan: &Plan,
) -> Result<Vec<Run<'a>>, FitError> {
    let weights = samples.weights().unwrap_or_default();
    let points: Vec<Points> =
        views.par_iter().map(|view| Points::new(samples.data(), weights, view)).collect();
    let k = start.values.n_components;
    // The views take turns; with all rows at hand, after the last of them it is the turn of random rows.
    let n_kinds = views.len() + usize::from(plan.is_whole);
    let runs = (0..plan.n_runs).into_par_iter().with_max_len(1).map(|index| {
        let mut rng = stream(start.seed, Purpose::ShortRun, run_index(start.index, index));
        let mut em = new_em(start, samples);
        let view = index % n_kinds;
        let centers = if let Some(points) = points.get(view) {
            let clusters = points.lloyd(&points.plus_plus(k, &mut rng), LLOYD);
            em.start_at_labels(&clusters.labels)?;
            clusters.centers
        } else {
            let rows = index::sample(&mut rng, samples.n_samples(), k);
            let means: Vec<f64> = rows.iter().flat_map(|row| samples.row(row)).copied().collect();
            em.start_at_means(&means)?;
            means
        };
        climb(&mut em, plan.n_iter)?;
        Ok(Run { em, view, centers })
    });
    sound(runs.collect())
}

/// Lets the runs compete: after each round the better half of those at different optima goes on for twice as many
/// iterations, until one is left.
fn knockout(mut runs: Vec<Run<'_>>, mut n_iter: usize) -> Result<Em<'_>, FitError> {
    loop {
        // Runs without degenerate components first, if there are any. Stable: of equal ones the first.
        runs.sort_by(|a, b| {
            let sound = a.em.is_degenerate().cmp(&b.em.is_degenerate());
            sound.then(b.em.bound().total_cmp(&a.em.bound()))
        });
        let n_kept = runs.len().div_ceil(2);
        let mut kept: Vec<Run<'_>> = Vec::with_capacity(n_kept);
        for run in runs {
            let is_new = |other: &Run<'_>| (other.em.bound() - run.em.bound()).abs() >= SAME;
            if kept.len() < n_kept && kept.iter().all(is_new) {
                kept.push(run);
            }
        }
        if n_kept == 1
            && let Some(best) = kept.pop()
        {
            return Ok(best.em);
        }
        n_iter *= 2;
        let next = kept.into_par_iter().with_max_len(1).map(|mut run| {
            climb(&mut run.em, n_iter)?;
            Ok(run)
        });
        runs = sound(next.collect())?;
    }
}

/// Goes on until `n_iter` iterations are made, or the run is at rest.
fn climb(em: &mut Em<'_>, n_iter: usize) -> Result<(), FitError> {
    while em.n_iter() < n_iter {
        let before = em.bound();
        if (em.step()? - before).abs() < AT_REST {
            break;
        }
    }
    Ok(())
}

/// The runs that have not failed; if all have, why the first did.
fn sound(runs: Vec<Result<Run<'_>, FitError>>) -> Result<Vec<Run<'_>>, FitError> {
    let mut failed = None;
    let mut left = Vec::with_capacity(runs.len());
    for run in runs {
        match run {
            Ok(run) => left.push(run),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        Some(error) if left.is_empty() => Err(error),
        _ => Ok(left),
    }
}

fn new_em<'a>(start: &Start<'a>, samples: &'a Samples<'a>) -> Em<'a> {
    let values = start.values;
    let shape = values.covariance_type.of_moments();
    let workspace = Workspace::new(values.n_components, samples, shape);
    EmRun::new(values, start.background, samples, workspace)
}

/// The first `n_rows` rows of those that starts look at, which are in random order.
fn subset<'a>(rows: &'a [f64], weights: &'a [f64], n_rows: usize, d: usize) -> Samples<'a> {
    let samples = Samples::new(&rows[..n_rows * d], n_rows, d).expect("rows of checked samples");
    samples.with_weights(&weights[..n_rows]).expect("rows of positive weight")
}

/// The stream of one run of one start.
fn run_index(start: usize, run: usize) -> u32 {
    u32::try_from(start * RUNS.1 + run).unwrap_or(u32::MAX)
}
