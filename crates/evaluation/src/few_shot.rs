//! Styles that are added from labeled files, judged without latents; and how few files will do.

use std::collections::BTreeMap;

use controlgen::generate::{Controls, GenerateError};
use controlgen::model::Model;
use controlgen::style::estimate;
use gmm::{CovarianceType, GaussianMixture, GmmParams, Samples};
use musicvae::seed;
use rand::RngExt;
use rayon::prelude::*;

use super::EvalError;
use super::clusters::confusion;
use super::data::EvalData;
use super::judge::Judge;
use super::report::{Better, Chart, Figure, Rolls, Section, Series};
use super::samples::Source;
use super::statistics::{Tally, bootstrap, mean, quantile};

/// Labels that styles are added for.
const MOST_LABELS: usize = 8;
/// Windows drawn of each style to be judged.
const DRAWN: usize = 200;
/// Windows drawn at each point of the curve, for each label and resample.
const DRAWN_ON_CURVE: usize = 12;
/// Numbers of files on the curve.
const FILES: [usize; 8] = [1, 2, 3, 5, 10, 20, 50, 100];
/// The share of the score with all files that counts as reached.
const ENOUGH: f64 = 0.9;

const JUDGE_NOTE: &str = "Claim 2, by an independent judge: multinomial logistic regression on hand-made \
features (register, contour, pitch classes, intervals, note values, places of onsets; no latent), trained on \
real labeled windows, split by file. A style is added for each label from all its training files, without a \
training step, and windows drawn of it are judged. What counts is the ratio: a judge that errs on real music \
errs on new music, too. Accuracies are means over labels.";

const CURVE_NOTE: &str = "Claim 4: n files of a label, drawn at random, make a style in four ways; windows \
drawn of it are judged. Prior: N(0, I), whatever the files. Mean ± deviation: each dimension from within one \
deviation of the files' mean, the naive VAE's way. Own Gaussian: full covariance of the files' windows alone. \
`style add`: what this program does, the mixture adapted to the windows. Bands: 95 % of the \
resamples. n90: the fewest files that reach 90 % of the score with all of them.";

/// How a style is made of a few latents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Prior,
    MeanDeviation,
    OwnGaussian,
    Added,
}

impl Method {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Added, "added", "style add"),
        (Self::OwnGaussian, "own", "own Gaussian"),
        (Self::MeanDeviation, "naive", "mean ± deviation"),
        (Self::Prior, "prior", "prior"),
    ];

    /// Windows generated from a style fitted to some windows; `None` if there are too few of them.
    fn windows(
        self,
        model: &Model,
        population: &GaussianMixture,
        given: &Given,
        n: usize,
        temperature: f32,
        seed: u64,
    ) -> Result<Option<Vec<Vec<u16>>>, GenerateError> {
        let (d, rows) = (population.n_features(), given.rows.as_slice());
        let draw = |source: Source<'_>| {
            source.windows(model, &given.controls, n, temperature, seed).map(Some)
        };
        match self {
            Self::Prior => draw(Source::Prior),
            Self::MeanDeviation => draw(Source::mean_deviation(rows, d)),
            Self::OwnGaussian => {
                let Ok(samples) = Samples::new(rows, rows.len() / d, d) else { return Ok(None) };
                let params = GmmParams::new(1).covariance_type(CovarianceType::Full);
                match params.fit(&samples, seed) {
                    Ok(fit) => draw(Source::Mixture(&fit.model)),
                    Err(_) => Ok(None),
                }
            }
            Self::Added => {
                let Ok(samples) = Samples::new(rows, rows.len() / d, d) else { return Ok(None) };
                match estimate(population, &samples) {
                    Ok(style) => draw(Source::Mixture(&style.distribution)),
                    Err(_) => Ok(None),
                }
            }
        }
    }
}

/// Windows that a style is made of.
struct Given {
    /// Active dimensions of their latents, `[n, d]`.
    rows: Vec<f64>,
    /// Their meters or chords, which new music of the style has, too.
    controls: Controls,
}

/// The model, the data and the judge of few-shot styles.
struct FewShotSetup<'a> {
    model: &'a Model,
    population: &'a GaussianMixture,
    data: &'a EvalData,
    judge: &'a Judge,
    temperature: f32,
    seed: u64,
}

