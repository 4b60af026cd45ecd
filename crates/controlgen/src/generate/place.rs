//! Music for a place on a plane through latent space, for example under the pointer on a map of
//! styles.
//!
//! A plane contains a few percent of the variance of windows, so a point on it, with the overall
//! mean in the other dimensions, does not decode to music. The rest comes from the styles. Of each
//! style one window is drawn and chosen (see [`Placement::residual`]). With the axes `A` of the
//! plane and the style `N(m, Σ)`, `G = Σ Aᵀ (A Σ Aᵀ)⁻¹` carries it to any other place: a draw `a`
//! of the style, given that it lies at `p`, is
//!
//! `m + G (p - A m) + r`, with `r = (a - m) - G A (a - m)`
//!
//! (Matheron's rule). Between styles, the first part is their mean by responsibility,
//! `Σ w (m + G (p - A m))`, and the residuals `r`, which are independent, are added so that their
//! variance stays: `Σ w r / √(Σ w²)`. All of it is continuous in `p`, and lies at `p`.

use gmm::points::dot;
use gmm::{Gaussian, GaussianMixture, ModelError};
use musicvae::seed;

use super::{Controls, Decoding, LatentBatch};
use crate::encode::encode_windows;
use crate::latent::argmax;
use crate::model::Model;
use crate::style::{Style, Styles};

/// Number of windows drawn from a style, and of those that are tried at the center of its ellipse
/// and next to it.
const N_DRAWN: usize = 16;
const N_TRIED: usize = 6;
/// Distance of the tried places from the center, in standard deviations of the style.
const NEARBY: f64 = 0.35;
/// The temperature that windows are tried with: low enough to follow the latent.
const TRIED_AT: f32 = 0.5;
/// The weight, next to a probability, of the change of the music from place to place, relative to
/// that between two windows of the style.
const ROUGHNESS: f64 = 0.5;
/// Minimum responsibility of a style at the center of its ellipse.
const MIN_OWN: f64 = 0.95;
/// Range of the sharpness of responsibilities; 1 would be that of the Gaussians.
const SHARPNESS: [f64; 2] = [8.0, 8192.0];
/// Responsibilities up to this value count as 0.
const NEGLIGIBLE: f64 = 1e-3;
/// Distance within which a held window is heard, in standard deviations of a typical style.
const HELD_REACH: f64 = 0.5;

/// A plane through the active dimensions of a latent space.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// The point at (0, 0), `[D]`.
    pub mean: Vec<f64>,
    /// Orthonormal axes: a step to the right and a step up, `[D]` each.
    pub axes: [Vec<f64>; 2],
}

impl Plane {
    /// The place of a point `[D]`.
    pub fn project(&self, point: &[f64]) -> [f64; 2] {
        let along = |axis: &Vec<f64>| {
            let steps = point.iter().zip(&self.mean).zip(axis);
            steps.map(|((value, mean), axis)| (value - mean) * axis).sum()
        };
        [along(&self.axes[0]), along(&self.axes[1])]
    }

    /// Moves a point `[D]` parallel to the plane.
    pub fn shift(&self, point: &mut [f64], [dx, dy]: [f64; 2]) {
        let axes = self.axes[0].iter().zip(&self.axes[1]);
        for (value, (x, y)) in point.iter_mut().zip(axes) {
            *value += dx * x + dy * y;
        }
    }
}

/// A style on the plane.
#[derive(Clone, Debug)]
struct Placed {
    /// `m`, `[D]`.
    mean: Vec<f64>,
    /// `A m`.
    center: [f64; 2],
    /// `(A Σ Aᵀ)⁻¹`, as `[xx, xy, yy]`.
    precision: [f64; 3],
    /// The standard deviation of a typical direction, `det(A Σ Aᵀ)^¼`.
    deviation: f64,
    /// `G`, for a step to the right and a step up, `[D]` each.
    gain: [Vec<f64>; 2],
}

