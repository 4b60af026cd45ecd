//! `curves.svg`: how a run went, as a picture.
//!
//! Four panels over steps: the negative evidence lower bound and its two terms, on the windows that
//! are learnt from and on held-out ones, and the accuracy on the latter. The lines of training are
//! means over groups of steps, so that they can be read.

use std::path::Path;

use plotters::prelude::*;

use super::metrics::History;
use crate::artifact::{ArtifactResult, write_atomic};

const SIZE: (u32, u32) = (1100, 720);
/// The most points of a line of training.
const MAX_POINTS: usize = 300;
const TRAIN: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const HELDOUT: RGBColor = RGBColor(0xd6, 0x27, 0x28);
const SAMPLED: RGBColor = RGBColor(0x2c, 0xa0, 0x2c);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

/// A line of a panel.
struct Line {
    name: &'static str,
    color: RGBColor,
    /// Whether each point is marked: there are few.
    marked: bool,
    points: Vec<(f64, f64)>,
}

struct Panel {
    title: &'static str,
    lines: [Line; 2],
    /// Where the axis is the same for every run.
    range: Option<(f64, f64)>,
}

/// Draws the picture and writes it whole or not at all.
pub(super) fn write(path: &Path, history: &History) -> ArtifactResult<()> {
    write_atomic(path, picture(history).as_bytes())
}

/// The picture's text.
fn picture(history: &History) -> String {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(&root, &panels(history)).expect("drawing into a string does not fail");
    }
    text
}

fn panels(history: &History) -> [Panel; 4] {
    use std::f64::consts::LN_2;
    let train = |value: fn(&musicvae::train::StepMetrics) -> f64| Line {
        name: "training",
        color: TRAIN,
        marked: false,
        points: averaged(
            history.steps.iter().map(|point| (point.metrics.step as f64, value(&point.metrics))),
        ),
    };
    let evaluated = |name, color, value: fn(&musicvae::Evaluation) -> f64| Line {
        name,
        color,
        marked: true,
        points: history
            .evaluations
            .iter()
            .map(|point| (point.step as f64, value(&point.evaluation)))
            .filter(|(_, y)| y.is_finite())
            .collect(),
    };
    let heldout = |value| evaluated("held out", HELDOUT, value);
    [
        Panel {
            title: "Negative evidence lower bound, nats a window",
            lines: [
                train(|m| m.reconstruction_nats + m.kl_bits * LN_2),
                heldout(musicvae::Evaluation::negative_elbo_nats),
            ],
            range: None,
        },
        Panel {
            title: "Reconstruction, nats a window",
            lines: [train(|m| m.reconstruction_nats), heldout(|e| e.reconstruction_nats)],
            range: None,
        },
        Panel {
            title: "KL, bits a window",
            lines: [train(|m| m.kl_bits), heldout(|e| e.kl_bits)],
            range: None,
        },
        Panel {
            title: "Accuracy on held-out windows",
            lines: [
                evaluated("teacher-forced", HELDOUT, |e| e.teacher_forced_accuracy),
                evaluated("sampled at temperature 1", SAMPLED, |e| e.sampled_accuracy),
            ],
            range: Some((0.0, 1.0)),
        },
    ]
}

/// Means over groups of points that stand together, at most [`MAX_POINTS`] of them.
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

/// The smallest range, a little widened, that holds all values; from 0 to 1 without any.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return (0.0, 1.0);
    }
    let margin = if high > low { 0.04 * (high - low) } else { 0.5 * high.abs().max(1.0) };
    (low - margin, high + margin)
}

fn draw<B: DrawingBackend>(
    root: &DrawingArea<B, plotters::coord::Shift>,
    panels: &[Panel; 4],
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    root.fill(&WHITE)?;
    let all = || panels.iter().flat_map(|panel| panel.lines.iter().flat_map(|line| &line.points));
    let last_step = all().map(|(x, _)| *x).fold(1.0, f64::max);
    for (panel, area) in panels.iter().zip(root.split_evenly((2, 2))) {
        let values = || panel.lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y));
        let (low, high) = panel.range.unwrap_or_else(|| range(values()));
        let mut chart = ChartBuilder::on(&area)
            .caption(panel.title, ("sans-serif", 17))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..last_step, low..high)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .x_labels(6)
            .y_labels(6)
            .x_desc("step")
            .x_label_formatter(&|step| format!("{step:.0}"))
            .label_style(("sans-serif", 13))
            .draw()?;
        for line in &panel.lines {
            let (color, points) = (line.color, || line.points.iter().copied());
            if line.points.is_empty() {
                continue;
            }
            chart
                .draw_series(LineSeries::new(points(), color.stroke_width(2)))?
                .label(line.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
                });
            if line.marked {
                chart.draw_series(points().map(|at| Circle::new(at, 3, color.filled())))?;
            }
        }
        if values().next().is_some() {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.8))
                .border_style(GRID)
                .label_font(("sans-serif", 13))
                .draw()?;
        }
    }
    root.present()
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
    fn a_picture_has_a_panel_for_each_figure_and_names_its_lines() {
        let steps =
            (0..1000).map(|step| StepPoint { elapsed_secs: 1.0, metrics: step_metrics(step) });
        let evaluations = [500, 1000].map(|step| EvaluationPoint { step, evaluation: heldout() });
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
        // Two evaluations on five lines: a mark each.
        assert_eq!(text.matches("<circle").count(), 10);
        // And one that has hardly begun.
        assert!(picture(&History::default()).contains("Accuracy"));
    }
}
