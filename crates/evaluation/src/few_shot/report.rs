//! The curve of few files as figures.

use super::super::report::{Better, Chart, Figure, Section, Series};
use super::super::statistics::{bootstrap_of, mean, quantile};
use super::curve::{Curve, Point, Scores};
use super::method::Method;

/// The share of the score with all files that counts as reached.
const ENOUGH: f64 = 0.9;

/// A measure: its key, its name, its unit, which way is better, its value.
type Measure = (&'static str, &'static str, &'static str, Better, fn(&Scores) -> f64);

/// All measures; methods are ranked by the first.
const MEASURES: [Measure; 4] = [
    ("fd", "Fréchet distance from other music of the label", "fd_feat_10", Better::Lower, |s| {
        s.distance
    }),
    ("density", "density among other music of the label", "density", Better::Higher, |s| s.density),
    ("coverage", "coverage of other music of the label", "share", Better::Higher, |s| s.coverage),
    ("judged", "groups of eight windows judged as asked for", "share", Better::Higher, |s| {
        s.judged
    }),
];

/// Adds the figures and charts of a curve.
pub(super) fn report(section: &mut Section, curve: &Curve, seed: u64) {
    for measure in &MEASURES {
        for point in &curve.points {
            let files = files(point.n_files);
            let (key, title, unit, better, value) = *measure;
            let own = values(point, 0, value);
            let Some(average) = mean(&own) else { continue };
            let key = format!("control.few_shot.{key}.{}", point.n_files);
            let title = format!("{title}, {files}");
            let mut figure = Figure::new(&key, &title, average, unit, own.len())
                .better(better)
                .interval(bootstrap_of(&own, seed, mean_of));
            for (method, (_, name)) in Method::ALL.iter().enumerate().skip(1) {
                figure = figure.beside(name, mean(&values(point, method, value)));
            }
            section.push(figure.beside("real", curve.real.as_ref().map(value)));
        }
        section.charts.push(chart(curve, measure));
    }
    for point in &curve.points {
        section.push_some(lead(point, seed));
    }
    section.push_some(n90(curve));
}

fn files(n: usize) -> String {
    if n == 1 { "one file".to_owned() } else { format!("{n} files") }
}

fn mean_of(drawn: &[&f64]) -> Option<f64> {
    mean(&drawn.iter().map(|v| **v).collect::<Vec<_>>())
}

/// A method's values in the resamples in which it made a style.
fn values(point: &Point, method: usize, value: fn(&Scores) -> f64) -> Vec<f64> {
    point.resamples.iter().filter_map(|of| of[method].as_ref().map(value)).collect()
}

/// By how much `style add` is nearer to other music than the nearest other method, with the
/// interval of the paired difference over the resamples; next to it, the lead over each.
fn lead(point: &Point, seed: u64) -> Option<Figure> {
    let leads: Vec<(&str, Vec<f64>)> = Method::ALL
        .iter()
        .enumerate()
        .skip(1)
        .map(|(method, (_, name))| {
            let pair = |of: &Vec<Option<Scores>>| {
                Some(of[method].as_ref()?.distance - of[0].as_ref()?.distance)
            };
            (*name, point.resamples.iter().filter_map(pair).collect())
        })
        .collect();
    let known = leads.iter().filter_map(|(_, lead)| Some((mean(lead)?, lead)));
    let (least, of) = known.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let title =
        format!("lead in Fréchet distance over the nearest other, {}", files(point.n_files));
    let key = format!("control.few_shot.lead.{}", point.n_files);
    let figure = Figure::new(&key, &title, least, "fd_feat_10", of.len())
        .interval(bootstrap_of(of, seed, mean_of))
        .goal(0.0);
    Some(leads.iter().fold(figure, |figure, (name, lead)| figure.beside(name, mean(lead))))
}

/// The fewest files whose style is judged as asked for in nine tenths of what the most files give.
fn n90(curve: &Curve) -> Option<Figure> {
    let judged = |method: usize, point: &Point| mean(&values(point, method, |s| s.judged));
    let of = |method: usize| -> Option<f64> {
        let target = ENOUGH * judged(method, curve.points.last()?)?;
        let first = curve.points.iter().find(|p| judged(method, p).is_some_and(|s| s >= target));
        first.map(|point| point.n_files as f64)
    };
    let most = curve.points.last()?;
    let title = format!("n90: fewest files judged right in 90 % of what {} give", most.n_files);
    let figure = Figure::new("control.few_shot.n90", &title, of(0)?, "files", most.resamples.len())
        .better(Better::Lower)
        .goal(5.0);
    let others = Method::ALL.iter().enumerate().skip(1);
    Some(others.fold(figure, |figure, (method, (_, name))| figure.beside(name, of(method))))
}

fn chart(curve: &Curve, (_, title, unit, _, value): &Measure) -> Chart {
    let series = Method::ALL.iter().enumerate().map(|(method, (_, name))| {
        let found = |point: &Point| {
            let values = values(point, method, *value);
            let middle = middle(&values)?;
            Some(([point.n_files as f64, mean(&values)?], middle))
        };
        let (points, intervals) = curve.points.iter().filter_map(found).unzip();
        Series { name: (*name).to_owned(), points, intervals }
    });
    Chart::Lines {
        title: (*title).to_owned(),
        x_label: "files of the style".to_owned(),
        y_label: (*unit).to_owned(),
        log_x: true,
        series: series.collect(),
    }
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

    /// Two resamples at each number of files, with the distance and the judge's share of `style
    /// add`, of one Gaussian and of the prior.
    fn curve() -> Curve {
        let scores = |distance: f64, judged: f64| {
            Some(Scores { distance, judged, density: 1.0, coverage: 0.5 })
        };
        let point = |n_files: usize, added: [f64; 2], gaussian: f64| {
            let of = |more: f64| {
                let mut all = vec![None; Method::ALL.len()];
                all[0] = scores(added[0] + more, added[1]);
                all[1] = scores(gaussian + 2.0 * more, 0.1);
                all[6] = scores(9.0, 0.2);
                all
            };
            Point { n_files, resamples: vec![of(0.0), of(0.5)] }
        };
        Curve {
            points: vec![
                point(1, [3.0, 0.5], 4.0),
                point(2, [2.0, 0.91], 1.0),
                point(5, [1.0, 1.0], 1.5),
            ],
            real: scores(0.5, 1.0),
            labels: vec!["a".to_owned(), "b".to_owned()],
            explained: 0.6,
        }
    }

    #[test]
    fn the_lead_is_over_the_nearest_other_and_pairs_resamples() {
        let mut section = Section::default();
        report(&mut section, &curve(), 1);
        let figure = |key: &str| section.figures.iter().find(|f| f.key == key).unwrap();
        // One Gaussian is 1 and 1.5 farther away; the prior 6 and 5.5.
        let lead = figure("control.few_shot.lead.1");
        assert_eq!((lead.value, lead.interval), (1.25, Some([1.0, 1.5])));
        let beside = |name: &str| lead.baselines.iter().find(|b| b.name == name).unwrap().value;
        assert_eq!((beside("own Gaussian"), beside("prior")), (1.25, 5.75));
        assert_eq!(figure("control.few_shot.lead.2").value, -0.75);
        let distance = figure("control.few_shot.fd.5");
        assert_eq!((distance.value, distance.better), (1.25, Better::Lower));
        assert_eq!(distance.baselines.last().unwrap().value, 0.5);
    }

    #[test]
    fn n90_is_the_first_number_that_is_enough() {
        let mut section = Section::default();
        report(&mut section, &curve(), 1);
        let n90 = section.figures.iter().find(|f| f.key == "control.few_shot.n90").unwrap();
        assert_eq!((n90.value, n90.reached()), (2.0, Some(true)));
        // The prior is as good with one file as with all; methods without points are left out.
        let prior = n90.baselines.last().unwrap();
        assert_eq!((prior.name.as_str(), prior.value), ("prior", 1.0));
        assert_eq!(n90.baselines.len(), 2);
    }
}
