//! Repository tasks: `cargo xtask TASK`.

mod check;
mod process;
mod tidy;
mod train;

use clap::{Parser, Subcommand};

/// Tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// MIDI to styles to new music, in one go
    Train(train::TrainArgs),
    /// Format, lints, tests, documentation: what must pass before anything lands
    Check,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Train(args) => train::run(&args),
        Task::Check => check::run(),
    }
}
