//! The M step: parameters from moments, and the repair of components that have none.

use super::FitError;
use super::background::Background;
use super::pass::Statistics;
use crate::density::{Factors, SingularComponent};
use crate::parallel::grain;
use crate::prior::Prior;
use crate::report::{PriorShare, Repair, RepairAction};
use crate::values::Values;
use crate::{CovarianceType, Covariances, GaussianMixture, Real, Samples, factor};
use rayon::prelude::*;

/// A component that holds less than this share of an average row has lost its rows.
const STARVED: f64 = 1e-8;
/// How often a start may move starved components elsewhere before it gives up on them.
const MAX_RESEEDS: usize = 10;
/// How often a singular covariance gets a larger ridge before the fit fails.
const MAX_RIDGES: i32 = 8;

/// Turns moments into parameters, and remembers what had to be repaired.
pub(super) struct MStep<'a> {
    values: &'a Values,
    background: &'a Background,
    total_weight: f64,
    n_reseeds: usize,
    repairs: Vec<Repair>,
    prior_shares: Vec<PriorShare>,
    /// A mixture whose memory serves for the next.
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

    /// The mean of all samples, once per component.
    pub(super) fn everywhere(&self) -> Vec<f64> {
        self.background.mean.repeat(self.values.n_components)
    }

    /// Takes a mixture that is no longer needed: matrices of the next update go into its memory.
    pub(super) fn recycle(&mut self, model: GaussianMixture) {
        self.spare = Some(model);
    }

    /// How much of each component of the last update came from the prior or from shrinkage.
    pub(super) fn prior_shares(&self) -> Vec<PriorShare> {
        self.prior_shares.clone()
    }

    pub(super) fn into_repairs(self) -> Vec<Repair> {
        self.repairs
    }

    /// Parameters that maximize the expected log likelihood (Bishop, PRML, Eq. 9.24–9.26), with
    /// `reg_covar` added to the diagonal of every covariance.
    ///
    /// A component that has lost all its rows is moved to `worst_row`, with the covariance of all
    /// samples.
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
                // The prior holds up whatever has lost its rows.
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
                // Several at once go to different rows, spread evenly from the worst one.
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
        let (spare, factors) = self.spare.take().map(GaussianMixture::into_parts).unzip();
        let covariances = match &self.values.prior {
            Some(prior) => self.posterior_covariances(statistics, prior),
            None => self.covariances(statistics, &starved, d, spare),
        };
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
        self.factorize(weights, means, covariances, factors, iteration)
    }

    /// A mixture with the given means, equal weights and the covariance of all samples for every
    /// component.
    pub(super) fn everywhere_alike(&mut self, means: &[f64]) -> Result<GaussianMixture, FitError> {
        let d = self.background.mean.len();
        let k = means.len() / d;
        let reg = self.values.reg_covar;
        let pooled = &self.background.covariance;
        let mut dense = pooled.dense();
        add_to_diagonal(&mut dense, d, reg);
        let variances: Vec<f64> = pooled.variances().iter().map(|v| v + reg).collect();
        let covariances = match self.values.covariance_type {
            CovarianceType::Full => Covariances::Full(dense.repeat(k)),
            CovarianceType::Tied => Covariances::Tied(dense),
            CovarianceType::Diag => Covariances::Diag(variances.repeat(k)),
            CovarianceType::Spherical => {
                Covariances::Spherical(vec![pooled.mean_variance() + reg; k])
            }
            CovarianceType::LowRank(rank) => {
                let one = factored(&Covariances::Full(dense), d, rank, self.noise_floor(), None)
                    .map_err(|component| FitError::Singular { component, reg_covar: reg })?;
                Covariances::LowRank { rank, values: one.as_slice().repeat(k) }
            }
        };
        self.factorize(vec![1.0 / k as f64; k], means.to_vec(), covariances, None, 0)
    }

    /// What factor analysis may not take a feature's own variance below.
    fn noise_floor(&self) -> f64 {
        let scale = self.background.covariance.mean_variance();
        self.values.reg_covar.max(scale * 1e-12).max(f64::MIN_POSITIVE)
    }

    fn note(&mut self, iteration: usize, component: usize, action: RepairAction) {
        self.repairs.push(Repair { iteration, component, action });
    }

    /// Covariances of all components, in the memory of others; starved ones get that of all
    /// samples.
    fn covariances(
        &mut self,
        statistics: &Statistics<'_>,
        starved: &[bool],
        d: usize,
        spare: Option<Covariances>,
    ) -> Covariances {
        let reg = self.values.reg_covar;
        let (moments, pooled) = (statistics.moments, &self.background.covariance);
        self.prior_shares.clear();
        let variances = |k: usize| -> Vec<f64> {
            if starved[k] { pooled.variances() } else { moments[k].variances() }
        };
        match self.values.covariance_type {
            CovarianceType::Full | CovarianceType::LowRank(_) => {
                let mut all = match spare {
                    Some(Covariances::Full(matrices)) => matrices,
                    _ => Vec::new(),
                };
                all.resize(moments.len() * d * d, 0.0);
                let each = all.par_chunks_mut(d * d).zip(moments).zip(starved);
                let each = each.with_min_len(grain(4 * d * d));
                let shares = each.map(|((own, component), starved)| {
                    if *starved {
                        own.copy_from_slice(&pooled.dense());
                    } else {
                        component.write_covariance(own);
                    }
                    let shrinkage = self.values.shrinkage;
                    let share = shrinkage.map(|s| s.apply(own, d, component.count.max(1.0)));
                    add_to_diagonal(own, d, reg);
                    share
                });
                let shares: Vec<Option<f64>> = shares.collect();
                let shares = shares.into_iter().flatten();
                let shares = shares.map(|covariance| PriorShare { mean: 0.0, covariance });
                self.prior_shares.extend(shares);
                Covariances::Full(all)
            }
            CovarianceType::Tied => {
                let mut within = statistics.pooled();
                add_to_diagonal(&mut within, d, reg);
                Covariances::Tied(within)
            }
            CovarianceType::Diag => Covariances::Diag(
                (0..moments.len()).flat_map(variances).map(|variance| variance + reg).collect(),
            ),
            CovarianceType::Spherical => Covariances::Spherical(
                (0..moments.len())
                    .map(|k| variances(k).iter().sum::<f64>() / d as f64 + reg)
                    .collect(),
            ),
        }
    }

    /// Modes of the covariances under the prior; see [`Prior`] for the formulas.
    fn posterior_covariances(&mut self, statistics: &Statistics<'_>, prior: &Prior) -> Covariances {
        let moments = statistics.moments;
        let (d, reg) = (prior.n_features(), self.values.reg_covar);
        let diagonal =
            matches!(self.values.covariance_type, CovarianceType::Diag | CovarianceType::Spherical);
        let width = if diagonal { 1 } else { d };
        self.prior_shares = moments
            .iter()
            .map(|m| PriorShare {
                mean: prior.mean_share(m.count),
                covariance: prior.covariance_share(m.count, width),
            })
            .collect();
        let shares = &self.prior_shares;
        let full = |k: usize| -> Vec<f64> {
            let (component, share) = (&moments[k], shares[k].covariance);
            let (factor, shift) = prior.between(component);
            let own = if component.count > 0.0 { component.covariance() } else { vec![0.0; d * d] };
            let per_row = factor / component.count.max(f64::MIN_POSITIVE);
            let mut mode: Vec<f64> = (own.iter().enumerate())
                .map(|(at, own)| {
                    let own = own + per_row * (shift[at / d] * shift[at % d]);
                    share * prior.covariance[at] + (1.0 - share) * own
                })
                .collect();
            add_to_diagonal(&mut mode, d, reg);
            mode
        };
        let variances = |k: usize| -> Vec<f64> {
            let (component, share) = (&moments[k], shares[k].covariance);
            let (factor, shift) = prior.between(component);
            let own = if component.count > 0.0 { component.variances() } else { vec![0.0; d] };
            let per_row = factor / component.count.max(f64::MIN_POSITIVE);
            let terms = own.iter().zip(&shift).enumerate();
            terms
                .map(|(j, (own, shift))| {
                    let prior = prior.covariance[j * d + j];
                    share * prior + (1.0 - share) * (own + per_row * shift * shift) + reg
                })
                .collect()
        };
        let all = 0..moments.len();
        match self.values.covariance_type {
            CovarianceType::Full | CovarianceType::LowRank(_) => {
                Covariances::Full(all.flat_map(full).collect())
            }
            CovarianceType::Diag => Covariances::Diag(all.flat_map(variances).collect()),
            CovarianceType::Spherical => Covariances::Spherical(
                all.map(|k| variances(k).iter().sum::<f64>() / d as f64).collect(),
            ),
            CovarianceType::Tied => {
                let mut sum = statistics.pooled();
                let n: f64 = moments.iter().map(|m| m.count).sum();
                let own = prior.covariance_strength + d as f64 + 2.0;
                for (at, value) in sum.iter_mut().enumerate() {
                    *value = n * *value + own * prior.covariance[at];
                }
                for component in moments {
                    let (factor, shift) = prior.between(component);
                    for (at, value) in sum.iter_mut().enumerate() {
                        *value += factor * (shift[at / d] * shift[at % d]);
                    }
                }
                let total = prior.covariance_strength + n + moments.len() as f64 + d as f64 + 1.0;
                for value in &mut sum {
                    *value /= total;
                }
                add_to_diagonal(&mut sum, d, reg);
                for share in &mut self.prior_shares {
                    share.covariance = own / total;
                }
                Covariances::Tied(sum)
            }
        }
    }

    /// Factorizes the covariances; a singular one gets a growing ridge, unless regularization was
    /// switched off.
    fn factorize(
        &mut self,
        weights: Vec<f64>,
        means: Vec<f64>,
        mut covariances: Covariances,
        mut spare: Option<Factors>,
        iteration: usize,
    ) -> Result<GaussianMixture, FitError> {
        let d = means.len() / weights.len();
        let reg_covar = self.values.reg_covar;
        let mut ridges = vec![0; weights.len()];
        loop {
            let component = match Factors::in_place_of(spare.take(), &covariances, weights.len(), d)
            {
                Ok(factors) => {
                    return Ok(GaussianMixture::from_parts(weights, means, covariances, factors));
                }
                Err(SingularComponent(component)) => component,
            };
            if reg_covar == 0.0 || ridges[component] == MAX_RIDGES {
                return Err(FitError::Singular { component, reg_covar });
            }
            ridges[component] += 1;
            let scale = self.background.covariance.mean_variance().max(reg_covar);
            let amount = scale * 1e-12 * 10_f64.powi(ridges[component]);
            match &mut covariances {
                Covariances::Full(v) => {
                    add_to_diagonal(&mut v[component * d * d..(component + 1) * d * d], d, amount);
                }
                Covariances::Tied(v) => add_to_diagonal(v, d, amount),
                Covariances::Diag(v) => {
                    v[component * d..(component + 1) * d].iter_mut().for_each(|v| *v += amount);
                }
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

/// Loadings and variances for full covariances, going on from those of `before`; the component that
/// has none is the error.
pub(crate) fn factored(
    full: &Covariances,
    d: usize,
    rank: usize,
    floor: f64,
    before: Option<&Covariances>,
) -> Result<Covariances, usize> {
    let before = |k: usize| match before {
        Some(Covariances::LowRank { rank: own, values }) if *own == rank => {
            Some(&values[k * d * (rank + 1)..(k + 1) * d * (rank + 1)])
        }
        _ => None,
    };
    let fitted: Result<Vec<Vec<f64>>, usize> = full
        .as_slice()
        .par_chunks(d * d)
        .with_min_len(grain(8 * rank * d * d))
        .enumerate()
        .map(|(k, scatter)| factor::fit(scatter, d, rank, floor, before(k)).map_err(|_| k))
        .collect();
    Ok(Covariances::LowRank { rank, values: fitted?.concat() })
}

/// Adds `amount` to the diagonal of a dense `[D, D]` matrix.
fn add_to_diagonal(matrix: &mut [f64], d: usize, amount: f64) {
    for i in 0..d {
        matrix[i * d + i] += amount;
    }
}
