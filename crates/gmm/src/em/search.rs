//! The default start: short runs of EM from several views of the samples; the best one continues.
//!
//! Short runs that compete by likelihood are emEM (Biernacki, Celeux & Govaert, *Choosing starting
//! values for the EM algorithm*, 2003); dropping the worse half after each round is successive
//! halving (Jamieson & Talwalkar 2016). k-means in one view of the data misses what that [`View`]
//! hides, so the runs start in all of them, and some at random rows. The winner then competes with
//! mixtures that split-and-merge [moves] make of it.
//!
//! If there are few rows, all of them are used. If there are many, a few runs on a subset compete
//! by the likelihood of rows that they have not seen. The winner continues on subsets that double
//! in size (as nested batches do for k-means, Newling & Fleuret 2016): an iteration costs a
//! fraction of one over all rows and moves the mixture as far. With a full covariance for each
//! component, a run fits the rows of its subset too closely to be a good start; the winner then
//! only tells in which view k-means shows most, and the start is that k-means, continued on all
//! rows.

mod moves;

use super::em_run::EmRun;
use super::error::FitError;
use super::pass::Workspace;
use super::start::Start;
use crate::init::kmeans::{Points, lloyd_over_all};
use crate::init::view::View;
use crate::parallel::grain;
use crate::streams::{Purpose, stream};
use crate::{CovarianceType, GaussianMixture, Real, Samples};
use moves::{Move, moves};
use rand::seq::index;
use rayon::prelude::*;
use std::borrow::BorrowMut;

/// Maximum number of rows for which the effort is not limited.
const FEW_ROWS: usize = 2048;
/// Minimum number of rows per component in a run for its result to hold for all rows.
const ROWS_PER_COMPONENT: usize = 128;
/// The same per component and feature, for full covariances.
const ROWS_PER_FEATURE: usize = 6;
/// Minimum number of runs (one in each view) and maximum.
const RUNS: (usize, usize) = (3, 16);
/// Cost of the runs on a subset, in iterations over all samples, roughly.
const COST: usize = 2;
/// Lloyd iterations of a run's start.
const LLOYD: usize = 10;
/// A run that gains less than this in an iteration, in nats per sample, has converged.
const AT_REST: f64 = 1e-5;
/// Runs whose likelihoods differ by less than this, in nats per sample, are in the same optimum.
const SAME: f64 = 1e-4;
/// Maximum number of iterations on each of the growing subsets.
const GROWN_ITER: usize = 20;
/// Maximum number of Lloyd iterations over all rows.
const LLOYD_OVER_ALL: usize = 20;
/// Estimated loss, in nats per sample, up to which a move is tried: EM may gain more than that.
const MAX_LOSS: f64 = 1.0;

/// A run of EM on a subset, with its own workspace.
type Em<'a> = EmRun<'a, f64, Workspace<f64>>;

/// A run of the first round.
struct Run<'a> {
    em: Em<'a>,
    /// View and centers of the k-means that it started from; `None` if from random rows.
    k_means: Option<(usize, Vec<f64>)>,
}

/// Initializes an EM run over all samples.
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
    let own_weights = &weights[..plan.n_rows];
    let points = views.par_iter().map(|view| Points::new(first.data(), own_weights, view));
    let points: Vec<Points> = points.collect();
    let runs = first_round(start, &first, &points, &plan)?;
    if plan.is_whole {
        let runs = runs.into_iter().map(|run| run.em).collect();
        let best = knockout(runs, plan.effort.n_iter)?;
        em.start_at_model(improve(start, &first, &points, &plan.effort, best).into_model());
        return Ok(());
    }
    // The likelihood of a run's own rows favors runs that fit them too closely.
    let n_unseen = plan.n_rows.min(weights.len() - plan.n_rows).max(1);
    let first_unseen = weights.len() - n_unseen;
    let unseen = subset(&rows[first_unseen * d..], &weights[first_unseen..], n_unseen, d);
    let merits = runs.into_iter().map(|run| (run.em.score(&unseen), run));
    let best = merits.reduce(|best, run| if run.0 > best.0 { run } else { best });
    let best = best.expect("the first round has at least one run").1;
    if has_own_matrices(start)
        && let Some((view, centers)) = best.k_means
    {
        let labels = lloyd_over_all(samples, &views[view], centers, LLOYD_OVER_ALL);
        return em.start_at_labels(&labels);
    }
    em.start_at_model(grow(start, samples.n_samples(), best.em, plan.n_rows));
    Ok(())
}

