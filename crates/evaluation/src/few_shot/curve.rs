//! Scores of styles of 1, 2, 3, … files, made in each way, next to other music of their labels.

use controlgen::generate::GenerateError;
use controlgen::model::Model;
use controlgen::style::Styles;
use musicvae::seed;
use rand::seq::index;
use rayon::prelude::*;

use super::super::EvalError;
use super::super::feature_space::FeatureSpace;
use super::super::frechet::frechet_distance;
use super::super::judge::{Judge, eight};
use super::super::labelled::{LabelledData, LabelledPiece, Role};
use super::super::manifold::Manifold;
use super::super::statistics::mean;
use super::method::{Given, Method};

/// Labels that styles are made of, those of the most pieces.
const MOST_LABELS: usize = 5;
/// Windows drawn of each style: three groups of eight.
const DRAWN: usize = 24;
/// Numbers of files on the curve.
const FILES: [usize; 7] = [1, 2, 3, 5, 10, 20, 50];
/// Dimensions of the space of features.
const DIMENSIONS: usize = 10;
/// The nearest neighbor that balls reach to, as Naeem et al. have it.
const NEIGHBOR: usize = 5;
/// The most windows that others are compared with, for each label.
const MOST_REAL: usize = 400;

/// The measures of the windows drawn of a style.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scores {
    /// Fréchet distance in the space of features from other music of the label.
    pub(super) distance: f64,
    /// Density among it.
    pub(super) density: f64,
    /// Coverage of it.
    pub(super) coverage: f64,
    /// Share of groups of eight windows judged to be of the label.
    pub(super) judged: f64,
}

impl Scores {
    /// The mean of each measure; `None` for no scores.
    fn mean(scores: &[Self]) -> Option<Self> {
        let of = |value: fn(&Self) -> f64| mean(&scores.iter().map(value).collect::<Vec<_>>());
        Some(Self {
            distance: of(|s| s.distance)?,
            density: of(|s| s.density)?,
            coverage: of(|s| s.coverage)?,
            judged: of(|s| s.judged)?,
        })
    }
}

/// Scores at one number of files: those of each resample, mean over the labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Point {
    /// Number of files.
    pub(super) n_files: usize,
    /// For each resample the scores of each of [`Method::ALL`]; `None` where it made no style.
    pub(super) resamples: Vec<Vec<Option<Scores>>>,
}

/// All points, and what else is needed to read them.
pub(super) struct Curve {
    /// The points, by number of files.
    pub(super) points: Vec<Point>,
    /// Scores of as many windows of other real pieces of the label.
    pub(super) real: Option<Scores>,
    /// Labels that styles were made of.
    pub(super) labels: Vec<String>,
    /// The share of the variance of descriptions that the space has.
    pub(super) explained: f64,
}

/// The model, the data and the judge of few-shot styles.
pub(super) struct Setup<'a> {
    pub(super) model: &'a Model,
    pub(super) styles: &'a Styles,
    pub(super) data: &'a LabelledData,
    pub(super) judge: &'a Judge,
    pub(super) temperature: f32,
    pub(super) seed: u64,
}

/// A label, its pieces for styles, and the other music that draws are compared with.
struct Label<'a> {
    number: usize,
    files: Vec<&'a LabelledPiece>,
    real: Vec<f64>,
    manifold: Manifold,
}

