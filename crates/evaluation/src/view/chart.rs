//! Curves, maps and matrices as SVG and HTML, in the colors of the page.

use std::fmt::Write;

use super::super::report::{Chart, Series};
use super::number;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 320.0;
/// Margins for the axes: left, right, top, bottom.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;
const N_COLORS: usize = 9;

/// A chart as HTML.
pub(super) fn draw(chart: &Chart) -> String {
    match chart {
        Chart::Lines { title, x_label, y_label, log_x, series } => {
            let frame = Frame::around(series, *log_x);
            let body: String =
                series.iter().enumerate().map(|(i, series)| frame.curve(series, i)).collect();
            figure(title, &frame.draw(x_label, y_label, &body), &legend(series))
        }
        Chart::Map { title, x_label, y_label, groups } => {
            let frame = Frame::around(groups, false);
            let body: String =
                groups.iter().enumerate().map(|(i, group)| frame.dots(group, i)).collect();
            figure(title, &frame.draw(x_label, y_label, &body), &legend(groups))
        }
        Chart::Matrix { title, row_label, column_label, rows, columns, shares } => {
            let head: String =
                columns.iter().map(|name| format!("<th>{}</th>", escape(name))).collect();
            let mut body = String::new();
            for (name, row) in rows.iter().zip(shares) {
                let cells: String = row.iter().map(|share| cell(*share)).collect();
                write!(body, "<tr><th>{}</th>{cells}</tr>", escape(name)).expect("a string");
            }
            format!(
                "<figure><figcaption>{}</figcaption><div class=\"wide\"><table class=\"matrix\"><tr><th>{} ↓ \
                 {} →</th>{head}</tr>{body}</table></div></figure>",
                escape(title),
                escape(row_label),
                escape(column_label)
            )
        }
    }
}

/// A matrix's cell; the larger its value, the darker.
fn cell(share: f64) -> String {
    let percent = 100.0 * share;
    let strong = if share > 0.5 { " class=\"strong\"" } else { "" };
    format!("<td{strong} style=\"--share:{percent:.0}%\">{percent:.0}</td>")
}

fn figure(title: &str, svg: &str, legend: &str) -> String {
    format!("<figure><figcaption>{}</figcaption>{svg}{legend}</figure>", escape(title))
}

fn legend(series: &[Series]) -> String {
    let entry = |(i, series): (usize, &Series)| {
        format!("<span><i class=\"c{}\"></i>{}</span>", i % N_COLORS, escape(&series.name))
    };
    let entries: String = series.iter().enumerate().map(entry).collect();
    format!("<p class=\"legend\">{entries}</p>")
}

/// Escapes text for HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The ranges of both axes.
struct Frame {
    low: [f64; 2],
    high: [f64; 2],
    log_x: bool,
}

impl Frame {
    fn around(series: &[Series], log_x: bool) -> Self {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        let mut include = |axis: usize, value: f64| {
            low[axis] = low[axis].min(value);
            high[axis] = high[axis].max(value);
        };
        for series in series {
            for [x, y] in &series.points {
                include(0, if log_x { x.max(1e-9).ln() } else { *x });
                include(1, *y);
            }
            series.intervals.iter().flatten().for_each(|y| include(1, *y));
        }
        for axis in [0, 1] {
            if low[axis] > high[axis] {
                (low[axis], high[axis]) = (0.0, 1.0);
            }
            let air = (high[axis] - low[axis]).max(1e-9) * 0.04;
            low[axis] -= air;
            high[axis] += air;
        }
        Self { low, high, log_x }
    }

    fn x(&self, x: f64) -> f64 {
        let x = if self.log_x { x.max(1e-9).ln() } else { x };
        LEFT + (x - self.low[0]) / (self.high[0] - self.low[0]) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - (y - self.low[1]) / (self.high[1] - self.low[1]) * (HEIGHT - TOP - BOTTOM)
    }

