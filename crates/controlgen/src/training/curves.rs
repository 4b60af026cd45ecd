//! `curves.svg`: the learning curves of a run.
//!
//! Four panels over steps: the negative evidence lower bound and its two terms, on training windows
//! and on held-out ones, and the accuracy on the latter. The training curves are means over groups
//! of steps, for legibility.

use std::path::Path;

use corpus::artifact::{ArtifactResult, write_atomic};
use svg::Document;
use svg::node::element::{Circle, Group, Line, Polyline, Rectangle, Text};

use super::metrics::History;

/// Width and height of a panel's plot, and the margins around it.
const PLOT: (f64, f64) = (470.0, 260.0);
const LEFT: f64 = 62.0;
const RIGHT: f64 = 22.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 44.0;
/// Maximum number of points of a training curve.
const MAX_POINTS: usize = 300;
// Distinguishable with most kinds of color vision (Okabe and Ito 2008).
const TRAIN: &str = "#0072b2";
const HELDOUT: &str = "#d55e00";
const SAMPLED: &str = "#009e73";
const GRID: &str = "#e2e2dc";
const AXIS: &str = "#9a9a94";

/// A line of a panel.
struct Curve {
    name: &'static str,
    color: &'static str,
    /// Whether each point is marked, because there are few.
    marked: bool,
    points: Vec<(f64, f64)>,
}

struct Panel {
    title: &'static str,
    lines: [Curve; 2],
    /// The range of the axis, if it is the same for all runs.
    range: Option<(f64, f64)>,
}

/// Draws the image and writes it completely or not at all.
pub(super) fn write(path: &Path, history: &History) -> ArtifactResult<()> {
    write_atomic(path, picture(history).as_bytes())
}

/// The SVG text of the image.
fn picture(history: &History) -> String {
    let panels = panels(history);
    let points = || panels.iter().flat_map(|panel| panel.lines.iter().flat_map(|c| &c.points));
    let last_step = points().map(|(step, _)| *step).fold(1.0, f64::max);
    let (width, height) = (LEFT + PLOT.0 + RIGHT, TOP + PLOT.1 + BOTTOM);
    let mut document = Document::new()
        .set("viewBox", (0, 0, 2.0 * width, 2.0 * height))
        .set("width", 2.0 * width)
        .set("font-family", "sans-serif")
        .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"));
    for (n, panel) in panels.iter().enumerate() {
        let (column, row) = ((n % 2) as f64, (n / 2) as f64);
        let place = format!("translate({} {})", column * width, row * height);
        document = document.add(draw(panel, last_step).set("transform", place));
    }
    document.to_string()
}

fn panels(history: &History) -> [Panel; 4] {
    use std::f64::consts::LN_2;
    let train = |value: fn(&musicvae::train::StepMetrics) -> f64| Curve {
        name: "training",
        color: TRAIN,
        marked: false,
        points: averaged(
            history.steps.iter().map(|point| (point.metrics.step as f64, value(&point.metrics))),
        ),
    };
    let evaluated = |name, color, value: fn(&musicvae::Scores) -> f64| Curve {
        name,
        color,
        marked: true,
        points: history
            .evaluations
            .iter()
            .map(|point| (point.step as f64, value(&point.scores)))
            .filter(|(_, y)| y.is_finite())
            .collect(),
    };
    let heldout = |value| evaluated("held out", HELDOUT, value);
    let (accuracy, best) = match history.evaluations.first().map(|point| &point.scores) {
        Some(musicvae::Scores::Notes(_)) => ("F1 of notes on held-out windows", "posterior mean"),
        _ => ("Accuracy on held-out windows", "teacher-forced"),
    };
    [
        Panel {
            title: "Negative evidence lower bound, nats per window",
            lines: [
                train(|m| m.reconstruction_nats + m.kl_bits * LN_2),
                heldout(musicvae::Scores::negative_elbo_nats),
            ],
            range: None,
        },
        Panel {
            title: "Reconstruction, nats per window",
            lines: [
                train(|m| m.reconstruction_nats),
                heldout(musicvae::Scores::reconstruction_nats),
            ],
            range: None,
        },
        Panel {
            title: "KL, bits per window",
            lines: [train(|m| m.kl_bits), heldout(musicvae::Scores::kl_bits)],
            range: None,
        },
        Panel {
            title: accuracy,
            lines: [
                evaluated(best, HELDOUT, musicvae::Scores::best),
                evaluated("sampled at temperature 1", SAMPLED, musicvae::Scores::sampled),
            ],
            range: Some((0.0, 1.0)),
        },
    ]
}

/// Means over groups of adjacent points, at most [`MAX_POINTS`] of them.
fn averaged(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let points: Vec<(f64, f64)> = points.filter(|(_, y)| y.is_finite()).collect();
    let group = points.len().div_ceil(MAX_POINTS).max(1);
    let mean = |group: &[(f64, f64)]| {
        let n = group.len() as f64;
        let (x, y) = group.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        (x / n, y / n)
    };
    points.chunks(group).map(mean).collect()
}

/// The smallest range that contains all values, slightly widened; 0 to 1 without values.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = if high > low { 0.04 * (high - low) } else { 0.5 * high.abs().max(1.0) };
    (low - margin, high + margin)
}