/// Measures the curve, with `n_resamples` draws of files at each point. All methods are given the
/// same files.
///
/// # Errors
/// [`EvalError::Generate`] for a temperature out of range, [`EvalError::Points`] without real
/// windows.
pub(super) fn curve(setup: &Setup<'_>, n_resamples: usize) -> Result<Curve, EvalError> {
    let data = setup.data;
    let tests = data.pieces.iter().filter(|piece| piece.role == Role::Test);
    let space = FeatureSpace::fit(setup.model.form(), tests.flat_map(|p| &p.windows), DIMENSIONS)?;
    let labels = most_frequent(data, &space);
    let most = labels.iter().map(|label| label.files.len()).min().unwrap_or(0);
    let mut numbers: Vec<usize> = FILES.into_iter().filter(|n| *n < most).collect();
    if most > 0 {
        numbers.push(most.min(FILES[FILES.len() - 1]));
    }
    // The prior is the same whatever is given.
    let priors: Vec<Vec<Option<Scores>>> = (0..n_resamples as u64)
        .map(|resample| {
            let of = |label: &Label<'_>| {
                let given = Given::of(setup.model, &label.files[..1])?;
                scores(setup, &space, label, Method::Prior, &given, seed_of(setup, label, resample))
            };
            labels.par_iter().map(of).collect::<Result<_, GenerateError>>()
        })
        .collect::<Result<_, _>>()?;
    let mut points = Vec::new();
    for (at, n_files) in numbers.into_iter().enumerate() {
        let mut resamples = Vec::new();
        for (resample, prior) in priors.iter().enumerate() {
            let draw = (at * n_resamples + resample) as u64;
            let of = |label: &Label<'_>| -> Result<Vec<Option<Scores>>, GenerateError> {
                let seed = seed_of(setup, label, draw);
                let mut rng = seed::stream(seed, "few files", 0);
                let drawn = index::sample(&mut rng, label.files.len(), n_files);
                let files: Vec<&LabelledPiece> = drawn.iter().map(|i| label.files[i]).collect();
                let given = Given::of(setup.model, &files)?;
                let methods = Method::ALL.iter().filter(|(method, _)| *method != Method::Prior);
                methods.map(|(m, _)| scores(setup, &space, label, *m, &given, seed)).collect()
            };
            let of_labels: Vec<Vec<Option<Scores>>> =
                labels.par_iter().map(of).collect::<Result<_, GenerateError>>()?;
            let mut of_methods: Vec<Option<Scores>> = (0..Method::ALL.len() - 1)
                .map(|m| over_labels(of_labels.iter().map(|of| of[m])))
                .collect();
            of_methods.push(over_labels(prior.iter().copied()));
            resamples.push(of_methods);
        }
        points.push(Point { n_files, resamples });
    }
    let real: Vec<Scores> = labels.iter().map(|label| of_real(setup, &space, label)).collect();
    Ok(Curve {
        points,
        real: Scores::mean(&real),
        labels: labels.iter().map(|label| data.labels[label.number].clone()).collect(),
        explained: space.explained(),
    })
}

fn seed_of(setup: &Setup<'_>, label: &Label<'_>, draw: u64) -> u64 {
    setup.seed.wrapping_add(draw * 1000 + label.number as u64)
}

/// The mean over labels; `None` if any label has no style.
fn over_labels(scores: impl Iterator<Item = Option<Scores>>) -> Option<Scores> {
    Scores::mean(&scores.collect::<Option<Vec<_>>>()?)
}

/// The labels of the most pieces for styles, as far as there is other music to compare with.
fn most_frequent<'a>(data: &'a LabelledData, space: &FeatureSpace) -> Vec<Label<'a>> {
    let mut labels: Vec<Label<'a>> = (0..data.labels.len())
        .filter_map(|number| {
            let tests: Vec<&Vec<u16>> =
                data.of_role(number, Role::Test).flat_map(|p| eight(&p.windows)).collect();
            let every = tests.len().div_ceil(MOST_REAL).max(1);
            let real = space.points(tests.into_iter().step_by(every));
            let manifold = Manifold::new(&real, space.n_dimensions(), NEIGHBOR)?;
            let files = data.of_role(number, Role::Style).collect();
            Some(Label { number, files, real, manifold })
        })
        .collect();
    labels.sort_by_key(|label| std::cmp::Reverse(label.files.len()));
    labels.truncate(MOST_LABELS);
    labels
}

fn scores(
    setup: &Setup<'_>,
    space: &FeatureSpace,
    label: &Label<'_>,
    method: Method,
    given: &Given,
    seed: u64,
) -> Result<Option<Scores>, GenerateError> {
    let (model, temperature) = (setup.model, setup.temperature);
    let windows = method.windows(model, setup.styles, given, DRAWN, temperature, seed)?;
    Ok(windows.map(|windows| measured(setup, space, label, &windows)))
}

fn measured(
    setup: &Setup<'_>,
    space: &FeatureSpace,
    label: &Label<'_>,
    windows: &[Vec<u16>],
) -> Scores {
    let points = space.points(windows);
    let distance = frechet_distance(&label.real, &points, space.n_dimensions());
    Scores {
        distance: distance.unwrap_or(f64::NAN),
        density: label.manifold.density(&points),
        coverage: label.manifold.coverage(&points),
        judged: setup.judge.share(windows, label.number),
    }
}

/// Scores of windows of the label's own pieces for styles, one of each as far as there are enough:
/// what real music of the label would have.
fn of_real(setup: &Setup<'_>, space: &FeatureSpace, label: &Label<'_>) -> Scores {
    let n = label.files.len();
    let window = |i: usize| {
        let windows = &label.files[i % n].windows;
        windows[(i / n * 5 + i) % windows.len()].clone()
    };
    let windows: Vec<Vec<u16>> = (0..DRAWN).map(window).collect();
    measured(setup, space, label, &windows)
}
