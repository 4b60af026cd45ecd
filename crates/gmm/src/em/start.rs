//! Starts of EM, and the background they and the repairs draw on: mean and covariance of all samples.

use super::FitError;
use super::m_step::MStep;
use super::pass::{PassTotals, Workspace};
use crate::density::{BlockDensity, Factors};
use crate::init::{Init, kmeans};
use crate::params::Values;
use crate::stats::{Accumulator, Moments};
use crate::streams::{Purpose, stream};
use crate::{CovarianceType, Covariances, GaussianMixture, Real, Samples, linalg};
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

/// Rows that k-means and the background covariance look at, at most (or 512 a component, where that is more).
const SUBSET_ROWS: usize = 16_384;

/// Mean and covariance of (a fixed subset of) all samples, and the subset itself.
pub(super) struct Background {
    pub(super) mean: Vec<f64>,
    pub(super) covariance: Pooled,
    /// Moments of all samples around `mean`; only tied covariances need them.
    total: Option<Moments>,
    /// The subset, row-major.
    rows: Vec<f64>,
}

/// Covariance of the background, as much of it as the fit needs.
pub(super) struct Pooled {
    matrix: Vec<f64>,
    d: usize,
}

impl Pooled {
    pub(super) fn dense(&self) -> Vec<f64> {
        self.matrix.clone()
    }

    pub(super) fn variances(&self) -> Vec<f64> {
        (0..self.d).map(|j| self.matrix[j * self.d + j]).collect()
    }

    pub(super) fn mean_variance(&self) -> f64 {
        self.variances().iter().sum::<f64>() / self.d as f64
    }

    /// The covariance drawn towards its diagonal by `share`, with constant columns given variance 1: always positive
    /// definite, so it can whiten anything.
    fn shrunk(&self, share: f64) -> Vec<f64> {
        let d = self.d;
        let mut shrunk = self.matrix.clone();
        for i in 0..d {
            for j in 0..d {
                if i != j {
                    shrunk[i * d + j] *= 1.0 - share;
                } else if shrunk[i * d + i] <= 0.0 {
                    shrunk[i * d + i] = 1.0;
                }
            }
        }
        shrunk
    }
}

impl Background {
    pub(super) fn new<T: Real>(values: &Values, samples: &Samples<'_, T>, seed: u64) -> Self {
        let (n, d) = (samples.n_samples(), samples.n_features());
        let n_rows = n.min(SUBSET_ROWS.max(512 * values.n_components));
        let mut chosen: Vec<usize> = if n_rows == n {
            (0..n).collect()
        } else {
            index::sample(&mut stream(seed, Purpose::Subset, 0), n, n_rows).into_vec()
        };
        chosen.sort_unstable();
        let mut rows = Vec::with_capacity(n_rows * d);
        for row in &chosen {
            rows.extend(samples.row(*row).iter().map(|x| x.to_f64()));
        }
        let weights: Vec<f64> = chosen.iter().map(|row| samples.weight(*row)).collect();
        let mut accumulator = Accumulator::<f64>::new(CovarianceType::Full, d);
        accumulator.reset(&rows[..d]);
        accumulator.add_all(&rows, |row| weights[row]);
        let moments = accumulator.finish();
        if moments.count <= 0.0 {
            // Every weight in the subset is zero: any background serves, the fit itself sees all rows.
            accumulator.reset(&rows[..d]);
            accumulator.add_all(&rows, |_| 1.0);
        }
        let moments = accumulator.finish();
        let mean = moments.mean();
        let mut matrix = moments.covariance();
        for j in 0..d {
            matrix[j * d + j] = matrix[j * d + j].max(0.0);
        }
        let total = (values.covariance_type == CovarianceType::Tied).then(|| {
            let mut total = Accumulator::<T>::new(CovarianceType::Full, d);
            total.reset(&mean);
            total.add_all(samples.data(), |row| samples.weight(row));
            total.finish().clone()
        });
        Self { mean, covariance: Pooled { matrix, d }, total, rows }
    }

