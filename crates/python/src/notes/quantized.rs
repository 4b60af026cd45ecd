//! `QuantizedSequence`.

use note_seq::QuantizedSequence as Quantized;
use pyo3::prelude::*;

use super::NoteSequence;
use crate::arrays::table;

/// Notes on a grid, created by `NoteSequence.quantize`. Immutable.
#[pyclass(frozen, eq, module = "controlgen")]
#[derive(Clone, PartialEq)]
pub(crate) struct QuantizedSequence {
    pub(super) inner: Quantized,
}

#[pymethods]
impl QuantizedSequence {
    /// The notes: `start_step`, `end_step`, `pitch`, `velocity`, `program`, `is_drum`,
    /// `instrument`.
    #[getter]
    fn notes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        table(py, &self.inner.notes)
    }

    /// Length in steps.
    #[getter]
    fn total_steps(&self) -> i64 {
        self.inner.total_steps
    }

    /// Steps per bar, not always an integer.
    #[getter]
    fn steps_per_bar(&self) -> Option<f64> {
        self.inner.steps_per_bar()
    }

    /// Steps per quarter note.
    #[getter]
    fn steps_per_quarter(&self) -> Option<u16> {
        self.inner.steps_per_quarter().map(note_seq::StepsPerQuarter::get)
    }

    /// The notes in seconds.
    fn to_sequence(&self) -> NoteSequence {
        self.inner.to_sequence().into()
    }

    fn __len__(&self) -> usize {
        self.inner.notes.len()
    }

    fn __repr__(&self) -> String {
        let (n, steps) = (self.inner.notes.len(), self.inner.total_steps);
        format!("<controlgen.QuantizedSequence: {n} notes, {steps} steps>")
    }
}
