//! The M step: parameters from moments, and the repair of empty components.

use super::background::Background;
use super::error::FitError;
use super::pass::Statistics;
use crate::density::{Cholesky, SingularComponent};
use crate::report::{PriorShare, Repair, RepairAction};
use crate::update::{self, CovarianceUpdate, factored};
use crate::values::Values;
use crate::{CovarianceType, Covariances, GaussianMixture, Real, Samples};

/// A component with less than this fraction of an average row is empty.
const STARVED: f64 = 1e-8;
/// Maximum number of times a start moves empty components before it gives up on them.
const MAX_RESEEDS: usize = 10;
/// Maximum number of times the ridge of a singular covariance is increased before the fit fails.
const MAX_RIDGES: i32 = 8;

/// Converts moments to parameters, and records repairs.
pub(super) struct MStep<'a> {
    values: &'a Values,
    background: &'a Background,
    total_weight: f64,
    n_reseeds: usize,
    repairs: Vec<Repair>,
    prior_shares: Vec<PriorShare>,
    /// A mixture whose memory is reused for the next one.
    spare: Option<GaussianMixture>,
}

impl<'a> MStep<'a> {
    pub(super) fn new(values: &'a Values, background: &'a Background, total_weight: f64) -> Self {
        Self {
            values,
            background,
            total_weight,
            n_reseeds: 0,
            repairs: Vec::new(),
            prior_shares: Vec::new(),
            spare: None,
        }
    }

    /// The mean of all samples, repeated for each component.
    pub(super) fn everywhere(&self) -> Vec<f64> {
        self.background.mean.repeat(self.values.n_components)
    }

    /// Recycles a mixture that is no longer needed: the next update reuses its matrices.
    pub(super) fn recycle(&mut self, model: GaussianMixture) {
        self.spare = Some(model);
    }

    /// The fraction of each component in the last update that came from the prior or from
    /// shrinkage.
    pub(super) fn prior_shares(&self) -> Vec<PriorShare> {
        self.prior_shares.clone()
    }

    pub(super) fn into_repairs(self) -> Vec<Repair> {
        self.repairs
    }

