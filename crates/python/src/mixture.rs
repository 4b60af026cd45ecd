//! `Mixture`: the parameters of a Gaussian mixture, and everything computed from them. The
//! estimator with scikit-learn's interface is a Python wrapper.

use std::ops::ControlFlow;

use gmm::select::{Criterion, SweepParams};
use gmm::{
    CovarianceType, Covariances, Fit, FitError, GaussianMixture, GmmParams, Init, Shrinkage,
};
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::Deserialize;

use crate::arrays::{Points, matrix, shaped, with_samples};
use crate::error::{Outcome, refused};
use crate::interrupt::Interrupt;
use crate::values::to_python;

/// A mixture of K Gaussians in D dimensions: weights, means and covariances. Immutable.
///
/// Created by `GaussianMixture.fit`, as its `mixture_`, or from known parameters.
#[pyclass(frozen, eq, module = "controlgen")]
#[derive(Clone, PartialEq)]
pub(crate) struct Mixture {
    model: GaussianMixture,
}

/// Settings of a fit.
#[derive(FromPyObject)]
struct Settings {
    #[pyo3(item)]
    n_components: usize,
    #[pyo3(item)]
    covariance_type: String,
    #[pyo3(item)]
    rank: usize,
    #[pyo3(item)]
    tol: f64,
    #[pyo3(item)]
    reg_covar: f64,
    #[pyo3(item)]
    max_iter: usize,
    #[pyo3(item)]
    n_init: usize,
    #[pyo3(item)]
    init_params: String,
    #[pyo3(item)]
    shrinkage: Option<ShrinkageArg>,
}

/// `"oas"`, `"ledoit_wolf"`, or a fraction.
#[derive(FromPyObject)]
enum ShrinkageArg {
    Fraction(f64),
    Name(String),
}

/// A covariance type by name.
fn covariance_type(name: &str, rank: usize) -> Outcome<CovarianceType> {
    Ok(match name {
        "full" => CovarianceType::Full,
        "tied" => CovarianceType::Tied,
        "diag" => CovarianceType::Diag,
        "spherical" => CovarianceType::Spherical,
        "low_rank" => CovarianceType::LowRank(rank),
        _ => {
            return Err(refused(format!(
                "covariance_type is {name:?}; 'full', 'tied', 'diag', 'spherical' and 'low_rank' \
                 are allowed"
            )));
        }
    })
}

/// The name of a covariance type, and the rank of a low-rank one.
fn name_of(covariance_type: CovarianceType) -> (&'static str, Option<usize>) {
    match covariance_type {
        CovarianceType::Full => ("full", None),
        CovarianceType::Tied => ("tied", None),
        CovarianceType::Diag => ("diag", None),
        CovarianceType::Spherical => ("spherical", None),
        CovarianceType::LowRank(rank) => ("low_rank", Some(rank)),
        _ => ("unknown", None),
    }
}

impl Settings {
    fn params(&self, start: Option<&Mixture>) -> Outcome<GmmParams> {
        let init = match (start, self.init_params.as_str()) {
            (Some(start), _) => Init::Model(Box::new(start.model.clone())),
            (None, "short_runs") => Init::ShortRuns,
            (None, "kmeans") => Init::KMeans,
            (None, "k-means++") => Init::KMeansPlusPlus,
            (None, "k-means||") => Init::KMeansParallel,
            (None, "random_from_data") => Init::Random,
            (None, other) => {
                return Err(refused(format!(
                    "init_params is {other:?}; 'short_runs', 'kmeans', 'k-means++', 'k-means||' \
                     and 'random_from_data' are allowed"
                )));
            }
        };
        let params = GmmParams::new(self.n_components)
            .covariance_type(covariance_type(&self.covariance_type, self.rank)?)
            .tol(self.tol)
            .reg_covar(self.reg_covar)
            .max_iter(self.max_iter)
            .n_init(if start.is_some() { 1 } else { self.n_init })
            .init(init);
        Ok(match &self.shrinkage {
            None => params,
            Some(ShrinkageArg::Fraction(share)) => params.shrinkage(Shrinkage::Fixed(*share)),
            Some(ShrinkageArg::Name(name)) => params.shrinkage(match name.as_str() {
                "oas" => Shrinkage::Oas,
                "ledoit_wolf" => Shrinkage::LedoitWolf,
                _ => {
                    return Err(refused(format!(
                        "shrinkage is {name:?}; None, 'oas', 'ledoit_wolf' and a fraction from 0 \
                         to 1 are allowed"
                    )));
                }
            }),
        })
    }
}

