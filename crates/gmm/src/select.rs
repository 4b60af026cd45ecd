//! Selection of the number of components and the covariance type: a sweep, its curve and its best
//! fit.

mod candidate;
mod criteria;
mod runner;
mod stability;

pub use candidate::Candidate;
pub use criteria::{elbow, silhouette, weighted_silhouette};
pub use stability::stability;

use crate::em::{FitError, SharedStarts};
use crate::observe::Observer;
use crate::params::GmmParams;
use crate::report::Fit;
use crate::streams::{Purpose, stream};
use crate::{CovarianceType, Real, Samples};
use rayon::prelude::*;
use runner::Runner;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Mutex;
use thiserror::Error;

/// Total number of rows of the fits that a sweep runs at the same time: enough to keep the threads
/// busy if one fit doesn't, with limited memory.
const ROWS_AT_ONCE: usize = 1 << 20;

/// Criterion of a sweep's selection; all are reported so that lower is better.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Criterion {
    /// Bayesian information criterion, `-2 ln L + p ln n`.
    #[default]
    Bic,
    /// Akaike's information criterion, `-2 ln L + 2 p`.
    Aic,
    /// Integrated completed likelihood, `BIC - 2 Σ_n ln max_k r_nk`: like BIC, but prefers
    /// components that do not overlap.
    Icl,
    /// Minus the mean log likelihood of held-out rows, by cross-validation; see
    /// [`SweepParams::folds`].
    HeldOut,
    /// The elbow of the log likelihood of each covariance type ([`Sweep::elbow`]; its lowest BIC if
    /// there is no elbow), and of these the one with the lowest BIC.
    Elbow,
    /// Minus the mean agreement of fits to random halves of the rows, see [`stability`] and
    /// [`SweepParams::resamples`]. One component always agrees with itself, and few components do
    /// more easily than many, so the range should begin at the smallest number of interest (Ben-Hur
    /// et al. 2002).
    Stability,
}

/// A sweep over numbers of components and covariance types.
///
/// # Examples
/// ```
/// use gmm::{CovarianceType, GmmParams, Samples, select::SweepParams};
/// let value = |i| f64::from(i % 3) * 10.0 + f64::from(i % 7) * 0.1;
/// let data: Vec<f64> = (0..60).map(value).collect();
/// let samples = Samples::new(&data, 60, 1)?;
/// let selected = SweepParams::new(1..=5)
///     .params(GmmParams::new(1).n_init(2))
///     .covariance_types([CovarianceType::Diag])
///     .run(&samples, 7)?;
/// assert_eq!(selected.best.model.n_components(), 3);
/// assert_eq!(selected.sweep.candidates.len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SweepParams {
    n_components: Vec<usize>,
    covariance_types: Option<Vec<CovarianceType>>,
    criterion: Criterion,
    params: GmmParams,
    folds: usize,
    n_resamples: usize,
    patience: Option<usize>,
}

/// The best fit of a sweep, and the whole sweep.
///
/// Serializes as the best fit's JSON object with the additional field `selection`, in which the
/// candidates are named `curve`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Selected {
    /// The selected fit; not fitted again.
    #[serde(flatten)]
    pub best: Fit,
    /// All candidates.
    #[serde(rename = "selection")]
    pub sweep: Sweep,
}

/// All candidates of a sweep.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Sweep {
    /// The criterion of the choice.
    pub criterion: Criterion,
    /// Index of the chosen entry in `candidates`.
    pub chosen: usize,
    /// One entry per covariance type and number of components, in that order.
    #[serde(rename = "curve")]
    pub candidates: Vec<Candidate>,
    /// Entries that could not be fitted, with the reasons; the others are valid without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedCandidate>,
}

/// An entry of a sweep that could not be fitted.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FailedCandidate {
    /// Number of components.
    pub n_components: usize,
    /// Type of the covariances.
    pub covariance_type: CovarianceType,
    /// The reason, as text.
    pub reason: String,
}

/// Reason why a sweep selected nothing.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SelectError {
    /// There are no candidates.
    #[error("the sweep is empty; give at least one number of components and one covariance type")]
    Empty,
    /// A number of components is larger than the number of samples.
    #[error(
        "the sweep reaches {n_components} components, but there are only {n_samples} samples; end it at {n_samples} or below"
    )]
    TooFewSamples {
        /// Number of samples.
        n_samples: usize,
        /// Largest number of components requested.
        n_components: usize,
    },
    /// A fit was cancelled, or all fits failed and this was the first.
    #[error("the fit of {n_components} components failed")]
    Fit {
        /// Number of components.
        n_components: usize,
        /// Type of the covariances.
        covariance_type: CovarianceType,
        /// The cause.
        #[source]
        source: FitError,
    },
}

