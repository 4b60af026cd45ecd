//! Multinomial logistic regression: the judge, which needs no latents, and the ceiling for latents.

use gmm::points::dot;

/// Maximum number of steps, number of stored steps, and gradient at which the search ends.
const MAX_STEPS: usize = 300;
const MEMORY: usize = 8;
const TOLERANCE: f64 = 1e-6;

/// A fitted classifier of standardized features.
///
/// Minimizes `Σ_i -log p(y_i | x_i) + ½ |W|² / C` over weights `W` and unpenalized intercepts, like
/// scikit-learn's `LogisticRegression(C=C)`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticRegression {
    n_features: usize,
    n_classes: usize,
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// `[classes, features + 1]`, with the intercept last.
    weights: Vec<f64>,
}

impl LogisticRegression {
    /// Fits classes `0..n_classes` to rows `[n, n_features]`, after standardizing each feature to
    /// mean 0 and standard deviation 1.
    ///
    /// # Panics
    /// If there are no rows, or if the numbers of rows and labels differ.
    pub fn fit(
        rows: &[f64],
        n_features: usize,
        labels: &[usize],
        n_classes: usize,
        c: f64,
    ) -> Self {
        let (mean, scale) = moments(rows, n_features, labels.len());
        Self::fit_scaled(rows, n_features, labels, n_classes, c, mean, scale)
    }

    /// Like [`LogisticRegression::fit`], without standardizing.
    pub fn fit_unscaled(
        rows: &[f64],
        n_features: usize,
        labels: &[usize],
        n_classes: usize,
        c: f64,
    ) -> Self {
        let (mean, scale) = (vec![0.0; n_features], vec![1.0; n_features]);
        Self::fit_scaled(rows, n_features, labels, n_classes, c, mean, scale)
    }

    fn fit_scaled(
        rows: &[f64],
        n_features: usize,
        labels: &[usize],
        n_classes: usize,
        c: f64,
        mean: Vec<f64>,
        scale: Vec<f64>,
    ) -> Self {
        assert!(!labels.is_empty(), "a classifier needs rows");
        assert_eq!(rows.len(), labels.len() * n_features, "a label for each row");
        let weights = vec![0.0; n_classes * (n_features + 1)];
        let mut fitted = Self { n_features, n_classes, mean, scale, weights };
        let rows: Vec<f64> =
            rows.chunks_exact(n_features.max(1)).flat_map(|row| fitted.scaled(row)).collect();
        let objective = |weights: &[f64]| loss(weights, &rows, n_features, labels, n_classes, c);
        fitted.weights = minimize(fitted.weights, objective);
        fitted
    }

    fn scaled(&self, row: &[f64]) -> Vec<f64> {
        row.iter().zip(&self.mean).zip(&self.scale).map(|((v, m), s)| (v - m) / s).collect()
    }

    /// Probability of each class for one row.
    pub fn predict_proba(&self, row: &[f64]) -> Vec<f64> {
        let mut scores = scores(&self.weights, &self.scaled(row), self.n_features);
        softmax(&mut scores);
        scores
    }

    /// The most probable class of one row; the first of equal ones.
    pub fn predict(&self, row: &[f64]) -> usize {
        let scores = scores(&self.weights, &self.scaled(row), self.n_features);
        let best = (0..self.n_classes).rev().max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        best.unwrap_or(0)
    }

    /// The most probable class of each row of `[n, n_features]`.
    pub fn predict_all(&self, rows: &[f64]) -> Vec<usize> {
        rows.chunks_exact(self.n_features.max(1)).map(|row| self.predict(row)).collect()
    }
}

fn moments(rows: &[f64], n_features: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
    let column = |j: usize| rows[j..].iter().step_by(n_features.max(1));
    let mean: Vec<f64> = (0..n_features).map(|j| column(j).sum::<f64>() / n as f64).collect();
    let scale = (0..n_features).map(|j| {
        let squares: f64 = column(j).map(|v| (v - mean[j]).powi(2)).sum();
        let deviation = (squares / n as f64).sqrt();
        if deviation > 1e-12 { deviation } else { 1.0 }
    });
    let scale = scale.collect();
    (mean, scale)
}

fn scores(weights: &[f64], row: &[f64], n_features: usize) -> Vec<f64> {
    weights
        .chunks_exact(n_features + 1)
        .map(|w| w[n_features] + w.iter().zip(row).map(|(w, x)| w * x).sum::<f64>())
        .collect()
}

fn softmax(scores: &mut [f64]) {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter_mut().for_each(|s| *s = (*s - max).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|s| *s /= sum);
}

/// The objective, divided by the number of rows, and its gradient.
fn loss(
    weights: &[f64],
    rows: &[f64],
    n_features: usize,
    labels: &[usize],
    n_classes: usize,
    c: f64,
) -> (f64, Vec<f64>) {
    let each = 1.0 / labels.len() as f64;
    let stride = n_features + 1;
    let (mut value, mut gradient) = (0.0, vec![0.0; weights.len()]);
    for (row, label) in rows.chunks_exact(n_features.max(1)).zip(labels) {
        let mut p = scores(weights, row, n_features);
        softmax(&mut p);
        value -= each * p[*label].max(1e-300).ln();
        p[*label] -= 1.0;
        for (class, p) in p.iter().enumerate().take(n_classes) {
            let gradient = &mut gradient[class * stride..][..stride];
            let p = each * p;
            gradient.iter_mut().zip(row).for_each(|(g, x)| *g += p * x);
            gradient[n_features] += p;
        }
    }
    for (at, (weight, gradient)) in weights.iter().zip(&mut gradient).enumerate() {
        if at % stride != n_features {
            value += 0.5 * each / c * weight * weight;
            *gradient += each / c * weight;
        }
    }
    (value, gradient)
}

