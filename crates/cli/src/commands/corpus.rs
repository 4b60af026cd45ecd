//! `controlgen corpus …`

use std::collections::BTreeMap;

use corpus::kind::Kind;
use corpus::synthetic::{self, dmelodies::write_melodies};
use corpus::{CorpusOptions, CorpusReport, Labels, build};
use note_seq::midi::{ReadLimits, ReadOptions};

use super::Context;
use crate::args::{CorpusBuildArgs, CorpusCommand};
use crate::output::table;

/// Maximum number of labels listed on the terminal; all are in the report's file.
const MAX_LABELS: usize = 20;
/// Length of the longest bar of a histogram, in characters.
const BAR: u64 = 40;
/// Maximum number of examples of files that were left out for one reason.
const MAX_EXAMPLES: usize = 2;

pub(super) fn run(context: &Context, command: CorpusCommand) -> anyhow::Result<()> {
    match command {
        CorpusCommand::Build(args) => build_corpus(context, *args),
        CorpusCommand::Report { corpus } => {
            let report = CorpusReport::of(&corpus)?;
            context.output.result(&report, || all_lines(&report))
        }
        CorpusCommand::Synthesize(args) => {
            if let Some(n) = args.dmelodies {
                let n = write_melodies(&args.out, n as usize, args.seed, context.overwrite)?;
                let out = args.out.display();
                return context.output.result(&n, || vec![format!("{out}: {n} melodies")]);
            }
            let all = synthetic::style_names();
            let asked =
                |name: &&&str| args.styles.is_empty() || args.styles.iter().any(|s| s == **name);
            let styles: Vec<&str> = all.iter().filter(asked).copied().collect();
            let places: Vec<usize> =
                (0..all.len()).filter(|place| styles.contains(&all[*place])).collect();
            let (n, seed) = (args.pieces, args.seed);
            synthetic::write_corpus_with(&args.out, &places, n, seed, context.overwrite)?;
            context.output.result(&styles, || {
                let names = styles.join(", ");
                let out = args.out.display();
                vec![format!("{out}: {} pieces of each of {names}", args.pieces)]
            })
        }
    }
}

fn build_corpus(context: &Context, args: CorpusBuildArgs) -> anyhow::Result<()> {
    let limits = ReadLimits {
        max_bytes: args.max_bytes,
        max_events: args.max_events,
        max_notes: args.max_notes,
        ..CorpusOptions::LIMITS
    };
    let options = CorpusOptions {
        heldout: args.heldout,
        group: args.group.into(),
        near_duplicates: !args.ignore_near_duplicates,
        labels: args.labels.into(),
        same_window: args.same_window.into(),
        max_windows_per_file: args.max_windows_per_file.map(|n| n as usize),
        seed: args.seed,
        read: ReadOptions { limits, ..ReadOptions::default() },
        ..CorpusOptions::new(args.roots, Kind::find(&args.kind)?)
    };
    let report = build(&options, &args.out, &context.stages)?;
    context.output.result(&report, || {
        let mut lines = lines(&report);
        let out = args.out.display();
        lines.push(format!("written to {out}; `controlgen corpus report {out}` shows more"));
        lines
    })
}

/// A summary of a corpus for the terminal.
pub(super) fn lines(report: &CorpusReport) -> Vec<String> {
    let mut lines = vec![
        format!("{} MIDI files, {} with windows", report.n_files, report.n_files_used),
        format!(
            "{} windows of {}: {} for training, {} held out ({} of them also in the training split, not scored)",
            report.n_windows(),
            report.kind,
            report.n_train,
            report.n_heldout,
            report.n_heldout_seen,
        ),
    ];
    if let Some(notes) = &report.notes {
        let mut line =
            format!("{:.1} % of {} notes are in windows", 100.0 * notes.share(), notes.n_notes);
        let reasons: Vec<String> =
            notes.skipped.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        if !reasons.is_empty() {
            line += &format!("; the others: {}", reasons.join(", "));
        }
        lines.push(line);
        for (assumption, n) in &notes.assumed {
            lines.push(format!("assumed for {n} files: {assumption}"));
        }
    }
    let mut pieces = format!("{} pieces", report.n_groups);
    if report.n_near_duplicates > 0 {
        pieces += &format!("; {} files have a near-duplicate", report.n_near_duplicates);
    }
    if let Some(largest) = report.largest_group.as_ref().filter(|largest| largest.n_files > 1) {
        let (n, name) = (largest.n_files, &largest.group);
        pieces += &format!("; the largest has {n} files, `{name}`");
    }
    lines.push(pieces);
    lines.extend(report.warnings().into_iter().map(|warning| format!("warning: {warning}")));
    if report.n_others > 0 {
        lines.push(format!("passed over: {}", report.unused.in_words().join(", ")));
    }
    if report.n_files_repaired > 0 {
        let (files, repairs) = (report.n_files_repaired, report.n_repairs);
        lines.push(format!("{files} files were read with {repairs} repairs"));
    }
    if report.n_repeated > 0 {
        lines.push(format!("{} windows occurred before and were left out", report.n_repeated));
    }
    if report.labels_from != Labels::Nowhere {
        let (n, of) = (report.n_files_labeled, report.n_files);
        lines.push(format!("{n} of {of} files have a label, of {} labels", report.labels.len()));
    }
    if !report.parts_skipped.is_empty() {
        let parts: Vec<String> =
            report.parts_skipped.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        lines.push(format!("parts left out: {}", parts.join(", ")));
    }
    if !report.files_skipped.is_empty() {
        lines.push(String::new());
        lines.extend(table(&reasons(report)));
    }
    lines
}

