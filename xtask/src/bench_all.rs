//! `cargo xtask bench all`: runs every benchmark of the repository and saves one table, so that two
//! runs can be compared.
//!
//! Each benchmark runs as its own command, one after the other, and writes its rows as JSON. A
//! benchmark that fails or whose reference tool is missing is reported, and the others continue.

mod rows;
mod styles;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::{read_json, save};
use crate::process::{self, answer, say};
use rows::{Row, corpus_rows, gmm_row, studio_rows, train_row};
use styles::styles;

/// Seconds of decoding over HTTP for each number of clients.
const STUDIO_SECONDS: &str = "10";

#[derive(Debug, Args)]
pub(crate) struct BenchAll {
    /// Areas to run [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Area>,
    /// A Python interpreter with numpy, scikit-learn and torch
    #[arg(long, default_value = "python3", value_name = "PYTHON")]
    python: PathBuf,
    /// A Python interpreter with note-seq and symusic [default: no reference for notes]
    #[arg(long, value_name = "PYTHON")]
    notes_python: Option<PathBuf>,
    /// Data sets for notes, from those in `../shared/data`
    #[arg(long, default_value = "lakh-like,pop909-aligned,openscore-lieder")]
    notes_sets: String,
    /// Write the table to this file [default: bench.json in the target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The release build of `controlgen` to measure [default: build it]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// An earlier table to compare with
    #[arg(long, alias = "beside", value_name = "FILE")]
    compare: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Area {
    /// Reading MIDI and making windows: symusic, `note_seq`
    Notes,
    /// An EM iteration: scikit-learn, linfa
    Gmm,
    /// Training, encoding, sampling: PyTorch
    Train,
    /// The corpus builder
    Corpus,
    /// The time that a musician waits
    Styles,
    /// A step of decoding over HTTP
    Studio,
}

impl Area {
    const ALL: [Self; 6] =
        [Self::Notes, Self::Gmm, Self::Train, Self::Corpus, Self::Styles, Self::Studio];

    fn name(self) -> &'static str {
        match self {
            Self::Notes => "notes",
            Self::Gmm => "gmm",
            Self::Train => "train",
            Self::Corpus => "corpus",
            Self::Styles => "styles",
            Self::Studio => "studio",
        }
    }
}

/// The saved table.
#[derive(Debug, Serialize, Deserialize)]
struct Table {
    format: String,
    version: u32,
    /// Seconds since 1970.
    time: u64,
    /// The output of `controlgen doctor`.
    machine: Value,
    rows: Vec<Row>,
    /// Areas that could not be measured, with the reason.
    skipped: Vec<(String, String)>,
}

pub(crate) fn run(args: &BenchAll) -> Result<()> {
    let before: Option<Table> = args.compare.as_deref().map(read).transpose()?;
    let program = process::controlgen(args.program.as_deref())?;
    let folder = tempfile::tempdir().context("can't make a temporary folder")?;
    let machine = process::json(&program, ["doctor"]).unwrap_or(Value::Null);
    let (mut rows, mut skipped) = (Vec::new(), Vec::new());
    for area in Area::ALL {
        if !args.only.is_empty() && !args.only.contains(&area) {
            continue;
        }
        let start = Instant::now();
        say(&format!("== {}", area.name()));
        match measure(area, args, &program, folder.path()) {
            Ok(of_area) => rows.extend(of_area),
            Err(error) => {
                say(&format!("{} skipped: {error:#}", area.name()));
                skipped.push((area.name().to_owned(), format!("{error:#}")));
            }
        }
        say(&format!("  {:.1} minutes", start.elapsed().as_secs_f64() / 60.0));
    }
    ensure!(!rows.is_empty(), "nothing could be measured");
    for line in lines(&rows, before.as_ref()) {
        answer(&line);
    }
    for (area, why) in &skipped {
        answer(&format!("{area}: skipped, {why}"));
    }
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let format = "controlgen.bench".to_owned();
    let table = Table { format, version: 1, time, machine, rows, skipped };
    let path = match &args.json {
        Some(path) => path.clone(),
        None => process::target()?.join("bench.json"),
    };
    save(Some(&path), &table)?;
    say(&format!("saved as {}; compare a later run with it using `--compare`", path.display()));
    Ok(())
}

fn read(path: &Path) -> Result<Table> {
    let table: Table = read_json(path)?;
    ensure!(table.version == 1, "{} has version {}, expected 1", path.display(), table.version);
    Ok(table)
}

fn measure(area: Area, args: &BenchAll, program: &PathBuf, folder: &Path) -> Result<Vec<Row>> {
    let file = folder.join(format!("{}.json", area.name()));
    let bench = |name: &str, more: &[OsString]| -> Result<Vec<Value>> {
        let own = std::env::current_exe().context("can't find this program")?;
        let mut words: Vec<OsString> = vec!["bench".into(), name.into()];
        words.extend_from_slice(more);
        words.extend(["--json".into(), file.clone().into()]);
        process::run(&own, words)?;
        rows_of(&file)
    };
    let python: [OsString; 2] = ["--python".into(), args.python.clone().into()];
    match area {
        Area::Notes => notes(args, &file),
        Area::Gmm => {
            let problems = folder.join("problems");
            write_problems(&args.python, &problems)?;
            let mut more = vec!["--problems".into(), problems.into()];
            more.extend(python);
            Ok(bench("gmm", &more)?.iter().filter_map(gmm_row).collect())
        }
        Area::Train => Ok(bench("train", &python)?.iter().filter_map(train_row).collect()),
        Area::Corpus => Ok(bench("corpus", &["--program".into(), program.into()])?
            .iter()
            .flat_map(corpus_rows)
            .collect()),
        Area::Styles => styles(program, folder),
        Area::Studio => {
            let words =
                ["--seconds".into(), STUDIO_SECONDS.into(), "--program".into(), program.into()];
            Ok(bench("studio", &words)?.iter().flat_map(studio_rows).collect())
        }
    }
}

