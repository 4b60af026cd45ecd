//! [`KMeans`]: the public k-means.

use crate::init::kmeans::{self, Points};
use crate::init::view::View;
use crate::points::{Matrix, PointsError};
use crate::streams::{Purpose, stream};
use rand::seq::index;

/// k-means with k-means++ centers (Arthur & Vassilvitskii 2007; Lloyd 1982).
///
/// # Examples
/// ```
/// use gmm::cluster::KMeans;
/// use gmm::points::Matrix;
///
/// let points = [0.0, 0.1, 0.2, 9.0, 9.1, 9.2];
/// let found = KMeans::new(2).fit(Matrix::new(&points, 1)?, 7)?;
/// assert_eq!(found.labels[0], found.labels[2]);
/// assert_ne!(found.labels[0], found.labels[3]);
/// assert_eq!(found.nearest(&[8.0]), found.labels[5]);
/// # Ok::<(), gmm::points::PointsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct KMeans {
    n_clusters: usize,
    n_init: usize,
    max_iter: usize,
}

/// Clusters found by k-means.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters {
    /// Number of features of a center.
    n_features: usize,
    /// Centers, `[K, D]`, row-major.
    pub centers: Vec<f64>,
    /// Cluster of each point.
    pub labels: Vec<usize>,
    /// Sum of the points' squared distances from their centers.
    pub inertia: f64,
}

impl KMeans {
    /// Creates k-means with `n_clusters` clusters: the best of 4 starts, at most 300 iterations.
    pub fn new(n_clusters: usize) -> Self {
        Self { n_clusters, n_init: 4, max_iter: 300 }
    }

    /// Sets the number of starts, of which the tightest result is kept; at least 1 is run.
    #[must_use]
    pub fn n_init(mut self, n_init: usize) -> Self {
        self.n_init = n_init;
        self
    }

    /// Sets the maximum number of Lloyd iterations of a start.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Clusters points. The same points and seed give the same bits with any number of threads.
    ///
    /// # Errors
    /// Returns [`PointsError::TooFewRows`] if there are fewer points than clusters, or if the
    /// number of clusters is 0.
    pub fn fit(&self, points: Matrix<'_>, seed: u64) -> Result<Clusters, PointsError> {
        let (n_rows, n_clusters, d) = (points.n_rows(), self.n_clusters, points.n_columns());
        if n_rows < n_clusters || n_clusters == 0 {
            return Err(PointsError::TooFewRows { n_rows, n_clusters });
        }
        let weights = vec![1.0; n_rows];
        // k-means++ takes the first rows, which must be a random sample.
        let order = index::sample(&mut stream(seed, Purpose::KMeans, 0), n_rows, n_rows).into_vec();
        let shuffled: Vec<f64> = order.iter().flat_map(|row| points.row(*row)).copied().collect();
        let rows = Points::new(&shuffled, &weights, &View::raw(&vec![0.0; d]));
        let runs = (0..self.n_init.max(1)).map(|start| {
            let index = u32::try_from(start + 1).unwrap_or(u32::MAX);
            let mut rng = stream(seed, Purpose::KMeans, index);
            rows.lloyd(&rows.plus_plus(n_clusters, &mut rng), self.max_iter)
        });
        let best = runs.reduce(|a, b| if b.inertia < a.inertia { b } else { a });
        let best = best.expect("at least one start is run");
        let mut labels = vec![0; n_rows];
        for (row, label) in order.into_iter().zip(best.labels) {
            labels[row] = label as usize;
        }
        Ok(Clusters { n_features: d, centers: best.centers, labels, inertia: best.inertia })
    }
}

impl Clusters {
    /// The cluster whose center is nearest to a point (`[D]`).
    ///
    /// # Panics
    /// If the point has another number of features.
    pub fn nearest(&self, point: &[f64]) -> usize {
        assert_eq!(point.len(), self.n_features, "features of a point");
        let distances = self.centers.chunks_exact(self.n_features);
        let distances = distances.map(|center| kmeans::squared_distance(point, center));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        nearest.expect("k-means has at least one cluster").0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centers_are_the_means_of_separated_groups() {
        let rows: Vec<f64> = (0..60)
            .flat_map(|i| [f64::from(i % 3) * 50.0 + 0.1 * f64::from(i / 3), f64::from(i % 3)])
            .collect();
        let found = KMeans::new(3).fit(Matrix::new(&rows, 2).unwrap(), 3).unwrap();
        let mut first: Vec<f64> = found.centers.chunks(2).map(|center| center[0]).collect();
        first.sort_by(f64::total_cmp);
        for (found, expected) in first.iter().zip([0.95, 50.95, 100.95]) {
            assert!((found - expected).abs() < 1e-9, "{first:?}");
        }
        // Each group has 0, 0.1, …, 1.9: a sum of squares of 0.01 · 20 (20² - 1) / 12.
        assert!((found.inertia - 3.0 * 6.65).abs() < 1e-9, "{}", found.inertia);
        for (row, label) in rows.chunks(2).zip(&found.labels) {
            assert_eq!(found.nearest(row), *label);
        }
        let again = KMeans::new(3).fit(Matrix::new(&rows, 2).unwrap(), 3).unwrap();
        assert_eq!(again, found);
    }

    #[test]
    fn fewer_points_than_clusters_are_an_error() {
        let points = Matrix::new(&[1.0, 2.0], 1).unwrap();
        assert!(KMeans::new(3).fit(points, 0).is_err() && KMeans::new(0).fit(points, 0).is_err());
        assert!(KMeans::new(2).n_init(0).max_iter(0).fit(points, 0).is_ok());
    }
}
