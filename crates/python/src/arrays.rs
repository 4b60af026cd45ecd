//! Conversion from and to NumPy arrays.

use gmm::{Real, Samples, SamplesError};
use numpy::ndarray::Dimension as _;
use numpy::prelude::*;
use numpy::{AllowTypeChange, Element, PyArray, PyArray1, PyArray2, PyArrayLike2};
use numpy::{Ix2, PyReadonlyArray, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::IntoPyDict as _;

use crate::error::{Outcome, refused};

/// Values `[n, n_columns]` as an array.
pub(crate) fn matrix<T: Element>(
    py: Python<'_>,
    values: Vec<T>,
    n_columns: usize,
) -> PyResult<Bound<'_, PyArray2<T>>> {
    let n_rows = values.len() / n_columns.max(1);
    PyArray1::from_vec(py, values).reshape([n_rows, n_columns])
}

/// The values of an array, row by row.
fn copied<T: Element + Copy>(array: &PyReadonlyArray<'_, T, Ix2>) -> Vec<T> {
    // Not `array.as_slice()`, which also accepts column-major arrays.
    let array = array.as_array();
    match array.as_slice() {
        Some(values) => values.to_vec(),
        None => array.iter().copied().collect(),
    }
}

/// Latents `[n, z_size]` from anything that NumPy can convert to a matrix.
pub(crate) fn latents(z: &Bound<'_, PyAny>, z_size: usize) -> Outcome<Vec<f32>> {
    let z = z.extract::<PyArrayLike2<'_, f32, AllowTypeChange>>()?;
    let (_, n_columns) = z.dims().into_pattern();
    if n_columns != z_size {
        return Err(refused(format!(
            "latents have {n_columns} columns; this model's have {z_size}"
        )));
    }
    let values = copied(&z);
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(at) => Err(refused(format!(
            "row {}, column {} of the latents is {}; every value must be finite",
            at / z_size,
            at % z_size,
            values[at]
        ))),
    }
}

/// Rows of numbers, in their original precision.
pub(crate) struct Points {
    pub(crate) values: Values,
    pub(crate) n_samples: usize,
    pub(crate) n_features: usize,
}

/// See [`Points`].
pub(crate) enum Values {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Points {
    /// The rows of anything that NumPy can convert to a matrix.
    pub(crate) fn of(x: &Bound<'_, PyAny>) -> Outcome<Self> {
        if let Ok(x) = x.extract::<PyReadonlyArray2<'_, f32>>() {
            let (n_samples, n_features) = x.dims().into_pattern();
            return Ok(Self { values: Values::Single(copied(&x)), n_samples, n_features });
        }
        let x = x.extract::<PyArrayLike2<'_, f64, AllowTypeChange>>()?;
        let (n_samples, n_features) = x.dims().into_pattern();
        Ok(Self { values: Values::Double(copied(&x)), n_samples, n_features })
    }
}

/// Views values as samples, with their weights if there are any.
pub(crate) fn samples<'a, T: Real>(
    values: &'a [T],
    (n_samples, n_features): (usize, usize),
    weights: Option<&'a [f64]>,
) -> Result<Samples<'a, T>, SamplesError> {
    let samples = Samples::new(values, n_samples, n_features)?;
    match weights {
        Some(weights) => samples.with_weights(weights),
        None => Ok(samples),
    }
}

/// Evaluates an expression with points as `gmm`'s samples, in their own precision.
macro_rules! with_samples {
    ($points:expr, $weights:expr, |$samples:ident| $work:expr) => {{
        let shape = ($points.n_samples, $points.n_features);
        match &$points.values {
            $crate::arrays::Values::Single(values) => {
                let $samples = $crate::arrays::samples(values, shape, $weights)?;
                $work
            }
            $crate::arrays::Values::Double(values) => {
                let $samples = $crate::arrays::samples(values, shape, $weights)?;
                $work
            }
        }
    }};
}
pub(crate) use with_samples;

/// A row of a structured array: named numbers.
pub(crate) trait Record: Sized {
    /// Names and NumPy types, in the order of their bytes.
    const FIELDS: &'static [(&'static str, &'static str)];

    /// Appends the bytes of all fields.
    fn put(&self, bytes: &mut Vec<u8>);
}

/// Rows as a structured array.
pub(crate) fn table<'py, R: Record>(py: Python<'py>, rows: &[R]) -> PyResult<Bound<'py, PyAny>> {
    let mut bytes = Vec::with_capacity(rows.len() * 32);
    rows.iter().for_each(|row| row.put(&mut bytes));
    let fields: Vec<(&str, &str)> = R::FIELDS.to_vec();
    let numpy = py.import("numpy")?;
    let dtype = numpy.call_method1("dtype", (fields,))?;
    PyArray1::from_vec(py, bytes).call_method1("view", (dtype,))
}

/// A column of a structured array, a pandas table, or a dictionary of arrays.
///
/// NumPy may cast it only within its kind: numbers with a fraction are not truncated to integers.
pub(crate) fn column<T: Element + Copy>(data: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<T>> {
    let py = data.py();
    let numpy = py.import("numpy")?;
    let values = numpy.call_method1("asarray", (data.get_item(name)?,))?;
    let options = [("casting", "same_kind")].into_py_dict(py)?;
    let dtype = numpy::dtype::<T>(py);
    let values = values.call_method("astype", (dtype,), Some(&options))?;
    let values = values.extract::<PyReadonlyArray1<'_, T>>()?;
    Ok(values.as_array().iter().copied().collect())
}

/// An array of any shape, from its row-major values.
pub(crate) fn shaped<'py, T: Element, const N: usize>(
    py: Python<'py>,
    values: Vec<T>,
    shape: [usize; N],
) -> PyResult<Bound<'py, PyAny>> {
    let flat: Bound<'py, PyArray<T, _>> = PyArray1::from_vec(py, values);
    flat.call_method1("reshape", (shape.to_vec(),))
}
