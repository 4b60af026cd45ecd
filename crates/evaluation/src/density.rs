//! Kernel densities in one dimension, and their overlap.

use super::statistics::{standard_deviation, whole};

/// Number of points at which densities are compared, as in mgeval's `kl_dist`.
const GRID: usize = 1000;
/// Values are first binned on a grid that is finer by this factor, split between its two nearest
/// points.
const FINER: usize = 4;
const BINS: usize = FINER * (GRID - 1) + 1;
/// A kernel is truncated at this many standard deviations (where it is below 1e-8 of its height).
const REACH: f64 = 6.0;

/// A Gaussian kernel density with Scott's bandwidth, `n^(-1/5)` standard deviations, as in
/// `scipy.stats.gaussian_kde`'s default in one dimension.
struct Density {
    /// Width of a bin.
    width: f64,
    /// Fraction of the values in each bin.
    mass: Vec<f64>,
    bandwidth: f64,
}

impl Density {
    fn new(values: &[f64], low: f64, high: f64) -> Self {
        let width = ((high - low) / (BINS - 1) as f64).max(f64::MIN_POSITIVE);
        let mut mass = vec![0.0; BINS];
        let each = 1.0 / values.len() as f64;
        for value in values {
            let at = ((value - low) / width).clamp(0.0, (BINS - 1) as f64);
            let first = at.floor();
            mass[whole(first)] += each * (1.0 - (at - first));
            mass[(whole(first) + 1).min(BINS - 1)] += each * (at - first);
        }
        let scott = (values.len() as f64).powf(-0.2);
        let deviation = standard_deviation(values).unwrap_or(0.0);
        // If all values are equal, the standard deviation is 0; a thousandth of the range is used
        // instead.
        let bandwidth = (scott * deviation).max((high - low) * 1e-3).max(f64::MIN_POSITIVE);
        Self { width, mass, bandwidth }
    }

    /// The density at each point of the grid.
    fn on_grid(&self) -> Vec<f64> {
        let scale = 1.0 / (self.bandwidth * (2.0 * std::f64::consts::PI).sqrt());
        let reach = whole((REACH * self.bandwidth / self.width).ceil().min(BINS as f64));
        let kernel: Vec<f64> = (0..=reach)
            .map(|bins| scale * (-0.5 * (bins as f64 * self.width / self.bandwidth).powi(2)).exp())
            .collect();
        (0..GRID)
            .map(|point| {
                let at = FINER * point;
                let (first, last) = (at.saturating_sub(reach), (at + reach).min(BINS - 1));
                let below = self.mass[first..at].iter().zip(kernel[1..=at - first].iter().rev());
                let above = self.mass[at..=last].iter().zip(&kernel);
                below.chain(above).map(|(mass, kernel)| mass * kernel).sum()
            })
            .collect()
    }
}

/// Comparison of the densities of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// `∫ min(f, g)` from the smallest to the largest value: 1 if they are equal, 0 if they have
    /// nothing in common (mgeval's `overlap_area`).
    pub area: f64,
    /// `Σ f log(f / g)` in nats at 1,000 points, both normalized there. Unlike mgeval's `kl_dist`,
    /// which uses separate grids for f and g, both are on the same grid.
    pub kl: f64,
}

/// Compares the kernel densities of two samples (Yang and Lerch 2020, "On the evaluation of
/// generative models in music"). `None` if one is empty; samples in which all values are the same
/// single value overlap completely.
pub fn overlap(a: &[f64], b: &[f64]) -> Option<Overlap> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let all = || a.iter().chain(b).copied();
    let (low, high) =
        (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    if !(low.is_finite() && high.is_finite()) {
        return None;
    }
    if low == high {
        return Some(Overlap { area: 1.0, kl: 0.0 });
    }
    let (f, g) = (Density::new(a, low, high), Density::new(b, low, high));
    let step = (high - low) / (GRID - 1) as f64;
    let (f, g) = (f.on_grid(), g.on_grid());
    let least: Vec<f64> = f.iter().zip(&g).map(|(f, g)| f.min(*g)).collect();
    // The trapezoid rule.
    let area = step * (least.iter().sum::<f64>() - f64::midpoint(least[0], least[GRID - 1]));
    let (sum_f, sum_g) = (f.iter().sum::<f64>(), g.iter().sum::<f64>());
    // Where g is 0, the cost would be infinite; instead, g counts as 1e-12 there.
    let kl = f.iter().zip(&g).map(|(f, g)| (f / sum_f, (g / sum_g).max(1e-12)));
    let kl = kl.filter(|(f, _)| *f > 0.0).map(|(f, g)| f * (f / g).ln()).sum();
    Some(Overlap { area: area.clamp(0.0, 1.0), kl })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlap_and_kl_are_scipys() {
        // a, b = gaussian_kde(A), gaussian_kde(B); quad(min(a, b), 0, 10) and
        // entropy(a(g), b(g)), g = linspace(0, 10, 1000); scipy 1.17.1
        let a = [0.0, 1.0, 1.0, 2.0, 3.0, 3.5, 5.0, 8.0];
        let b = [2.0, 2.5, 4.0, 4.0, 6.0, 7.0, 7.5, 9.0, 10.0];
        let found = overlap(&a, &b).unwrap();
        assert!((found.area - 0.599_249_001_176_607_7).abs() < 1e-5, "{found:?}");
        assert!((found.kl - 0.244_618_681_831_614_45).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn the_ends_are_one_and_nothing() {
        let a: Vec<f64> = (0..50).map(|i| f64::from(i) / 10.0).collect();
        let far: Vec<f64> = a.iter().map(|v| v + 100.0).collect();
        // Kernels extend beyond the values, outside the range of integration. For a uniform density
        // 1/4.9 with the bandwidth h = 50^(-1/5) · 1.46 = 0.67, each end loses h φ(0) / 4.9 =
        // 0.054.
        let same = overlap(&a, &a).unwrap();
        assert!((same.area - 0.89).abs() < 0.01 && same.kl.abs() < 1e-12, "{same:?}");
        assert!(overlap(&a, &far).unwrap().area < 1e-6);
        assert_eq!(overlap(&[2.0; 5], &[2.0; 3]), Some(Overlap { area: 1.0, kl: 0.0 }));
        assert!(overlap(&[2.0; 5], &[3.0; 3]).unwrap().area < 1e-6);
        assert_eq!(overlap(&[], &a), None);
    }
}
