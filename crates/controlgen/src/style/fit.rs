//! Fitting the mixture: from latents to the styles in the model folder.

use std::ops::{ControlFlow, RangeInclusive};
use std::path::PathBuf;

use corpus::artifact::{JsonFormat, write_atomic};
use corpus::progress::Progress;
use corpus::table::{LatentRow, Split, read_latents};
use gmm::select::{Candidate, Criterion, Selected, SweepParams, stability};
use gmm::{CovarianceType, GmmParams, Samples};
use serde::{Deserialize, Serialize};

use super::by_piece::{self, Pieces};
use super::describe::Describer;
use super::facts::{FitFacts, LatentsOf};
use super::files::StylesFile;
use super::mixture::{self, fingerprint};
use super::reference::Reference;
use super::values::{posterior_variances, training_values, values_of};
use super::{Style, StyleError, chart};
use crate::encode::check_latents;
use crate::model::Model;

/// Maximum number of windows for selecting the number of styles. The likelihood per window hardly
/// changes beyond this, but the time grows with every window.
const MAX_SWEEP_SAMPLES: usize = 20_000;
/// Maximum number of windows for fitting the selected mixture: with 16 full covariances of 256
/// dimensions, each iteration takes about 6 seconds on one processor.
const MAX_FIT_SAMPLES: usize = 50_000;
/// A component with a smaller fraction of the windows than this is almost empty.
const NEXT_TO_NOTHING: f64 = 0.005;

/// Minimum number of pieces per style for styles to be clusters of pieces by default.
const PIECES_OF_A_STYLE: usize = 20;
/// Minimum number of starts of each fit of pieces: there are few points of few dimensions, so more
/// starts cost little.
const PIECE_STARTS: usize = 5;

/// Settings for finding styles.
#[derive(Clone, Debug)]
pub struct FitRequest {
    /// The latents folder.
    pub latents: PathBuf,
    /// The corpus folder, for the sources of windows.
    pub corpus: PathBuf,
    /// The latents to fit on.
    pub latents_of: LatentsOf,
    /// Numbers of components to try.
    pub n_components: RangeInclusive<usize>,
    /// Covariance types to try; low ranks that are not below the number of active dimensions are
    /// left out.
    pub covariance_types: Vec<CovarianceType>,
    /// The selection criterion.
    pub criterion: Criterion,
    /// Early stopping per covariance type: patience in component counts; `None` tries all.
    pub patience: Option<usize>,
    /// Number of starts of each fit.
    pub n_init: usize,
    /// Number of pairs of halves of the windows or pieces for measuring stability; 0 for none,
    /// unless it is the criterion.
    pub n_resamples: usize,
    /// The unit of clustering. With `None`, pieces if there are at least 20 for each of the maximum
    /// number of styles, otherwise windows.
    pub granularity: Option<Granularity>,
    /// The seed of all starts.
    pub seed: u64,
}

impl FitRequest {
    /// Maximum number of components to try by default.
    pub const MAX_COMPONENTS: usize = 16;

    /// The default fit: 2 to [`Self::MAX_COMPONENTS`] components with diagonal or full covariances,
    /// chosen by BIC on posterior means.
    pub fn new(latents: PathBuf, corpus: PathBuf) -> Self {
        Self {
            latents,
            corpus,
            latents_of: LatentsOf::Mean,
            n_components: 2..=Self::MAX_COMPONENTS,
            covariance_types: vec![CovarianceType::Diag, CovarianceType::Full],
            criterion: Criterion::Bic,
            patience: None,
            n_init: 2,
            n_resamples: 3,
            granularity: None,
            seed: 0,
        }
    }
}

/// The unit of clustering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Windows: each style is a component of one mixture of all windows.
    Windows,
    /// Pieces: each style is a mixture of the windows of its pieces.
    Pieces,
}

/// The result of a fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitSummary {
    /// Number of training windows, stability, and small styles.
    #[serde(flatten)]
    pub facts: FitFacts,
    /// Number of active dimensions.
    pub n_features: usize,
    /// Number of components of the selected mixture.
    pub n_components: usize,
    /// Their covariance type.
    pub covariance_type: CovarianceType,
    /// Number of training windows used for fitting the selected mixture, evenly spaced.
    pub n_fit_samples: usize,
    /// Mean log-likelihood of their latents, in nats.
    pub score: f64,
    /// The same for held-out latents whose windows do not occur in the training split; `None`
    /// without any.
    pub heldout_score: Option<f64>,
    /// Number of windows (or pieces, if styles are clusters of pieces) used for the selection,
    /// evenly spaced.
    pub n_sweep_samples: usize,
    /// The selection criterion.
    pub criterion: Criterion,
    /// All candidates.
    pub curve: Vec<Candidate>,
    /// Path of the curve's image.
    pub chart: PathBuf,
    /// The styles found.
    pub styles: Vec<Style>,
}

