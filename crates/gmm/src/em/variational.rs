//! Variational inference: the E and M steps of the Bayesian mixture, after scikit-learn's
//! `BayesianGaussianMixture`.

use super::background::Background;
use super::bounds::Drift;
use super::error::{FitError, check_size};
use super::pass::{Statistics, Workspace};
use super::start::{SharedStarts, Start};
use crate::density::BlockDensity;
use crate::posterior::{BayesianFit, Settings, WeightPrior};
use crate::stats::Accumulator;
use crate::update::{self, CovarianceUpdate};
use crate::values::Values;
use crate::{CovarianceType, GaussianMixture, Real, Samples};
use statrs::function::beta::ln_beta;
use statrs::function::gamma::{digamma, ln_gamma};

/// The prior.
struct Prior {
    /// Whether weights have a Dirichlet process prior, and its concentration.
    process: bool,
    concentration: f64,
    mean: Vec<f64>,
    /// `β₀`.
    mean_precision: f64,
    /// `ν₀`.
    degrees: f64,
    /// Inverse of the Wishart scale, `[D, D]`; diagonal shapes use its diagonal.
    scatter: Vec<f64>,
}

/// Parameters of the posterior.
struct Posterior {
    model: GaussianMixture,
    concentrations: Vec<(f64, f64)>,
    mean_precision: Vec<f64>,
    degrees: Vec<f64>,
}

/// Fits by coordinate ascent; see [`BayesianParams::fit`](crate::BayesianParams::fit).
pub(crate) fn fit<T: Real>(
    values: &Values,
    settings: &Settings,
    samples: &Samples<'_, T>,
    seed: u64,
) -> Result<BayesianFit, FitError> {
    check_size(values, samples)?;
    let shared = SharedStarts::default();
    let background = shared.background(values, samples, seed);
    let mut workspace = Workspace::new(values.n_components, samples, values.covariance_type);
    let start = Start { values, seed, index: 0, background: &background, shared: &shared };
    start.responsibilities(samples, &mut workspace)?;
    let prior = Prior::new(values, settings, samples, &background);
    let mut posterior = prior.update(values, &workspace.statistics())?;
    let mut drift = Drift::unknown(values.n_components);
    let mut lower_bounds: Vec<f64> = Vec::with_capacity(values.max_iter);
    let mut converged = false;
    for iteration in 1..=values.max_iter {
        let model = &posterior.model;
        let density = BlockDensity::<T>::new(model.weights(), model.means(), model.cholesky())
            .with_log_weighted_norm(posterior.expected_norms(prior.process));
        let totals = workspace.entropies(samples, &density, &drift, model.means());
        let next = prior.update(values, &workspace.statistics())?;
        let bound = totals.log_likelihood + next.bound(prior.process);
        if !bound.is_finite() {
            return Err(FitError::NotFinite { iteration, bound });
        }
        drift = Drift::between(&posterior.model, &next.model);
        posterior = next;
        converged = lower_bounds.last().is_some_and(|before| (bound - before).abs() < values.tol);
        lower_bounds.push(bound);
        if converged {
            break;
        }
    }
    Ok(BayesianFit {
        model: posterior.model,
        weight_concentration: posterior.concentrations,
        mean_precision: posterior.mean_precision,
        degrees_of_freedom: posterior.degrees,
        lower_bounds,
        converged,
    })
}

impl Prior {
    fn new<T: Real>(
        values: &Values,
        settings: &Settings,
        samples: &Samples<'_, T>,
        background: &Background,
    ) -> Self {
        let d = samples.n_features();
        let moments = Accumulator::of_all(samples, &background.mean);
        // The unbiased covariance of all samples; that of a single sample, zero, is unchanged. For
        // weights that sum to 1, the number of samples is the effective one.
        let n = samples.effective_size();
        let unbiased = if n > 1.0 + 1e-9 { n / (n - 1.0) } else { 1.0 };
        let scatter = moments.covariance().iter().map(|v| v * unbiased).collect();
        let (process, concentration) = match settings.weights {
            WeightPrior::DirichletProcess { concentration } => (true, concentration),
            WeightPrior::Dirichlet { concentration } => (false, concentration),
        };
        Self {
            process,
            concentration: concentration.unwrap_or(1.0 / values.n_components as f64),
            mean: moments.mean(),
            mean_precision: settings.mean_precision,
            degrees: settings.degrees_of_freedom.unwrap_or(d as f64),
            scatter,
        }
    }

