//! Mixing a style into a tune: the demo of the paper's authors.
//!
//! The latents of a tune's windows move some distance toward a style and are decoded to a new tune
//! that keeps part of the original, to be played alone or as a second voice with it.

use gmm::{Gaussian, GaussianMixture, ModelError, Samples};
use musicvae::seed;
use note_seq::features::{Harmony, harmony_of_windows};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::encode::encode_windows;
use crate::generate::{Decoding, GenerateError, LatentPath, LatentSampling, controls_of};
use crate::latent::argmax;
use crate::model::Model;
use crate::style::{Reference, Style, Styles};

/// Maximum number of other styles whose harmony is measured for comparison.
const OTHER_STYLES: usize = 8;
/// Number of unrelated real windows that each window of the tune is compared with.
const UNRELATED: usize = 32;

/// Method of moving a latent toward a style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MixMethod {
    /// Along the optimal transport from the tune's nearest component to the style, which maps mean
    /// to mean and preserves the individuality of the tune. Deterministic.
    #[default]
    Transport,
    /// Linear interpolation to samples of the style, one per window.
    Interpolate,
}

/// The style to mix in, and options.
#[derive(Clone, Copy, Debug)]
pub struct MixRequest<'a> {
    /// The style.
    pub style: &'a Style,
    /// 0 for the tune, 1 for the style.
    pub strength: f64,
    /// The path of the latents.
    pub method: MixMethod,
    /// Decoding options.
    pub decoding: Decoding,
}

/// A tune with a style mixed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixed {
    /// Its windows, one for each of the tune's.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[n, Z]`.
    pub z: Vec<f32>,
    /// The tune's nearest component, where the transport begins.
    pub from: usize,
    /// Membership of the tune in the style, mean over its windows.
    pub membership_before: f64,
    /// Membership of the mix after encoding it again.
    pub membership_after: f64,
    /// The probability of each component after encoding the mix again, mean over its windows.
    pub components: Vec<f64>,
}

/// Consonance of the mix with the tune, compared with other styles and chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HarmonyReport {
    /// The mix and the tune.
    pub mix: Harmony,
    /// Fraction of the common time that is consonant; `None` if they never sound together.
    pub consonance: Option<f64>,
    /// The same for other styles mixed in with equal strength, combined.
    pub other_styles: Option<f64>,
    /// The same for unrelated windows of the training music.
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

/// Mixes a style into windows of a tune, with its own chords if the model uses any.
///
/// # Errors
/// Returns a [`GenerateError`] if the strength or temperature is out of range.
pub fn mix(
    model: &Model,
    styles: &Styles,
    tune: &[Vec<u16>],
    request: &MixRequest<'_>,
) -> Result<Mixed, GenerateError> {
    mix_while(model, styles, tune, request, &|| true)
}

/// Like [`mix`], but stops early when `go_on` returns `false` (checked before each batch of
/// windows).
///
/// # Errors
/// Same as [`mix`], and [`GenerateError::Stopped`].
pub fn mix_while(
    model: &Model,
    styles: &Styles,
    tune: &[Vec<u16>],
    request: &MixRequest<'_>,
    go_on: &dyn Fn() -> bool,
) -> Result<Mixed, GenerateError> {
    request.check()?;
    let space = model.latent_space();
    let before = encode_windows(model, tune);
    let points = space.project_all(&before);
    let from = nearest_component(styles.mixture(), &points)?;
    let target = styles.distribution(request.style);
    let moved = match request.method {
        MixMethod::Transport => {
            let from = styles.mixture().component(from)?;
            transported(&points, &from, &target.moments()?, request.strength)?
        }
        MixMethod::Interpolate => {
            let path = LatentPath::stationary(&target)?;
            let (sampling, seed) = (LatentSampling::default(), request.decoding.seed);
            let ends = space.project_all(&path.latents(space, tune.len(), sampling, seed, 0)?);
            let t = request.strength;
            points.iter().zip(&ends).map(|(a, b)| (1.0 - t) * a + t * b).collect()
        }
    };
    let mut z = before.clone();
    space.embed_all(&moved, &mut z);
    let control = controls_of(model, tune.iter().map(Vec::as_slice));
    let windows = request.decoding.decode_while(model, &z, &control, go_on)?;
    let again = encode_windows(model, &windows);
    let mean = |latents: &[f32]| {
        let all = styles.membership(model, latents, request.style);
        all.iter().sum::<f64>() / all.len().max(1) as f64
    };
    Ok(Mixed {
        membership_before: mean(&before),
        membership_after: mean(&again),
        components: styles.mean_responsibilities(model, &again),
        windows,
        z,
        from,
    })
}

