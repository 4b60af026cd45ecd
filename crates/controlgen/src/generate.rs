//! New music: of a style, from the latents of a tune, along a path between latents.

mod composing;
mod controls;
mod end;
mod interpolation;
mod latent_path;
mod membership;
mod pieces;
mod place;
mod scale;
mod style_check;
mod target;
mod together;

use corpus::artifact::ArtifactError;
use musicvae::note_list::NoteListScore;
use musicvae::{Sampling, seed};
use note_seq::NoteList;
use note_seq::window::WindowForm;
use thiserror::Error;

use crate::encode::encode_windows;
use crate::model::Model;
use crate::style::StyleError;
use crate::tune::Tune;

pub use composing::CompositionRequest;
pub use controls::{ControlRequest, Controls, control_of_style};
pub use end::{End, EndSource};
pub use interpolation::{Decoded, Interpolation, decode_all, grid, interpolate};
pub use latent_path::{LatentPath, LatentSampling, blend};
pub use membership::memberships;
pub use pieces::{Dropped, Piece, PieceFilter, PieceRequest, Pieces, pieces, pieces_while};
pub use place::{Placement, Plane};
pub use style_check::StyleCheck;
pub use target::{StyleChoice, Target};
pub use together::{LatentBatch, decode_together};

/// Windows decoded between two checks of whether to go on.
const WINDOWS_PER_CHECK: usize = 64;

/// How latents become tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoding {
    /// Sampling temperature; `None` for the most probable tokens.
    pub temperature: Option<f32>,
    /// The seed of every draw.
    pub seed: u64,
}

/// Why nothing was generated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A temperature out of range.
    #[error(
        "the temperature is {found}; above 0 and at most 10 is allowed (0.1 is conservative, 1 \
         follows the model)"
    )]
    Temperature {
        /// The value found.
        found: f32,
    },
    /// An accompaniment by a model that has no voices for one.
    #[error(
        "windows of `{kind}` have no accompaniment; give a model of many voices, such as one of \
         `poly-2bar`"
    )]
    OneVoice {
        /// The model's kind.
        kind: &'static str,
    },
    /// A meter for a model of a fixed one.
    #[error("a meter is given, and windows of `{kind}` are in 4/4; leave it out")]
    Meter {
        /// The model's kind.
        kind: &'static str,
    },
    /// Chords for a model that takes none.
    #[error("chords are given, and a model of `{kind}` takes none; leave them out")]
    Chords {
        /// The model's kind.
        kind: &'static str,
    },
    /// The chords of real windows can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A path of too few windows.
    #[error("a path needs at least {needed} windows, not {found}")]
    Steps {
        /// The value found.
        found: usize,
        /// The number needed.
        needed: usize,
    },
    /// A setting that is out of range.
    #[error("the {what} is {found}; {allowed}")]
    Setting {
        /// Which one.
        what: &'static str,
        /// The value found.
        found: f64,
        /// The allowed range.
        allowed: &'static str,
    },
    /// Copies are to be left out, and nothing tells what is one.
    #[error(
        "the model has no `copy.index` to check copies against; make one with `controlgen \
         copy-index --model MODEL --corpus CORPUS`"
    )]
    NoIndex,
    /// No attempt was good enough.
    #[error(
        "none of {n_attempts} attempts was kept ({dropped} were dropped); ask for less, or try \
         another temperature or more attempts"
    )]
    NothingKept {
        /// Attempts made.
        n_attempts: usize,
        /// Numbers of dropped attempts, by reason.
        dropped: String,
    },
    /// Styles can't be combined.
    #[error("these styles can't be combined: {0}")]
    Model(#[from] gmm::ModelError),
    /// A style is not found, or the model has none.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// A latent of another model.
    #[error("a latent has {found} values; this model's have {expected}")]
    Latent {
        /// Number of its values.
        found: usize,
        /// Number of dimensions of the latent space.
        expected: usize,
    },
    /// No style can be drawn by its share.
    #[error("no style has a share of the music to be drawn by; ask for one")]
    NoShare,
    /// A length that is not a multiple of the model's windows.
    #[error("pieces of {found} bars can't be made of windows of {n_bars} bars")]
    Bars {
        /// The length asked for, in bars.
        found: usize,
        /// Bars of a window.
        n_bars: usize,
    },
    /// Sections that don't divide a piece.
    #[error(
        "the form {form} has {n_sections} sections, and {} bars can't be divided into as many \
         sections of whole windows of {n_bars} bars; ask for a multiple of {} bars",
        n_windows * n_bars, n_sections * n_bars
    )]
    Form {
        /// The form.
        form: String,
        /// Its sections.
        n_sections: usize,
        /// Windows of the piece.
        n_windows: usize,
        /// Bars of a window.
        n_bars: usize,
    },
    /// New bars can't be put into a tune.
    #[error("new bars can't be made there: {why}")]
    Gap {
        /// Why not.
        why: String,
    },
    /// A scale for music that is in no key.
    #[error(
        "notes can be kept to the scale only of music in one key, which windows of `{kind}` are \
         not in; leave it out"
    )]
    Scale {
        /// The model's kind.
        kind: &'static str,
    },
    /// The caller stopped the work.
    #[error("stopped")]
    Stopped,
}

