//! Choice of the number of components and of the covariance shape: a sweep, its curve and its best fit.

use crate::em::FitError;
use crate::observe::Progress;
use crate::params::GmmParams;
use crate::report::Fit;
use crate::{CovarianceType, Real, Samples};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use thiserror::Error;

/// What a sweep chooses by; every criterion is reported so that lower is better.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Criterion {
    /// Bayesian information criterion, `-2 ln L + p ln n`.
    #[default]
    Bic,
    /// Akaike's information criterion, `-2 ln L + 2 p`.
    Aic,
}

/// A sweep over numbers of components and covariance shapes.
///
/// # Examples
/// ```
/// use gmm::{CovarianceType, GmmParams, Samples, select::Sweep};
/// let data: Vec<f64> = (0..60).map(|i| f64::from(i % 3) * 10.0 + f64::from(i % 7) * 0.1).collect();
/// let samples = Samples::new(&data, 60, 1)?;
/// let selection = Sweep::new(1..=5)
///     .params(GmmParams::new(1).n_init(2))
///     .covariance_types([CovarianceType::Diag])
///     .run(&samples, 7)?;
/// assert_eq!(selection.best.model.n_components(), 3);
/// assert_eq!(selection.selection.curve.len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sweep {
    n_components: Vec<usize>,
    covariance_types: Option<Vec<CovarianceType>>,
    criterion: Criterion,
    params: GmmParams,
}

/// The best fit of a sweep and the whole curve.
///
/// Serialises as the best fit's JSON object with one more field, `selection`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Selection {
    /// The fit that the criterion chose; not fitted again.
    #[serde(flatten)]
    pub best: Fit,
    /// What it was chosen from.
    pub selection: Curve,
}

/// All entries of a sweep.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Curve {
    /// What was chosen by.
    pub criterion: Criterion,
    /// Index of the chosen entry in `curve`.
    pub chosen: usize,
    /// One entry per covariance type and number of components, in that order.
    pub curve: Vec<Candidate>,
}

/// One entry of a sweep.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Candidate {
    /// Number of components.
    pub n_components: usize,
    /// Shape of the covariances.
    pub covariance_type: CovarianceType,
    /// Number of free parameters.
    pub n_parameters: usize,
    /// Mean log likelihood, in nats per sample.
    pub score: f64,
    /// Total log likelihood, in nats.
    pub log_likelihood: f64,
    /// Bayesian information criterion; lower is better.
    pub bic: f64,
    /// Akaike's information criterion; lower is better.
    pub aic: f64,
    /// Iterations of the kept start.
    pub n_iter: usize,
    /// Whether the kept start converged.
    pub converged: bool,
    /// Smallest component weight.
    pub smallest_weight: f64,
}

/// Why a sweep chose nothing.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SelectError {
    /// There is nothing to choose from.
    #[error("the sweep is empty; give at least one number of components and one covariance type")]
    Empty,
    /// A number of components is larger than the number of samples.
    #[error(
        "the sweep reaches {n_components} components, but there are only {n_samples} samples; end it at {n_samples} or below"
    )]
    TooFewSamples {
        /// Number of samples.
        n_samples: usize,
        /// Largest number of components asked for.
        n_components: usize,
    },
    /// A fit failed.
    #[error("the fit of {n_components} components failed")]
    Fit {
        /// Number of components.
        n_components: usize,
        /// Shape of the covariances.
        covariance_type: CovarianceType,
        /// Why.
        #[source]
        source: FitError,
    },
}

impl Sweep {
    /// A sweep over these numbers of components by BIC, with the covariance type of the parameters.
    pub fn new(n_components: impl IntoIterator<Item = usize>) -> Self {
        Self {
            n_components: n_components.into_iter().collect(),
            covariance_types: None,
            criterion: Criterion::default(),
            params: GmmParams::new(1),
        }
    }

    /// Sets the covariance types to try.
    #[must_use]
    pub fn covariance_types(mut self, types: impl IntoIterator<Item = CovarianceType>) -> Self {
        self.covariance_types = Some(types.into_iter().collect());
        self
    }

    /// Sets what to choose by.
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

    /// Runs the sweep; see [`run_observed`](Self::run_observed).
    ///
    /// # Errors
    /// [`SelectError`].
    pub fn run<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        seed: u64,
    ) -> Result<Selection, SelectError> {
        self.run_observed(samples, seed, &mut |_| ControlFlow::Continue(()))
    }

    /// Runs the sweep under observation and keeps the fit with the lowest criterion; of equal ones the first.
    ///
    /// Every entry uses the same seed, so that entries with the same number of components share their starts.
    ///
    /// # Errors
    /// [`SelectError`] when the sweep is empty, reaches beyond the number of samples, or a fit fails or is cancelled.
    pub fn run_observed<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        seed: u64,
        observe: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
    ) -> Result<Selection, SelectError> {
        let types = match &self.covariance_types {
            Some(types) => types.clone(),
            None => vec![self.params.chosen_covariance_type()],
        };
        let n_samples = samples.n_samples();
        let largest = self.n_components.iter().copied().max().unwrap_or(0);
        if self.n_components.is_empty() || types.is_empty() {
            return Err(SelectError::Empty);
        }
        if largest > n_samples {
            return Err(SelectError::TooFewSamples { n_samples, n_components: largest });
        }
        let mut curve = Vec::with_capacity(types.len() * self.n_components.len());
        let mut best: Option<(usize, Fit)> = None;
        for covariance_type in types {
            for n_components in &self.n_components {
                let params = self.params.clone();
                let params = params.n_components(*n_components).covariance_type(covariance_type);
                let fit = params.fit_observed(samples, seed, observe).map_err(|source| {
                    SelectError::Fit { n_components: *n_components, covariance_type, source }
                })?;
                let candidate = Candidate::of(&fit);
                let value = candidate.value(self.criterion);
                let lowest = best.as_ref().map(|(at, _): &(usize, Fit)| {
                    let kept: &Candidate = &curve[*at];
                    kept.value(self.criterion)
                });
                if lowest.is_none_or(|lowest| value < lowest) {
                    best = Some((curve.len(), fit));
                }
                curve.push(candidate);
            }
        }
        let (chosen, best) = best.ok_or(SelectError::Empty)?;
        Ok(Selection { best, selection: Curve { criterion: self.criterion, chosen, curve } })
    }
}

impl Candidate {
    fn of(fit: &Fit) -> Self {
        let report = &fit.report;
        Self {
            n_components: report.n_components,
            covariance_type: report.covariance_type,
            n_parameters: report.n_parameters,
            score: report.score,
            log_likelihood: report.log_likelihood,
            bic: report.bic,
            aic: report.aic,
            n_iter: report.n_iter,
            converged: report.converged,
            smallest_weight: fit.model.weights().iter().copied().fold(f64::INFINITY, f64::min),
        }
    }

    /// The entry's value of a criterion; lower is better.
    pub fn value(&self, criterion: Criterion) -> f64 {
        match criterion {
            Criterion::Bic => self.bic,
            Criterion::Aic => self.aic,
        }
    }
}