    /// Covariance within components: that of all samples less that between the components' means.
    pub(super) fn within(&self, moments: &[Moments]) -> Vec<f64> {
        let total = self.total.as_ref().expect("tied fits keep the moments of all samples");
        let d = self.mean.len();
        let mut within = total.second.clone();
        for component in moments.iter().filter(|m| m.count > 0.0) {
            let shift: Vec<f64> =
                component.mean().iter().zip(&total.center).map(|(m, c)| m - c).collect();
            for i in 0..d {
                for j in 0..=i {
                    within[i * d + j] -= component.count * shift[i] * shift[j];
                }
            }
        }
        for value in &mut within {
            *value /= total.count;
        }
        linalg::mirror_lower(&mut within, d);
        within
    }
}

/// The starting mixture of start number `start`.
pub(super) fn model<T: Real>(
    values: &Values,
    samples: &Samples<'_, T>,
    seed: u64,
    start: usize,
    background: &Background,
    workspace: &mut Workspace<T>,
    m_step: &mut MStep<'_>,
) -> Result<GaussianMixture, FitError> {
    let (n, k, d) = (samples.n_samples(), values.n_components, samples.n_features());
    if let Init::Model(model) = &values.init {
        expect("components", model.n_components(), k)?;
        expect("features", model.n_features(), d)?;
        if model.covariance_type() != values.covariance_type {
            return Err(FitError::BadStart {
                what: "as covariance type",
                found: format!("{:?}", model.covariance_type()),
                expected: format!("{:?}", values.covariance_type),
            });
        }
        return Ok(model.as_ref().clone());
    }
    if let Some(totals) = responsibilities(values, samples, seed, start, background, workspace)? {
        return m_step.update(workspace.moments(), samples, None, totals.worst_row, 0);
    }
    let mut means = Vec::with_capacity(k * d);
    for row in index::sample(&mut start_stream(seed, start), n, k) {
        means.extend(samples.row(row).iter().map(|x| x.to_f64()));
    }
    m_step.everywhere_alike(&means)
}

fn start_stream(seed: u64, start: usize) -> ChaCha8Rng {
    stream(seed, Purpose::Start, u32::try_from(start).unwrap_or(u32::MAX))
}

/// Leaves the moments of the starting responsibilities in the workspace; none where the start is made otherwise.
pub(super) fn responsibilities<T: Real>(
    values: &Values,
    samples: &Samples<'_, T>,
    seed: u64,
    start: usize,
    background: &Background,
    workspace: &mut Workspace<T>,
) -> Result<Option<PassTotals>, FitError> {
    let (n, k, d) = (samples.n_samples(), values.n_components, samples.n_features());
    let everywhere = background.mean.repeat(k);
    let totals = match &values.init {
        Init::KMeans | Init::KMeansPlusPlus => {
            let share = (d as f64 + 1.0) / (background.rows.len() / d) as f64;
            let metric = if values.whiten {
                background.covariance.shrunk(share.min(1.0))
            } else {
                identity(d)
            };
            let max_iter = if matches!(values.init, Init::KMeans) { kmeans::MAX_ITER } else { 0 };
            let centers = kmeans::centers(
                &background.rows,
                &metric,
                d,
                k,
                max_iter,
                &mut start_stream(seed, start),
            );
            let factors = Factors::new(&Covariances::Tied(metric), k, d)
                .map_err(|_| FitError::Singular { component: 0, reg_covar: values.reg_covar })?;
            let density = BlockDensity::<T>::new(&vec![1.0 / k as f64; k], &centers, &factors);
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
        Init::Random | Init::Model(_) => return Ok(None),
    };
    Ok(Some(totals))
}

fn expect(what: &'static str, found: usize, expected: usize) -> Result<(), FitError> {
    if found == expected {
        Ok(())
    } else {
        Err(FitError::BadStart { what, found: found.to_string(), expected: expected.to_string() })
    }
}

fn identity(d: usize) -> Vec<f64> {
    let mut matrix = vec![0.0; d * d];
    for j in 0..d {
        matrix[j * d + j] = 1.0;
    }
    matrix
}
