//! Tunes and styles together: a style mixed into a tune, and an accompaniment of a style under its
//! melody.

use controlgen::accompany::{AccompanyRequest, accompany, harmony_under, split};
use controlgen::correlation::pearson;
use controlgen::generate::Decoding;
use controlgen::mix::{MixMethod, MixRequest, mix};
use controlgen::model::Model;
use controlgen::style::{Reference, Style, Styles};
use musicvae::seed;
use note_seq::features::{Harmony, pitch_class_durations};
use note_seq::window::{GridNote, notes_of_lists, outer_lines};
use note_seq::{NoteList, NoteListEncoding};
use rand::RngExt;

use super::EvalError;
use super::data::EvalData;
use super::discovery::styles_of_components;
use super::judge::thin;
use super::logistic::LogisticRegression;
use super::music::description;
use super::report::{Chart, Figure, Section, Series};
use super::statistics::{Tally, bootstrap, mean};

/// Maximum number of tunes, each of another file.
const TUNES: usize = 60;
/// Maximum number of windows of a tune.
const WINDOWS: usize = 4;
/// Strengths of mixing, from the reconstructed tune to the style.
const STRENGTHS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Strengths with figures of their own.
const SHOWN: [usize; 2] = [2, 4];
/// Number of courses of an accompaniment, as by default on the command line.
const COURSES: usize = 12;
/// Maximum number of training windows of each style that the judge learns from.
const LEARNED: usize = 200;
/// Strength of the judge's penalty, scikit-learn's default.
const C: f64 = 1.0;

const NOTE: &str = "Held-out tunes, each with another of the visible styles than its own. The judge of styles is a \
logistic regression on hand-made features of training windows, labeled with the style they most belong to; it \
never sees a latent. Harmony: correlation of the durations of the twelve pitch classes with those of the tune. \
Line: F1 of the highest line's notes (start and pitch) with the tune's. Both are compared with real windows of the \
style in the tune's meter, which have nothing to do with the tune. Accompaniment: share of the common time in \
which melody and accompaniment are consonant, next to the tune's own lower voices, to all candidates without \
selection, and to unrelated real windows.";

/// A held-out tune, and the style to combine with it.
struct Tune<'a> {
    windows: Vec<Vec<u16>>,
    style: &'a Style,
    /// The position of the style in the list of visible ones.
    number: usize,
    /// A real window of the style for each window in whose meter there is one.
    unrelated: Vec<Option<&'a [u16]>>,
}

/// Measurements of a tune's mixes: one tally per tune and strength.
#[derive(Default)]
struct Mixes {
    judged: Vec<Tally>,
    judged_as_other: Vec<Tally>,
    harmony: Vec<Tally>,
    line: Vec<Tally>,
}

/// The section on tunes and styles together. Returns `None` for windows of single lines or drums,
/// and if fewer than two styles are visible.
pub(super) fn section(
    model: &Model,
    styles: &Styles,
    data: &EvalData,
    temperature: f32,
    seed: u64,
) -> Result<Option<Section>, EvalError> {
    let Some(encoding) = model.form().encoding().filter(NoteListEncoding::has_tones) else {
        return Ok(None);
    };
    let visible: Vec<&Style> = styles.all().iter().filter(|style| !style.is_added()).collect();
    let own = |mu: &[f32]| own_styles(model, styles, mu);
    let (train, heldout) = (own(&data.train.mu), own(&data.heldout.mu));
    let tunes = tunes(data, &heldout, &visible, seed);
    if visible.len() < 2 || tunes.is_empty() {
        return Ok(None);
    }
    let judge = Judge::learn(model, data, &train, visible.len());
    let mut section = Section::new("combination", "Tunes and styles together", NOTE);
    let decoding = Decoding { temperature: Some(temperature), seed };
    let mixes = STRENGTHS.map(|strength| -> Result<Mixes, EvalError> {
        let mut found = Mixes::default();
        for tune in &tunes {
            let request =
                MixRequest { style: tune.style, strength, method: MixMethod::Transport, decoding };
            let mixed = mix(model, styles, &tune.windows, &request)?;
            found.add(&judge, encoding, tune, mixed.windows.iter().map(Vec::as_slice));
        }
        Ok(found)
    });
    let mixes: Vec<Mixes> = mixes.into_iter().collect::<Result<_, _>>()?;
    let real = real_windows(&judge, data, &heldout, &tunes);
    let mut unrelated = Mixes::default();
    for tune in &tunes {
        unrelated.add_unrelated(encoding, tune);
    }
    mix_figures(&mut section, &mixes, &unrelated, real, seed);
    accompaniment_figures(&mut section, model, styles, &tunes, decoding)?;
    Ok(Some(section))
}

