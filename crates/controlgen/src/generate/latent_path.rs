//! The latents of a piece: of one style, of a blend of styles, or along a path through styles.
//!
//! A piece of several windows is a path in latent space. Within a style it is a smooth random walk:
//! in the style's standard coordinates `e` (see [`gmm::Gaussian::standardized`]) the next window
//! has `ρ e + √(1 - ρ²) ε` with `ε ~ N(0, I)`, a stationary autoregression of order 1, so that each
//! window by itself is a sample of the style for any `ρ`. From style to style, the optimal
//! transport maps between them move the walk: halfway, a window is a sample of their Wasserstein
//! barycenter.

use gmm::{Covariances, Gaussian, GaussianMixture, ModelError, TransportMap};
use musicvae::seed;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::GenerateError;
use crate::latent::LatentSpace;

/// How latents are drawn from a style.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatentSampling {
    /// Factor of the deviations from the style's mean: 1 samples the style, 0 gives its mean.
    pub temperature: f64,
    /// Maximum Mahalanobis distance from the style's mean. In `D` active dimensions, samples lie
    /// near `√D`.
    pub truncate: Option<f64>,
    /// Correlation `ρ` of consecutive windows of a piece, 0 to 1.
    pub smoothness: f64,
}

impl Default for LatentSampling {
    fn default() -> Self {
        Self { temperature: 1.0, truncate: None, smoothness: 0.8 }
    }
}

impl LatentSampling {
    /// Settings with the default smoothness if none is given.
    pub fn new(temperature: f64, truncate: Option<f64>, smoothness: Option<f64>) -> Self {
        let smoothness = smoothness.unwrap_or(Self::default().smoothness);
        Self { temperature, truncate, smoothness }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`GenerateError::Setting`].
    pub fn check(self) -> Result<Self, GenerateError> {
        let wrong = |what, found, allowed| Err(GenerateError::Setting { what, found, allowed });
        match self {
            Self { temperature: found, .. } if !(0.0..=4.0).contains(&found) => {
                wrong("latent temperature", found, "0 to 4 is allowed (1 samples the style)")
            }
            Self { smoothness: found, .. } if !(0.0..=1.0).contains(&found) => {
                wrong("smoothness", found, "0 to 1 is allowed")
            }
            Self { truncate: Some(found), .. } if !(found > 0.0 && found <= 1e6) => {
                wrong("truncation radius", found, "a radius above 0 is allowed")
            }
            _ => Ok(self),
        }
    }
}

/// The Gaussian between styles, by weight: the Wasserstein barycenter of their Gaussians (for a
/// style of several components, the Gaussian with the same mean and covariance).
///
/// A blend is a new style between the others; it does not alternate between them.
///
/// # Errors
/// [`ModelError`] if no weight is above 0, or the dimensions differ.
pub fn blend(parts: &[(f64, &GaussianMixture)]) -> Result<Gaussian, ModelError> {
    let gaussians: Vec<Gaussian> =
        parts.iter().map(|(_, style)| style.moments()).collect::<Result<_, _>>()?;
    let weighted: Vec<(f64, &Gaussian)> =
        parts.iter().zip(&gaussians).map(|((weight, _), g)| (*weight, g)).collect();
    Gaussian::barycenter(&weighted)
}

/// The distribution of the latents of a piece, window after window.
#[derive(Clone, Debug)]
pub struct LatentPath {
    /// Gaussians of the first window, with cumulative weights.
    starts: Vec<(f64, Gaussian)>,
    /// The style, if it stays in one.
    style: Option<GaussianMixture>,
    /// From each style to the next.
    maps: Vec<TransportMap>,
    /// The standard normal distribution on the same dimensions.
    unit: GaussianMixture,
}