    /// The posterior given responsibilities (Bishop, PRML, Eq. 10.58 and 10.60–10.63); covariances
    /// are the inverses of the expected precisions.
    fn update(&self, values: &Values, statistics: &Statistics<'_>) -> Result<Posterior, FitError> {
        let moments = statistics.moments;
        let (d, k, reg) = (self.mean.len(), moments.len(), values.reg_covar);
        let counts: Vec<f64> = moments.iter().map(|m| m.count + 10.0 * f64::EPSILON).collect();
        let beta: Vec<f64> = counts.iter().map(|n| self.mean_precision + n).collect();
        let own = |k: usize| {
            let seen = moments[k].count > 0.0;
            if seen { moments[k].mean() } else { self.mean.clone() }
        };
        let own: Vec<Vec<f64>> = (0..k).map(own).collect();
        let mut means = Vec::with_capacity(k * d);
        for ((own, n), beta) in own.iter().zip(&counts).zip(&beta) {
            let sum = own.iter().zip(&self.mean).map(|(x, m)| self.mean_precision * m + n * x);
            means.extend(sum.map(|v| v / beta));
        }
        let shift =
            |k: usize| -> Vec<f64> { own[k].iter().zip(&self.mean).map(|(x, m)| x - m).collect() };
        let is_tied = values.covariance_type == CovarianceType::Tied;
        // Tied covariances share all rows evenly.
        let held =
            |c: usize| if is_tied { counts.iter().sum::<f64>() / k as f64 } else { counts[c] };
        let degrees: Vec<f64> = (0..k).map(|c| self.degrees + held(c)).collect();
        let between = |c: usize, n_sharing: usize| {
            let factor = self.mean_precision * counts[c] / beta[c];
            (factor / n_sharing as f64 / degrees[c], shift(c))
        };
        let write = |c: usize, own: &mut [f64]| {
            match &statistics.within {
                Some(within) => own.copy_from_slice(within),
                None => moments[c].write_covariance(own),
            }
            let update = CovarianceUpdate {
                own: held(c) / degrees[c],
                other: (1.0 / degrees[c], &self.scatter),
                between: if is_tied {
                    (0..k).map(|c| between(c, k)).collect()
                } else {
                    vec![between(c, 1)]
                },
                ridge: reg * held(c) / degrees[c],
            };
            update.apply(own, d);
        };
        let (covariances, _) = update::covariances(values.covariance_type, k, d, None, write);
        let concentrations = self.concentrations(&counts);
        let weights = expected_weights(self.process, &concentrations);
        let model = GaussianMixture::from_valid(weights, means, covariances)
            .map_err(|error| FitError::of_model(&error, reg))?;
        Ok(Posterior { model, concentrations, mean_precision: beta, degrees })
    }

    /// `Beta(1 + n_k, γ + Σ_{j>k} n_j)` of each stick, or `α₀ + n_k`.
    fn concentrations(&self, counts: &[f64]) -> Vec<(f64, f64)> {
        if !self.process {
            return counts.iter().map(|n| (self.concentration + n, 0.0)).collect();
        }
        let mut later = 0.0;
        let mut sticks: Vec<(f64, f64)> = counts
            .iter()
            .rev()
            .map(|n| {
                let stick = (1.0 + n, self.concentration + later);
                later += n;
                stick
            })
            .collect();
        sticks.reverse();
        sticks
    }
}

/// Expected weights, scaled to sum to 1, because the truncation leaves a rest of the last stick.
fn expected_weights(process: bool, concentrations: &[(f64, f64)]) -> Vec<f64> {
    let mut left = 1.0;
    let raw: Vec<f64> = concentrations
        .iter()
        .map(|(a, b)| {
            if !process {
                return *a;
            }
            let share = a / (a + b) * left;
            left *= b / (a + b);
            share
        })
        .collect();
    let total: f64 = raw.iter().sum();
    raw.into_iter().map(|w| w / total).collect()
}

impl Posterior {
    /// Expectation of `ln π_k + ½ ln |Λ_k| - D/2 ln 2π - D / 2β_k` (Bishop, PRML, Eq. 10.64–10.66),
    /// which replaces weights and norms in the E step.
    fn expected_norms(&self, process: bool) -> Vec<f64> {
        let d = self.model.n_features() as f64;
        let mut before = 0.0;
        let total: f64 = self.concentrations.iter().map(|(a, _)| a).sum();
        let mut norms = self.model.cholesky().log_norm().to_vec();
        for (k, norm) in norms.iter_mut().enumerate() {
            let ((a, b), beta, nu) =
                (self.concentrations[k], self.mean_precision[k], self.degrees[k]);
            let log_weight = if process {
                let all = digamma(a + b);
                let own = digamma(a) - all + before;
                before += digamma(b) - all;
                own
            } else {
                digamma(a) - digamma(total)
            };
            let log_det: f64 = d * 2.0_f64.ln()
                + (0..self.model.n_features()).map(|i| digamma(0.5 * (nu - i as f64))).sum::<f64>();
            *norm += log_weight - 0.5 * d * nu.ln() + 0.5 * (log_det - d / beta);
        }
        norms
    }

    /// The bound minus the entropy of the responsibilities, up to a constant.
    fn bound(&self, process: bool) -> f64 {
        let n_features = self.model.n_features();
        let d = n_features as f64;
        let base = -0.5 * d * (2.0 * std::f64::consts::PI).ln();
        let log_norms = self.model.cholesky().log_norm().iter();
        let wishart: f64 = log_norms
            .zip(&self.degrees)
            .map(|(log_norm, nu)| {
                // ½ ln |Λ| of the precision's scale, which is the expected precision divided by ν.
                let half_log_det = log_norm - base - 0.5 * d * nu.ln();
                let gammas: f64 = (0..n_features).map(|i| ln_gamma(0.5 * (nu - i as f64))).sum();
                -(nu * half_log_det + nu * d * 0.5 * 2.0_f64.ln() + gammas)
            })
            .sum();
        let weights: f64 = if process {
            -self.concentrations.iter().map(|(a, b)| ln_beta(*a, *b)).sum::<f64>()
        } else {
            let total: f64 = self.concentrations.iter().map(|(a, _)| a).sum();
            ln_gamma(total) - self.concentrations.iter().map(|(a, _)| ln_gamma(*a)).sum::<f64>()
        };
        let means: f64 = self.mean_precision.iter().map(|beta| beta.ln()).sum();
        -wishart - weights - 0.5 * d * means
    }
}