/// The visible style that each latent belongs to most; one more for all hidden ones.
fn own_styles(model: &Model, styles: &Styles, mu: &[f32]) -> Vec<usize> {
    let style_of = styles_of_components(styles);
    let n_visible = styles.all().iter().filter(|style| !style.is_added()).count();
    let most = |memberships: Vec<f64>| {
        let mut shares = vec![0.0; n_visible + 1];
        for (share, style) in memberships.iter().zip(&style_of) {
            shares[(*style).min(n_visible)] += share;
        }
        (0..shares.len()).rev().max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(0)
    };
    styles.memberships(model, mu).into_iter().map(most).collect()
}

/// Held-out tunes, evenly spaced over the files; the styles take turns, and a tune whose own style
/// it would be gets the next one.
fn tunes<'a>(data: &'a EvalData, own: &[usize], visible: &[&'a Style], seed: u64) -> Vec<Tune<'a>> {
    let rows = &data.heldout.rows;
    let mut files: Vec<Vec<usize>> = Vec::new();
    for at in 0..rows.len() {
        match files.last_mut().filter(|file| rows[file[0]].group == rows[at].group) {
            Some(file) => file.push(at),
            None => files.push(vec![at]),
        }
    }
    let every = files.len().div_ceil(TUNES).max(1);
    let mut rng = seed::stream(seed, "unrelated to tunes", 0);
    let chosen = files.iter().step_by(every).enumerate();
    chosen
        .map(|(turn, file)| {
            let places = &file[..file.len().min(WINDOWS)];
            let turn = turn % visible.len();
            let number = if own[places[0]] == turn { (turn + 1) % visible.len() } else { turn };
            let unrelated = places.iter().map(|at| {
                let meter = rows[*at].tokens.first();
                let alike: Vec<usize> = (0..rows.len())
                    .filter(|i| {
                        own[*i] == number
                            && rows[*i].tokens.first() == meter
                            && rows[*i].group != rows[*at].group
                    })
                    .collect();
                let drawn = (!alike.is_empty()).then(|| alike[rng.random_range(0..alike.len())]);
                drawn.map(|i| rows[i].tokens.as_slice())
            });
            Tune {
                unrelated: unrelated.collect(),
                windows: places.iter().map(|at| rows[*at].tokens.clone()).collect(),
                style: visible[number],
                number,
            }
        })
        .collect()
}

/// A judge of styles that never sees a latent.
struct Judge<'a> {
    model: &'a Model,
    n_styles: usize,
    classifier: LogisticRegression,
}

impl<'a> Judge<'a> {
    fn learn(model: &'a Model, data: &EvalData, own: &[usize], n_styles: usize) -> Self {
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for style in 0..n_styles {
            let places: Vec<usize> = (0..own.len()).filter(|i| own[*i] == style).collect();
            for at in thin(&places, LEARNED) {
                rows.extend(description(model.form(), &data.train.rows[at].tokens));
                labels.push(style);
            }
        }
        let n_features = rows.len() / labels.len().max(1);
        let classifier = LogisticRegression::fit(&rows, n_features, &labels, n_styles, C);
        Self { model, n_styles, classifier }
    }

    fn judge(&self, window: &[u16]) -> usize {
        self.classifier.predict(&description(self.model.form(), window))
    }
}

