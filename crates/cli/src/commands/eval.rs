//! `controlgen eval`, `eval control` and `eval diff`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use controlgen::tune::Tune;
use corpus::artifact::JsonFormat;
use corpus::kind::Kind;
use corpus::synthetic;
use evaluation::{
    Change, DMelodiesRequest, Difference, EvalReport, EvalRequest, LabelEvalRequest,
    PieceEvalRequest, Scope, check_report, diff, evaluate, evaluate_dmelodies, evaluate_labels,
    evaluate_pieces, write_report,
};
use serde::Serialize;
use walkdir::WalkDir;

use super::Context;
use crate::args::{
    DMelodiesArgs, EvalArgs, EvalCommand, LabelMeasureArgs, MeasureArgs, PieceMeasureArgs,
};
use crate::output::table;

pub(super) fn run(context: &Context, args: EvalArgs) -> anyhow::Result<()> {
    match (args.command, args.measure) {
        (Some(EvalCommand::Control(args)), _) => measure(context, &args, Scope::Control),
        (Some(EvalCommand::Labels(args)), _) => measure_labels(context, &args),
        (Some(EvalCommand::Dmelodies(args)), _) => measure_dmelodies(context, &args),
        (Some(EvalCommand::Pieces(args)), _) => measure_pieces(context, &args),
        (Some(EvalCommand::Rules { paths }), _) => rules(context, &paths),
        (Some(EvalCommand::Diff { before, after, check }), _) => {
            compare(context, &before, &after, check)
        }
        (None, Some(args)) => measure(context, &args, Scope::All),
        (None, None) => {
            bail!("give `--model`, `--corpus` and `-o`, or a command: `control`, `diff`")
        }
    }
}

fn measure(context: &Context, args: &MeasureArgs, scope: Scope) -> anyhow::Result<()> {
    let model = context.model(args.model.as_deref())?;
    let request = EvalRequest {
        corpus: args.corpus.clone(),
        latents: args.latents.clone(),
        scope,
        n_windows: args.windows as usize,
        n_train: args.train_windows as usize,
        k: args.k.map(usize::from),
        n_resamples: usize::from(args.resamples),
        temperature: args.temperature,
        seed: args.seed,
    };
    check_report(&args.out, context.overwrite)?;
    let report = evaluate(&model, &request, &context.stages)?;
    write_report(&report, model.kind(), &args.out, context.overwrite)?;
    context.output.result(&report, || lines(&report, &args.out))
}

fn measure_labels(context: &Context, args: &LabelMeasureArgs) -> anyhow::Result<()> {
    let model = context.model(args.model.as_deref())?;
    let request = LabelEvalRequest {
        corpus: args.corpus.clone(),
        n_resamples: usize::from(args.resamples),
        temperature: args.temperature,
        seed: args.seed,
    };
    check_report(&args.out, context.overwrite)?;
    let report = evaluate_labels(&model, &request, &context.stages)?;
    write_report(&report, model.kind(), &args.out, context.overwrite)?;
    context.output.result(&report, || lines(&report, &args.out))
}

fn measure_dmelodies(context: &Context, args: &DMelodiesArgs) -> anyhow::Result<()> {
    let model = context.model(args.model.as_deref())?;
    let request = DMelodiesRequest {
        corpus: args.corpus.clone(),
        n_heldout: args.windows as usize,
        n_train: args.train_windows as usize,
        seed: args.seed,
    };
    check_report(&args.out, context.overwrite)?;
    let report = evaluate_dmelodies(&model, &request, &context.stages)?;
    write_report(&report, model.kind(), &args.out, context.overwrite)?;
    context.output.result(&report, || lines(&report, &args.out))
}

fn measure_pieces(context: &Context, args: &PieceMeasureArgs) -> anyhow::Result<()> {
    let model = context.model(args.model.as_deref())?;
    let request = PieceEvalRequest {
        corpus: args.corpus.clone(),
        latents: args.latents.clone(),
        n_pieces: args.pieces as usize,
        bars: args.bars.iter().map(|bars| *bars as usize).collect(),
        n_styles: args.n_styles.into(),
        n_candidates: args.candidates.into(),
        temperature: args.temperature,
        seed: args.seed,
    };
    check_report(&args.out, context.overwrite)?;
    let report = evaluate_pieces(&model, &request, &context.stages)?;
    write_report(&report, model.kind(), &args.out, context.overwrite)?;
    context.output.result(&report, || lines(&report, &args.out))
}

