//! Succession: the joint distribution of three consecutive windows of a piece.
//!
//! A Gaussian mixture over the latents `(z[t-2], z[t-1], z[t])` of windows of real pieces, on the
//! active dimensions. Its coordinates are chosen so that few parameters say much: each latent is
//! turned to its principal axes, and along each axis the three are turned to their mean, their
//! slope and their bend (the orthonormal discrete cosine transform of length 3). There the
//! covariances are diagonal, or diagonal with a few factors: how far a piece stays where it is
//! along an axis is the ratio of two variances, and what moves together is in the factors. Axes
//! beyond the first 96, along which windows hardly differ, are one Gaussian each.
//!
//! Any of the three can be drawn given any others: a mixture's conditional is a mixture (Bishop,
//! PRML, section 2.3.1, for each component).

mod conditional;
mod coordinates;

use gmm::points::{Matrix, Pca, dot};
use gmm::{CovarianceType, Covariances, Gaussian, GaussianMixture, GmmParams, ModelError, Samples};
use rayon::prelude::*;

use super::PieceError;
use conditional::ConditionalComponent;
use coordinates::{back, transform, turn};

pub use conditional::{Conditional, Next};

/// Windows that are modeled together.
pub const SPAN: usize = 3;
/// Principal axes that the mixture is over.
const MAX_AXES: usize = 96;

/// Shapes and numbers of components that are tried; what fits the triples left out best is taken.
const TRIED: [(usize, CovarianceType); 5] = [
    (1, CovarianceType::Diag),
    (6, CovarianceType::Diag),
    (16, CovarianceType::Diag),
    (1, CovarianceType::LowRank(12)),
    (4, CovarianceType::LowRank(12)),
];
/// Iterations of a fit that is tried, and of the last.
const ITERATIONS: [usize; 2] = [15, 40];
/// Triples that each component needs at least.
const TRIPLES_PER_COMPONENT: usize = 100;
/// Variance that nothing falls below, in units of that of the latents, about 1: what the encoder
/// leaves open is larger.
const LEAST_VARIANCE: f64 = 1e-3;

/// The mixture of three consecutive windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Succession {
    /// Mean of the windows, `[D]`.
    pub(super) center: Vec<f64>,
    /// Their principal axes, `[D, D]`, orthonormal rows.
    pub(super) axes: Vec<f64>,
    /// The mixture over the first `P` axes in turned coordinates, `[3, P]`: means, slopes, bends.
    pub(super) mixture: GaussianMixture,
    /// Variances along the other axes in turned coordinates, `[3, D - P]`.
    pub(super) rest: Vec<f64>,
}

/// Latents of consecutive windows, `[3, D]` each, with the piece that they are of.
#[derive(Clone, Debug, Default)]
pub struct Triples {
    /// Row after row.
    pub values: Vec<f64>,
    /// The piece of each.
    pub pieces: Vec<usize>,
}