impl FewShotSetup<'_> {
    /// Some training windows.
    fn given(&self, places: impl IntoIterator<Item = usize>) -> Result<Given, GenerateError> {
        let (model, train) = (self.model, &self.data.train);
        let places: Vec<usize> = places.into_iter().collect();
        let windows = places.iter().map(|place| train.rows[*place].tokens.as_slice());
        let controls = Controls::of_windows(model, windows)?;
        Ok(Given { controls, rows: train.points_at(model.latent_space(), places) })
    }

    /// The scores of all methods for a label's style of `n` of its files, drawn without
    /// replacement.
    fn scores(
        &self,
        label: usize,
        files: &[Vec<usize>],
        n: usize,
        draw: u64,
    ) -> Result<[Option<f64>; 4], GenerateError> {
        let mut rng = seed::stream(self.seed, "few files", draw);
        let mut order: Vec<usize> = (0..files.len()).collect();
        for i in 0..n.min(order.len()) {
            let other = rng.random_range(i..order.len());
            order.swap(i, other);
        }
        let drawn = order.iter().take(n).flat_map(|file| files[*file].iter().copied());
        let given = self.given(drawn)?;
        let mut scores = [None; 4];
        for (score, (method, _, _)) in scores.iter_mut().zip(Method::ALL) {
            *score = self.score(method, label, &given, self.seed.wrapping_add(draw))?;
        }
        Ok(scores)
    }

    /// Share of a method's windows that are judged to be of the label.
    fn score(
        &self,
        method: Method,
        label: usize,
        given: &Given,
        seed: u64,
    ) -> Result<Option<f64>, GenerateError> {
        let (model, temperature) = (self.model, self.temperature);
        let windows =
            method.windows(model, self.population, given, DRAWN_ON_CURVE, temperature, seed)?;
        Ok(windows.map(|windows| {
            let right = windows.iter().filter(|w| self.judge.judge(w) == label).count();
            right as f64 / windows.len() as f64
        }))
    }
}

/// The sections on added styles; none without labels that can be judged.
///
/// # Errors
/// [`EvalError::Generate`] for a temperature out of range.
pub(super) fn sections(
    model: &Model,
    population: &GaussianMixture,
    data: &EvalData,
    n_resamples: usize,
    temperature: f32,
    seed: u64,
) -> Result<Vec<Section>, EvalError> {
    let Some(judge) = Judge::learn(model.form(), &data.train, &data.heldout, MOST_LABELS) else {
        return Ok(Vec::new());
    };
    let setup = FewShotSetup { model, population, data, judge: &judge, temperature, seed };
    Ok(vec![judged(&setup)?, curve(&setup, n_resamples)?])
}

fn judged(setup: &FewShotSetup<'_>) -> Result<Section, EvalError> {
    let (judge, data, seed) = (setup.judge, setup.data, setup.seed);
    let mut section = Section::new("judge", "Control, judged independently", JUDGE_NOTE);
    // Each file of each label: its windows, and the right answers among them, scaled so that labels
    // count alike.
    let (mut truth, mut answers) = (Vec::new(), Vec::new());
    let mut files = BTreeMap::<(usize, &str), Tally>::new();
    for (label, places) in judge.heldout.iter().enumerate() {
        for place in places {
            let row = &data.heldout.rows[*place];
            let answer = judge.judge(&row.tokens);
            truth.push(label);
            answers.push(answer);
            let weight = 1.0 / places.len() as f64;
            let file = files.entry((label, &row.group)).or_default();
            file.sum += if answer == label { weight } else { 0.0 };
            file.of += weight;
        }
    }
    let (mut asked, mut heard) = (Vec::new(), Vec::new());
    let mut drawn = Vec::new();
    for label in 0..judge.labels.len() {
        let given = setup.given(judge.train[label].iter().copied())?;
        let seed = seed.wrapping_add(1 + label as u64);
        let method = Method::Added;
        let Some(windows) = method.windows(
            setup.model,
            setup.population,
            &given,
            DRAWN,
            setup.temperature,
            seed,
        )?
        else {
            continue;
        };
        for window in &windows {
            let answer = judge.judge(window);
            asked.push(label);
            heard.push(answer);
            drawn.push(Tally { sum: f64::from(u8::from(answer == label)), of: 1.0 });
        }
        section.rolls.push(Rolls {
            caption: format!("new, of the style added for `{}`", judge.labels[label]),
            windows: windows.into_iter().take(4).collect(),
        });
    }
    let chance = 1.0 / judge.labels.len() as f64;
    let real: Vec<Tally> = files.into_values().collect();
    if let (Some(real), Some(new)) = (bootstrap(&real, seed), bootstrap(&drawn, seed)) {
        let n = truth.len();
        let title = "the judge on real windows, held out";
        section.push(Figure::share("control.judge.real", title, real, n).beside("chance", chance));
        let title = "the judge on new windows, of the style asked for";
        let figure = Figure::share("control.judge.generated", title, new, drawn.len());
        section.push(figure.beside("chance", chance).beside("real", real.0));
        let title = "ratio, new to real";
        let ratio = Figure::new("control.judge.ratio", title, new.0 / real.0, "ratio", drawn.len());
        section.push(ratio.goal(0.8));
    }
    let names = || [judge.labels.clone(), judge.labels.clone()];
    let real = confusion(&truth, &answers);
    let axes = ["label", "judged as"];
    section.charts.push(Chart::confusion("The judge on real windows", axes, names(), &real));
    let axes = ["asked for", "judged as"];
    let new = confusion(&asked, &heard);
    section.charts.push(Chart::confusion("The judge on new windows", axes, names(), &new));
    Ok(section)
}

/// Scores of one method at one number of files: the mean over labels, for each resample.
type Point = Vec<f64>;

