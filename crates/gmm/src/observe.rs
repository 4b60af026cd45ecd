//! [`Progress`]: what a running fit tells its observer.

use crate::CovarianceType;
use std::ops::ControlFlow;

/// Receives the progress of a fit after each iteration; `ControlFlow::Break(())` cancels the fit.
pub type Observer<'a> = dyn FnMut(&Progress) -> ControlFlow<()> + Send + 'a;

/// State of a fit after one EM iteration.
///
/// Passed to the closure of [`ValidParams::fit_observed`](crate::ValidParams::fit_observed), whose answer
/// `ControlFlow::Break(())` cancels the fit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Number of components of the mixture being fitted.
    pub n_components: usize,
    /// Shape of its covariances.
    pub covariance_type: CovarianceType,
    /// Which start, counted from 0.
    pub start: usize,
    /// Number of starts.
    pub n_init: usize,
    /// Which iteration of this start, counted from 1.
    pub iteration: usize,
    /// Largest number of iterations of a start.
    pub max_iter: usize,
    /// Mean log likelihood before this iteration's M step, in nats per sample.
    pub lower_bound: f64,
    /// Change of the lower bound since the iteration before; none in the first.
    pub change: Option<f64>,
    /// Whether no iteration of this start follows. With the last start the fit ends.
    pub is_last_iteration: bool,
}
