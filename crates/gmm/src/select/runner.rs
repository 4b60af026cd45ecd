//! The fits of a running sweep.

use std::sync::{Mutex, PoisonError};

use super::{Candidate, SelectError, SweepParams};
use crate::em::SharedStarts;
use crate::observe::{Observer, Progress};
use crate::report::Fit;
use crate::{CovarianceType, Real, Samples};

/// The inputs shared by all fits of a running sweep.
pub(super) struct Runner<'a, T> {
    pub(super) sweep: &'a SweepParams,
    pub(super) samples: &'a Samples<'a, T>,
    pub(super) seed: u64,
    pub(super) starts: SharedStarts,
    pub(super) observe: Mutex<&'a mut Observer<'a>>,
}

impl<T: Real> Runner<'_, T> {
    /// Fits one entry of the curve.
    pub(super) fn entry(
        &self,
        n_components: usize,
        covariance_type: CovarianceType,
    ) -> Result<(Candidate, Fit), SelectError> {
        let params = self.sweep.params.clone();
        let params = params.n_components(n_components).covariance_type(covariance_type);
        let failed = |source| SelectError::Fit { n_components, covariance_type, source };
        let mut observe = |progress: &Progress| {
            let mut observe = self.observe.lock().unwrap_or_else(PoisonError::into_inner);
            observe(progress)
        };
        let valid = params.clone().check().map_err(|error| failed(error.into()))?;
        let fit = valid
            .fit_sharing(self.samples, self.seed, &self.starts, &mut observe)
            .map_err(failed)?;
        let held_out = self.sweep.held_out(&params, self.samples, self.seed).map_err(failed)?;
        let stability = self.sweep.stability(&params, self.samples, self.seed).map_err(failed)?;
        Ok((Candidate::of(&fit, self.samples, held_out, stability), fit))
    }
}