impl Decoding {
    /// Checks the temperature.
    ///
    /// # Errors
    /// [`GenerateError::Temperature`].
    pub fn check(self) -> Result<Self, GenerateError> {
        match self.temperature {
            Some(found) if !(found > 0.0 && found <= 10.0) => {
                Err(GenerateError::Temperature { found })
            }
            _ => Ok(self),
        }
    }

    /// Decodes latents `[n, Z]` under a control `[n, C]` (see [`WindowForm::n_control`]); window
    /// `i` takes its draws from stream `i`.
    pub fn decode(self, model: &Model, z: &[f32], control: &[u16]) -> Vec<Vec<u16>> {
        self.decode_from(model, 0, z, control)
    }

    /// Like [`Decoding::decode`], but stops early when `go_on` returns `false` (checked before each
    /// batch of windows).
    ///
    /// # Errors
    /// [`GenerateError::Stopped`].
    pub fn decode_while(
        self,
        model: &Model,
        z: &[f32],
        control: &[u16],
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<u16>>, GenerateError> {
        let z_size = model.z_size();
        let n_control = model.form().n_control();
        let mut windows = Vec::with_capacity(z.len() / z_size.max(1));
        for (batch, z) in z.chunks((WINDOWS_PER_CHECK * z_size).max(1)).enumerate() {
            if !go_on() {
                return Err(GenerateError::Stopped);
            }
            let first = batch * WINDOWS_PER_CHECK;
            let of_batch = first * n_control..(first + z.len() / z_size) * n_control;
            let control = control.get(of_batch).unwrap_or_default();
            windows.extend(self.decode_from(model, first as u64, z, control));
        }
        Ok(windows)
    }

    /// Like [`Decoding::decode`], for windows that are numbered from `first`.
    pub fn decode_from(
        self,
        model: &Model,
        first: u64,
        z: &[f32],
        control: &[u16],
    ) -> Vec<Vec<u16>> {
        let n = (z.len() / model.z_size()) as u64;
        let sampling = self.temperature.map_or(Sampling::Argmax, Sampling::Temperature);
        let mut rngs: Vec<_> =
            (first..first + n).map(|i| seed::stream(self.seed, "decode", i)).collect();
        model.network().decode(z, control, sampling, &mut rngs)
    }
}

/// The controls of whole windows, `[n, C]`.
pub fn controls_of<'a>(model: &Model, windows: impl Iterator<Item = &'a [u16]>) -> Vec<u16> {
    windows.flat_map(|window| model.form().control(window)).copied().collect()
}

/// A tune as the model writes it back from its posterior means.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconstruction {
    /// Windows, one for each of the tune's.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[n, Z]`.
    pub z: Vec<f32>,
    /// Share of steps that are the same, over all parts; of note lists, the F1 of the notes.
    pub accuracy: f64,
}

/// Encodes a tune and decodes it, under its own chords if the model takes any.
///
/// # Errors
/// [`GenerateError::Temperature`].
pub fn reconstruct(
    model: &Model,
    tune: &Tune,
    decoding: Decoding,
) -> Result<Reconstruction, GenerateError> {
    let decoding = decoding.check()?;
    let originals: Vec<Vec<u16>> = tune.windows.iter().map(|w| w.tokens.clone()).collect();
    let z = encode_windows(model, &originals);
    let control = controls_of(model, originals.iter().map(Vec::as_slice));
    let windows = decoding.decode(model, &z, &control);
    let accuracy = likeness(model.form(), &originals, &windows);
    Ok(Reconstruction { windows, z, accuracy })
}

/// Fraction of some windows that others contain: the fraction of equal steps, over all parts; of
/// note lists, the F1 of notes with the same onset and pitch.
pub fn likeness(form: &WindowForm, originals: &[Vec<u16>], windows: &[Vec<u16>]) -> f64 {
    match form {
        WindowForm::Steps(layout) => {
            let written = layout.n_parts() * layout.n_steps;
            let of_parts = |windows: &'_ [Vec<u16>]| -> Vec<u16> {
                windows.iter().flat_map(|window| &window[..written]).copied().collect()
            };
            let (found, wanted) = (of_parts(windows), of_parts(originals));
            let same = found.iter().zip(&wanted).filter(|(a, b)| a == b).count();
            same as f64 / wanted.len().max(1) as f64
        }
        WindowForm::Notes(encoding) => {
            let lists = |windows: &[Vec<u16>]| -> Vec<NoteList> {
                let list = |row: &Vec<u16>| NoteList::from_row(*encoding, row);
                windows.iter().map(|row| list(row).expect("windows of the model's kind")).collect()
            };
            NoteListScore::of(lists(originals).iter(), &lists(windows)).note_f1
        }
    }
}