impl LatentPath {
    /// Stays in a style: each piece is in one of its components, drawn by weight.
    ///
    /// # Errors
    /// [`ModelError`] if a covariance is not positive definite after rounding.
    pub fn stationary(style: &GaussianMixture) -> Result<Self, ModelError> {
        let mut up_to = 0.0;
        let starts = (0..style.n_components())
            .map(|component| {
                up_to += style.weights()[component];
                Ok((up_to, style.component(component)?))
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Self { style: Some(style.clone()), ..Self::new(starts, Vec::new())? })
    }

    /// Moves from style to style, one Gaussian each, by optimal transport.
    ///
    /// # Errors
    /// [`ModelError`] if there is no style, or the dimensions differ.
    pub fn transport(styles: &[Gaussian]) -> Result<Self, ModelError> {
        let first = styles.first().ok_or(ModelError::NoComponents)?;
        let maps = styles
            .windows(2)
            .map(|pair| pair[0].transport_to(&pair[1]))
            .collect::<Result<_, _>>()?;
        Self::new(vec![(1.0, first.clone())], maps)
    }

    fn new(starts: Vec<(f64, Gaussian)>, maps: Vec<TransportMap>) -> Result<Self, ModelError> {
        let d = starts.first().map_or(0, |(_, start)| start.mean().len());
        let one = Covariances::Spherical(vec![1.0]);
        let unit = GaussianMixture::from_parameters(vec![1.0], vec![0.0; d], one)?;
        Ok(Self { starts, style: None, maps, unit })
    }

    /// Number of active dimensions, `D`.
    pub fn n_features(&self) -> usize {
        self.unit.n_features()
    }

    /// The latents of a piece of `n_windows`, `[n_windows, Z]`: active dimensions from the styles,
    /// the others from the prior. Piece number `index` depends on `seed` and `index` alone.
    ///
    /// # Errors
    /// [`ModelError`] for settings that [`LatentSampling::check`] rejects.
    pub fn latents(
        &self,
        space: &LatentSpace,
        n_windows: usize,
        sampling: LatentSampling,
        seed: u64,
        index: u64,
    ) -> Result<Vec<f32>, ModelError> {
        let mut rng = seed::stream(seed, "latent", index);
        let LatentSampling { temperature, truncate, smoothness } = sampling;
        let mut prior = normal(&mut rng, space.z_size());
        let start = self.start(&mut rng);
        let mut noise = match truncate {
            // The radius before scaling by the temperature.
            Some(radius) if temperature > 0.0 => {
                self.unit.sample_component_within(0, radius / temperature, 1, &mut rng)?
            }
            _ => normal(&mut rng, self.n_features()),
        };
        let mut latents = Vec::with_capacity(n_windows * space.z_size());
        for window in 0..n_windows {
            if window > 0 {
                let fresh = (1.0 - smoothness * smoothness).max(0.0).sqrt();
                let mut walk = |values: &mut [f64]| {
                    let new = normal(&mut rng, values.len());
                    for (value, new) in values.iter_mut().zip(new) {
                        *value = smoothness * *value + fresh * new;
                    }
                };
                walk(&mut prior);
                walk(&mut noise);
                pull_within(&mut noise, truncate.map(|radius| radius / temperature));
            }
            let scaled: Vec<f64> = noise.iter().map(|e| temperature * e).collect();
            let along = window as f64 / (n_windows - 1).max(1) as f64;
            let point = self.carried(start.unstandardize(&scaled), along);
            let mut z: Vec<f32> = prior.iter().map(|e| (temperature * e) as f32).collect();
            space.embed(&point, &mut z);
            latents.extend(z);
        }
        Ok(latents)
    }

    /// Whether it moves from style to style.
    pub(crate) fn is_moving(&self) -> bool {
        !self.maps.is_empty()
    }

    /// The distribution of a window a fraction `along` of the path: that of the style, or the
    /// Gaussian that the transport has reached.
    ///
    /// # Errors
    /// [`ModelError`] if rounding leaves no covariance.
    pub(crate) fn distribution(&self, along: f64) -> Result<GaussianMixture, ModelError> {
        if let Some(style) = &self.style {
            return Ok(style.clone());
        }
        let (mut weights, mut means, mut covariances) = (Vec::new(), Vec::new(), Vec::new());
        let (mut before, total) = (0.0, self.starts.last().map_or(1.0, |(up_to, _)| *up_to));
        for (up_to, start) in &self.starts {
            weights.push((up_to - before) / total);
            before = *up_to;
            let mean = self.carried(start.mean().to_vec(), along);
            // The transport is affine: column by column, A L for a covariance L Lᵀ.
            let d = mean.len();
            let column = |j: usize| -> Vec<f64> {
                let mut unit = vec![0.0; d];
                unit[j] = 1.0;
                let moved = self.carried(start.unstandardize(&unit), along);
                moved.iter().zip(&mean).map(|(x, m)| x - m).collect()
            };
            let columns: Vec<Vec<f64>> = (0..d).map(column).collect();
            for i in 0..d {
                let entry = |j: usize| columns.iter().map(|column| column[i] * column[j]).sum();
                covariances.extend((0..d).map(|j| -> f64 { entry(j) }));
            }
            means.extend(mean);
        }
        GaussianMixture::from_parameters(weights, means, Covariances::Full(covariances))
    }

    /// The Gaussian of the first window, drawn by weight.
    pub(crate) fn start(&self, rng: &mut impl Rng) -> &Gaussian {
        let (last, others) = self.starts.split_last().expect("a path has a start");
        if others.is_empty() {
            return &last.1;
        }
        let drawn = rng.random::<f64>() * last.0;
        others.iter().find(|(up_to, _)| drawn < *up_to).map_or(&last.1, |(_, start)| start)
    }

    /// A point of the first style moved a fraction `along` of the path.
    fn carried(&self, point: Vec<f64>, along: f64) -> Vec<f64> {
        let mut left = along * self.maps.len() as f64;
        let mut point = point;
        for map in &self.maps {
            if left <= 0.0 {
                break;
            }
            point = map.apply_partly(&point, left.min(1.0));
            left -= 1.0;
        }
        point
    }
}

/// Samples of the standard normal distribution.
fn normal(rng: &mut impl Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| rng.sample(StandardNormal)).collect()
}

