//! Factor analysis of one covariance: `Σ = Λ Λᵀ + Ψ` with loadings `Λ` (`[D, R]`) and a diagonal
//! `Ψ`.
//!
//! Stored as `[D, R + 1]`: each feature's loadings, followed by its own variance. Everything is
//! computed with the `[R, R]` matrix `C = I + Λᵀ Ψ⁻¹ Λ` (Woodbury), so nothing of size `[D, D]` is
//! inverted.

use crate::linalg::{self, NotPositiveDefinite, dot};

/// Number of EM steps on the covariance in each M step of the mixture: more move the factors
/// faster; one is enough to increase the likelihood.
const STEPS: usize = 3;

/// `Λ Λᵀ + Ψ`, dense `[D, D]`.
pub(crate) fn dense(values: &[f64], rank: usize) -> Vec<f64> {
    let width = rank + 1;
    let d = values.len() / width;
    let mut out = vec![0.0; d * d];
    for (i, own) in values.chunks(width).enumerate() {
        for (j, other) in values.chunks(width).enumerate() {
            out[i * d + j] = dot(&own[..rank], &other[..rank]);
        }
        out[i * d + i] += own[rank];
    }
    out
}

/// Factors of a factor-analyzed covariance for densities.
pub(crate) struct Woodbury {
    /// `1 / √ψ`, `[D]`.
    pub(crate) scale: Vec<f64>,
    /// `L⁻¹ Bᵀ` with `B = Ψ^-½ Λ` and `I + Bᵀ B = L Lᵀ`, `[R, D]`: for `z = Ψ^-½ (x - μ)` the
    /// squared Mahalanobis distance is `|z|² - |L⁻¹ Bᵀ z|²`.
    pub(crate) projection: Vec<f64>,
    /// `L⁻¹`, `[R, R]`.
    inverse: Vec<f64>,
    /// `-½ ln |Σ|`.
    pub(crate) half_log_det: f64,
}

impl Woodbury {
    pub(crate) fn new(values: &[f64], rank: usize) -> Result<Self, NotPositiveDefinite> {
        let width = rank + 1;
        let d = values.len() / width;
        let scale: Vec<f64> = values.chunks(width).map(|row| row[rank].sqrt().recip()).collect();
        if !scale.iter().all(|s| *s > 0.0 && s.is_finite()) {
            return Err(NotPositiveDefinite);
        }
        let scaled: Vec<f64> = (values.chunks(width).zip(&scale))
            .flat_map(|(row, s)| row[..rank].iter().map(move |l| l * s))
            .collect();
        let mut inner = gram(&scaled, rank);
        for a in 0..rank {
            inner[a * rank + a] += 1.0;
        }
        let factor = linalg::cholesky(&inner, rank)?;
        let inverse = linalg::invert_lower(&factor, rank);
        let mut projection = vec![0.0; rank * d];
        for (a, out) in projection.chunks_mut(d).enumerate() {
            for (value, row) in out.iter_mut().zip(scaled.chunks(rank)) {
                *value = dot(&inverse[a * rank..=a * rank + a], row);
            }
        }
        let half_log_det = scale.iter().map(|s| s.ln()).sum::<f64>()
            - (0..rank).map(|a| factor[a * rank + a].ln()).sum::<f64>();
        if half_log_det.is_finite() && projection.iter().all(|v| v.is_finite()) {
            Ok(Self { scale, projection, inverse, half_log_det })
        } else {
            Err(NotPositiveDefinite)
        }
    }
}

/// Loadings and variances, `[D, R + 1]`, that increase the likelihood of samples with the
/// covariance `scatter` (`[D, D]`).
///
/// Starts from `before`, or from the leading eigenvectors of `scatter` (Tipping & Bishop 1999).
/// Each step is one EM step for factor analysis (Rubin & Thayer 1982; Ghahramani & Hinton 1996):
/// with `β = Λᵀ Σ⁻¹`, `Λ' = S βᵀ (I - β Λ + β S βᵀ)⁻¹` and `Ψ' = diag (S - Λ' β S)`. Variances
/// below `floor` are raised to it, which maximizes the bound under this constraint, because it is
/// unimodal in each of them.
///
/// # Errors
/// Returns an error if `scatter` is not finite or has no positive eigenvalue.
pub(crate) fn fit(
    scatter: &[f64],
    d: usize,
    rank: usize,
    floor: f64,
    before: Option<&[f64]>,
) -> Result<Vec<f64>, NotPositiveDefinite> {
    let mut values = match before {
        Some(before) => before.to_vec(),
        None => principal(scatter, d, rank, floor)?,
    };
    for _ in 0..STEPS {
        values = step(scatter, d, rank, floor, &values)?;
    }
    Ok(values)
}