/// Fits a mixture on the active dimensions of the training latents and writes
/// `mixture.safetensors`, `mixture.svg` (its curve), `styles.json` and `reference.parquet` into the
/// model folder.
///
/// # Errors
/// Returns a [`StyleError`]; the model folder is then unchanged.
pub fn fit(
    model: &Model,
    request: &FitRequest,
    progress: &dyn Progress,
) -> Result<FitSummary, StyleError> {
    let space = model.latent_space();
    if space.n_active() == 0 {
        return Err(StyleError::NoActiveDimension);
    }
    let latents = read_latents(&request.latents, model.z_size())?;
    check_latents(model, &request.corpus, &request.latents, &latents)?;
    let values = training_values(&latents, space, request);
    let samples = Samples::new(&values, values.len() / space.n_active(), space.n_active())?;

    let pieces = pieces_to_cluster(request, &latents.rows);
    let n_points = pieces.as_ref().map_or(samples.n_samples(), Pieces::n);
    let n_sweep_samples = n_points.div_ceil(stride(n_points, MAX_SWEEP_SAMPLES));
    let noise = posterior_variances(&latents, space.active());
    let (selection, stability, groups) = if let Some(pieces) = &pieces {
        of_pieces(request, &samples, pieces, &noise, progress)?
    } else {
        let (selection, stability) = choose(request, &samples, true, progress)?;
        let n = selection.best.model.n_components();
        (selection, stability, (0..n).map(|component| vec![component]).collect())
    };
    let mixture = &selection.best.model;
    let labels = mixture.predict(&samples).expect("the samples it was fitted on");
    let reference = Reference::collect(&request.corpus, &latents, model)?;
    let describer = Describer::new(model, &reference, mixture);
    let style = |(number, components): (usize, Vec<usize>)| {
        let n = labels.iter().filter(|label| components.contains(label)).count();
        let distribution = mixture.only(&components).expect("some of its components");
        let mut style = Style {
            name: format!("style-{number}"),
            components,
            hidden: false,
            share: n as f64 / labels.len() as f64,
            nearest: Vec::new(),
            card: None,
            added: None,
        };
        describer.describe(&mut style, &distribution);
        style
    };
    let styles: Vec<Style> = groups.into_iter().enumerate().map(style).collect();
    let small = styles.iter().filter(|style| style.share < NEXT_TO_NOTHING);
    let facts = FitFacts {
        latents_of: request.latents_of,
        n_samples: samples.n_samples(),
        stability,
        small: small.map(|style| style.name.clone()).collect(),
        posterior_variances: noise,
        n_pieces: pieces.as_ref().map(Pieces::n),
    };

    let is_unseen = |row: &LatentRow| row.split == Split::Heldout && !row.seen;
    let unseen = values_of(&latents, space, request, is_unseen);
    let heldout_score = Samples::new(&unseen, unseen.len() / space.n_active(), space.n_active())
        .ok()
        .and_then(|samples| mixture.score(&samples).ok());
    let chart = model.folder().join("mixture.svg");
    let summary = FitSummary {
        facts: facts.clone(),
        n_features: space.n_active(),
        n_components: mixture.n_components(),
        covariance_type: mixture.covariance_type(),
        n_fit_samples: match &pieces {
            Some(_) => samples.n_samples(),
            None => samples.n_samples().div_ceil(stride(samples.n_samples(), MAX_FIT_SAMPLES)),
        },
        score: selection.best.report.score,
        heldout_score,
        n_sweep_samples,
        criterion: request.criterion,
        curve: selection.sweep.candidates.clone(),
        chart: chart.clone(),
        styles: styles.clone(),
    };
    let bytes = mixture::to_bytes(&selection);
    // The mixture is written last: without it, the folder has no styles.
    reference.save(model)?;
    let file = StylesFile { mixture: Some(fingerprint(&bytes)), fit: Some(facts), styles };
    file.save(&model.folder().join("styles.json"))?;
    write_atomic(&chart, chart::draw(&selection.sweep, n_sweep_samples).as_bytes())?;
    mixture::write(model.folder(), &bytes)?;
    Ok(summary)
}

