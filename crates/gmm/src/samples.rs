//! [`Samples`]: a row-major view of the data, checked once.

use crate::Real;
use thiserror::Error;

/// Borrowed samples, row-major `[n_samples, n_features]`, every value finite.
///
/// Values are checked once, here, so that later code can rely on them.
///
/// # Examples
/// ```
/// let data = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
/// let samples = gmm::Samples::new(&data, 3, 2)?;
/// assert_eq!(samples.row(1), &[2.0, 3.0]);
/// # Ok::<(), gmm::SamplesError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the field's names")]
pub struct Samples<'a, T = f64> {
    data: &'a [T],
    weights: Option<&'a [f64]>,
    total_weight: f64,
    n_samples: usize,
    n_features: usize,
}

/// Reason why a slice cannot be used as [`Samples`].
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SamplesError {
    /// There are no rows.
    #[error("there are no samples; at least one row is needed")]
    NoSamples,
    /// The rows have no columns.
    #[error("the samples have no features; at least one column is needed")]
    NoFeatures,
    /// The length of the slice is not `n_samples * n_features`.
    #[error(
        "the data hold {found} values where {n_samples} samples of {n_features} features need {n_samples} x {n_features}"
    )]
    Shape {
        /// Length of the slice.
        found: usize,
        /// Number of rows requested.
        n_samples: usize,
        /// Number of columns requested.
        n_features: usize,
    },
    /// An array of ndarray isn't in row-major order.
    #[cfg(feature = "ndarray")]
    #[error("the array is not in row-major order; use its `as_standard_layout`")]
    NotRowMajor,
    /// A value is missing or infinite.
    #[error(
        "row {row}, column {column} is {value}; every value must be finite (drop the row or fill the value in)"
    )]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
        /// Column, counted from 0.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// The number of weights differs from the number of rows.
    #[error("{found} sample weights were given for {n_samples} samples; one per sample is needed")]
    WeightCount {
        /// Number of weights.
        found: usize,
        /// Number of rows.
        n_samples: usize,
    },
    /// A weight is negative or not finite.
    #[error("the weight of row {row} is {value}; weights must be finite and not negative")]
    BadWeight {
        /// Row, counted from 0.
        row: usize,
        /// The weight found.
        value: f64,
    },
    /// All weights are zero, or their sum overflows.
    #[error("the sample weights sum to {total}; their sum must be positive and finite")]
    WeightTotal {
        /// The sum found.
        total: f64,
    },
}

impl<'a, T: Real> Samples<'a, T> {
    /// Views `data` as `n_samples` rows of `n_features` values.
    ///
    /// # Shapes
    /// - `data`: `[n_samples, n_features]`, row-major
    ///
    /// # Errors
    /// Returns a [`SamplesError`] if the shape is wrong or empty, or if a value is not finite (the
    /// error names the first one).
    pub fn new(data: &'a [T], n_samples: usize, n_features: usize) -> Result<Self, SamplesError> {
        if n_samples == 0 {
            return Err(SamplesError::NoSamples);
        }
        if n_features == 0 {
            return Err(SamplesError::NoFeatures);
        }
        if n_samples.checked_mul(n_features) != Some(data.len()) {
            return Err(SamplesError::Shape { found: data.len(), n_samples, n_features });
        }
        if let Some(at) = data.iter().position(|value| !value.is_finite_real()) {
            return Err(SamplesError::NotFinite {
                row: at / n_features,
                column: at % n_features,
                value: data[at].to_f64(),
            });
        }
        Ok(Self { data, weights: None, total_weight: n_samples as f64, n_samples, n_features })
    }

