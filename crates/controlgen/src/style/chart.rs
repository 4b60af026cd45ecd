//! The curve of a fit as an SVG image.

use gmm::CovarianceType;
use gmm::select::{Candidate, Criterion, Sweep};
use svg::Document;
use svg::node::element::{Circle, Group, Line, Polyline, Rectangle, Text};

use crate::style_color::style_color;

const WIDTH: f64 = 880.0;
const PANEL: f64 = 330.0;
/// Margins left of, below and above a panel's plot for labels, and right of it for the legend.
const LEFT: f64 = 80.0;
const BELOW: f64 = 46.0;
const ABOVE: f64 = 34.0;
const RIGHT: f64 = 190.0;
/// Approximate number of grid lines along an axis.
const N_TICKS: f64 = 6.0;

/// Draws two panels over the number of styles: the criterion per window, and the mean
/// log-likelihood, with one line per covariance type. The selected number is marked by a line, and
/// the elbow of each covariance type by a larger point.
pub(super) fn draw(curve: &Sweep, n_samples: usize) -> String {
    let chosen_by = |entry: &Candidate| match curve.criterion {
        Criterion::HeldOut | Criterion::Stability => entry.value(curve.criterion),
        criterion => entry.value(criterion) / n_samples.max(1) as f64,
    };
    let title = format!("{}, lower is better", criterion_title(curve.criterion));
    let upper = panel(curve, &title, &chosen_by).set("transform", "translate(0 0)");
    let lower = panel(curve, "mean log-likelihood, nats per window", &|entry| entry.score)
        .set("transform", format!("translate(0 {PANEL})"));
    Document::new()
        .set("viewBox", (0, 0, WIDTH, 2.0 * PANEL))
        .set("width", WIDTH)
        .set("font-family", "sans-serif")
        .set("font-size", 12)
        .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"))
        .add(upper)
        .add(lower)
        .to_string()
}

fn criterion_title(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::Aic => "AIC a window",
        Criterion::Icl => "ICL a window",
        Criterion::HeldOut => "minus held-out log-likelihood, nats per window",
        Criterion::Elbow => "BIC per window (chosen at the elbow of the lower panel)",
        Criterion::Stability => "minus the agreement of fits to random halves",
        _ => "BIC a window",
    }
}

/// The name of a covariance type, as users type it.
fn shape_name(shape: CovarianceType) -> String {
    match shape {
        CovarianceType::Full => "full".to_owned(),
        CovarianceType::Tied => "tied".to_owned(),
        CovarianceType::Diag => "diag".to_owned(),
        CovarianceType::Spherical => "spherical".to_owned(),
        CovarianceType::LowRank(rank) => format!("low-rank:{rank}"),
        other => format!("{other:?}"),
    }
}

/// An axis, which maps values to positions.
#[derive(Clone, Copy, Debug)]
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis that includes all given values, with a small margin.
    fn holding(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let all = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if all.0 <= all.1 { all } else { (0.0, 1.0) };
        let air = if high > low { 0.05 * (high - low) } else { 0.5 };
        Self { low: low - air, high: high + air, from, to }
    }

    fn place(self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round values along the axis: multiples of 1, 2 or 5 times a power of ten, with a step of at
    /// least `least`.
    fn ticks(self, least: f64) -> Vec<f64> {
        let rough = (self.high - self.low) / N_TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let round = [1.0, 2.0, 5.0, 10.0].map(|n| n * power);
        let step = round.into_iter().find(|s| *s >= rough).unwrap_or(10.0 * power).max(least);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        (first..=last).map(|n| n as f64 * step).collect()
    }
}

