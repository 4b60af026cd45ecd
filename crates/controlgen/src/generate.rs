//! New music: from a style, from a tune's own latents, from the way between two.

mod course;
mod pieces;
mod way;

use corpus::artifact::ArtifactError;
use musicvae::{Sampling, seed};
use rand::RngExt;
use thiserror::Error;

use crate::encode::encode_windows;
use crate::latent::sample_style;
use crate::model::Model;
use crate::style::{Reference, Style, Styles};
use crate::tune::Tune;

pub use course::{Course, LatentSampling, blend};
pub use pieces::{Dropped, Keep, Piece, PieceRequest, Pieces, memberships, pieces, pieces_while};
pub use way::{Joining, Waypoint, decode_all, grid, interpolate, way};

/// How latents become tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoding {
    /// Temperature of the draws; none for the most probable token each.
    pub temperature: Option<f32>,
    /// The seed of every draw.
    pub seed: u64,
}

/// Why nothing was generated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A temperature that divides by nothing.
    #[error(
        "the temperature is {found}; above 0 and at most 10 is allowed (0.1 is careful, 1 is as learnt)"
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
    /// A way of too few steps.
    #[error("a way of {found} steps; it needs at least {needed}")]
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
        /// What is allowed.
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
    /// Styles can't be joined.
    #[error("these styles can't be joined: {0}")]
    Model(#[from] gmm::ModelError),
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

    /// Decodes latents `[n, Z]` under a control `[n, n_steps]` (empty for a model without one); window
    /// `i` takes its draws from stream `i`.
    pub fn decode(self, model: &Model, z: &[f32], control: &[u16]) -> Vec<Vec<u16>> {
        self.decode_from(model, 0, z, control)
    }

    /// As [`Decoding::decode`], for windows that are numbered from `first` on.
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

/// The controls of new windows: chords spread evenly over each window, or, where none are given, those
/// of real windows of the model's reference ("no chord" if it holds none). Nothing for a model without.
#[derive(Clone, Debug)]
pub struct Controls {
    /// Controls to take from, `[n_steps]` each; none for a model without.
    known: Vec<Vec<u16>>,
}

impl Controls {
    /// Reads what is needed.
    ///
    /// # Errors
    /// [`GenerateError::Chords`] for chords that the model does not take; [`GenerateError::Artifact`]
    /// where the reference can't be read.
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

    /// The controls of `n` windows, numbered from `first` on, `[n, n_steps]`; each depends on the seed
    /// and its number alone. Empty for a model without.
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

/// A generated window.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// One token a step, track after track.
    pub tokens: Vec<u16>,
    /// The latent it was decoded from, `[Z]`.
    pub z: Vec<f32>,
    /// Probability of each component after encoding it again.
    pub membership: Vec<f64>,
    /// How surely it belongs to the style it was asked of; see [`Styles::membership`].
    pub in_style: f64,
}

impl Generated {
    /// The component it falls into after encoding it again.
    pub fn component(&self) -> Option<usize> {
        let best = self.membership.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.membership.iter().position(|p| *p >= best)
    }

    /// Whether it falls back into its style: no component of the mixture that is not the style's own is
    /// more probable.
    pub fn falls_into(&self, style: &Style) -> bool {
        match self.component() {
            Some(component) if style.components.is_empty() => {
                self.in_style >= (1.0 - self.in_style) * self.membership[component]
            }
            Some(component) => style.components.contains(&component),
            None => false,
        }
    }
}

/// Draws `n` windows of a style, under chords if the model takes them (see [`control`]); number `i`
/// depends on the seed and `i` alone.
///
/// # Errors
/// [`GenerateError::Temperature`], and those of [`control`].
pub fn generate(
    model: &Model,
    styles: &Styles,
    style: &Style,
    n: usize,
    chords: Option<&[u16]>,
    decoding: Decoding,
) -> Result<Vec<Generated>, GenerateError> {
    let decoding = decoding.check()?;
    let control = control(model, n, chords, decoding.seed)?;
    let active = &model.config().active_dimensions;
    let z = sample_style(&styles.distribution(style), active, model.z_size(), n, decoding.seed);
    let windows = decoding.decode(model, &z, &control);
    let again = encode_windows(model, &windows);
    let memberships = styles.memberships(model, &again);
    let in_style = styles.membership(model, &again, style);
    Ok(windows
        .into_iter()
        .zip(z.chunks_exact(model.z_size()))
        .zip(memberships.into_iter().zip(in_style))
        .map(|((tokens, z), (membership, in_style))| Generated {
            tokens,
            z: z.to_vec(),
            membership,
            in_style,
        })
        .collect())
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

/// How often new music of a style, encoded again, falls back into that style's component.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FallBack {
    /// Windows drawn of each style.
    pub n_per_style: usize,
    /// Share that fell back, for each style.
    pub by_style: Vec<f64>,
    /// Share over all styles.
    pub share: f64,
    /// What drawing a component blindly would reach: one in the number of styles.
    pub chance: f64,
}

/// Draws windows of every style and encodes them again.
///
/// # Errors
/// [`GenerateError::Temperature`].
pub fn fall_back(
    model: &Model,
    styles: &Styles,
    n_per_style: usize,
    decoding: Decoding,
) -> Result<FallBack, GenerateError> {
    let mut by_style = Vec::new();
    for style in styles.all() {
        let generated = generate(model, styles, style, n_per_style, None, decoding)?;
        let own = generated.iter().filter(|g| g.falls_into(style)).count();
        by_style.push(own as f64 / n_per_style.max(1) as f64);
    }
    let n_styles = by_style.len().max(1) as f64;
    let share = by_style.iter().sum::<f64>() / n_styles;
    Ok(FallBack { n_per_style, by_style, share, chance: 1.0 / n_styles })
}
