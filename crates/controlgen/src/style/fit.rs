//! Fitting the mixture: latents in, the model folder's styles out.

use std::ops::{ControlFlow, RangeInclusive};
use std::path::PathBuf;

use gmm::select::{Candidate, Criterion, Selection, Sweep};
use gmm::{CovarianceType, GmmParams, Samples};
use serde::{Deserialize, Serialize};

use super::reference::Reference;
use super::{Style, StyleError, StylesFile};
use crate::artifact::{JsonFormat, write_atomic};
use crate::model::Model;
use crate::progress::Progress;
use crate::table::{Split, read_latents};

/// Training windows whose sources stand with each style.
const NEAREST: usize = 3;

/// Windows that the number of styles is chosen on; the chosen mixture is fitted on all. A mixture's
/// likelihood for each window hardly changes beyond this, while the time grows with every window.
const MAX_SWEEP_SAMPLES: usize = 20_000;

/// How styles are looked for.
#[derive(Clone, Debug)]
pub struct FitRequest {
    /// The latents folder.
    pub latents: PathBuf,
    /// The corpus folder, for where windows come from.
    pub corpus: PathBuf,
    /// Numbers of components to try; one number is no choice.
    pub n_components: RangeInclusive<usize>,
    /// Shapes of covariance to try.
    pub covariance_types: Vec<CovarianceType>,
    /// What chooses.
    pub criterion: Criterion,
    /// Starts of each fit.
    pub n_init: usize,
    /// The seed of every start.
    pub seed: u64,
}

/// What a fit came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitSummary {
    /// Training windows fitted on.
    pub n_samples: usize,
    /// Active dimensions.
    pub n_features: usize,
    /// Components of the chosen mixture.
    pub n_components: usize,
    /// Their shape.
    pub covariance_type: CovarianceType,
    /// Mean log-likelihood of the training latents, in nats.
    pub score: f64,
    /// The same on held-out latents whose windows are not in train; none without such.
    pub heldout_score: Option<f64>,
    /// Windows that the choice was made on, spread evenly over all.
    pub n_sweep_samples: usize,
    /// Everything that was tried on them.
    pub curve: Vec<Candidate>,
    /// The styles found.
    pub styles: Vec<Style>,
}

/// Fits a mixture on the active dimensions of the training latents and writes `mixture.json`,
/// `styles.json` and `reference.parquet` into the model folder.
///
/// # Errors
/// See [`StyleError`]; the model folder is as it was then.
pub fn fit(
    model: &Model,
    request: &FitRequest,
    progress: &dyn Progress,
) -> Result<FitSummary, StyleError> {
    let active = &model.config().active_dimensions;
    if active.is_empty() {
        return Err(StyleError::NoActiveDimension);
    }
    let latents = read_latents(&request.latents, model.z_size())?;
    let values = latents.means(Split::Train, active);
    let samples = Samples::new(&values, values.len() / active.len(), active.len())?;

    let selection = choose(request, &samples, progress)?;
    let mixture = &selection.best.model;
    let responsibilities = mixture.predict_proba(&samples).expect("the samples it was fitted on");
    let labels = responsibilities.labels();
    let reference = Reference::collect(&request.corpus, &latents, model)?;
    let nearest = reference.nearest(mixture, active, NEAREST);
    let styles: Vec<Style> = nearest
        .into_iter()
        .enumerate()
        .map(|(component, nearest)| Style {
            name: format!("style-{component}"),
            components: vec![component],
            hidden: false,
            share: labels.iter().filter(|label| **label == component).count() as f64
                / labels.len() as f64,
            nearest,
            added: None,
        })
        .collect();

    let unseen: Vec<f64> = latents
        .rows
        .iter()
        .filter(|row| row.split == Split::Heldout && !row.seen)
        .flat_map(|row| active.iter().map(|d| f64::from(row.mu[*d])))
        .collect();
    let heldout_score = Samples::new(&unseen, unseen.len() / active.len(), active.len())
        .ok()
        .and_then(|samples| mixture.score(&samples).ok());
    let summary = FitSummary {
        n_samples: samples.n_samples(),
        n_features: active.len(),
        n_components: mixture.n_components(),
        covariance_type: mixture.covariance_type(),
        score: selection.best.report.score,
        heldout_score,
        n_sweep_samples: samples.n_samples().div_ceil(sweep_stride(samples.n_samples())),
        curve: selection.selection.curve.clone(),
        styles: styles.clone(),
    };
    // The mixture goes last: without it, the folder has no styles.
    reference.save(model)?;
    StylesFile { styles }.save(&model.folder().join("styles.json"))?;
    let mut text = serde_json::to_string_pretty(&selection).expect("plain numbers");
    text.push('\n');
    write_atomic(&model.folder().join("mixture.json"), text.as_bytes())?;
    Ok(summary)
}

/// Every how many windows one is used for the choice.
fn sweep_stride(n_samples: usize) -> usize {
    n_samples.div_ceil(MAX_SWEEP_SAMPLES).max(1)
}

/// Chooses number and shape of the components on some samples and fits that mixture on all.
fn choose(
    request: &FitRequest,
    samples: &Samples<'_>,
    progress: &dyn Progress,
) -> Result<Selection, StyleError> {
    let stride = sweep_stride(samples.n_samples());
    let some: Vec<f64> = (0..samples.n_samples())
        .step_by(stride)
        .flat_map(|row| samples.row(row).iter().copied())
        .collect();
    let n_features = samples.n_features();
    let some = Samples::new(&some, some.len() / n_features, n_features)?;

    let n_fits = request.n_components.clone().count() * request.covariance_types.len();
    progress.begin("fitting mixtures", "fits", n_fits as u64);
    let mut selection = Sweep::new(request.n_components.clone())
        .covariance_types(request.covariance_types.iter().copied())
        .criterion(request.criterion)
        .params(GmmParams::new(1).n_init(request.n_init))
        .run_observed(&some, request.seed, &mut |at| {
            if at.is_last_iteration && at.start + 1 == at.n_init {
                progress.advance(1);
            }
            ControlFlow::Continue(())
        })?;
    if stride > 1 {
        let (n_components, covariance_type) =
            (selection.best.model.n_components(), selection.best.model.covariance_type());
        selection.best = GmmParams::new(n_components)
            .covariance_type(covariance_type)
            .n_init(request.n_init)
            .fit(samples, request.seed)?;
    }
    progress.end();
    Ok(selection)
}
