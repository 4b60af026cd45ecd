//! Sources of new music: the mixture, the prior, and naive baselines.

use controlgen::generate::{
    ControlRequest, Controls, Decoding, GenerateError, LatentPath, LatentSampling,
};
use controlgen::latent::LatentSpace;
use controlgen::model::Model;
use gmm::GaussianMixture;
use musicvae::seed;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// A distribution of latents.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// A mixture on the active dimensions; the others are from the prior.
    Mixture(&'a GaussianMixture),
    /// The prior, `N(0, I)`.
    Prior,
    /// The baseline of a plain VAE: each active dimension uniform within one standard deviation of
    /// the mean of given latents; the others from the prior.
    MeanDeviation {
        /// Mean of each active dimension.
        mean: Vec<f64>,
        /// Standard deviation of each active dimension.
        deviation: Vec<f64>,
    },
    /// Posteriors of given windows, one drawn at random for each latent: new performances of what
    /// was given.
    Posteriors {
        /// Their means, `[n, Z]`.
        mu: &'a [f32],
        /// Their deviations, `[n, Z]`.
        sigma: &'a [f32],
    },
    /// A kernel density of given points on the active dimensions, `[n, D]`: one of them drawn at
    /// random, moved by `N(0, deviation²)` in each; the others from the prior.
    Kernels {
        /// The points.
        points: &'a [f64],
        /// Deviation of the kernel in each active dimension.
        deviation: Vec<f64>,
    },
}

impl<'a> Source<'a> {
    /// [`Source::MeanDeviation`] of some latents `[n, d]`; with one latent alone the deviation is
    /// 0.
    pub fn mean_deviation(rows: &[f64], d: usize) -> Self {
        let n = (rows.len() / d.max(1)).max(1) as f64;
        let column = |j: usize| rows[j..].iter().step_by(d);
        let mean: Vec<f64> = (0..d).map(|j| column(j).sum::<f64>() / n).collect();
        let deviation = (0..d)
            .map(|j| (column(j).map(|v| (v - mean[j]).powi(2)).sum::<f64>() / n).sqrt())
            .collect();
        Self::MeanDeviation { mean, deviation }
    }

    /// [`Source::Kernels`] about some points `[n, d]`. The kernel's deviation is that of the
    /// points, times the one of ten factors from 0.1 to 1 under which each point is most probable
    /// given the others (leave-one-out likelihood; Duin 1976); of a single point it is 0.
    pub fn kernels(points: &'a [f64], d: usize) -> Self {
        let Self::MeanDeviation { deviation, .. } = Self::mean_deviation(points, d) else {
            unreachable!("that source was asked for")
        };
        let factors = (1..=10).map(|tenths| f64::from(tenths) / 10.0);
        let scored = factors.map(|factor| (left_out(points, &deviation, factor), factor));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0, |(_, factor)| factor);
        Self::Kernels { points, deviation: deviation.iter().map(|s| s * best).collect() }
    }

    /// `n` latents, `[n, Z]`; number `i` depends on the seed and `i` alone.
    ///
    /// # Errors
    /// Returns a [`gmm::ModelError`] for a component that the mixture does not have.
    pub fn draw(&self, model: &Model, n: usize, seed: u64) -> Result<Vec<f32>, gmm::ModelError> {
        let space = model.latent_space();
        let of = |mixture: &GaussianMixture| -> Result<Vec<f32>, gmm::ModelError> {
            let path = LatentPath::stationary(mixture)?;
            let draw = |i| path.latents(space, 1, LatentSampling::default(), seed, i);
            Ok((0..n as u64).map(draw).collect::<Result<Vec<_>, _>>()?.concat())
        };
        match self {
            // Sampled like in `generate`.
            Self::Mixture(mixture) => of(mixture),
            Self::Prior => Ok(from_prior(space, n, seed, |_, _| ())),
            Self::MeanDeviation { mean, deviation } => Ok(from_prior(space, n, seed, |rng, z| {
                let uniform = |(m, s)| m + s * (2.0 * rng.random::<f64>() - 1.0);
                let point: Vec<f64> = mean.iter().zip(deviation).map(uniform).collect();
                space.embed(&point, z);
            })),
            Self::Posteriors { mu, sigma } => Ok(from_prior(space, n, seed, |rng, z| {
                let of = space.z_size();
                let at = of * rng.random_range(0..mu.len() / of);
                for ((z, m), s) in z.iter_mut().zip(&mu[at..]).zip(&sigma[at..]) {
                    *z = m + s * *z;
                }
            })),
            Self::Kernels { points, deviation } => Ok(from_prior(space, n, seed, |rng, z| {
                let d = deviation.len();
                let at = d * rng.random_range(0..points.len() / d);
                let moved = |(x, s): (&f64, &f64)| x + s * rng.sample::<f64, _>(StandardNormal);
                let point: Vec<f64> = points[at..].iter().zip(deviation).map(moved).collect();
                space.embed(&point, z);
            })),
        }
    }

    /// The controls of sampled windows: for components, those of real windows of the same
    /// component, otherwise those of all real windows.
    ///
    /// # Errors
    /// Returns a [`GenerateError`] if the reference can't be read.
    pub fn controls(&self, model: &Model) -> Result<Controls, GenerateError> {
        match self {
            Self::Mixture(mixture) => Controls::of_components(model, mixture),
            Self::Prior
            | Self::MeanDeviation { .. }
            | Self::Posteriors { .. }
            | Self::Kernels { .. } => Controls::new(model, ControlRequest::default()),
        }
    }

    /// `n` windows at a temperature.
    ///
    /// # Errors
    /// Returns a [`GenerateError`] if the temperature is out of range.
    pub fn windows(
        &self,
        model: &Model,
        controls: &Controls,
        n: usize,
        temperature: f32,
        seed: u64,
    ) -> Result<Vec<Vec<u16>>, GenerateError> {
        let decoding = Decoding { temperature: Some(temperature), seed }.check()?;
        let z = self.draw(model, n, seed)?;
        let control = controls.of(0, &z, 1, seed);
        Ok(decoding.decode(model, &z, &control))
    }
}

