//! New music compared with held-out real music by their distributions.

mod texture;

use controlgen::encode::encode_windows;
use controlgen::generate::{Decoding, GenerateError, PieceFilter, PieceRequest, Target, pieces};
use controlgen::model::Model;
use controlgen::piece::{Composition, DEFAULT_CANDIDATES, FormRequest};
use controlgen::style::Styles;
use corpus::table::WindowRow;
use gmm::{Covariances, GaussianMixture};
use note_seq::window::WindowForm;

use super::EvalError;
use super::data::EvalData;
use super::distribution::{FeatureOverlap, FeatureSet, mean_area};
use super::frechet::{Units, frechet_distance};
use super::music::{MGEVAL_NAMES, Muspy, description};
use super::report::{Better, Figure, Rolls, Section};
use super::samples::Source;
use super::statistics::mean;

/// Maximum number of windows per set: distances are between all pairs.
const MAX_WINDOWS: usize = 800;
/// Number of windows shown per set.
const SHOWN: usize = 4;

const NOTE: &str = "The held-out files are dealt into two halves. The first half is what everything is \
compared with: the second half (real music, the ceiling), and as many windows drawn from the mixture, from \
its styles by their shares, each chosen among eight draws as `generate` does, from the prior N(0, I), and from within one deviation of the mean latent. Overlapping area: mgeval's features \
(Yang and Lerch 2020), densities of the distances within the first half and from it to the other set; \
divergence of the same densities in nats. Fréchet distances are named by their space, `fd_latent` (means of \
the model's own encoder on the active dimensions) and `fd_feat` (our hand-made description, in deviations of \
real music): no Fréchet Music Distance, and not to be compared with one.";

/// A set of windows compared with the first half of the real ones.
struct Compared {
    name: &'static str,
    windows: Vec<Vec<u16>>,
    features: Vec<FeatureOverlap>,
    fd_latent: Option<f64>,
    fd_feat: Option<f64>,
}

/// The real windows for comparison.
struct Real {
    form: WindowForm,
    features: FeatureSet,
    latents: Vec<f64>,
    descriptions: Vec<f64>,
    n: usize,
}

impl Real {
    fn of(model: &Model, windows: &[Vec<u16>]) -> Self {
        let form = model.form().clone();
        let features = FeatureSet::of(&form, windows.iter().map(Vec::as_slice));
        let descriptions = windows.iter().flat_map(|w| description(&form, w)).collect();
        let latents = active_latents(model, windows);
        Self { form, features, latents, descriptions, n: windows.len() }
    }

    fn compare(&self, model: &Model, name: &'static str, windows: Vec<Vec<u16>>) -> Compared {
        let set = FeatureSet::of(&self.form, windows.iter().map(Vec::as_slice));
        let descriptions: Vec<f64> =
            windows.iter().flat_map(|w| description(&self.form, w)).collect();
        let d = self.descriptions.len() / self.n.max(1);
        let n_active = model.latent_space().n_active();
        let units = Units::of(&self.descriptions, d);
        Compared {
            name,
            features: self.features.compare(&set),
            fd_latent: frechet_distance(&self.latents, &active_latents(model, &windows), n_active)
                .ok(),
            fd_feat: frechet_distance(
                &units.scaled(&self.descriptions),
                &units.scaled(&descriptions),
                d,
            )
            .ok(),
            windows,
        }
    }
}

fn active_latents(model: &Model, windows: &[Vec<u16>]) -> Vec<f64> {
    model.latent_space().project_all(&encode_windows(model, windows))
}

/// Splits rows into two halves by file (a bit of the hash of its group), of limited size.
fn halves(rows: &[WindowRow]) -> [Vec<Vec<u16>>; 2] {
    let mut halves = [Vec::new(), Vec::new()];
    for row in rows {
        let side = usize::from(blake3::hash(row.group.as_bytes()).as_bytes()[0] & 1);
        halves[side].push(row.tokens.clone());
    }
    halves.map(|windows: Vec<Vec<u16>>| {
        let every = windows.len().div_ceil(MAX_WINDOWS).max(1);
        windows.into_iter().step_by(every).collect()
    })
}