impl Placed {
    fn new(plane: &Plane, gaussian: &Gaussian) -> Result<Self, ModelError> {
        let d = gaussian.mean().len();
        let spread = |axis: &[f64]| -> Vec<f64> {
            let rows = gaussian.covariance().chunks_exact(d.max(1));
            rows.map(|row| dot(row, axis)).collect()
        };
        let [x, y] = [spread(&plane.axes[0]), spread(&plane.axes[1])];
        let [xx, xy, yy] =
            [dot(&plane.axes[0], &x), dot(&plane.axes[0], &y), dot(&plane.axes[1], &y)];
        let determinant = xx * yy - xy * xy;
        if determinant <= 0.0 || !determinant.is_finite() {
            return Err(ModelError::SingularCovariance);
        }
        let precision = [yy / determinant, -xy / determinant, xx / determinant];
        let [a, b, c] = precision;
        let gain = |right: f64, up: f64| -> Vec<f64> {
            x.iter().zip(&y).map(|(x, y)| right * x + up * y).collect()
        };
        Ok(Self {
            center: plane.project(gaussian.mean()),
            precision,
            deviation: determinant.sqrt().sqrt(),
            gain: [gain(a, b), gain(b, c)],
            mean: gaussian.mean().to_vec(),
        })
    }

    /// Squared Mahalanobis distance on the plane: 1 on the ellipse of one standard deviation.
    fn distance_squared(&self, [x, y]: [f64; 2]) -> f64 {
        let [dx, dy] = [x - self.center[0], y - self.center[1]];
        let [a, b, c] = self.precision;
        a * dx * dx + 2.0 * b * dx * dy + c * dy * dy
    }

    /// Adds `weight` times the mean of the style at a place.
    fn add_mean(&self, [x, y]: [f64; 2], weight: f64, sum: &mut [f64]) {
        let [dx, dy] = [x - self.center[0], y - self.center[1]];
        let gains = self.gain[0].iter().zip(&self.gain[1]);
        for (sum, (mean, (right, up))) in sum.iter_mut().zip(self.mean.iter().zip(gains)) {
            *sum += weight * (mean + dx * right + dy * up);
        }
    }

    /// The difference of a point from the mean of the style at its place.
    fn residual(&self, plane: &Plane, point: &[f64]) -> Vec<f64> {
        let mut residual = point.to_vec();
        self.add_mean(plane.project(point), -1.0, &mut residual);
        residual
    }
}

/// Styles on a plane, and the latents of its places.
#[derive(Clone, Debug)]
pub struct Placement {
    plane: Plane,
    styles: Vec<Placed>,
    /// The sharpness of responsibilities around each style.
    sharpness: Vec<f64>,
}

impl Placement {
    /// Places styles, given as distributions on the active dimensions (of several components: the
    /// Gaussian with the same mean and covariance). From here on, they are known by their number.
    ///
    /// # Errors
    /// [`ModelError`] without styles, or if a style has no extent on the plane.
    pub fn new(plane: Plane, styles: &[GaussianMixture]) -> Result<Self, ModelError> {
        let styles = styles.iter().map(|style| Placed::new(&plane, &style.moments()?));
        let styles: Vec<Placed> = styles.collect::<Result<_, _>>()?;
        if styles.is_empty() {
            return Err(ModelError::NoComponents);
        }
        let sharpness = vec![SHARPNESS[0]; styles.len()];
        let mut placement = Self { plane, styles, sharpness };
        loop {
            let is_weak = |at: &usize| {
                let center = placement.styles[*at].center;
                placement.sharpness[*at] < SHARPNESS[1]
                    && placement.responsibilities(center)[*at] < MIN_OWN
            };
            let weak: Vec<usize> = (0..placement.styles.len()).filter(is_weak).collect();
            if weak.is_empty() {
                return Ok(placement);
            }
            weak.into_iter().for_each(|at| placement.sharpness[at] *= 1.25);
        }
    }

