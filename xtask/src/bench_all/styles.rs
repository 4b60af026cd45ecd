//! The time that a musician waits, measured with the complete program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::Area;
use super::rows::Row;
use crate::files::{files_below, median};
use crate::process;

/// Number of runs; the median is reported.
const TURNS: usize = 9;
/// Number of files that a style is added from.
const STYLE_FILES: usize = 5;

/// Bars of whole pieces, and how many more are made than one.
const BARS: &str = "32";
const MORE: u32 = 4;
const ONE_PIECE: &str = "`generate -n 1 --bars 32`, start to end";
const MORE_PIECES: &str = "`generate -n 5 --bars 32`, start to end";

/// Measures the program with its embedded model from start to end.
pub(super) fn styles(program: &PathBuf, folder: &Path) -> Result<Vec<Row>> {
    let made = folder.join("made");
    let n_files = STYLE_FILES.to_string();
    let synthesize = ["corpus", "synthesize", "--styles", "hymn", "--pieces", &n_files, "-o"];
    let synthesize = synthesize.iter().map(OsString::from).chain([made.clone().into()]);
    process::json(program, synthesize)?;
    let files = files_below(&made.join("hymn"), &["mid"])?;
    let own_styles = ["--styles".into(), folder.join("styles").into()];
    let generate = |n: &str| -> Vec<OsString> {
        let words = ["generate", "--style", "0", "-n", n, "-o"].map(OsString::from);
        words.into_iter().chain([folder.join("out").into()]).collect()
    };
    let of_bars = |words: Vec<OsString>| -> Vec<OsString> {
        words.into_iter().chain(["--bars", BARS].map(OsString::from)).collect()
    };
    let mut add: Vec<OsString> = vec!["style".into(), "add".into(), "timed".into()];
    add.extend(files.into_iter().map(OsString::from));
    add.extend(own_styles.clone());
    let mut remove: Vec<OsString> = ["style", "remove", "timed"].map(OsString::from).to_vec();
    remove.extend(own_styles);
    let works = [
        ("start of the program, `--version`", vec!["--version".into()], None),
        ("`generate -n 1`, start to end", generate("1"), None),
        ("`generate -n 16`, start to end", generate("16"), None),
        (ONE_PIECE, of_bars(generate("1")), None),
        (MORE_PIECES, of_bars(generate(&(1 + MORE).to_string())), None),
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
        Ok(Row::alone(Area::Styles, work.to_owned(), "ms", median(millis)))
    };
    let mut rows: Vec<Row> = works.into_iter().map(row).collect::<Result<_>>()?;
    let time = |work: &str| rows.iter().find(|row| row.work == work).map(|row| row.ours);
    if let (Some(one), Some(more)) = (time(ONE_PIECE), time(MORE_PIECES)) {
        let work = format!("a piece of {BARS} bars, without loading the model");
        let each = (more - one) / f64::from(MORE);
        rows.push(Row::alone(Area::Styles, work, "ms", each));
    }
    let _ = std::fs::remove_dir_all(folder.join("out"));
    let generated = process::json(program, generate("1"))?;
    if let Some(bytes) = generated["run"]["peak_memory_bytes"].as_f64() {
        let work = "`generate -n 1`, peak memory".to_owned();
        rows.push(Row::alone(Area::Styles, work, "MiB", bytes / f64::from(1 << 20)));
    }
    let bytes = std::fs::metadata(program).context("the program's size")?.len() as f64;
    rows.push(Row::alone(
        Area::Styles,
        "the program, with its model".to_owned(),
        "MB",
        bytes / 1e6,
    ));
    Ok(rows)
}

/// Runs a program and discards its output.
fn quietly(program: &PathBuf, words: &[OsString]) -> Result<()> {
    let output = Command::new(program).args(words).output();
    let output = output.with_context(|| format!("can't run {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{words:?} failed: {}", said.trim());
    Ok(())
}
