//! Music that `Model` makes from tunes: mixes, variations, interpolations.

use controlgen::encode::encode_windows;
use controlgen::generate::{
    Decoding, End as LatentEnd, EndSource, Interpolation, controls_of, decode_all,
    interpolate as path_between,
};
use controlgen::mix::{MixMethod, MixRequest, mix_while};
use controlgen::output::music;
use controlgen::session::Session;
use controlgen::similar::{SimilarRequest, similar_while};
use controlgen::tune::Tune;
use note_seq::window::WindowForm;
use note_seq::{NoteListPlayback, NoteSequence, Program};
use numpy::{AllowTypeChange, PyArrayLike1, PyArrayMethods as _};
use pyo3::prelude::*;

use super::options::{Control, Sounding, TuneArg};
use super::piece::{Mix, NewPiece};
use super::style::{Style, StyleArg};
use crate::arrays::matrix;
use crate::error::{Outcome, refused};
use crate::notes::NoteSequence as Notes;

/// Program of a mix's second voice if windows are single lines: a vibraphone.
const SECOND_VOICE: u8 = 11;

/// A mix before it becomes a Python object.
pub(super) struct NewMix {
    pub(super) sequence: NoteSequence,
    pub(super) duet: NoteSequence,
    pub(super) z: Vec<f32>,
    pub(super) style: String,
    pub(super) membership_before: f64,
    pub(super) membership_after: f64,
    pub(super) warnings: Vec<String>,
}

impl NewMix {
    /// The mix for Python; `z_size` is the width of its latents.
    pub(super) fn publish(self, py: Python<'_>, z_size: usize) -> Outcome<Mix> {
        Ok(Mix {
            sequence: Py::new(py, Notes::from(self.sequence))?,
            duet: Py::new(py, Notes::from(self.duet))?,
            z: matrix(py, self.z, z_size)?.unbind(),
            style: self.style,
            membership_before: self.membership_before,
            membership_after: self.membership_after,
            warnings: self.warnings,
        })
    }
}

/// The style that is mixed into a tune, and how.
pub(super) struct MixArgs {
    pub(super) style: StyleArg,
    pub(super) strength: f64,
    pub(super) method: MixMethod,
    pub(super) decoding: Decoding,
}

/// A method of mixing by name.
pub(super) fn mix_method(name: &str) -> Outcome<MixMethod> {
    match name {
        "transport" => Ok(MixMethod::Transport),
        "interpolate" => Ok(MixMethod::Interpolate),
        _ => Err(refused(format!("method is {name:?}; 'transport' and 'interpolate' are allowed"))),
    }
}

/// Windows made from those of a tune, as music in the tune's keys.
fn like(
    session: &Session,
    tune: &Tune,
    windows: &[Vec<u16>],
    at: &NoteListPlayback,
) -> NoteSequence {
    let kind = session.model().kind();
    let windows = tune.in_own_key(kind, windows);
    music(kind, windows.iter().map(Vec::as_slice), at)
}

/// Mixes a style into a tune.
pub(super) fn mix(
    session: &Session,
    tune: &Tune,
    args: &MixArgs,
    sounding: &Sounding,
    go_on: &dyn Fn() -> bool,
) -> Outcome<NewMix> {
    let (model, styles) = (session.model(), session.styles()?);
    let style = styles.find(&args.style.text())?;
    let MixArgs { strength, method, decoding, .. } = *args;
    let windows = tune.window_tokens();
    let request = MixRequest { style, strength, method, decoding };
    let mixed = mix_while(model, styles, &windows, &request, go_on)?;
    let playback = sounding.of_tune(tune);
    // A mix of several instruments keeps their programs.
    let programs = match model.form() {
        WindowForm::Steps(_) => [Program::saturating(SECOND_VOICE); 6],
        WindowForm::Notes(_) => playback.programs,
    };
    let original = like(session, tune, &windows, &playback);
    let n_taken = original.instruments().last().map_or(0, |last| last + 1);
    let voice = NoteListPlayback { programs, ..playback };
    let mut second = like(session, tune, &mixed.windows, &voice);
    second.notes.iter_mut().for_each(|note| note.instrument += n_taken);
    Ok(NewMix {
        sequence: like(session, tune, &mixed.windows, &playback),
        duet: NoteSequence::merge(&[original, second]),
        z: mixed.z,
        style: style.name.clone(),
        membership_before: mixed.membership_before,
        membership_after: mixed.membership_after,
        warnings: tune.warnings.clone(),
    })
}

