//! Dials, copies, and how long a user waits.

use std::time::Instant;

use controlgen::attribute::{
    AskedReport, AskedRequest, Attribute, AttributeError, AttributeMethod, AttributeVectors, DIALS,
    DialRequest, LowestAsked, asked_report, dial_report,
};
use controlgen::copy::{CopyIndex, Survey};
use controlgen::encode::encode_windows;
use controlgen::generate::{Decoding, GenerateError};
use controlgen::model::Model;
use controlgen::piece::DEFAULT_CANDIDATES;
use controlgen::style::{Reference, Styles};
use gmm::{GaussianMixture, Samples};

use super::EvalError;
use super::data::EvalData;
use super::judge::thin;
use super::report::{Better, Chart, Figure, Section, Series};
use super::samples::Source;
use super::statistics::{bootstrap_of, mean, quantile};
use controlgen::correlation::{pearson, spearman};

/// Windows that each dial is turned on.
const TURNED: usize = 100;
/// Windows whose copies are looked for.
const COPIED: usize = 500;
/// Values asked for of each attribute, and windows drawn for each value.
const ASKED_VALUES: usize = 10;
const ASKED_PER_VALUE: usize = 6;
/// Repetitions of what is timed.
const REPEATS: usize = 30;

const ATTRIBUTES_NOTE: &str = "Each dial turned on real windows from -2 to 2 deviations, decoded to the most \
probable tokens: Spearman's rank correlation of dial and what is measured in the music, along each window's \
dial, mean over windows. For comparison, how far the others move with it: the largest correlation among them.";

