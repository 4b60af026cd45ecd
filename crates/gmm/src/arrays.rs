//! Conversions between ndarray arrays and samples or results (feature `ndarray`).

use crate::{Draws, GaussianMixture, Real, Responsibilities, Samples, SamplesError};
use ndarray::{Array2, Array3, ArrayView2};

/// Views a row-major array as samples, without a copy.
///
/// # Examples
/// ```
/// use gmm::{GmmParams, Samples};
/// use ndarray::{Array2, array};
///
/// let data = array![[0.0, 0.1], [0.2, -0.1], [0.1, 0.0], [9.0, 9.1], [9.2, 8.9], [9.1, 9.0]];
/// let samples = Samples::try_from(data.view())?;
/// let model = GmmParams::new(2).fit(&samples, 1)?.model;
/// assert_eq!(model.means_array().dim(), (2, 2));
/// assert_eq!(model.covariances_array().dim(), (2, 2, 2));
/// let responsibilities = Array2::from(model.predict_proba(&samples)?);
/// assert_eq!(responsibilities.dim(), (6, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'a, T: Real> TryFrom<ArrayView2<'a, T>> for Samples<'a, T> {
    type Error = SamplesError;

    /// # Errors
    /// Returns [`SamplesError::NotRowMajor`] for transposed arrays and slices of wider ones, whose
    /// `as_standard_layout` is row-major; otherwise same as [`Samples::new`].
    fn try_from(view: ArrayView2<'a, T>) -> Result<Self, SamplesError> {
        let (n_samples, n_features) = view.dim();
        let data = view.to_slice().ok_or(SamplesError::NotRowMajor)?;
        Self::new(data, n_samples, n_features)
    }
}

impl GaussianMixture {
    /// Component means, `[K, D]`.
    pub fn means_array(&self) -> Array2<f64> {
        array(self.means().to_vec(), self.n_features())
    }

    /// Component covariances, `[K, D, D]`, whatever the covariance type.
    pub fn covariances_array(&self) -> Array3<f64> {
        let (k, d) = (self.n_components(), self.n_features());
        let all = (0..k).flat_map(|component| self.covariance(component)).collect();
        Array3::from_shape_vec((k, d, d), all).expect("a matrix of D by D per component")
    }
}

/// `[n_samples, K]`.
impl From<Responsibilities> for Array2<f64> {
    fn from(responsibilities: Responsibilities) -> Self {
        let n_components = responsibilities.n_components();
        array(responsibilities.into_vec(), n_components)
    }
}

/// The points, `[n, D]`; an empty draw has no columns.
impl From<Draws> for Array2<f64> {
    fn from(draws: Draws) -> Self {
        let n = draws.components.len();
        let d = draws.points.len().checked_div(n).unwrap_or(0);
        array(draws.points, d)
    }
}

/// An array of rows of `n_columns` values.
fn array(values: Vec<f64>, n_columns: usize) -> Array2<f64> {
    let n_rows = values.len().checked_div(n_columns).unwrap_or(0);
    Array2::from_shape_vec((n_rows, n_columns), values).expect("whole rows")
}