    /// Sets a weight for each row, meaning "this row occurs `weight` times".
    ///
    /// Likelihoods and component weights count a row `weight` times; a row of weight zero has no
    /// influence. Criteria such as BIC use the [`effective_size`](Self::effective_size), so that
    /// they are valid for weights of any scale.
    ///
    /// # Errors
    /// Returns a [`SamplesError`] if the count is wrong, a weight is negative or not finite, or all
    /// are zero.
    pub fn with_weights(self, weights: &'a [f64]) -> Result<Self, SamplesError> {
        if weights.len() != self.n_samples {
            return Err(SamplesError::WeightCount {
                found: weights.len(),
                n_samples: self.n_samples,
            });
        }
        if let Some(row) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(SamplesError::BadWeight { row, value: weights[row] });
        }
        let total_weight: f64 = weights.iter().sum();
        if !(total_weight > 0.0 && total_weight.is_finite()) {
            return Err(SamplesError::WeightTotal { total: total_weight });
        }
        Ok(Self { weights: Some(weights), total_weight, ..self })
    }

    /// All values, row-major.
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// The values of one row.
    ///
    /// # Panics
    /// If `row` is not below [`n_samples`](Self::n_samples).
    pub fn row(&self, row: usize) -> &'a [T] {
        &self.data[row * self.n_features..(row + 1) * self.n_features]
    }

    /// The weight of one row: 1 unless weights were given.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// The weights, if any were given.
    pub fn weights(&self) -> Option<&'a [f64]> {
        self.weights
    }

    /// Sum of the weights: the number of rows unless weights were given.
    pub fn total_weight(&self) -> f64 {
        self.total_weight
    }

    /// The number of samples according to the weights: their sum, or Kish's effective sample size
    /// `(Σ w)² / Σ w²` if that is larger.
    ///
    /// Weights that count occurrences of a row sum to the number of samples. Weights that are
    /// fractions (for example with sum 1) don't determine that number, but the effective sample
    /// size is independent of their scale. It is used whenever a number of samples is needed (BIC,
    /// unbiased covariance).
    pub fn effective_size(&self) -> f64 {
        let Some(weights) = self.weights else { return self.total_weight };
        let largest = weights.iter().copied().fold(0.0, f64::max);
        // Relative to the largest, so that no square overflows.
        let sum: f64 = weights.iter().map(|w| w / largest).sum();
        let squares: f64 = weights.iter().map(|w| (w / largest).powi(2)).sum();
        self.total_weight.max(sum * sum / squares)
    }

    /// Number of rows.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// Number of columns.
    pub fn n_features(&self) -> usize {
        self.n_features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_is_named_by_row_and_column() {
        let data = [0.0, 1.0, 2.0, f64::NAN];
        let error = Samples::new(&data, 2, 2).unwrap_err();
        assert!(matches!(error, SamplesError::NotFinite { row: 1, column: 1, .. }));
        assert!(error.to_string().starts_with("row 1, column 1 is NaN"), "{error}");
        let data = [f32::INFINITY];
        assert!(matches!(
            Samples::new(&data, 1, 1),
            Err(SamplesError::NotFinite { row: 0, column: 0, .. })
        ));
    }

    #[test]
    fn shapes_are_checked() {
        assert_eq!(Samples::<f64>::new(&[], 0, 2).unwrap_err(), SamplesError::NoSamples);
        assert_eq!(Samples::<f64>::new(&[], 2, 0).unwrap_err(), SamplesError::NoFeatures);
        assert_eq!(
            Samples::new(&[1.0; 5], 2, 3).unwrap_err(),
            SamplesError::Shape { found: 5, n_samples: 2, n_features: 3 }
        );
        assert!(matches!(Samples::new(&[1.0; 5], usize::MAX, 3), Err(SamplesError::Shape { .. })));
    }

    #[test]
    fn weights_are_checked() {
        let data = [1.0, 2.0];
        let samples = Samples::new(&data, 2, 1).unwrap();
        assert!(matches!(
            samples.with_weights(&[1.0]),
            Err(SamplesError::WeightCount { found: 1, n_samples: 2 })
        ));
        assert!(matches!(
            samples.with_weights(&[1.0, -1.0]),
            Err(SamplesError::BadWeight { row: 1, .. })
        ));
        assert!(matches!(samples.with_weights(&[0.0, 0.0]), Err(SamplesError::WeightTotal { .. })));
        let weighted = samples.with_weights(&[1.0, 2.5]).unwrap();
        assert!((weighted.total_weight() - 3.5).abs() < 1e-15, "sum of two exact floats");
    }
}
