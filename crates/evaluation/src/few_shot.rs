//! Styles that are added from labeled files, judged without latents; and how few files will do.

mod curve;
mod method;
mod report;

use controlgen::model::Model;
use controlgen::style::Styles;

use super::EvalError;
use super::clusters::confusion;
use super::judge::{Judge, WINDOWS, eight};
use super::labelled::{LabelledData, LabelledPiece, Role};
use super::report::{Chart, Figure, Rolls, Section};
use super::statistics::{Tally, bootstrap, bootstrap_ratio};
use curve::Setup;
use method::{Given, Method};

/// Groups of eight windows drawn of each style to be judged.
const GROUPS: usize = 12;
/// Windows shown of each style.
const SHOWN: usize = 4;

const JUDGE_NOTE: &str = "Claim 2, by an independent judge: multinomial logistic regression on the mean of \
hand-made features (register, contour, pitch classes, intervals, note values, places of onsets, texture; no \
latent) over eight windows of a piece, or of a style's draws. It learned from real labeled pieces; styles are \
added from other pieces, without a training step, and the real pieces it is tested on are those held out. \
What counts is the ratio: a judge that errs on real music errs on new music, too. Accuracies are means over \
labels.";

/// The sections on added styles; none without labels that can be judged.
///
/// # Errors
/// [`EvalError::Generate`] for a temperature out of range.
pub(super) fn sections(
    model: &Model,
    styles: &Styles,
    data: &LabelledData,
    n_resamples: usize,
    temperature: f32,
    seed: u64,
) -> Result<Vec<Section>, EvalError> {
    let Some(judge) = Judge::learn(model.form(), data) else { return Ok(Vec::new()) };
    let setup = Setup { model, styles, data, judge: &judge, temperature, seed };
    let curve = curve::curve(&setup, n_resamples)?;
    let note = format!(
        "Claim 4: n files of a label, drawn at random {n_resamples} times, make a style in seven ways, all \
         of the same files; what is drawn of it is compared with other, held-out music of the label, so that \
         copying gains nothing. Prior: N(0, I), whatever the files. Mean ± deviation: each dimension from \
         within one deviation of the files' mean, the naive VAE's way. Posterior: the encoder's own of a \
         random given window. Own Gaussian: full covariance of the files' windows alone, as it is or shrunk \
         (Ledoit and Wolf). Kernel density: about each window, as wide as leave-one-out likelihood has it. \
         `style add`: what this program does; of eight draws the one is kept that most belongs to the style when \
         encoded again, as in `generate`. Fréchet distance, density and coverage (Naeem et al. 2020, five \
         neighbors) are measured in the first ten principal components of the judge's features, with {:.0} % \
         of their variance: compare them within one table only. Labels: {}. Intervals are over the draws of \
         files; bands of the curves hold 95 % of them. n90: the fewest files that reach 90 % of the judge's \
         score with the most files.",
        100.0 * curve.explained,
        curve.labels.join(", ")
    );
    let mut few = Section::new("few_shot", "Few files", &note);
    report::report(&mut few, &curve, seed);
    Ok(vec![judged(&setup)?, few])
}

fn judged(setup: &Setup<'_>) -> Result<Section, EvalError> {
    let (judge, data, seed) = (setup.judge, setup.data, setup.seed);
    let mut section = Section::new("judge", "Control, judged independently", JUDGE_NOTE);
    let n_labels = data.labels.len();
    // Pieces, and groups of new windows, with the right answers among them, scaled so that labels
    // count alike.
    let (mut truth, mut answers, mut real) = (Vec::new(), Vec::new(), Vec::new());
    let (mut asked, mut heard, mut new) = (Vec::new(), Vec::new(), Vec::new());
    let tally = |is_right: bool, of: usize| {
        let weight = 1.0 / of.max(1) as f64;
        Tally { sum: if is_right { weight } else { 0.0 }, of: weight }
    };
    for label in 0..n_labels {
        let tests: Vec<&LabelledPiece> = data.of_role(label, Role::Test).collect();
        for piece in &tests {
            let answer = judge.judge(eight(&piece.windows));
            truth.push(label);
            answers.push(answer);
            real.push(tally(answer == label, tests.len()));
        }
        let files: Vec<&LabelledPiece> = data.of_role(label, Role::Style).collect();
        let given = Given::of(setup.model, &files)?;
        let (n, seed) = (GROUPS * WINDOWS, seed.wrapping_add(1 + label as u64));
        let (model, temperature) = (setup.model, setup.temperature);
        let windows = Method::Added.windows(model, setup.styles, &given, n, temperature, seed)?;
        let windows = windows.unwrap_or_default();
        for group in windows.as_chunks::<WINDOWS>().0 {
            let answer = judge.judge(group);
            asked.push(label);
            heard.push(answer);
            new.push(tally(answer == label, GROUPS));
        }
        section.rolls.push(Rolls {
            caption: format!("new, of the style added for `{}`", data.labels[label]),
            windows: windows.into_iter().take(SHOWN).collect(),
        });
    }
    let chance = 1.0 / n_labels as f64;
    if let (Some(of_real), Some(of_new)) = (bootstrap(&real, seed), bootstrap(&new, seed)) {
        let title = format!("the judge on real pieces, held out, of {n_labels} labels");
        let figure = Figure::share("control.judge.real", &title, of_real, real.len());
        section.push(figure.beside("chance", chance));
        let title = "the judge on eight new windows, of the style asked for";
        let figure = Figure::share("control.judge.generated", title, of_new, new.len());
        section.push(figure.beside("chance", chance).beside("real", of_real.0));
        if let Some((ratio, interval)) = bootstrap_ratio(&new, &real, seed) {
            let figure =
                Figure::new("control.judge.ratio", "ratio, new to real", ratio, "ratio", new.len());
            section.push(figure.interval(interval).goal(0.8));
        }
    }
    let names = || [data.labels.clone(), data.labels.clone()];
    let matrix = confusion(&truth, &answers);
    let axes = ["label", "judged as"];
    section.charts.push(Chart::confusion("The judge on real pieces", axes, names(), &matrix));
    let matrix = confusion(&asked, &heard);
    let axes = ["asked for", "judged as"];
    section.charts.push(Chart::confusion("The judge on new windows", axes, names(), &matrix));
    Ok(section)
}
