//! The controls of new windows: the meter of note lists, the chords of melodies.

use gmm::{GaussianMixture, Samples};
use musicvae::seed;
use note_seq::Meter;
use rand::{Rng, RngExt};

use super::GenerateError;
use crate::latent::{LatentSpace, argmax};
use crate::model::Model;
use crate::style::{Reference, Style, Styles};

/// The user's choice of chords or meter for new windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ControlRequest<'a> {
    /// Chords, spread evenly over each window; for models under chords.
    pub chords: Option<&'a [u16]>,
    /// The meter; for models of note lists.
    pub meter: Option<Meter>,
}

/// The controls of new windows: those asked for, or those of similar real music. Empty for a model
/// without controls.
///
/// A meter is drawn from the meters of a style's music ([`Controls::of_styles`]); a latent does not
/// contain it, because the encoder and the decoder receive it separately. Chords are those of real
/// windows.
#[derive(Clone, Debug)]
pub struct Controls {
    space: LatentSpace,
    n_control: usize,
    source: ControlSource,
}

#[derive(Clone, Debug)]
enum ControlSource {
    /// One for all windows, `[C]`; empty for a model without.
    Fixed(Vec<u16>),
    /// Drawn from those of real windows.
    Drawn(Vec<Vec<u16>>),
    /// Meters of the music that a latent probably belongs to.
    Meters(Vec<Metered>),
}

/// Music with its meters.
#[derive(Clone, Debug)]
struct Metered {
    /// Its fraction of all music asked for.
    weight: f64,
    /// The distribution of its latents; `None` if there is no other music.
    distribution: Option<GaussianMixture>,
    /// Classes of meters with their relative frequencies.
    meters: Vec<(u16, f64)>,
}

impl Controls {
    /// Controls like those of the real windows in the model's reference ("no chord" or 4/4 if the
    /// reference is empty).
    ///
    /// # Errors
    /// [`GenerateError::Chords`] and [`GenerateError::Meter`] for a control that the model does not
    /// take; [`GenerateError::Artifact`] if the reference can't be read.
    pub fn new(model: &Model, request: ControlRequest<'_>) -> Result<Self, GenerateError> {
        Self::with_meters(model, request, || {
            let rows = Reference::load(model)?.rows;
            let classes = rows.iter().filter_map(|row| model.form().control(&row.tokens).first());
            let meters = meter_shares(classes.copied());
            Ok(vec![Metered { weight: 1.0, distribution: None, meters }])
        })
    }

    /// Controls like those of the music of some styles. If that music has several meters, one is
    /// drawn for each piece, by its frequency in the style that the latents most probably belong
    /// to.
    ///
    /// # Errors
    /// Those of [`Controls::new`].
    pub fn of_styles(
        model: &Model,
        styles: &Styles,
        targets: &[&Style],
        request: ControlRequest<'_>,
    ) -> Result<Self, GenerateError> {
        let known: Vec<(&Style, Vec<(u16, f64)>)> =
            targets.iter().filter_map(|style| Some((*style, meters_of(style)?))).collect();
        if known.is_empty() || known.len() < targets.len() {
            return Self::new(model, request);
        }
        let is_one = known.len() == 1;
        Self::with_meters(model, request, || {
            let metered = known.into_iter().map(|(style, meters)| Metered {
                // An added style counts as much as an average one.
                weight: if style.is_added() { 1.0 / targets.len() as f64 } else { style.share },
                distribution: (!is_one).then(|| styles.distribution(style)),
                meters,
            });
            Ok(metered.collect())
        })
    }

    /// Controls for arbitrary latents: like those of the style that they most probably belong to,
    /// or, for a model without styles, like those of real windows.
    ///
    /// # Errors
    /// Those of [`Controls::new`].
    pub fn of_latents(
        model: &Model,
        styles: Option<&Styles>,
        request: ControlRequest<'_>,
    ) -> Result<Self, GenerateError> {
        match styles {
            Some(styles) => {
                let all: Vec<&Style> = styles.all().iter().collect();
                Self::of_styles(model, styles, &all, request)
            }
            None => Self::new(model, request),
        }
    }

