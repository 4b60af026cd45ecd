//! `cargo xtask regress`: compares a small pinned run, and the program's own model on the same
//! music, with a committed baseline. Differences larger than chance between seeds fail, with a
//! table.
//!
//! Both are needed. The run trains a model, so it detects faults in training; but after so few
//! steps the model has not learned pitch, and can't reveal small faults in decoding or encoding.
//! The program's own model can: it reconstructs synthetic music nearly exactly, with hardly any
//! randomness.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::e2e::figure;
use crate::process::{self, answer, args, say};

/// The committed baseline.
const BASELINE: &str = "tests/baseline.json";
/// The run: pieces of each style, training steps, components.
const STYLES: &str = "hymn,reel,blues,toccata,fanfare,lullaby,habanera,drift";
const PIECES: &str = "12";
/// Melodies, because the baseline has more figures for them.
const KIND: &str = "mel-2bar";
const PRESET: &str = "cat-mel_2bar_tiny";
const STEPS: &str = "400";
/// Small batches with a high learning rate: within a minute the model has learned enough to be
/// affected by a fault.
const BATCH: &str = "32";
const LEARNING_RATE: &str = "0.005";
/// A small weight of the KL term, in full from the start: its cost then shows in the KL beyond the
/// free bits, which the preset's slow increase hardly reaches in so few steps.
const BETA: &str = "0.02";
const K: &str = "8";
/// The seed to compare, and the number of seeds for estimating random variation.
const SEED: u64 = 0;
const N_SEEDS: u64 = 10;
/// Number of standard deviations between seeds that a figure may differ from their mean. On a
/// machine that rounds differently, a run is equivalent to another seed, and one more sample in
/// addition to 10 is farther away once in a thousand times (Student's t with 9 degrees of freedom,
/// 4.78, times `√(1 + 1/10)`)...
const DEVIATIONS: f64 = 5.0;
/// ... and at least this fraction of its value: another instruction set rounds differently.
const LEAST_SHARE: f64 = 0.005;

/// The figures that are compared; all others in the report are informative only. Re-encoding,
/// interpolation and membership are not compared, because after so few steps they vary more by
/// chance than by a fault. They are compared for the program's own model.
const FIGURES: [&str; 15] = [
    "reconstruction.forced.accuracy",
    "reconstruction.forced.onset",
    "reconstruction.forced.pitch",
    "reconstruction.sampled.accuracy",
    "reconstruction.greedy.accuracy",
    "reconstruction.greedy.pitch",
    "reconstruction.greedy.rhythm",
    "reconstruction.midi.accuracy",
    "reconstruction.midi.pitch",
    "likelihood.nll_nats",
    "likelihood.kl_nats",
    "likelihood.active_units",
    "likelihood.active_std_dev",
    "labels.nmi",
    "generation.overlap.mean",
];

/// The program's own model, and the figures of its report that are compared, under names with this
/// prefix.
const OWN_MODEL: &str = "crates/cli/model/melody";
const OF_OWN: &str = "own_model";
/// The number of components of its mixture, so that new music is generated from that, and no
/// mixture is fitted to the small corpus used here.
const OWN_K: &str = "24";
const OWN_FIGURES: [&str; 12] = [
    "reconstruction.forced.accuracy",
    "reconstruction.forced.pitch",
    "reconstruction.greedy.accuracy",
    "reconstruction.greedy.pitch",
    "reconstruction.greedy.rhythm",
    "reconstruction.midi.accuracy",
    "reconstruction.midi.pitch",
    "likelihood.nll_nats",
    "likelihood.kl_nats",
    "control.reencode.accuracy",
    "generation.overlap.mean",
    "interpolation.spearman",
];

#[derive(Debug, Args)]
pub(crate) struct RegressArgs {
    /// Write a new baseline, from 10 seeds
    #[arg(long, requires = "reason")]
    update: bool,
    /// The reason for changing the baseline
    #[arg(long, value_name = "TEXT", requires = "update")]
    reason: Option<String>,
    /// The `controlgen` program to run [default: build its release]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// `tests/baseline.json`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Baseline {
    format: String,
    version: u32,
    /// The reason for its current values.
    reason: String,
    /// The parameters of the run.
    run: BTreeMap<String, String>,
    figures: BTreeMap<String, Pinned>,
}

