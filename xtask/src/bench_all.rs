//! `cargo xtask bench all`: every benchmark of the repository in one table, saved so that two runs can be compared.
//!
//! Each benchmark runs as the command it is on its own, one after the other, and leaves its rows as JSON; a
//! benchmark that fails, or whose peer is not there, is named, and the others go on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::process::{self, answer, say};

/// Turns of what is timed here itself; the median counts.
const TURNS: usize = 9;
/// Files that a style is added from.
const STYLE_FILES: usize = 5;

#[derive(Debug, Args)]
pub(crate) struct BenchAll {
    /// Areas wanted [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Area>,
    /// A Python interpreter that has numpy, scikit-learn and torch
    #[arg(long, default_value = "python3", value_name = "PYTHON")]
    python: PathBuf,
    /// A Python interpreter that has note-seq and symusic [default: no peer for notes]
    #[arg(long, value_name = "PYTHON")]
    notes_python: Option<PathBuf>,
    /// Data sets for notes, of those under `../shared/data`
    #[arg(long, default_value = "lakh-like,pop909-aligned,openscore-lieder")]
    notes_sets: String,
    /// Write the table to this file [default: bench.json in the target folder]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The release build of `controlgen` to measure [default: made now]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// An earlier table: how much each figure has changed
    #[arg(long, value_name = "FILE")]
    beside: Option<PathBuf>,
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
    /// What a musician waits for
    Styles,
}

impl Area {
    const ALL: [Self; 5] = [Self::Notes, Self::Gmm, Self::Train, Self::Corpus, Self::Styles];

    fn name(self) -> &'static str {
        match self {
            Self::Notes => "notes",
            Self::Gmm => "gmm",
            Self::Train => "train",
            Self::Corpus => "corpus",
            Self::Styles => "styles",
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
    /// As `controlgen doctor` describes it.
    machine: Value,
    rows: Vec<Row>,
    /// Areas that could not be measured, and why.
    skipped: Vec<(String, String)>,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    area: String,
    /// What was done, on what.
    work: String,
    unit: String,
    /// Whether more is better.
    more_is_better: bool,
    threads: Option<u64>,
    ours: f64,
    peer: Option<f64>,
    peer_name: Option<String>,
    /// Times as good as the peer.
    ratio: Option<f64>,
    goal: Option<f64>,
}

pub(crate) fn run(args: &BenchAll) -> Result<()> {
    let before: Option<Table> = args.beside.as_deref().map(read).transpose()?;
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
    std::fs::write(&path, serde_json::to_vec_pretty(&table)?)
        .with_context(|| format!("can't write {}", path.display()))?;
    say(&format!("saved as {}; `--beside` it compares a later run", path.display()));
    Ok(())
}

fn read(path: &Path) -> Result<Table> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let table: Table = serde_json::from_str(&text)
        .with_context(|| format!("{} is no table of `bench all`", path.display()))?;
    ensure!(table.version == 1, "{} is of version {}, not 1", path.display(), table.version);
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
    }
}

fn rows_of(file: &Path) -> Result<Vec<Value>> {
    let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is no table", file.display()))
}