    /// Parameters that maximize the expected log likelihood (Bishop, PRML, Eq. 9.24–9.26), with
    /// `reg_covar` added to the diagonal of every covariance.
    ///
    /// An empty component is moved to `worst_row`, with the covariance of all samples.
    pub(super) fn update<T: Real>(
        &mut self,
        statistics: &Statistics<'_>,
        samples: &Samples<'_, T>,
        previous: Option<&GaussianMixture>,
        worst_row: usize,
        iteration: usize,
    ) -> Result<GaussianMixture, FitError> {
        let (d, moments) = (samples.n_features(), statistics.moments);
        let floor = STARVED * self.total_weight / samples.n_samples() as f64;
        let mut weights: Vec<f64> = moments.iter().map(|m| m.count / self.total_weight).collect();
        let mut means = Vec::with_capacity(moments.len() * d);
        let mut starved = vec![false; moments.len()];
        for (k, component) in moments.iter().enumerate() {
            if let Some(prior) = &self.values.prior {
                // With a prior, empty components stay valid.
                let alpha = prior.weight_concentration - 1.0;
                weights[k] =
                    (alpha + component.count) / (alpha * moments.len() as f64 + self.total_weight);
                means.extend(prior.posterior_mean(component));
                continue;
            }
            if component.count > floor {
                means.extend(component.mean());
                continue;
            }
            starved[k] = true;
            if self.n_reseeds < MAX_RESEEDS {
                self.n_reseeds += 1;
                // Several empty components go to different rows, evenly spaced from the worst one.
                let n_before = starved[..k].iter().filter(|s| **s).count();
                let step = samples.n_samples() / moments.len() + 1;
                let row = (worst_row + n_before * step) % samples.n_samples();
                weights[k] = 1.0 / moments.len() as f64;
                means.extend(samples.row(row).iter().map(|x| x.to_f64()));
                self.note(iteration, k, RepairAction::Reseeded { row });
            } else {
                weights[k] = 0.0;
                means.extend(match previous {
                    Some(previous) => previous.mean(k),
                    None => &self.background.mean,
                });
                self.note(iteration, k, RepairAction::Parked);
            }
        }
        let total: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= total;
        }
        let (spare, cholesky) = self.spare.take().map(GaussianMixture::into_parts).unzip();
        let covariances = self.covariances(statistics, &starved, d, spare);
        let covariances = match self.values.covariance_type {
            CovarianceType::LowRank(rank) => {
                let before = previous.map(GaussianMixture::covariances);
                let floor = self.noise_floor();
                factored(&covariances, d, rank, floor, before).map_err(|component| {
                    FitError::Singular { component, reg_covar: self.values.reg_covar }
                })?
            }
            _ => covariances,
        };
        self.factorize(weights, means, covariances, cholesky, iteration)
    }

    /// A mixture with the given means, equal weights and the covariance of all samples for every
    /// component.
    pub(super) fn everywhere_alike(&mut self, means: &[f64]) -> Result<GaussianMixture, FitError> {
        let d = self.background.mean.len();
        let k = means.len() / d;
        let (values, pooled) = (self.values, &self.background.covariance);
        let ridge = CovarianceUpdate::ridge(values.reg_covar);
        let of = |n_components| {
            let write = |_, values: &mut [f64]| {
                pooled.write(values);
                ridge.apply(values, d);
            };
            update::covariances(values.covariance_type, n_components, d, None, write).0
        };
        let covariances = match values.covariance_type {
            CovarianceType::LowRank(rank) => {
                let one = factored(&of(1), d, rank, self.noise_floor(), None);
                let one = one.map_err(|component| FitError::Singular {
                    component,
                    reg_covar: values.reg_covar,
                })?;
                Covariances::LowRank { rank, values: one.as_slice().repeat(k) }
            }
            _ => of(k),
        };
        self.factorize(vec![1.0 / k as f64; k], means.to_vec(), covariances, None, 0)
    }

    /// Lower limit of a feature's own variance in factor analysis.
    fn noise_floor(&self) -> f64 {
        let scale = self.background.covariance.mean_variance();
        self.values.reg_covar.max(scale * 1e-12).max(f64::MIN_POSITIVE)
    }

    fn note(&mut self, iteration: usize, component: usize, action: RepairAction) {
        self.repairs.push(Repair { iteration, component, action });
    }

    /// Covariances of all components, reusing memory; empty components get the covariance of all
    /// samples.
    fn covariances(
        &mut self,
        statistics: &Statistics<'_>,
        starved: &[bool],
        d: usize,
        spare: Option<Covariances>,
    ) -> Covariances {
        let (values, moments) = (self.values, statistics.moments);
        let (shape, prior) = (values.covariance_type, values.prior.as_ref());
        let write = |k: usize, own: &mut [f64]| {
            match &statistics.within {
                Some(within) => own.copy_from_slice(within),
                None if starved[k] => self.background.covariance.write(own),
                None => moments[k].write_covariance(own),
            }
            if let Some(prior) = prior {
                let mut mode = prior.mode(shape, moments, k);
                mode.ridge = values.reg_covar;
                mode.apply(own, d);
                return Some(mode.other.0);
            }
            let shrunk = values.shrinkage.map(|s| s.apply(own, d, moments[k].count.max(1.0)));
            CovarianceUpdate::ridge(values.reg_covar).apply(own, d);
            shrunk
        };
        let (covariances, shares) = update::covariances(shape, moments.len(), d, spare, write);
        // Tied covariances have the same value for all components.
        let shares = moments.iter().zip(shares.iter().cycle());
        let shares = shares.filter_map(|(component, share)| {
            let mean = prior.map_or(0.0, |prior| prior.mean_share(component.count));
            share.map(|covariance| PriorShare { mean, covariance })
        });
        self.prior_shares = shares.collect();
        covariances
    }

    /// Factorizes the covariances; a singular one gets an increasing ridge, unless regularization
    /// is off.
    fn factorize(
        &mut self,
        weights: Vec<f64>,
        means: Vec<f64>,
        mut covariances: Covariances,
        mut spare: Option<Cholesky>,
        iteration: usize,
    ) -> Result<GaussianMixture, FitError> {
        let d = means.len() / weights.len();
        let reg_covar = self.values.reg_covar;
        let mut ridges = vec![0; weights.len()];
        loop {
            let component =
                match Cholesky::in_place_of(spare.take(), &covariances, weights.len(), d) {
                    Ok(cholesky) => {
                        return Ok(GaussianMixture::from_parts(
                            weights,
                            means,
                            covariances,
                            cholesky,
                        ));
                    }
                    Err(SingularComponent(component)) => component,
                };
            if reg_covar == 0.0 || ridges[component] == MAX_RIDGES {
                return Err(FitError::Singular { component, reg_covar });
            }
            ridges[component] += 1;
            let scale = self.background.covariance.mean_variance().max(reg_covar);
            let amount = scale * 1e-12 * 10_f64.powi(ridges[component]);
            let ridge = CovarianceUpdate::ridge(amount);
            match &mut covariances {
                Covariances::Full(v) => {
                    ridge.apply(&mut v[component * d * d..(component + 1) * d * d], d);
                }
                Covariances::Tied(v) => ridge.apply(v, d),
                Covariances::Diag(v) => ridge.apply(&mut v[component * d..(component + 1) * d], d),
                Covariances::Spherical(v) => v[component] += amount,
                Covariances::LowRank { rank, values } => {
                    let own = values.chunks_mut(d * (*rank + 1)).nth(component);
                    let own = own.into_iter().flat_map(|own| own.chunks_mut(*rank + 1));
                    own.for_each(|row| row[*rank] += amount);
                }
            }
            self.note(iteration, component, RepairAction::Ridge { amount });
        }
    }
}