/// The pieces of the training windows, if styles are to be clusters of them.
fn pieces_to_cluster(request: &FitRequest, rows: &[LatentRow]) -> Option<Pieces> {
    if request.granularity == Some(Granularity::Windows) {
        return None;
    }
    let pieces = Pieces::of(rows);
    let is_enough = pieces.n() >= PIECES_OF_A_STYLE * request.n_components.end();
    (request.granularity == Some(Granularity::Pieces) || is_enough).then_some(pieces)
}

/// A mixture with the components of each style.
type Styled = (Selected, Option<f64>, Vec<Vec<usize>>);

/// Clusters pieces like [`choose`] does windows, and fits the windows of each cluster. The curve is
/// that of the pieces. Their directions are in units of the standard deviation within pieces;
/// starting on whitened points would lose this information.
fn of_pieces(
    request: &FitRequest,
    samples: &Samples<'_>,
    pieces: &Pieces,
    noise: &[f64],
    progress: &dyn Progress,
) -> Result<Styled, StyleError> {
    let (points, m) = by_piece::points(samples.data(), samples.n_features(), pieces, noise)?;
    let points = Samples::new(&points, pieces.n(), m)?;
    let more = FitRequest { n_init: request.n_init.max(PIECE_STARTS), ..request.clone() };
    let is_chosen_by_it = more.criterion == Criterion::Stability;
    let n_resamples = if is_chosen_by_it { more.n_resamples } else { 0 };
    let choice = FitRequest { n_resamples, ..more.clone() };
    let (mut selection, _) = choose(&choice, &points, false, progress)?;
    let found = &selection.best.model;
    let params = GmmParams::new(found.n_components())
        .covariance_type(found.covariance_type())
        .n_init(more.n_init)
        .whiten(false);
    // The choice is made in the directions of all pieces; how stable it is, in those of each half.
    // A half with fewer pieces than styles has no fit, and so no stability.
    let stability = match request.n_resamples {
        0 => None,
        n => by_piece::stability(samples.data(), pieces, noise, &params, n, request.seed).ok(),
    };
    let style_of = selection.best.model.predict(&points).expect("the points it was fitted on");
    let shapes = shapes(request, samples.n_features())?;
    let (fit, groups) = by_piece::mixture(samples, pieces, &style_of, &shapes, request.seed)?;
    selection.best = fit;
    Ok((selection, stability, groups))
}

/// The requested covariance types that are possible with `n_features` dimensions.
fn shapes(request: &FitRequest, n_features: usize) -> Result<Vec<CovarianceType>, StyleError> {
    let fits_in = |shape: &CovarianceType| match shape {
        CovarianceType::LowRank(rank) => *rank < n_features,
        _ => true,
    };
    let shapes: Vec<CovarianceType> =
        request.covariance_types.iter().copied().filter(fits_in).collect();
    if shapes.is_empty() { Err(StyleError::Rank { n_features }) } else { Ok(shapes) }
}

/// Stride for using about `most` of `n_samples` windows.
fn stride(n_samples: usize, most: usize) -> usize {
    n_samples.div_ceil(most).max(1)
}

/// At most about `most` of some samples, evenly spaced.
fn spread(samples: &Samples<'_>, most: usize) -> Vec<f64> {
    let rows = (0..samples.n_samples()).step_by(stride(samples.n_samples(), most));
    rows.flat_map(|row| samples.row(row).iter().copied()).collect()
}

/// Selects number and type of the components on some samples (with starts on `whiten`ed ones), fits
/// that mixture on more of them, and measures its stability.
fn choose(
    request: &FitRequest,
    samples: &Samples<'_>,
    whiten: bool,
    progress: &dyn Progress,
) -> Result<(Selected, Option<f64>), StyleError> {
    let n_features = samples.n_features();
    let some = spread(samples, MAX_SWEEP_SAMPLES);
    let some = Samples::new(&some, some.len() / n_features, n_features)?;
    let shapes = shapes(request, n_features)?;

    let n_fits = request.n_components.clone().count() * shapes.len();
    progress.begin("fitting mixtures", "fits", n_fits as u64);
    let mut sweep = SweepParams::new(request.n_components.clone())
        .covariance_types(shapes)
        .criterion(request.criterion)
        .resamples(request.n_resamples)
        .params(GmmParams::new(1).n_init(request.n_init).whiten(whiten));
    if let Some(patience) = request.patience {
        sweep = sweep.patience(patience);
    }
    let mut selection = sweep.run_observed(&some, request.seed, &mut |at| {
        if at.is_last_iteration && at.start + 1 == at.n_init {
            progress.advance(1);
        }
        ControlFlow::Continue(())
    })?;
    progress.end();
    let params = GmmParams::new(selection.best.model.n_components())
        .covariance_type(selection.best.model.covariance_type())
        .n_init(request.n_init)
        .whiten(whiten);
    let chosen = &selection.sweep.candidates[selection.sweep.chosen];
    // A half with fewer windows than styles can't be fitted, so there is no stability.
    let stability = match (chosen.stability, request.n_resamples) {
        (Some(stability), _) => Some(stability),
        (None, 0) => None,
        (None, n) => stability(&params, &some, n, request.seed).ok(),
    };
    if some.n_samples() < samples.n_samples() {
        let more = spread(samples, MAX_FIT_SAMPLES);
        let more = Samples::new(&more, more.len() / n_features, n_features)?;
        selection.best = params.fit(&more, request.seed)?;
    }
    Ok((selection, stability))
}

