//! What a mixture says about samples: densities, responsibilities, labels, criteria.

use super::{GaussianMixture, ModelError};
use crate::density::{BLOCK_ROWS, BlockDensity, DensityScratch, normalise};
use crate::{Real, Samples};
use rayon::prelude::*;

/// Posterior probabilities of the components, one row per sample: `r_nk = p(k | x_n)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Responsibilities {
    values: Vec<f64>,
    n_components: usize,
}

impl Responsibilities {
    /// All values, row-major `[n_samples, K]`.
    pub fn as_slice(&self) -> &[f64] {
        &self.values
    }

    /// Responsibilities of one sample, `[K]`.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn row(&self, sample: usize) -> &[f64] {
        &self.values[sample * self.n_components..(sample + 1) * self.n_components]
    }

    /// Responsibilities of all samples in order.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks(self.n_components)
    }

    /// The most responsible component of each sample; of equal ones the first.
    pub fn labels(&self) -> Vec<usize> {
        self.rows().map(argmax).collect()
    }

    /// Consumes the table and returns its values, row-major `[n_samples, K]`.
    pub fn into_vec(self) -> Vec<f64> {
        self.values
    }
}

/// Index of the largest value; of equal ones the first.
fn argmax(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, k| if values[k] > values[best] { k } else { best })
}

impl GaussianMixture {
    /// Posterior probability of each component for each sample (Bishop, PRML, Eq. 9.23).
    ///
    /// # Errors
    /// [`ModelError::FeatureMismatch`].
    pub fn predict_proba<T: Real>(
        &self,
        samples: &Samples<'_, T>,
    ) -> Result<Responsibilities, ModelError> {
        let k = self.n_components();
        let mut values = vec![0.0; samples.n_samples() * k];
        self.for_each_block(samples, &mut values, k, |block, _, out| {
            for (row, out) in out.chunks_mut(k).enumerate() {
                for (component, out) in out.iter_mut().enumerate() {
                    *out = block[component * BLOCK_ROWS + row];
                }
            }
        })?;
        Ok(Responsibilities { values, n_components: k })
    }

    /// The most probable component of each sample.
    ///
    /// # Errors
    /// [`ModelError::FeatureMismatch`].
    pub fn predict<T: Real>(&self, samples: &Samples<'_, T>) -> Result<Vec<usize>, ModelError> {
        let k = self.n_components();
        let mut labels = vec![0; samples.n_samples()];
        self.for_each_block(samples, &mut labels, 1, |block, _, out| {
            for (row, label) in out.iter_mut().enumerate() {
                let at = |component: usize| block[component * BLOCK_ROWS + row];
                *label = (1..k).fold(0, |best, c| if at(c) > at(best) { c } else { best });
            }
        })?;
        Ok(labels)
    }

    /// Log density `ln p(x)` of each sample, in nats.
    ///
    /// # Errors
    /// [`ModelError::FeatureMismatch`].
    pub fn score_samples<T: Real>(&self, samples: &Samples<'_, T>) -> Result<Vec<f64>, ModelError> {
        let mut scores = vec![0.0; samples.n_samples()];
        self.for_each_block(samples, &mut scores, 1, |_, log_likelihoods, out| {
            out.copy_from_slice(log_likelihoods);
        })?;
        Ok(scores)
    }

    /// Mean log density of the samples, in nats per sample; weighted if the samples are.
    ///
    /// # Errors
    /// [`ModelError::FeatureMismatch`].
    pub fn score<T: Real>(&self, samples: &Samples<'_, T>) -> Result<f64, ModelError> {
        Ok(self.log_likelihood(samples)? / samples.total_weight())
    }

    /// Total log likelihood of the samples, in nats; weighted if the samples are.
    ///
    /// Sums over blocks of fixed size in order, so the bits do not depend on the number of threads.
    ///
    /// # Errors
    /// [`ModelError::FeatureMismatch`].
    pub fn log_likelihood<T: Real>(&self, samples: &Samples<'_, T>) -> Result<f64, ModelError> {
        let scores = self.score_samples(samples)?;
        let block_sum = |(index, block): (usize, &[f64])| -> f64 {
            let first = index * BLOCK_ROWS;
            block.iter().enumerate().map(|(i, s)| weighted(samples.weight(first + i), *s)).sum()
        };
        Ok(scores.chunks(BLOCK_ROWS).enumerate().map(block_sum).sum())
    }

    /// Bayesian information criterion, `-2 ln L + p ln n`: lower is better.
    ///
    /// `p` is [`n_parameters`](Self::n_parameters), `n` the total weight of the samples.
    ///
    /// # Errors
    /// [`ModelError::FeatureMismatch`].
    pub fn bic<T: Real>(&self, samples: &Samples<'_, T>) -> Result<f64, ModelError> {
        let n = samples.total_weight();
        Ok(-2.0 * self.log_likelihood(samples)? + self.n_parameters() as f64 * n.ln())
    }

    /// Akaike's information criterion, `-2 ln L + 2 p`: lower is better.
    ///
    /// # Errors
    /// [`ModelError::FeatureMismatch`].
    pub fn aic<T: Real>(&self, samples: &Samples<'_, T>) -> Result<f64, ModelError> {
        Ok(-2.0 * self.log_likelihood(samples)? + 2.0 * self.n_parameters() as f64)
    }

    /// Calls `write(responsibilities, log densities, out)` for every block of rows, in parallel; `out` is the block's
    /// share of `all`, `width` values per row.
    fn for_each_block<T: Real, V: Send>(
        &self,
        samples: &Samples<'_, T>,
        all: &mut [V],
        width: usize,
        write: impl Fn(&[f64], &[f64], &mut [V]) + Sync,
    ) -> Result<(), ModelError> {
        let (d, k) = (self.n_features(), self.n_components());
        if samples.n_features() != d {
            return Err(ModelError::FeatureMismatch { found: samples.n_features(), expected: d });
        }
        let density = BlockDensity::<T>::new(self.weights(), self.means(), self.factors());
        all.par_chunks_mut(BLOCK_ROWS * width)
            .zip(samples.data().par_chunks(BLOCK_ROWS * d))
            .for_each_init(
                || (DensityScratch::new(d), vec![0.0; BLOCK_ROWS * k], vec![0.0; BLOCK_ROWS]),
                |(scratch, block, log_likelihoods), (out, rows)| {
                    let log_likelihoods = &mut log_likelihoods[..rows.len() / d];
                    density.log_joint(rows, block, scratch);
                    normalise(block, log_likelihoods, scratch);
                    write(block, log_likelihoods, out);
                },
            );
        Ok(())
    }
}

/// `weight * value`, with rows of weight zero left out even where the density is zero.
pub(crate) fn weighted(weight: f64, value: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * value }
}