/// The section on new music, with the mixture if there is one. `None` if one half has fewer than
/// two windows.
///
/// # Errors
/// Returns [`EvalError::Generate`] if the temperature is out of range.
pub(super) fn section(
    model: &Model,
    styles: Option<&Styles>,
    data: &EvalData,
    temperature: f32,
    seed: u64,
) -> Result<Option<Section>, EvalError> {
    let mixture = styles.map(Styles::mixture);
    let [first, second] = halves(&data.heldout.rows);
    if first.len() < 2 || second.len() < 2 {
        return Ok(None);
    }
    let space = model.latent_space();
    let real = Real::of(model, &first);
    let n = second.len();
    let draw = |source: &Source<'_>| -> Result<Vec<Vec<u16>>, GenerateError> {
        source.windows(model, &source.controls(model)?, n, temperature, seed)
    };
    let means = data.train.points(space);
    let naive = Source::mean_deviation(&means, space.n_active());
    let mut sets = Vec::new();
    if let Some(mixture) = mixture {
        sets.push(real.compare(model, "mixture", draw(&Source::Mixture(mixture))?));
    }
    if let Some(styles) = styles {
        let chosen = chosen(model, styles, n, temperature, seed)?;
        sets.push(real.compare(model, "chosen", chosen));
    }
    let one = match mixture {
        Some(mixture) if real.form.encoding().is_some() => {
            let moments = mixture.moments()?;
            let (mean, covariance) = (moments.mean().to_vec(), moments.covariance().to_vec());
            let covariances = Covariances::Full(covariance);
            Some(GaussianMixture::from_parameters(vec![1.0], mean, covariances)?)
        }
        _ => None,
    };
    if let Some(one) = &one {
        sets.push(real.compare(model, "one Gaussian", draw(&Source::Mixture(one))?));
    }
    sets.push(real.compare(model, "prior", draw(&Source::Prior)?));
    sets.push(real.compare(model, "mean ± deviation", draw(&naive)?));
    let ceiling = real.compare(model, "real", second);
    let mut section = Section::new("generation", "New music and real music", NOTE);
    overlaps(&mut section, &sets, &ceiling, n);
    distances(&mut section, &sets, &ceiling, n);
    muspy(&mut section, &real.form, &first, &sets);
    if let Some(encoding) = real.form.encoding() {
        let all = sets.iter().chain([&ceiling]);
        let all: Vec<_> = all.map(|set| (set.name, set.windows.as_slice())).collect();
        texture::figures(&mut section, encoding, &first, &all);
    }
    for set in std::iter::once(&ceiling).chain(&sets) {
        let caption = if set.name == "real" {
            "real, held out".to_owned()
        } else {
            format!("new, from the {}", set.name)
        };
        let every = (set.windows.len() / SHOWN).max(1);
        let windows = set.windows.iter().step_by(every).take(SHOWN).cloned().collect();
        section.rolls.push(Rolls { caption, windows });
    }
    Ok(Some(section))
}

/// Windows as `generate` writes them: of styles by their shares, each chosen among several draws.
fn chosen(
    model: &Model,
    styles: &Styles,
    n: usize,
    temperature: f32,
    seed: u64,
) -> Result<Vec<Vec<u16>>, GenerateError> {
    let decoding = Decoding { temperature: Some(temperature), seed };
    let form = FormRequest::Auto;
    let composition =
        Some(Composition { learned: None, form: &form, n_candidates: DEFAULT_CANDIDATES });
    let mut windows = Vec::new();
    for (target, n) in Target::drawn_by_share(styles, n, seed)? {
        let request = PieceRequest {
            composition,
            filter: PieceFilter::KEEP_ALL,
            ..PieceRequest::new(&target.path, &target.styles, n, decoding)
        };
        let kept = pieces(model, styles, &request)?.kept;
        windows.extend(kept.into_iter().flat_map(|piece| piece.windows));
    }
    Ok(windows)
}

/// A figure of the first set with the others and real music for comparison.
fn beside(
    figure: Figure,
    sets: &[Compared],
    ceiling: &Compared,
    value: impl Fn(&Compared) -> Option<f64>,
) -> Figure {
    let figure = sets[1..].iter().fold(figure, |figure, set| figure.beside(set.name, value(set)));
    figure.beside("real against real", value(ceiling))
}