/// A figure of the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Pinned {
    /// The mean over seeds.
    value: f64,
    /// Maximum difference from it.
    tolerance: f64,
    /// The standard deviation between seeds; the tolerance is 5 times this.
    deviation: f64,
    n_seeds: u64,
}

pub(crate) fn run(args: &RegressArgs) -> Result<()> {
    let program = process::controlgen(args.program.as_deref())?;
    let path = process::root().join(BASELINE);
    if args.update {
        let reason = args.reason.clone().unwrap_or_default();
        return update(&program, &path, reason);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("can't read {}; write one with `--update`", path.display()))?;
    let baseline: Baseline = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a baseline", path.display()))?;
    if baseline.run != settings() {
        bail!("the baseline belongs to another run; write a new one with `--update --reason TEXT`");
    }
    let found = measure(&program, SEED)?;
    let moved = compare(&baseline, &found);
    for line in table(&baseline, &found) {
        answer(&line);
    }
    if moved.is_empty() { Ok(()) } else { bail!("moved: {}", moved.join(", ")) }
}

fn settings() -> BTreeMap<String, String> {
    let pairs = [
        ("styles", STYLES),
        ("pieces", PIECES),
        ("steps", STEPS),
        ("batch", BATCH),
        ("learning_rate", LEARNING_RATE),
        ("beta", BETA),
        ("k", K),
        ("own_k", OWN_K),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect()
}

fn update(program: &Path, path: &Path, reason: String) -> Result<()> {
    let mut runs = Vec::new();
    for seed in SEED..SEED + N_SEEDS {
        say(&format!("seed {seed} of {N_SEEDS}"));
        runs.push(measure(program, seed)?);
    }
    let figures = pin(&runs);
    let format = "controlgen.regress_baseline".to_owned();
    let baseline = Baseline { format, version: 1, reason, run: settings(), figures };
    let mut text = serde_json::to_string_pretty(&baseline)?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()))?;
    for line in table(&baseline, &runs[0]) {
        answer(&line);
    }
    Ok(())
}

/// Means over runs, and the tolerances computed from them.
fn pin(runs: &[BTreeMap<String, f64>]) -> BTreeMap<String, Pinned> {
    runs[0]
        .keys()
        .map(|key| {
            let values: Vec<f64> = runs.iter().filter_map(|run| run.get(key).copied()).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
            let deviation = (squares / (n - 1.0).max(1.0)).sqrt();
            let tolerance = (DEVIATIONS * deviation).max(LEAST_SHARE * mean.abs());
            let n_seeds = values.len() as u64;
            (key.clone(), Pinned { value: mean, tolerance, deviation, n_seeds })
        })
        .collect()
}

/// The figures of one run, and of the program's own model on its music.
fn measure(program: &Path, seed: u64) -> Result<BTreeMap<String, f64>> {
    let folder = tempfile::tempdir().context("can't make a temporary folder")?;
    let path = |name: &str| folder.path().join(name);
    let seed = seed.to_string();
    let step = |mut arguments: Vec<OsString>| {
        arguments.push("--quiet".into());
        process::json(program, arguments)
    };
    // The music is the same for every seed; training and all random draws after it differ.
    let mut synthesize = args!["corpus", "synthesize", "-o", path("midi"), "--styles", STYLES];
    synthesize.extend(args!["--pieces", PIECES, "--seed", "0"]);
    step(synthesize)?;
    let (corpus, run) = (path("corpus"), path("run"));
    let mut build = args!["corpus", "build", path("midi"), "-o", &corpus, "--label-folders"];
    build.extend(args!["--kind", KIND]);
    build.extend(args!["--heldout", "0.2"]);
    step(build)?;
    let mut train = args!["train", "--corpus", &corpus, "-o", &run, "--steps", STEPS];
    train.extend(args!["--preset", PRESET]);
    train.extend(args!["--batch-size", BATCH, "--learning-rate", LEARNING_RATE, "--seed", &seed]);
    train.extend(args!["--beta", BETA, "--beta-warmup", "0"]);
    step(train)?;
    let (model, latents) = (run.join("model"), run.join("latents"));
    step(args!["encode", "--model", &model, "--corpus", &corpus, "-o", &latents])?;
    let mut fit = args!["fit", "--model", &model, "--latents", &latents, "--corpus", &corpus];
    fit.extend(args!["-k", K, "--covariance", "diag", "--granularity", "windows"]);
    fit.extend(args!["--seed", &seed]);
    step(fit)?;
    let mut eval = args!["eval", "--model", &model, "--corpus", &corpus, "--latents", &latents];
    eval.extend(args!["-o", path("eval"), "-k", K, "--windows", "400", "--resamples", "1"]);
    eval.extend(args!["--seed", &seed]);
    let eval = step(eval)?;
    let found = FIGURES.iter().filter_map(|key| Some(((*key).to_owned(), figure(&eval, key)?)));
    let mut figures: BTreeMap<String, f64> = found.collect();
    let own = process::root().join(OWN_MODEL);
    // The output of `generate` must be re-encoded into its style, too: it does not share code with
    // the evaluation's own sampling.
    let mut check = args!["style", "list", "--model", &own, "--styles", path("no-styles")];
    check.extend(args!["--check", "40"]);
    let accuracy = step(check)?["reencoding"]["accuracy"].as_f64();
    let mut eval = args!["eval", "--model", &own, "--corpus", &corpus, "-o", path("own")];
    eval.extend(args!["-k", OWN_K, "--windows", "400", "--resamples", "1", "--seed", &seed]);
    let eval = step(eval)?;
    figures.extend(
        OWN_FIGURES.iter().filter_map(|key| Some((format!("{OF_OWN}.{key}"), figure(&eval, key)?))),
    );
    figures.extend(accuracy.map(|found| (format!("{OF_OWN}.generate.falls_back"), found)));
    Ok(figures)
}