/// Scales a point down to a radius.
fn pull_within(noise: &mut [f64], radius: Option<f64>) {
    let length = noise.iter().map(|e| e * e).sum::<f64>().sqrt();
    if let Some(radius) = radius.filter(|radius| length > *radius) {
        noise.iter_mut().for_each(|e| *e *= radius / length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(active: [usize; 2]) -> LatentSpace {
        LatentSpace::new(3, active.to_vec()).unwrap()
    }

    fn gaussian(mean: [f64; 2], covariance: [f64; 4]) -> Gaussian {
        Gaussian::new(mean.to_vec(), covariance.to_vec()).unwrap()
    }

    fn pair() -> [Gaussian; 2] {
        [gaussian([1.0, -1.0], [2.0, 0.5, 0.5, 1.0]), gaussian([9.0, 3.0], [0.5, -0.1, -0.1, 0.2])]
    }

    fn mixture(parts: &[(f64, &Gaussian)]) -> GaussianMixture {
        GaussianMixture::from_parameters(
            parts.iter().map(|(weight, _)| *weight).collect(),
            parts.iter().flat_map(|(_, g)| g.mean().to_vec()).collect(),
            Covariances::Full(parts.iter().flat_map(|(_, g)| g.covariance().to_vec()).collect()),
        )
        .unwrap()
    }

    /// Mean and variance of the first coordinate of windows number `window`.
    fn moments(pieces: &[Vec<f32>], window: usize, dimension: usize) -> (f64, f64) {
        let values = || pieces.iter().map(|z| f64::from(z[window * 3 + dimension]));
        let n = pieces.len() as f64;
        let mean = values().sum::<f64>() / n;
        (mean, values().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
    }

    #[test]
    fn every_window_of_a_stationary_path_is_a_sample_and_neighbors_are_near() {
        let [a, _] = pair();
        let (path, space) =
            (LatentPath::stationary(&mixture(&[(1.0, &a)])).unwrap(), space([2, 0]));
        let sampling = LatentSampling { smoothness: 0.9, ..LatentSampling::default() };
        let pieces: Vec<Vec<f32>> =
            (0..4000).map(|i| path.latents(&space, 5, sampling, 7, i).unwrap()).collect();
        for window in [0, 4] {
            let (mean, variance) = moments(&pieces, window, 2);
            // Five standard errors: 5 √(2 / 4000) and 5 · 2 √(2 / 4000).
            assert!(
                (mean - 1.0).abs() < 0.12 && (variance - 2.0).abs() < 0.23,
                "{mean} {variance}"
            );
            let (mean, variance) = moments(&pieces, window, 1);
            assert!(
                mean.abs() < 0.08 && (variance - 1.0).abs() < 0.12,
                "the prior: {mean} {variance}"
            );
        }
        let far = |w: usize| {
            let moved = pieces.iter().map(|z| f64::from(z[w * 3 + 2] - z[2]).powi(2)).sum::<f64>();
            moved / 4000.0
        };
        // 2 σ² (1 - ρ^w) of a stationary walk.
        assert!((far(1) - 4.0 * 0.1).abs() < 0.05, "{}", far(1));
        assert!((far(4) - 4.0 * (1.0 - 0.9_f64.powi(4))).abs() < 0.2, "{}", far(4));
        let again = path.latents(&space, 5, sampling, 7, 3).unwrap();
        assert_eq!(again, pieces[3]);
        let shorter = path.latents(&space, 2, sampling, 7, 3).unwrap();
        assert_eq!(shorter, pieces[3][..6]);
    }

    #[test]
    fn a_path_begins_in_one_style_and_ends_in_the_other() {
        let [a, b] = pair();
        let (path, space) =
            (LatentPath::transport(&[a.clone(), b.clone()]).unwrap(), space([0, 1]));
        let pieces: Vec<Vec<f32>> = (0..3000)
            .map(|i| path.latents(&space, 3, LatentSampling::default(), 1, i).unwrap())
            .collect();
        let half = Gaussian::barycenter(&[(0.5, &a), (0.5, &b)]).unwrap();
        for (window, style) in [(0, &a), (1, &half), (2, &b)] {
            for d in 0..2 {
                let (mean, variance) = moments(&pieces, window, d);
                let (m, v) = (style.mean()[d], style.covariance()[d * 2 + d]);
                assert!(
                    (mean - m).abs() < 5.0 * (v / 3000.0).sqrt(),
                    "{window} {d}: {mean}, not {m}"
                );
                assert!((variance / v - 1.0).abs() < 0.14, "{window} {d}: {variance}, not {v}");
            }
        }
    }

    #[test]
    fn the_distribution_along_a_path_is_the_barycenter() {
        let [a, b] = pair();
        let path = LatentPath::transport(&[a.clone(), b.clone()]).unwrap();
        for along in [0.0, 0.3, 1.0] {
            let there = path.distribution(along).unwrap().component(0).unwrap();
            let expected = Gaussian::barycenter(&[(1.0 - along, &a), (along, &b)]).unwrap();
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
            assert!(close(there.mean(), expected.mean()), "{along}");
            assert!(close(there.covariance(), expected.covariance()), "{along}");
        }
        let two = mixture(&[(0.25, &a), (0.75, &b)]);
        let style = LatentPath::stationary(&two).unwrap().distribution(0.5).unwrap();
        assert!((style.weights()[0] - 0.25).abs() < 1e-12 && style.mean(1) == two.mean(1));
    }

    #[test]
    fn truncation_and_temperature_bound_the_distance_from_the_mean() {
        let [a, b] = pair();
        let sampling = LatentSampling { temperature: 1.5, truncate: Some(0.7), smoothness: 0.5 };
        let path = LatentPath::stationary(&mixture(&[(0.5, &a), (0.5, &b)])).unwrap();
        let space = space([0, 1]);
        let mut n_of_first = 0;
        for i in 0..500 {
            let z = path.latents(&space, 4, sampling, 3, i).unwrap();
            let distance = |g: &Gaussian| {
                let windows = z
                    .as_chunks::<3>()
                    .0
                    .iter()
                    .map(|z| g.mahalanobis_squared(&[f64::from(z[0]), f64::from(z[1])]).sqrt());
                windows.fold(0.0, f64::max)
            };
            assert!(distance(&a).min(distance(&b)) < 0.7 + 1e-5, "all windows in one component");
            n_of_first += usize::from(distance(&a) < distance(&b));
        }
        // Half of 500, within five standard deviations.
        assert!((194..=306).contains(&n_of_first), "{n_of_first}");
        let middle = LatentSampling { temperature: 0.0, ..sampling };
        let z = LatentPath::transport(&[a]).unwrap().latents(&space, 1, middle, 3, 0).unwrap();
        assert_eq!(z, [1.0, -1.0, 0.0]);
    }

    #[test]
    fn a_blend_lies_between_and_of_one_style_is_that_style() {
        let [a, b] = pair();
        let (first, second) = (mixture(&[(1.0, &a)]), mixture(&[(1.0, &b)]));
        let blended = blend(&[(3.0, &first), (1.0, &second)]).unwrap();
        assert!((blended.mean()[0] - 3.0).abs() < 1e-12);
        let one = blend(&[(1.0, &first), (0.0, &second)]).unwrap();
        assert!((one.covariance()[0] - 2.0).abs() < 1e-12);
        assert!(blend(&[(0.0, &first)]).is_err());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let bad = |change: fn(&mut LatentSampling)| {
            let mut sampling = LatentSampling::default();
            change(&mut sampling);
            sampling.check().unwrap_err().to_string()
        };
        assert!(bad(|s| s.temperature = -1.0).starts_with("the latent temperature is -1; 0 to 4"));
        assert!(bad(|s| s.truncate = Some(0.0)).contains("truncation radius is 0"));
        assert!(bad(|s| s.smoothness = f64::NAN).contains("smoothness is NaN"));
    }
}