    /// The weight of each style at a place, which depends on how deep the place is inside its
    /// ellipse compared with the others: `exp(-β d² / 2)` with the Mahalanobis distance `d` on the
    /// plane, normalized. `β` is chosen for each style, and mixed around them, so that each has at
    /// least 95 % at the center of its ellipse: transitions are sharp only where ellipses nearly
    /// coincide.
    pub fn responsibilities(&self, place: [f64; 2]) -> Vec<f64> {
        let distances: Vec<f64> = self.styles.iter().map(|s| s.distance_squared(place)).collect();
        let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
        let sharp_by = |sharpness: f64| -> Vec<f64> {
            distances.iter().map(|d| (-0.5 * sharpness * (d - least)).exp()).collect()
        };
        let around = sharp_by(SHARPNESS[0]);
        let sharpness = around.iter().zip(&self.sharpness).map(|(w, sharpness)| w * sharpness);
        let weights = sharp_by(sharpness.sum::<f64>() / around.iter().sum::<f64>());
        let normalized = |weights: &[f64]| -> Vec<f64> {
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|w| w / sum).collect()
        };
        // The largest of n is 1 / n at least, far above what is negligible.
        let heard: Vec<f64> =
            normalized(&weights).iter().map(|w| (w - NEGLIGIBLE).max(0.0)).collect();
        normalized(&heard)
    }

    /// Number of the style with the largest responsibility at a place.
    pub fn deepest(&self, place: [f64; 2]) -> Option<usize> {
        argmax(&self.responsibilities(place))
    }

    /// The difference between the window chosen from style `at` and the mean of the style at the
    /// window's place, `[D]`.
    ///
    /// Several windows are drawn, decoded and encoded again. Those that turned out most as the
    /// style are moved to the center of its ellipse and to places next to it, decoded there as they
    /// will be heard, and encoded once more. The one is chosen that is most of the style at all of
    /// them and changes least from one to the other. Its latent is that of the encoded music, which
    /// a model reproduces more faithfully than an arbitrary point. The result depends on the style
    /// and the seed alone.
    ///
    /// # Errors
    /// [`ModelError`] if rounding leaves no covariance.
    pub fn residual(
        &self,
        model: &Model,
        styles: &Styles,
        controls: &Controls,
        (at, style): (usize, &Style),
        seed: u64,
    ) -> Result<Vec<f64>, ModelError> {
        // Not kept: with hundreds of dimensions, covariances take megabytes.
        let distribution = styles.distribution(style);
        let gaussian = distribution.moments()?;
        let placed = &self.styles[at];
        let space = model.latent_space();
        let again = |points: &[Vec<f64>], temperature: Option<f32>| -> Vec<f32> {
            let z: Vec<f32> = points.iter().flat_map(|point| space.latent(point)).collect();
            let decoding = Decoding { temperature, seed };
            encode_windows(model, &decoding.decode_each(model, controls, &z))
        };
        let mut rng = seed::stream(seed, "place", styles.number(style));
        let drawn = distribution.sample(N_DRAWN, &mut rng).points;
        let drawn: Vec<Vec<f64>> =
            drawn.chunks_exact(space.n_active().max(1)).map(<[f64]>::to_vec).collect();
        let music = again(&drawn, None);
        let shares = styles.membership(model, &music, style);
        let mut found: Vec<(f64, Vec<f64>)> = space
            .rows(&music)
            .map(|z| placed.residual(&self.plane, &space.project(z)))
            .zip(shares)
            .map(|(residual, share)| (share, residual))
            .collect();
        // Stable, so that of equals the first stays.
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(N_TRIED);
        let [x, y] = placed.center;
        let step = NEARBY * placed.deviation;
        let places = [[x, y], [x + step, y], [x, y + step]];
        let carried = |(_, residual): &(f64, Vec<f64>)| {
            places.map(|place| {
                let mut point = residual.clone();
                placed.add_mean(place, 1.0, &mut point);
                point
            })
        };
        let tried: Vec<Vec<f64>> = found.iter().flat_map(carried).collect();
        let heard = again(&tried, Some(TRIED_AT));
        let shares = styles.membership(model, &heard, style);
        let d = gaussian.mean().len();
        let variance: f64 = gaussian.covariance().iter().step_by(d + 1).sum();
        let usual = (2.0 * variance).sqrt().max(f64::MIN_POSITIVE);
        let points: Vec<Vec<f64>> = space.rows(&heard).map(|z| space.project(z)).collect();
        let distance = |a: &[f64], b: &[f64]| -> f64 {
            a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt() / usual
        };
        let tries = shares.chunks_exact(places.len()).zip(points.chunks_exact(places.len()));
        let scores: Vec<f64> = found
            .iter()
            .zip(tries)
            .map(|((drawn, _), (shares, points))| {
                let moved = f64::midpoint(
                    distance(&points[0], &points[1]),
                    distance(&points[0], &points[2]),
                );
                // The center counts as much as both places next to it.
                let own = f64::midpoint(shares[0], f64::midpoint(shares[1], shares[2]));
                drawn + 2.0 * own - ROUGHNESS * moved
            })
            .collect();
        let best = argmax(&scores).unwrap_or(0);
        Ok(found.into_iter().nth(best).map(|(_, residual)| residual).unwrap_or_default())
    }

    /// The point `[D]` at a place; `residual` returns the residual of a style by its number (see
    /// [`Placement::residual`]) and is called for the styles that have a weight at the place.
    ///
    /// Near a point that is `held`, for example of real music, the styles fade out; at its place,
    /// the result is that point itself.
    pub fn point<R: AsRef<[f64]>>(
        &self,
        place: [f64; 2],
        held: Option<&[f64]>,
        mut residual: impl FnMut(usize) -> R,
    ) -> Vec<f64> {
        let weights = self.responsibilities(place);
        let d = self.plane.mean.len();
        let (mut mean, mut apart, mut squares) = (vec![0.0; d], vec![0.0; d], 0.0);
        let share = held.map_or(0.0, |held| self.share_of_held(place, held));
        for (at, (style, weight)) in self.styles.iter().zip(weights).enumerate() {
            if weight == 0.0 {
                continue;
            }
            style.add_mean(place, weight, &mut mean);
            if share < 1.0 {
                let residual = residual(at);
                apart.iter_mut().zip(residual.as_ref()).for_each(|(sum, r)| *sum += weight * r);
                squares += weight * weight;
            }
        }
        apart.iter_mut().for_each(|value| *value /= squares.sqrt().max(f64::MIN_POSITIVE));
        if let Some(held) = held.filter(|_| share > 0.0) {
            let [x, y] = self.plane.project(held);
            let mut own = held.to_vec();
            self.plane.shift(&mut own, [place[0] - x, place[1] - y]);
            let scale = share.hypot(1.0 - share);
            for ((apart, own), mean) in apart.iter_mut().zip(own).zip(&mean) {
                *apart = (share * (own - mean) + (1.0 - share) * *apart) / scale;
            }
        }
        mean.iter().zip(apart).map(|(mean, apart)| mean + apart).collect()
    }

    /// The weight of a held point at a place: 1 where it lies.
    fn share_of_held(&self, [x, y]: [f64; 2], held: &[f64]) -> f64 {
        let [own_x, own_y] = self.plane.project(held);
        let mean = self.styles.iter().map(|style| style.deviation.ln()).sum::<f64>();
        let reach = HELD_REACH * (mean / self.styles.len() as f64).exp();
        let share = (-0.5 * ((x - own_x).hypot(y - own_y) / reach).powi(2)).exp();
        // Exactly itself at its own place, despite rounding.
        if share > 1.0 - 1e-9 { 1.0 } else { share }
    }
}

