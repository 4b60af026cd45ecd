//! `controlgen corpus …`

use controlgen::artifact::JsonFormat;
use controlgen::corpus::{CorpusOptions, CorpusReport, build};
use controlgen::kind::Kind;
use controlgen::synthetic;

use super::Context;
use crate::args::{CorpusBuildArgs, CorpusCommand};

pub(super) fn run(context: &Context, command: CorpusCommand) -> anyhow::Result<()> {
    match command {
        CorpusCommand::Build(args) => build_corpus(context, args),
        CorpusCommand::Report { corpus } => {
            let report = CorpusReport::load(&corpus.join("report.json"))?;
            context.output.result(&report, || lines(&report))
        }
        CorpusCommand::Synthesize(args) => {
            let all = synthetic::style_names();
            let asked =
                |name: &&&str| args.styles.is_empty() || args.styles.iter().any(|s| s == **name);
            let styles: Vec<&str> = all.iter().filter(asked).copied().collect();
            let places: Vec<usize> =
                (0..all.len()).filter(|place| styles.contains(&all[*place])).collect();
            synthetic::write_corpus(&args.out, &places, args.pieces, args.seed)?;
            context.output.result(&styles, || {
                let names = styles.join(", ");
                let out = args.out.display();
                vec![format!("{out}: {} pieces of each of {names}", args.pieces)]
            })
        }
    }
}

fn build_corpus(context: &Context, args: CorpusBuildArgs) -> anyhow::Result<()> {
    let options = CorpusOptions {
        heldout: args.heldout,
        group: args.group.into(),
        label_folders: args.label_folders,
        ..CorpusOptions::new(args.roots, Kind::find(&args.kind)?)
    };
    let report = build(&options, &args.out, &context.stages)?;
    context.output.result(&report, || {
        let mut lines = lines(&report);
        lines.push(format!("written to {}", args.out.display()));
        lines
    })
}

/// A corpus report for people.
fn lines(report: &CorpusReport) -> Vec<String> {
    let mut lines = vec![
        format!("{} MIDI files, {} gave windows", report.n_files, report.n_files_used),
        format!(
            "{} windows of {}: {} to learn from, {} held out ({} of them also in train, not scored)",
            report.n_windows(),
            report.kind,
            report.n_train,
            report.n_heldout,
            report.n_heldout_seen,
        ),
    ];
    if !report.files_skipped.is_empty() {
        lines.push(format!("files without a window: {}", report.reasons().join(", ")));
    }
    if !report.parts_skipped.is_empty() {
        let parts: Vec<String> =
            report.parts_skipped.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        lines.push(format!("parts left out: {}", parts.join(", ")));
    }
    if report.n_files_repaired > 0 {
        let (files, repairs) = (report.n_files_repaired, report.n_repairs);
        lines.push(format!("{files} files were read with {repairs} repairs"));
    }
    if report.n_repeated > 0 {
        lines.push(format!("{} windows occurred before and were left out", report.n_repeated));
    }
    lines
}