/// Files without a window, by reason, with examples.
fn reasons(report: &CorpusReport) -> Vec<Vec<String>> {
    let head = ["files without a window", "why", "for example"].map(str::to_owned).to_vec();
    let rows = report.reasons_by_count().into_iter().map(|(reason, n)| {
        let of_reason = report.skipped.iter().filter(|file| file.reason == reason);
        let examples: Vec<&str> =
            of_reason.take(MAX_EXAMPLES).map(|file| file.file.as_str()).collect();
        vec![n.to_string(), reason.to_owned(), examples.join(", ")]
    });
    std::iter::once(head).chain(rows).collect()
}

/// The complete report of a corpus for the terminal.
fn all_lines(report: &CorpusReport) -> Vec<String> {
    let mut lines = lines(report);
    let mut labels: Vec<_> = report.labels.iter().collect();
    labels.sort_by_key(|(name, count)| (std::cmp::Reverse(count.n_windows), (*name).clone()));
    if !labels.is_empty() {
        let head = ["label", "files", "windows"].map(str::to_owned).to_vec();
        let row = |name: &str, n_files: usize, n_windows: usize| {
            vec![name.to_owned(), n_files.to_string(), n_windows.to_string()]
        };
        let mut rows = vec![head];
        let listed = labels.iter().take(MAX_LABELS);
        rows.extend(listed.map(|(name, count)| row(name, count.n_files, count.n_windows)));
        if let Some(rest) = labels.get(MAX_LABELS..).filter(|rest| !rest.is_empty()) {
            let n_files = rest.iter().map(|(_, count)| count.n_files).sum();
            let n_windows = rest.iter().map(|(_, count)| count.n_windows).sum();
            rows.push(row(&format!("{} more", rest.len()), n_files, n_windows));
        }
        lines.push(String::new());
        lines.extend(table(&rows));
    }
    let found = &report.histograms;
    lines.extend(histogram("notes by octave (C4 is middle C)", &octaves(&found.pitch)));
    let density = found.density.iter().map(|(n, count)| (n.to_string(), *count));
    lines.extend(histogram("windows by notes per bar", &density.collect::<Vec<_>>()));
    let tempo = found.tempo.iter().map(|(qpm, count)| (format!("{qpm}-{}", qpm + 9), *count));
    lines.extend(histogram("files by quarter notes per minute", &tempo.collect::<Vec<_>>()));
    let mut metre: Vec<_> = found.metre.iter().map(|(name, n)| (name.clone(), *n)).collect();
    metre.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), name.clone()));
    metre.truncate(MAX_LABELS);
    lines.extend(histogram("files by meter", &metre));
    lines
}

/// Number of notes from each C to the B above it.
fn octaves(pitch: &BTreeMap<u8, u64>) -> Vec<(String, u64)> {
    let mut octaves = BTreeMap::<i16, u64>::new();
    for (pitch, n) in pitch {
        *octaves.entry(i16::from(*pitch) / 12 - 1).or_default() += n;
    }
    octaves.into_iter().map(|(octave, n)| (format!("C{octave}-B{octave}"), n)).collect()
}

/// Counts as a bar chart.
fn histogram(title: &str, counts: &[(String, u64)]) -> Vec<String> {
    let Some(most) = counts.iter().map(|(_, n)| *n).max().filter(|most| *most > 0) else {
        return Vec::new();
    };
    let rows: Vec<Vec<String>> = counts
        .iter()
        .map(|(name, n)| {
            // Nonzero counts get at least one mark.
            let length = (n * BAR).div_ceil(most);
            vec![name.clone(), n.to_string(), "#".repeat(usize::try_from(length).unwrap_or(0))]
        })
        .collect();
    [String::new(), title.to_owned()].into_iter().chain(table(&rows)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_scaled_to_its_highest_bar() {
        let counts = [("a", 80), ("bb", 1), ("c", 41), ("d", 0)].map(|(n, c)| (n.to_owned(), c));
        let lines = histogram("title", &counts);
        assert_eq!(lines[..2], [String::new(), "title".to_owned()]);
        assert_eq!(lines[2], format!("a   80  {}", "#".repeat(40)));
        assert_eq!(lines[3], "bb  1   #");
        assert_eq!(lines[4], format!("c   41  {}", "#".repeat(21)));
        assert_eq!(lines[5], "d   0");
        assert_eq!(histogram("nothing", &[]), [] as [String; 0]);
    }

    #[test]
    fn octaves_begin_with_c() {
        let pitch = BTreeMap::from([(59, 1), (60, 2), (71, 3), (72, 4), (0, 5)]);
        let expected = [("C-1-B-1", 5), ("C3-B3", 1), ("C4-B4", 5), ("C5-B5", 4)];
        assert_eq!(octaves(&pitch), expected.map(|(name, n)| (name.to_owned(), n)));
    }
}
