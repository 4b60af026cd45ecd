//! `cargo xtask e2e`: the whole pipeline on music whose styles are known, because our own code
//! writes it. The program must find the styles, write new music in them, and add an unknown style
//! from three files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::files::{entries, save};
use crate::process::{self, answer, say};

/// The styles that are trained on, and the one that is not.
const KNOWN: &str = "hymn,blues,toccata,fanfare,lullaby,habanera,drift,skank";
const UNSEEN: &str = "reel";
/// Small batches with a high learning rate: more updates in the available minutes, for music this
/// simple.
const BATCH: &str = "32";
const LEARNING_RATE: &str = "0.005";
/// Number of files that the unknown style is added from.
const FEW: usize = 3;
/// Number of pieces generated in each style for evaluation.
const WRITTEN: &str = "40";
/// Styles with a smaller fraction of the training windows are not evaluated.
const LEAST_SHARE: f64 = 0.01;

#[derive(Debug, Args)]
pub(crate) struct E2eArgs {
    /// Minutes of training
    #[arg(long, default_value_t = 7.5)]
    minutes: f64,
    /// Number of pieces in each style
    #[arg(long, default_value_t = 300)]
    pieces: u32,
    /// The run folder to write
    #[arg(long, default_value = "e2e-run", value_name = "RUN")]
    out: PathBuf,
    /// The random seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The `controlgen` program to run [default: build its release]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Arguments of a command, from strings and paths.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$(OsString::from($arg)),*] };
}

pub(crate) fn run(args: &E2eArgs) -> Result<()> {
    let program = process::controlgen(args.program.as_deref())?;
    let start = Instant::now();
    let step = |arguments: Vec<OsString>| process::json(&program, arguments);
    let path = |name: &str| args.out.join(name);
    let (seed, pieces) = (args.seed.to_string(), args.pieces.to_string());
    let synthesize = |styles: &str, folder: &Path, pieces: &str| {
        step(args![
            "corpus",
            "synthesize",
            "-o",
            folder,
            "--styles",
            styles,
            "--pieces",
            pieces,
            "--seed",
            &seed
        ])
    };
    synthesize(KNOWN, &path("midi"), &pieces)?;
    step(args!["corpus", "build", path("midi"), "-o", path("corpus"), "--label-folders"])?;
    let (corpus, model, latents) = (path("corpus"), path("model"), path("latents"));
    let minutes = args.minutes.to_string();
    step(args![
        "train",
        "--corpus",
        &corpus,
        "-o",
        &args.out,
        "--minutes",
        minutes,
        "--batch-size",
        BATCH,
        "--learning-rate",
        LEARNING_RATE,
        "--seed",
        &seed
    ])?;
    step(args!["encode", "--model", &model, "--corpus", &corpus, "-o", &latents])?;
    let mut fit = args!["fit", "--model", &model, "--latents", &latents, "--corpus", &corpus];
    fit.extend(args!["-k", "4..12", "--granularity", "pieces", "--seed", &seed]);
    let fit = step(fit)?;
    let mut eval = args!["eval", "--model", &model, "--corpus", &corpus, "--latents", &latents];
    eval.extend(args!["-o", path("eval"), "--resamples", "5", "--seed", &seed]);
    let eval = step(eval)?;

    // New music in each style found, judged by the rules of the style that most of its windows
    // belong to.
    let styles = step(args!["style", "list", "--model", &model])?;
    let known = labels_of_styles(&eval)?;
    let of_run: [OsString; 2] = ["--model".into(), model.clone().into()];
    let (mut right, mut all) = (0.0, 0.0);
    let mut rows = Vec::new();
    for (number, style) in styles["styles"].as_array().into_iter().flatten().enumerate() {
        let (Some(name), Some(label)) = (style["name"].as_str(), known.get(&number)) else {
            continue;
        };
        if style["share"].as_f64().unwrap_or(0.0) < LEAST_SHARE {
            continue;
        }
        let folder = path("generated").join(name);
        write_music(&step, &of_run, name, &folder, &seed)?;
        let (of_label, of_all) = judged(&step, &folder, label)?;
        rows.push((format!("{name}, mostly {label}"), of_label / f64::max(of_all, 1.0)));
        (right, all) = (right + of_label, all + of_all);
    }
    // The unknown style, added to this run's model, which was trained on nothing like it, and to
    // the program's own model, which was trained on real music only.
    let few = path("few");
    synthesize(UNSEEN, &few, &FEW.to_string())?;
    let files = entries(&few.join(UNSEEN))?;
    let own_styles: [OsString; 2] = ["--styles".into(), path("styles").into()];
    let folder = path("generated").join("unseen-of-run");
    let (unseen_here, add_secs) = from_few(&step, &of_run, &files, &folder, &seed)?;
    let folder = path("generated").join("unseen-of-program");
    let (unseen, _) = from_few(&step, &own_styles, &files, &folder, &seed)?;

    let secs = start.elapsed().as_secs_f64();
    let figure = |key: &str| figure(&eval, key);
    let report = json!({
        "format": "controlgen.e2e_report",
        "version": 1,
        "seconds": secs,
        "n_components": fit["n_components"],
        "nmi": figure("labels.nmi"),
        "judge_accuracy": right / f64::max(all, 1.0),
        "unseen_accuracy": unseen,
        "unseen_accuracy_of_this_run": unseen_here,
        "style_add_seconds": add_secs,
        "reencode_accuracy": figure("control.reencode.accuracy"),
        "by_style": rows.iter().cloned().collect::<BTreeMap<String, f64>>(),
    });
    save(Some(&path("e2e.json")), &report)?;
    for (name, share) in rows {
        answer(&format!("{name:<32}  {share:.3} by the rules"));
    }
    verdict(&report)
}