/// The minimum of a convex function by L-BFGS (Nocedal and Wright 2006, algorithm 7.4), with each
/// step halved until it decreases the function sufficiently (Armijo).
fn minimize(mut x: Vec<f64>, function: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut value, mut gradient) = function(&x);
    let mut pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
    for _ in 0..MAX_STEPS {
        if gradient.iter().all(|g| g.abs() < TOLERANCE) {
            break;
        }
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut shares = Vec::new();
        for (s, y, rho) in pairs.iter().rev() {
            let share = rho * dot(s, &direction);
            direction.iter_mut().zip(y).for_each(|(d, y)| *d -= share * y);
            shares.push(share);
        }
        if let Some((s, y, _)) = pairs.last() {
            let scale = dot(s, y) / dot(y, y);
            direction.iter_mut().for_each(|d| *d *= scale);
        }
        for ((s, y, rho), share) in pairs.iter().zip(shares.into_iter().rev()) {
            let back = share - rho * dot(y, &direction);
            direction.iter_mut().zip(s).for_each(|(d, s)| *d += back * s);
        }
        let slope = dot(&direction, &gradient);
        let mut length = 1.0;
        let step = loop {
            let next: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + length * d).collect();
            let found = function(&next);
            if found.0 <= value + 1e-4 * length * slope {
                break Some((next, found));
            }
            length *= 0.5;
            if length < 1e-12 {
                break None;
            }
        };
        let Some((next, (next_value, next_gradient))) = step else { break };
        let s: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&s, &y);
        if curvature > 1e-18 {
            if pairs.len() == MEMORY {
                pairs.remove(0);
            }
            pairs.push((s, y, 1.0 / curvature));
        }
        (x, value, gradient) = (next, next_value, next_gradient);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.RandomState(0).randn(30, 3)` to three digits.
    #[rustfmt::skip]
    const X: [f64; 90] = [
        1.764, 0.4, 0.979, 2.241, 1.868, -0.977, 0.95, -0.151, -0.103, 0.411, 0.144, 1.454, 0.761, 0.122, 0.444,
        0.334, 1.494, -0.205, 0.313, -0.854, -2.553, 0.654, 0.864, -0.742, 2.27, -1.454, 0.046, -0.187, 1.533, 1.469,
        0.155, 0.378, -0.888, -1.981, -0.348, 0.156, 1.23, 1.202, -0.387, -0.302, -1.049, -1.42, -1.706, 1.951, -0.51,
        -0.438, -1.253, 0.777, -1.614, -0.213, -0.895, 0.387, -0.511, -1.181, -0.028, 0.428, 0.067, 0.302, -0.634,
        -0.363, -0.672, -0.36, -0.813, -1.726, 0.177, -0.402, -1.63, 0.463, -0.907, 0.052, 0.729, 0.129, 1.139, -1.235,
        0.402, -0.685, -0.871, -0.579, -0.312, 0.056, -1.165, 0.901, 0.466, -1.536, 1.488, 1.896, 1.179, -0.18, -1.071,
        1.054,
    ];
    const Y: [usize; 30] =
        [0, 1, 0, 0, 0, 1, 1, 2, 0, 2, 1, 2, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 2, 0, 0, 1, 1, 2, 0];

    #[test]
    fn weights_are_scikit_learns() {
        // LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(X, Y), scikit-learn 1.9.1
        let fitted = LogisticRegression::fit_unscaled(&X, 3, &Y, 3, 1.0);
        let expected = [
            [0.618_792, -1.258_253, 0.948_802, 0.537_235],
            [-0.339_832, 0.634_448, -1.586_457, -0.155_110],
            [-0.278_960, 0.623_805, 0.637_655, -0.382_125],
        ];
        for (found, expected) in fitted.weights.iter().zip(expected.concat()) {
            assert!((found - expected).abs() < 2e-5, "{found} is not {expected}");
        }
        let p = fitted.predict_proba(&[0.5, -0.2, 1.0]);
        for (found, expected) in p.iter().zip([0.873_510, 0.014_688, 0.111_802]) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
        assert_eq!(fitted.predict(&[0.5, -0.2, 1.0]), 0);
    }

    #[test]
    fn scaling_makes_units_not_matter_and_constant_features_harmless() {
        let plain = LogisticRegression::fit(&X, 3, &Y, 3, 1.0);
        let other: Vec<f64> = X
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|x| [1000.0 * x[0] + 7.0, x[1], 0.01 * x[2], 5.0])
            .collect();
        let scaled = LogisticRegression::fit(&other, 4, &Y, 3, 1.0);
        let (a, b) = (plain.predict_all(&X), scaled.predict_all(&other));
        assert_eq!(a, b);
        let right = a.iter().zip(&Y).filter(|(a, b)| a == b).count();
        assert!(right >= 22, "{right} of 30");
    }
}