impl Succession {
    /// Fits the mixture. Which shape is decided on every tenth piece; then it is fitted on all.
    ///
    /// # Errors
    /// If there are too few triples for any mixture, or no mixture can be fitted.
    pub fn fit(triples: &Triples, d: usize, seed: u64) -> Result<Self, PieceError> {
        let width = SPAN * d;
        let singles = Matrix::new(&triples.values, d)?;
        let pca = Pca::fit(singles, d)?;
        let axes: Vec<f64> = pca.components().concat();
        let center = pca.mean().to_vec();
        let p = d.min(MAX_AXES);
        let all: Vec<f64> =
            triples.values.chunks_exact(width).flat_map(|x| turn(x, &center, &axes)).collect();
        let of_axes = |axes: std::ops::Range<usize>| -> Vec<f64> {
            let rows = all.chunks_exact(d);
            rows.flat_map(|row| row[axes.clone()].iter().copied()).collect()
        };
        let (turned, others) = (of_axes(0..p), of_axes(p..d));
        let rest = variances(&others, SPAN * (d - p));
        let width = SPAN * p;
        let side = |is_out: bool| -> Vec<f64> {
            let rows = turned.chunks_exact(width).zip(&triples.pieces);
            let own = rows.filter(|(_, piece)| piece.is_multiple_of(10) == is_out);
            own.flat_map(|(row, _)| row.iter().copied()).collect()
        };
        let (kept, left_out) = (side(false), side(true));
        let fit = |values: &[f64], (k, shape): (usize, CovarianceType), n_iterations: usize| {
            let samples = Samples::new(values, values.len() / width, width)?;
            let params = GmmParams::new(k)
                .covariance_type(shape)
                .reg_covar(LEAST_VARIANCE)
                .max_iter(n_iterations)
                .whiten(false);
            Ok::<_, PieceError>(params.fit(&samples, seed)?.model)
        };
        let n_kept = kept.len() / width;
        let fits_in = |(k, shape): &(usize, CovarianceType)| {
            let rank = if let CovarianceType::LowRank(rank) = shape { *rank } else { 0 };
            rank < width && (*k == 1 || k * TRIPLES_PER_COMPONENT <= n_kept)
        };
        let usable: Vec<_> = TRIED.into_iter().filter(fits_in).collect();
        let mut best: Option<(f64, (usize, CovarianceType))> = None;
        if !left_out.is_empty() && n_kept > 1 {
            let left_out = Samples::new(&left_out, left_out.len() / width, width)?;
            for tried in usable {
                // One that can't be fitted is none that is better.
                let Ok(model) = fit(&kept, tried, ITERATIONS[0]) else { continue };
                let score = model.score(&left_out)?;
                if best.is_none_or(|(most, _)| score > most) {
                    best = Some((score, tried));
                }
            }
        }
        let chosen = best.map_or(TRIED[0], |(_, tried)| tried);
        Ok(Self { center, axes, mixture: fit(&turned, chosen, ITERATIONS[1])?, rest })
    }

    /// Number of active dimensions, `D`.
    pub fn n_features(&self) -> usize {
        self.center.len()
    }

    /// Number of axes that the mixture is over, `P`.
    pub(super) fn n_axes(&self) -> usize {
        self.mixture.n_features() / SPAN
    }

    /// Number of components.
    pub fn n_components(&self) -> usize {
        self.mixture.n_components()
    }

    /// The shape of its covariances.
    pub fn covariance_type(&self) -> CovarianceType {
        self.mixture.covariance_type()
    }

    /// The distribution of the window at a place (0 to 2) given those at others.
    ///
    /// # Errors
    /// [`ModelError`] if rounding leaves no covariance.
    ///
    /// # Panics
    /// If a place is beyond the span, or given twice.
    pub fn given(&self, places: &[usize], free: usize) -> Result<Conditional, ModelError> {
        let all: Vec<usize> = places.iter().copied().chain([free]).collect();
        let is_place =
            |place: &usize| *place < SPAN && all.iter().filter(|p| *p == place).count() == 1;
        assert!(all.iter().all(is_place), "places {all:?} of {SPAN}");
        let component = |k: usize| self.conditional(k, places, free);
        let components: Result<Vec<ConditionalComponent>, ModelError> =
            (0..self.n_components()).into_par_iter().map(component).collect();
        let rest = self.rest_given(places, free);
        Ok(Conditional {
            center: self.center.clone(),
            axes: self.axes.clone(),
            n_given: places.len(),
            components: components?,
            rest_log_det: rest.iter().map(|(_, left)| left.ln()).sum(),
            rest,
        })
    }

