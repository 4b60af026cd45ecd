//! Styles as clusters of pieces.
//!
//! A piece has one style, but its windows have several characters: rhythms, registers, turns. A
//! mixture of windows finds the characters, and two styles may share one. So pieces are clustered
//! instead, by the means of their windows, in the directions in which pieces differ most relative
//! to the differences within a piece: Fisher's discriminants (Fisher 1936; Rao 1948) with pieces as
//! classes, which need no labels. Each style is then a mixture of the windows of its pieces.

use std::collections::BTreeMap;

use corpus::table::{LatentRow, Split};
use gmm::cluster::Contingency;
use gmm::points::{Discriminant, Matrix, covariance, covariance_about, mean};
use gmm::select::{Criterion, SweepParams};
use gmm::{CovarianceType, Covariances, Fit, FitError, GaussianMixture, GmmParams, Init, Samples};
use musicvae::seed;
use rand::seq::index;

use super::StyleError;

/// Minimum ratio of between-piece to within-piece variance of a direction.
const LEAST_RATIO: f64 = 1.0;
/// Minimum and maximum number of directions kept.
const DIRECTIONS: [usize; 2] = [4, 16];
/// Maximum number of components of a style, and minimum number of windows per component.
const MOST_COMPONENTS: usize = 4;
const WINDOWS_PER_COMPONENT: usize = 200;

/// The piece that each window belongs to.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    of_window: Vec<usize>,
    n_windows: Vec<usize>,
}

impl Pieces {
    /// The pieces of the training windows, in order.
    pub(super) fn of(rows: &[LatentRow]) -> Self {
        let train = rows.iter().filter(|row| row.split == Split::Train);
        Self::numbered(train.map(|row| row.group.as_str()))
    }

    fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let (mut numbers, mut n_windows) = (BTreeMap::new(), Vec::new());
        let of_window = names
            .map(|name| {
                let piece = *numbers.entry(name).or_insert(n_windows.len());
                n_windows.resize(n_windows.len().max(piece + 1), 0);
                n_windows[piece] += 1;
                piece
            })
            .collect();
        Self { of_window, n_windows }
    }

    /// Number of pieces.
    pub(super) fn n(&self) -> usize {
        self.n_windows.len()
    }

    /// Some of the pieces, with their windows `[n, d]`.
    fn only(&self, some: &[usize], windows: &[f64], d: usize) -> (Vec<f64>, Self) {
        let mut number = vec![None; self.n()];
        some.iter().enumerate().for_each(|(at, piece)| number[*piece] = Some(at));
        let (mut own, mut of_window) = (Vec::new(), Vec::new());
        for (window, piece) in windows.chunks_exact(d).zip(&self.of_window) {
            if let Some(at) = number[*piece] {
                own.extend_from_slice(window);
                of_window.push(at);
            }
        }
        let n_windows = some.iter().map(|piece| self.n_windows[*piece]).collect();
        (own, Self { of_window, n_windows })
    }

    /// Means of each piece's windows, `[n, d]`.
    fn means(&self, windows: &[f64], d: usize) -> Vec<f64> {
        let mut means = vec![0.0; self.n() * d];
        for (window, piece) in windows.chunks_exact(d).zip(&self.of_window) {
            let n = self.n_windows[*piece] as f64;
            let mean = &mut means[piece * d..][..d];
            mean.iter_mut().zip(window).for_each(|(sum, value)| *sum += value / n);
        }
        means
    }
}

/// The directions in which pieces differ most, relative to the differences within a piece.
#[derive(Clone, Debug)]
pub(super) struct Directions {
    directions: Vec<Vec<f64>>,
    /// The mean of the pieces that they were fitted to.
    center: Vec<f64>,
}

impl Directions {
    /// Fits them to windows `[n, d]` of pieces. `noise` is what the encoder leaves open in each
    /// dimension: it counts as a difference within pieces.
    fn fit(windows: &[f64], d: usize, pieces: &Pieces, noise: &[f64]) -> Result<Self, StyleError> {
        let means = pieces.means(windows, d);
        let centered: Vec<f64> = windows
            .chunks_exact(d)
            .zip(&pieces.of_window)
            .flat_map(|(window, piece)| window.iter().zip(&means[piece * d..]).map(|(x, m)| x - m))
            .collect();
        let failed = |_| StyleError::Pieces { n: pieces.n() };
        let windows = Matrix::new(&centered, d).map_err(failed)?;
        let means = Matrix::new(&means, d).map_err(failed)?;
        let mut within = covariance_about(windows, &vec![0.0; d]).map_err(failed)?;
        for j in 0..d {
            within[j * d + j] += noise[j].max(f64::EPSILON);
        }
        let between = covariance(means).map_err(failed)?;
        let found = Discriminant::fit(&within, &between, d).map_err(failed)?;
        let telling = found.ratios().iter().filter(|ratio| **ratio >= LEAST_RATIO).count();
        let m = telling.clamp(DIRECTIONS[0], DIRECTIONS[1]).min(d);
        let directions = found.directions()[..m].to_vec();
        Ok(Self { directions, center: mean(means).map_err(failed)? })
    }