impl SweepParams {
    /// Creates a sweep over these numbers of components by BIC, with the covariance type of the
    /// parameters.
    pub fn new(n_components: impl IntoIterator<Item = usize>) -> Self {
        Self {
            n_components: n_components.into_iter().collect(),
            covariance_types: None,
            criterion: Criterion::default(),
            params: GmmParams::new(1),
            folds: 5,
            n_resamples: 3,
            patience: None,
        }
    }

    /// Sets the covariance types to try.
    #[must_use]
    pub fn covariance_types(mut self, types: impl IntoIterator<Item = CovarianceType>) -> Self {
        self.covariance_types = Some(types.into_iter().collect());
        self
    }

    /// Sets the selection criterion.
    #[must_use]
    pub fn criterion(mut self, criterion: Criterion) -> Self {
        self.criterion = criterion;
        self
    }

    /// Sets all other parameters of the fits; its number of components is ignored.
    #[must_use]
    pub fn params(mut self, params: GmmParams) -> Self {
        self.params = params;
        self
    }

    /// Sets the number of folds of [`Criterion::HeldOut`] (default 5). Rows are assigned to folds
    /// in an order shuffled by the seed, so that rows which follow a pattern do not all end up in
    /// one fold.
    #[must_use]
    pub fn folds(mut self, folds: usize) -> Self {
        self.folds = folds.max(2);
        self
    }

    /// Sets the number of pairs of halves of [`Criterion::Stability`] (default 3).
    #[must_use]
    pub fn resamples(mut self, n_resamples: usize) -> Self {
        self.n_resamples = n_resamples.max(1);
        self
    }

    /// Ends the curve of a covariance type after this many consecutive entries worse than its best;
    /// off by default.
    #[must_use]
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = Some(patience.max(1));
        self
    }

    /// Mean held-out log likelihood over all folds, if that is the criterion.
    fn held_out<T: Real>(
        &self,
        params: &GmmParams,
        samples: &Samples<'_, T>,
        seed: u64,
    ) -> Result<Option<f64>, FitError> {
        if self.criterion != Criterion::HeldOut {
            return Ok(None);
        }
        let (n, d) = (samples.n_samples(), samples.n_features());
        let folds = self.folds.min(n);
        let mut fold_of = vec![0; n];
        let order = rand::seq::index::sample(&mut stream(seed, Purpose::Folds, 0), n, n);
        for (at, row) in order.iter().enumerate() {
            fold_of[row] = at % folds;
        }
        let (mut total, mut weight) = (0.0, 0.0);
        for fold in 0..folds {
            let pick = |held: bool| {
                let rows = (0..n).filter(|row| (fold_of[*row] == fold) == held);
                rows.fold((Vec::new(), Vec::new()), |(mut data, mut weights), row| {
                    data.extend_from_slice(samples.row(row));
                    weights.push(samples.weight(row));
                    (data, weights)
                })
            };
            let ((train, train_weights), (test, test_weights)) = (pick(false), pick(true));
            let view = |data, weights| {
                let view = Samples::new(data, <[f64]>::len(weights), d);
                view.and_then(|view| view.with_weights(weights)).ok()
            };
            let few = FitError::TooFewSamples { n_samples: train_weights.len(), n_components: 1 };
            let train = view(&train, &train_weights).ok_or(few)?;
            let Some(test) = view(&test, &test_weights) else { continue };
            let fit = params.clone().fit(&train, seed)?;
            total += fit.model.log_likelihood(&test).expect("rows of the same samples");
            weight += test.total_weight();
        }
        Ok(Some(total / weight))
    }

    /// Mean agreement of fits to random halves, if that is the criterion.
    fn stability<T: Real>(
        &self,
        params: &GmmParams,
        samples: &Samples<'_, T>,
        seed: u64,
    ) -> Result<Option<f64>, FitError> {
        match self.criterion {
            Criterion::Stability => stability(params, samples, self.n_resamples, seed).map(Some),
            _ => Ok(None),
        }
    }

    /// Runs the sweep; see [`run_observed`](Self::run_observed).
    ///
    /// # Errors
    /// Returns a [`SelectError`], same as [`run_observed`](Self::run_observed).
    pub fn run<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        seed: u64,
    ) -> Result<Selected, SelectError> {
        self.run_observed(samples, seed, &mut |_| ControlFlow::Continue(()))
    }

    /// Runs the sweep under observation and keeps the fit with the lowest criterion; the first of
    /// equal ones.
    ///
    /// If there are few samples, fits run in parallel (up to a million rows over all fits), so
    /// their progress is interleaved. Every entry uses the same seed, and entries with the same
    /// number of components share one k-means. Neither affects the result: each entry is that of
    /// [`GmmParams::fit`], and the curve ends where it would end sequentially.
    ///
    /// # Errors
    /// Returns a [`SelectError`] if the sweep is empty, exceeds the number of samples, or is
    /// cancelled, or if all its fits fail. A single failed fit is left out and listed in
    /// [`Sweep::failed`].
    pub fn run_observed<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        seed: u64,
        observe: &mut Observer<'_>,
    ) -> Result<Selected, SelectError> {
        let types = match &self.covariance_types {
            Some(types) => types.clone(),
            None => vec![self.params.values().covariance_type],
        };
        let n_samples = samples.n_samples();
        let largest = self.n_components.iter().copied().max().unwrap_or(0);
        if self.n_components.is_empty() || types.is_empty() {
            return Err(SelectError::Empty);
        }
        if largest > n_samples {
            return Err(SelectError::TooFewSamples { n_samples, n_components: largest });
        }
        let runner = Runner {
            sweep: self,
            samples,
            seed,
            starts: SharedStarts::default(),
            observe: Mutex::new(observe),
        };
        let n_at_once = (ROWS_AT_ONCE / n_samples).clamp(1, rayon::current_num_threads());
        let mut curve = Vec::with_capacity(types.len() * self.n_components.len());
        let mut best: Option<(usize, Fit)> = None;
        let (mut failed, mut first_failure) = (Vec::new(), None);
        for covariance_type in types {
            let (mut least, mut n_worse) = (f64::INFINITY, 0);
            // Fits that ran at the same time as the last entry of the curve but come after it are
            // dropped.
            'curve: for together in self.n_components.chunks(n_at_once) {
                let entries: Vec<_> =
                    together.par_iter().map(|k| runner.entry(*k, covariance_type)).collect();
                for entry in entries {
                    let (candidate, fit) = match entry {
                        Ok(entry) => entry,
                        Err(error) => {
                            failed.push(error.as_entry()?);
                            first_failure = first_failure.or(Some(error));
                            continue;
                        }
                    };
                    let value = candidate.value(self.criterion);
                    let lowest = best.as_ref().map(|(at, _): &(usize, Fit)| {
                        let kept: &Candidate = &curve[*at];
                        kept.value(self.criterion)
                    });
                    if lowest.is_none_or(|lowest| value < lowest) {
                        best = Some((curve.len(), fit));
                    }
                    curve.push(candidate);
                    n_worse = if value < least { 0 } else { n_worse + 1 };
                    least = least.min(value);
                    if self.patience.is_some_and(|patience| n_worse >= patience) {
                        break 'curve;
                    }
                }
            }
        }
        let (mut chosen, mut best) =
            best.ok_or_else(|| first_failure.unwrap_or(SelectError::Empty))?;
        if self.criterion == Criterion::Elbow {
            let at_elbow = at_elbow(&curve).unwrap_or(chosen);
            if at_elbow != chosen {
                chosen = at_elbow;
                let Candidate { n_components, covariance_type, .. } = curve[chosen];
                best = runner.entry(n_components, covariance_type)?.1;
            }
        }
        let sweep = Sweep { criterion: self.criterion, chosen, candidates: curve, failed };
        Ok(Selected { best, sweep })
    }
}