/// The mean log-density of each point under kernels about the others, without terms that don't
/// depend on the factor; of a single point, or where a deviation is 0, the factor itself: the
/// widest.
fn left_out(points: &[f64], deviation: &[f64], factor: f64) -> f64 {
    let d = deviation.len();
    let n = points.len() / d.max(1);
    if n < 2 || deviation.iter().any(|s| *s <= 0.0) {
        return factor;
    }
    let row = |i: usize| &points[i * d..][..d];
    let squared = |i: usize, j: usize| -> f64 {
        let scaled = row(i).iter().zip(row(j)).zip(deviation);
        scaled.map(|((a, b), s)| ((a - b) / (s * factor)).powi(2)).sum()
    };
    let of = |i: usize| {
        let logs: Vec<f64> = (0..n).filter(|j| *j != i).map(|j| -0.5 * squared(i, j)).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln()
    };
    (0..n).map(of).sum::<f64>() / n as f64 - d as f64 * factor.ln()
}

/// `n` latents of the prior, `[n, Z]`, each changed by `change`.
fn from_prior(
    space: &LatentSpace,
    n: usize,
    seed: u64,
    change: impl Fn(&mut ChaCha8Rng, &mut [f32]),
) -> Vec<f32> {
    let mut latents = vec![0.0; n * space.z_size()];
    for (index, z) in (0..).zip(latents.chunks_exact_mut(space.z_size().max(1))) {
        let mut rng = seed::stream(seed, "eval latent", index);
        z.iter_mut().for_each(|value| *value = rng.sample(StandardNormal));
        change(&mut rng, z);
    }
    latents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_narrow_where_points_crowd_and_wide_where_they_spread() {
        let factor = |points: &[f64]| {
            let Source::Kernels { deviation, .. } = Source::kernels(points, 1) else { panic!() };
            let Source::MeanDeviation { deviation: all, .. } = Source::mean_deviation(points, 1)
            else {
                panic!()
            };
            deviation[0] / all[0]
        };
        // Two heaps far apart: the next point is a hundredth of the deviation away.
        let heaps: Vec<f64> =
            (0..20).map(|i| f64::from(i % 2) * 100.0 + 0.1 * f64::from(i)).collect();
        assert!((factor(&heaps) - 0.1).abs() < 1e-9, "{}", factor(&heaps));
        // Three points, evenly: each is a deviation or more from the next.
        assert!(factor(&[0.0, 1.0, 2.0]) > 0.6);
        let Source::Kernels { deviation, .. } = Source::kernels(&[4.0], 1) else { panic!() };
        assert_eq!(deviation, [0.0]);
    }
}