/// One panel, its upper left corner at the origin.
fn panel(curve: &Sweep, title: &str, value: &dyn Fn(&Candidate) -> f64) -> Group {
    let entries = || curve.candidates.iter().filter(|entry| value(entry).is_finite());
    let (right, bottom) = (WIDTH - RIGHT, PANEL - BELOW);
    let x = Axis::holding(entries().map(|entry| entry.n_components as f64), LEFT, right);
    let y = Axis::holding(entries().map(value), bottom, ABOVE);
    let mut group = Group::new().add(text(title, LEFT, ABOVE - 12.0, "start", 14));
    for tick in y.ticks(f64::MIN_POSITIVE) {
        let at = y.place(tick);
        group = group.add(line([LEFT, at, right, at], "#e2e2dc"));
        group = group.add(text(&number(tick), LEFT - 8.0, at + 4.0, "end", 12));
    }
    for tick in x.ticks(1.0) {
        let at = x.place(tick);
        group = group.add(line([at, bottom, at, bottom + 5.0], "#555555"));
        group = group.add(text(&number(tick), at, bottom + 19.0, "middle", 12));
    }
    group = group
        .add(line([LEFT, bottom, right, bottom], "#555555"))
        .add(line([LEFT, ABOVE, LEFT, bottom], "#555555"))
        .add(text("number of styles", f64::midpoint(LEFT, right), bottom + 37.0, "middle", 12));
    if let Some(chosen) = curve.candidates.get(curve.chosen) {
        let at = x.place(chosen.n_components as f64);
        let mark = line([at, ABOVE, at, bottom], "#222222").set("stroke-dasharray", "5 4");
        let what =
            format!("chosen: {} {}", chosen.n_components, shape_name(chosen.covariance_type));
        group = group.add(mark).add(text(&what, right + 14.0, ABOVE + 10.0, "start", 12));
    }
    let mut shapes: Vec<CovarianceType> = Vec::new();
    for entry in &curve.candidates {
        if !shapes.contains(&entry.covariance_type) {
            shapes.push(entry.covariance_type);
        }
    }
    for (n, shape) in shapes.into_iter().enumerate() {
        let color: &str = &style_color(n);
        let elbow = curve.elbow(shape);
        let of_shape: Vec<&Candidate> =
            entries().filter(|entry| entry.covariance_type == shape).collect();
        let point = |entry: &Candidate| (x.place(entry.n_components as f64), y.place(value(entry)));
        let points: Vec<String> = of_shape
            .iter()
            .map(|entry| {
                let (x, y) = point(entry);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let path = Polyline::new()
            .set("points", points.join(" "))
            .set("fill", "none")
            .set("stroke", color)
            .set("stroke-width", 2);
        group = group.add(path);
        for entry in of_shape {
            let (x, y) = point(entry);
            let radius = if Some(entry.n_components) == elbow { 6.0 } else { 3.0 };
            let circle =
                Circle::new().set("cx", x).set("cy", y).set("r", radius).set("fill", color);
            group = group.add(circle);
        }
        let at = ABOVE + 32.0 + 20.0 * n as f64;
        let name = match elbow {
            Some(k) => format!("{} (elbow {k})", shape_name(shape)),
            None => shape_name(shape),
        };
        let key = line([right + 14.0, at - 4.0, right + 34.0, at - 4.0], color);
        group = group.add(key.set("stroke-width", 3));
        group = group.add(text(&name, right + 40.0, at, "start", 12));
    }
    group
}

/// A number without trailing zeros.
fn number(value: f64) -> String {
    // Ticks are multiples of a round step, so everything beyond the tenth digit is rounding error.
    let text = format!("{value:.10}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn text(what: &str, x: f64, y: f64, anchor: &str, size: u32) -> Text {
    Text::new(what)
        .set("x", x)
        .set("y", y)
        .set("text-anchor", anchor)
        .set("font-size", size)
        .set("fill", "#222222")
}

fn line([x1, y1, x2, y2]: [f64; 4], color: &str) -> Line {
    Line::new().set("x1", x1).set("y1", y1).set("x2", x2).set("y2", y2).set("stroke", color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm::select::SweepParams;
    use gmm::{GmmParams, Samples};

    #[test]
    fn the_picture_names_shapes_axes_and_the_choice() {
        let data: Vec<f64> =
            (0..60).map(|i| f64::from(i % 3) * 10.0 + f64::from(i % 7) * 0.1).collect();
        let samples = Samples::new(&data, 60, 1).unwrap();
        let selection = SweepParams::new(1..=5)
            .params(GmmParams::new(1))
            .covariance_types([CovarianceType::Diag, CovarianceType::Spherical])
            .run(&samples, 7)
            .unwrap()
            .sweep;
        let text = draw(&selection, 60);
        let chosen = &selection.candidates[selection.chosen];
        let choice = format!("chosen: {} diag", chosen.n_components);
        for part in ["<svg", "BIC a window", "number of styles", "spherical", &choice] {
            assert!(text.contains(part), "no `{part}`");
        }
        // Five points per covariance type and panel.
        assert_eq!(text.matches("<circle").count(), 2 * 2 * 5);
        // A single entry and an empty curve are valid pictures, too.
        let one = Sweep { candidates: selection.candidates[..1].to_vec(), chosen: 0, ..selection };
        assert!(draw(&one, 60).contains("chosen: 1 diag"));
        assert!(draw(&Sweep { candidates: Vec::new(), ..one }, 60).contains("<svg"));
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let axis = Axis { low: -0.3, high: 1.9, from: 0.0, to: 220.0 };
        let ticks: Vec<String> = axis.ticks(f64::MIN_POSITIVE).into_iter().map(number).collect();
        assert_eq!(ticks, ["0", "0.5", "1", "1.5"]);
        assert!((axis.place(0.8) - 110.0).abs() < 1e-9);
        assert_eq!(Axis { low: 1.9, high: 4.1, ..axis }.ticks(1.0), [2.0, 3.0, 4.0]);
    }
}