impl Mixes {
    fn add<'a>(
        &mut self,
        judge: &Judge<'_>,
        encoding: NoteListEncoding,
        tune: &Tune<'_>,
        mixed: impl Iterator<Item = &'a [u16]>,
    ) {
        let (mut judged, mut as_other) = (Tally::default(), Tally::default());
        let (mut harmony, mut line) = (Tally::default(), Tally::default());
        for (before, after) in tune.windows.iter().zip(mixed) {
            let found = judge.judge(after);
            judged.add(f64::from(u8::from(found == tune.number)));
            // The mean over all other styles: one of them, drawn at random.
            let n_others = (judge.n_styles - 1) as f64;
            as_other.add(f64::from(u8::from(found != tune.number)) / n_others);
            let [before, after] = [before, after].map(|row| list(encoding, row));
            harmony.add_some(harmony_of(&before, &after));
            line.add_some(line_of(&before, &after));
        }
        self.judged.push(judged);
        self.judged_as_other.push(as_other);
        self.harmony.push(harmony);
        self.line.push(line);
    }

    fn add_unrelated(&mut self, encoding: NoteListEncoding, tune: &Tune<'_>) {
        let (mut harmony, mut line) = (Tally::default(), Tally::default());
        for (before, other) in tune.windows.iter().zip(&tune.unrelated) {
            let Some(other) = other else { continue };
            let [before, other] = [before, *other].map(|row| list(encoding, row));
            harmony.add_some(harmony_of(&before, &other));
            line.add_some(line_of(&before, &other));
        }
        self.harmony.push(harmony);
        self.line.push(line);
    }
}

fn list(encoding: NoteListEncoding, row: &[u16]) -> NoteList {
    NoteList::from_row(encoding, row).expect("windows of the model's own kind")
}

/// Correlation of the durations of pitch classes; `None` if a window has no notes.
fn harmony_of(a: &NoteList, b: &NoteList) -> Option<f64> {
    let [a, b] = [a, b].map(|list| pitch_class_durations(&notes_of_lists([list])));
    pearson(&a, &b)
}

/// F1 of the notes of the highest lines, by start and pitch; `None` if both are empty.
fn line_of(a: &NoteList, b: &NoteList) -> Option<f64> {
    let [a, b] = [a, b].map(|list| {
        let lines = outer_lines(&notes_of_lists([list]));
        let notes = lines.into_iter().next().map(|line| line.notes).unwrap_or_default();
        notes.iter().map(|GridNote { start, pitch, .. }| (*start, *pitch)).collect::<Vec<_>>()
    });
    let common = a.iter().filter(|note| b.contains(note)).count();
    (a.len() + b.len() > 0).then(|| 2.0 * common as f64 / (a.len() + b.len()) as f64)
}

/// The share of real held-out windows of the tunes' styles that are judged to be of them.
fn real_windows(judge: &Judge<'_>, data: &EvalData, own: &[usize], tunes: &[Tune<'_>]) -> f64 {
    let right = |style: usize| {
        let places: Vec<usize> = (0..own.len()).filter(|i| own[*i] == style).collect();
        let places = thin(&places, LEARNED);
        let right =
            places.iter().filter(|at| judge.judge(&data.heldout.rows[**at].tokens) == style);
        right.count() as f64 / places.len().max(1) as f64
    };
    let of_style: Vec<f64> = (0..judge.n_styles).map(right).collect();
    let of_tunes: Vec<f64> = tunes.iter().map(|tune| of_style[tune.number]).collect();
    mean(&of_tunes).unwrap_or(f64::NAN)
}

fn mix_figures(section: &mut Section, mixes: &[Mixes], unrelated: &Mixes, real: f64, seed: u64) {
    let value = |tallies: &[Tally]| Tally::mean(tallies);
    for at in SHOWN {
        let (strength, found, n) = (STRENGTHS[at], &mixes[at], mixes[at].judged.len());
        let mut push =
            |key: &str, title: &str, tallies: &[Tally], beside: &[(&str, Option<f64>)]| {
                let Some(share) = bootstrap(tallies, seed) else { return };
                let key = format!("combination.mix.{key}.{strength}");
                let title = format!("{title}, mixed in with strength {strength}");
                let figure = Figure::share(&key, &title, share, n);
                section
                    .push(beside.iter().fold(figure, |figure, (name, v)| figure.beside(name, *v)));
            };
        let judged = [
            ("one of the other styles", value(&found.judged_as_other)),
            ("the tune, reconstructed", value(&mixes[0].judged)),
            ("real windows of the style", Some(real)),
        ];
        push("judged", "judged to be of the style", &found.judged, &judged);
        let of = |of: fn(&Mixes) -> &[Tally]| {
            [
                ("the tune, reconstructed", value(of(&mixes[0]))),
                ("real windows of the style", value(of(unrelated))),
            ]
        };
        push("harmony", "harmony of the tune", &found.harmony, &of(|mixes| &mixes.harmony));
        push("line", "highest line of the tune", &found.line, &of(|mixes| &mixes.line));
    }
    let series = |name: &str, of: fn(&Mixes) -> &[Tally]| Series {
        name: name.to_owned(),
        points: STRENGTHS
            .iter()
            .zip(mixes)
            .filter_map(|(strength, found)| Some([*strength, Tally::mean(of(found))?]))
            .collect(),
        intervals: Vec::new(),
    };
    section.charts.push(Chart::Lines {
        title: "A style mixed into a tune".to_owned(),
        x_label: "strength".to_owned(),
        y_label: "share, correlation, F1".to_owned(),
        log_x: false,
        series: vec![
            series("judged to be of the style", |mixes| &mixes.judged),
            series("harmony of the tune", |mixes| &mixes.harmony),
            series("highest line of the tune", |mixes| &mixes.line),
        ],
    });
}

