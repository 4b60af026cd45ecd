//! New music: of a style, from the latents of a tune, along a path between latents.

mod interpolation;
mod latent_path;
mod pieces;
mod reencoding;
mod target;

use corpus::artifact::ArtifactError;
use musicvae::{Sampling, seed};
use rand::RngExt;
use thiserror::Error;

use crate::encode::encode_windows;
use crate::model::Model;
use crate::style::{Reference, StyleError};
use crate::tune::Tune;

pub use interpolation::{Decoded, Interpolation, decode_all, grid, interpolate};
pub use latent_path::{LatentPath, LatentSampling, blend};
pub use pieces::{
    Dropped, Piece, PieceFilter, PieceRequest, Pieces, memberships, pieces, pieces_while,
};
pub use reencoding::{ReencodingAccuracy, reencoding_accuracy};
pub use target::Target;

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
        /// What it was.
        found: f32,
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
    #[error("a path of {found} windows; it needs at least {needed}")]
    Steps {
        /// What it was.
        found: usize,
        /// How many it needs.
        needed: usize,
    },
    /// A setting that is out of range.
    #[error("the {what} is {found}; {allowed}")]
    Setting {
        /// Which one.
        what: &'static str,
        /// What it was.
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
        /// How many were dropped and why.
        dropped: String,
    },
    /// Styles can't be combined.
    #[error("these styles can't be combined: {0}")]
    Model(#[from] gmm::ModelError),
    /// A style is not found.
    #[error(transparent)]
    Style(#[from] StyleError),
    /// A length that is not a multiple of the model's windows.
    #[error("pieces of {found} bars can't be made of windows of {n_bars} bars")]
    Bars {
        /// The length asked for, in bars.
        found: usize,
        /// Bars of a window.
        n_bars: usize,
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

    /// Decodes latents `[n, Z]` under a control `[n, n_steps]` (empty for a model without one);
    /// window `i` takes its draws from stream `i`.
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
        let n_steps = model.config().musicvae.n_steps;
        let mut windows = Vec::with_capacity(z.len() / z_size.max(1));
        for (batch, z) in z.chunks((WINDOWS_PER_CHECK * z_size).max(1)).enumerate() {
            if !go_on() {
                return Err(GenerateError::Stopped);
            }
            let first = batch * WINDOWS_PER_CHECK;
            let of_batch = first * n_steps..(first + z.len() / z_size) * n_steps;
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
        let n_steps = model.config().musicvae.n_steps;
        model.generator().decode_controlled(z, control, n_steps, sampling, &mut rngs)
    }
}

/// The controls of new windows: chords spread evenly over each window, or, where none are given,
/// those of real windows of the model's reference ("no chord" if it holds none). Nothing for a
/// model without.
#[derive(Clone, Debug)]
pub struct Controls {
    /// Controls to take from, `[n_steps]` each; none for a model without.
    known: Vec<Vec<u16>>,
}

impl Controls {
    /// Reads what is needed.
    ///
    /// # Errors
    /// [`GenerateError::Chords`] for chords that the model does not take;
    /// [`GenerateError::Artifact`] where the reference can't be read.
    pub fn new(model: &Model, chords: Option<&[u16]>) -> Result<Self, GenerateError> {
        let layout = model.config().musicvae.window();
        let known = match (layout.has_control(), chords) {
            (false, None) => Vec::new(),
            (false, Some(_)) => return Err(GenerateError::Chords { kind: model.kind().name }),
            (true, Some(chords)) => {
                let at = |step| step * chords.len() / layout.n_steps;
                let chord = |step| chords.get(at(step)).copied().unwrap_or(0);
                vec![(0..layout.n_steps).map(chord).collect()]
            }
            (true, None) => {
                let rows = Reference::load(model)?.rows;
                let of = |tokens: &[u16]| controls_of(model, std::iter::once(tokens));
                let known: Vec<_> = rows.iter().map(|row| of(&row.tokens)).collect();
                if known.is_empty() { vec![vec![0; layout.n_steps]] } else { known }
            }
        };
        Ok(Self { known })
    }

    /// The controls of `n` windows, numbered from `first` on, `[n, n_steps]`; each depends on the
    /// seed and its number alone. Empty for a model without.
    pub fn of(&self, first: u64, n: usize, seed: u64) -> Vec<u16> {
        let numbers = first..first + n as u64;
        let draw = |number| {
            let mut rng = seed::stream(seed, "chords", number);
            &self.known[rng.random_range(0..self.known.len())]
        };
        match self.known.as_slice() {
            [] => Vec::new(),
            [only] => only.repeat(n),
            _ => numbers.flat_map(draw).copied().collect(),
        }
    }
}

/// The control of `n` windows, `[n, n_steps]`; see [`Controls`].
///
/// # Errors
/// Those of [`Controls::new`].
pub fn control(
    model: &Model,
    n: usize,
    chords: Option<&[u16]>,
    seed: u64,
) -> Result<Vec<u16>, GenerateError> {
    Ok(Controls::new(model, chords)?.of(0, n, seed))
}

/// The controls of whole windows, `[n, n_steps]`.
pub fn controls_of<'a>(model: &Model, windows: impl Iterator<Item = &'a [u16]>) -> Vec<u16> {
    let layout = model.config().musicvae.window();
    let first = layout.n_parts() * layout.n_steps;
    windows.flat_map(|window| &window[first..]).copied().collect()
}

/// A tune as the model writes it back from its posterior means.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconstruction {
    /// Windows, one for each of the tune's.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[n, Z]`.
    pub z: Vec<f32>,
    /// Share of steps that are the same, over all parts.
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
    let layout = model.config().musicvae.window();
    let written = layout.n_parts() * layout.n_steps;
    let of_parts = |windows: &'_ [Vec<u16>]| -> Vec<u16> {
        windows.iter().flat_map(|window| &window[..written]).copied().collect()
    };
    let (found, wanted) = (of_parts(&windows), of_parts(&originals));
    let pairs = || found.iter().zip(&wanted);
    let accuracy = pairs().filter(|(a, b)| a == b).count() as f64 / pairs().count().max(1) as f64;
    Ok(Reconstruction { windows, z, accuracy })
}
