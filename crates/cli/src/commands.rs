//! The commands: each calls the library and prints the result.

mod accompany;
mod attribute;
mod cluster;
mod copy_index;
mod corpus;
mod demo;
mod doctor;
mod eval;
mod exchange;
mod generate;
mod insert;
mod inspect;
mod interpolate;
mod loading;
mod machine;
mod mix;
mod model;
mod render;
mod studio;
mod style;
mod train;
mod watch;
mod writing;

use std::path::Path;

use ::corpus::overwrite::Overwrite;
use anyhow::bail;
use controlgen::model::Model;
use models::{is_named, model_folder};

use crate::args::{Cli, Command, Global};
use crate::output::Output;
use crate::progress::{Show, Stages};

/// The context of every command.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) show: Show,
    pub(crate) stages: Stages,
    /// Which existing files outputs may replace.
    pub(crate) overwrite: Overwrite,
    device: String,
}

impl Context {
    fn new(global: &Global) -> Self {
        let show = Show::new(global.quiet);
        Self {
            output: Output::new(global.json),
            show,
            stages: Stages::new(show),
            overwrite: if global.force { Overwrite::Any } else { Overwrite::Own },
            device: global.device.clone(),
        }
    }

    /// The model of a folder, or one in the program; see [`model_folder`].
    pub(crate) fn model(&self, model: Option<&Path>) -> anyhow::Result<Model> {
        Ok(Model::load(&model_folder(model)?, &self.device()?)?)
    }

    /// Loads the model of a folder that will be written to; models in the program can't be.
    pub(crate) fn model_folder(&self, folder: &Path) -> anyhow::Result<Model> {
        if is_named(Some(folder)) && !folder.exists() {
            bail!(
                "`{}` is a model in the program, which can't be changed; give a model folder, such \
                 as `RUN/model` of a training run",
                folder.display()
            );
        }
        Ok(Model::load(folder, &self.device()?)?)
    }

    /// The device given by `--device`.
    pub(crate) fn device(&self) -> anyhow::Result<musicvae::Device> {
        Ok(musicvae::device::parse(&self.device)?)
    }
}

/// Runs a command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    if let Some(n_threads) = cli.global.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(n_threads)).build_global()?;
    }
    let context = Context::new(&cli.global);
    match cli.command {
        Command::Corpus(command) => corpus::run(&context, command),
        Command::Train(args) => train::train(&context, &args),
        Command::Encode(args) => model::encode(&context, &args),
        Command::Fit(args) => style::fit(&context, &args),
        Command::Style(command) => style::run(&context, command),
        Command::Generate(args) => generate::generate(&context, &args),
        Command::Continue(args) => insert::extend(&context, &args),
        Command::Fill(args) => insert::fill(&context, &args),
        Command::Reconstruct(args) => interpolate::reconstruct(&context, &args),
        Command::Interpolate(args) => interpolate::interpolate(&context, &args),
        Command::Mix(args) => mix::mix(&context, &args),
        Command::Accompany(args) => accompany::accompany(&context, &args),
        Command::Similar(args) => mix::similar(&context, &args),
        Command::Attribute(command) => attribute::run(&context, command),
        Command::CopyIndex(args) => copy_index::run(&context, &args),
        Command::Render(args) => render::run(&context, &args),
        Command::Inspect(args) => inspect::run(&context, &args),
        Command::Eval(args) => eval::run(&context, args),
        Command::Watch(args) => watch::run(&context, &args),
        Command::Cluster(args) => cluster::run(&args.words),
        Command::Presets => model::presets(&context),
        Command::ImportMagenta(args) => exchange::import_magenta(&context, &args),
        Command::ExportTorch(args) => exchange::export_torch(&context, &args),
        Command::Halve(args) => exchange::halve(&context, &args),
        Command::Studio(args) => studio::run(&context, &args),
        Command::Demo(args) => demo::run(&context, &args),
        Command::Doctor(args) => doctor::run(&context, &args),
        Command::Completions(args) => machine::completions(&context, &args),
        Command::Man(args) => machine::man(&context, &args),
    }
}
