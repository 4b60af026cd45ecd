//! Mixing a style into a tune: the authors' demo.
//!
//! The latents of a tune's windows move a part of the way into a style, and decode to a tune of its
//! own that keeps some of the first: to be heard alone, or as a second voice beside the original.

use gmm::{Gaussian, GaussianMixture, ModelError, Samples};
use musicvae::seed;
use note_seq::features::{Harmony, harmony_of_windows};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::encode::encode_windows;
use crate::generate::{Course, Decoding, GenerateError, LatentSampling, controls_of};
use crate::model::Model;
use crate::style::{Reference, Style, Styles};

/// Styles beside the one asked for whose harmony is measured, at most.
const OTHER_STYLES: usize = 8;
/// Unrelated real windows that are set beside each of the tune's.
const UNRELATED: usize = 32;

/// How a latent moves into a style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MixMethod {
    /// Along the optimal transport from the tune's own style to the other: what is usual in the one
    /// becomes what is usual in the other, and what is special stays special. Without chance.
    #[default]
    Transport,
    /// In a straight line to a draw of the style, another for each window.
    Line,
}

/// What is mixed in, and how.
#[derive(Clone, Copy, Debug)]
pub struct MixRequest<'a> {
    /// The style.
    pub style: &'a Style,
    /// How far: 0 stays with the tune, 1 arrives in the style.
    pub strength: f64,
    /// By what way.
    pub method: MixMethod,
    /// How latents become tokens.
    pub decoding: Decoding,
}

/// A tune with a style mixed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixed {
    /// Its windows, one for each of the tune's.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[n, Z]`.
    pub z: Vec<f32>,
    /// The component of the mixture that the tune is most probably of: where the transport begins.
    pub from: usize,
    /// How surely the tune itself belongs to the style, mean over its windows.
    pub membership_before: f64,
    /// The same of the mix, encoded again.
    pub membership_after: f64,
    /// The probability of each component after encoding the mix again, mean over its windows.
    pub components: Vec<f64>,
}

/// How well the mix sounds together with the tune, beside what chance and other styles give.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HarmonyReport {
    /// The mix and the tune.
    pub mix: Harmony,
    /// The share of it that is consonant; none where they never sound together.
    pub consonance: Option<f64>,
    /// The same tune with each of some other styles mixed in equally, all together.
    pub other_styles: Option<f64>,
    /// Unrelated windows of the training music beside the tune.
    pub unrelated: Option<f64>,
}

impl MixRequest<'_> {
    fn check(&self) -> Result<(), GenerateError> {
        self.decoding.check()?;
        if (0.0..=1.0).contains(&self.strength) {
            return Ok(());
        }
        let (what, allowed) = ("strength", "0 to 1 is allowed (0 is the tune, 1 the style)");
        Err(GenerateError::Setting { what, found: self.strength, allowed })
    }
}

/// Mixes a style into windows of a tune, under its own chords if the model takes any.
///
/// # Errors
/// [`GenerateError`]: for a strength or temperature out of range.
pub fn mix(
    model: &Model,
    styles: &Styles,
    tune: &[Vec<u16>],
    request: &MixRequest<'_>,
) -> Result<Mixed, GenerateError> {
    request.check()?;
    let before = encode_windows(model, tune);
    let active = &model.config().active_dimensions;
    let points = points(&before, active, model.z_size());
    let from = nearest_component(styles.mixture(), &points)?;
    let target = styles.distribution(request.style);
    let moved = match request.method {
        MixMethod::Transport => {
            let from = styles.mixture().component(from)?;
            transported(&points, &from, &target.moments()?, request.strength)?
        }
        MixMethod::Line => {
            let course = Course::held(&target)?;
            let sampling = LatentSampling::default();
            let seed = [request.decoding.seed, 0];
            let ends = course.latents(active, model.z_size(), tune.len(), sampling, seed)?;
            let ends = self::points(&ends, active, model.z_size());
            let t = request.strength;
            let between = |(a, b): (&Vec<f64>, &Vec<f64>)| {
                a.iter().zip(b).map(|(a, b)| (1.0 - t) * a + t * b).collect()
            };
            points.iter().zip(&ends).map(between).collect()
        }
    };
    let mut z = before.clone();
    put(&mut z, &moved, active, model.z_size());
    let control = controls_of(model, tune.iter().map(Vec::as_slice));
    let windows = request.decoding.decode(model, &z, &control);
    let again = encode_windows(model, &windows);
    let mean = |latents: &[f32]| {
        let all = styles.membership(model, latents, request.style);
        all.iter().sum::<f64>() / all.len().max(1) as f64
    };
    let rows = styles.memberships(model, &again);
    let mut components = vec![0.0; styles.mixture().n_components()];
    for row in &rows {
        components.iter_mut().zip(row).for_each(|(sum, p)| *sum += p / rows.len() as f64);
    }
    Ok(Mixed {
        membership_before: mean(&before),
        membership_after: mean(&again),
        components,
        windows,
        z,
        from,
    })
}

/// Active dimensions of latents `[n, Z]`, a row each.
pub(crate) fn points(latents: &[f32], active: &[usize], z_size: usize) -> Vec<Vec<f64>> {
    latents
        .chunks_exact(z_size.max(1))
        .map(|z| active.iter().map(|d| f64::from(z[*d])).collect())
        .collect()
}