/// The component with the largest mean responsibility for points `[n, D]`; the first of equal ones.
///
/// # Errors
/// Returns [`ModelError::FeatureMismatch`] if there are no points, or points of other dimensions.
pub fn nearest_component(mixture: &GaussianMixture, points: &[f64]) -> Result<usize, ModelError> {
    let d = mixture.n_features();
    let Ok(samples) = Samples::new(points, points.len() / d.max(1), d) else {
        return Err(ModelError::FeatureMismatch { found: points.len(), expected: d });
    };
    let responsibilities = mixture.predict_proba(&samples)?;
    let mut sums = vec![0.0; mixture.n_components()];
    for row in responsibilities.rows() {
        sums.iter_mut().zip(row).for_each(|(sum, p)| *sum += p);
    }
    Ok(argmax(&sums).unwrap_or(0))
}

/// Points `[n, D]` moved by a fraction of their path from one Gaussian to another.
///
/// # Errors
/// Returns a [`ModelError`] if the dimensions differ.
pub fn transported(
    points: &[f64],
    from: &Gaussian,
    to: &Gaussian,
    strength: f64,
) -> Result<Vec<f64>, ModelError> {
    let map = from.transport_to(to)?;
    let rows = points.chunks_exact(from.mean().len().max(1));
    Ok(rows.flat_map(|point| map.apply_partly(point, strength)).collect())
}

/// Measures how well a mix goes with its tune, compared with mixes of up to 8 other styles and with
/// random windows of the training music, 32 for each window of the tune.
///
/// # Errors
/// Same as [`mix`].
pub fn harmony_report(
    model: &Model,
    styles: &Styles,
    reference: &Reference,
    tune: &[Vec<u16>],
    mixed: &Mixed,
    request: &MixRequest<'_>,
) -> Result<HarmonyReport, GenerateError> {
    let with = |other: &[Vec<u16>]| {
        harmony_of_windows(
            model.form(),
            tune.iter().map(Vec::as_slice),
            other.iter().map(Vec::as_slice),
        )
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
    #[cfg(feature = "flex")]
    use crate::test_session::{self, GoOn};
    use gmm::Covariances;

    #[test]
    fn transport_keeps_deviations_and_part_of_it_goes_part_of_the_path() {
        let from = Gaussian::new(vec![0.0, 0.0], vec![1.0, 0.0, 0.0, 4.0]).unwrap();
        let to = Gaussian::new(vec![10.0, -10.0], vec![9.0, 0.0, 0.0, 1.0]).unwrap();
        let points = [1.0, 2.0, 0.0, 0.0];
        let moved = transported(&points, &from, &to, 1.0).unwrap();
        let near = |found: &[f64], wanted: [f64; 2]| {
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        };
        // One standard deviation above the mean in both stays one standard deviation above the
        // mean.
        near(&moved[..2], [13.0, -9.0]);
        near(&moved[2..], [10.0, -10.0]);
        near(&transported(&points, &from, &to, 0.25).unwrap()[..2], [4.0, -0.75]);
        near(&transported(&points, &from, &to, 0.0).unwrap()[..2], [1.0, 2.0]);
    }

    #[test]
    #[cfg(feature = "flex")]
    fn a_mix_can_be_stopped_after_each_batch_of_windows() {
        let session = test_session::melody();
        let (model, styles) = (session.model(), session.styles().unwrap());
        // Three batches of 64 windows.
        let tune = test_session::windows(130);
        let style = &styles.all()[0];
        let decoding = Decoding { temperature: None, seed: 1 };
        let method = MixMethod::Transport;
        let request = MixRequest { style, strength: 0.5, method, decoding };
        for n in 0..3 {
            let go_on = GoOn::times(n);
            let stopped = mix_while(model, styles, &tune, &request, &|| go_on.answer());
            assert!(matches!(stopped, Err(GenerateError::Stopped)), "after {n} batches");
            // Nothing is decoded after the first `false`.
            assert_eq!(go_on.n_asked.get(), n + 1);
        }
        let go_on = GoOn::times(3);
        let whole = mix_while(model, styles, &tune, &request, &|| go_on.answer()).unwrap();
        assert_eq!((whole.windows.len(), go_on.n_asked.get()), (130, 3));
    }

    #[test]
    fn the_component_of_a_tune_is_that_of_most_of_its_windows() {
        let mixture = GaussianMixture::from_parameters(
            vec![0.5, 0.5],
            vec![-2.0, 2.0],
            Covariances::Spherical(vec![1.0, 1.0]),
        )
        .unwrap();
        assert_eq!(nearest_component(&mixture, &[-3.0, 2.5, 3.0]), Ok(1));
        assert_eq!(nearest_component(&mixture, &[-3.0]), Ok(0));
        assert!(nearest_component(&mixture, &[]).is_err());
    }
}
