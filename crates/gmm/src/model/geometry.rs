//! Components as Gaussians, moments, marginals, conditionals, and merging or removing components.

use crate::gaussian::Gaussian;
use crate::linalg::dot;
use crate::{Covariances, linalg};
use crate::{GaussianMixture, ModelError};

impl GaussianMixture {
    /// One component as a Gaussian.
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchComponent`] if there is no such component.
    pub fn component(&self, component: usize) -> Result<Gaussian, ModelError> {
        self.expect_component(component)?;
        Gaussian::new(self.mean(component).to_vec(), self.covariance(component))
    }

    /// The Gaussian with the mean and the covariance of the whole mixture:
    /// `μ = Σ w_k μ_k`, `Σ = Σ w_k (Σ_k + (μ_k - μ)(μ_k - μ)ᵀ)`.
    ///
    /// # Errors
    /// Returns [`ModelError::NotPositiveDefinite`] if the covariance is lost to rounding.
    pub fn moments(&self) -> Result<Gaussian, ModelError> {
        let all: Vec<usize> = (0..self.n_components()).collect();
        let (_, mean, covariance) = self.pooled(&all);
        Gaussian::new(mean, covariance)
    }

    /// Weight, mean and covariance of some components combined.
    fn pooled(&self, components: &[usize]) -> (f64, Vec<f64>, Vec<f64>) {
        let d = self.n_features();
        let weight: f64 = components.iter().map(|k| self.weights()[*k]).sum();
        let share = |k: usize| {
            // If all weights are 0, components count equally.
            if weight > 0.0 { self.weights()[k] / weight } else { 1.0 / components.len() as f64 }
        };
        let mut mean = vec![0.0; d];
        for k in components {
            mean.iter_mut().zip(self.mean(*k)).for_each(|(sum, m)| *sum += share(*k) * m);
        }
        let mut covariance = vec![0.0; d * d];
        for k in components {
            let shift: Vec<f64> = self.mean(*k).iter().zip(&mean).map(|(a, b)| a - b).collect();
            for (at, (sum, value)) in covariance.iter_mut().zip(self.covariance(*k)).enumerate() {
                *sum += share(*k) * (value + shift[at / d] * shift[at % d]);
            }
        }
        (weight, mean, covariance)
    }

    /// The mixture of some features, in the given order; the covariance type is kept.
    ///
    /// # Errors
    /// Returns [`ModelError::BadFeatures`] if a feature is repeated or does not exist.
    pub fn marginal(&self, features: &[usize]) -> Result<Self, ModelError> {
        let d = self.n_features();
        expect_features(features, d)?;
        let rows = |matrix: &[f64]| -> Vec<f64> {
            let row = |i: usize| features.iter().map(move |j| matrix[i * d + j]);
            features.iter().flat_map(|i| row(*i)).collect()
        };
        let columns = |values: &[f64]| -> Vec<f64> {
            values.chunks(d).flat_map(|row| features.iter().map(|j| row[*j])).collect()
        };
        let covariances = match self.covariances() {
            Covariances::Full(v) => Covariances::Full(v.chunks(d * d).flat_map(rows).collect()),
            Covariances::Tied(v) => Covariances::Tied(rows(v)),
            Covariances::Diag(v) => Covariances::Diag(columns(v)),
            Covariances::Spherical(v) => Covariances::Spherical(v.clone()),
            Covariances::LowRank { rank, values } => {
                let width = rank + 1;
                let own = |own: &[f64]| -> Vec<f64> {
                    features.iter().flat_map(|j| own[j * width..][..width].to_vec()).collect()
                };
                let values = values.chunks(d * width).flat_map(own).collect();
                Covariances::LowRank { rank: *rank, values }
            }
        };
        Self::from_valid(self.weights().to_vec(), columns(self.means()), covariances)
    }

    /// The mixture of all other features, given the values of some (Bishop, PRML, Eq. 2.81 and 2.82
    /// for each component, whose weight is multiplied by its density at the values). Features keep
    /// their order; covariances become full.
    ///
    /// # Examples
    /// ```
    /// use gmm::{Covariances, GaussianMixture};
    /// // Correlated by 0.8: knowing the second feature moves the first and narrows it.
    /// let full = Covariances::Full(vec![1.0, 0.8, 0.8, 1.0]);
    /// let mixture = GaussianMixture::from_parameters(vec![1.0], vec![0.0, 0.0], full)?;
    /// let given = mixture.conditional(&[(1, 2.0)])?;
    /// assert!((given.mean(0)[0] - 1.6).abs() < 1e-12);
    /// assert!((given.covariance(0)[0] - 0.36).abs() < 1e-12);
    /// # Ok::<(), gmm::ModelError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ModelError::BadFeatures`] if a feature is repeated or does not exist, or if all
    /// are given, and [`ModelError::BadValue`] if a value is not finite or all components have zero
    /// density there.
    pub fn conditional(&self, known: &[(usize, f64)]) -> Result<Self, ModelError> {
        let (d, n_known) = (self.n_features(), known.len());
        let given: Vec<usize> = known.iter().map(|(feature, _)| *feature).collect();
        expect_features(&given, d)?;
        if n_known == d {
            return Err(ModelError::BadFeatures { features: given, n_features: d });
        }
        let free: Vec<usize> = (0..d).filter(|j| !given.contains(j)).collect();
        let values: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(ModelError::BadValue { what: "known values", index, value: values[index] });
        }
        let samples = crate::Samples::new(&values, 1, n_known).map_err(|_| ModelError::Length {
            what: "known values",
            found: n_known,
            expected: 1,
        })?;
        let posterior = self.marginal(&given)?.predict_proba(&samples)?;
        let weights = posterior.row(0).to_vec();
        let total: f64 = weights.iter().sum();
        if (total - 1.0).abs() > 1e-6 {
            return Err(ModelError::BadValue { what: "known values", index: 0, value: values[0] });
        }
        let (mut means, mut covariances) = (Vec::new(), Vec::new());
        for k in 0..self.n_components() {
            let (mean, dense) = (self.mean(k), self.covariance(k));
            let pick = |rows: &[usize], columns: &[usize]| -> Vec<f64> {
                let row = |i: usize| columns.iter().map(|j| dense[i * d + j]).collect::<Vec<f64>>();
                rows.iter().flat_map(|i| row(*i)).collect()
            };
            let factor = linalg::cholesky(&pick(&given, &given), n_known)
                .map_err(|_| ModelError::NotPositiveDefinite { component: k })?;
            let inverse = linalg::invert_lower(&factor, n_known);
            // With C = Σ_fk L⁻ᵀ: the mean changes by C L⁻¹ (x - μ_k), and C Cᵀ is subtracted from
            // the covariance.
            let cross = pick(&free, &given);
            let mut c = vec![0.0; cross.len()];
            linalg::times_lower_transposed(&mut c, &cross, &inverse, n_known);
            let shift: Vec<f64> =
                values.iter().zip(&given).map(|(v, feature)| v - mean[*feature]).collect();
            let whitened: Vec<f64> = inverse.chunks(n_known).map(|row| dot(row, &shift)).collect();
            let own = pick(&free, &free);
            for (a, (feature, row)) in free.iter().zip(c.chunks(n_known)).enumerate() {
                means.push(mean[*feature] + dot(row, &whitened));
                for (b, other) in c.chunks(n_known).enumerate() {
                    covariances.push(own[a * free.len() + b] - dot(row, other));
                }
            }
        }
        Self::from_valid(weights, means, Covariances::Full(covariances))
    }

    /// The two components with the smallest Bhattacharyya distance, and that distance; `None` if
    /// there is only one component.
    ///
    /// # Errors
    /// Returns [`ModelError::NotPositiveDefinite`] if a covariance is lost to rounding.
    pub fn closest_components(&self) -> Result<Option<(usize, usize, f64)>, ModelError> {
        let components: Vec<Gaussian> =
            (0..self.n_components()).map(|k| self.component(k)).collect::<Result<_, _>>()?;
        let mut closest: Option<(usize, usize, f64)> = None;
        for (i, a) in components.iter().enumerate() {
            for (j, b) in components.iter().enumerate().skip(i + 1) {
                let distance = a.bhattacharyya(b)?;
                if closest.is_none_or(|(_, _, least)| distance < least) {
                    closest = Some((i, j, distance));
                }
            }
        }
        Ok(closest)
    }

    /// The mixture with two components replaced by one, at the position of the first, with their
    /// combined weight, mean and covariance. Tied and low-rank covariances become full.
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchComponent`] if one does not exist or both are the same.
    pub fn merged(&self, first: usize, second: usize) -> Result<Self, ModelError> {
        self.expect_component(first)?;
        self.expect_component(second)?;
        if first == second {
            let n_components = self.n_components();
            return Err(ModelError::NoSuchComponent { component: second, n_components });
        }
        let (weight, mean, covariance) = self.pooled(&[first, second]);
        let d = self.n_features();
        let kept: Vec<usize> = (0..self.n_components()).filter(|k| *k != second).collect();
        let mut weights = Vec::with_capacity(kept.len());
        let mut means = Vec::with_capacity(kept.len() * d);
        for k in &kept {
            weights.push(if *k == first { weight } else { self.weights()[*k] });
            means.extend(if *k == first { &mean } else { self.mean(*k) });
        }
        let of = |k: usize| if k == first { covariance.clone() } else { self.covariance(k) };
        let diagonal = |k: usize| (0..d).map(|j| of(k)[j * d + j]).collect::<Vec<f64>>();
        let covariances = match self.covariances() {
            Covariances::Full(_) | Covariances::Tied(_) | Covariances::LowRank { .. } => {
                Covariances::Full(kept.iter().flat_map(|k| of(*k)).collect())
            }
            Covariances::Diag(_) => {
                Covariances::Diag(kept.iter().flat_map(|k| diagonal(*k)).collect())
            }
            Covariances::Spherical(_) => Covariances::Spherical(
                kept.iter().map(|k| diagonal(*k).iter().sum::<f64>() / d as f64).collect(),
            ),
        };
        Self::from_valid(weights, means, covariances)
    }

    /// The mixture of some components, in the given order; their weights are scaled to sum to 1 (if
    /// all are 0, they become equal).
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchComponent`] if one does not exist or is repeated, and
    /// [`ModelError::NoComponents`] if the list is empty.
    pub fn only(&self, components: &[usize]) -> Result<Self, ModelError> {
        let (d, n_components) = (self.n_features(), self.n_components());
        if components.is_empty() {
            return Err(ModelError::NoComponents);
        }
        for (at, component) in components.iter().enumerate() {
            self.expect_component(*component)?;
            if components[..at].contains(component) {
                return Err(ModelError::NoSuchComponent { component: *component, n_components });
            }
        }
        let total: f64 = components.iter().map(|k| self.weights()[*k]).sum();
        let weight = |k: &usize| {
            if total > 0.0 { self.weights()[*k] / total } else { 1.0 / components.len() as f64 }
        };
        let pick = |values: &[f64], width: usize| -> Vec<f64> {
            components.iter().flat_map(|k| values[k * width..][..width].to_vec()).collect()
        };
        let covariances = match self.covariances() {
            Covariances::Full(v) => Covariances::Full(pick(v, d * d)),
            Covariances::Tied(v) => Covariances::Tied(v.clone()),
            Covariances::Diag(v) => Covariances::Diag(pick(v, d)),
            Covariances::Spherical(v) => Covariances::Spherical(pick(v, 1)),
            Covariances::LowRank { rank, values } => {
                Covariances::LowRank { rank: *rank, values: pick(values, d * (rank + 1)) }
            }
        };
        Self::from_valid(
            components.iter().map(weight).collect(),
            pick(self.means(), d),
            covariances,
        )
    }

    /// The mixture without one component; the other weights are scaled to sum to 1.
    ///
    /// # Errors
    /// Returns [`ModelError::NoSuchComponent`] if it does not exist, and
    /// [`ModelError::NoComponents`] if no component with positive weight would be left.
    pub fn without(&self, component: usize) -> Result<Self, ModelError> {
        self.expect_component(component)?;
        let d = self.n_features();
        // The sum of the other weights, not 1 minus this weight, which would cancel for a weight
        // near 1.
        let others = self.weights().iter().enumerate().filter(|(k, _)| *k != component);
        let left: f64 = others.map(|(_, weight)| weight).sum();
        if self.n_components() == 1 || left <= 0.0 {
            return Err(ModelError::NoComponents);
        }
        let drop = |values: &[f64], width: usize| -> Vec<f64> {
            let rows = values.chunks(width).enumerate().filter(|(k, _)| *k != component);
            rows.flat_map(|(_, row)| row.to_vec()).collect()
        };
        let weights = drop(self.weights(), 1).iter().map(|w| w / left).collect();
        let covariances = match self.covariances() {
            Covariances::Full(v) => Covariances::Full(drop(v, d * d)),
            Covariances::Tied(v) => Covariances::Tied(v.clone()),
            Covariances::Diag(v) => Covariances::Diag(drop(v, d)),
            Covariances::Spherical(v) => Covariances::Spherical(drop(v, 1)),
            Covariances::LowRank { rank, values } => {
                Covariances::LowRank { rank: *rank, values: drop(values, d * (rank + 1)) }
            }
        };
        Self::from_valid(weights, drop(self.means(), d), covariances)
    }
}

/// Checks that features are given, that none is repeated, and that all are below `d`.
fn expect_features(features: &[usize], d: usize) -> Result<(), ModelError> {
    let repeated = features.iter().enumerate().any(|(i, j)| features[..i].contains(j));
    if features.is_empty() || repeated || features.iter().any(|j| *j >= d) {
        return Err(ModelError::BadFeatures { features: features.to_vec(), n_features: d });
    }
    Ok(())
}
