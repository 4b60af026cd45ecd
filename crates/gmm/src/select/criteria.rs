//! Criteria based on responsibilities, on held-out rows, and on the shape of a curve.

use crate::model::Responsibilities;

/// `Σ_n w_n ln max_k r_nk` over rows of weight `w_n`: 0 if every row belongs entirely to one
/// component, negative otherwise.
pub(super) fn hard_log_posterior(
    responsibilities: &Responsibilities,
    weight: impl Fn(usize) -> f64,
) -> f64 {
    let rows = responsibilities.rows().enumerate();
    rows.map(|(n, row)| weight(n) * largest_two(row).0.max(f64::MIN_POSITIVE).ln()).sum()
}

/// Mean over samples of `1 - r₂ / r₁`, where `r₁` and `r₂` are the two largest responsibilities: 1
/// if every sample clearly belongs to one component, 0 if none does. A single component has no
/// silhouette and gets 0.
///
/// Every sample counts once; [`weighted_silhouette`] counts them by weight.
pub fn silhouette(responsibilities: &Responsibilities) -> f64 {
    weighted_silhouette(responsibilities, |_| 1.0)
}

/// Like [`silhouette`], with sample `n` counted `weight(n)` times; 0 if all weights are 0.
pub fn weighted_silhouette(
    responsibilities: &Responsibilities,
    weight: impl Fn(usize) -> f64,
) -> f64 {
    let rows = responsibilities.rows().enumerate();
    let (sum, total) = rows.fold((0.0, 0.0), |(sum, total), (n, row)| {
        let (first, second) = largest_two(row);
        let value = if row.len() > 1 && first > 0.0 { 1.0 - second / first } else { 0.0 };
        (sum + weight(n) * value, total + weight(n))
    });
    if total > 0.0 { sum / total } else { 0.0 }
}

fn largest_two(row: &[f64]) -> (f64, f64) {
    row.iter().fold((0.0, 0.0), |(first, second), r| {
        if *r > first { (*r, first) } else { (first, f64::max(second, *r)) }
    })
}

/// Index of the elbow of a curve, by the kneedle rule (Satopää et al. 2011, sensitivity 1); `None`
/// if there is none.
///
/// `x` must be increasing, and `y` increasing with decreasing slope (a log likelihood) or
/// decreasing with increasing slope (a criterion). Both are scaled to 0..1; the elbow is the point
/// of the curve farthest from the straight line between its ends, if afterwards the curve returns
/// toward that line by more than the mean step of `x`.
///
/// # Examples
/// ```
/// let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// assert_eq!(gmm::select::elbow(&x, &[0.0, 5.0, 9.0, 9.3, 9.5, 9.6]), Some(2));
/// assert_eq!(gmm::select::elbow(&x, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), None);
/// ```
pub fn elbow(x: &[f64], y: &[f64]) -> Option<usize> {
    let n = x.len();
    if n < 3 || y.len() != n || !y.iter().chain(x).all(|v| v.is_finite()) {
        return None;
    }
    let (run, rise) = (x[n - 1] - x[0], y[n - 1] - y[0]);
    if run <= 0.0 || rise == 0.0 {
        return None;
    }
    let away: Vec<f64> =
        x.iter().zip(y).map(|(a, b)| (b - y[0]) / rise - (a - x[0]) / run).collect();
    let at = (1..n - 1).reduce(|best, i| if away[i] > away[best] { i } else { best })?;
    let threshold = away[at] - 1.0 / (n - 1) as f64;
    let comes_back = away[at + 1..].iter().any(|value| *value < threshold);
    (away[at] > 1e-12 && comes_back).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elbows() {
        let x: Vec<f64> = (1..=8).map(f64::from).collect();
        let falling = [100.0, 60.0, 20.0, 18.0, 17.0, 16.5, 16.2, 16.0];
        assert_eq!(elbow(&x, &falling), Some(2));
        assert_eq!(elbow(&x, &[3.0; 8]), None);
        assert_eq!(elbow(&x[..2], &falling[..2]), None);
        assert_eq!(elbow(&x, &[f64::NAN; 8]), None);
    }
}