/// Problems on which mixtures are compared, as the peers' script makes them.
fn write_problems(python: &Path, folder: &Path) -> Result<()> {
    let script = process::root().join("../shared/oracles/gmm_problems.py");
    ensure!(script.exists(), "{} is not there", script.display());
    let status = Command::new(python).arg(script).env("GMM_PROBLEMS", folder).status();
    let status = status.with_context(|| format!("can't run {}", python.display()))?;
    if status.success() { Ok(()) } else { bail!("the problems could not be made") }
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
        let (work, peer) = work.split_once(", beside ").unwrap_or((work, ""));
        // Goals: reading beside symusic, windows beside `note_seq`.
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

fn gmm_row(value: &Value) -> Option<Row> {
    let peer_name = value["peer_name"].as_str()?;
    let (problem, dtype) = (value["problem"].as_str()?, value["dtype"].as_str()?);
    let is_main = peer_name == "scikit-learn" && dtype == "float64";
    Some(Row {
        area: "gmm".to_owned(),
        work: format!("EM iteration, {problem}, {dtype}"),
        unit: "s".to_owned(),
        more_is_better: false,
        threads: value["threads"].as_str()?.parse().ok(),
        ours: value["ours"].as_f64()?,
        peer: value["peer_best"].as_f64().or_else(|| value["peer"].as_f64()),
        peer_name: Some(peer_name.to_owned()),
        ratio: value["ratio"].as_f64(),
        goal: value["goal"].as_f64().filter(|_| is_main),
    })
}

fn train_row(value: &Value) -> Option<Row> {
    let full = value["work"].as_str()?;
    let (work, unit) = full.split_once(", ")?;
    Some(Row {
        area: "train".to_owned(),
        work: format!("{work}, {} units", value["units"]),
        unit: unit.to_owned(),
        more_is_better: unit == "sequences/s",
        threads: value["threads"].as_u64(),
        ours: value["ours"].as_f64()?,
        peer: value["peer"].as_f64(),
        peer_name: Some("PyTorch".to_owned()),
        ratio: value["ratio"].as_f64(),
        goal: value["goal"].as_f64(),
    })
}

fn corpus_rows(value: &Value) -> Vec<Row> {
    let (Some(files), Some(seconds)) = (value["files"].as_f64(), value["seconds"].as_f64()) else {
        return Vec::new();
    };
    let row = |what: &str, unit: &str, more_is_better, ours| Row {
        area: "corpus".to_owned(),
        work: format!("{files} files, {}{what}", value["name"].as_str().unwrap_or_default()),
        unit: unit.to_owned(),
        more_is_better,
        threads: value["threads"].as_u64(),
        ours,
        peer: None,
        peer_name: None,
        ratio: None,
        goal: None,
    };
    let rate = row("", "files/s", true, files / seconds);
    let peak = value["peak_mib"].as_f64().map(|peak| row(", peak memory", "MiB", false, peak));
    std::iter::once(rate).chain(peak).collect()
}

/// What a musician waits for, from the start of the program to its end, with the model in it.
fn styles(program: &PathBuf, folder: &Path) -> Result<Vec<Row>> {
    let made = folder.join("made");
    let n_files = STYLE_FILES.to_string();
    let synthesize = ["corpus", "synthesize", "--styles", "hymn", "--pieces", &n_files, "-o"];
    let synthesize = synthesize.iter().map(OsString::from).chain([made.clone().into()]);
    process::json(program, synthesize)?;
    let mut files: Vec<OsString> = Vec::new();
    for entry in std::fs::read_dir(made.join("hymn")).context("no music was made")? {
        files.push(entry.context("the folder can't be listed")?.path().into());
    }
    files.sort();
    files.retain(|file| Path::new(file).extension().is_some_and(|e| e == "mid"));
    let own_styles = ["--styles".into(), folder.join("styles").into()];
    let generate = |n: &str| -> Vec<OsString> {
        let words = ["generate", "--style", "0", "-n", n, "-o"].map(OsString::from);
        words.into_iter().chain([folder.join("out").into()]).collect()
    };
    let mut add: Vec<OsString> = vec!["style".into(), "add".into(), "timed".into()];
    add.extend(files);
    add.extend(own_styles.clone());
    let mut remove: Vec<OsString> = ["style", "remove", "timed"].map(OsString::from).to_vec();
    remove.extend(own_styles);
    let works = [
        ("start of the program, `--version`", vec!["--version".into()], None),
        ("`generate -n 1`, start to end", generate("1"), None),
        ("`generate -n 16`, start to end", generate("16"), None),
        ("`style add`, five files, start to end", add, Some(remove)),
    ];
    let row = |(work, words, undo): (&str, Vec<OsString>, Option<Vec<OsString>>)| -> Result<Row> {
        let mut millis = Vec::new();
        for _ in 0..TURNS {
            let _ = std::fs::remove_dir_all(folder.join("out"));
            let start = Instant::now();
            quietly(program, &words)?;
            millis.push(start.elapsed().as_secs_f64() * 1e3);
            undo.as_ref().map_or(Ok(()), |undo| quietly(program, undo))?;
        }
        millis.sort_by(f64::total_cmp);
        Ok(Row {
            area: "styles".to_owned(),
            work: work.to_owned(),
            unit: "ms".to_owned(),
            more_is_better: false,
            threads: None,
            ours: millis[TURNS / 2],
            peer: None,
            peer_name: None,
            ratio: None,
            goal: None,
        })
    };
    works.into_iter().map(row).collect()
}

/// Runs a program whose answers nobody reads.
fn quietly(program: &PathBuf, words: &[OsString]) -> Result<()> {
    let output = Command::new(program).args(words).output();
    let output = output.with_context(|| format!("can't run {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{words:?} failed: {}", said.trim());
    Ok(())
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
        if before.is_some() { "  than before" } else { "" }
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

/// How many times as good a figure is as the same one of an earlier table.
fn earlier(rows: &[Row], row: &Row) -> Option<f64> {
    let same = |other: &&Row| {
        (&other.area, &other.work, &other.unit, other.threads, &other.peer_name)
            == (&row.area, &row.work, &row.unit, row.threads, &row.peer_name)
    };
    let before = rows.iter().find(same)?.ours;
    Some(if row.more_is_better { row.ours / before } else { before / row.ours })
}

/// Three digits that count.
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
    use serde_json::json;

    fn seconds(ours: f64) -> Row {
        gmm_row(&json!({
            "peer_name": "scikit-learn", "problem": "A", "dtype": "float64", "threads": "2",
            "ours": ours, "peer": 3.0, "peer_best": 2.0, "ratio": 2.0 / ours, "goal": 12.0,
        }))
        .expect("a row of the mixture's table")
    }

    #[test]
    fn a_row_of_each_table_is_read() {
        let row = seconds(0.5);
        assert_eq!((row.threads, row.peer, row.goal), (Some(2), Some(2.0), Some(12.0)));
        let row = train_row(&json!({
            "work": "sample one, ms", "units": 512, "threads": 1, "ours": 4.0, "peer": 12.0,
            "ratio": 3.0, "goal": 3.0,
        }))
        .expect("a row of the model's table");
        assert_eq!((row.work.as_str(), row.unit.as_str()), ("sample one, 512 units", "ms"));
        assert!(!row.more_is_better);
        let rows = corpus_rows(&json!({
            "name": "made", "threads": 2, "files": 100.0, "seconds": 4.0, "peak_mib": 90.0,
        }));
        assert_eq!(rows.iter().map(|row| row.ours).collect::<Vec<_>>(), [25.0, 90.0]);
    }

    #[test]
    fn a_figure_is_compared_with_the_same_one_of_before() {
        // Half the seconds are twice as good; another area's row of the same name is not the same.
        assert_eq!(earlier(&[seconds(1.0)], &seconds(0.5)), Some(2.0));
        let other = Row { area: "train".to_owned(), ..seconds(1.0) };
        assert_eq!(earlier(&[other], &seconds(0.5)), None);
    }
}
