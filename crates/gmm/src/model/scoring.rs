//! Densities, responsibilities, labels and criteria of samples under a mixture.

use crate::density::{BLOCK_ROWS, DensityScratch, normalize};
use crate::{GaussianMixture, ModelError};
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

    /// Number of components `K`.
    #[cfg(feature = "ndarray")]
    pub(crate) fn n_components(&self) -> usize {
        self.n_components
    }

    /// Responsibilities of all samples in order.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks(self.n_components)
    }

    /// The most probable component of each sample; the first of equal ones.
    pub fn labels(&self) -> Vec<usize> {
        self.rows().map(argmax).collect()
    }

    /// Consumes the table and returns its values, row-major `[n_samples, K]`.
    pub fn into_vec(self) -> Vec<f64> {
        self.values
    }
}

/// Index of the largest value; the first of equal ones.
fn argmax(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, k| if values[k] > values[best] { k } else { best })
}

impl GaussianMixture {
    /// Posterior probability of each component for each sample (Bishop, PRML, Eq. 9.23).
    ///
    /// # Examples
    /// ```
    /// use gmm::{Covariances, GaussianMixture, Samples};
    /// let spherical = Covariances::Spherical(vec![1.0, 1.0]);
    /// let mixture =
    ///     GaussianMixture::from_parameters(vec![0.5, 0.5], vec![-1.0, 1.0], spherical)?;
    /// let probabilities = mixture.predict_proba(&Samples::new(&[0.0, 3.0], 2, 1)?)?;
    /// assert_eq!(probabilities.row(0), [0.5, 0.5]);
    /// assert!(probabilities.row(1)[1] > 0.99);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the number of features differs.
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
    /// Returns [`ModelError::FeatureMismatch`] if the number of features differs.
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
    /// Returns [`ModelError::FeatureMismatch`] if the number of features differs.
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
    /// Returns [`ModelError::FeatureMismatch`] if the number of features differs.
    pub fn score<T: Real>(&self, samples: &Samples<'_, T>) -> Result<f64, ModelError> {
        Ok(self.log_likelihood(samples)? / samples.total_weight())
    }

    /// Total log likelihood of the samples, in nats; weighted if the samples are.
    ///
    /// Sums over blocks of fixed size in order, so the bits do not depend on the number of threads.
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the number of features differs.
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
    /// `p` is [`n_parameters`](Self::n_parameters), `n` the [effective
    /// size](Samples::effective_size) of the samples, and `ln L` the mean log likelihood times `n`.
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the number of features differs.
    pub fn bic<T: Real>(&self, samples: &Samples<'_, T>) -> Result<f64, ModelError> {
        let n = samples.effective_size();
        Ok(-2.0 * self.score(samples)? * n + self.n_parameters() as f64 * n.ln())
    }

    /// Akaike's information criterion, `-2 ln L + 2 p`: lower is better. `ln L` is the same as in
    /// [`bic`](Self::bic).
    ///
    /// # Errors
    /// Returns [`ModelError::FeatureMismatch`] if the number of features differs.
    pub fn aic<T: Real>(&self, samples: &Samples<'_, T>) -> Result<f64, ModelError> {
        Ok(-2.0 * self.score(samples)? * samples.effective_size()
            + 2.0 * self.n_parameters() as f64)
    }

