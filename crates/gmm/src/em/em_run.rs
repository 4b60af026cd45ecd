//! [`EmRun`]: one run of EM over one set of samples, step by step.

use super::background::Background;
use super::bounds::Drift;
use super::error::FitError;
use super::m_step::MStep;
use super::pass::{PassTotals, Workspace};
use crate::density::BlockDensity;
use crate::report::{PriorShare, Repair};
use crate::values::Values;
use crate::{CovarianceType, GaussianMixture, Real, Samples};

/// An EM run with its current model.
pub(super) struct EmRun<'a, T, W> {
    samples: &'a Samples<'a, T>,
    workspace: W,
    m_step: MStep<'a>,
    model: Option<GaussianMixture>,
    drift: Drift,
    /// The last density, whose memory is reused for the next.
    spare: Option<BlockDensity<T>>,
    lower_bounds: Vec<f64>,
}

impl<'a, T: Real, W: std::borrow::BorrowMut<Workspace<T>>> EmRun<'a, T, W> {
    /// Creates a run without a start.
    pub(super) fn new(
        values: &'a Values,
        background: &'a Background,
        samples: &'a Samples<'a, T>,
        mut workspace: W,
    ) -> Self {
        workspace.borrow_mut().reset();
        Self {
            samples,
            workspace,
            m_step: MStep::new(values, background, samples.total_weight()),
            model: None,
            drift: Drift::unknown(values.n_components),
            spare: None,
            lower_bounds: Vec::new(),
        }
    }

    /// Starts at a model.
    pub(super) fn start_at_model(&mut self, model: GaussianMixture) {
        self.model = Some(model);
    }

    /// Starts at these means, `[K, D]`, with equal weights and the covariance of the background.
    pub(super) fn start_at_means(&mut self, means: &[f64]) -> Result<(), FitError> {
        self.model = Some(self.m_step.everywhere_alike(means)?);
        Ok(())
    }

    /// Starts at the components given by the labels of the rows.
    pub(super) fn start_at_labels(&mut self, labels: &[u32]) -> Result<(), FitError> {
        let samples = self.samples;
        let centers = self.m_step.everywhere();
        self.start_at_responsibilities(|workspace| {
            Ok(workspace.labeled(samples, &centers, |row| labels[row] as usize))
        })
    }

    /// Starts at the components of responsibilities whose moments `fill` computes in the workspace.
    pub(super) fn start_at_responsibilities(
        &mut self,
        fill: impl FnOnce(&mut Workspace<T>) -> Result<PassTotals, FitError>,
    ) -> Result<(), FitError> {
        let workspace = self.workspace.borrow_mut();
        let row = fill(workspace)?.worst_row;
        let statistics = workspace.statistics();
        self.model = Some(self.m_step.update(&statistics, self.samples, None, row, 0)?);
        Ok(())
    }

    /// One E step and one M step; returns the mean log likelihood before the M step.
    pub(super) fn step(&mut self) -> Result<f64, FitError> {
        let iteration = self.lower_bounds.len() + 1;
        let model = self.model.as_ref().expect("a run is given a start before its first step");
        let (weights, means) = (model.weights(), model.means());
        let cholesky = model.cholesky();
        let density = BlockDensity::<T>::in_place_of(self.spare.take(), weights, means, cholesky);
        let workspace = self.workspace.borrow_mut();
        let totals = workspace.expectation(self.samples, &density, &self.drift, means);
        self.spare = Some(density);
        let bound = totals.log_likelihood / self.samples.total_weight();
        if !bound.is_finite() {
            return Err(FitError::NotFinite { iteration, bound });
        }
        self.lower_bounds.push(bound);
        let statistics = workspace.statistics();
        let row = totals.worst_row;
        let updated = self.m_step.update(&statistics, self.samples, Some(model), row, iteration)?;
        self.drift = Drift::between(model, &updated);
        if let Some(before) = self.model.replace(updated) {
            self.m_step.recycle(before);
        }
        Ok(bound)
    }

    /// Number of steps done.
    pub(super) fn n_iter(&self) -> usize {
        self.lower_bounds.len()
    }

    /// The mean log likelihood before the last M step; minus infinity before the first one.
    pub(super) fn bound(&self) -> f64 {
        self.lower_bounds.last().copied().unwrap_or(f64::NEG_INFINITY)
    }

    /// Whether some component has so few rows that its covariance depends on chance or on
    /// `reg_covar`, so that the likelihood is meaningless.
    pub(super) fn is_degenerate(&self) -> bool {
        let Some(model) = &self.model else { return false };
        if model.covariance_type() == CovarianceType::Tied {
            return false;
        }
        // Two points may be close by chance in any number of dimensions; on a line, two are the
        // minimum for a spread.
        let least = model.n_features().min(3);
        let smallest = model.weights().iter().copied().fold(f64::INFINITY, f64::min);
        smallest * self.samples.effective_size() < least as f64 + 0.5
    }

    /// The mean log likelihood of other samples.
    pub(super) fn score(&self, samples: &Samples<'_, T>) -> f64 {
        let model = self.model.as_ref().expect("a run is given a start before it is judged");
        model.score(samples).expect("samples of the same features")
    }

    /// The most probable component of each of the given samples.
    pub(super) fn labels(&self, samples: &Samples<'_, T>) -> Vec<usize> {
        let model = self.model.as_ref().expect("a run is given a start before it is used");
        model.predict(samples).expect("samples of the same features")
    }

    pub(super) fn into_model(self) -> GaussianMixture {
        self.model.expect("a run is given a start before it ends")
    }

    /// The model, the bounds, and the records of the M steps.
    pub(super) fn finish(self) -> (GaussianMixture, Vec<f64>, Vec<PriorShare>, Vec<Repair>) {
        let shares = self.m_step.prior_shares();
        let model = self.model.expect("a run is given a start before it ends");
        (model, self.lower_bounds, shares, self.m_step.into_repairs())
    }
}
