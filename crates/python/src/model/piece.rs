//! `Piece` and `Mix`: new music.

use controlgen::copy::CopyMatch;
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;

use crate::arrays::matrix;
use crate::error::Outcome;
use crate::notes::NoteSequence;
use crate::values::to_python;

/// A new piece, with its properties.
#[pyclass(frozen, get_all, module = "controlgen")]
pub(crate) struct Piece {
    /// The music.
    sequence: Py<NoteSequence>,
    /// Latents of its windows, `[n_windows, z_size]`.
    z: Py<PyArray2<f32>>,
    /// The requested style, or None.
    style: Option<String>,
    /// Membership in the requested style after encoding it again, mean over its windows, or None.
    membership: Option<f64>,
    /// Responsibility of each component after encoding it again, mean over its windows, `[K]`, or
    /// None for a model without styles.
    components: Option<Py<PyArray1<f64>>>,
    /// Its longest match with the training music, or None if there is none or no copy index.
    copy: Option<Py<PyAny>>,
    /// Its form, for example `ABAB'`; None if it was not composed.
    form: Option<String>,
    /// Warnings about the tune that it was made from.
    warnings: Vec<String>,
}

/// A piece before it is converted to a Python object.
#[derive(Default)]
pub(super) struct NewPiece {
    pub(super) sequence: note_seq::NoteSequence,
    pub(super) z: Vec<f32>,
    pub(super) style: Option<String>,
    pub(super) membership: Option<f64>,
    pub(super) components: Option<Vec<f64>>,
    pub(super) copy: Option<CopyMatch>,
    pub(super) form: Option<String>,
    pub(super) warnings: Vec<String>,
}

impl NewPiece {
    /// Converts the piece to a Python object; `z_size` is the width of its latents.
    pub(super) fn publish(self, py: Python<'_>, z_size: usize) -> Outcome<Piece> {
        let copy = self.copy.map(|copy| to_python(py, &copy).map(Bound::unbind)).transpose()?;
        Ok(Piece {
            sequence: Py::new(py, NoteSequence::from(self.sequence))?,
            z: matrix(py, self.z, z_size)?.unbind(),
            style: self.style,
            membership: self.membership,
            components: self.components.map(|values| PyArray1::from_vec(py, values).unbind()),
            copy,
            form: self.form,
            warnings: self.warnings,
        })
    }
}

#[pymethods]
impl Piece {
    fn __repr__(&self) -> String {
        let n_notes = self.sequence.get().inner.notes.len();
        let style = self.style.as_ref().map(|style| format!(" of {style}"));
        let membership = self.membership.map(|share| format!(", membership {share:.2}"));
        format!(
            "<controlgen.Piece{}: {n_notes} notes{}>",
            style.unwrap_or_default(),
            membership.unwrap_or_default()
        )
    }
}

/// A tune with a style mixed in.
#[pyclass(frozen, get_all, module = "controlgen")]
pub(crate) struct Mix {
    /// The mix alone.
    pub(super) sequence: Py<NoteSequence>,
    /// The tune with the mix as a second voice.
    pub(super) duet: Py<NoteSequence>,
    /// Latents of the mix, `[n_windows, z_size]`.
    pub(super) z: Py<PyArray2<f32>>,
    /// The style that was mixed in.
    pub(super) style: String,
    /// Membership of the tune in the style, mean over its windows.
    pub(super) membership_before: f64,
    /// Membership of the mix after encoding it again.
    pub(super) membership_after: f64,
    /// Warnings about the tune.
    pub(super) warnings: Vec<String>,
}

#[pymethods]
impl Mix {
    fn __repr__(&self) -> String {
        let (before, after) = (self.membership_before, self.membership_after);
        format!("<controlgen.Mix: membership in {} {before:.2} to {after:.2}>", self.style)
    }
}