/// Round numbers in a range, about five of them: multiples of 1, 2 or 5 times a power of ten.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil();
    (0..20).map(|n| (first + f64::from(n)) * step).take_while(|tick| *tick <= high).collect()
}

/// One panel, its upper left corner at the origin; steps go from 0 to `last_step`.
fn draw(panel: &Panel, last_step: f64) -> Group {
    let values = || panel.lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y));
    let (low, high) = panel.range.unwrap_or_else(|| range(values()));
    let x = |step: f64| LEFT + step / last_step * PLOT.0;
    let y = |value: f64| TOP + (high - value) / (high - low) * PLOT.1;
    let right = LEFT + PLOT.0;
    let bottom = TOP + PLOT.1;
    let mut group = Group::new().add(text(panel.title, LEFT, 20.0, "start").set("font-size", 15));
    for tick in ticks(low, high) {
        let label = number(tick);
        group = group.add(line(LEFT, y(tick), right, y(tick), GRID)).add(text(
            &label,
            LEFT - 6.0,
            y(tick) + 4.0,
            "end",
        ));
    }
    for tick in ticks(0.0, last_step) {
        group = group.add(line(x(tick), TOP, x(tick), bottom, GRID)).add(text(
            &number(tick),
            x(tick),
            bottom + 16.0,
            "middle",
        ));
    }
    group = group
        .add(line(LEFT, bottom, right, bottom, AXIS))
        .add(line(LEFT, TOP, LEFT, bottom, AXIS))
        .add(text("step", right, bottom + 32.0, "end"));
    for curve in &panel.lines {
        let points: Vec<String> =
            curve.points.iter().map(|at| format!("{:.1},{:.1}", x(at.0), y(at.1))).collect();
        let path = Polyline::new()
            .set("points", points.join(" "))
            .set("fill", "none")
            .set("stroke", curve.color)
            .set("stroke-width", 2);
        group = group.add(path);
        if curve.marked {
            for (step, value) in &curve.points {
                let mark = Circle::new()
                    .set("cx", format!("{:.1}", x(*step)))
                    .set("cy", format!("{:.1}", y(*value)))
                    .set("r", 3)
                    .set("fill", curve.color);
                group = group.add(mark);
            }
        }
    }
    // The legend, to the right of the title and away from all curves.
    let mut at = right;
    for curve in panel.lines.iter().rev().filter(|curve| !curve.points.is_empty()) {
        group = group.add(text(curve.name, at, 36.0, "end").set("fill", curve.color));
        // Letters of this size are about seven units wide.
        at -= curve.name.len() as f64 * 7.0 + 14.0;
    }
    group
}

/// A number on an axis, without superfluous digits.
fn number(value: f64) -> String {
    // Sums of tenths have rounding errors in the last place.
    let rounded = (value * 1e6).round() / 1e6;
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64, color: &str) -> Line {
    Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2).set("stroke", color)
}

fn text(words: &str, x: f64, y: f64, anchor: &str) -> Text {
    Text::new(words)
        .set("x", x)
        .set("y", y)
        .set("font-size", 12)
        .set("text-anchor", anchor)
        .set("fill", "#222222")
}

#[cfg(test)]
mod tests {
    use super::super::metrics::{EvaluationPoint, StepPoint, heldout, step_metrics};
    use super::*;

    #[test]
    fn lines_of_training_are_means_of_groups() {
        let points = averaged((0..600).map(|i| (f64::from(i), f64::from(i % 2))));
        assert_eq!(points.len(), 300);
        assert_eq!(points[..2], [(0.5, 0.5), (2.5, 0.5)]);
        let points = averaged([(0.0, f64::NAN), (1.0, 3.0)].into_iter());
        assert_eq!(points, [(1.0, 3.0)]);
    }

    #[test]
    fn a_range_holds_all_values() {
        assert_eq!(range([].into_iter()), (0.0, 1.0));
        assert_eq!(range([2.0].into_iter()), (1.0, 3.0));
        assert_eq!(range([0.0, 100.0, 50.0].into_iter()), (-4.0, 104.0));
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]);
        assert_eq!(number(0.600_000_000_000_000_1), "0.6");
        assert_eq!(ticks(-13.0, 1010.0), [0.0, 500.0, 1000.0]);
        assert_eq!(ticks(27.3, 31.9), [28.0, 29.0, 30.0, 31.0]);
    }

    #[test]
    fn a_picture_has_a_panel_for_each_figure_and_names_its_lines() {
        let steps =
            (0..1000).map(|step| StepPoint { elapsed_secs: 1.0, metrics: step_metrics(step) });
        let evaluations = [500, 1000].map(|step| EvaluationPoint { step, scores: heldout() });
        let history = History { steps: steps.collect(), evaluations: evaluations.into() };
        let text = picture(&history);
        assert_eq!(text, picture(&history), "the same figures, the same picture");
        for words in [
            "Negative evidence lower bound",
            "Reconstruction, nats",
            "KL, bits",
            "Accuracy",
            "held out",
            "training",
            "teacher-forced",
            "sampled at temperature 1",
        ] {
            assert!(text.contains(words), "{words}");
        }
        // Two evaluations on five curves, with one mark each.
        assert_eq!(text.matches("<circle").count(), 10);
        // And one of a run that has just started.
        assert!(picture(&History::default()).contains("Accuracy"));
    }
}