#[cfg(test)]
mod tests {
    use corpus::table::Latents;

    use super::*;
    use crate::latent::LatentSpace;

    fn space(active: &[usize]) -> LatentSpace {
        LatentSpace::new(3, active.to_vec()).unwrap()
    }

    fn request(latents_of: LatentsOf) -> FitRequest {
        FitRequest {
            latents: PathBuf::new(),
            corpus: PathBuf::new(),
            latents_of,
            n_components: 1..=4,
            covariance_types: vec![CovarianceType::LowRank(2), CovarianceType::Diag],
            criterion: Criterion::Bic,
            patience: None,
            n_init: 2,
            n_resamples: 2,
            granularity: None,
            seed: 3,
        }
    }

    #[test]
    fn sampled_latents_spread_about_their_means_and_do_not_depend_on_order() {
        let row = |window_id: u64| LatentRow {
            window_id,
            group: String::new(),
            split: Split::Train,
            seen: false,
            label: None,
            mu: vec![2.0, -1.0, 5.0],
            sigma: vec![0.5, 1.0, 0.0],
        };
        let rows: Vec<LatentRow> = (0..2000).map(row).collect();
        let latents = Latents { rows: rows.clone() };
        let values = training_values(&latents, &space(&[2, 0]), &request(LatentsOf::Sampled));
        assert!(values.iter().step_by(2).all(|value| *value == 5.0), "no deviation, no draw");
        let drawn = || values.iter().skip(1).step_by(2);
        let mean = drawn().sum::<f64>() / 2000.0;
        let variance = drawn().map(|v| (v - mean).powi(2)).sum::<f64>() / 2000.0;
        // Five standard errors: 5 · 0.5 / √2000 and 5 · 0.25 √(2 / 2000).
        assert!((mean - 2.0).abs() < 0.056 && (variance - 0.25).abs() < 0.04, "{mean} {variance}");
        assert_eq!(posterior_variances(&latents, &[2, 0]), [0.0, 0.25]);
        let turned = Latents { rows: rows.into_iter().rev().collect() };
        let again = training_values(&turned, &space(&[2, 0]), &request(LatentsOf::Sampled));
        assert_eq!(again[1], values[values.len() - 1]);
        let means = training_values(&turned, &space(&[0]), &request(LatentsOf::Mean));
        assert!(means.iter().all(|value| *value == 2.0));
    }

    #[test]
    fn two_heaps_are_found_and_stable_and_ranks_that_are_too_high_are_left_out() {
        let values: Vec<f64> = (0..200)
            .flat_map(|i| {
                let (heap, at) = (f64::from(i % 2) * 9.0, f64::from(i));
                [heap + (at * 0.7).sin(), heap + (at * 1.3).cos()]
            })
            .collect();
        let samples = Samples::new(&values, 200, 2).unwrap();
        let (selection, stability) =
            choose(&request(LatentsOf::Mean), &samples, true, &corpus::progress::Silent).unwrap();
        assert!(selection.best.model.n_components() >= 2);
        assert_eq!(selection.sweep.candidates.len(), 4, "no entries of rank 2");
        assert!(stability.is_some());
        let fixed = FitRequest { n_components: 2..=2, ..request(LatentsOf::Mean) };
        let (_, stability) = choose(&fixed, &samples, true, &corpus::progress::Silent).unwrap();
        assert!(stability.unwrap() > 0.99, "{stability:?}");
        let only = FitRequest { covariance_types: vec![CovarianceType::LowRank(2)], ..fixed };
        let error = choose(&only, &samples, true, &corpus::progress::Silent).unwrap_err();
        assert!(matches!(error, StyleError::Rank { n_features: 2 }));
    }
}