fn curve(setup: &FewShotSetup<'_>, n_resamples: usize) -> Result<Section, EvalError> {
    let judge = setup.judge;
    let mut section = Section::new("few_shot", "Few files", CURVE_NOTE);
    let files: Vec<Vec<Vec<usize>>> =
        (0..judge.labels.len()).map(|label| judge.files_of(&setup.data.train, label)).collect();
    // As far as every label has files, so that a point is of the same labels as the next.
    let most = files.iter().map(Vec::len).min().unwrap_or(0);
    let mut numbers: Vec<usize> = FILES.into_iter().filter(|n| *n < most).collect();
    numbers.push(most.min(FILES[FILES.len() - 1]));
    let mut points = BTreeMap::<(usize, usize), Point>::new();
    for (at, n) in numbers.iter().enumerate() {
        for resample in 0..n_resamples as u64 {
            let draw = (at as u64 * 1000 + resample) * MOST_LABELS as u64;
            let scores: Vec<[Option<f64>; 4]> = files
                .par_iter()
                .enumerate()
                .map(|(label, files)| setup.scores(label, files, *n, draw + label as u64))
                .collect::<Result<_, _>>()?;
            for method in 0..Method::ALL.len() {
                let of_labels: Vec<f64> = scores.iter().filter_map(|of| of[method]).collect();
                if let Some(score) = mean(&of_labels) {
                    points.entry((method, at)).or_default().push(score);
                }
            }
        }
    }
    report(&mut section, &numbers, &points, n_resamples);
    Ok(section)
}

fn report(
    section: &mut Section,
    numbers: &[usize],
    points: &BTreeMap<(usize, usize), Point>,
    n_resamples: usize,
) {
    let score = |method: usize, at: usize| points.get(&(method, at)).and_then(|p| mean(p));
    let last = numbers.len() - 1;
    let beside = |mut figure: Figure, value: &dyn Fn(usize) -> Option<f64>| {
        for (method, (_, _, name)) in Method::ALL.iter().enumerate().skip(1) {
            figure = figure.beside(name, value(method));
        }
        figure
    };
    let five = numbers.iter().position(|n| *n == 5);
    for (key, at) in [("five", five), ("all", Some(last))] {
        let Some(at) = at else { continue };
        let Some(value) = score(0, at) else { continue };
        let title = format!("judged as asked for, style added from {} files", numbers[at]);
        let key = format!("control.few_shot.{key}");
        let figure = Figure::new(&key, &title, value, "share", n_resamples);
        section.push(beside(figure, &|method| score(method, at)));
    }
    let n90 = |method: usize| -> Option<f64> {
        let target = ENOUGH * score(method, last)?;
        let at = (0..numbers.len()).find(|at| score(method, *at).is_some_and(|s| s >= target))?;
        Some(numbers[at] as f64)
    };
    if let Some(value) = n90(0) {
        let title = "n90: fewest files for 90 % of the score with all";
        let figure = Figure::new("control.few_shot.n90", title, value, "files", n_resamples)
            .better(Better::Lower)
            .goal(5.0);
        section.push(beside(figure, &n90));
    }
    let series = Method::ALL.iter().enumerate().map(|(method, (_, _, name))| {
        let found: Vec<(f64, &Point)> = numbers
            .iter()
            .enumerate()
            .filter_map(|(at, n)| Some((*n as f64, points.get(&(method, at))?)))
            .collect();
        Series {
            name: (*name).to_owned(),
            points: found.iter().filter_map(|(n, p)| Some([*n, mean(p)?])).collect(),
            intervals: found.iter().filter_map(|(_, p)| middle(p)).collect(),
        }
    });
    section.charts.push(Chart::Lines {
        title: "New windows judged as the label asked for".to_owned(),
        x_label: "files of the style".to_owned(),
        y_label: "share, mean over labels".to_owned(),
        log_x: true,
        series: series.collect(),
    });
}

/// The middle 95 % of some values.
fn middle(values: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some([quantile(&sorted, 0.025)?, quantile(&sorted, 0.975)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n90_is_the_first_number_that_is_enough() {
        let numbers = [1, 2, 5];
        let mut points = BTreeMap::new();
        for (at, score) in [0.5, 0.91, 1.0].into_iter().enumerate() {
            points.insert((0, at), vec![score, score]);
            points.insert((3, at), vec![0.2, 0.2]);
        }
        let mut section = Section::default();
        report(&mut section, &numbers, &points, 2);
        let n90 = section.figures.iter().find(|f| f.key == "control.few_shot.n90").unwrap();
        assert_eq!((n90.value, n90.reached()), (2.0, Some(true)));
        // The prior is as good with one file as with all; methods without points are left out.
        assert_eq!(n90.baselines.len(), 1);
        assert_eq!((n90.baselines[0].name.as_str(), n90.baselines[0].value), ("prior", 1.0));
        let five = section.figures.iter().find(|f| f.key == "control.few_shot.five").unwrap();
        assert_eq!(five.value, 1.0);
    }
}