fn accompaniment_figures(
    section: &mut Section,
    model: &Model,
    styles: &Styles,
    tunes: &[Tune<'_>],
    decoding: Decoding,
) -> Result<(), EvalError> {
    let reference = Reference::load(model)?;
    let encoding = model.form().encoding().expect("lists of notes");
    let (mut consonance, mut membership) = (Vec::new(), Vec::new());
    let (mut own, mut unchosen, mut unrelated) = (Vec::new(), Vec::new(), Vec::new());
    let one = |value: Option<f64>| {
        let mut tally = Tally::default();
        tally.add_some(value);
        tally
    };
    for tune in tunes {
        let parts: Vec<_> = tune.windows.iter().map(|row| split(&list(encoding, row))).collect();
        let melody: Vec<Vec<u16>> = parts.iter().map(|(melody, _)| melody.to_row()).collect();
        let request = AccompanyRequest { style: tune.style, n_courses: COURSES, decoding };
        let fit = accompany(model, styles, &reference, &melody, &request)?.fit;
        let below = parts.iter().map(|(melody, below)| harmony_under(melody, below));
        own.push(one(below.fold(Harmony::default(), Harmony::and).consonance()));
        consonance.push(one(fit.consonance));
        unchosen.push(one(fit.unchosen));
        unrelated.push(one(fit.unrelated));
        membership.push(one(Some(fit.membership)));
    }
    let seed = decoding.seed;
    if let Some(share) = bootstrap(&consonance, seed) {
        let title = "accompaniment consonant with the melody";
        let figure = Figure::share("combination.accompany.consonance", title, share, tunes.len())
            .beside("the tune's own lower voices", Tally::mean(&own))
            .beside("without selection", Tally::mean(&unchosen))
            .beside("unrelated real windows", Tally::mean(&unrelated));
        section.push(figure);
    }
    if let Some(share) = bootstrap(&membership, seed) {
        let title = "melody and accompaniment together, membership in the style";
        section.push(Figure::share("combination.accompany.membership", title, share, tunes.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use note_seq::{ListNote, Meter, Pitch};

    use super::*;

    fn window(notes: &[(u16, u8, u16)]) -> NoteList {
        let notes = notes.iter().map(|(onset, pitch, duration)| ListNote {
            onset: *onset,
            pitch: Pitch::new(*pitch).unwrap(),
            duration: *duration,
            ..ListNote::default()
        });
        NoteList::from_notes(NoteListEncoding::POLY_2BAR, Meter::COMMON, notes).unwrap()
    }

    #[test]
    fn harmony_ignores_octaves_and_the_line_ignores_lower_voices() {
        let tune = window(&[(0, 72, 24), (0, 48, 24), (24, 76, 24)]);
        let other = window(&[(0, 72, 24), (24, 76, 24), (24, 60, 24)]);
        assert!((harmony_of(&tune, &other).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(line_of(&tune, &other), Some(1.0));
        // One of two notes in common.
        let moved = window(&[(0, 72, 24), (24, 77, 24)]);
        assert_eq!(line_of(&tune, &moved), Some(0.5));
        assert!(harmony_of(&tune, &moved).unwrap() < 0.9);
        let silent = window(&[]);
        assert_eq!((harmony_of(&tune, &silent), line_of(&silent, &silent)), (None, None));
        assert_eq!(line_of(&tune, &silent), Some(0.0));
    }
}