    /// Responsibilities of a row so distant that its squared distances overflow the samples' type:
    /// calls `write(k, r)` for each, and returns the log density (minus infinity if it overflows
    /// `f64`, too).
    ///
    /// Distances are computed in `f64`, with the row in units of its largest difference from a
    /// mean; at this distance, differences between distances decide completely.
    fn far_row<T: Real>(&self, row: &[T], mut write: impl FnMut(usize, f64)) -> f64 {
        let row: Vec<f64> = row.iter().map(|x| x.to_f64()).collect();
        // A quarter of each, so that the difference of two of the largest numbers is finite.
        let scale = (0..self.n_components())
            .flat_map(|k| row.iter().zip(self.mean(k)))
            .map(|(x, m)| (0.25 * x - 0.25 * m).abs())
            .fold(f64::MIN_POSITIVE, f64::max);
        let length = |k: usize| {
            let scaled: Vec<f64> =
                row.iter().zip(self.mean(k)).map(|(x, m)| x / scale - m / scale).collect();
            self.cholesky().length(k, &scaled)
        };
        let lengths: Vec<f64> = (0..self.n_components())
            .map(|k| if self.weights()[k] > 0.0 { length(k) } else { f64::INFINITY })
            .collect();
        let log_joint = |k: usize| {
            let distance = lengths[k] * scale;
            self.weights()[k].ln() + self.cholesky().log_norm()[k] - 0.5 * distance * distance
        };
        let joint: Vec<f64> = (0..lengths.len()).map(log_joint).collect();
        let largest = joint.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // At this distance, the direction decides between equally wide components:
        // `|z - u|² = |z|² - 2 z·u + |u|²`, with `4 z·u = |z + u|² - |z - u|²`.
        let toward = |k: usize| {
            let mean = self.mean(k);
            let largest = mean.iter().fold(f64::MIN_POSITIVE, |most, m| most.max(m.abs()));
            let moved = |sign: f64| {
                let pairs = row.iter().zip(mean);
                let sum: Vec<f64> = pairs.map(|(x, m)| x / scale + sign * m / largest).collect();
                self.cholesky().length(k, &sum).powi(2)
            };
            (moved(1.0) - moved(-1.0)) * largest
        };
        let least = lengths.iter().copied().fold(f64::INFINITY, f64::min);
        let ties = (0..lengths.len()).filter(|k| lengths[*k] <= least * (1.0 + 1e-12));
        let nearest = ties.reduce(|best, k| if toward(k) > toward(best) { k } else { best });
        let nearest = nearest.unwrap_or(0);
        (0..lengths.len()).for_each(|k| write(k, f64::from(u8::from(k == nearest))));
        largest
    }

    /// Calls `write(responsibilities, log densities, out)` for every block of rows, in parallel;
    /// `out` is the block's part of `all`, with `width` values per row.
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
        let density = self.density::<T>();
        let n_rows = BLOCK_ROWS.min(samples.n_samples());
        all.par_chunks_mut(BLOCK_ROWS * width)
            .zip(samples.data().par_chunks(BLOCK_ROWS * d))
            .for_each_init(
                || {
                    let scratch = DensityScratch::of_rows(n_rows, d);
                    (scratch, vec![0.0; BLOCK_ROWS * k], vec![0.0; BLOCK_ROWS])
                },
                |(scratch, block, log_likelihoods), (out, rows)| {
                    let log_likelihoods = &mut log_likelihoods[..rows.len() / d];
                    density.log_joint(rows, block, scratch);
                    normalize(block, log_likelihoods, scratch);
                    let far = log_likelihoods.iter_mut().zip(rows.chunks(d)).enumerate();
                    for (at, (log_likelihood, row)) in far {
                        // NaN: infinite distances were subtracted from each other.
                        if !log_likelihood.is_finite() {
                            *log_likelihood = self.far_row(row, |k, r| {
                                block[k * BLOCK_ROWS + at] = r;
                            });
                        }
                    }
                    write(block, log_likelihoods, out);
                },
            );
        Ok(())
    }
}

/// The first sample value whose square may overflow when summed: its row, column and value, and the
/// limit.
pub(crate) fn find_too_large<T: Real>(
    samples: &Samples<'_, T>,
) -> Option<(usize, usize, f64, f64)> {
    // A sum of 1e8 squares still fits: f64 reaches 1e308, f32 reaches 3e38.
    let limit = if size_of::<T>() == size_of::<f32>() { 1e15 } else { 1e140 };
    let bound = T::from_f64(limit);
    let at = samples.data().iter().position(|x| *x > bound || *x < -bound)?;
    let d = samples.n_features();
    Some((at / d, at % d, samples.data()[at].to_f64(), limit))
}

/// Rejects samples whose squares may overflow.
pub(crate) fn expect_magnitudes<T: Real>(samples: &Samples<'_, T>) -> Result<(), ModelError> {
    match find_too_large(samples) {
        Some((row, column, value, limit)) => {
            Err(ModelError::TooLarge { row, column, value, limit })
        }
        None => Ok(()),
    }
}

/// `weight * value`, where rows of weight zero are excluded even if the density is zero.
pub(crate) fn weighted(weight: f64, value: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * value }
}