fn overlaps(section: &mut Section, sets: &[Compared], ceiling: &Compared, n: usize) {
    let first = &sets[0];
    let area = |set: &Compared, name: &str| {
        set.features.iter().find(|f| f.feature == name).map(|f| f.area)
    };
    for name in MGEVAL_NAMES {
        let Some(value) = area(first, name) else { continue };
        let key = format!("generation.overlap.{}", name.replace([' ', '-'], "_"));
        let title = format!("overlapping area, {name}");
        let figure = Figure::new(&key, &title, value, "area", n);
        section.push(beside(figure, sets, ceiling, |set| area(set, name)));
    }
    let mean = |set: &Compared| mean_area(&set.features);
    if let Some(value) = mean(first) {
        let figure = Figure::new(
            "generation.overlap.mean",
            "overlapping area, mean of nine",
            value,
            "area",
            n,
        );
        section.push(beside(figure, sets, ceiling, mean));
    }
    let kl = |set: &Compared| {
        super::statistics::mean(&set.features.iter().map(|f| f.kl).collect::<Vec<_>>())
    };
    if let Some(value) = kl(first) {
        let figure =
            Figure::new("generation.kl.mean", "divergence, mean of nine", value, "nats", n)
                .better(Better::Lower);
        section.push(beside(figure, sets, ceiling, kl));
    }
    if first.name == "mixture" {
        let wins = MGEVAL_NAMES.iter().filter(|name| {
            let others = sets[1..].iter().filter_map(|set| area(set, name));
            area(first, name) > others.max_by(f64::total_cmp)
        });
        let title = "features where the mixture overlaps more than both naive ways";
        let wins = wins.count() as f64;
        section.push(Figure::new("generation.overlap.wins", title, wins, "of 9", n).goal(7.0));
    }
}

fn distances(section: &mut Section, sets: &[Compared], ceiling: &Compared, n: usize) {
    let spaces: [(&str, &str, fn(&Compared) -> Option<f64>); 2] = [
        ("fd_latent", "Fréchet distance in our latent space", |set| set.fd_latent),
        ("fd_feat", "Fréchet distance in our feature space", |set| set.fd_feat),
    ];
    for (key, title, value) in spaces {
        let Some(found) = value(&sets[0]) else { continue };
        let figure =
            Figure::new(&format!("generation.{key}"), title, found, key, n).better(Better::Lower);
        section.push(beside(figure, sets, ceiling, value));
    }
}

/// The scores of muspy: descriptive, and ideally close to those of real music.
fn muspy(section: &mut Section, form: &WindowForm, first: &[Vec<u16>], sets: &[Compared]) {
    let scores: [(&str, &str, &str, fn(&Muspy) -> Option<f64>); 5] = [
        ("pitch_entropy", "pitch entropy", "bits", |m| Some(m.pitch_entropy)),
        ("pitch_class_entropy", "pitch-class entropy", "bits", |m| Some(m.pitch_class_entropy)),
        ("scale_consistency", "scale consistency", "share", |m| Some(m.scale_consistency)),
        ("empty_beat_rate", "empty-beat rate", "share", |m| Some(m.empty_beat_rate)),
        ("groove_consistency", "groove consistency", "share", |m| m.groove_consistency),
    ];
    for (key, title, unit, value) in scores {
        let of = |windows: &[Vec<u16>]| {
            let muspy = |w: &Vec<u16>| Muspy::of(&form.lead(w).notes, form.n_sixteenths(w));
            let scores = windows.iter().filter_map(muspy);
            mean(&scores.filter_map(|m| value(&m)).collect::<Vec<_>>())
        };
        let Some(found) = of(&sets[0].windows) else { continue };
        let key = format!("generation.muspy.{key}");
        let mut figure = Figure::new(&key, title, found, unit, sets[0].windows.len())
            .better(Better::Neither)
            .beside("real", of(first));
        for set in &sets[1..] {
            figure = figure.beside(set.name, of(&set.windows));
        }
        section.push(figure);
    }
}

#[cfg(test)]
mod tests {
    use corpus::table::Split;

    use super::*;

    #[test]
    fn a_file_lies_in_one_half() {
        let row = |file: u16, window: u16| WindowRow {
            window_id: 0,
            tokens: vec![file, window],
            file: String::new(),
            file_hash: [0; 16],
            group: format!("piece {file}"),
            split: Split::Heldout,
            seen: false,
            track: 0,
            start_bar: 0,
            transposed: 0,
            label: None,
        };
        let rows: Vec<WindowRow> = (0..40).flat_map(|f| (0..3).map(move |w| row(f, w))).collect();
        let [first, second] = halves(&rows);
        assert_eq!(first.len() + second.len(), 120);
        assert!(first.len() > 30 && second.len() > 30);
        assert!(first.iter().all(|a| second.iter().all(|b| a[0] != b[0])));
    }
}
