//! `Model.encode`, `Model.decode` and `Model.inspect`: tunes as windows and latents, and back.

use controlgen::encode::posteriors;
use controlgen::generate::{Controls, Decoding};
use pyo3::prelude::*;
use serde_json::json;

use super::Model;
use super::options::{Control, Sounding, TuneArg};
use crate::arrays::{latents, matrix};
use crate::error::Outcome;
use crate::interrupt::Interrupt;
use crate::notes::NoteSequence;
use crate::values::to_python;

/// One or several tunes.
#[derive(FromPyObject)]
pub(super) enum TunesArg {
    One(TuneArg),
    Several(Vec<TuneArg>),
}

/// Music from latents.
pub(super) fn decode(
    model: &Model,
    z: &Bound<'_, PyAny>,
    given: &Control,
    sounding: &Sounding,
    decoding: Decoding,
) -> Outcome<NoteSequence> {
    let (py, z) = (z.py(), latents(z, model.z_size)?);
    let interrupt = Interrupt::default();
    let music = py.detach(|| {
        let session = model.session();
        let model = session.model();
        let controls = Controls::of_latents(model, session.styles_if_any(), given.request())?;
        let control = controls.of(0, &z, z.len() / model.z_size().max(1), decoding.seed);
        let windows = decoding.decode_while(model, &z, &control, &|| interrupt.go_on())?;
        Outcome::Ok(sounding.music(model, &windows)?.into())
    });
    interrupt.result(music)
}

/// Posteriors of the windows of tunes, all encoded together.
pub(super) fn encode<'py>(
    py: Python<'py>,
    model: &Model,
    tune: TunesArg,
    track: Option<u32>,
    return_std: bool,
) -> Outcome<Bound<'py, PyAny>> {
    let (tunes, is_list) = match tune {
        TunesArg::One(tune) => (vec![tune], false),
        TunesArg::Several(tunes) => (tunes, true),
    };
    let (counts, encoded) = py.detach(|| {
        let session = model.session();
        let (mut counts, mut windows) = (Vec::new(), Vec::new());
        for tune in &tunes {
            let own = tune.tune(session.model(), track)?.window_tokens();
            counts.push(own.len());
            windows.extend(own);
        }
        Outcome::Ok((counts, posteriors(session.model(), &windows, |_| ())?))
    })?;
    let mut found = Vec::with_capacity(counts.len());
    let mut at = 0;
    for n in counts {
        let own = at..at + n * model.z_size;
        at = own.end;
        let mean = matrix(py, encoded.mean[own.clone()].to_vec(), model.z_size)?;
        found.push(if return_std {
            let std = matrix(py, encoded.std_dev[own].to_vec(), model.z_size)?;
            (mean, std).into_pyobject(py)?.into_any()
        } else {
            mean.into_any()
        });
    }
    match found.pop() {
        Some(only) if !is_list => Ok(only),
        last => {
            found.extend(last);
            Ok(found.into_pyobject(py)?)
        }
    }
}

/// Describes the windows that a model makes from a tune.
pub(super) fn inspect<'py>(
    py: Python<'py>,
    model: &Model,
    tune: &TuneArg,
    track: Option<u32>,
) -> Outcome<Bound<'py, PyAny>> {
    let found = py.detach(|| {
        let tune = tune.tune(model.session().model(), track)?;
        Outcome::Ok(json!({
            "source": tune.source,
            "n_windows": tune.windows.len(),
            "instruments": tune.instruments,
            "instrument_names": tune.instrument_names,
            "qpm": tune.qpm,
            "transposed": tune.transposed,
            "choice": tune.choice,
            "usage": tune.usage,
            "in_words": tune.usage.in_words(),
            "warnings": tune.warnings,
        }))
    })?;
    to_python(py, &found)
}