/// Keys of the figures that differ by more than their tolerance or are missing.
fn compare(baseline: &Baseline, found: &BTreeMap<String, f64>) -> Vec<String> {
    let stayed = |key: &String, pinned: &Pinned| {
        found.get(key).is_some_and(|value| (value - pinned.value).abs() <= pinned.tolerance)
    };
    let moved = baseline.figures.iter().filter(|(key, pinned)| !stayed(key, pinned));
    moved.map(|(key, _)| key.clone()).collect()
}

fn table(baseline: &Baseline, found: &BTreeMap<String, f64>) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<42}{:>10}{:>10}{:>10}{:>10}",
        "figure", "baseline", "found", "moved", "allowed"
    )];
    let moved = compare(baseline, found);
    for (key, pinned) in &baseline.figures {
        let value = found.get(key).copied().unwrap_or(f64::NAN);
        let mark = if moved.contains(key) { "  MOVED" } else { "" };
        lines.push(format!(
            "{key:<42}{:>10.4}{value:>10.4}{:>+10.4}{:>10.4}{mark}",
            pinned.value,
            value - pinned.value,
            pinned.tolerance
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(accuracy: f64, kl: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("accuracy".to_owned(), accuracy), ("kl".to_owned(), kl)])
    }

    #[test]
    fn tolerances_are_five_deviations_between_seeds() {
        let figures = pin(&[run(0.5, 20.0), run(0.52, 20.0), run(0.54, 20.0)]);
        // The values 0.50, 0.52, 0.54 have a standard deviation of 0.02; the KL does not vary and
        // gets half a percent.
        let (accuracy, kl) = (figures["accuracy"], figures["kl"]);
        assert!((accuracy.value - 0.52).abs() < 1e-12 && (accuracy.tolerance - 0.1).abs() < 1e-12);
        assert!((kl.tolerance - 0.1).abs() < 1e-12, "{kl:?}");
        let baseline = Baseline {
            format: String::new(),
            version: 1,
            reason: String::new(),
            run: settings(),
            figures,
        };
        assert_eq!(compare(&baseline, &run(0.61, 20.05)), Vec::<String>::new());
        assert_eq!(compare(&baseline, &run(0.63, 20.05)), ["accuracy"]);
        assert_eq!(compare(&baseline, &BTreeMap::new()), ["accuracy", "kl"]);
        assert!(table(&baseline, &run(0.63, 20.0))[1].ends_with("MOVED"));
    }

    #[test]
    fn a_committed_baseline_is_of_this_run() {
        let path = process::root().join(BASELINE);
        let Ok(text) = std::fs::read_to_string(&path) else {
            say("skipped: there is no tests/baseline.json");
            return;
        };
        let baseline: Baseline = serde_json::from_str(&text).unwrap();
        assert_eq!(baseline.run, settings());
        assert!(baseline.figures.values().all(|pinned| pinned.tolerance > 0.0));
    }
}
