//! `build_corpus`.

use std::path::PathBuf;

use ::corpus::kind::Kind;
use ::corpus::progress::Silent;
use ::corpus::{CorpusOptions, build};
use pyo3::prelude::*;

use crate::error::Outcome;
use crate::values::to_python;

/// Builds a corpus folder from MIDI files, archives of them, or folders with either. Returns its
/// report, which counts everything left out by reason.
///
/// `kind` is the kind of the windows, for example `poly-2bar`; `heldout` is the fraction of the
/// pieces kept for evaluation. If the process is killed, the same call continues the build.
#[pyfunction]
#[pyo3(signature = (paths, out, *, kind="poly-2bar", heldout=0.1, seed=0))]
pub(crate) fn build_corpus<'py>(
    py: Python<'py>,
    paths: Vec<PathBuf>,
    out: PathBuf,
    kind: &str,
    heldout: f64,
    seed: u64,
) -> Outcome<Bound<'py, PyAny>> {
    let kind = Kind::find(kind)?;
    let options = CorpusOptions { heldout, seed, ..CorpusOptions::new(paths, kind) };
    let report = py.detach(|| build(&options, &out, &Silent))?;
    to_python(py, &report)
}
