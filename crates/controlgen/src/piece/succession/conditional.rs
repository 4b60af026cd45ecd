//! The distribution of a window given others near it.

use std::ops::Range;

use gmm::Gaussian;
use gmm::points::{dot, squared_distance};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::coordinates::{project, unproject};

/// The distribution of a window given others near it.
#[derive(Clone, Debug)]
pub struct Conditional {
    pub(super) center: Vec<f64>,
    pub(super) axes: Vec<f64>,
    pub(super) n_given: usize,
    pub(super) components: Vec<ConditionalComponent>,
    /// Along each of the other axes, the weights of what is given and the deviation left.
    pub(super) rest: Vec<(Vec<f64>, f64)>,
    /// The sum of the logarithms of those deviations.
    pub(super) rest_log_det: f64,
}

#[derive(Clone, Debug)]
pub(super) struct ConditionalComponent {
    pub(super) log_weight: f64,
    /// The windows that are given, together, if any are.
    pub(super) known: Option<Gaussian>,
    pub(super) half_log_det: f64,
    /// `Σ_fk Σ_kk⁻¹`, `[P, given · P]`.
    pub(super) gain: Vec<f64>,
    pub(super) mean: Vec<f64>,
    /// The distribution around the mean, about 0.
    pub(super) noise: Gaussian,
    pub(super) noise_half_log_det: f64,
}

/// The distribution after given windows: a mixture about some means.
#[derive(Clone, Debug)]
pub struct Next<'a> {
    of: &'a Conditional,
    log_weights: Vec<f64>,
    /// Along the principal axes of the mixture.
    means: Vec<Vec<f64>>,
    /// Along the others.
    rest: Vec<f64>,
    /// Both, whitened as [`Conditional::whitened`] does.
    white: Vec<f64>,
}

impl Conditional {
    /// The mixture that follows latents on the active dimensions, in the order of the places.
    ///
    /// # Panics
    /// If there are more or fewer than the places.
    pub fn after(&self, given: &[&[f64]]) -> Next<'_> {
        assert_eq!(given.len(), self.n_given, "a latent for each place");
        let along: Vec<Vec<f64>> =
            given.iter().map(|z| project(z, &self.center, &self.axes)).collect();
        let p = self.center.len() - self.rest.len();
        let known: Vec<f64> = along.iter().flat_map(|y| y[..p].iter().copied()).collect();
        let rest = self.rest.iter().enumerate().map(|(i, (weights, _))| {
            weights.iter().zip(&along).map(|(weight, y)| weight * y[p + i]).sum()
        });
        let rest: Vec<f64> = rest.collect();
        let mut log_weights = Vec::with_capacity(self.components.len());
        let mut means = Vec::with_capacity(self.components.len());
        for component in &self.components {
            let Some(own) = &component.known else {
                log_weights.push(component.log_weight);
                means.push(component.mean.clone());
                continue;
            };
            let distance = own.mahalanobis_squared(&known);
            log_weights.push(component.log_weight - component.half_log_det - 0.5 * distance);
            let shift: Vec<f64> = known.iter().zip(own.mean()).map(|(x, m)| x - m).collect();
            let gain = component.gain.chunks_exact(shift.len());
            let mean = component.mean.iter().zip(gain).map(|(m, row)| m + dot(row, &shift));
            means.push(mean.collect());
        }
        let total = log_sum_exp(&log_weights);
        log_weights.iter_mut().for_each(|w| *w -= total);
        let own = self.components.iter().zip(&means).flat_map(|(c, m)| c.noise.standardized(m));
        let white = own.chain(self.deviations(&rest)).collect();
        Next { of: self, log_weights, means, rest, white }
    }

    /// A latent on the active dimensions along the principal axes.
    pub fn along(&self, z: &[f64]) -> Vec<f64> {
        project(z, &self.center, &self.axes)
    }

    /// Coordinates along the principal axes, whitened: for each component those in which its noise
    /// is standard normal, `[K, P]`, then the other axes in units of their deviations. They don't
    /// depend on the given windows, so the densities of the same points after many windows cost one
    /// whitening, `O(K P²)`, and then `O(K P)` for each window.
    pub fn whitened(&self, y: &[f64]) -> Vec<f64> {
        let (y, rest) = y.split_at(y.len() - self.rest.len());
        let own = self.components.iter().flat_map(|component| component.noise.standardized(y));
        own.chain(self.deviations(rest)).collect()
    }

    fn deviations(&self, rest: &[f64]) -> impl Iterator<Item = f64> {
        rest.iter().zip(&self.rest).map(|(y, (_, left))| y / left)
    }
}

impl Next<'_> {
    /// Draws a latent on the active dimensions; deviations from the mean of the drawn component are
    /// multiplied by `temperature`.
    pub fn draw(&self, temperature: f64, rng: &mut impl Rng) -> Vec<f64> {
        let mut left = rng.random::<f64>();
        let drawn = self.log_weights.iter().position(|weight| {
            left -= weight.exp();
            left < 0.0
        });
        let k = drawn.unwrap_or(self.means.len() - 1);
        let mut e = || temperature * rng.sample::<f64, _>(StandardNormal);
        let noise: Vec<f64> = self.means[k].iter().map(|_| e()).collect();
        let noise = self.of.components[k].noise.unstandardize(&noise);
        let mut y: Vec<f64> = self.means[k].iter().zip(noise).map(|(m, e)| m + e).collect();
        y.extend(self.rest.iter().zip(&self.of.rest).map(|(m, (_, left))| m + left * e()));
        unproject(&y, &self.of.center, &self.of.axes)
    }

    /// The logarithm of the density at a latent on the active dimensions, in nats.
    pub fn log_density(&self, z: &[f64]) -> f64 {
        self.log_density_along(&self.along(z))
    }

    /// The log-ratio of a latent's density to that after other windows of the succession, in nats.
    pub fn log_ratio(&self, other: &Next<'_>, z: &[f64]) -> f64 {
        let y = self.along(z);
        self.log_density_along(&y) - other.log_density_along(&y)
    }

    /// A latent along the principal axes.
    pub(in crate::piece) fn along(&self, z: &[f64]) -> Vec<f64> {
        self.of.along(z)
    }

    /// The distribution that this one is of.
    pub fn conditional(&self) -> &Conditional {
        self.of
    }

    /// The logarithm of the density at coordinates along the principal axes.
    pub(in crate::piece) fn log_density_along(&self, y: &[f64]) -> f64 {
        self.log_density_whitened(&self.of.whitened(y))
    }

    /// The same at whitened coordinates, see [`Conditional::whitened`].
    pub fn log_density_whitened(&self, white: &[f64]) -> f64 {
        let d = self.of.center.len();
        let p = d - self.of.rest.len();
        let constant = 0.5 * d as f64 * std::f64::consts::TAU.ln();
        let distance = |of: Range<usize>| squared_distance(&white[of.clone()], &self.white[of]);
        let of_rest = -self.of.rest_log_det - 0.5 * distance(self.means.len() * p..white.len());
        let terms: Vec<f64> = (0..self.means.len())
            .map(|k| {
                let component = &self.of.components[k];
                let distance = distance(k * p..(k + 1) * p);
                self.log_weights[k] - component.noise_half_log_det - 0.5 * distance - constant
            })
            .collect();
        of_rest + log_sum_exp(&terms)
    }
}

/// `ln Σ exp(x)` without overflow.
fn log_sum_exp(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + values.iter().map(|v| (v - max).exp()).sum::<f64>().ln()
}