/// Makes `n` variations of a tune.
pub(super) fn similar(
    session: &Session,
    tune: &Tune,
    (distance, n, decoding): (f64, usize, Decoding),
    sounding: &Sounding,
    go_on: &dyn Fn() -> bool,
) -> Outcome<Vec<NewPiece>> {
    let (model, styles) = (session.model(), session.styles()?);
    let all = styles.mixture().moments()?;
    let windows = tune.window_tokens();
    let request = SimilarRequest {
        latents: &encode_windows(model, &windows),
        control: &controls_of(model, windows.iter().map(Vec::as_slice)),
        distance,
        n,
        decoding,
    };
    let playback = sounding.of_tune(tune);
    let found = similar_while(model, &all, &request, go_on)?.into_iter();
    let pieces = found.map(|variation| NewPiece {
        sequence: like(session, tune, &variation.windows, &playback),
        z: variation.z,
        warnings: tune.warnings.clone(),
        ..NewPiece::default()
    });
    Ok(pieces.collect())
}

/// An end of an interpolation.
pub(super) enum End {
    /// The mean of a style.
    Style(String),
    /// The first window of a tune.
    Tune(TuneArg),
    /// A latent.
    Latent(Vec<f32>),
}

impl End {
    /// Parses an argument: a style, `"style:NAME"`, a tune, or a latent.
    pub(super) fn of(end: &Bound<'_, PyAny>) -> Outcome<Self> {
        if let Ok(style) = end.extract::<Py<Style>>() {
            return Ok(Self::Style(StyleArg::Style(style).text()));
        }
        if let Ok(text) = end.extract::<String>()
            && let Some(name) = text.strip_prefix("style:")
        {
            return Ok(Self::Style(name.to_owned()));
        }
        if let Ok(tune) = end.extract::<TuneArg>() {
            return Ok(Self::Tune(tune));
        }
        let z = end.extract::<PyArrayLike1<'_, f32, AllowTypeChange>>()?;
        Ok(Self::Latent(z.to_vec()?))
    }

    /// Its latent, with the requested meter or chords, or its own.
    fn latent(&self, session: &Session, given: &Control, seed: u64) -> Outcome<LatentEnd> {
        let request = given.request();
        match self {
            Self::Style(name) => {
                let style = session.styles()?.find(name)?;
                Ok(EndSource::Style(style).end(session, request, seed)?)
            }
            Self::Tune(tune) => {
                let tune = tune.tune(session.model(), None)?;
                let first = tune.windows.first().expect("a tune has at least one window");
                Ok(EndSource::Window(&first.tokens).end(session, request, seed)?)
            }
            Self::Latent(z) => Ok(EndSource::Latent(z).end(session, request, seed)?),
        }
    }
}

/// A method of interpolation by name.
pub(super) fn interpolation(name: &str) -> Outcome<Interpolation> {
    match name {
        "slerp" => Ok(Interpolation::Slerp),
        "lerp" => Ok(Interpolation::Lerp),
        _ => Err(refused(format!("method is {name:?}; 'slerp' and 'lerp' are allowed"))),
    }
}

/// Windows along a path through latents.
pub(super) fn interpolate(
    session: &Session,
    ends: &[End],
    (steps, interpolation, decoding): (usize, Interpolation, Decoding),
    (given, sounding): (&Control, &Sounding),
) -> Outcome<Vec<NewPiece>> {
    let model = session.model();
    let ends = ends.iter().map(|end| end.latent(session, given, decoding.seed));
    let ends = ends.collect::<Outcome<Vec<_>>>()?;
    // The meter or chords of the first one.
    let control = ends.first().map(|end| end.control.clone()).unwrap_or_default();
    let ends: Vec<Vec<f32>> = ends.into_iter().map(|end| end.z).collect();
    let latents = path_between(&ends, steps, interpolation)?;
    let windows = decode_all(model, latents, &control, decoding)?.into_iter();
    let pieces = windows.map(|decoded| {
        let sequence = sounding.music(model, &[decoded.tokens])?;
        Ok(NewPiece { sequence, z: decoded.z, ..NewPiece::default() })
    });
    pieces.collect()
}