/// Continues a run that has used `n_rows` of `n_samples` rows on twice as many, and so on up to
/// half of the samples.
fn grow(start: &Start<'_>, n_samples: usize, best: Em<'_>, mut n_rows: usize) -> GaussianMixture {
    let (rows, weights) = start.background.rows();
    let n_most = weights.len().min(n_samples / 2);
    // Below the tolerance of the fit, so that it does not converge in a subset's optimum.
    let at_rest = AT_REST.max(0.5 * start.values.tol);
    let mut model = best.into_model();
    while 2 * n_rows <= n_most {
        n_rows *= 2;
        let part = subset(rows, weights, n_rows, start.background.mean.len());
        let mut next = new_em(start, &part);
        next.start_at_model(model.clone());
        // A failure on some rows need not be one on all: the previous mixture is kept.
        if climb(&mut next, GROWN_ITER, at_rest).is_ok() {
            model = next.into_model();
        }
    }
    model
}

/// Whether each component has a covariance matrix, which takes many rows to estimate.
fn has_own_matrices(start: &Start<'_>) -> bool {
    matches!(start.values.covariance_type, CovarianceType::Full | CovarianceType::LowRank(_))
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

/// Number of runs, and the rows they use.
struct Plan {
    n_rows: usize,
    /// Whether these are all rows, or enough of them to count as all.
    is_whole: bool,
    n_runs: usize,
    effort: Effort,
}

/// Amount of work spent on runs and moves.
struct Effort {
    /// Iterations of a run's first round.
    n_iter: usize,
    /// Maximum number of rounds of moves.
    n_rounds: u32,
    /// Moves in a round.
    n_moves: usize,
    /// Maximum number of iterations after the best move of a round.
    max_iter: usize,
}

impl Effort {
    /// For few rows.
    const LARGE: Self = Self { n_iter: 8, n_rounds: 10, n_moves: 4, max_iter: 40 };
    /// For many rows, where an iteration takes long.
    const SMALL: Self = Self { n_iter: 4, n_rounds: 3, n_moves: 3, max_iter: 8 };
}

impl Plan {
    /// For `n_samples` rows, of which `n_known` may be used.
    fn new(start: &Start<'_>, n_samples: usize, n_known: usize, d: usize) -> Self {
        let per_component = if has_own_matrices(start) {
            ROWS_PER_COMPONENT.max(ROWS_PER_FEATURE * d)
        } else {
            ROWS_PER_COMPONENT
        };
        let mut n_rows = FEW_ROWS.max(per_component * start.values.n_components);
        // At least half of the rows: then use all of them.
        let is_whole = 2 * n_rows >= n_known;
        if is_whole {
            n_rows = n_known;
        }
        // A run costs about 10 iterations, including its k-means and later rounds.
        let affordable =
            if is_whole { RUNS.1 * FEW_ROWS / n_rows } else { COST * n_samples / (8 * n_rows) };
        let n_runs = affordable.clamp(RUNS.0, RUNS.1);
        let effort = if is_whole && n_runs > RUNS.0 { Effort::LARGE } else { Effort::SMALL };
        Self { n_rows, is_whole, n_runs, effort }
    }
}

/// All runs after their first iterations, in order; those that fail are left out, unless all do.
/// `points` are the samples in each view.
fn first_round<'a>(
    start: &Start<'a>,
    samples: &'a Samples<'a>,
    points: &[Points],
    plan: &Plan,
) -> Result<Vec<Run<'a>>, FitError> {
    let k = start.values.n_components;
    // The views alternate; if all rows are used, random rows follow after the last view.
    let n_kinds = points.len() + usize::from(plan.is_whole);
    let n_iter = plan.effort.n_iter;
    let runs = (0..plan.n_runs).into_par_iter().with_max_len(1);
    let runs = runs.with_min_len(grain(operations(start, samples, n_iter))).map(|index| {
        let mut rng = stream(start.seed, Purpose::ShortRun, run_index(start.index, index));
        let mut em = new_em(start, samples);
        let view = index % n_kinds;
        let k_means = if let Some(points) = points.get(view) {
            let clusters = points.lloyd(&points.plus_plus(k, &mut rng), LLOYD);
            em.start_at_labels(&clusters.labels)?;
            Some((view, clusters.centers))
        } else {
            let rows = index::sample(&mut rng, samples.n_samples(), k);
            let means: Vec<f64> = rows.iter().flat_map(|row| samples.row(row)).copied().collect();
            em.start_at_means(&means)?;
            None
        };
        climb(&mut em, n_iter, AT_REST)?;
        Ok(Run { em, k_means })
    });
    sound(runs.collect())
}