    /// Along each of the other axes, the weights of what is given and the deviation left.
    fn rest_given(&self, places: &[usize], free: usize) -> Vec<(Vec<f64>, f64)> {
        let n = self.n_features() - self.n_axes();
        let turn = transform();
        let axis = |i: usize| {
            let covariance = |a: usize, b: usize| -> f64 {
                (0..SPAN).map(|u| turn[u][a] * turn[u][b] * self.rest[u * n + i]).sum()
            };
            let cross: Vec<f64> = places.iter().map(|a| covariance(*a, free)).collect();
            let weights = match places {
                [a] => vec![cross[0] / covariance(*a, *a)],
                [a, b] => {
                    // The inverse of a matrix of two by two.
                    let (aa, ab, bb) = (covariance(*a, *a), covariance(*a, *b), covariance(*b, *b));
                    let determinant = aa * bb - ab * ab;
                    vec![
                        (bb * cross[0] - ab * cross[1]) / determinant,
                        (aa * cross[1] - ab * cross[0]) / determinant,
                    ]
                }
                _ => Vec::new(),
            };
            let left = covariance(free, free) - dot(&weights, &cross);
            (weights, left.max(LEAST_VARIANCE * LEAST_VARIANCE).sqrt())
        };
        (0..n).map(axis).collect()
    }

    fn conditional(
        &self,
        k: usize,
        places: &[usize],
        free: usize,
    ) -> Result<ConditionalComponent, ModelError> {
        let d = self.n_axes();
        let (mean, n_given) = (self.mean(k), places.len() * d);
        let of = |a: usize, b: usize| self.block(k, a, b);
        let mut known = vec![0.0; n_given * n_given];
        for (i, a) in places.iter().enumerate() {
            for (j, b) in places.iter().enumerate() {
                let block = of(*a, *b);
                for (row, values) in block.chunks_exact(d).enumerate() {
                    known[(i * d + row) * n_given + j * d..][..d].copy_from_slice(values);
                }
            }
        }
        let known_mean = places.iter().flat_map(|a| mean[a * d..][..d].to_vec()).collect();
        let known = match n_given {
            0 => None,
            _ => Some(Gaussian::new(known_mean, known)?),
        };
        let mut covariance = of(free, free);
        let cross: Vec<Vec<f64>> = places.iter().map(|a| of(free, *a)).collect();
        let row_of = |row: usize| -> Vec<f64> {
            cross.iter().flat_map(|block| block[row * d..][..d].to_vec()).collect()
        };
        let cross: Vec<Vec<f64>> = (0..d).map(row_of).collect();
        let solved =
            |row: &Vec<f64>| known.as_ref().map_or_else(Vec::new, |known| known.solve(row));
        let gain: Vec<Vec<f64>> = cross.iter().map(solved).collect();
        for (i, gain) in gain.iter().enumerate() {
            for (j, cross) in cross.iter().enumerate() {
                covariance[i * d + j] -= dot(gain, cross);
            }
        }
        // Symmetric but for rounding.
        for i in 0..d {
            for j in 0..i {
                let middle = f64::midpoint(covariance[i * d + j], covariance[j * d + i]);
                (covariance[i * d + j], covariance[j * d + i]) = (middle, middle);
            }
        }
        let noise = Gaussian::new(vec![0.0; d], covariance)?;
        Ok(ConditionalComponent {
            log_weight: self.mixture.weights()[k].max(f64::MIN_POSITIVE).ln(),
            half_log_det: known.as_ref().map_or(0.0, Gaussian::half_log_det),
            noise_half_log_det: noise.half_log_det(),
            mean: mean[free * d..][..d].to_vec(),
            known,
            gain: gain.concat(),
            noise,
        })
    }

    /// The mean of a component, `[3, P]`, along the principal axes.
    fn mean(&self, k: usize) -> Vec<f64> {
        back(self.mixture.mean(k), self.n_axes())
    }

    /// The covariance of the windows at two places, `[P, P]`, along the principal axes.
    fn block(&self, k: usize, a: usize, b: usize) -> Vec<f64> {
        let d = self.n_axes();
        let turn = transform();
        let mut block = vec![0.0; d * d];
        if let Covariances::LowRank { rank, values } = self.mixture.covariances() {
            let width = rank + 1;
            let own = &values[k * SPAN * d * width..][..SPAN * d * width];
            let entry = |u: usize, i: usize| &own[(u * d + i) * width..][..width];
            let loading = |place: usize, i: usize| -> Vec<f64> {
                let of = |r| (0..SPAN).map(|u| turn[u][place] * entry(u, i)[r]).sum();
                (0..*rank).map(of).collect()
            };
            let left: Vec<Vec<f64>> = (0..d).map(|i| loading(a, i)).collect();
            let right: Vec<Vec<f64>> = (0..d).map(|i| loading(b, i)).collect();
            for i in 0..d {
                for j in 0..d {
                    block[i * d + j] = dot(&left[i], &right[j]);
                }
                let own = |u: usize| turn[u][a] * turn[u][b] * entry(u, i)[*rank];
                block[i * d + i] += (0..SPAN).map(own).sum::<f64>();
            }
        } else {
            let dense = self.mixture.covariance(k);
            let n = SPAN * d;
            for i in 0..d {
                let own = |u: usize| turn[u][a] * turn[u][b] * dense[(u * d + i) * (n + 1)];
                block[i * d + i] = (0..SPAN).map(own).sum();
            }
        }
        block
    }
}