/// Prints the table; fails if a goal is missed.
fn verdict(report: &Value) -> Result<()> {
    let number = |key: &str| report[key].as_f64().unwrap_or(f64::NAN);
    let goals: [(&str, &str, f64, bool); 4] = [
        ("nmi", "known styles found: NMI of components and labels", 0.9, true),
        ("judge_accuracy", "new music in them, judged by the rules", 0.9, true),
        ("unseen_accuracy", "in a style added from 3 files to the program's model", 0.7, true),
        ("seconds", "seconds in all", 600.0, false),
    ];
    let mut missed = Vec::new();
    for (key, title, goal, at_least) in goals {
        let value = number(key);
        let reached = if at_least { value >= goal } else { value <= goal };
        let sign = if at_least { "≥" } else { "≤" };
        let mark = if reached { "" } else { "  MISSED" };
        answer(&format!("{title:<52}  {value:8.3}  (goal {sign} {goal}){mark}"));
        if !reached {
            missed.push(key);
        }
    }
    if missed.is_empty() { Ok(()) } else { bail!("missed: {}", missed.join(", ")) }
}

/// The most frequent label of each style found, from the report's matrix of labels and styles.
fn labels_of_styles(eval: &Value) -> Result<BTreeMap<usize, String>> {
    let charts = eval["sections"].as_array().into_iter().flatten();
    let matrix = charts
        .filter(|section| section["key"] == "labels")
        .flat_map(|section| section["charts"].as_array().into_iter().flatten())
        .find(|chart| chart["chart"] == "matrix")
        .context("the report has no matrix of labels and styles")?;
    let labels: Vec<&str> =
        matrix["rows"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let shares: Vec<Vec<f64>> = serde_json::from_value(matrix["shares"].clone())?;
    let n_styles = shares.first().map_or(0, Vec::len);
    Ok((0..n_styles)
        .filter_map(|style| {
            let best =
                (0..labels.len()).max_by(|a, b| shares[*a][style].total_cmp(&shares[*b][style]))?;
            (shares[best][style] > 0.0).then(|| (style, labels[best].to_owned()))
        })
        .collect())
}

/// Adds the unknown style to a model and generates music in it: returns the fraction that fits its
/// rules best, and the seconds that adding it took.
fn from_few(
    step: &impl Fn(Vec<OsString>) -> Result<Value>,
    model: &[OsString],
    files: &[PathBuf],
    folder: &Path,
    seed: &str,
) -> Result<(f64, f64)> {
    let mut add = args!["style", "add", UNSEEN];
    add.extend(files.iter().map(OsString::from));
    add.extend_from_slice(model);
    let start = Instant::now();
    step(add)?;
    let secs = start.elapsed().as_secs_f64();
    write_music(step, model, UNSEEN, folder, seed)?;
    let (of_unseen, of_all) = judged(step, folder, UNSEEN)?;
    Ok((of_unseen / f64::max(of_all, 1.0), secs))
}

fn write_music(
    step: &impl Fn(Vec<OsString>) -> Result<Value>,
    model: &[OsString],
    style: &str,
    folder: &Path,
    seed: &str,
) -> Result<()> {
    let mut generate = args!["generate", "--style", style, "-n", WRITTEN];
    generate.extend_from_slice(model);
    generate.extend(args!["--seed", seed, "-o", folder]);
    step(generate).map(|_| ())
}

/// The number of windows in a folder's music that fit the rules of a style best, and the total
/// number.
fn judged(
    step: &impl Fn(Vec<OsString>) -> Result<Value>,
    folder: &Path,
    label: &str,
) -> Result<(f64, f64)> {
    let found = step(args!["eval", "rules", folder])?;
    let count = |value: &Value| value.as_f64().unwrap_or(0.0);
    // A file without a melody does not count as music in the style.
    let all = count(&found["n_windows"]) + count(&found["n_skipped"]);
    Ok((count(&found["by_style"][label]), all))
}

/// A figure in the report of an evaluation.
pub(crate) fn figure(eval: &Value, key: &str) -> Option<f64> {
    let sections = eval["sections"].as_array().into_iter().flatten();
    let mut figures = sections.flat_map(|s| s["figures"].as_array().into_iter().flatten());
    let figure = figures.find(|figure| figure["key"] == key);
    if figure.is_none() {
        say(&format!("the report has no `{key}`"));
    }
    figure?["value"].as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval() -> Value {
        json!({ "sections": [{
            "key": "labels",
            "figures": [{ "key": "labels.nmi", "value": 0.5 }],
            "charts": [{
                "chart": "matrix",
                "rows": ["a", "b"],
                "columns": ["0", "1", "2"],
                "shares": [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]],
            }],
        }]})
    }

    #[test]
    fn a_style_has_its_most_frequent_label() {
        let found = labels_of_styles(&eval()).unwrap();
        // No window belongs to style 2.
        assert_eq!(found, BTreeMap::from([(0, "a".to_owned()), (1, "b".to_owned())]));
        assert!(labels_of_styles(&json!({ "sections": [] })).is_err());
    }

    #[test]
    fn figures_are_found_by_key() {
        assert_eq!(figure(&eval(), "labels.nmi"), Some(0.5));
        assert_eq!(figure(&eval(), "labels.ari"), None);
    }

    #[test]
    fn a_missed_goal_fails() {
        let report = |nmi: f64| {
            json!({
                "nmi": nmi, "judge_accuracy": 0.95, "unseen_accuracy": 0.8, "seconds": 400.0
            })
        };
        assert!(verdict(&report(0.95)).is_ok());
        let error = verdict(&report(0.5)).unwrap_err().to_string();
        assert_eq!(error, "missed: nmi");
        assert!(verdict(&json!({})).is_err());
    }
}
