//! Attributes of given music turned up and down: several versions are decoded and measured, and the
//! nearest to what was asked for is kept.

use gmm::Gaussian;
use musicvae::seed;

use super::aim::Wanted;
use super::{Aim, AttributeError, AttributeMethod, AttributeVectors, Dial, measure_all};
use crate::generate::{Decoding, GenerateError};
use crate::model::Model;
use crate::similar::point_at;

/// Sizes of the versions' shifts, relative to what a linear function of the latents would need, and
/// how far they are moved in a random direction (see [`crate::similar`]). The first one is the
/// plain shift.
const VERSIONS: [(f64, f64); 16] = [
    (1.0, 0.0),
    (0.5, 0.0),
    (1.6, 0.0),
    (1.0, 0.3),
    (2.4, 0.0),
    (1.6, 0.4),
    (0.7, 0.4),
    (2.4, 0.5),
    (3.5, 0.0),
    (1.0, 0.6),
    (0.4, 0.3),
    (3.5, 0.6),
    (2.0, 0.8),
    (1.3, 0.8),
    (5.0, 0.4),
    (0.8, 1.0),
];
/// What each further version costs, in deviations: of those equally near the plainest is kept.
const FURTHER: f64 = 0.02;

/// How music is turned.
#[derive(Clone, Copy, Debug)]
pub struct TurnRequest<'a> {
    /// The attributes and how far each is to move from its value in the given music.
    pub dials: &'a [Dial],
    /// How directions are found.
    pub method: AttributeMethod,
    /// Number of versions of each window, of which the nearest is kept, at least 1.
    pub n_candidates: usize,
    /// The controls of the windows, `[n, C]`; empty for a model without.
    pub control: &'a [u16],
    /// How latents become tokens.
    pub decoding: Decoding,
}

/// Music that was turned.
#[derive(Clone, Debug, PartialEq)]
pub struct Turned {
    /// Its windows, one for each of the given ones.
    pub windows: Vec<Vec<u16>>,
    /// Their latents, `[n, Z]`.
    pub z: Vec<f32>,
    /// Movement of each attribute, in standard deviations of the training music: mean over the
    /// windows that have it before and after; `None` if no window has.
    pub moved: Vec<Option<f64>>,
}