/// The variance of each column of `[n, width]` about 0, and a little.
fn variances(values: &[f64], width: usize) -> Vec<f64> {
    let n = (values.len() / width.max(1)).max(1) as f64;
    let mut sums = vec![0.0; width];
    for row in values.chunks_exact(width.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
    }
    sums.into_iter().map(|sum| sum / n + LEAST_VARIANCE).collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;

    fn rng() -> rand_chacha::ChaCha8Rng {
        musicvae::seed::stream(3, "test", 0)
    }

    /// Pieces of an autoregression in two dimensions: `z[t] = ρ z[t-1] + √(1 - ρ²) ε` with `ρ` 0.9
    /// along (1, 1) and 0 along (1, -1).
    fn autoregression(n_pieces: usize) -> Triples {
        let mut rng = rng();
        let mut triples = Triples::default();
        for piece in 0..n_pieces {
            let mut state = [0.0_f64; 2];
            let mut row = Vec::new();
            for t in 0..40 {
                let noise: [f64; 2] = [rng.sample(StandardNormal), rng.sample(StandardNormal)];
                state = [0.9 * state[0] + (1.0_f64 - 0.81).sqrt() * noise[0], 0.5 * noise[1]];
                if t >= 37 {
                    row.extend([state[0] + state[1] + 5.0, state[0] - state[1]]);
                }
            }
            triples.values.extend(row);
            triples.pieces.push(piece);
        }
        triples
    }

    #[test]
    fn what_stays_and_what_does_not_is_learned() {
        let triples = autoregression(4000);
        let learned = Succession::fit(&triples, 2, 0).unwrap();
        let conditional = learned.given(&[0, 1], 2).unwrap();
        // One deviation along (1, 1): (5 + √½ · √2, …): z = center + (1, 1).
        let next = conditional.after(&[&[5.0, 0.0], &[6.0, 1.0]]);
        let mut rng = rng();
        let draws: Vec<Vec<f64>> = (0..4000).map(|_| next.draw(1.0, &mut rng)).collect();
        let moments = |of: fn(&[f64]) -> f64| {
            let values = || draws.iter().map(|z| of(z));
            let mean = values().sum::<f64>() / 4000.0;
            (mean, values().map(|v| (v - mean).powi(2)).sum::<f64>() / 4000.0)
        };
        // Along (1, 1) the state is half the sum less 5: mean 0.9, variance 0.19.
        let (mean, variance) = moments(|z| 0.5 * (z[0] + z[1] - 5.0));
        assert!((mean - 0.9).abs() < 0.05 && (variance - 0.19).abs() < 0.03, "{mean} {variance}");
        let (mean, variance) = moments(|z| 0.5 * (z[0] - z[1] - 5.0));
        assert!(mean.abs() < 0.05 && (variance - 0.25).abs() < 0.03, "{mean} {variance}");
        assert_eq!(next.draw(0.0, &mut rng).len(), 2);
        // The density integrates to 1 over a grid.
        let step = 0.1;
        let grid = || (-60..60).map(|i| f64::from(i) * step);
        let mass: f64 = grid()
            .flat_map(|x| grid().map(move |y| (x, y)))
            .map(|(x, y)| next.log_density(&[x + 6.0, y + 1.0]).exp() * step * step)
            .sum();
        assert!((mass - 1.0).abs() < 1e-3, "{mass}");
    }

    #[test]
    fn conditionals_are_those_of_the_whole_mixture() {
        let triples = autoregression(300);
        let values = &triples.values;
        let samples = Samples::new(values, 300, 6).unwrap();
        // In principal axes and turned coordinates, fitted with factors.
        let singles = Matrix::new(values, 2).unwrap();
        let pca = Pca::fit(singles, 2).unwrap();
        let (center, axes) = (pca.mean().to_vec(), pca.components().concat());
        let turned: Vec<f64> =
            values.as_chunks::<6>().0.iter().flat_map(|x| turn(x, &center, &axes)).collect();
        let turned = Samples::new(&turned, 300, 6).unwrap();
        let params = GmmParams::new(2).covariance_type(CovarianceType::LowRank(2));
        let mixture = params.fit(&turned, 0).unwrap().model;
        let learned = Succession { center, axes, mixture, rest: Vec::new() };
        // The joint density is the same in both coordinates, as the turn is orthonormal, so
        // p(b | a, c) p(a, c) = p(a, b, c): differences over b agree.
        let conditional = learned.given(&[0, 2], 1).unwrap();
        let row = samples.row(0);
        let next = conditional.after(&[&row[..2], &row[4..]]);
        let joint = |b: &[f64]| {
            let x = [&row[..2], b, &row[4..]].concat();
            let x = turn(&x, &learned.center, &learned.axes);
            learned.mixture.score_samples(&Samples::new(&x, 1, 6).unwrap()).unwrap()[0]
        };
        let (one, other) = ([5.5, 0.5], [4.0, -1.0]);
        let found = next.log_density(&one) - next.log_density(&other);
        let expected = joint(&one) - joint(&other);
        assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        // And one after the other: p(a) p(b | a) p(c | a, b).
        let of = |places: &[usize], given: &[&[f64]], free: usize| {
            let conditional = learned.given(places, free).unwrap();
            conditional.after(given).log_density(&row[2 * free..][..2])
        };
        let (a, b) = (&row[..2], &row[2..4]);
        let chain = of(&[], &[], 0) + of(&[0], &[a], 1) + of(&[0, 1], &[a, b], 2);
        assert!((chain - joint(b)).abs() < 1e-9, "{chain}");
    }

    #[test]
    fn axes_beyond_the_mixture_are_walks_of_their_own() {
        // One axis in the mixture, one beyond: variances 3, 0.5 and 0.1 of mean, slope and bend.
        let one = Covariances::Diag(vec![1.0; 3]);
        let mixture = GaussianMixture::from_parameters(vec![1.0], vec![0.0; 3], one).unwrap();
        let learned = Succession {
            center: vec![0.0; 2],
            axes: vec![1.0, 0.0, 0.0, 1.0],
            mixture,
            rest: vec![3.0, 0.5, 0.1],
        };
        let next = learned.given(&[0, 1], 2).unwrap();
        let next = next.after(&[&[0.0, 1.0], &[0.0, -0.5]]);
        // The same as a mixture of one component, of that axis alone.
        let same = Covariances::Diag(vec![3.0, 0.5, 0.1]);
        let mixture = GaussianMixture::from_parameters(vec![1.0], vec![0.0; 3], same).unwrap();
        let (center, axes) = (vec![0.0], vec![1.0]);
        let alone = Succession { center, axes, mixture, rest: Vec::new() };
        let alone = alone.given(&[0, 1], 2).unwrap();
        let alone = alone.after(&[&[1.0], &[-0.5]]);
        // The first axis is a standard normal one.
        let normal = -0.5 * std::f64::consts::TAU.ln();
        for x in [-1.0, 0.0, 2.5] {
            let (found, expected) = (next.log_density(&[0.0, x]), alone.log_density(&[x]) + normal);
            assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        }
        let (a, b) = (next.draw(0.0, &mut rng()), alone.draw(0.0, &mut rng()));
        assert!((a[1] - b[0]).abs() < 1e-9, "{a:?} {b:?}");
    }
}
