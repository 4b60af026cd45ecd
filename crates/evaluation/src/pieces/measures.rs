//! Measures of a whole piece, and a judge that tells made pieces from real ones.

use controlgen::model::Model;
use controlgen::piece::{Ending, Onsets, Sounds, best_scale, echoes, intervals, tonic, turned};

use super::super::logistic::LogisticRegression;
use super::super::music::description;
use super::super::statistics::mean;
use super::structure::{FRAMES_PER_BAR, Frame, SelfSimilarity};

/// A leap is wider than a fifth, in semitones.
const FIFTH: i32 = 7;
/// Parts of the cross-validation of the judge.
const FOLDS: usize = 5;
/// Pieces of each side that the judge needs.
const LEAST_PIECES: usize = 20;
/// Strength of the judge's penalty: there are more features than pieces.
const C: f64 = 0.01;

/// Measures of a piece.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measures {
    /// Share of sounding time in the best major scale.
    pub(super) key_fit: Option<f64>,
    /// Share of windows after the first that return, varied or not, …
    pub(super) returns: Option<f64>,
    /// … and exactly.
    pub(super) exact: Option<f64>,
    /// Mean distance of those that return to the latest that is like them, in bars.
    pub(super) distance: Option<f64>,
    /// The largest mean similarity of windows at one distance, up to half of the piece.
    pub(super) repetition: Option<f64>,
    /// Structureness of passages of one bar to two, two to four, and four or more, up to half of
    /// the piece.
    pub(super) structure: [f64; 3],
    /// Share of joins over which the top voice leaps.
    pub(super) leaps: Option<f64>,
    /// How it ends, if it does.
    pub(super) ending: Option<Ending>,
    /// Share of bars in which nothing sounds.
    pub(super) empty_bars: f64,
    /// Features that the judge sees: means and deviations of the windows' descriptions, and those
    /// above.
    features: Vec<f64>,
}

impl Measures {
    /// Of windows in a row, each `key` semitones above where its tokens are (none if empty).
    pub(super) fn of(model: &Model, windows: &[Vec<u16>], key: &[i8], has_end: bool) -> Self {
        let (form, n_bars) = (model.form(), model.kind().n_bars());
        let sounds: Vec<Sounds> = windows.iter().map(|w| Sounds::of(form, w)).collect();
        let key = |at: usize| key.get(at).map_or(0, |key| i32::from(*key));
        let mut classes = [0.0; 12];
        for (at, sounds) in sounds.iter().enumerate() {
            let own = turned(&sounds.pitch_classes(), key(at));
            classes.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
        }
        let scale = best_scale(&classes);
        let onsets: Vec<Onsets> = sounds.iter().map(Onsets::from).collect();
        let found = echoes(&onsets);
        let n_after = windows.len().saturating_sub(1).max(1) as f64;
        let distances: Vec<f64> = (0..windows.len())
            .filter(|at| found[*at].is_some())
            .filter_map(|at| {
                let alike =
                    |of: &usize| onsets[*of].similarity(&onsets[at]) >= controlgen::piece::VARIED;
                Some(((at - (0..at).rfind(alike)?) * n_bars) as f64)
            })
            .collect();
        let n_exact = found.iter().flatten().filter(|echo| echo.similarity >= 1.0).count();
        let at_distance = |lag: usize| {
            let pairs = (lag..windows.len()).map(|at| onsets[at].similarity(&onsets[at - lag]));
            mean(&pairs.collect::<Vec<_>>())
        };
        let moves = sounds.windows(2).enumerate().filter_map(|(at, pair)| {
            intervals(&pair[0], &pair[1], key(at + 1) - key(at)).map(|[top, _]| top.abs())
        });
        let leaps: Vec<f64> = moves.map(|top| f64::from(top > FIFTH)).collect();
        let last = sounds.last().zip(scale).filter(|_| has_end);
        let ending = last.map(|(last, (scale, _))| {
            let home = i32::try_from(tonic(&classes, scale)).unwrap_or(0);
            let moved = home - key(windows.len() - 1);
            last.ending(usize::try_from(moved.rem_euclid(12)).unwrap_or(0))
        });
        let n_empty: usize = sounds.iter().map(Sounds::n_empty_bars).sum();
        let mut measures = Self {
            key_fit: scale.map(|(_, share)| share),
            returns: Some(found.iter().flatten().count() as f64 / n_after),
            exact: Some(n_exact as f64 / n_after),
            distance: mean(&distances),
            structure: structure(&sounds, key),
            repetition: (1..=windows.len() / 2).filter_map(at_distance).reduce(f64::max),
            leaps: mean(&leaps),
            ending,
            empty_bars: n_empty as f64 / (windows.len() * n_bars).max(1) as f64,
            features: Vec::new(),
        };
        measures.features = measures.features_of(form, windows);
        measures
    }

