//! `cargo xtask train`: corpus, training, encoding, fitting and samples, each with a command of
//! `controlgen`, and one table of the results.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::process::{ProgramArgs, answer, args, say};

/// Number of windows generated in each style to check whether they are re-encoded into it.
const CHECKED_WINDOWS: &str = "100";
/// Number of pieces generated in each of the largest styles.
const SAMPLES: &str = "4";
const SAMPLED_STYLES: usize = 3;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Folders of MIDI files [default: music that the program writes itself, in nine styles]
    #[arg(long, num_args = 1.., value_name = "DIR")]
    midi: Vec<PathBuf>,
    /// A named configuration, see `controlgen presets`
    #[arg(long, default_value = "poly_2bar_tiny")]
    preset: String,
    /// Stop training after this many minutes [default: 2, if no steps are given]
    #[arg(long)]
    minutes: Option<f64>,
    /// Stop training after this many steps
    #[arg(long)]
    steps: Option<u64>,
    /// The run folder to write
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Numbers of styles to choose from
    #[arg(long, default_value = "2..16", value_name = "K|FROM..TO")]
    k: String,
    /// Resume a run that was interrupted
    #[arg(long)]
    resume: bool,
    /// The random seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    program: ProgramArgs,
}

pub(crate) fn run(args: &TrainArgs) -> Result<()> {
    let program = args.program.open()?;
    let step = |arguments: Vec<OsString>| program.json(arguments);
    let out = &args.out;
    let path = |name: &str| out.join(name);
    let seed = args.seed.to_string();

    let mut midi = args.midi.clone();
    if midi.is_empty() {
        midi.push(path("midi"));
        if !path("midi").exists() {
            say("no --midi given: writing music in nine styles");
            step(args!["corpus", "synthesize", "-o", path("midi"), "--seed", &seed])?;
        }
    }
    let corpus = if args.resume && path("corpus").exists() {
        step(args!["corpus", "report", path("corpus")])?
    } else {
        let presets = step(args!["presets"])?;
        let mut presets = presets.as_array().into_iter().flatten();
        let preset = presets.find(|preset| preset["name"] == args.preset.as_str());
        let preset = preset.with_context(|| format!("no preset is named {}", args.preset))?;
        let kind = preset["kind"].as_str().context("a preset has a kind")?;
        let mut build = args!["corpus", "build", "-o", path("corpus"), "--kind", kind];
        if args.midi.is_empty() {
            build.push("--label-folders".into());
        }
        build.extend(midi.iter().map(OsString::from));
        step(build)?
    };
    let train = step(train_arguments(args))?;
    if args.resume && path("latents").exists() {
        // They were computed with the weights before this run was resumed.
        std::fs::remove_dir_all(path("latents"))
            .with_context(|| format!("can't remove {}", path("latents").display()))?;
    }
    let (model, latents) = (path("model"), path("latents"));
    let encode =
        step(args!["encode", "--model", &model, "--corpus", path("corpus"), "-o", &latents])?;
    let mut fit = args!["fit", "--model", &model, "--latents", &latents];
    fit.extend(args!["--corpus", path("corpus"), "--k", &args.k, "--seed", &seed]);
    let fit = step(fit)?;
    let styles = step(args!["style", "list", "--model", &model, "--check", CHECKED_WINDOWS])?;
    for style in largest_styles(&styles) {
        let mut generate = args!["generate", "--model", &model, "--style", &style];
        generate.extend(args!["-n", SAMPLES, "--seed", &seed, "-o", path("samples")]);
        step(generate)?;
    }
    let picture = path("samples").join("styles.svg");
    step(args!["style", "show", "--model", &model, "--picture", &picture, "--seed", &seed])?;

    let report = json!({
        "format": "controlgen.run_report",
        "version": 1,
        "corpus": corpus,
        "train": train,
        "encode": encode,
        "fit": fit,
        "styles": styles,
    });
    let text = serde_json::to_string_pretty(&report)?;
    std::fs::write(path("report.json"), text)
        .with_context(|| format!("can't write {}", path("report.json").display()))?;
    for line in table(&report, out) {
        answer(&line);
    }
    Ok(())
}

