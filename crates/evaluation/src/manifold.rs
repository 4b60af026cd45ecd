//! Density and coverage: how much of what is drawn lies among real music, and how much of real
//! music has something drawn near it.

/// Real points with balls around them that reach to their `k`-th nearest other real point.
///
/// Naeem, Oh, Uh, Choi and Yoo 2020, "Reliable fidelity and diversity metrics for generative
/// models". Unlike precision and recall with the same balls, a single outlier among the real points
/// makes little difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifold {
    points: Vec<f64>,
    d: usize,
    k: usize,
    /// Squared radius of each point's ball.
    radii: Vec<f64>,
}

impl Manifold {
    /// The balls of real points `[n, d]`. Returns `None` for no more than `k` points, or for `k` or
    /// `d` of 0.
    pub fn new(real: &[f64], d: usize, k: usize) -> Option<Self> {
        let n = real.len().checked_div(d)?;
        if k == 0 || n <= k {
            return None;
        }
        let radius = |point: &[f64]| {
            // The point itself is the nearest, at 0.
            let mut distances: Vec<f64> =
                real.chunks_exact(d).map(|other| squared_distance(point, other)).collect();
            *distances.select_nth_unstable_by(k, f64::total_cmp).1
        };
        let radii = real.chunks_exact(d).map(radius).collect();
        Some(Self { points: real.to_vec(), d, k, radii })
    }

    fn is_in_ball(&self, ball: usize, point: &[f64]) -> bool {
        squared_distance(&self.points[ball * self.d..][..self.d], point) <= self.radii[ball]
    }

    /// `1 / (k m) Σ_j Σ_i [y_j in the ball of x_i]` over drawn points `y` `[m, d]`: about 1 for
    /// points like the real ones, more where they crowd. 0 for none.
    pub fn density(&self, drawn: &[f64]) -> f64 {
        let m = (drawn.len() / self.d).max(1) as f64;
        let inside: usize = drawn
            .chunks_exact(self.d)
            .map(|point| (0..self.radii.len()).filter(|ball| self.is_in_ball(*ball, point)).count())
            .sum();
        inside as f64 / (self.k as f64 * m)
    }

    /// The share of real points whose ball has a drawn point in it, 0 to 1. Grows with the number
    /// of drawn points.
    pub fn coverage(&self, drawn: &[f64]) -> f64 {
        let has_any =
            |ball: &usize| drawn.chunks_exact(self.d).any(|point| self.is_in_ball(*ball, point));
        (0..self.radii.len()).filter(has_any).count() as f64 / self.radii.len() as f64
    }
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_and_coverage_by_hand() {
        // On a line 0, 1, 3, 7: the nearest other is 1, 1, 2 and 4 away.
        let real = Manifold::new(&[0.0, 1.0, 3.0, 7.0], 1, 1).unwrap();
        // 0.5 lies in the balls of 0 and 1, 2 in those of 1 and 3, 20 in none.
        let drawn = [0.5, 2.0, 20.0];
        assert_eq!(real.density(&drawn), 4.0 / 3.0);
        assert_eq!(real.coverage(&drawn), 0.75);
        assert_eq!((real.density(&[]), real.coverage(&[])), (0.0, 0.0));
        // With the second nearest, 3 away from 0, 2 from 1, 3 from 3 and 6 from 7.
        let wider = Manifold::new(&[0.0, 1.0, 3.0, 7.0], 1, 2).unwrap();
        assert_eq!(wider.density(&[5.0]), 2.0 / 2.0);
        assert_eq!(wider.coverage(&[5.0]), 0.5);
        assert!(Manifold::new(&[0.0, 1.0], 1, 2).is_none());
    }
}