    fn features_of(&self, form: &note_seq::window::WindowForm, windows: &[Vec<u16>]) -> Vec<f64> {
        let all: Vec<Vec<f64>> = windows.iter().map(|w| description(form, w)).collect();
        let n = all.len().max(1) as f64;
        let width = all.first().map_or(0, Vec::len);
        let mean: Vec<f64> =
            (0..width).map(|i| all.iter().map(|row| row[i]).sum::<f64>() / n).collect();
        let spread = (0..width)
            .map(|i| (all.iter().map(|row| (row[i] - mean[i]).powi(2)).sum::<f64>() / n).sqrt());
        let spread: Vec<f64> = spread.collect();
        let own = [self.key_fit, self.returns, self.exact, self.distance, self.repetition];
        let own = own.into_iter().chain([self.leaps, Some(self.empty_bars)]);
        mean.into_iter().chain(spread).chain(own.map(|value| value.unwrap_or(0.0))).collect()
    }
}

/// The structureness of windows in a row, each moved by `key` semitones, for short, middle and long
/// passages. Where one returns by chance is short; a half that returns is as long as can be.
fn structure(sounds: &[Sounds], key: impl Fn(usize) -> i32) -> [f64; 3] {
    let frames: Vec<Frame> = sounds
        .iter()
        .enumerate()
        .flat_map(|(at, sounds)| frames(sounds).into_iter().map(move |f| (at, f)))
        .map(|(at, frame)| turned(&frame, key(at)))
        .collect();
    if frames.iter().flatten().all(|x| *x == 0.0) {
        return [0.0; 3];
    }
    let half = frames.len() / 2;
    let similarity = SelfSimilarity::of(&frames);
    let of = |from: usize, to: usize| {
        similarity.structureness([from * FRAMES_PER_BAR, (to * FRAMES_PER_BAR).min(half)])
    };
    [of(1, 2), of(2, 4), of(4, half)]
}

/// How long each pitch class sounds in each part of the bars of a window.
fn frames(sounds: &Sounds) -> Vec<Frame> {
    let n = FRAMES_PER_BAR * sounds.n_steps.div_ceil(sounds.bar.max(1));
    let length = sounds.bar as f64 / FRAMES_PER_BAR as f64;
    let mut frames = vec![[0.0; 12]; n];
    for tone in &sounds.tones {
        let class = usize::try_from(tone.pitch.rem_euclid(12)).unwrap_or(0);
        for (at, frame) in frames.iter_mut().enumerate() {
            let (from, to) = (at as f64 * length, (at + 1) as f64 * length);
            frame[class] += ((tone.end as f64).min(to) - (tone.start as f64).max(from)).max(0.0);
        }
    }
    frames
}

/// The area under the curve of a judge that learns to tell `made` from `real` pieces, each judged
/// by one that has not seen it; `None` for too few.
pub(super) fn auc_of_judge(real: &[Measures], made: &[Measures]) -> Option<f64> {
    if real.len() < LEAST_PIECES || made.len() < LEAST_PIECES {
        return None;
    }
    let rows: Vec<(&[f64], usize)> = real
        .iter()
        .map(|m| (m.features.as_slice(), 0))
        .chain(made.iter().map(|m| (m.features.as_slice(), 1)))
        .collect();
    let width = rows[0].0.len();
    let mut scores = [Vec::new(), Vec::new()];
    for fold in 0..FOLDS {
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for (_, (row, label)) in rows.iter().enumerate().filter(|(at, _)| at % FOLDS != fold) {
            values.extend_from_slice(row);
            labels.push(*label);
        }
        let judge = LogisticRegression::fit(&values, width, &labels, 2, C);
        for (_, (row, label)) in rows.iter().enumerate().filter(|(at, _)| at % FOLDS == fold) {
            scores[*label].push(judge.predict_proba(row)[1]);
        }
    }
    let [real, made] = scores;
    Some(auc(&real, &made))
}

/// The probability that one of `high` is above one of `low`, half for equals (Mann and Whitney
/// 1947).
fn auc(low: &[f64], high: &[f64]) -> f64 {
    let above = |low: &f64, high: &f64| match high.total_cmp(low) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    let sum: f64 = low.iter().flat_map(|l| high.iter().map(move |h| above(l, h))).sum();
    sum / (low.len() * high.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_the_curve_by_hand() {
        // Of six pairs, four are above and one is equal.
        assert_eq!(auc(&[0.1, 0.5], &[0.5, 0.6, 0.3]), 4.5 / 6.0);
        assert_eq!((auc(&[0.0], &[1.0]), auc(&[1.0], &[0.0])), (1.0, 0.0));
    }

    #[test]
    fn a_judge_tells_what_differs_and_guesses_what_does_not() {
        let measures = |n: usize, shift: f64| -> Vec<Measures> {
            let of = |i: usize| Measures {
                key_fit: None,
                returns: None,
                exact: None,
                distance: None,
                repetition: None,
                structure: [0.0; 3],
                leaps: None,
                ending: None,
                empty_bars: 0.0,
                features: vec![shift + (i as f64 * 0.7).sin(), (i as f64 * 1.3).cos()],
            };
            (0..n).map(of).collect()
        };
        let (real, other) = (measures(40, 0.0), measures(40, 3.0));
        assert!(auc_of_judge(&real, &other).unwrap() > 0.99);
        let same = auc_of_judge(&real, &measures(40, 0.0)).unwrap();
        assert!((same - 0.5).abs() < 0.15, "{same}");
        assert_eq!(auc_of_judge(&real[..5], &other), None);
    }
}