impl Decoding {
    /// Decodes latents `[n, Z]`, each as if it were alone: unlike with [`Decoding::decode`], the
    /// same latent becomes the same music whatever its number, in the likeliest meter.
    pub fn decode_each(self, model: &Model, controls: &Controls, z: &[f32]) -> Vec<Vec<u16>> {
        LatentBatch::each(model, self, controls, z.to_vec()).decode(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm::Covariances;

    fn style(mean: [f64; 3], covariance: [f64; 9]) -> GaussianMixture {
        let covariance = Covariances::Full(covariance.to_vec());
        GaussianMixture::from_parameters(vec![1.0], mean.to_vec(), covariance).unwrap()
    }

    /// Two styles apart on the plane of the first two dimensions; of the first, the third dimension
    /// follows the first.
    fn placement() -> Placement {
        let plane =
            Plane { mean: vec![1.0, 0.0, 0.0], axes: [vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]] };
        let first = style([0.0; 3], [4.0, 0.0, 2.0, 0.0, 1.0, 0.0, 2.0, 0.0, 2.0]);
        let second = style([11.0, 0.0, 5.0], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        Placement::new(plane, &[first, second]).unwrap()
    }

    fn near(found: &[f64], expected: &[f64]) {
        let fits = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(fits && found.len() == expected.len(), "{found:?}, not {expected:?}");
    }

    #[test]
    fn a_style_is_carried_along_its_own_covariance() {
        let placement = placement();
        // Two to the right of the first mean, which is at (-1, 0), the third dimension is higher by
        // Σ₃₁ / Σ₁₁ = 1/2 a step: (2, 0, 1). The residual has nothing on the plane.
        let residual = [0.0, 0.0, -0.25];
        near(&placement.point([1.0, 0.0], None, |_| residual), &[2.0, 0.0, 0.75]);
        // A draw that lies there has what is left of its third dimension as its residual.
        let placed = &placement.styles[0];
        near(&placed.residual(&placement.plane, &[2.0, 5.0, 7.0]), &[0.0, 0.0, 6.0]);
    }

    #[test]
    fn responsibilities_sum_to_one_and_change_from_ellipse_to_ellipse() {
        let placement = placement();
        assert!(placement.responsibilities([-1.0, 0.0])[0] > 0.999);
        assert!(placement.responsibilities([10.0, 0.0])[1] > 0.999);
        assert_eq!(
            (placement.deepest([0.0, 0.0]), placement.deepest([9.0, 0.0])),
            (Some(0), Some(1))
        );
        // Twice as wide: equally deep is two thirds of the path, 22/3 of 11 steps from the first.
        let half = placement.responsibilities([22.0 / 3.0 - 1.0, 0.0]);
        near(&half, &[0.5, 0.5]);
        // Residuals that are independent keep their variance: (r₀ + r₁) / √2.
        let point = placement.point([22.0 / 3.0 - 1.0, 0.0], None, |at| [0.0, 0.0, at as f64]);
        let without = placement.point([22.0 / 3.0 - 1.0, 0.0], None, |_| [0.0; 3]);
        near(&[point[2] - without[2]], &[0.5_f64.sqrt()]);
    }

    #[test]
    fn places_next_to_each_other_have_points_next_to_each_other() {
        let placement = placement();
        let at = |i: i32| {
            let place = [f64::from(i) * 0.01 - 2.0, 0.3];
            placement.point(place, Some(&[3.0, 0.0, 9.0]), |at| [0.0, 0.0, 2.0 * at as f64 - 1.0])
        };
        for i in 0..1400 {
            let [a, b] = [at(i), at(i + 1)];
            let moved = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(moved < 0.5, "{moved} in a hundredth of a step at {i}");
            near(&placement.plane.project(&a), &[f64::from(i) * 0.01 - 2.0, 0.3]);
        }
    }

    #[test]
    fn a_held_point_is_itself_where_it_lies_and_gone_far_away() {
        let placement = placement();
        let held = [3.0, 1.0, 9.0];
        let residual = |_: usize| [0.0, 0.0, 0.5];
        near(&placement.point([2.0, 1.0], Some(&held), residual), &held);
        let far = [10.0, 0.0];
        near(&placement.point(far, Some(&held), residual), &placement.point(far, None, residual));
    }
}