/// Turns attributes of windows with latents `z`, `[n, Z]`, up or down. `all` is the mean and
/// covariance of the whole mixture. Window `i` depends on the seed and `i` alone.
///
/// # Errors
/// [`AttributeError::Unlearnt`]; [`AttributeError::Generate`] if `go_on` returned `false` (checked
/// before each batch of windows).
pub fn turn(
    model: &Model,
    vectors: &AttributeVectors,
    all: &Gaussian,
    (windows, z): (&[Vec<u16>], &[f32]),
    request: &TurnRequest<'_>,
    go_on: &dyn Fn() -> bool,
) -> Result<Turned, AttributeError> {
    let TurnRequest { dials, method, n_candidates, control, decoding } = *request;
    let (form, space) = (model.form(), model.latent_space());
    let shift = vectors.shift(dials, method)?;
    let attributes: Vec<_> = dials.iter().map(|dial| dial.attribute).collect();
    let deviations: Vec<f64> = attributes
        .iter()
        .map(|attribute| Ok(vectors.get(*attribute)?.std_dev))
        .collect::<Result<_, AttributeError>>()?;
    let before: Vec<Vec<Option<f64>>> =
        windows.iter().map(|window| measure_all(&attributes, form, window)).collect();
    let aim = |own: &Vec<Option<f64>>| -> Result<Aim, AttributeError> {
        let wanted = own.iter().zip(dials).zip(&deviations).map(|((own, dial), std_dev)| {
            let from = match own {
                Some(own) => *own,
                None => vectors.get(dial.attribute)?.mean,
            };
            Ok(Wanted {
                attribute: dial.attribute,
                value: from + dial.by * std_dev,
                std_dev: *std_dev,
            })
        });
        Ok(Aim { at: wanted.collect::<Result<_, AttributeError>>()? })
    };
    let aims: Vec<Aim> = before.iter().map(aim).collect::<Result<_, _>>()?;
    let n_candidates = n_candidates.max(1);
    // All first versions, then all second ones: the first are decoded as if they were alone.
    let mut versions = Vec::with_capacity(z.len() * n_candidates);
    for version in 0..n_candidates {
        let (strength, distance) = VERSIONS[version % VERSIONS.len()];
        for (window, z) in space.rows(z).enumerate() {
            let mut point = space.project(z);
            point.iter_mut().zip(&shift).for_each(|(x, by)| *x += strength * by);
            if distance > 0.0 || version >= VERSIONS.len() {
                let number = (window * n_candidates + version) as u64;
                let mut rng = seed::stream(decoding.seed, "turn", number);
                point = point_at(all, &point, distance.max(FURTHER), &mut rng);
            }
            let mut moved = z.to_vec();
            space.embed(&point, &mut moved);
            versions.extend(moved);
        }
    }
    let made = decoding
        .decode_while(model, &versions, &control.repeat(n_candidates), go_on)
        .map_err(|error: GenerateError| AttributeError::from(error))?;
    let mut turned = Turned { windows: Vec::new(), z: Vec::new(), moved: vec![None; dials.len()] };
    let mut sums = vec![(0.0, 0_usize); dials.len()];
    for (window, aim) in aims.iter().enumerate() {
        let cost = |version: usize| {
            let tokens = &made[version * windows.len() + window];
            aim.distance(form, tokens) + FURTHER * version as f64
        };
        let costs: Vec<f64> = (0..n_candidates).map(|version| -cost(version)).collect();
        let best = crate::latent::argmax(&costs).unwrap_or(0) * windows.len() + window;
        let after = measure_all(&attributes, form, &made[best]);
        for (at, (from, to)) in before[window].iter().zip(after).enumerate() {
            if let (Some(from), Some(to)) = (from, to) {
                sums[at].0 += (to - from) / deviations[at];
                sums[at].1 += 1;
            }
        }
        turned.windows.push(made[best].clone());
        turned.z.extend(&versions[best * space.z_size()..(best + 1) * space.z_size()]);
    }
    for (moved, (sum, n)) in turned.moved.iter_mut().zip(sums) {
        *moved = (n > 0).then(|| sum / n as f64);
    }
    Ok(turned)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::attribute::Attribute;
    use crate::encode::encode_windows;
    use crate::generate::controls_of;
    use crate::test_session;

    #[test]
    fn of_more_versions_one_is_nearer_to_what_was_asked() {
        let session = test_session::melody();
        let (model, vectors) = (session.model(), session.attributes().unwrap());
        let all = session.styles().unwrap().mixture().moments().unwrap();
        let windows = test_session::windows(24);
        let z = encode_windows(model, &windows);
        let control = controls_of(model, windows.iter().map(Vec::as_slice));
        let dials = [Dial { attribute: Attribute::Density, by: 1.0 }];
        let turned = |n_candidates| {
            let request = TurnRequest {
                dials: &dials,
                method: AttributeMethod::default(),
                n_candidates,
                control: &control,
                decoding: Decoding { temperature: Some(0.5), seed: 3 },
            };
            turn(model, vectors, &all, (&windows, &z), &request, &|| true).unwrap()
        };
        let std_dev = vectors.get(Attribute::Density).unwrap().std_dev;
        let measure = |window: &Vec<u16>| Attribute::Density.measure(model.form(), window);
        // Root mean square of the distance from one deviation more.
        let missed = |turned: &Turned| {
            let pairs = windows.iter().zip(&turned.windows);
            let squares: Vec<f64> = pairs
                .filter_map(|(before, after)| Some((measure(before)?, measure(after)?)))
                .map(|(before, after)| ((after - before) / std_dev - 1.0).powi(2))
                .collect();
            (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
        };
        let (plain, chosen) = (turned(1), turned(8));
        assert_eq!((plain.windows.len(), chosen.z.len()), (24, z.len()));
        assert!(missed(&chosen) < 0.6 * missed(&plain), "{} {}", missed(&chosen), missed(&plain));
        let moved = chosen.moved[0].unwrap();
        assert!((moved - 1.0).abs() < 0.35, "{moved}");
        // The first version is the plain shift.
        let shift = vectors.shift(&dials, AttributeMethod::default()).unwrap();
        let mut shifted = z.clone();
        model.latent_space().shift(&shift, &mut shifted);
        let decoding = Decoding { temperature: Some(0.5), seed: 3 };
        assert_eq!(plain.windows, decoding.decode(model, &shifted, &control));
    }
}