impl SelectError {
    /// The failure as an entry of the report; a cancelled sweep has none, and ends.
    fn as_entry(&self) -> Result<FailedCandidate, Self> {
        match self {
            Self::Fit { source: FitError::Cancelled { .. } | FitError::Params(_), .. }
            | Self::Empty
            | Self::TooFewSamples { .. } => Err(self.clone()),
            Self::Fit { n_components, covariance_type, source } => Ok(FailedCandidate {
                n_components: *n_components,
                covariance_type: *covariance_type,
                reason: source.to_string(),
            }),
        }
    }
}

/// The entry with the lowest BIC among the elbows of all covariance types.
fn at_elbow(curve: &[Candidate]) -> Option<usize> {
    let (criterion, entries) = (Criterion::Elbow, curve.to_vec());
    let whole = Sweep { criterion, chosen: 0, candidates: entries, failed: Vec::new() };
    let is_elbow = |at: &usize| {
        let entry = &curve[*at];
        match whole.elbow(entry.covariance_type) {
            Some(n_components) => entry.n_components == n_components,
            None => true,
        }
    };
    (0..curve.len()).filter(is_elbow).min_by(|a, b| curve[*a].bic.total_cmp(&curve[*b].bic))
}

impl Sweep {
    /// The number of components at the elbow of the log likelihood (`ln L` over `K`) of one
    /// covariance type, by [`elbow`]; `None` if the curve has none. It need not agree with the
    /// selected entry.
    pub fn elbow(&self, covariance_type: CovarianceType) -> Option<usize> {
        let entries: Vec<&Candidate> =
            self.candidates.iter().filter(|c| c.covariance_type == covariance_type).collect();
        let x: Vec<f64> = entries.iter().map(|c| c.n_components as f64).collect();
        let y: Vec<f64> = entries.iter().map(|c| c.log_likelihood).collect();
        elbow(&x, &y).map(|at| entries[at].n_components)
    }
}
