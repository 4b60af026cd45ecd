//! Statistics of points: mean, covariance, principal components, discriminants.
//!
//! Points are the rows of a [`Matrix`]. Square matrices are slices of `D²` values, row-major.
//!
//! ```
//! use gmm::points::{Matrix, Pca};
//!
//! // Three points on a line along (3, 4).
//! let points = Matrix::new(&[0.0, 0.0, 3.0, 4.0, 6.0, 8.0], 2)?;
//! let pca = Pca::fit(points, 1)?;
//! assert!((pca.explained_variance_ratio()[0] - 1.0).abs() < 1e-12);
//! assert!((pca.transform(&[6.0, 8.0])[0] - 5.0).abs() < 1e-12);
//! # Ok::<(), gmm::points::PointsError>(())
//! ```

mod discriminant;
mod pca;

pub use crate::linalg::{dot, squared_distance};
pub use discriminant::Discriminant;
pub use pca::Pca;

use crate::linalg;
use crate::parallel::grain;
use rayon::prelude::*;
use thiserror::Error;

/// Number of rows per parallel task.
const TASK_ROWS: usize = 1024;

/// Reason why points have no statistics.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum PointsError {
    /// The number of values is not a multiple of the number of columns.
    #[error("{n_values} values are not rows of {n_columns} columns")]
    Shape {
        /// Number of values.
        n_values: usize,
        /// Number of columns.
        n_columns: usize,
    },
    /// There are no rows.
    #[error("there are no points; at least one is needed")]
    Empty,
    /// A value is NaN or infinite.
    #[error("row {row}, column {column} is {value}; values must be finite")]
    NotFinite {
        /// Row, counted from 0.
        row: usize,
        /// Column, counted from 0.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// A square matrix has the wrong size.
    #[error("a matrix has {found} values; {expected} are needed")]
    Size {
        /// Number of values found.
        found: usize,
        /// Number of values needed.
        expected: usize,
    },
    /// A covariance is not positive definite.
    #[error("a covariance is not positive definite; add a small value to its diagonal")]
    NotPositiveDefinite,
    /// There are fewer points than clusters.
    #[error("there are {n_rows} points for {n_clusters} clusters; lower the number of clusters")]
    TooFewRows {
        /// Number of points.
        n_rows: usize,
        /// Number of clusters.
        n_clusters: usize,
    },
}

/// A view of `[n, D]` finite values, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix<'a> {
    values: &'a [f64],
    n_columns: usize,
}

impl<'a> Matrix<'a> {
    /// Views `values` as rows of `n_columns` values.
    ///
    /// # Errors
    /// Returns [`PointsError::Shape`] if the values are not whole rows or `n_columns` is 0, and
    /// [`PointsError::NotFinite`] if a value is NaN or infinite.
    pub fn new(values: &'a [f64], n_columns: usize) -> Result<Self, PointsError> {
        if n_columns == 0 || !values.len().is_multiple_of(n_columns) {
            return Err(PointsError::Shape { n_values: values.len(), n_columns });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (at / n_columns, at % n_columns);
            return Err(PointsError::NotFinite { row, column, value: values[at] });
        }
        Ok(Self { values, n_columns })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.n_columns
    }

    /// Number of columns, `D`.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// All values, row-major.
    pub fn values(&self) -> &'a [f64] {
        self.values
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &'a [f64] {
        &self.values[row * self.n_columns..(row + 1) * self.n_columns]
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &'a [f64]> + use<'a> {
        self.values.chunks_exact(self.n_columns)
    }

    fn expect_rows(&self) -> Result<(), PointsError> {
        if self.values.is_empty() { Err(PointsError::Empty) } else { Ok(()) }
    }
}

/// Mean of the rows, `[D]`.
///
/// # Errors
/// Returns [`PointsError::Empty`] if there are no rows.
pub fn mean(points: Matrix<'_>) -> Result<Vec<f64>, PointsError> {
    points.expect_rows()?;
    let d = points.n_columns;
    let mut mean = sums(points, d, |rows, sums| {
        for row in rows.chunks_exact(d) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    });
    let n = points.n_rows() as f64;
    mean.iter_mut().for_each(|sum| *sum /= n);
    Ok(mean)
}

/// Covariance of the rows, `1/n Σ (x - m)(x - m)ᵀ`, `[D, D]`. Multiply by `n / (n - 1)` for the
/// unbiased estimate.
///
/// # Errors
/// Returns [`PointsError::Empty`] if there are no rows.
pub fn covariance(points: Matrix<'_>) -> Result<Vec<f64>, PointsError> {
    covariance_about(points, &mean(points)?)
}

/// Mean outer product of the rows' differences from `center` (`[D]`), `[D, D]`: the [`covariance`]
/// if `center` is their mean.
///
/// # Errors
/// Returns [`PointsError::Empty`] if there are no rows, and [`PointsError::Size`] if `center` has
/// another length.
pub fn covariance_about(points: Matrix<'_>, center: &[f64]) -> Result<Vec<f64>, PointsError> {
    points.expect_rows()?;
    let d = points.n_columns;
    expect_size(center, d)?;
    let mut products = sums(points, d * d, |rows, sums| {
        let centered: Vec<f64> =
            rows.iter().zip(center.iter().cycle()).map(|(x, m)| x - m).collect();
        linalg::add_gram_lower(sums, &centered, d);
    });
    let n = points.n_rows() as f64;
    products.iter_mut().for_each(|sum| *sum /= n);
    linalg::mirror_lower(&mut products, d);
    Ok(products)
}

