//! `controlgen._controlgen`: the part of the Python package `controlgen` written in Rust.
//!
//! Each class wraps a value of one of our crates, cannot be changed from Python (so threads may
//! share it), and releases the interpreter's lock while Rust works on more than a few numbers.
//! Input arrays are copied, because another thread may write to them meanwhile.

mod arrays;
mod corpus;
mod error;
mod interrupt;
mod mixture;
mod model;
mod notes;
mod values;

/// The classes and exceptions of the module.
#[pyo3::pymodule]
mod _controlgen {
    #[pymodule_export]
    use crate::corpus::build_corpus;
    #[pymodule_export]
    use crate::error::ControlgenError;
    #[pymodule_export]
    use crate::mixture::Mixture;
    #[pymodule_export]
    use crate::model::{Mix, Model, Piece, Style};
    #[pymodule_export]
    use crate::notes::{NoteSequence, PianoRoll, QuantizedSequence};

    #[pymodule_init]
    fn init(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        use pyo3::types::PyModuleMethods as _;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("MODELS", models::names().collect::<Vec<_>>())
    }
}
