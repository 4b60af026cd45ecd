//! `PianoRoll`.

use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::prelude::*;

/// The sounding pitches of each frame. All arrays are `[n_frames, 128]`.
#[pyclass(frozen, get_all, module = "controlgen")]
pub(crate) struct PianoRoll {
    /// Frames per second.
    frames_per_second: f64,
    /// Whether the pitch sounds in the frame.
    active: Py<PyArray2<bool>>,
    /// Whether a note of the pitch starts in the frame.
    onsets: Py<PyArray2<bool>>,
    /// Velocity of the sounding note, 0 to 127.
    velocities: Py<PyArray2<u8>>,
}

impl PianoRoll {
    pub(super) fn new(py: Python<'_>, roll: note_seq::PianoRoll) -> PyResult<Self> {
        let shape = [roll.n_frames, 128];
        Ok(Self {
            frames_per_second: roll.frames_per_second,
            active: PyArray1::from_vec(py, roll.active).reshape(shape)?.unbind(),
            onsets: PyArray1::from_vec(py, roll.onsets).reshape(shape)?.unbind(),
            velocities: PyArray1::from_vec(py, roll.velocities).reshape(shape)?.unbind(),
        })
    }
}