/// The rows of a benchmark's JSON: a list of them, or one object with all.
fn rows_of(file: &Path) -> Result<Vec<Value>> {
    Ok(match read_json::<Value>(file)? {
        Value::Array(rows) => rows,
        other => vec![other],
    })
}

/// The problems on which mixtures are compared, written by the reference's script.
fn write_problems(python: &Path, folder: &Path) -> Result<()> {
    let script = process::root().join("../shared/oracles/gmm_problems.py");
    ensure!(script.exists(), "{} does not exist", script.display());
    let status = Command::new(python).arg(script).env("GMM_PROBLEMS", folder).status();
    let status = status.with_context(|| format!("can't run {}", python.display()))?;
    if status.success() { Ok(()) } else { bail!("the problems could not be written") }
}

fn notes(args: &BenchAll, file: &Path) -> Result<Vec<Row>> {
    let mut environment = vec![
        ("NOTE_SEQ_BENCH_JSON", file.display().to_string()),
        ("NOTE_SEQ_BENCH_SETS", args.notes_sets.clone()),
    ];
    if let Some(python) = &args.notes_python {
        environment.push(("NOTE_SEQ_PYTHON", python.display().to_string()));
    }
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    process::cargo(&["bench", "--package", "note-seq", "--bench", "peers"], &environment)?;
    let row = |value: &Value| {
        let (set, work) = (value["set"].as_str()?, value["work"].as_str()?);
        let (work, peer) = work.split_once(", compared with ").unwrap_or((work, ""));
        // Goals: reading compared with symusic, windows compared with `note_seq`.
        let goal = match (peer, work) {
            ("symusic", _) => Some(1.0),
            (_, "read + 2-bar melodies") => Some(400.0),
            _ => None,
        };
        Some(Row {
            area: "notes".to_owned(),
            work: format!("{set}: {work}"),
            unit: "files/s".to_owned(),
            more_is_better: true,
            threads: Some(1),
            ours: value["ours"].as_f64()?,
            peer: value["peer"].as_f64(),
            peer_name: value["peer"].is_number().then(|| peer.to_owned()),
            ratio: value["ratio"].as_f64(),
            goal,
        })
    };
    Ok(rows_of(file)?.iter().filter_map(row).collect())
}

fn lines(rows: &[Row], before: Option<&Table>) -> Vec<String> {
    let mut lines = vec![format!(
        "{:7} {:48} {:>7} {:12} {:>10} {:>10} {:13} {:>6} {:>6}{}",
        "area",
        "work",
        "threads",
        "unit",
        "ours",
        "peer",
        "peer is",
        "ratio",
        "goal",
        if before.is_some() { "  vs. before" } else { "" }
    )];
    let optional = |value: Option<f64>| value.map_or_else(String::new, short);
    for row in rows {
        let earlier = before.and_then(|table| earlier(&table.rows, row));
        let change =
            earlier.map_or_else(String::new, |times| format!("  {times:.2} times as good"));
        lines.push(format!(
            "{:7} {:48} {:>7} {:12} {:>10} {:>10} {:13} {:>6} {:>6}{change}",
            row.area,
            row.work,
            row.threads.map_or_else(String::new, |n| n.to_string()),
            row.unit,
            short(row.ours),
            optional(row.peer),
            row.peer_name.as_deref().unwrap_or(""),
            optional(row.ratio),
            optional(row.goal),
        ));
    }
    lines
}

/// The improvement of a figure over the same one in an earlier table, as a factor.
fn earlier(rows: &[Row], row: &Row) -> Option<f64> {
    let same = |other: &&Row| {
        (&other.area, &other.work, &other.unit, other.threads, &other.peer_name)
            == (&row.area, &row.work, &row.unit, row.threads, &row.peer_name)
    };
    let before = rows.iter().find(same)?.ours;
    Some(if row.more_is_better { row.ours / before } else { before / row.ours })
}

/// A number with three significant digits.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(area: Area, ours: f64) -> Row {
        Row::alone(area, "an iteration".to_owned(), "s", ours)
    }

    #[test]
    fn a_figure_is_compared_with_its_earlier_value() {
        // Half the seconds are a factor of two; a row of the same name in another area is a
        // different one.
        let now = seconds(Area::Gmm, 0.5);
        assert_eq!(earlier(&[seconds(Area::Gmm, 1.0)], &now), Some(2.0));
        assert_eq!(earlier(&[seconds(Area::Train, 1.0)], &now), None);
    }
}
