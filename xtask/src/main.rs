//! Repository tasks: `cargo xtask TASK`.

mod check;
mod parity_notes;
mod process;
mod tidy;
mod train;

use std::path::PathBuf;

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
    /// Our answers beside those of the field's own tools
    #[command(subcommand)]
    Parity(Parity),
    /// Format, lints, tests, documentation: what must pass before anything lands
    Check,
}

#[derive(Debug, Subcommand)]
enum Parity {
    /// `note-seq` beside Python's `note_seq`, file by file
    Notes {
        /// Folders of MIDI files
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// A Python interpreter that has `note-seq` [default: python3]
        #[arg(long)]
        python: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Train(args) => train::run(&args),
        Task::Parity(Parity::Notes { dirs, python }) => parity_notes::run(&dirs, python),
        Task::Check => check::run(),
    }
}