    /// Number of directions.
    fn n(&self) -> usize {
        self.directions.len()
    }

    /// Means of pieces `[n, d]` as points `[n, m]`.
    fn project(&self, means: &[f64]) -> Vec<f64> {
        let point = |piece: &[f64]| -> Vec<f64> {
            let shift: Vec<f64> = piece.iter().zip(&self.center).map(|(x, c)| x - c).collect();
            let along = |v: &Vec<f64>| v.iter().zip(&shift).map(|(v, x)| v * x).sum::<f64>();
            self.directions.iter().map(along).collect()
        };
        means.chunks_exact(self.center.len().max(1)).flat_map(point).collect()
    }
}

/// Pieces as points `[n, m]` in the `m` directions that tell them apart. `windows` is `[n, d]`;
/// `noise` is what the encoder leaves open in each dimension.
pub(super) fn points(
    windows: &[f64],
    d: usize,
    pieces: &Pieces,
    noise: &[f64],
) -> Result<(Vec<f64>, usize), StyleError> {
    let directions = Directions::fit(windows, d, pieces, noise)?;
    Ok((directions.project(&pieces.means(windows, d)), directions.n()))
}

/// Agreement of the clusters of random halves of the pieces on all pieces: the adjusted Rand
/// index (Hubert and Arabie 1985), mean over `n_resamples` pairs of halves. Each half finds its own
/// directions, so that nothing is shared but the encoder.
///
/// # Errors
/// [`StyleError::Pieces`], [`StyleError::Fit`] where a half has too few pieces.
pub(super) fn stability(
    windows: &[f64],
    pieces: &Pieces,
    noise: &[f64],
    params: &GmmParams,
    n_resamples: usize,
    seed: u64,
) -> Result<f64, StyleError> {
    let d = noise.len();
    let means = pieces.means(windows, d);
    let mut sum = 0.0;
    for resample in 0..n_resamples {
        let mut rng = seed::stream(seed, "halves of pieces", resample as u64);
        let order = index::sample(&mut rng, pieces.n(), pieces.n()).into_vec();
        let mut labels = Vec::with_capacity(2);
        for half in [&order[..pieces.n() / 2], &order[pieces.n() / 2..]] {
            let (own, own_pieces) = pieces.only(half, windows, d);
            let directions = Directions::fit(&own, d, &own_pieces, noise)?;
            let points = directions.project(&own_pieces.means(&own, d));
            let points = Samples::new(&points, own_pieces.n(), directions.n())?;
            let fit = params.clone().fit(&points, seed)?;
            let all = directions.project(&means);
            let all = Samples::new(&all, pieces.n(), directions.n())?;
            labels.push(fit.model.predict(&all).expect("points in the same directions"));
        }
        sum += Contingency::new(&labels[0], &labels[1]).adjusted_rand_index();
    }
    Ok(sum / n_resamples.max(1) as f64)
}

/// A mixture over windows in which each style has separate components, and the components of each
/// style. `style_of` gives the style of each piece; styles without pieces are left out.
pub(super) fn mixture(
    samples: &Samples<'_>,
    pieces: &Pieces,
    style_of: &[usize],
    shapes: &[CovarianceType],
    seed: u64,
) -> Result<(Fit, Vec<Vec<usize>>), StyleError> {
    let n_styles = style_of.iter().max().map_or(0, |last| last + 1);
    let (d, n) = (samples.n_features(), samples.n_samples());
    let (mut weights, mut means, mut covariances) = (Vec::new(), Vec::new(), Vec::new());
    let mut styles = Vec::new();
    for style in 0..n_styles {
        let own: Vec<f64> = (0..n)
            .filter(|row| style_of[pieces.of_window[*row]] == style)
            .flat_map(|row| samples.row(row).iter().copied())
            .collect();
        let n_own = own.len() / d;
        if n_own == 0 {
            continue;
        }
        let found = of_one(&Samples::new(&own, n_own, d)?, shapes, seed)?;
        let first = weights.len();
        for component in 0..found.n_components() {
            weights.push(found.weights()[component] * n_own as f64 / n as f64);
            means.extend_from_slice(found.mean(component));
            covariances.extend(found.covariance(component));
        }
        styles.push((first..weights.len()).collect());
    }
    let k = weights.len();
    let all = GaussianMixture::from_parameters(weights, means, Covariances::Full(covariances))?;
    // One EM step on all windows, which moves a component only because of windows that another one
    // explains better.
    let params = GmmParams::new(k).init(Init::Model(Box::new(all))).max_iter(1);
    Ok((params.fit(samples, seed)?, styles))
}

