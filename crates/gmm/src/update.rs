//! Covariances of an M step, for all kinds of fits.
//!
//! Maximum likelihood, the mode under a prior, variational inference and adaptation differ in the
//! coefficients of a [`CovarianceUpdate`]; covariance types differ in how much of it they keep.

use crate::parallel::grain;
use crate::stats::Moments;
use crate::{CovarianceType, Covariances, factor};
use rayon::prelude::*;

/// `a S + b B + Σ_i c_i s_i s_iᵀ + r I`, where `S` is the covariance of a component's rows.
#[derive(Clone, Debug)]
pub(crate) struct CovarianceUpdate<'a> {
    /// `a`.
    pub(crate) own: f64,
    /// `b`, and `B` dense (`[D, D]`) or as its diagonal (`[D]`).
    pub(crate) other: (f64, &'a [f64]),
    /// `c_i`, and `s_i` (`[D]`): usually the difference between a mean and that of `B`.
    pub(crate) between: Vec<(f64, Vec<f64>)>,
    /// `r`.
    pub(crate) ridge: f64,
}

impl CovarianceUpdate<'_> {
    /// `S + r I`, the update that maximizes the likelihood.
    pub(crate) fn ridge(ridge: f64) -> Self {
        Self { own: 1.0, other: (0.0, &[]), between: Vec::new(), ridge }
    }

    /// Replaces `S` by the sum; both are dense, or both are diagonals.
    pub(crate) fn apply(&self, values: &mut [f64], d: usize) {
        let is_dense = values.len() == d * d;
        let (factor, other) = self.other;
        values.iter_mut().for_each(|value| *value *= self.own);
        let stride = if other.len() == values.len() { 1 } else { d + 1 };
        for (value, other) in values.iter_mut().zip(other.iter().step_by(stride)) {
            *value += factor * other;
        }
        for (factor, shift) in &self.between {
            if is_dense {
                for (row, a) in values.chunks_mut(d).zip(shift) {
                    row.iter_mut().zip(shift).for_each(|(value, b)| *value += factor * (a * b));
                }
            } else {
                values.iter_mut().zip(shift).for_each(|(value, s)| *value += factor * (s * s));
            }
        }
        let diagonal = values.iter_mut().step_by(if is_dense { d + 1 } else { 1 });
        diagonal.for_each(|value| *value += self.ridge);
    }
}

/// Covariances of a given type, reusing memory, with the values that `write` returns for each
/// component.
///
/// `write(k, values)` writes a component's matrix (`[D, D]`) if the covariance type needs it, and
/// otherwise its diagonal (`[D]`); tied covariances are written once, as component 0. For low rank
/// it returns the matrices, for [`factored`].
pub(crate) fn covariances<A: Send>(
    shape: CovarianceType,
    n_components: usize,
    d: usize,
    spare: Option<Covariances>,
    write: impl Fn(usize, &mut [f64]) -> A + Sync,
) -> (Covariances, Vec<A>) {
    let (n_written, width) = match shape {
        CovarianceType::Full | CovarianceType::LowRank(_) => (n_components, d * d),
        CovarianceType::Tied => (1, d * d),
        CovarianceType::Diag | CovarianceType::Spherical => (n_components, d),
    };
    let mut all = match spare {
        Some(Covariances::Full(values) | Covariances::Tied(values) | Covariances::Diag(values)) => {
            values
        }
        _ => Vec::new(),
    };
    all.resize(n_written * width, 0.0);
    let each = all.par_chunks_mut(width).with_min_len(grain(4 * width)).enumerate();
    let told = each.map(|(k, values)| write(k, values)).collect();
    let covariances = match shape {
        CovarianceType::Full | CovarianceType::LowRank(_) => Covariances::Full(all),
        CovarianceType::Tied => Covariances::Tied(all),
        CovarianceType::Diag => Covariances::Diag(all),
        CovarianceType::Spherical => Covariances::Spherical(
            all.chunks(d).map(|variances| variances.iter().sum::<f64>() / d as f64).collect(),
        ),
    };
    (covariances, told)
}