    /// Controls like those of some windows.
    ///
    /// # Errors
    /// Those of [`Controls::new`].
    pub fn of_windows<'a>(
        model: &Model,
        windows: impl Iterator<Item = &'a [u16]>,
    ) -> Result<Self, GenerateError> {
        Self::with_meters(model, ControlRequest::default(), || {
            let classes = windows.filter_map(|tokens| model.form().control(tokens).first());
            let meters = meter_shares(classes.copied());
            Ok(vec![Metered { weight: 1.0, distribution: None, meters }])
        })
    }

    /// Controls like those of the reference windows that most probably belong to the same component
    /// of `mixture`, a mixture on the model's active dimensions.
    ///
    /// # Errors
    /// Those of [`Controls::new`].
    pub fn of_components(model: &Model, mixture: &GaussianMixture) -> Result<Self, GenerateError> {
        Self::with_meters(model, ControlRequest::default(), || {
            let rows = Reference::load(model)?.rows;
            let space = model.latent_space();
            let points = space.project_rows(rows.iter().map(|row| row.mu.as_slice()));
            let samples = Samples::new(&points, rows.len(), space.n_active());
            let labels = samples.ok().and_then(|samples| mixture.predict(&samples).ok());
            let labels = labels.unwrap_or_default();
            let n_components = mixture.n_components();
            let metered = (0..n_components).map(|component| {
                let of_component = rows.iter().zip(&labels).filter(|(_, l)| **l == component);
                let classes = of_component
                    .filter_map(|(row, _)| model.form().control(&row.tokens).first().copied());
                Metered {
                    weight: mixture.weights()[component],
                    distribution: (n_components > 1)
                        .then(|| mixture.only(&[component]).expect("one of its components")),
                    meters: meter_shares(classes),
                }
            });
            Ok(metered.collect())
        })
    }

    /// The controls asked for; otherwise, for models that take a meter, those that `meters`
    /// returns.
    fn with_meters(
        model: &Model,
        request: ControlRequest<'_>,
        meters: impl FnOnce() -> Result<Vec<Metered>, GenerateError>,
    ) -> Result<Self, GenerateError> {
        let form = model.form();
        let n_control = form.n_control();
        let has_meter = form.encoding().is_some();
        if request.chords.is_some() && (n_control == 0 || has_meter) {
            return Err(GenerateError::Chords { kind: model.kind().name });
        }
        if request.meter.is_some() && !has_meter {
            return Err(GenerateError::Meter { kind: model.kind().name });
        }
        let source = match request {
            _ if n_control == 0 => ControlSource::Fixed(Vec::new()),
            ControlRequest { meter: Some(meter), .. } => ControlSource::Fixed(vec![meter.class()]),
            ControlRequest { chords: Some(chords), .. } => {
                let at = |step| step * chords.len() / n_control;
                let chord = |step| chords.get(at(step)).copied().unwrap_or(0);
                ControlSource::Fixed((0..n_control).map(chord).collect())
            }
            ControlRequest { .. } if has_meter => ControlSource::Meters(meters()?),
            ControlRequest { .. } => {
                let rows = Reference::load(model)?.rows;
                if rows.is_empty() {
                    ControlSource::Fixed(vec![0; n_control])
                } else {
                    let control = |tokens: &[u16]| form.control(tokens).to_vec();
                    ControlSource::Drawn(rows.iter().map(|row| control(&row.tokens)).collect())
                }
            }
        };
        Ok(Self { space: model.latent_space().clone(), n_control, source })
    }

    /// The controls `[n, C]` of windows with latents `[n, Z]`, numbered from `first`. Each depends
    /// on the seed, its number and its latents alone. All `n_windows` windows of a piece have the
    /// same meter. Empty for a model without controls.
    pub fn of(&self, first: u64, z: &[f32], n_windows: usize, seed: u64) -> Vec<u16> {
        let rows = self.space.rows(z);
        let (n, n_windows) = (rows.len(), n_windows.max(1));
        match &self.source {
            ControlSource::Fixed(control) => control.repeat(n),
            ControlSource::Drawn(known) => {
                let draw = |number| {
                    let mut rng = seed::stream(seed, "chords", number);
                    &known[rng.random_range(0..known.len())]
                };
                (first..first + n as u64).flat_map(draw).copied().collect()
            }
            ControlSource::Meters(music) => {
                let weights = weights_of(music, &self.space.project_all(z), n);
                let pieces = weights.chunks(n_windows).enumerate();
                let meter = |(piece, weights): (usize, &[Vec<f64>])| {
                    let number = first + (piece * n_windows) as u64;
                    let mut rng = seed::stream(seed, "meter", number);
                    let meter = draw_meter(music, weights, &mut rng);
                    vec![meter; weights.len() * self.n_control]
                };
                pieces.flat_map(meter).collect()
            }
        }
    }
}

