//! Initialization of an EM run for each kind of start.

use super::bounds::Drift;
use super::em_run::EmRun;
use super::error::FitError;
use super::pass::{PassTotals, Workspace};
use super::search;
use super::start::{Start, look_up};
use crate::density::{BlockDensity, Cholesky};
use crate::init::kmeans::Points;
use crate::init::view::View;
use crate::init::{Init, kmeans, oversampling};
use crate::streams::{Purpose, stream};
use crate::{Covariances, Real, Samples};
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use std::borrow::BorrowMut;

/// Number of k-means runs from different centers, of which the tightest is kept.
const N_KMEANS: usize = 3;

impl Start<'_> {
    /// Initializes an EM run.
    pub(super) fn begin<T: Real, W: BorrowMut<Workspace<T>>>(
        &self,
        samples: &Samples<'_, T>,
        em: &mut EmRun<'_, T, W>,
    ) -> Result<(), FitError> {
        let values = self.values;
        let (n, k, d) = (samples.n_samples(), values.n_components, samples.n_features());
        match &values.init {
            Init::Model(model) => {
                expect("components", model.n_components(), k)?;
                expect("features", model.n_features(), d)?;
                if model.covariance_type() != values.covariance_type {
                    return Err(FitError::BadStart {
                        what: "as covariance type",
                        found: format!("{:?}", model.covariance_type()),
                        expected: format!("{:?}", values.covariance_type),
                    });
                }
                em.start_at_model(model.as_ref().clone());
                Ok(())
            }
            Init::ShortRuns => search::begin(self, samples, em),
            Init::Random => {
                let mut means = Vec::with_capacity(k * d);
                // Rows without weight are used only if there are no others left.
                let (mut rows, without): (Vec<usize>, Vec<usize>) =
                    (0..n).partition(|row| samples.weight(*row) > 0.0);
                if rows.len() < k {
                    rows.extend(without);
                }
                for at in index::sample(&mut self.stream(), rows.len(), k) {
                    means.extend(samples.row(rows[at]).iter().map(|x| x.to_f64()));
                }
                em.start_at_means(&means)
            }
            _ => {
                em.start_at_responsibilities(|workspace| self.responsibilities(samples, workspace))
            }
        }
    }

    fn stream(&self) -> ChaCha8Rng {
        stream(self.seed, Purpose::Start, u32::try_from(self.index).unwrap_or(u32::MAX))
    }

    /// Computes the moments of the initial responsibilities in the workspace.
    pub(super) fn responsibilities<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        workspace: &mut Workspace<T>,
    ) -> Result<PassTotals, FitError> {
        let values = self.values;
        let (n, k, d) = (samples.n_samples(), values.n_components, samples.n_features());
        let everywhere = self.background.mean.repeat(k);
        let totals = match &values.init {
            Init::KMeans | Init::KMeansPlusPlus | Init::KMeansParallel => {
                let metric = self.metric();
                let key = (k, self.index);
                let made = || self.centers(samples, &metric);
                let centers = look_up(&self.shared.centers, key, made)?;
                let cholesky = Cholesky::new(&Covariances::Tied(metric), k, d)
                    .map_err(|_| self.singular_metric())?;
                let density = BlockDensity::<T>::new(&vec![1.0 / k as f64; k], &centers, &cholesky);
                workspace.assignment(samples, &density, &centers)
            }
            Init::Labels(labels) => {
                expect("labels", labels.len(), n)?;
                if let Some(label) = labels.iter().find(|label| **label >= k) {
                    return Err(FitError::BadStart {
                        what: "as its largest label",
                        found: label.to_string(),
                        expected: format!("labels below {k}"),
                    });
                }
                workspace.given(samples, &everywhere, |row, component| {
                    f64::from(u8::from(labels[row] == component))
                })
            }
            Init::Responsibilities(given) => {
                expect("responsibilities", given.len(), n * k)?;
                let sound = |row: &[f64]| {
                    row.iter().all(|r| *r >= 0.0) && (row.iter().sum::<f64>() - 1.0).abs() < 1e-6
                };
                if let Some(row) = given.chunks(k).position(|row| !sound(row)) {
                    return Err(FitError::BadStart {
                        what: "as a row of responsibilities",
                        found: format!("row {row}"),
                        expected: "values that are not negative and sum to 1".to_owned(),
                    });
                }
                workspace.given(samples, &everywhere, |row, component| given[row * k + component])
            }
            Init::ShortRuns => {
                let mut em = EmRun::new(values, self.background, samples, &mut *workspace);
                search::begin(self, samples, &mut em)?;
                let model = em.into_model();
                let (weights, means) = (model.weights(), model.means());
                let density = BlockDensity::<T>::new(weights, means, model.cholesky());
                workspace.expectation(samples, &density, &Drift::unknown(k), means)
            }
            Init::Random | Init::Model(_) => {
                return Err(FitError::BadStart {
                    what: "as its start",
                    found: "no responsibilities".to_owned(),
                    expected: "k-means, k-means++, labels or responsibilities".to_owned(),
                });
            }
        };
        Ok(totals)
    }

    /// Centers, `[K, D]`, from the kind of k-means set in the parameters.
    fn centers<T: Real>(
        &self,
        samples: &Samples<'_, T>,
        metric: &[f64],
    ) -> Result<Vec<f64>, FitError> {
        let (k, d) = (self.values.n_components, samples.n_features());
        let (rows, mut rng) = (&self.background.rows, self.stream());
        Ok(match self.values.init {
            Init::KMeansParallel => oversampling::centers(samples, metric, k, &mut rng)
                .ok_or_else(|| self.singular_metric())?,
            Init::KMeansPlusPlus => {
                let seeds = self.points(metric).plus_plus(k, &mut rng);
                seeds.iter().flat_map(|row| &rows[row * d..(row + 1) * d]).copied().collect()
            }
            _ => {
                let points = self.points(metric);
                let runs = (0..N_KMEANS).map(|_| {
                    let seeds = points.plus_plus(k, &mut rng);
                    (points.lloyd(&seeds, kmeans::MAX_ITER), seeds)
                });
                let best = runs.reduce(|a, b| if b.0.inertia < a.0.inertia { b } else { a });
                let (clusters, seeds) = best.expect("there is more than one run");
                let seeds: Vec<f64> =
                    seeds.iter().flat_map(|row| &rows[row * d..(row + 1) * d]).copied().collect();
                kmeans::cluster_means(rows, &self.background.weights, &clusters.labels, &seeds, d)
            }
        })
    }

    /// The subset in the coordinates of `metric`.
    fn points(&self, metric: &[f64]) -> Points {
        let (rows, weights) = self.background.rows();
        Points::new(rows, weights, &View::whitened(&self.background.mean, metric))
    }

    fn singular_metric(&self) -> FitError {
        FitError::SingularMetric { reg_covar: self.values.reg_covar }
    }
}

fn expect(what: &'static str, found: usize, expected: usize) -> Result<(), FitError> {
    if found == expected {
        Ok(())
    } else {
        Err(FitError::BadStart { what, found: found.to_string(), expected: expected.to_string() })
    }
}
