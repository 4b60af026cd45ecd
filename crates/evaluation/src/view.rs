//! A report for reading: Markdown, and one self-contained HTML file.

mod chart;
mod page;
mod text;

use std::path::Path;

use corpus::artifact::{ArtifactResult, JsonFormat};
use corpus::kind::Kind;
use corpus::overwrite::Overwrite;

use super::report::{Better, EvalReport, Figure};

pub use page::html;
pub use text::markdown;

/// The figures shown first.
const HEADLINE: [&str; 16] = [
    "reconstruction.forced.accuracy",
    "reconstruction.sampled.accuracy",
    "reconstruction.greedy.accuracy",
    "reconstruction.greedy.onset_f1",
    "likelihood.elbo_bits_per_step",
    "likelihood.active_units",
    "control.reencode.accuracy",
    "control.judge.real",
    "control.judge.generated",
    "control.judge.ratio",
    "control.few_shot.n90",
    "labels.ami",
    "generation.overlap.mean",
    "generation.overlap.wins",
    "generation.fd_latent",
    "interpolation.spearman",
];

/// The figures of a report that are shown first, in order.
fn headline(report: &EvalReport) -> Vec<&Figure> {
    HEADLINE.iter().filter_map(|key| report.figure(key)).collect()
}

/// A number for display, with at most four significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ if value.fract() == 0.0 => format!("{value}"),
        _ => format!("{value:.3}"),
    }
}

fn interval(figure: &Figure) -> String {
    figure
        .interval
        .map_or_else(String::new, |[low, high]| format!("{} to {}", number(low), number(high)))
}

fn beside(figure: &Figure) -> String {
    let baselines = figure.baselines.iter().map(|b| format!("{} {}", b.name, number(b.value)));
    baselines.collect::<Vec<_>>().join("; ")
}

/// The goal, and whether it is reached.
fn goal(figure: &Figure) -> String {
    let Some(goal) = figure.goal else { return String::new() };
    let sign = if figure.better == Better::Lower { "≤" } else { "≥" };
    let reached = if figure.reached() == Some(true) { "reached" } else { "not reached" };
    format!("{sign} {}, {reached}", number(goal))
}

/// The subject of the report, in one line.
fn subject(report: &EvalReport) -> String {
    format!(
        "Model {} ({}), corpus {}: {} held-out windows of {} pieces, none of them among the training \
         windows ({} looked at). New music at temperature {}, seed {}, controlgen {}.",
        report.model_hash,
        report.kind,
        report.corpus_hash,
        report.n_heldout,
        report.n_files,
        report.n_train,
        report.temperature,
        report.seed,
        report.program_version
    )
}

/// Writes `eval.json`, `eval.md` and `eval.html` into a folder.
///
/// # Errors
/// Returns an error if a file can't be written, or belongs to another program and must be kept;
/// none is written then.
pub fn write_report(
    report: &EvalReport,
    kind: &Kind,
    folder: &Path,
    overwrite: Overwrite,
) -> ArtifactResult<()> {
    check_report(folder, overwrite)?;
    overwrite.write(&folder.join(FILES[0]), report.to_json().as_bytes())?;
    overwrite.write(&folder.join(FILES[1]), markdown(report).as_bytes())?;
    overwrite.write(&folder.join(FILES[2]), html(report, kind).as_bytes())
}

/// Checks, before any measurement, whether [`write_report`] may write its files.
///
/// # Errors
/// Returns [`corpus::artifact::ArtifactError::NotOwn`] if it may not.
pub fn check_report(folder: &Path, overwrite: Overwrite) -> ArtifactResult<()> {
    FILES.iter().try_for_each(|file| overwrite.check(&folder.join(file)))
}

/// The files of a report.
const FILES: [&str; 3] = ["eval.json", "eval.md", "eval.html"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_count() {
        let found = [0.123_45, 12.345, 123.45, 1234.5, 7.0, -0.5].map(number);
        assert_eq!(found, ["0.123", "12.35", "123.5", "1234", "7", "-0.500"]);
    }
}
