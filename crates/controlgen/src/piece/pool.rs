//! Draws of a style that the windows of a piece are taken of.

use std::sync::OnceLock;

use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::propose::GIVEN;
use super::succession::Next;

/// Draws of a style for the windows of a piece.
#[derive(Debug, Default)]
pub(super) struct Pool {
    points: Vec<Vec<f64>>,
    /// The same along the axes of the succession, with their densities as any window.
    along: Vec<Vec<f64>>,
    usual: Vec<f64>,
    /// The same whitened for each of [`GIVEN`], made when it is first needed.
    white: [OnceLock<Vec<Vec<f64>>>; GIVEN.len()],
    /// Those that are windows of the piece already.
    used: Vec<usize>,
}

impl Pool {
    /// Some draws, with their densities as any window.
    pub(super) fn new(points: Vec<Vec<f64>>, any: &Next<'_>) -> Self {
        let along = |point: &Vec<f64>| {
            let y = any.along(point);
            (any.log_density_along(&y), y)
        };
        let (usual, along) = points.par_iter().map(along).unzip();
        Self { points, along, usual, ..Self::default() }
    }

    /// The draws, on the active dimensions.
    pub(super) fn points(&self) -> &[Vec<f64>] {
        &self.points
    }

    /// The logarithms of their densities as any window.
    pub(super) fn usual(&self) -> &[f64] {
        &self.usual
    }

    /// Notes that a draw became a window of the piece.
    pub(super) fn used(&mut self, from: Option<usize>) {
        self.used.extend(from);
    }

    /// How much better each draw follows the windows around it than any window would, in nats;
    /// negative infinity for those that are used.
    pub(super) fn follow(&self, around: &[(usize, Next<'_>)]) -> Vec<f64> {
        let mut ratios = vec![0.0; self.points.len()];
        for (which, next) in around {
            let whitened = |y: &Vec<f64>| next.conditional().whitened(y);
            let white =
                self.white[*which].get_or_init(|| self.along.par_iter().map(whitened).collect());
            for ((ratio, white), usual) in ratios.iter_mut().zip(white).zip(&self.usual) {
                *ratio += next.log_density_whitened(white) - usual;
            }
        }
        // A window would follow itself best.
        self.used.iter().for_each(|at| ratios[*at] = f64::NEG_INFINITY);
        ratios
    }

    /// Some draws by the logarithms of their weights, none twice.
    pub(super) fn taken(&self, weights: &[f64], n: usize, rng: &mut impl Rng) -> Vec<Proposal> {
        let taken = most_probable(weights, n, rng).into_iter();
        taken.map(|at| Proposal { point: self.points[at].clone(), from: Some(at) }).collect()
    }
}

/// A latent that may come next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proposal {
    /// On the active dimensions.
    pub(super) point: Vec<f64>,
    /// Its place in the pool, if it is of it.
    pub(super) from: Option<usize>,
}

impl Proposal {
    pub(super) fn new(point: Vec<f64>) -> Self {
        Self { point, from: None }
    }
}

/// Some of all by the logarithms of their weights, none twice: those with the largest weights after
/// adding Gumbel noise (Vieira 2014).
pub(super) fn most_probable(weights: &[f64], n: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut keyed: Vec<(f64, usize)> = weights
        .iter()
        .enumerate()
        .map(|(at, weight)| {
            let uniform = rng.random::<f64>().max(f64::MIN_POSITIVE);
            (weight - (-uniform.ln()).ln(), at)
        })
        .collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0));
    keyed.into_iter().take(n).map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_taken_by_their_weights_and_none_twice() {
        let mut rng = musicvae::seed::stream(1, "test", 0);
        let (mut first, n) = ([0_usize; 3], 3000);
        for _ in 0..n {
            let taken = most_probable(&[1.0_f64, 2.0, 7.0].map(f64::ln), 2, &mut rng);
            assert!(taken.len() == 2 && taken[0] != taken[1]);
            first[taken[0]] += 1;
        }
        // Shares 0.1, 0.2 and 0.7, each within five standard errors.
        for (count, share) in first.into_iter().zip([0.1_f64, 0.2, 0.7]) {
            let error = (share * (1.0 - share) / f64::from(n)).sqrt();
            let found = count as f64 / f64::from(n);
            assert!((found - share).abs() < 5.0 * error, "{found}, not {share}");
        }
    }
}
