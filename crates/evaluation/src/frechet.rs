//! The Fréchet distance between two sets of points.

use gmm::points::{Matrix, covariance, mean};
use gmm::{Gaussian, ModelError};

/// Added to the covariances' diagonals, as a fraction of their mean diagonal: with constant
/// features, or with fewer points than features, they would otherwise be singular.
const RIDGE: f64 = 1e-6;

/// `|μ₁ - μ₂|² + tr (Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½)` of the Gaussians fitted to two sets of rows `[n, d]`
/// (Dowson and Landau 1982), with covariances by `n - 1`.
///
/// This is the formula of the Fréchet Inception and Fréchet Music Distances. Its value depends on
/// the space of the rows, so it is always named after this space: values from different spaces are
/// not comparable.
///
/// # Errors
/// Returns a [`ModelError`] if a set has fewer than two rows, or values that are not finite.
pub fn frechet_distance(a: &[f64], b: &[f64], d: usize) -> Result<f64, ModelError> {
    if d == 0 {
        return Err(ModelError::Length { what: "features", found: 0, expected: 1 });
    }
    let ridge = RIDGE * (spread(a, d) + spread(b, d)).max(f64::MIN_POSITIVE) / 2.0;
    let distance = gaussian(a, d, ridge)?.wasserstein(&gaussian(b, d, ridge)?)?;
    Ok(distance * distance)
}

/// The units of some rows: the mean and the deviation of each column. Features in units of their
/// own would otherwise count by their unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Units {
    /// Those of rows `[n, d]`; a column that never varies has the deviation 1.
    pub fn of(rows: &[f64], d: usize) -> Self {
        let n = (rows.len() / d).max(1) as f64;
        let mean = Matrix::new(rows, d).and_then(mean).unwrap_or_else(|_| vec![0.0; d]);
        let scale = (0..d)
            .map(|j| {
                let column = rows.iter().skip(j).step_by(d);
                let squares: f64 = column.map(|v| (v - mean[j]).powi(2)).sum();
                let deviation = (squares / n).sqrt();
                if deviation > 1e-9 { deviation } else { 1.0 }
            })
            .collect();
        Self { mean, scale }
    }

    /// Other rows `[n, d]` in these units: each column minus the mean, by the deviation.
    pub fn scaled(&self, rows: &[f64]) -> Vec<f64> {
        let scaled = |row: &[f64]| -> Vec<f64> {
            row.iter().zip(&self.mean).zip(&self.scale).map(|((v, m), s)| (v - m) / s).collect()
        };
        rows.chunks_exact(self.mean.len().max(1)).flat_map(scaled).collect()
    }
}

/// Mean variance over the columns; 0 without rows.
fn spread(rows: &[f64], d: usize) -> f64 {
    let covariance = Matrix::new(rows, d).and_then(covariance).unwrap_or_default();
    covariance.iter().step_by(d + 1).sum::<f64>() / d as f64
}

fn gaussian(rows: &[f64], d: usize, ridge: f64) -> Result<Gaussian, ModelError> {
    let n = rows.len() / d;
    if n < 2 {
        return Err(ModelError::Length { what: "rows", found: n, expected: 2 });
    }
    let points = Matrix::new(rows, d)?;
    let mut covariance = covariance(points)?;
    for (at, value) in covariance.iter_mut().enumerate() {
        *value = *value * n as f64 / (n - 1) as f64 + if at % (d + 1) == 0 { ridge } else { 0.0 };
    }
    Gaussian::new(mean(points)?, covariance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_scipys() {
        // Rows with exactly these moments; |m1 - m2|² + trace(S1 + S2 - 2 sqrtm(S1 @ S2)), scipy
        // 1.17.1: S1 = [[2, 0.5], [0.5, 1]], S2 = [[1, -0.3], [-0.3, 3]], m1 = (0, 1), m2 = (1,
        // -1).
        let rows = |mean: [f64; 2], s: [f64; 3]| -> Vec<f64> {
            // ± the columns of a factor of the covariance, times sqrt(3 / 2): 4 rows by n - 1 = 3.
            let l = [s[0].sqrt(), s[1] / s[0].sqrt(), (s[2] - s[1] * s[1] / s[0]).sqrt()];
            let scale = 1.5_f64.sqrt();
            [[l[0], l[1]], [-l[0], -l[1]], [0.0, l[2]], [0.0, -l[2]]]
                .iter()
                .flat_map(|row| [mean[0] + scale * row[0], mean[1] + scale * row[1]])
                .collect()
        };
        let (a, b) = (rows([0.0, 1.0], [2.0, 0.5, 1.0]), rows([1.0, -1.0], [1.0, -0.3, 3.0]));
        let found = frechet_distance(&a, &b, 2).unwrap();
        assert!((found - 5.929_311_854_967_773).abs() < 1e-4, "{found}");
        assert!(frechet_distance(&a, &a, 2).unwrap() < 1e-6);
        assert!(frechet_distance(&a[..2], &b, 2).is_err());
    }

    #[test]
    fn units_are_those_of_the_first_set() {
        let units = Units::of(&[1.0, 10.0, 3.0, 10.0], 2);
        assert_eq!(units.scaled(&[2.0, 10.0, 4.0, 12.0]), [0.0, 0.0, 2.0, 2.0]);
    }
}