impl Controls {
    /// The controls `[n, C]` of windows with latents `[n, Z]`, each as if it were alone: like
    /// [`Controls::of`], but with the most frequent meter of the music that the latents probably
    /// belong to, so that latents next to each other have the same one.
    pub fn likeliest(&self, z: &[f32], seed: u64) -> Vec<u16> {
        let ControlSource::Meters(music) = &self.source else {
            return self.space.rows(z).flat_map(|z| self.of(0, z, 1, seed)).collect();
        };
        let n = self.space.rows(z).len();
        let weights = weights_of(music, &self.space.project_all(z), n);
        let meter = |weights: Vec<f64>| {
            let shares = meters_among(music, &[weights]);
            let most = argmax(&shares).filter(|most| shares[*most] > 0.0);
            let most = most.and_then(|most| u16::try_from(most).ok());
            vec![most.unwrap_or(Meter::COMMON.class()); self.n_control]
        };
        weights.into_iter().flat_map(meter).collect()
    }
}

/// The most frequent meter of a style's music, or chords of real windows, `[C]`; see [`Controls`].
///
/// # Errors
/// Those of [`Controls::new`].
pub fn control_of_style(
    model: &Model,
    style: &Style,
    seed: u64,
) -> Result<Vec<u16>, GenerateError> {
    let most = meters_of(style).and_then(|m| m.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)));
    if let Some((class, _)) = most {
        return Ok(vec![class; model.form().n_control()]);
    }
    let controls = Controls::new(model, ControlRequest::default())?;
    Ok(controls.of(0, &vec![0.0; model.z_size()], 1, seed))
}

/// The meters of a style's music by its card; `None` if it has no card with meters.
fn meters_of(style: &Style) -> Option<Vec<(u16, f64)>> {
    let meters = style.card.as_ref()?.meters();
    let known = meters.into_iter().map(|(meter, share)| (meter.class(), share));
    Some(known.collect()).filter(|known: &Vec<_>| !known.is_empty())
}

/// The relative frequency of each class of meter, by class.
fn meter_shares(classes: impl Iterator<Item = u16>) -> Vec<(u16, f64)> {
    let mut counts = vec![0_u32; usize::from(Meter::N_CLASSES)];
    let mut total = 0.0;
    for class in classes {
        if let Some(count) = counts.get_mut(usize::from(class)) {
            *count += 1;
            total += 1.0;
        }
    }
    let shares = (0..).zip(counts).filter(|(_, count)| *count > 0);
    shares.map(|(class, count)| (class, f64::from(count) / total)).collect()
}

/// The weights of the parts of some music for each of `n` points: how probably the point belongs to
/// each.
fn weights_of(music: &[Metered], points: &[f64], n: usize) -> Vec<Vec<f64>> {
    let a_priori: Vec<f64> = music.iter().map(|part| part.weight).collect();
    let samples = Samples::new(points, n, points.len() / n.max(1));
    let densities: Option<Vec<Vec<f64>>> = samples.ok().and_then(|samples| {
        let density = |part: &Metered| part.distribution.as_ref()?.score_samples(&samples).ok();
        music.iter().map(density).collect()
    });
    let Some(densities) = densities else { return vec![a_priori; n] };
    let of_point = |at: usize| {
        let logs: Vec<f64> =
            a_priori.iter().zip(&densities).map(|(w, density)| w.ln() + density[at]).collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        logs.iter().map(|log| (log - largest).exp()).collect()
    };
    (0..n).map(of_point).collect()
}

