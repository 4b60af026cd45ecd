//! Where new music comes from: the mixture, the prior, or the naive ways that it is measured against.

use controlgen::generate::{Controls, Decoding, GenerateError};
use controlgen::latent::sample_style;
use controlgen::model::Model;
use gmm::GaussianMixture;
use musicvae::seed;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

/// A way of drawing latents.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// A mixture on the active dimensions; the others from the prior.
    Mixture(&'a GaussianMixture),
    /// One component of it.
    Component(&'a GaussianMixture, usize),
    /// The prior, `N(0, I)`.
    Prior,
    /// The naive VAE's way: each active dimension drawn evenly from within one deviation of the mean
    /// over given latents, `mean ± 1 deviation`; the others from the prior.
    MeanDeviation {
        /// Mean of each active dimension.
        mean: Vec<f64>,
        /// Deviation of each active dimension.
        deviation: Vec<f64>,
    },
}

impl Source<'_> {
    /// [`Source::MeanDeviation`] of some latents `[n, d]`; with one latent alone the deviation is 0.
    pub fn mean_deviation(rows: &[f64], d: usize) -> Self {
        let n = (rows.len() / d.max(1)).max(1) as f64;
        let column = |j: usize| rows[j..].iter().step_by(d);
        let mean: Vec<f64> = (0..d).map(|j| column(j).sum::<f64>() / n).collect();
        let deviation = (0..d)
            .map(|j| (column(j).map(|v| (v - mean[j]).powi(2)).sum::<f64>() / n).sqrt())
            .collect();
        Self::MeanDeviation { mean, deviation }
    }

    /// `n` latents, `[n, Z]`; number `i` depends on the seed and `i` alone.
    pub fn draw(&self, model: &Model, n: usize, seed: u64) -> Vec<f32> {
        let active = &model.config().active_dimensions;
        let of = |mixture: &GaussianMixture| sample_style(mixture, active, model.z_size(), n, seed);
        match self {
            // As `generate` draws them.
            Self::Mixture(mixture) => return of(mixture),
            Self::Component(mixture, component) => {
                return of(&mixture.only(&[*component]).expect("a component of the mixture"));
            }
            Self::Prior | Self::MeanDeviation { .. } => {}
        }
        let mut latents = Vec::with_capacity(n * model.z_size());
        for index in 0..n as u64 {
            let mut rng = seed::stream(seed, "eval latent", index);
            let mut z: Vec<f32> = (0..model.z_size()).map(|_| rng.sample(StandardNormal)).collect();
            for (dimension, value) in active.iter().zip(self.point(&mut rng)) {
                z[*dimension] = value as f32;
            }
            latents.extend(z);
        }
        latents
    }

    /// Values of the active dimensions; none for those that stay as the prior has them.
    fn point(&self, rng: &mut impl Rng) -> Vec<f64> {
        match self {
            Self::MeanDeviation { mean, deviation } => mean
                .iter()
                .zip(deviation)
                .map(|(m, s)| m + s * (2.0 * rng.random::<f64>() - 1.0))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// `n` windows at a temperature, under chords of real music if the model takes any.
    ///
    /// # Errors
    /// [`GenerateError`]: a temperature out of range, or a reference that can't be read.
    pub fn windows(
        &self,
        model: &Model,
        n: usize,
        temperature: f32,
        seed: u64,
    ) -> Result<Vec<Vec<u16>>, GenerateError> {
        let decoding = Decoding { temperature: Some(temperature), seed }.check()?;
        let control = Controls::new(model, None)?.of(0, n, seed);
        Ok(decoding.decode(model, &self.draw(model, n, seed), &control))
    }
}