/// Lets the runs compete: after each round the better half of those at different optima continues
/// for twice as many iterations, until one is left.
fn knockout(mut runs: Vec<Em<'_>>, mut n_iter: usize) -> Result<Em<'_>, FitError> {
    loop {
        // Runs without degenerate components come first. Stable: of equal ones the first.
        runs.sort_by(|a, b| {
            let sound = a.is_degenerate().cmp(&b.is_degenerate());
            sound.then(b.bound().total_cmp(&a.bound()))
        });
        let n_kept = runs.len().div_ceil(2);
        let mut kept: Vec<Em<'_>> = Vec::with_capacity(n_kept);
        for run in runs {
            let is_new = |other: &Em<'_>| (other.bound() - run.bound()).abs() >= SAME;
            if kept.len() < n_kept && kept.iter().all(is_new) {
                kept.push(run);
            }
        }
        if n_kept == 1
            && let Some(best) = kept.pop()
        {
            return Ok(best);
        }
        n_iter *= 2;
        let next = kept.into_par_iter().with_max_len(1).map(|mut run| {
            climb(&mut run, n_iter, AT_REST)?;
            Ok(run)
        });
        runs = sound(next.collect())?;
    }
}

/// Lets split-and-merge moves compete with the best run, until none of them is better.
fn improve<'a>(
    start: &Start<'a>,
    samples: &'a Samples<'a>,
    points: &[Points],
    effort: &Effort,
    mut best: Em<'a>,
) -> Em<'a> {
    for round in 0..effort.n_rounds {
        let labels = best.labels(samples);
        let mut moves = moves(start, round, samples, points, &labels);
        moves.retain(|m| m.gain > -MAX_LOSS * samples.total_weight());
        moves.truncate(effort.n_moves);
        let cost = grain(operations(start, samples, effort.n_iter));
        let runs = moves.par_iter().with_max_len(1).with_min_len(cost).map(|m: &Move| {
            let mut em = new_em(start, samples);
            em.start_at_labels(&m.apply(&labels))?;
            climb(&mut em, effort.n_iter, AT_REST)?;
            Ok(em)
        });
        // A failed move is not a failed start: the best run so far stays.
        let Ok(runs) = sound(runs.collect()) else { break };
        if runs.is_empty() {
            break;
        }
        let Ok(mut next) = knockout(runs, effort.n_iter) else { break };
        if climb(&mut next, effort.max_iter, AT_REST).is_err()
            || next.is_degenerate()
            || next.bound() < best.bound() + SAME
        {
            break;
        }
        best = next;
    }
    best
}

/// Continues until `n_iter` iterations are done, or one gains less than `at_rest`.
fn climb(em: &mut Em<'_>, n_iter: usize, at_rest: f64) -> Result<(), FitError> {
    while em.n_iter() < n_iter {
        let before = em.bound();
        if (em.step()? - before).abs() < at_rest {
            break;
        }
    }
    Ok(())
}

/// The runs that have not failed; if all have, the error of the first.
fn sound<R>(runs: Vec<Result<R, FitError>>) -> Result<Vec<R>, FitError> {
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

/// Rough number of floating-point operations of `n_iter` iterations.
fn operations(start: &Start<'_>, samples: &Samples<'_>, n_iter: usize) -> usize {
    let (k, d) = (start.values.n_components, samples.n_features());
    let per_pair = match start.values.covariance_type {
        CovarianceType::Full | CovarianceType::LowRank(_) | CovarianceType::Tied => 2 * d * d,
        _ => 8 * d,
    };
    // An exponential and its bookkeeping take some 20.
    n_iter * samples.n_samples() * k * (per_pair + 20)
}

/// The first `n_rows` of the rows that starts use, which are in random order.
fn subset<'a>(rows: &'a [f64], weights: &'a [f64], n_rows: usize, d: usize) -> Samples<'a> {
    let samples = Samples::new(&rows[..n_rows * d], n_rows, d).expect("rows of checked samples");
    samples.with_weights(&weights[..n_rows]).expect("rows of positive weight")
}

/// The stream of one run of one start.
fn run_index(start: usize, run: usize) -> u32 {
    u32::try_from(start * RUNS.1 + run).unwrap_or(u32::MAX)
}