/// A fit for Python: the mixture, and its report.
fn fitted(py: Python<'_>, fit: Fit) -> Outcome<(Mixture, Bound<'_, PyAny>)> {
    let report = to_python(py, &fit.report)?;
    Ok((Mixture { model: fit.model }, report))
}

#[pymethods]
impl Mixture {
    /// Fits a mixture to the rows of `x`. Returns it with a report.
    #[staticmethod]
    #[pyo3(signature = (x, settings, seed, sample_weight=None, start=None))]
    fn fit<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        settings: Settings,
        seed: u64,
        sample_weight: Option<Vec<f64>>,
        start: Option<&Self>,
    ) -> Outcome<(Self, Bound<'py, PyAny>)> {
        let points = Points::of(x)?;
        let params = settings.params(start)?.check()?;
        let interrupt = Interrupt::default();
        let fit = py.detach(|| -> Outcome<Fit> {
            let mut observe = |_: &_| {
                if interrupt.go_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            with_samples!(points, sample_weight.as_deref(), |samples| {
                let fit: Result<Fit, FitError> = params.fit_observed(&samples, seed, &mut observe);
                Ok(fit?)
            })
        });
        fitted(py, interrupt.result(fit)?)
    }

    /// Fits mixtures of several sizes and covariance types and selects one by a criterion. Returns
    /// the best with its report, and the report of the selection.
    #[staticmethod]
    #[pyo3(signature = (x, settings, n_components, covariance_types, criterion, seed, sample_weight=None))]
    #[expect(clippy::too_many_arguments, reason = "the keyword arguments of the estimator")]
    fn select<'py>(
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        settings: Settings,
        n_components: Vec<usize>,
        covariance_types: Vec<String>,
        criterion: &str,
        seed: u64,
        sample_weight: Option<Vec<f64>>,
    ) -> Outcome<(Self, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let points = Points::of(x)?;
        let criterion = Criterion::deserialize(serde_json::Value::from(criterion)).map_err(|_| {
            refused(format!(
                "criterion is {criterion:?}; 'bic', 'aic', 'icl', 'held_out', 'elbow' and \
                 'stability' are allowed"
            ))
        });
        let criterion = criterion?;
        let types = covariance_types.iter().map(|name| covariance_type(name, settings.rank));
        let sweep = SweepParams::new(n_components)
            .params(settings.params(None)?)
            .covariance_types(types.collect::<Outcome<Vec<_>>>()?)
            .criterion(criterion);
        let interrupt = Interrupt::default();
        let selected = py.detach(|| -> Outcome<_> {
            let mut observe = |_: &_| {
                if interrupt.go_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            with_samples!(points, sample_weight.as_deref(), |samples| {
                Ok(sweep.run_observed(&samples, seed, &mut observe)?)
            })
        });
        let selected = interrupt.result(selected)?;
        let choice = to_python(py, &selected.sweep)?;
        let (mixture, report) = fitted(py, selected.best)?;
        Ok((mixture, report, choice))
    }

    /// Creates a mixture with known parameters; `covariances` in the shape of `covariance_type`.
    #[staticmethod]
    #[pyo3(signature = (weights, means, covariances, covariance_type="full"))]
    fn from_parameters(
        weights: Vec<f64>,
        means: &Bound<'_, PyAny>,
        covariances: &Bound<'_, PyAny>,
        covariance_type: &str,
    ) -> Outcome<Self> {
        let flat = |array: &Bound<'_, PyAny>| -> Outcome<Vec<f64>> {
            let numpy = array.py().import("numpy")?;
            let array = numpy.call_method1("asarray", (array, "float64"))?;
            Ok(array.call_method0("ravel")?.call_method0("tolist")?.extract()?)
        };
        let (means, values) = (flat(means)?, flat(covariances)?);
        let covariances = match covariance_type {
            "full" => Covariances::Full(values),
            "tied" => Covariances::Tied(values),
            "diag" => Covariances::Diag(values),
            "spherical" => Covariances::Spherical(values),
            other => {
                return Err(refused(format!(
                    "covariance_type is {other:?}; 'full', 'tied', 'diag' and 'spherical' are \
                     allowed"
                )));
            }
        };
        Ok(Self { model: GaussianMixture::from_parameters(weights, means, covariances)? })
    }

    /// Creates a mixture from its JSON form, `gmm.mixture`.
    #[staticmethod]
    fn from_json(text: &str) -> Outcome<Self> {
        Ok(Self { model: serde_json::from_str(text)? })
    }

    /// The mixture as JSON, `gmm.mixture`, with bit-exact numbers.
    fn to_json(&self) -> Outcome<String> {
        Ok(serde_json::to_string(&self.model)?)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Outcome<(Bound<'py, PyAny>, (String,))> {
        Ok((py.get_type::<Self>().getattr("from_json")?, (self.to_json()?,)))
    }

    fn __repr__(&self) -> String {
        let (k, d) = (self.model.n_components(), self.model.n_features());
        let (name, _) = name_of(self.model.covariance_type());
        format!("<controlgen.Mixture of {k} components ({name}) in {d} dimensions>")
    }

    /// Number of components K.
    #[getter]
    fn n_components(&self) -> usize {
        self.model.n_components()
    }

    /// Number of features D.
    #[getter]
    fn n_features(&self) -> usize {
        self.model.n_features()
    }

    /// Number of free parameters.
    #[getter]
    fn n_parameters(&self) -> usize {
        self.model.n_parameters()
    }

    /// `full`, `tied`, `diag`, `spherical` or `low_rank`.
    #[getter]
    fn covariance_type(&self) -> &'static str {
        name_of(self.model.covariance_type()).0
    }

    /// Number of factors of low-rank covariances; None for others.
    #[getter]
    fn rank(&self) -> Option<usize> {
        name_of(self.model.covariance_type()).1
    }

    /// Mixing weights, `[K]`.
    #[getter]
    fn weights<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, self.model.weights())
    }

    /// Means, `[K, D]`.
    #[getter]
    fn means<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        matrix(py, self.model.means().to_vec(), self.model.n_features())
    }

    /// Covariances in scikit-learn's shapes: full `[K, D, D]`, tied `[D, D]`, diag `[K, D]`,
    /// spherical `[K]`; low-rank ones like full ones.
    #[getter]
    fn covariances<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (k, d) = (self.model.n_components(), self.model.n_features());
        match self.model.covariances() {
            Covariances::Full(values) => shaped(py, values.clone(), [k, d, d]),
            Covariances::Tied(values) => shaped(py, values.clone(), [d, d]),
            Covariances::Diag(values) => shaped(py, values.clone(), [k, d]),
            Covariances::Spherical(values) => shaped(py, values.clone(), [k]),
            _ => {
                let dense = (0..k).flat_map(|k| self.model.covariance(k)).collect();
                shaped(py, dense, [k, d, d])
            }
        }
    }

    /// Loadings `[K, D, R]` and noise variances `[K, D]` of low-rank covariances; None for other
    /// types.
    #[getter]
    fn factors<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Covariances::LowRank { rank, values } = self.model.covariances() else {
            return Ok(None);
        };
        let (k, d) = (self.model.n_components(), self.model.n_features());
        let rows = || values.chunks_exact(rank + 1);
        let loadings = rows().flat_map(|row| row[..*rank].to_vec()).collect();
        let noise: Vec<f64> = rows().map(|row| row[*rank]).collect();
        let parts = (shaped(py, loadings, [k, d, *rank])?, shaped(py, noise, [k, d])?);
        parts.into_pyobject(py).map(Some)
    }

    /// Most probable component of each row, `[n]`.
    fn predict<'py>(&self, x: &Bound<'py, PyAny>) -> Outcome<Bound<'py, PyArray1<i64>>> {
        let (py, points) = (x.py(), Points::of(x)?);
        let labels: Vec<usize> = py.detach(|| -> Outcome<_> {
            with_samples!(points, None, |samples| Ok(self.model.predict(&samples)?))
        })?;
        let labels = labels.into_iter().map(i64::try_from).collect::<Result<_, _>>()?;
        Ok(PyArray1::from_vec(py, labels))
    }

    /// Responsibilities `[n, K]`.
    fn predict_proba<'py>(&self, x: &Bound<'py, PyAny>) -> Outcome<Bound<'py, PyArray2<f64>>> {
        let (py, points) = (x.py(), Points::of(x)?);
        let values = py.detach(|| -> Outcome<_> {
            with_samples!(points, None, |samples| Ok(self
                .model
                .predict_proba(&samples)?
                .into_vec()))
        })?;
        Ok(matrix(py, values, self.model.n_components())?)
    }

    /// Log likelihood of each row in nats, `[n]`.
    fn score_samples<'py>(&self, x: &Bound<'py, PyAny>) -> Outcome<Bound<'py, PyArray1<f64>>> {
        let (py, points) = (x.py(), Points::of(x)?);
        let scores = py.detach(|| -> Outcome<_> {
            with_samples!(points, None, |samples| Ok(self.model.score_samples(&samples)?))
        })?;
        Ok(PyArray1::from_vec(py, scores))
    }

    /// Mean log likelihood, BIC and AIC of the rows of `x`.
    #[pyo3(signature = (x, sample_weight=None))]
    fn criteria(
        &self,
        x: &Bound<'_, PyAny>,
        sample_weight: Option<Vec<f64>>,
    ) -> Outcome<(f64, f64, f64)> {
        let (py, points) = (x.py(), Points::of(x)?);
        py.detach(|| -> Outcome<_> {
            with_samples!(points, sample_weight.as_deref(), |samples| {
                let model = &self.model;
                Ok((model.score(&samples)?, model.bic(&samples)?, model.aic(&samples)?))
            })
        })
    }

    /// Samples points `[n, D]`. Returns them with their components, `[n]`.
    fn sample<'py>(&self, py: Python<'py>, n: usize, seed: u64) -> Outcome<Bound<'py, PyTuple>> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let draws = py.detach(|| self.model.sample(n, &mut rng));
        let labels: Vec<i64> =
            draws.components.into_iter().map(i64::try_from).collect::<Result<_, _>>()?;
        let points = matrix(py, draws.points, self.model.n_features())?;
        Ok((points, PyArray1::from_vec(py, labels)).into_pyobject(py)?)
    }

    /// Mean `[D]` and covariance `[D, D]` of the whole mixture.
    fn moments<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        let all = self.model.moments()?;
        let covariance = matrix(py, all.covariance().to_vec(), self.model.n_features())?;
        Ok((PyArray1::from_slice(py, all.mean()), covariance).into_pyobject(py)?)
    }

    /// The mixture of some features only.
    fn marginal(&self, features: Vec<usize>) -> Outcome<Self> {
        Ok(Self { model: self.model.marginal(&features)? })
    }

    /// The mixture of the other features, given the values of some: `{feature: value}`.
    fn conditional(&self, known: &Bound<'_, PyDict>) -> Outcome<Self> {
        let known = known.iter().map(|(feature, value)| {
            Ok::<(usize, f64), PyErr>((feature.extract()?, value.extract()?))
        });
        Ok(Self { model: self.model.conditional(&known.collect::<Result<Vec<_>, _>>()?)? })
    }

    /// The mixture with two components merged into one with their joint moments.
    fn merged(&self, first: usize, second: usize) -> Outcome<Self> {
        Ok(Self { model: self.model.merged(first, second)? })
    }
}

impl Mixture {
    /// Wraps a mixture for Python.
    pub(crate) fn new(model: GaussianMixture) -> Self {
        Self { model }
    }
}
