//! Drawing points from a mixture or from one of its components.

use crate::{Covariances, linalg};
use crate::{GaussianMixture, ModelError};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use statrs::function::gamma::gamma_lr;

/// Points drawn from a mixture, with the component of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Draws {
    /// The points, row-major `[n, D]`.
    pub points: Vec<f64>,
    /// The component of each point, `[n]`.
    pub components: Vec<usize>,
}

impl GaussianMixture {
    /// Draws `n` points: a component by weight, then a point from that component.
    ///
    /// # Examples
    /// ```
    /// use gmm::{Covariances, GaussianMixture};
    /// use rand::SeedableRng;
    /// let mixture =
    ///     GaussianMixture::from_parameters(vec![1.0], vec![3.0], Covariances::Diag(vec![1.0]))?;
    /// let draws = mixture.sample(5, &mut rand_chacha::ChaCha8Rng::seed_from_u64(7));
    /// assert_eq!(draws.points.len(), 5);
    /// # Ok::<(), gmm::ModelError>(())
    /// ```
    pub fn sample<R: Rng + ?Sized>(&self, n: usize, rng: &mut R) -> Draws {
        let d = self.n_features();
        let mut points = Vec::with_capacity(n * d);
        let mut components = Vec::with_capacity(n);
        let mut roots = vec![None; self.n_components()];
        for _ in 0..n {
            let component = self.draw_component(rng);
            let root = roots[component].get_or_insert_with(|| self.root(component));
            self.push_point(component, root, rng, &mut points);
            components.push(component);
        }
        Draws { points, components }
    }

    /// Draws `n` points from one component, row-major `[n, D]`.
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchComponent`] if there is no such component.
    pub fn sample_component<R: Rng + ?Sized>(
        &self,
        component: usize,
        n: usize,
        rng: &mut R,
    ) -> Result<Vec<f64>, ModelError> {
        self.expect_component(component)?;
        let root = self.root(component);
        let mut points = Vec::with_capacity(n * self.n_features());
        for _ in 0..n {
            self.push_point(component, &root, rng, &mut points);
        }
        Ok(points)
    }

    /// Draws `n` points from one component, truncated to a Mahalanobis radius around its mean;
    /// row-major `[n, D]`.
    ///
    /// The direction is that of a normal draw; the radius follows the chi distribution with `D`
    /// degrees of freedom truncated at `radius`, by inversion, so no draw is rejected however small
    /// the radius.
    ///
    /// # Units
    /// `radius` is in standard deviations. In `D` dimensions, untruncated draws are near `√D`.
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchComponent`] if there is no such component, and
    /// [`ModelError::BadValue`] if the radius is not positive.
    pub fn sample_component_within<R: Rng + ?Sized>(
        &self,
        component: usize,
        radius: f64,
        n: usize,
        rng: &mut R,
    ) -> Result<Vec<f64>, ModelError> {
        self.expect_component(component)?;
        if radius.is_nan() || radius <= 0.0 {
            return Err(ModelError::BadValue { what: "radius", index: 0, value: radius });
        }
        let root = self.root(component);
        let mut points = Vec::with_capacity(n * self.n_features());
        for _ in 0..n {
            let mut noise: Vec<f64> =
                (0..self.n_features()).map(|_| StandardNormal.sample(rng)).collect();
            let length = noise.iter().map(|e| e * e).sum::<f64>().sqrt();
            let wanted = truncated_chi(rng.random(), self.n_features(), radius);
            // A normal draw of length zero has probability zero; it is then the mean itself.
            let scale = if length > 0.0 { wanted / length } else { 0.0 };
            for e in &mut noise {
                *e *= scale;
            }
            self.push_moved(component, &root, &noise, &mut points);
        }
        Ok(points)
    }

    /// Index of a component, drawn by weight.
    fn draw_component<R: Rng + ?Sized>(&self, rng: &mut R) -> usize {
        let mut left: f64 = rng.random();
        for (component, weight) in self.weights().iter().enumerate() {
            if left < *weight {
                return component;
            }
            left -= weight;
        }
        // Rounding may leave a remainder, which belongs to the last component with positive weight.
        self.weights().iter().rposition(|w| *w > 0.0).unwrap_or(0)
    }

    /// A square root of the component's covariance.
    fn root(&self, component: usize) -> Root {
        let d = self.n_features();
        match self.covariances() {
            Covariances::Full(_) | Covariances::Tied(_) | Covariances::LowRank { .. } => {
                Root::Lower(
                    linalg::cholesky(&self.covariance(component), d)
                        .expect("a mixture's covariances have been factorized before"),
                )
            }
            Covariances::Diag(variances) => Root::Diagonal(
                variances[component * d..(component + 1) * d].iter().map(|v| v.sqrt()).collect(),
            ),
            Covariances::Spherical(variances) => {
                Root::Diagonal(vec![variances[component].sqrt(); d])
            }
        }
    }

    /// Appends `μ + root · ε` with `ε ~ N(0, I)`.
    fn push_point<R: Rng + ?Sized>(
        &self,
        component: usize,
        root: &Root,
        rng: &mut R,
        points: &mut Vec<f64>,
    ) {
        let noise: Vec<f64> = (0..self.n_features()).map(|_| StandardNormal.sample(rng)).collect();
        self.push_moved(component, root, &noise, points);
    }

    /// Appends `μ + root · noise`.
    fn push_moved(&self, component: usize, root: &Root, noise: &[f64], points: &mut Vec<f64>) {
        let mean = self.mean(component);
        match root {
            Root::Lower(lower) => {
                for (i, (m, row)) in mean.iter().zip(lower.chunks(mean.len())).enumerate() {
                    let spread: f64 = row[..=i].iter().zip(noise).map(|(l, e)| l * e).sum();
                    points.push(m + spread);
                }
            }
            Root::Diagonal(scale) => {
                points.extend(mean.iter().zip(scale).zip(noise).map(|((m, s), e)| m + s * e));
            }
        }
    }
}

/// A matrix `R` with `R Rᵀ = Σ`.
#[derive(Clone, Debug)]
enum Root {
    /// Lower triangular, `[D, D]`.
    Lower(Vec<f64>),
    /// Diagonal, `[D]`.
    Diagonal(Vec<f64>),
}

/// The `share` quantile of the chi distribution with `d` degrees of freedom, truncated at `radius`.
fn truncated_chi(share: f64, d: usize, radius: f64) -> f64 {
    let half = 0.5 * d as f64;
    // Beyond √d + 40 truncation has no effect.
    let radius = radius.min((d as f64).sqrt() + 40.0);
    let cdf = |r: f64| if r > 0.0 { gamma_lr(half, 0.5 * r * r) } else { 0.0 };
    // Squares below this underflow, which the cumulative distribution can't handle.
    let target = if radius < 1e-100 { 0.0 } else { share * cdf(radius) };
    if target < f64::MIN_POSITIVE {
        // So close to the center that the density is flat, and only the volume, which grows with
        // the d-th power, matters.
        return radius * share.powf(1.0 / d as f64);
    }
    let (mut low, mut high) = (0.0, radius);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if cdf(middle) < target { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}
