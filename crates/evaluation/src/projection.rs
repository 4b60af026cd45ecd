//! Two directions in which points spread the most.

/// Rounds of the power iteration; a direction that has not settled by then has a rival as wide.
const ROUNDS: usize = 500;

/// The plane of the first two principal components.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    mean: Vec<f64>,
    axes: [Vec<f64>; 2],
    /// Share of the variance along each axis.
    pub shares: [f64; 2],
}

impl Plane {
    /// The plane of rows `[n, d]`; the largest entry of each axis is positive. None for no rows.
    pub fn of(rows: &[f64], d: usize) -> Option<Self> {
        let n = rows.len().checked_div(d).filter(|n| *n > 0)?;
        let mean: Vec<f64> =
            (0..d).map(|j| rows[j..].iter().step_by(d).sum::<f64>() / n as f64).collect();
        let mut covariance = vec![0.0; d * d];
        for row in rows.chunks_exact(d) {
            let centered: Vec<f64> = row.iter().zip(&mean).map(|(v, m)| v - m).collect();
            for (i, sums) in covariance.chunks_exact_mut(d).enumerate() {
                sums.iter_mut().zip(&centered).for_each(|(s, v)| *s += centered[i] * v / n as f64);
            }
        }
        let total: f64 = (0..d).map(|i| covariance[i * d + i]).sum();
        let mut axis = || {
            let (axis, variance) = widest(&covariance, d);
            for (at, value) in covariance.iter_mut().enumerate() {
                *value -= variance * axis[at / d] * axis[at % d];
            }
            (axis, if total > 0.0 { variance / total } else { 0.0 })
        };
        let (first, second) = (axis(), axis());
        Some(Self { mean, axes: [first.0, second.0], shares: [first.1, second.1] })
    }

    /// Where a point lies on the plane.
    pub fn place(&self, point: &[f64]) -> [f64; 2] {
        [0, 1].map(|axis| {
            let centered = point.iter().zip(&self.mean).map(|(v, m)| v - m);
            centered.zip(&self.axes[axis]).map(|(v, a)| v * a).sum()
        })
    }
}

/// The eigenvector of the greatest eigenvalue, by power iteration.
fn widest(matrix: &[f64], d: usize) -> (Vec<f64>, f64) {
    // A start that no symmetry makes orthogonal to the answer.
    let mut axis: Vec<f64> = (0..d).map(|i| 1.0 + 0.1 * ((i as f64) * 1.7).sin()).collect();
    let mut value = 0.0;
    for _ in 0..ROUNDS {
        let next: Vec<f64> = matrix
            .chunks_exact(d)
            .map(|row| row.iter().zip(&axis).map(|(m, a)| m * a).sum())
            .collect();
        value = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        if value < 1e-300 {
            return (vec![0.0; d], 0.0);
        }
        axis = next.iter().map(|v| v / value).collect();
    }
    let largest = axis.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
    axis.iter_mut().for_each(|v| *v *= largest.signum());
    (axis, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_are_those_of_the_spread() {
        // Along (3, 4) / 5 by ±10, along (-4, 3) / 5 by ±1, nothing along the third.
        let rows: Vec<f64> = [(10.0, 1.0), (-10.0, 1.0), (10.0, -1.0), (-10.0, -1.0)]
            .iter()
            .flat_map(|(a, b)| [1.0 + 0.6 * a - 0.8 * b, 2.0 + 0.8 * a + 0.6 * b, 7.0])
            .collect();
        let plane = Plane::of(&rows, 3).unwrap();
        let found = plane.place(&rows[..3]);
        assert!((found[0] - 10.0).abs() < 1e-9 && (found[1].abs() - 1.0).abs() < 1e-9, "{found:?}");
        assert!((plane.shares[0] - 100.0 / 101.0).abs() < 1e-9, "{:?}", plane.shares);
        assert_eq!(Plane::of(&[], 3), None);
        assert_eq!(Plane::of(&[1.0, 1.0], 2).unwrap().shares, [0.0, 0.0]);
    }
}