/// How frequent each class of meter is, given the weights of the music for each window.
fn meters_among(music: &[Metered], weights: &[Vec<f64>]) -> Vec<f64> {
    let mut shares = vec![0.0; usize::from(Meter::N_CLASSES)];
    for of_window in weights {
        for (part, weight) in music.iter().zip(of_window) {
            for (class, share) in &part.meters {
                shares[usize::from(*class)] += weight * share;
            }
        }
    }
    shares
}

/// Draws the class of a piece's meter, given the weights of the music for each of its windows; 4/4
/// if no meter is known.
fn draw_meter(music: &[Metered], weights: &[Vec<f64>], rng: &mut impl Rng) -> u16 {
    let shares = meters_among(music, weights);
    let mut left = rng.random::<f64>() * shares.iter().sum::<f64>();
    let drawn = (0..).zip(&shares).find(|(_, share)| {
        left -= **share;
        left < 0.0
    });
    drawn.map_or(Meter::COMMON.class(), |(class, _)| class)
}

#[cfg(test)]
mod tests {
    use gmm::Covariances;

    use super::*;

    fn gaussian(mean: f64) -> GaussianMixture {
        GaussianMixture::from_parameters(vec![1.0], vec![mean], Covariances::Spherical(vec![1.0]))
            .unwrap()
    }

    fn controls(music: Vec<Metered>) -> Controls {
        let space = LatentSpace::new(1, vec![0]).unwrap();
        Controls { space, n_control: 1, source: ControlSource::Meters(music) }
    }

    #[test]
    fn a_meter_is_that_of_the_style_that_a_latent_is_of() {
        let part =
            |mean, meters| Metered { weight: 0.5, distribution: Some(gaussian(mean)), meters };
        let both = controls(vec![part(-20.0, vec![(11, 1.0)]), part(20.0, vec![(5, 1.0)])]);
        assert_eq!(both.of(0, &[-20.0, 20.0, 21.0], 1, 7), [11, 5, 5]);
        // The likeliest one does not depend on the seed, nor on other latents.
        let part =
            |mean, meters| Metered { weight: 0.5, distribution: Some(gaussian(mean)), meters };
        let mixed = vec![(11, 0.4), (5, 0.6)];
        let mostly = controls(vec![part(-20.0, mixed), part(20.0, vec![(9, 1.0)])]);
        for seed in 0..20 {
            assert_eq!(mostly.likeliest(&[-20.0, 20.0, -19.0], seed), [5, 9, 5]);
        }
        // All windows of a piece have one meter, and pieces are drawn by number.
        let piece = both.of(0, &[-20.0, 20.0, -20.0, 20.0], 4, 7);
        assert!(piece.iter().all(|meter| *meter == piece[0]), "{piece:?}");
    }

    #[test]
    fn meters_are_drawn_by_their_shares_and_depend_on_seed_and_number_alone() {
        let one = Metered { weight: 1.0, distribution: None, meters: vec![(11, 0.25), (15, 0.75)] };
        let one = controls(vec![one]);
        let drawn = one.of(0, &[0.0; 2000], 1, 3);
        let waltzes = drawn.iter().filter(|meter| **meter == 11).count();
        // Of 2,000, within five standard deviations: 5 √(2000 · 0.25 · 0.75).
        assert!((403..=597).contains(&waltzes), "{waltzes}");
        assert_eq!(one.of(1500, &[0.0; 500], 1, 3), drawn[1500..]);
        assert_ne!(one.of(0, &[0.0; 2000], 1, 4), drawn);
        assert_eq!(controls(Vec::new()).of(0, &[0.0], 1, 3), [Meter::COMMON.class()]);
    }

    #[test]
    fn shares_of_meters_are_counted_by_class() {
        assert_eq!(meter_shares([15, 11, 15, 15].into_iter()), [(11, 0.25), (15, 0.75)]);
        assert_eq!(meter_shares(std::iter::empty()), []);
    }
}
