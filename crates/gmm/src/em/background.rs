//! [`Background`]: mean and covariance of all samples, used for starts and repairs.

use crate::stats::Accumulator;
use crate::streams::{Purpose, stream};
use crate::{Real, Samples, update};
use rand::seq::index;

/// Mean and covariance of all samples (or of a fixed subset), and the subset itself.
pub(super) struct Background {
    pub(super) mean: Vec<f64>,
    pub(super) covariance: Pooled,
    /// The subset, row-major, in random order, so that every prefix is a random subset, too.
    pub(super) rows: Vec<f64>,
    /// Their weights, all positive.
    pub(super) weights: Vec<f64>,
}

/// Covariance of the background, in the form that the fit needs.
pub(super) struct Pooled {
    matrix: Vec<f64>,
    d: usize,
}

impl Pooled {
    /// Writes the matrix (`[D, D]`), or only its diagonal (`[D]`) if there is no space for more.
    pub(super) fn write(&self, values: &mut [f64]) {
        update::copy(&self.matrix, values, self.d);
    }

    pub(super) fn variances(&self) -> Vec<f64> {
        (0..self.d).map(|j| self.matrix[j * self.d + j]).collect()
    }

    pub(super) fn mean_variance(&self) -> f64 {
        self.variances().iter().sum::<f64>() / self.d as f64
    }

    /// The covariance shrunk toward its diagonal by `share`, with variance 1 for constant columns:
    /// always positive definite, so it can be used for whitening.
    pub(super) fn shrunk(&self, share: f64) -> Vec<f64> {
        let d = self.d;
        let mut shrunk = self.matrix.clone();
        for i in 0..d {
            for j in 0..d {
                if i != j {
                    shrunk[i * d + j] *= 1.0 - share;
                } else if shrunk[i * d + i] <= 0.0 {
                    shrunk[i * d + i] = 1.0;
                }
            }
        }
        shrunk
    }
}

impl Background {
    pub(super) fn new<T: Real>(n_rows: usize, samples: &Samples<'_, T>, seed: u64) -> Self {
        let (n, d) = (samples.n_samples(), samples.n_features());
        let weighty: Vec<usize> = (0..n).filter(|row| samples.weight(*row) > 0.0).collect();
        let n_rows = n_rows.min(weighty.len());
        let order = index::sample(&mut stream(seed, Purpose::Subset, 0), weighty.len(), n_rows);
        let (mut rows, mut weights) = (Vec::with_capacity(n_rows * d), Vec::with_capacity(n_rows));
        for row in order.iter().map(|at| weighty[at]) {
            rows.extend(samples.row(row).iter().map(|x| x.to_f64()));
            weights.push(samples.weight(row));
        }
        let subset = Samples::new(&rows, n_rows, d).expect("rows of checked samples");
        let subset = subset.with_weights(&weights).expect("rows of positive weight");
        let moments = Accumulator::of_all(&subset, &rows[..d]);
        let mean = moments.mean();
        let mut matrix = moments.covariance();
        for j in 0..d {
            matrix[j * d + j] = matrix[j * d + j].max(0.0);
        }
        Self { mean, covariance: Pooled { matrix, d }, rows, weights }
    }

    /// The subset (`[n, D]`), and the weights of its rows.
    pub(super) fn rows(&self) -> (&[f64], &[f64]) {
        (&self.rows, &self.weights)
    }
}
