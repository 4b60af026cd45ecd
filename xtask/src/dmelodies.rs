//! `cargo xtask dmelodies`: trains a small model on melodies whose nine factors are known, fits its
//! styles, and measures how latents and styles relate to the factors.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::process::{ProgramArgs, answer, args};

#[derive(Debug, Args)]
pub(crate) struct DMelodiesArgs {
    /// The folder to write: the melodies, their corpus, the model, the report
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
    /// Number of melodies, drawn at random from 1,354,752
    #[arg(long, default_value_t = 20_000)]
    melodies: u32,
    /// Steps of training
    #[arg(long, default_value_t = 3_000)]
    steps: u32,
    /// Weight of the KL term: the β of a β-VAE [default: the preset's]
    #[arg(long)]
    beta: Option<f64>,
    /// The random seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    program: ProgramArgs,
}

pub(crate) fn run(args: &DMelodiesArgs) -> Result<()> {
    let program = args.program.open()?;
    let path = |name: &str| args.out.join(name);
    let seed = args.seed.to_string();
    let n = args.melodies.to_string();
    program.json(args!["corpus", "synthesize", "-o", path("midi"), "--dmelodies", n])?;
    // Each melody is a piece, because two similar ones still differ in a factor.
    let mut build = args!["corpus", "build", path("midi"), "-o", path("corpus")];
    build.extend(args!["--kind", "mel-2bar", "--group", "file", "--ignore-near-duplicates"]);
    build.extend(args!["--heldout", "0.25"]);
    program.json(build)?;
    let mut train = args!["train", "--corpus", path("corpus"), "-o", &args.out];
    train.extend(args!["--preset", "cat-mel_2bar_tiny", "--transpose", "0"]);
    train.extend(args!["--steps", args.steps.to_string(), "--seed", &seed]);
    if let Some(beta) = args.beta {
        train.extend(args!["--beta", beta.to_string()]);
    }
    program.json(train)?;
    let (model, corpus, latents) = (path("model"), path("corpus"), path("latents"));
    program.json(args!["encode", "--model", &model, "--corpus", &corpus, "-o", &latents])?;
    let mut fit = args!["fit", "--model", &model, "--latents", &latents, "--corpus", &corpus];
    fit.extend(args!["--granularity", "windows", "-k", "12", "--seed", &seed]);
    program.json(fit)?;
    let mut eval = args!["eval", "dmelodies", "--model", &model, "--corpus", &corpus];
    eval.extend(args!["-o", path("eval"), "--seed", &seed]);
    let report = program.json(eval)?;
    let sections = report["sections"].as_array().into_iter().flatten();
    for figure in sections.flat_map(|section| section["figures"].as_array().into_iter().flatten()) {
        let (title, value) = (figure["title"].as_str(), figure["value"].as_f64());
        let (Some(title), Some(value)) = (title, value) else { continue };
        let end = |at: usize| figure["interval"][at].as_f64();
        let interval = end(0).zip(end(1)).map(|(low, high)| format!(" ({low:.3} to {high:.3})"));
        answer(&format!("{title}: {value:.3}{}", interval.unwrap_or_default()));
    }
    Ok(())
}
