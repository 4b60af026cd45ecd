//! `cargo xtask control`: compares a model's styles with the labels of several collections
//! (`docs/control.md`): builds a corpus for each set of labels, half of it held out, and runs
//! `controlgen eval labels` on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::process::{ProgramArgs, answer, args};

/// Source of the labels of a set.
enum Source {
    /// The first group of a regular expression on the paths.
    Pattern(&'static str),
    /// The column `agn` of a table of this name, files in its column `q`.
    Genres(&'static str),
    /// The columns `midi` and `rhythm` of several tables.
    Rhythms(&'static [&'static str]),
}

/// A set of labels.
struct LabelSet {
    name: &'static str,
    /// The folder of its files below the data.
    folder: &'static str,
    /// The model in the program, and its kind.
    model: &'static str,
    kind: &'static str,
    source: Source,
}

const POLY: (&str, &str) = ("poly", "poly-2bar");

/// The sets, the shortest first.
const SETS: [LabelSet; 7] = [
    LabelSet {
        name: "nottingham",
        folder: "nottingham-jukedeck/MIDI",
        model: POLY.0,
        kind: POLY.1,
        source: Source::Pattern(
            "^(reels|jigs|hpps|waltzes|slip|morris|playford|xmas|ashover)[^/]*$",
        ),
    },
    LabelSet {
        name: "folk",
        folder: "folk-m21",
        model: POLY.0,
        kind: POLY.1,
        source: Source::Rhythms(&["airdsAirs.tsv", "oneills1850.tsv", "ryansMammoth.tsv"]),
    },
    LabelSet {
        name: "lieder",
        folder: "openscore-lieder",
        model: POLY.0,
        kind: POLY.1,
        source: Source::Pattern("^([^/]+)/"),
    },
    LabelSet {
        name: "polish-composers",
        folder: "polish-scores",
        model: POLY.0,
        kind: POLY.1,
        // Not `Anonim`, which is not a composer.
        source: Source::Pattern("^([^A/][^/]*|A[^n/][^/]*|An[^o/][^/]*)/"),
    },
    LabelSet {
        name: "polish-genres",
        folder: "polish-scores",
        model: POLY.0,
        kind: POLY.1,
        source: Source::Genres("files.tsv"),
    },
    LabelSet {
        name: "corpora",
        folder: "",
        model: POLY.0,
        kind: POLY.1,
        source: Source::Pattern(
            "^(polish-scores|openscore-lieder|openscore-quartets|openscore-orchestra|\
             pop909-aligned|chopin-first-editions|mutopia|open-hymnal|js-fakes|free-midi-chords|\
             games-small|easyrpg-rtp|pianobooster-music|freedoom)/",
        ),
    },
    LabelSet {
        name: "groove",
        folder: "groove",
        model: "drums",
        kind: "drums-2bar-groove",
        source: Source::Pattern("[0-9]+_([a-z]+)[^/]*$"),
    },
];

#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    /// The folder of the collections
    #[arg(long, default_value = "../shared/data", value_name = "FOLDER")]
    data: PathBuf,
    /// The folder to write: corpora, and a report for each set of labels
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
    /// Only these sets of labels
    #[arg(value_name = "SET", value_parser = SETS.map(|set| set.name))]
    only: Vec<String>,
    /// Number of draws of files at each point of the few-files curves
    #[arg(long, default_value_t = 20)]
    resamples: u16,
    #[command(flatten)]
    program: ProgramArgs,
}

pub(crate) fn run(args: &ControlArgs) -> Result<()> {
    let program = args.program.open()?;
    let is_wanted =
        |set: &&LabelSet| args.only.is_empty() || args.only.iter().any(|s| s == set.name);
    let mut rows = vec![HEAD.join(" | ")];
    for set in SETS.iter().filter(is_wanted) {
        let corpus = args.out.join("corpora").join(set.name);
        if !corpus.exists() {
            let mut build = args!["corpus", "build", args.data.join(set.folder), "-o", &corpus];
            build.extend(args!["--kind", set.kind, "--heldout", "0.5"]);
            build.extend(args!["--max-windows-per-file", "12"]);
            build.extend(labels(set, args)?);
            program.json(build)?;
        }
        let mut eval = args!["eval", "labels", "--model", set.model, "--corpus", &corpus];
        eval.extend(args!["-o", args.out.join(set.name)]);
        eval.extend(args!["--resamples", args.resamples.to_string()]);
        let report = program.json(eval)?;
        rows.push(format!("{} | {}", set.name, row(&report)?));
        rows.iter().skip(rows.len() - 1).for_each(|row| answer(row));
    }
    answer("");
    rows.iter().for_each(|row| answer(&format!("| {row} |")));
    Ok(())
}

