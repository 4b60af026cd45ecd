//! `cargo xtask model`: makes a model of the program again, from data sets to its folder.

mod card;
mod recipe;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::process::{self, answer, say};
use recipe::{RECIPES, Recipe};

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// The model: poly or drums
    name: String,
    /// The folder with the data sets, each in a folder of its name (`cargo xtask fetch --into`)
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The run folder; the model is in `RUN/NAME` at the end
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Steps of training [default: the recipe's]
    #[arg(long)]
    steps: Option<u32>,
    /// The `controlgen` program to run [default: build its release]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Number of threads [default: all processors]
    #[arg(long)]
    threads: Option<u16>,
}

/// Arguments of a command, from strings and paths.
macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$(OsString::from($arg)),*] };
}

pub(crate) fn run(args: &ModelArgs) -> Result<()> {
    let recipe = RECIPES.iter().find(|recipe| recipe.name == args.name).with_context(|| {
        let names: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
        format!("no model is named {}; there are {}", args.name, names.join(", "))
    })?;
    let maker = Maker { recipe, args, program: process::controlgen(args.program.as_deref())? };
    let whole = maker.corpus("corpus", &[])?;
    let most = recipe.windows_per_file.to_string();
    let for_styles = maker.corpus("corpus-of-styles", &["--max-windows-per-file", &most])?;
    maker.train(&whole)?;
    maker.finish(&whole, &for_styles)
}

/// A recipe at work: each part of the run that is there already stays.
struct Maker<'a> {
    recipe: &'a Recipe,
    args: &'a ModelArgs,
    program: PathBuf,
}

impl Maker<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.args.out.join(name)
    }

    fn step(&self, mut arguments: Vec<OsString>) -> Result<serde_json::Value> {
        if let Some(threads) = self.args.threads {
            arguments.extend(args!["--threads", threads.to_string()]);
        }
        process::json(&self.program, arguments)
    }

    fn corpus(&self, name: &str, options: &[&str]) -> Result<PathBuf> {
        let out = self.path(name);
        if out.join("report.json").exists() {
            return Ok(out);
        }
        let mut build = args!["corpus", "build", "-o", &out, "--kind", self.recipe.kind];
        for source in self.recipe.sources {
            let folder = self.args.data.join(source.folder);
            if !folder.is_dir() {
                bail!(
                    "{} is missing; it comes from {} (see datasets/README.md)",
                    folder.display(),
                    source.origin
                );
            }
            build.push(folder.into());
        }
        build.extend(options.iter().map(OsString::from));
        self.step(build)?;
        Ok(out)
    }

    fn train(&self, corpus: &Path) -> Result<()> {
        let steps = self.args.steps.unwrap_or(self.recipe.steps).to_string();
        let mut train = args!["train", "--corpus", corpus, "-o", &self.args.out, "--steps", steps];
        train.extend(self.recipe.training.iter().map(OsString::from));
        if self.path("checkpoints").exists() {
            train.push("--resume".into());
        }
        self.step(train)?;
        Ok(())
    }

    /// From the weights to the folder of the program: half precision, latents, styles, the copy
    /// index of all music, the card.
    fn finish(&self, whole: &Path, for_styles: &Path) -> Result<()> {
        let (model, latents) = (self.path(self.recipe.name), self.path("latents"));
        for stale in [&model, &latents] {
            if stale.exists() {
                std::fs::remove_dir_all(stale)
                    .with_context(|| format!("can't remove {}", stale.display()))?;
            }
        }
        self.step(args!["halve", self.path("model"), "-o", &model])?;
        self.step(args!["encode", "--model", &model, "--corpus", for_styles, "-o", &latents])?;
        let mut fit = args!["fit", "--model", &model, "--latents", &latents];
        fit.extend(args!["--corpus", for_styles]);
        fit.extend(self.recipe.fit.iter().map(OsString::from));
        let fit = self.step(fit)?;
        self.step(args!["copy-index", "--model", &model, "--corpus", whole])?;
        let report = self.step(args!["corpus", "report", whole])?;
        card::write(&model, self.recipe, &report, &fit)?;
        say(&format!("{} holds the model", model.display()));
        for style in fit["styles"].as_array().into_iter().flatten() {
            answer(&format!("{}: {}", style["name"], style["card"]["words"]));
        }
        Ok(())
    }
}
