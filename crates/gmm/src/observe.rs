//! [`Progress`] of a running fit, and its [`Observer`].

use crate::CovarianceType;
use std::ops::ControlFlow;

/// Receives the progress of a fit after each iteration; `ControlFlow::Break(())` cancels the fit.
pub type Observer<'a> = dyn FnMut(&Progress) -> ControlFlow<()> + Send + 'a;

/// State of a fit after one EM iteration.
///
/// Passed to the closure of [`ValidParams::fit_observed`](crate::ValidParams::fit_observed), which
/// cancels the fit by returning `ControlFlow::Break(())`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Number of components of the mixture being fitted.
    pub n_components: usize,
    /// Type of its covariances.
    pub covariance_type: CovarianceType,
    /// Index of the start, from 0.
    pub start: usize,
    /// Number of starts.
    pub n_init: usize,
    /// Number of the iteration of this start, from 1.
    pub iteration: usize,
    /// Maximum number of iterations of a start.
    pub max_iter: usize,
    /// Mean log likelihood before this iteration's M step, in nats per sample.
    pub lower_bound: f64,
    /// Change of the lower bound since the previous iteration; `None` in the first.
    pub change: Option<f64>,
    /// Whether this is the last iteration of the start; the fit ends with the last start.
    pub is_last_iteration: bool,
}