/// Probabilistic principal components: the leading eigenvectors, and the mean of the remaining
/// eigenvalues as every variance.
fn principal(
    scatter: &[f64],
    d: usize,
    rank: usize,
    floor: f64,
) -> Result<Vec<f64>, NotPositiveDefinite> {
    let (levels, vectors) = linalg::symmetric_eigen(scatter, d)?;
    let rest = &levels[..d - rank];
    let noise = (rest.iter().sum::<f64>() / rest.len().max(1) as f64).max(floor);
    let mut values = Vec::with_capacity(d * (rank + 1));
    for j in 0..d {
        for a in 0..rank {
            // Eigenvalues are ascending, so the leading ones are last.
            let at = d - 1 - a;
            values.push(vectors[j * d + at] * (levels[at] - noise).max(0.0).sqrt());
        }
        let loaded: f64 = values[j * (rank + 1)..].iter().map(|l| l * l).sum();
        values.push((scatter[j * d + j] - loaded).max(floor));
    }
    Ok(values)
}

fn step(
    scatter: &[f64],
    d: usize,
    rank: usize,
    floor: f64,
    values: &[f64],
) -> Result<Vec<f64>, NotPositiveDefinite> {
    let width = rank + 1;
    let Woodbury { scale, projection, inverse, .. } = Woodbury::new(values, rank)?;
    // β = Bᵀ (I + B Bᵀ)⁻¹ Ψ^-½ = C⁻¹ Bᵀ Ψ^-½, and C⁻¹ Bᵀ = L⁻ᵀ (L⁻¹ Bᵀ).
    let mut beta = vec![0.0; rank * d];
    for (a, out) in beta.chunks_mut(d).enumerate() {
        for (j, value) in out.iter_mut().enumerate() {
            let terms = (a..rank).map(|b| inverse[b * rank + a] * projection[b * d + j]);
            *value = terms.sum::<f64>() * scale[j];
        }
    }
    // S βᵀ, `[D, R]`.
    let mut cross = vec![0.0; d * rank];
    for (row, out) in scatter.chunks(d).zip(cross.chunks_mut(rank)) {
        for (value, beta) in out.iter_mut().zip(beta.chunks(d)) {
            *value = dot(row, beta);
        }
    }
    // I - β Λ + β S βᵀ, symmetric.
    let mut moment = vec![0.0; rank * rank];
    for a in 0..rank {
        for b in 0..rank {
            let terms =
                (0..d).map(|j| beta[a * d + j] * (cross[j * rank + b] - values[j * width + b]));
            moment[a * rank + b] = f64::from(u8::from(a == b)) + terms.sum::<f64>();
        }
    }
    let inverse = linalg::invert_lower(&linalg::cholesky(&moment, rank)?, rank);
    let mut next = Vec::with_capacity(values.len());
    for (j, cross) in cross.chunks(rank).enumerate() {
        let half: Vec<f64> =
            (0..rank).map(|a| dot(&inverse[a * rank..=a * rank + a], cross)).collect();
        let first = next.len();
        for a in 0..rank {
            next.push((a..rank).map(|b| inverse[b * rank + a] * half[b]).sum());
        }
        let explained = dot(&next[first..], cross);
        next.push((scatter[j * d + j] - explained).max(floor));
    }
    if next.iter().all(|v: &f64| v.is_finite()) { Ok(next) } else { Err(NotPositiveDefinite) }
}

/// `mᵀ m` of a row-major `[n, r]` matrix.
fn gram(m: &[f64], r: usize) -> Vec<f64> {
    let mut out = vec![0.0; r * r];
    for row in m.chunks(r) {
        for (out, a) in out.chunks_mut(r).zip(row) {
            for (out, b) in out.iter_mut().zip(row) {
                *out += a * b;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Λ = (1, 2, 0), Ψ = (1, 2, 3).
    const VALUES: [f64; 6] = [1.0, 1.0, 2.0, 2.0, 0.0, 3.0];

    #[test]
    fn woodbury_is_the_dense_density() {
        let matrix = dense(&VALUES, 1);
        assert_eq!(matrix, [2.0, 2.0, 0.0, 2.0, 6.0, 0.0, 0.0, 0.0, 3.0]);
        let w = Woodbury::new(&VALUES, 1).unwrap();
        // |Σ| = (2 · 6 - 2 · 2) · 3 = 24.
        assert!((w.half_log_det + 0.5 * 24.0_f64.ln()).abs() < 1e-14);
        let gaussian = crate::Gaussian::new(vec![0.0; 3], matrix).unwrap();
        let x = [0.3, -1.0, 2.0];
        let z: Vec<f64> = x.iter().zip(&w.scale).map(|(x, s)| x * s).collect();
        let found = dot(&z, &z) - dot(&w.projection, &z).powi(2);
        assert!((found - gaussian.mahalanobis_squared(&x)).abs() < 1e-14);
    }

    #[test]
    fn a_covariance_of_that_form_is_found_again() {
        let matrix = dense(&VALUES, 1);
        let mut values = fit(&matrix, 3, 1, 1e-9, None).unwrap();
        for _ in 0..3_000 {
            values = fit(&matrix, 3, 1, 1e-9, Some(&values)).unwrap();
        }
        for (found, wanted) in dense(&values, 1).iter().zip(&matrix) {
            assert!((found - wanted).abs() < 1e-6, "{values:?}");
        }
        // A fixed point.
        let still = fit(&matrix, 3, 1, 1e-9, Some(&VALUES)).unwrap();
        assert!(still.iter().zip(&VALUES).all(|(a, b)| (a - b).abs() < 1e-14), "{still:?}");
    }
}