/// The section on attributes; none for a model without learned ones.
///
/// # Errors
/// [`EvalError::Attribute`] where they are damaged.
pub(super) fn attributes(model: &Model, seed: u64) -> Result<Option<Section>, EvalError> {
    let vectors = match AttributeVectors::load(model) {
        Ok(vectors) => vectors,
        Err(AttributeError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let reference = Reference::load(model)?;
    let mut section = Section::new("attributes", "Dials", ATTRIBUTES_NOTE);
    let mut series = Vec::new();
    for vector in &vectors.vectors {
        let request = DialRequest {
            attribute: vector.attribute,
            method: AttributeMethod::default(),
            dials: &DIALS,
            n: TURNED,
            decoding: Decoding { temperature: None, seed },
        };
        let report = dial_report(model, &reference, &vectors, &request)?;
        let name = vector.attribute.name();
        let other = report.others.iter().map(|o| o.spearman.abs()).fold(0.0, f64::max);
        let key = format!("control.attribute.{name}");
        let title = format!("{name}: dial against measured, Spearman");
        let figure = Figure::new(&key, &title, report.spearman, "rho", report.n)
            .beside("over all windows together", report.spearman_pooled)
            .beside("deviations moved for each of the dial", report.slope)
            .beside("largest of the others", other)
            .goal(0.85);
        section.push(figure);
        let points = report.dials.iter().zip(&report.measured).map(|(x, y)| [*x, *y]);
        let points = points.filter(|[_, y]| y.is_finite()).collect();
        series.push(Series { name: name.to_owned(), points, intervals: Vec::new() });
    }
    section.charts.push(Chart::Lines {
        title: "What the dials do".to_owned(),
        x_label: "dial, in deviations".to_owned(),
        y_label: "measured, in deviations".to_owned(),
        log_x: false,
        series,
    });
    Ok(Some(section))
}

const ASKED_NOTE: &str = "New windows of all styles, asked for values from the first to the 99th percentile of \
the training music's, evenly spaced: Spearman's correlation of what was asked for and what is measured, for a \
single draw that was shifted toward the value, and for the nearest of eight. Intervals are over the windows, \
by bootstrap. The last figures are by LC-Diff's protocol (arXiv 2511.07156), values from the lowest to the 99th \
percentile and Pearson's correlation, next to what latent diffusion has there; its music is other music, its \
labels are of whole passages, and its rhythm complexity is not our syncopation. We have no attribute \
like its contour (0.856).";

/// The published correlations of LC-Diff, of attributes that we have, too.
const PUBLISHED: [(Attribute, &str, f64); 3] = [
    (Attribute::Density, "density", 0.986),
    (Attribute::Range, "range", 0.810),
    (Attribute::Syncopation, "syncopation", 0.949),
];

/// The section on values asked for; none for a model without learned attributes or styles.
///
/// # Errors
/// [`EvalError::Attribute`] where they are damaged.
pub(super) fn asked(
    model: &Model,
    styles: &Styles,
    temperature: f32,
    seed: u64,
) -> Result<Option<Section>, EvalError> {
    let vectors = match AttributeVectors::load(model) {
        Ok(vectors) => vectors,
        Err(AttributeError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let reference = Reference::load(model)?;
    let mut section = Section::new("asked", "Values asked for", ASKED_NOTE);
    let report = |attribute: Attribute, lowest: LowestAsked, n_candidates: usize| {
        let request = AskedRequest {
            attribute,
            n_values: ASKED_VALUES,
            lowest,
            n_per_value: ASKED_PER_VALUE,
            n_candidates,
            decoding: Decoding { temperature: Some(temperature), seed },
        };
        asked_report(model, styles, &reference, &vectors, &request)
    };
    let interval = |report: &AskedReport, of: fn(&[f64], &[f64]) -> Option<f64>| {
        let pairs: Vec<(f64, f64)> =
            report.asked.iter().copied().zip(report.measured.iter().copied()).collect();
        bootstrap_of(&pairs, seed, |drawn| {
            let (asked, measured): (Vec<f64>, Vec<f64>) = drawn.iter().copied().copied().unzip();
            of(&asked, &measured)
        })
    };
    for vector in &vectors.vectors {
        let of = |n| report(vector.attribute, LowestAsked::FirstPercentile, n);
        let (one, chosen) = (of(1)?, of(DEFAULT_CANDIDATES)?);
        let name = vector.attribute.name();
        let title = format!("{name}: asked for and measured, nearest of 8, Spearman");
        let key = format!("control.asked.{name}");
        let n = chosen.measured.len();
        let figure = Figure::new(&key, &title, chosen.spearman.unwrap_or(0.0), "rho", n)
            .interval(interval(&chosen, spearman))
            .beside("Pearson", chosen.pearson);
        section.push(figure.goal(0.95));
        let title = format!("{name}: asked for and measured, single draws, Spearman");
        let key = format!("control.asked_once.{name}");
        let figure = Figure::new(&key, &title, one.spearman.unwrap_or(0.0), "rho", n)
            .interval(interval(&one, spearman))
            .beside("Pearson", one.pearson);
        section.push(figure.goal(0.85));
    }
    for (attribute, name, published) in PUBLISHED {
        if vectors.get(attribute).is_err() {
            continue;
        }
        let found = report(attribute, LowestAsked::Lowest, DEFAULT_CANDIDATES)?;
        let Some(value) = found.pearson else { continue };
        let title = format!("{name}: asked for and measured by LC-Diff's protocol, Pearson");
        let key = format!("control.asked_lc_diff.{name}");
        let figure = Figure::new(&key, &title, value, "r", found.measured.len())
            .interval(interval(&found, pearson));
        section.push(figure.beside("LC-Diff, published", published).goal(published));
    }
    Ok(Some(section))
}

const COPIES_NOTE: &str = "The longest stretch of each window that stands note for note in the training \
music, whatever the key (intervals and steps to the next note), found in the index of all training windows. \
The rates of real music that was held out are the measure: a model copies if it goes beyond them (Yin et \
al. 2022). Short windows match somewhere by necessity.";

/// The section on copies.
///
/// # Errors
/// [`EvalError::Copy`] where the corpus can't be indexed, [`EvalError::Generate`] for a temperature
/// out of range.
pub(super) fn copies(
    model: &Model,
    corpus: &std::path::Path,
    mixture: Option<&GaussianMixture>,
    data: &EvalData,
    temperature: f32,
    seed: u64,
) -> Result<Section, EvalError> {
    let index = match CopyIndex::of_model(model)? {
        Some(index) => index,
        None => CopyIndex::build(corpus, model.kind().name, model.form())?,
    };
    let alone = |windows: Vec<Vec<u16>>| -> Survey {
        let pieces: Vec<Vec<Vec<u16>>> = windows.into_iter().map(|window| vec![window]).collect();
        index.survey(model.form(), &pieces)
    };
    let all: Vec<usize> = (0..data.heldout.rows.len()).collect();
    let real = thin(&all, COPIED).into_iter().map(|i| data.heldout.rows[i].tokens.clone());
    let real = alone(real.collect());
    let drawn = |source: &Source<'_>| -> Result<Survey, GenerateError> {
        let controls = source.controls(model)?;
        Ok(alone(source.windows(model, &controls, COPIED, temperature, seed)?))
    };
    let prior = drawn(&Source::Prior)?;
    let new = match mixture {
        Some(mixture) => drawn(&Source::Mixture(mixture))?,
        None => prior.clone(),
    };
    let mut section = Section::new("copies", "Copies of the training music", COPIES_NOTE);
    let rates: [(&str, &str, &str, fn(&Survey) -> f64); 3] = [
        ("mean_longest", "longest match, mean", "notes", |s| s.mean_longest),
        ("share_of_8", "windows with a match of 8 notes or more", "share", |s| s.share_of_8),
        ("share_whole", "windows that are copies as a whole", "share", |s| s.share_whole),
    ];
    for (key, title, unit, value) in rates {
        let figure = Figure::new(&format!("control.copies.{key}"), title, value(&new), unit, new.n)
            .better(Better::Lower)
            .beside("real, held out", value(&real))
            .beside("prior", value(&prior));
        section.push(figure);
    }
    Ok(section)
}

const SPEED_NOTE: &str = "By the clock of this machine, in a process that has loaded the model: one window \
drawn, decoded and encoded again; a style made of the windows of five pieces. Two runs never give the same.";

/// The section on waiting.
///
/// # Errors
/// [`EvalError::Generate`] for a temperature out of range.
pub(super) fn speed(
    model: &Model,
    styles: &Styles,
    data: &EvalData,
    temperature: f32,
    seed: u64,
) -> Result<Section, EvalError> {
    let mut section = Section::new("speed", "Waiting", SPEED_NOTE);
    let mut one = Vec::new();
    let source = Source::Mixture(styles.mixture());
    let controls = source.controls(model)?;
    for repeat in 0..REPEATS as u64 {
        let start = Instant::now();
        let seed = seed.wrapping_add(repeat);
        let windows = source.windows(model, &controls, 1, temperature, seed)?;
        let latents = encode_windows(model, &windows);
        one.push(1000.0 * start.elapsed().as_secs_f64());
        debug_assert_eq!(latents.len(), model.z_size());
    }
    let files: std::collections::BTreeSet<&str> =
        data.train.rows.iter().map(|row| row.group.as_str()).take(2_000).collect();
    let five: Vec<&str> = files.into_iter().take(5).collect();
    let place = |group: &str| five.iter().position(|piece| *piece == group);
    let rows = data.train.rows.iter().filter_map(|row| Some((row, place(&row.group)?)));
    let (windows, piece_of): (Vec<Vec<u16>>, Vec<usize>) =
        rows.map(|(row, piece)| (row.tokens.clone(), piece)).unzip();
    let start = Instant::now();
    let space = model.latent_space();
    let latents = space.project_all(&encode_windows(model, &windows));
    let style = Samples::new(&latents, windows.len(), space.n_active())
        .ok()
        .and_then(|samples| styles.estimate(&samples, &piece_of).ok());
    let seconds = start.elapsed().as_secs_f64();
    one.sort_by(f64::total_cmp);
    let timed = |figure: Figure| Figure { timed: true, ..figure.better(Better::Lower) };
    if let (Some(middle), Some(mean)) = (quantile(&one, 0.5), mean(&one)) {
        let title = "one new window, median";
        let figure = Figure::new("control.speed.generate_ms", title, middle, "ms", REPEATS);
        section.push(timed(figure).beside("mean", mean).goal(50.0));
    }
    if style.is_some() {
        let title = "a style from five pieces, once the model is loaded";
        let figure =
            Figure::new("control.speed.style_add_seconds", title, seconds, "s", windows.len());
        section.push(timed(figure).goal(0.5));
    }
    Ok(section)
}
