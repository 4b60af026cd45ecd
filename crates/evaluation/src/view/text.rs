//! A report as Markdown.

use std::fmt::Write;

use super::super::report::{Chart, EvalReport, Figure, Section};
use super::{beside, goal, headline, interval, number, subject};

/// The report as Markdown: tables, matrices, and curves as numbers. Images are in the HTML.
pub fn markdown(report: &EvalReport) -> String {
    let mut text = format!("# Evaluation\n\n{}\n\n", subject(report));
    text.push_str(&table(&headline(report)));
    for section in &report.sections {
        text.push_str(&of_section(section));
    }
    text
}

fn of_section(section: &Section) -> String {
    let mut text = format!("\n## {}\n\n{}\n\n", section.title, section.note);
    text.push_str(&table(&section.figures.iter().collect::<Vec<_>>()));
    for chart in &section.charts {
        text.push_str(&of_chart(chart));
    }
    text
}

fn table(figures: &[&Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let mut text = "| figure | value | 95 % interval | unit | n | compared with | goal |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    for figure in figures {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            cell(&figure.title),
            number(figure.value),
            interval(figure),
            cell(&figure.unit),
            figure.n,
            cell(&beside(figure)),
            goal(figure)
        )
        .expect("writing to a string");
    }
    text
}

/// Escapes text that would end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn of_chart(chart: &Chart) -> String {
    match chart {
        Chart::Matrix { title, row_label, column_label, rows, columns, shares } => {
            let head: Vec<String> = columns.iter().map(|name| cell(name)).collect();
            let mut text = format!(
                "\n{title}\n\n| {row_label} \\ {column_label} | {} |\n|---|{}\n",
                head.join(" | "),
                "---|".repeat(columns.len())
            );
            for (name, row) in rows.iter().zip(shares) {
                let cells: Vec<String> = row.iter().map(|share| format!("{share:.2}")).collect();
                writeln!(text, "| {} | {} |", cell(name), cells.join(" | "))
                    .expect("writing to a string");
            }
            text
        }
        Chart::Lines { title, x_label, y_label, series, .. } => {
            let mut text = format!("\n{title}: {y_label}, by {x_label}\n\n");
            for series in series {
                let points: Vec<String> = series
                    .points
                    .iter()
                    .step_by(series.points.len().div_ceil(12).max(1))
                    .map(|[x, y]| format!("{}: {}", number(*x), number(*y)))
                    .collect();
                writeln!(text, "- {}: {}", series.name, points.join(", "))
                    .expect("writing to a string");
            }
            text
        }
        // A map is only useful as an image.
        Chart::Map { .. } => String::new(),
    }
}