/// Copies a dense matrix, or only its diagonal if there is no space for more.
pub(crate) fn copy(matrix: &[f64], values: &mut [f64], d: usize) {
    let stride = if values.len() == matrix.len() { 1 } else { d + 1 };
    values.iter_mut().zip(matrix.iter().step_by(stride)).for_each(|(to, from)| *to = *from);
}

/// The covariance within components, `[D, D]`: their mean, weighted by the number of rows.
pub(crate) fn pooled<'a>(moments: impl Iterator<Item = &'a Moments> + Clone, d: usize) -> Vec<f64> {
    let total: f64 = moments.clone().map(|m| m.count).sum();
    let mut within = vec![0.0; d * d];
    for own in moments.filter(|m| m.count > 0.0) {
        let share = own.count / total;
        within.iter_mut().zip(own.covariance()).for_each(|(sum, value)| *sum += share * value);
    }
    within
}

/// Loadings and variances for full covariances, starting from those of `before`. Returns the first
/// component without a solution as the error.
pub(crate) fn factored(
    full: &Covariances,
    d: usize,
    rank: usize,
    floor: f64,
    before: Option<&Covariances>,
) -> Result<Covariances, usize> {
    let before = |k: usize| match before {
        Some(Covariances::LowRank { rank: own, values }) if *own == rank => {
            Some(&values[k * d * (rank + 1)..(k + 1) * d * (rank + 1)])
        }
        _ => None,
    };
    let fitted: Result<Vec<Vec<f64>>, usize> = full
        .as_slice()
        .par_chunks(d * d)
        .with_min_len(grain(8 * rank * d * d))
        .enumerate()
        .map(|(k, scatter)| factor::fit(scatter, d, rank, floor, before(k)).map_err(|_| k))
        .collect();
    Ok(Covariances::LowRank { rank, values: fitted?.concat() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_by_hand() {
        // 2 S + 3 B + 4 s sᵀ + 5 I with s = (1, -1).
        let update = CovarianceUpdate {
            own: 2.0,
            other: (3.0, &[1.0, 0.5, 0.5, 2.0]),
            between: vec![(4.0, vec![1.0, -1.0])],
            ridge: 5.0,
        };
        let (mut dense, mut diagonal) = ([1.0, 0.25, 0.25, 4.0], [1.0, 4.0]);
        update.apply(&mut dense, 2);
        update.apply(&mut diagonal, 2);
        assert_eq!(dense, [14.0, -2.0, -2.0, 23.0]);
        assert_eq!(diagonal, [14.0, 23.0]);
        let of_diagonal = CovarianceUpdate { other: (3.0, &[1.0, 2.0]), ..update };
        let mut again = [1.0, 4.0];
        of_diagonal.apply(&mut again, 2);
        assert_eq!(again, diagonal);
    }

    #[test]
    fn shapes_keep_their_share_of_the_matrices() {
        let of = |shape| {
            covariances(shape, 2, 2, None, |k, values| {
                copy(&[1.0 + k as f64, 0.5, 0.5, 4.0], values, 2);
                k
            })
        };
        let full = vec![1.0, 0.5, 0.5, 4.0, 2.0, 0.5, 0.5, 4.0];
        assert_eq!(of(CovarianceType::Full), (Covariances::Full(full), vec![0, 1]));
        let tied = vec![1.0, 0.5, 0.5, 4.0];
        assert_eq!(of(CovarianceType::Tied), (Covariances::Tied(tied), vec![0]));
        let diag = vec![1.0, 4.0, 2.0, 4.0];
        assert_eq!(of(CovarianceType::Diag), (Covariances::Diag(diag), vec![0, 1]));
        let spherical = vec![2.5, 3.0];
        assert_eq!(of(CovarianceType::Spherical), (Covariances::Spherical(spherical), vec![0, 1]));
    }
}