/// Sums the results of `add` over parts of the rows, in order, so that the result doesn't depend on
/// the number of threads.
fn sums(points: Matrix<'_>, len: usize, add: impl Fn(&[f64], &mut [f64]) + Sync) -> Vec<f64> {
    let parts = points.values.par_chunks(TASK_ROWS * points.n_columns);
    let parts = parts.with_min_len(grain(TASK_ROWS * len)).map(|rows| {
        let mut sums = vec![0.0; len];
        add(rows, &mut sums);
        sums
    });
    let parts: Vec<Vec<f64>> = parts.collect();
    let mut total = vec![0.0; len];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, sum)| *total += sum);
    }
    total
}

/// Eigenvalues and eigenvectors of a symmetric matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// In ascending order.
    pub values: Vec<f64>,
    /// One vector of length 1 per value.
    pub vectors: Vec<Vec<f64>>,
}

/// Eigenvalues and eigenvectors of a symmetric matrix, `[D, D]`, of which only the lower triangle
/// is read.
///
/// # Errors
/// Returns [`PointsError::Size`] if the matrix doesn't have `d²` values, and
/// [`PointsError::NotFinite`] if a value is NaN or infinite.
pub fn symmetric_eigen(matrix: &[f64], d: usize) -> Result<Eigen, PointsError> {
    expect_size(matrix, d * d)?;
    if d == 0 {
        return Ok(Eigen { values: Vec::new(), vectors: Vec::new() });
    }
    Matrix::new(matrix, d)?;
    let (values, columns) =
        linalg::symmetric_eigen(matrix, d).map_err(|_| PointsError::NotPositiveDefinite)?;
    let vector = |j: usize| (0..d).map(|i| columns[i * d + j]).collect();
    Ok(Eigen { values, vectors: (0..d).map(vector).collect() })
}

fn expect_size(values: &[f64], expected: usize) -> Result<(), PointsError> {
    let found = values.len();
    if found == expected { Ok(()) } else { Err(PointsError::Size { found, expected }) }
}

/// Flips a vector so that its entry of largest magnitude is positive, because the sign of an
/// eigenvector is arbitrary.
fn with_fixed_sign(mut vector: Vec<f64>) -> Vec<f64> {
    let largest =
        vector.iter().copied().fold(0.0_f64, |a, b| if b.abs() > a.abs() { b } else { a });
    if largest < 0.0 {
        vector.iter_mut().for_each(|value| *value = -*value);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand() {
        // Columns 1, 3, 5 and 2, 2, 5: means 3 and 3, variances 8/3 and 2, covariance (2 + 0 + 4) /
        // 3.
        let points = Matrix::new(&[1.0, 2.0, 3.0, 2.0, 5.0, 5.0], 2).unwrap();
        assert_eq!(mean(points).unwrap(), [3.0, 3.0]);
        let found = covariance(points).unwrap();
        for (found, expected) in found.iter().zip([8.0 / 3.0, 2.0, 2.0, 2.0]) {
            assert!((found - expected).abs() < 1e-15, "{found}");
        }
        let about = covariance_about(points, &[3.0, 2.0]).unwrap();
        assert!((about[3] - 3.0).abs() < 1e-15 && (about[0] - found[0]).abs() < 1e-15);
    }

    #[test]
    fn parts_of_many_rows_add_up() {
        let values: Vec<f64> = (0..5 * TASK_ROWS + 3).map(|i| (i % 7) as f64).collect();
        let points = Matrix::new(&values, 1).unwrap();
        let n = values.len() as f64;
        let expected = values.iter().sum::<f64>() / n;
        assert!((mean(points).unwrap()[0] - expected).abs() < 1e-12);
        let squares = values.iter().map(|v| (v - expected).powi(2)).sum::<f64>() / n;
        assert!((covariance(points).unwrap()[0] - squares).abs() < 1e-12);
    }

    #[test]
    fn eigenvalues_ascend_and_the_upper_triangle_is_ignored() {
        let found = symmetric_eigen(&[2.0, 9.0, 1.0, 2.0], 2).unwrap();
        assert!((found.values[0] - 1.0).abs() < 1e-12 && (found.values[1] - 3.0).abs() < 1e-12);
        assert!((found.vectors[1][0] - found.vectors[1][1]).abs() < 1e-12, "{found:?}");
        assert_eq!(symmetric_eigen(&[], 0).unwrap().values, [] as [f64; 0]);
    }

    #[test]
    fn wrong_shapes_and_values_are_errors() {
        assert!(matches!(Matrix::new(&[1.0; 3], 2), Err(PointsError::Shape { .. })));
        assert!(matches!(Matrix::new(&[], 0), Err(PointsError::Shape { .. })));
        let error = Matrix::new(&[1.0, 2.0, f64::NAN, 4.0], 2);
        assert!(matches!(error, Err(PointsError::NotFinite { row: 1, column: 0, .. })));
        let none = Matrix::new(&[], 2).unwrap();
        assert_eq!(mean(none), Err(PointsError::Empty));
        assert_eq!(covariance(none), Err(PointsError::Empty));
        assert!(symmetric_eigen(&[1.0; 3], 2).is_err());
    }
}
