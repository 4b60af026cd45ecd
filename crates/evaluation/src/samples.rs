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
}

impl Source<'_> {
    /// [`Source::MeanDeviation`] of some latents `[n, d]`; with a single latent, the standard
    /// deviation is 0.
    pub fn mean_deviation(rows: &[f64], d: usize) -> Self {
        let n = (rows.len() / d.max(1)).max(1) as f64;
        let column = |j: usize| rows[j..].iter().step_by(d);
        let mean: Vec<f64> = (0..d).map(|j| column(j).sum::<f64>() / n).collect();
        let deviation = (0..d)
            .map(|j| (column(j).map(|v| (v - mean[j]).powi(2)).sum::<f64>() / n).sqrt())
            .collect();
        Self::MeanDeviation { mean, deviation }
    }

    /// `n` latents, `[n, Z]`; number `i` depends only on the seed and `i`.
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
            Self::Prior | Self::MeanDeviation { .. } => {
                Controls::new(model, ControlRequest::default())
            }
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

/// `n` latents from the prior, `[n, Z]`, each modified by `change`.
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