/// Puts rows of active dimensions into latents `[n, Z]`.
pub(crate) fn put(latents: &mut [f32], points: &[Vec<f64>], active: &[usize], z_size: usize) {
    for (z, point) in latents.chunks_exact_mut(z_size.max(1)).zip(points) {
        for (dimension, value) in active.iter().zip(point) {
            z[*dimension] = *value as f32;
        }
    }
}

/// The component that points are most probably of, all together: the largest mean responsibility.
///
/// # Errors
/// [`ModelError::FeatureMismatch`].
pub fn nearest_component(
    mixture: &GaussianMixture,
    points: &[Vec<f64>],
) -> Result<usize, ModelError> {
    let values = points.concat();
    let Ok(samples) = Samples::new(&values, points.len(), mixture.n_features()) else {
        let (found, expected) = (points.first().map_or(0, Vec::len), mixture.n_features());
        return Err(ModelError::FeatureMismatch { found, expected });
    };
    let shares = mixture.predict_proba(&samples)?;
    let mut sums = vec![0.0; mixture.n_components()];
    for row in shares.rows() {
        sums.iter_mut().zip(row).for_each(|(sum, p)| *sum += p);
    }
    let best = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Ok(sums.iter().position(|sum| *sum >= best).unwrap_or(0))
}

/// Points after a share of their way from one Gaussian to another.
///
/// # Errors
/// [`ModelError`] where the dimensions differ.
pub fn transported(
    points: &[Vec<f64>],
    from: &Gaussian,
    to: &Gaussian,
    strength: f64,
) -> Result<Vec<Vec<f64>>, ModelError> {
    let map = from.transport_to(to)?;
    Ok(points.iter().map(|point| map.apply_partly(point, strength)).collect())
}

/// Measures how well a mix goes with its tune: beside mixes with up to 8 other styles, and beside
/// windows of the training music drawn at random, 32 for each of the tune's.
///
/// # Errors
/// See [`mix`].
pub fn harmony_report(
    model: &Model,
    styles: &Styles,
    reference: &Reference,
    tune: &[Vec<u16>],
    mixed: &Mixed,
    request: &MixRequest<'_>,
) -> Result<HarmonyReport, GenerateError> {
    let layout = model.config().musicvae.window();
    let with = |other: &[Vec<u16>]| {
        harmony_of_windows(&layout, tune.iter().map(Vec::as_slice), other.iter().map(Vec::as_slice))
    };
    let others = styles.all().iter().filter(|style| style.name != request.style.name);
    let mut other_styles = Harmony::default();
    for style in others.take(OTHER_STYLES) {
        let other = mix(model, styles, tune, &MixRequest { style, ..*request })?;
        other_styles = other_styles.and(with(&other.windows));
    }
    let mut unrelated = Harmony::default();
    if !reference.rows.is_empty() {
        let mut rng = seed::stream(request.decoding.seed, "unrelated", 0);
        for _ in 0..UNRELATED {
            let drawn: Vec<Vec<u16>> = tune
                .iter()
                .map(|_| {
                    let row = rng.random_range(0..reference.rows.len());
                    reference.rows[row].tokens.clone()
                })
                .collect();
            unrelated = unrelated.and(with(&drawn));
        }
    }
    let mix = with(&mixed.windows);
    Ok(HarmonyReport {
        mix,
        consonance: mix.consonance(),
        other_styles: other_styles.consonance(),
        unrelated: unrelated.consonance(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm::Covariances;

    #[test]
    fn transport_keeps_what_is_special_and_a_share_of_it_goes_a_share_of_the_way() {
        let from = Gaussian::new(vec![0.0, 0.0], vec![1.0, 0.0, 0.0, 4.0]).unwrap();
        let to = Gaussian::new(vec![10.0, -10.0], vec![9.0, 0.0, 0.0, 1.0]).unwrap();
        let points = [vec![1.0, 2.0], vec![0.0, 0.0]];
        let moved = transported(&points, &from, &to, 1.0).unwrap();
        let near = |found: &[f64], wanted: [f64; 2]| {
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        };
        // One deviation above the mean in both stays one deviation above the mean.
        near(&moved[0], [13.0, -9.0]);
        near(&moved[1], [10.0, -10.0]);
        near(&transported(&points, &from, &to, 0.25).unwrap()[0], [4.0, -0.75]);
        near(&transported(&points, &from, &to, 0.0).unwrap()[0], [1.0, 2.0]);
    }

    #[test]
    fn the_component_of_a_tune_is_that_of_most_of_its_windows() {
        let mixture = GaussianMixture::from_parameters(
            vec![0.5, 0.5],
            vec![-2.0, 2.0],
            Covariances::Spherical(vec![1.0, 1.0]),
        )
        .unwrap();
        let points = |values: &[f64]| values.iter().map(|v| vec![*v]).collect::<Vec<_>>();
        assert_eq!(nearest_component(&mixture, &points(&[-3.0, 2.5, 3.0])), Ok(1));
        assert_eq!(nearest_component(&mixture, &points(&[-3.0])), Ok(0));
        assert!(nearest_component(&mixture, &[vec![0.0, 1.0]]).is_err());
    }

    #[test]
    fn active_dimensions_are_taken_and_put_back() {
        let mut z = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let rows = points(&z, &[2, 0], 3);
        assert_eq!(rows, [[3.0, 1.0], [6.0, 4.0]]);
        put(&mut z, &[vec![30.0, 10.0], vec![60.0, 40.0]], &[2, 0], 3);
        assert_eq!(z, [10.0, 2.0, 30.0, 40.0, 5.0, 60.0]);
    }
}
