//! The commands: each calls the library and says what came of it.

mod corpus;
mod exchange;
mod generate;
mod inspect;
mod model;
mod style;

use crate::args::{Cli, Command, Global};
use crate::output::Output;
use crate::progress::{Show, Stages};

/// What every command has at hand.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) show: Show,
    pub(crate) stages: Stages,
    device: String,
}

impl Context {
    fn new(global: &Global) -> Self {
        let show = Show::new(global.quiet);
        Self {
            output: Output::new(global.json),
            show,
            stages: Stages::new(show),
            device: global.device.clone(),
        }
    }

    /// The device that `--device` names.
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
        Command::Train(args) => model::train(&context, &args),
        Command::Encode(args) => model::encode(&context, &args),
        Command::Fit(args) => style::fit(&context, &args),
        Command::Style(command) => style::run(&context, command),
        Command::Generate(args) => generate::generate(&context, &args),
        Command::Reconstruct(args) => generate::reconstruct(&context, &args),
        Command::Interpolate(args) => generate::interpolate(&context, &args),
        Command::Inspect(args) => inspect::run(&context, &args),
        Command::Presets => model::presets(&context),
        Command::ImportMagenta(args) => exchange::import_magenta(&context, &args),
        Command::ExportTorch(args) => exchange::export_torch(&context, &args),
    }
}