/// The options of `corpus build` for the labels of a set.
fn labels(set: &LabelSet, args: &ControlArgs) -> Result<Vec<OsString>> {
    let folder = args.data.join(set.folder);
    match &set.source {
        Source::Pattern(pattern) => Ok(args!["--label-pattern", pattern]),
        Source::Genres(table) => {
            Ok(args!["--labels", folder.join(table), "--file-column", "q", "--label-column", "agn"])
        }
        Source::Rhythms(tables) => {
            let mut all = "file\tlabel\n".to_owned();
            for table in *tables {
                all.push_str(&rhythms(&folder.join(table))?);
            }
            std::fs::create_dir_all(&args.out)?;
            let path = args.out.join(format!("{}.tsv", set.name));
            std::fs::write(&path, all)?;
            Ok(args!["--labels", path])
        }
    }
}

/// The files and rhythms of a table that has both, one per line.
fn rhythms(table: &Path) -> Result<String> {
    let text = std::fs::read_to_string(table)
        .with_context(|| format!("can't read {}", table.display()))?;
    rhythms_of(&text).with_context(|| format!("{} is another table", table.display()))
}

fn rhythms_of(text: &str) -> Result<String> {
    let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let head = lines.next().unwrap_or_default();
    let column = |name: &str| head.iter().position(|cell| *cell == name);
    let (Some(file), Some(rhythm)) = (column("midi"), column("rhythm")) else {
        bail!("it has no columns `midi` and `rhythm`");
    };
    let line = |cells: Vec<&str>| {
        let (file, rhythm) = (cells.get(file)?, cells.get(rhythm)?);
        (!rhythm.is_empty()).then(|| format!("{file}\t{rhythm}\n"))
    };
    Ok(lines.filter_map(line).collect())
}

/// The columns of the table.
const HEAD: [&str; 9] = [
    "labels",
    "real",
    "generated",
    "ratio",
    "AMI of styles",
    "its lead over k-means",
    "lead of `style add`, one file",
    "two",
    "three",
];

/// The cells of a report, column by column.
fn row(report: &Value) -> Result<String> {
    const KEYS: [&str; 8] = [
        "control.judge.real",
        "control.judge.generated",
        "control.judge.ratio",
        "labels.pieces.ami",
        "labels.pieces.ami_lead.k_means",
        "control.few_shot.lead.1",
        "control.few_shot.lead.2",
        "control.few_shot.lead.3",
    ];
    let sections = report["sections"].as_array().context("a report has sections")?;
    let figures = || sections.iter().flat_map(|s| s["figures"].as_array().into_iter().flatten());
    let cell = |key: &str| {
        let figure = figures().find(|figure| figure["key"] == key)?;
        let value = figure["value"].as_f64()?;
        let end = |at: usize| figure["interval"][at].as_f64();
        Some(match (end(0), end(1)) {
            (Some(low), Some(high)) => format!("{value:.2} ({low:.2} to {high:.2})"),
            _ => format!("{value:.2}"),
        })
    };
    Ok(KEYS.map(|key| cell(key).unwrap_or_else(|| "–".to_owned())).join(" | "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rhythms_are_those_of_files_that_have_one() {
        let table = "midi\ttitle\trhythm\na.mid\tA\treel\nb.mid\tB\t\nc.mid\tC\tjig\n";
        assert_eq!(rhythms_of(table).unwrap(), "a.mid\treel\nc.mid\tjig\n");
        assert!(rhythms_of("file\tlabel\n").is_err());
    }

    #[test]
    fn a_row_has_values_with_their_intervals() {
        let figure = json!({ "key": "control.judge.real", "value": 0.5, "interval": [0.4, 0.6] });
        let ratio = json!({ "key": "control.judge.ratio", "value": 0.875, "interval": null });
        let report = json!({ "sections": [{ "figures": [figure, ratio] }] });
        let found = row(&report).unwrap();
        assert!(found.starts_with("0.50 (0.40 to 0.60) | – | 0.88 | –"), "{found}");
    }
}