fn train_arguments(args: &TrainArgs) -> Vec<OsString> {
    let corpus = args.out.join("corpus");
    let mut train = args!["train", "--corpus", corpus, "-o", &args.out, "--preset", &args.preset];
    train.extend(args!["--seed", args.seed.to_string()]);
    match (args.minutes, args.steps) {
        (None, None) => train.extend(args!["--minutes", "2"]),
        (minutes, steps) => {
            train.extend(minutes.map(|m| args!["--minutes", m.to_string()]).into_iter().flatten());
            train.extend(steps.map(|n| args!["--steps", n.to_string()]).into_iter().flatten());
        }
    }
    if args.resume && args.out.join("checkpoints").exists() {
        train.push("--resume".into());
    }
    train
}

/// Names of the largest styles.
fn largest_styles(list: &Value) -> Vec<String> {
    let mut styles: Vec<(f64, String)> = list["styles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|s| Some((s["share"].as_f64()?, s["name"].as_str()?.to_owned())))
        .collect();
    styles.sort_by(|a, b| b.0.total_cmp(&a.0));
    styles.into_iter().take(SAMPLED_STYLES).map(|(_, name)| name).collect()
}

/// The run as a table.
fn table(report: &Value, out: &Path) -> Vec<String> {
    let count = |value: &Value| value.as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
    let figure = |value: &Value, digits: usize| {
        value.as_f64().map_or_else(|| "-".to_owned(), |x| format!("{x:.digits$}"))
    };
    let (corpus, train, fit) = (&report["corpus"], &report["train"], &report["fit"]);
    let (heldout, baselines) = (&train["heldout"], &train["baselines"]);
    let reencoding = &report["styles"]["reencoding"];
    let skipped: Vec<String> = corpus["files_skipped"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(reason, n)| format!("{n} {reason}"))
        .collect();
    let mebibytes = |run: &Value| {
        run["run"]["peak_memory_bytes"]
            .as_u64()
            .map_or_else(|| "-".to_owned(), |bytes| format!("{} MiB", bytes >> 20))
    };
    let rows = [
        (
            "files, of which used",
            format!("{}, {}", count(&corpus["n_files"]), count(&corpus["n_files_used"])),
        ),
        ("files skipped", if skipped.is_empty() { "none".to_owned() } else { skipped.join(", ") }),
        (
            "windows: train, held out",
            format!("{}, {}", count(&corpus["n_train"]), count(&corpus["n_heldout"])),
        ),
        (
            "steps, best after",
            format!("{}, {}", count(&train["n_steps"]), count(&train["best_step"])),
        ),
        (
            "steps/s, sequences/s",
            format!(
                "{}, {}",
                figure(&train["steps_per_second"], 2),
                figure(&train["sequences_per_second"], 0)
            ),
        ),
        ("peak memory: train, fit", format!("{}, {}", mebibytes(train), mebibytes(fit))),
        ("accuracy, teacher-forced", figure(&heldout["teacher_forced_accuracy"], 4)),
        ("accuracy, sampled at T = 1", figure(&heldout["sampled_accuracy"], 4)),
        ("accuracy of the bigram", figure(&baselines["bigram_accuracy"], 4)),
        ("accuracy of the most frequent token", figure(&baselines["most_frequent_accuracy"], 4)),
        ("reconstruction, nats per window", figure(&heldout["reconstruction_nats"], 2)),
        ("KL, bits per window", figure(&heldout["kl_bits"], 1)),
        ("active units", count(&train["n_active"])),
        (
            "styles (K by BIC), covariance",
            format!(
                "{}, {}",
                count(&fit["n_components"]),
                fit["covariance_type"].as_str().unwrap_or("-")
            ),
        ),
        (
            "re-encoded into its style, by chance",
            format!("{}, {}", figure(&reencoding["accuracy"], 3), figure(&reencoding["chance"], 3)),
        ),
    ];
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut lines: Vec<String> =
        rows.iter().map(|(name, value)| format!("{name:<width$}  {value}")).collect();
    let run = out.display();
    lines.push(format!("samples and pictures in {run}/samples, everything in {run}/report.json"));
    lines.push(format!(
        "next: cargo run --release -- generate --model {run}/model --style 0 -n 4 --seed 7 -o OUT"
    ));
    lines
}
