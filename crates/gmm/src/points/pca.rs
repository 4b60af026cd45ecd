//! [`Pca`]: principal component analysis.

use super::{Matrix, PointsError, covariance_about, mean, symmetric_eigen, with_fixed_sign};

/// Principal components of points: the orthonormal directions of maximum variance.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    mean: Vec<f64>,
    components: Vec<Vec<f64>>,
    explained_variance: Vec<f64>,
    total_variance: f64,
}

impl Pca {
    /// Fits the first `n_components` principal components (at most `D`), in order of descending
    /// variance. The entry of largest magnitude of each is positive. Variances are divided by `n`.
    ///
    /// # Errors
    /// Returns [`PointsError::Empty`] if there are no rows.
    pub fn fit(points: Matrix<'_>, n_components: usize) -> Result<Self, PointsError> {
        let d = points.n_columns();
        let mean = mean(points)?;
        let covariance = covariance_about(points, &mean)?;
        let found = symmetric_eigen(&covariance, d)?;
        let largest = || (0..d).rev().take(n_components);
        Ok(Self {
            mean,
            components: largest().map(|j| with_fixed_sign(found.vectors[j].clone())).collect(),
            explained_variance: largest().map(|j| found.values[j].max(0.0)).collect(),
            total_variance: (0..d).map(|j| covariance[j * d + j]).sum(),
        })
    }

    /// Mean of the points, `[D]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Unit vectors, `[D]` each.
    pub fn components(&self) -> &[Vec<f64>] {
        &self.components
    }

    /// Variance along each component.
    pub fn explained_variance(&self) -> &[f64] {
        &self.explained_variance
    }

    /// Fraction of the total variance along each component; 0 if the points don't vary.
    pub fn explained_variance_ratio(&self) -> Vec<f64> {
        let ratio = |v: &f64| if self.total_variance > 0.0 { v / self.total_variance } else { 0.0 };
        self.explained_variance.iter().map(ratio).collect()
    }

    /// Coordinates of a point (`[D]`) along the components.
    ///
    /// # Panics
    /// If the point has another number of features.
    pub fn transform(&self, point: &[f64]) -> Vec<f64> {
        assert_eq!(point.len(), self.mean.len(), "features of a point");
        let along = |component: &Vec<f64>| {
            let centered = point.iter().zip(&self.mean).map(|(x, m)| x - m);
            centered.zip(component).map(|(x, c)| x * c).sum()
        };
        self.components.iter().map(along).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_the_directions_of_largest_variance() {
        // Along (3, 4) / 5 by ±10, along (-4, 3) / 5 by ±1, and constant along the third axis.
        let rows: Vec<f64> = [(10.0, 1.0), (-10.0, 1.0), (10.0, -1.0), (-10.0, -1.0)]
            .iter()
            .flat_map(|(a, b)| [1.0 + 0.6 * a - 0.8 * b, 2.0 + 0.8 * a + 0.6 * b, 7.0])
            .collect();
        let pca = Pca::fit(Matrix::new(&rows, 3).unwrap(), 2).unwrap();
        let found = pca.transform(&rows[..3]);
        assert!((found[0] - 10.0).abs() < 1e-9 && (found[1].abs() - 1.0).abs() < 1e-9, "{found:?}");
        assert!((pca.explained_variance()[0] - 100.0).abs() < 1e-9);
        assert!((pca.explained_variance_ratio()[0] - 100.0 / 101.0).abs() < 1e-12);
        assert!((pca.components()[0][1] - 0.8).abs() < 1e-12, "{:?}", pca.components());
        let one = Pca::fit(Matrix::new(&[1.0, 1.0], 2).unwrap(), 5).unwrap();
        assert_eq!((one.components().len(), one.explained_variance_ratio()), (2, vec![0.0; 2]));
    }
}