/// All figures of a report for the terminal.
fn lines(report: &EvalReport, out: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for section in report.sections.iter().filter(|section| !section.figures.is_empty()) {
        let mut rows = vec![
            [section.title.as_str(), "value", "95 % interval", "unit", "beside"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(section.figures.iter().map(|figure| {
            let beside = figure.baselines.iter().map(|b| format!("{} {:.3}", b.name, b.value));
            let interval = figure.interval.map(|[low, high]| format!("{low:.3} to {high:.3}"));
            vec![
                figure.title.clone(),
                format!("{:.3}", figure.value),
                interval.unwrap_or_default(),
                figure.unit.clone(),
                beside.collect::<Vec<_>>().join(", "),
            ]
        }));
        lines.extend(table(&rows));
        lines.push(String::new());
    }
    lines.push(format!("with pictures: {}", out.join("eval.html").display()));
    lines
}

/// The result of judging melodies by the rules.
#[derive(Serialize)]
struct RulesReport {
    /// Number of windows judged.
    n_windows: usize,
    /// Number of files without a melody that could be judged.
    n_skipped: usize,
    /// Number of windows assigned to each style.
    by_style: BTreeMap<&'static str, usize>,
    /// Mean degree to which the rules of the assigned style are followed.
    mean_kept: f64,
}

fn rules(context: &Context, paths: &[PathBuf]) -> anyhow::Result<()> {
    let (kind, names) = (Kind::mel_2bar(), synthetic::style_names());
    let mut report =
        RulesReport { n_windows: 0, n_skipped: 0, by_style: BTreeMap::new(), mean_kept: 0.0 };
    let is_midi = |path: &Path| path.extension().is_some_and(|e| e == "mid" || e == "midi");
    for entry in paths.iter().flat_map(|path| WalkDir::new(path).sort_by_file_name()) {
        let entry = entry?;
        if !entry.file_type().is_file() || !is_midi(entry.path()) {
            continue;
        }
        let Ok(tune) = Tune::read(entry.path(), &kind) else {
            report.n_skipped += 1;
            continue;
        };
        for verdict in tune.windows.iter().filter_map(|window| synthetic::judge(&window.tokens)) {
            *report.by_style.entry(names[verdict.style]).or_default() += 1;
            report.mean_kept += verdict.kept[verdict.style];
            report.n_windows += 1;
        }
    }
    report.mean_kept /= report.n_windows.max(1) as f64;
    context.output.result(&report, || {
        let mut rows = vec![["style", "windows"].map(str::to_owned).to_vec()];
        rows.extend(
            report.by_style.iter().map(|(name, n)| vec![(*name).to_owned(), n.to_string()]),
        );
        let mut lines = table(&rows);
        lines.push(format!("{} files without a melody", report.n_skipped));
        lines
    })
}

/// The comparison, for JSON output.
#[derive(Serialize)]
struct Compared {
    differences: Vec<Difference>,
    n_better: usize,
    n_worse: usize,
}

fn compare(context: &Context, before: &Path, after: &Path, check: bool) -> anyhow::Result<()> {
    let load = |path: &Path| {
        let file = if path.is_dir() { path.join("eval.json") } else { path.to_owned() };
        EvalReport::load(&file)
    };
    let (before, after) = (load(before)?, load(after)?);
    let differences = diff(&before, &after);
    let count = |change: Change| differences.iter().filter(|d| d.change == change).count();
    let (n_better, n_worse) = (count(Change::Better), count(Change::Worse));
    let compared = Compared { differences, n_better, n_worse };
    context.output.result(&compared, || {
        let mut rows = vec![["figure", "before", "after", ""].map(str::to_owned).to_vec()];
        rows.extend(compared.differences.iter().map(|difference| {
            let number =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"));
            let change = match difference.change {
                Change::Better => "better",
                Change::Worse => "worse",
                Change::Different => "different",
                Change::Same => "",
                Change::Unknown => "no interval",
                Change::Gone => "gone",
                Change::New => "new",
            };
            let (before, after) = (number(difference.before), number(difference.after));
            vec![difference.key.clone(), before, after, change.to_owned()]
        }));
        let mut lines = Vec::new();
        if before.corpus_hash != after.corpus_hash {
            lines.push(
                "the reports are for different corpora: their figures are not comparable"
                    .to_owned(),
            );
        }
        lines.extend(table(&rows));
        lines.push(format!("{n_better} better, {n_worse} worse, by more than both intervals"));
        lines
    })?;
    if check && n_worse > 0 {
        bail!("{n_worse} figures became worse");
    }
    Ok(())
}
