//! Values that serde can serialize, as Python dictionaries and lists.

use pyo3::prelude::*;
use serde::Serialize;

use crate::error::Outcome;

/// A value as Python's `json` would load it.
pub(crate) fn to_python<'py>(
    py: Python<'py>,
    value: &impl Serialize,
) -> Outcome<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value)?;
    Ok(py.import("json")?.call_method1("loads", (text,))?)
}