    fn curve(&self, series: &Series, color: usize) -> String {
        let color = color % N_COLORS;
        let place = |[x, y]: [f64; 2]| format!("{:.1},{:.1}", self.x(x), self.y(y));
        let xs = || series.points.iter().map(|point| point[0]);
        let mut svg = String::new();
        if series.intervals.len() == series.points.len() {
            let above = xs().zip(&series.intervals).map(|(x, band)| place([x, band[1]]));
            let below: Vec<String> =
                xs().zip(&series.intervals).map(|(x, band)| place([x, band[0]])).collect();
            let outline: Vec<String> = above.chain(below.into_iter().rev()).collect();
            write!(svg, "<polygon class=\"band f{color}\" points=\"{}\"/>", outline.join(" "))
                .expect("a string");
        }
        let points: Vec<String> = series.points.iter().map(|point| place(*point)).collect();
        write!(svg, "<polyline class=\"s{color}\" points=\"{}\"/>", points.join(" "))
            .expect("a string");
        // Curves of many points have no marks.
        if series.points.len() <= 15 {
            svg.push_str(&self.dots(series, color));
        }
        svg
    }

    fn dots(&self, series: &Series, color: usize) -> String {
        let radius = if series.points.len() > 100 { 2.0 } else { 3.0 };
        let dot = |[x, y]: &[f64; 2]| {
            format!(
                "<circle class=\"f{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"/>",
                color % N_COLORS,
                self.x(*x),
                self.y(*y)
            )
        };
        series.points.iter().map(dot).collect()
    }

    /// The axes with their ticks, and the contents between them.
    fn draw(&self, x_label: &str, y_label: &str, body: &str) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} by {}\">",
            escape(y_label),
            escape(x_label)
        );
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for tick in self.ticks(0) {
            let x = self.x(tick);
            write!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/><text x=\"{x:.1}\" y=\"{}\" \
                 text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                number(tick)
            )
            .expect("a string");
        }
        for tick in self.ticks(1) {
            let y = self.y(tick);
            write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                number(tick)
            )
            .expect("a string");
        }
        let (middle_x, middle_y) = (f64::midpoint(LEFT, right), f64::midpoint(TOP, bottom));
        write!(
            svg,
            "<text x=\"{middle_x}\" y=\"{}\" text-anchor=\"middle\">{}</text><text transform=\"translate(14 \
             {middle_y}) rotate(-90)\" text-anchor=\"middle\">{}</text>{body}</svg>",
            HEIGHT - 8.0,
            escape(x_label),
            escape(y_label)
        )
        .expect("a string");
        svg
    }

    /// Round numbers on an axis: 1, 2 and 5 times powers of ten.
    fn ticks(&self, axis: usize) -> Vec<f64> {
        let (low, high) = (self.low[axis], self.high[axis]);
        if axis == 0 && self.log_x {
            let round = (-3..9).flat_map(|power| [1.0, 2.0, 5.0].map(|n| n * 10_f64.powi(power)));
            return round.filter(|tick| (low..=high).contains(&tick.ln())).collect();
        }
        let rough = (high - low) / 6.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let first = (low / step).ceil();
        let n = ((high / step).floor() - first).clamp(0.0, 20.0) as i32;
        // Divided by whole numbers if possible: 0.3, not 0.30000000000000004.
        (0..=n).map(|i| ((first + f64::from(i)) * step / power).round() * power).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: Vec<[f64; 2]>) -> Series {
        Series { name: "a & b".to_owned(), points, intervals: Vec::new() }
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let frame = Frame::around(&[series(vec![[0.0, 3.0], [1.0, 47.0]])], false);
        let close = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
        };
        assert!(close(&frame.ticks(0), &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), "{:?}", frame.ticks(0));
        assert!(close(&frame.ticks(1), &[10.0, 20.0, 30.0, 40.0]), "{:?}", frame.ticks(1));
        let log = Frame::around(&[series(vec![[1.0, 0.0], [100.0, 1.0]])], true);
        assert_eq!(log.ticks(0), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }

    #[test]
    fn names_cannot_end_the_text_they_stand_in() {
        let chart = Chart::Map {
            title: "<script>".to_owned(),
            x_label: "x".to_owned(),
            y_label: "y".to_owned(),
            groups: vec![series(vec![[0.0, 0.0]])],
        };
        let html = draw(&chart);
        assert!(html.contains("&lt;script&gt;") && html.contains("a &amp; b"), "{html}");
    }

    #[test]
    fn nothing_to_draw_is_an_empty_frame() {
        let chart = Chart::Lines {
            title: String::new(),
            x_label: String::new(),
            y_label: String::new(),
            log_x: false,
            series: Vec::new(),
        };
        assert!(!draw(&chart).contains("NaN"));
    }
}