/// A mixture of one style's windows; a single Gaussian with diagonal covariance if there are too
/// few.
fn of_one(
    samples: &Samples<'_>,
    shapes: &[CovarianceType],
    seed: u64,
) -> Result<GaussianMixture, FitError> {
    let most = (samples.n_samples() / WINDOWS_PER_COMPONENT).clamp(1, MOST_COMPONENTS);
    let sweep = SweepParams::new(1..=most).criterion(Criterion::Bic).patience(1);
    if let Ok(selection) = sweep.covariance_types(shapes.iter().copied()).run(samples, seed) {
        return Ok(selection.best.model);
    }
    let params = GmmParams::new(1).covariance_type(CovarianceType::Diag);
    params.fit(samples, seed).map(|fit| fit.model)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of two styles in three dimensions. The first dimension separates windows within a
    /// piece (two distant characters), the second separates styles, and the third is noise.
    fn corpus() -> (Vec<f64>, Pieces) {
        let (mut windows, mut names) = (Vec::new(), Vec::new());
        for piece in 0..40 {
            for window in 0..8 {
                let at = f64::from(piece * 8 + window);
                let style = f64::from(piece % 2);
                let noise = |scale: f64| 0.3 * (at * scale).sin();
                windows.extend([
                    20.0 * f64::from(window % 2) + noise(1.3),
                    2.0 * style + noise(2.1),
                    noise(3.7),
                ]);
                names.push(format!("piece {piece}"));
            }
        }
        (windows, Pieces::numbered(names.iter().map(String::as_str)))
    }

    #[test]
    fn what_tells_pieces_apart_comes_first_however_little_it_is() {
        let (windows, pieces) = corpus();
        let (points, m) = points(&windows, 3, &pieces, &[0.01; 3]).unwrap();
        assert_eq!((pieces.n(), m, points.len()), (40, 3, 120));
        // The first coordinate has one sign per style, although the first dimension is ten times as
        // wide.
        let sign = points[0].signum();
        for (piece, point) in points.as_chunks::<3>().0.iter().enumerate() {
            let expected = if piece % 2 == 0 { sign } else { -sign };
            assert_eq!(point[0].signum(), expected, "{piece}: {point:?}");
        }
    }

    #[test]
    fn halves_that_find_their_own_directions_agree_on_styles_and_not_on_noise() {
        let (windows, pieces) = corpus();
        let params = GmmParams::new(2).n_init(3);
        let of = |windows: &[f64]| stability(windows, &pieces, &[0.01; 3], &params, 4, 1).unwrap();
        let found = of(&windows);
        assert!(found > 0.95, "{found}");
        // Pieces that differ by chance only: nothing to find again.
        let noise: Vec<f64> = (0..windows.len()).map(|i| (i as f64 * 12.9898).sin()).collect();
        let by_chance = of(&noise);
        assert!(by_chance < 0.6, "{by_chance}");
        let (own, some) = pieces.only(&[3, 1], &windows, 3);
        assert_eq!((some.n(), own.len()), (2, 2 * 8 * 3));
        // Windows 8 to 15 are of piece 1, which is the second of the two.
        assert_eq!((own[0], some.of_window[0]), (windows[24], 1));
    }

    #[test]
    fn each_style_is_a_mixture_of_its_own_windows() {
        let (windows, pieces) = corpus();
        let samples = Samples::new(&windows, 320, 3).unwrap();
        let style_of: Vec<usize> = (0..40).map(|piece| piece % 2).collect();
        let shapes = [CovarianceType::Diag];
        let (fit, styles) = mixture(&samples, &pieces, &style_of, &shapes, 1).unwrap();
        assert_eq!(styles.iter().map(Vec::len).sum::<usize>(), fit.model.n_components());
        let found = fit.model.predict(&samples).unwrap();
        for (window, component) in found.iter().enumerate() {
            assert!(styles[style_of[pieces.of_window[window]]].contains(component), "{window}");
        }
    }

    #[test]
    fn a_style_of_a_window_or_two_has_a_mixture() {
        let samples = Samples::new(&[1.0, 2.0, 3.0, 4.0], 2, 2).unwrap();
        let found = of_one(&samples, &[CovarianceType::LowRank(1)], 0).unwrap();
        assert_eq!(found.n_components(), 1);
    }
}
