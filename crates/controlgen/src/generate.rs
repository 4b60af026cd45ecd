//! New music: from a style, from a tune's own latents, from the way between two.

use musicvae::{Sampling, Windows, seed};
use rand::RngExt;
use thiserror::Error;

use crate::artifact::ArtifactError;
use crate::latent::{sample_style, slerp};
use crate::model::Model;
use crate::style::{Reference, Style, Styles};
use crate::tune::Tune;

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
    /// An interpolation of fewer than two steps.
    #[error("an interpolation of {found} steps; it needs at least 2")]
    Steps {
        /// What it was.
        found: usize,
    },
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
        let n = (z.len() / model.z_size()) as u64;
        let sampling = self.temperature.map_or(Sampling::Argmax, Sampling::Temperature);
        let mut rngs: Vec<_> = (0..n).map(|i| seed::stream(self.seed, "decode", i)).collect();
        let n_steps = model.config().musicvae.n_steps;
        model.generator().decode_controlled(z, control, n_steps, sampling, &mut rngs)
    }
}

/// The control of `n` windows, `[n, n_steps]`: chords spread evenly over each window, or, where none
/// are given, those of real windows of the model's reference, drawn at random ("no chord" if it holds
/// none). Empty for a model without a control.
///
/// # Errors
/// [`GenerateError::Chords`] for a model without; [`GenerateError::Artifact`] where the reference
/// can't be read.
pub fn control(
    model: &Model,
    n: usize,
    chords: Option<&[u16]>,
    seed: u64,
) -> Result<Vec<u16>, GenerateError> {
    let layout = model.config().musicvae.window();
    match (layout.has_control(), chords) {
        (false, None) => Ok(Vec::new()),
        (false, Some(_)) => Err(GenerateError::Chords { kind: model.kind().name }),
        (true, Some(chords)) => {
            let steps = 0..layout.n_steps;
            let of_window: Vec<u16> = steps
                .map(|step| chords.get(step * chords.len() / layout.n_steps).copied().unwrap_or(0))
                .collect();
            Ok(of_window.repeat(n))
        }
        (true, None) => {
            let rows = Reference::load(model)?.rows;
            if rows.is_empty() {
                return Ok(vec![0; n * layout.n_steps]);
            }
            let mut rng = seed::stream(seed, "chords", 0);
            let real = (0..n).map(|_| rows[rng.random_range(0..rows.len())].tokens.as_slice());
            Ok(controls_of(model, real))
        }
    }
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
    let again = encode(model, &windows);
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

/// Posterior means of windows of the model's own vocabulary, `[n, Z]`.
pub fn encode(model: &Model, windows: &[Vec<u16>]) -> Vec<f32> {
    let layout = model.config().musicvae.window();
    let tokens: Vec<u16> = windows.concat();
    let windows = Windows::new(&tokens, &layout).expect("windows of the model's own kind");
    model.weights().encode_windows(windows, |_| ()).mean
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
    let z = encode(model, &originals);
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

/// A stop on the way from one latent to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Waypoint {
    /// The latent, `[Z]`.
    pub z: Vec<f32>,
    /// What it decodes to, one token a step.
    pub tokens: Vec<u16>,
}

/// Windows on the way from one latent to another, both ends among them, under one control `[n_steps]`
/// if the model has one.
///
/// # Errors
/// [`GenerateError`]: for a temperature out of range, or fewer than two steps.
pub fn interpolate(
    model: &Model,
    from: &[f32],
    to: &[f32],
    n_steps: usize,
    control: &[u16],
    decoding: Decoding,
) -> Result<Vec<Waypoint>, GenerateError> {
    let decoding = decoding.check()?;
    if n_steps < 2 {
        return Err(GenerateError::Steps { found: n_steps });
    }
    let way: Vec<Vec<f32>> =
        (0..n_steps).map(|i| slerp(from, to, i as f64 / (n_steps - 1) as f64)).collect();
    let windows = decoding.decode(model, &way.concat(), &control.repeat(n_steps));
    Ok(way.into_iter().zip(windows).map(|(z, tokens)| Waypoint { z, tokens }).collect())
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
